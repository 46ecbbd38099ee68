use super::*;
use std::path::Path;

const CONFIG: &str = r#"
default_profile = "dev"
[vars]
dataset = "orders"
[profiles.dev]
organisation = "acme"
tenant = "dev"
project = "retail-dev"
token_env = "REINFER_TOKEN_DEV"
[profiles.prod]
extends = "dev"
tenant = "prod"
guard = "confirm"
[profiles.prod.vars]
dataset = "live"
[profiles.eu]
extends = "prod"
domain = "acme-eu"
"#;

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(config: &str) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join(".config/rein")).expect("a folder");
        std::fs::write(folder.path().join(".config/rein/config.toml"), config).expect("written");
        World { folder }
    }

    fn env(&self, vars: &[(&str, &str)]) -> Env {
        let home = self.folder.path().to_str().expect("text");
        Env::with_vars(vars.iter().copied().chain([("HOME", home)]))
    }

    fn resolve(&self, choice: Choice<'_>, vars: &[(&str, &str)]) -> Result<Profile> {
        resolve(&choice, &self.env(vars))
    }
}

fn of(profile: &Profile) -> (&str, &str) {
    (&profile.name, profile.base.value.as_str())
}

const DEV: &str = "https://cloud.uipath.com/acme/dev/reinfer_";
const PROD: &str = "https://cloud.uipath.com/acme/prod/reinfer_";

#[test]
fn the_first_who_names_a_tenant_counts() {
    let world = World::new(CONFIG);
    let option = |name| Choice {
        profile: Some(name),
        ..Choice::default()
    };
    let both = [
        ("REINFER_ENDPOINT", "https://x.example"),
        ("REINFER_TOKEN", "t"),
    ];
    type Vars<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Choice<'_>, Vars<'_>, (&str, &str)); 6] = [
        (Choice::default(), &[], ("dev", DEV)),
        (option("prod"), &[], ("prod", PROD)),
        (option("prod"), &both, ("prod", PROD)),
        (
            Choice::default(),
            &[("REINFER_PROFILE", "prod")],
            ("prod", PROD),
        ),
        (Choice::default(), &both, ("x.example", "https://x.example")),
        (option("eu"), &[], ("eu", "https://acme-eu.reinfer.io")),
    ];
    for (choice, vars, expected) in cases {
        let profile = world.resolve(choice, vars).expect("a profile");
        assert_eq!(of(&profile), expected, "{choice:?} {vars:?}");
    }
}

#[test]
fn what_is_unclear_is_refused() {
    let world = World::new(CONFIG);
    let unknown = world.resolve(
        Choice {
            profile: Some("prdo"),
            ..Choice::default()
        },
        &[],
    );
    assert!(
        unknown
            .expect_err("unknown")
            .to_string()
            .contains("did you mean prod?")
    );
    let vars = [("REINFER_PROFILE", "prod"), ("REINFER_ENDPOINT", DEV)];
    assert!(
        world
            .resolve(Choice::default(), &vars)
            .expect_err("two")
            .to_string()
            .contains("two different tenants")
    );
    assert!(
        world
            .resolve(
                Choice::default(),
                &[("REINFER_PROFILE", "prod"), ("REINFER_ENDPOINT", PROD)]
            )
            .is_ok()
    );
    assert!(World::new("").resolve(Choice::default(), &[]).is_err());
}

#[test]
fn a_child_takes_everything_but_the_token() {
    let world = World::new(CONFIG);
    let prod = world
        .resolve(
            Choice {
                profile: Some("prod"),
                ..Choice::default()
            },
            &[],
        )
        .expect("prod");
    assert_eq!(
        prod.project.as_ref().map(|setting| setting.value.as_str()),
        Some("retail-dev")
    );
    assert_eq!(prod.vars["dataset"].value, "live");
    assert_eq!(
        prod.token.describe(),
        "$REINFER_TOKEN_PROD, else $REINFER_TOKEN"
    );
    let env = world.env(&[("REINFER_TOKEN_DEV", "x")]);
    assert!(
        prod.token.read(&env).is_err(),
        "dev's token must not reach prod"
    );
    let eu = world
        .resolve(
            Choice {
                profile: Some("eu"),
                ..Choice::default()
            },
            &[],
        )
        .expect("eu");
    assert_eq!(eu.guard.value, Guard::Confirm);
    assert_eq!(eu.neighbours.len(), 3);
}

#[test]
fn a_token_stays_with_its_endpoint() {
    let world = World::new(CONFIG);
    let vars = [("REINFER_TOKEN_DEV", "x"), ("REINFER_TOKEN", "y")];
    let env = world.env(&vars);
    let elsewhere = OsStr::new("https://x.example");
    for profile in [None, Some("dev")] {
        let choice = Choice {
            profile,
            endpoint: Some(elsewhere),
            ..Choice::default()
        };
        assert!(
            resolve(&choice, &env)
                .expect("a profile")
                .token
                .read(&env)
                .is_err(),
            "{profile:?}"
        );
        let own = Choice {
            profile,
            endpoint: Some(OsStr::new(DEV)),
            ..Choice::default()
        };
        assert_eq!(
            resolve(&own, &env)
                .expect("dev")
                .token
                .read(&env)
                .expect("a token")
                .source,
            "$REINFER_TOKEN_DEV"
        );
    }
    // REINFER_TOKEN belongs to REINFER_ENDPOINT, so it is not prod's.
    let env = world.env(&[
        ("REINFER_TOKEN", "y"),
        ("REINFER_ENDPOINT", "https://x.example"),
    ]);
    let prod = resolve(
        &Choice {
            profile: Some("prod"),
            ..Choice::default()
        },
        &env,
    )
    .expect("prod");
    assert!(prod.token.read(&env).is_err());
}

#[test]
fn the_environment_alone_needs_no_file_and_no_home_and_minds_no_broken_file() {
    let vars = [
        ("REINFER_ENDPOINT", "https://x.example/a/"),
        ("REINFER_TOKEN", "t"),
        ("REINFER_PROJECT", "p"),
    ];
    for profile in [
        resolve(&Choice::default(), &Env::with_vars(vars)),
        World::new("[broken").resolve(Choice::default(), &vars),
    ] {
        let profile = profile.expect("a profile");
        assert_eq!(of(&profile), ("x.example", "https://x.example/a"));
        assert_eq!(
            profile
                .placeholder("project")
                .map(|setting| setting.value.as_str()),
            Some("p")
        );
    }
    assert!(
        World::new("[broken")
            .resolve(Choice::default(), &[])
            .is_err()
    );
}

#[test]
fn the_endpoint_is_named_in_exactly_one_way() {
    for (config, says) in [
        ("[profiles.p]\nproject = \"x\"", "names no endpoint"),
        ("[profiles.p]\ntenant = \"x\"", "no organisation"),
        ("[profiles.p]\norganisation = \"x\"", "no tenant"),
        (
            "[profiles.p]\ndomain = \"x\"\nendpoint = \"https://h\"",
            "more than one way",
        ),
        ("[profiles.p]\ndomain = \"x.y\"", "not usable"),
        ("[profiles.p]\nextends = \"q\"", "does not exist"),
        (
            "[profiles.p]\nextends = \"q\"\n[profiles.q]\nextends = \"p\"",
            "extends itself",
        ),
    ] {
        let file = file::parse(Path::new("/c"), config, None).expect("a file");
        let failure = assemble(&file.profiles[0], &file)
            .expect_err(config)
            .to_string();
        assert!(
            failure.contains(says) && failure.contains("/c:"),
            "{failure}"
        );
    }
}
