//! Who owns a URL: whichever way a call comes to it and however it is spelled, the owner's guard and
//! the owner's token apply. The server's log is the witness.

use std::path::PathBuf;

use crate::support::command::{Finished, Rein};
use crate::support::{CANARY, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;
const OF_DATASET: &str = "/api/v1/datasets/retail/orders";

/// Two servers with three tenants, and a file with a token for `--token-file`.
struct World {
    server: Recorder,
    read_only: Recorder,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        World::answering(|_| Reply::json(200, OK))
    }

    fn answering(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let token = folder.path().join("token");
        std::fs::write(&token, CANARY).expect("written");
        crate::support::command::set_mode(&token, 0o600);
        World {
            server: Recorder::by(move |_, request| answer(request.line())),
            read_only: Recorder::always(Reply::json(200, OK)),
            folder,
        }
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn config(&self) -> String {
        format!(
            "[profiles.dev]\nendpoint = \"{url}/acme/dev/reinfer_\"\nproject = \"retail-dev\"\ntoken_env = \"T\"\n\
             [profiles.prod]\nendpoint = \"{url}/acme/prod/reinfer_\"\nproject = \"retail\"\ntoken_env = \"T\"\nguard = \"confirm\"\n\
             [profiles.ro]\nendpoint = \"{ro}\"\nproject = \"ro\"\ntoken_env = \"T\"\nguard = \"read-only\"\n\
             [profiles.rotls]\nendpoint = \"{tls}\"\nproject = \"ro\"\ntoken_env = \"T\"\nguard = \"read-only\"\n",
            url = self.server.url(),
            ro = self.read_only.url(),
            tls = self.read_only.url().replace("http:", "https:")
        )
    }

    fn with_outer(&self) -> String {
        format!(
            "{}[profiles.outer]\nendpoint = \"{}/acme\"\ntoken_env = \"T\"\n",
            self.config(),
            self.server.url()
        )
    }

    /// A call with the file of three tenants.
    fn call(&self, args: &[&str]) -> Rein {
        rein(args).config(&self.config()).var("T", CANARY)
    }

    /// A call to another endpoint, with a token of its own.
    fn at(&self, endpoint: &str, args: &[&str]) -> Rein {
        let file = self.token_file().display().to_string();
        self.call(&[&["--endpoint", endpoint, "--token-file", &file], args].concat())
    }

    #[track_caller]
    fn saw_nothing(&self) {
        self.server.saw_nothing();
        self.read_only.saw_nothing();
    }
}

/// Calls that are more than a read, one of each class and one that the catalogue does not have.
const CALLS: [(&str, &str, &str); 5] = [
    ("write", "PUT", "/api/v1/sources/retail/support"),
    ("billable", "POST", "/api/v1/sources/retail/support/sync"),
    (
        "stateful",
        "POST",
        "/api/v1/datasets/retail/orders/streams/s/advance",
    ),
    ("destructive", "DELETE", OF_DATASET),
    ("write", "POST", "/api/v1/unlisted/retail"),
];

/// The ways to write the path of the guarded endpoint, as it stands behind the host.
const SPELLINGS: [&str; 17] = [
    "/acme/prod/reinfer_",
    "/ACME/Prod/REINFER_",
    "/%61cme/prod/reinfer_",
    "/%2561cme/prod/reinfer_",
    "/acme//prod/reinfer_",
    "/acme/prod;x/reinfer_",
    "/acme/prod;x=1/reinfer_/",
    "/acme/prod/reinfer_;v=1",
    "/acme/prod/reinfer_%20",
    "/acme/prod./reinfer_",
    "/acme%2Fprod/reinfer_",
    "/acme%5Cprod/reinfer_",
    "/acme/prod/reinfer_%00",
    "/acme/x/..;/prod/reinfer_",
    "/acme/x/%2e%2e/prod/reinfer_",
    "/acme/x/%252e%252e/prod/reinfer_",
    "/acme/x/%c0%ae%c0%ae/prod/reinfer_",
];

/// A way to name the endpoint of a call: the endpoint, and how much of the path it takes.
const DEPTHS: [&str; 3] = ["", "/acme", "/acme/prod"];

#[test]
fn no_way_and_no_spelling_leads_past_the_owners_guard() {
    let world = World::new();
    let root = world.server.url();
    let file = world.token_file().display().to_string();
    for (class, method, path) in CALLS {
        // By its own profile, by its own endpoint, and as the default.
        let default = format!("default_profile = \"prod\"\n{}", world.config());
        let own = format!("{root}/acme/prod/reinfer_");
        let by_default = rein(["-X", method, path]).config(&default).var("T", CANARY);
        for call in [
            world.call(&["-p", "prod", "-X", method, path]),
            world.at(&own, &["-X", method, path]),
            by_default,
            world
                .call(&["-X", method, path])
                .var("REINFER_PROFILE", "prod"),
            world.call(&["-X", method, path]).at(&own),
        ] {
            let run = call.run().exit(9).stdout("").says(&said_of(class));
            run.says("--confirm prod").no_canary();
        }
        // By an endpoint above it, in every spelling of the rest.
        for spelling in SPELLINGS {
            for depth in DEPTHS {
                let below = spelling.strip_prefix(depth);
                let Some(below) = below.filter(|below| below.starts_with('/')) else {
                    continue;
                };
                let (endpoint, target) = (format!("{root}{depth}"), format!("{below}{path}"));
                let line = ["-X", method, &target];
                for call in [
                    world.at(&endpoint, &line),
                    world.call(&line).at(&endpoint),
                    world.call(
                        &[
                            &["-p", "dev", "--token-file", &file, "--endpoint", &endpoint][..],
                            &line,
                        ]
                        .concat(),
                    ),
                ] {
                    let run = call.run().stdout("");
                    // What could leave any endpoint is a mistake of the target.
                    let is_plain = matches!(run.exit, 9) && {
                        let said = run.stderr_text();
                        said.contains("--confirm prod") || said.contains("is read-only")
                    };
                    assert!(is_plain || run.exit == 2, "{run}");
                    let leaves = [".;", "%2e%2e", "%252e", "%c0", "%00"];
                    let must_be_a_guard = !leaves.iter().any(|sign| spelling.contains(sign))
                        && !target.starts_with("//");
                    assert!(run.exit == 9 || !must_be_a_guard, "{run}");
                    run.no_canary();
                }
            }
        }
        // By a profile whose endpoint is above it.
        let outer = format!("/prod/reinfer_{path}");
        let line = ["-X", method, &outer];
        let default = format!("default_profile = \"outer\"\n{}", world.with_outer());
        let named = [&["-p", "outer"], &line[..]].concat();
        for call in [
            rein(line).config(&default),
            rein(named).config(&world.with_outer()),
            rein(line)
                .config(&world.with_outer())
                .var("REINFER_PROFILE", "outer"),
        ] {
            let run = call.var("T", CANARY).run().exit(9).stdout("");
            run.says(&said_of(class)).says("--confirm prod");
        }
        // By the demo, by another profile, and by its own URL.
        let url = format!("{own}{path}");
        for profile in ["demo", "dev"] {
            world
                .call(&["-p", profile, "-X", method, &url])
                .run()
                .exit(2)
                .says("the URL belongs to profile prod");
        }
    }
    world.saw_nothing();
    // The same calls are sent once they are confirmed, so that it was the guard that held them.
    for (_, method, path) in CALLS {
        world
            .call(&["-p", "prod", "-X", method, path, "--confirm", "prod"])
            .run()
            .exit(0);
    }
    assert_eq!(world.server.requests().len(), CALLS.len());
}

#[test]
fn a_name_of_this_machine_is_as_good_as_another() {
    let world = World::new();
    let port = world
        .read_only
        .url()
        .rsplit(':')
        .next()
        .expect("a port")
        .to_owned();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "127.0.0.2",
        "127.1",
    ] {
        world
            .at(
                &format!("http://{host}:{port}"),
                &["-X", "DELETE", "v1/datasets/ro/x"],
            )
            .run()
            .exit(9)
            .says("refused by the guard of profile ro")
            .says("profile ro guards this: project ro is its own")
            .says("is read-only; --confirm cannot override it");
    }
    // Names that only TLS takes, and a foreign name that is led there.
    for host in [
        "localhost.",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "foreign.example",
    ] {
        let endpoint = format!("https://{host}:{port}");
        let resolve = format!("foreign.example:{port}:127.0.0.1");
        let to = ["--resolve", &resolve];
        world
            .at(
                &endpoint,
                &[&to[..], &["-X", "DELETE", "v1/datasets/ro/x"]].concat(),
            )
            .run()
            .exit(9)
            .says("refused by the guard of profile ro");
        world
            .at(&endpoint, &[&to[..], &["-k", "v1/datasets"]].concat())
            .run()
            .exit(2)
            .says("-k is refused for the guarded profile ro");
    }
    // A proxy that is a guarded host.
    let elsewhere = Recorder::always(Reply::json(200, OK));
    world
        .at(
            &elsewhere.url(),
            &[
                "-x",
                &world.read_only.url(),
                "-X",
                "DELETE",
                "v1/datasets/ro/x",
            ],
        )
        .run()
        .exit(9)
        .says("refused by the guard of profile ro");
    elsewhere.saw_nothing();
    world.saw_nothing();
}

#[test]
fn an_endpoint_means_one_thing_and_ends_before_the_api() {
    let world = World::new();
    let own = format!("{}/acme/prod/reinfer_", world.server.url());
    let slips = ["/api", "/api/", "/API", "/api/v1", "/%61pi/_private"];
    let odd = [
        ";x",
        "%20",
        "%00",
        "/..;/reinfer_",
        "/%252e",
        "%2Fapi",
        "%255f",
    ];
    let line = ["-X", "DELETE", "/v1/datasets/retail/orders"];
    for (ends, why) in [
        (
            &slips[..],
            format!("the endpoint ends before /api: use {own}"),
        ),
        (&odd[..], "its path contains a".to_owned()),
    ] {
        for end in ends {
            let endpoint = format!("{own}{end}");
            let file = format!("[profiles.x]\nendpoint = \"{endpoint}\"\ntoken_env = \"T\"\n");
            let of_file = rein([&["-p", "x"][..], &line].concat()).config(&file);
            for call in [
                world.at(&endpoint, &line),
                world.call(&line).at(&endpoint),
                of_file.var("T", CANARY),
                rein(["profile", "add", "y", "--endpoint", &endpoint]),
            ] {
                let why = why.trim_end_matches('a');
                call.run().exit(2).says(why).no_canary();
            }
        }
    }
    world.saw_nothing();
}

#[test]
fn the_token_of_an_outer_endpoint_stays_outside_of_an_inner_one() {
    let world = World::new();
    let config = world.with_outer();
    for profile in [
        &["-p", "outer"][..],
        &[
            "-p",
            "dev",
            "--endpoint",
            &format!("{}/acme", world.server.url()),
            "--token-file",
            &world.token_file().display().to_string(),
        ],
    ] {
        for line in [
            &["/prod/reinfer_/api/v1/datasets"][..],
            &["/dev/reinfer_/api/v1/datasets"],
            &["/Prod/reinfer_/auth/user"],
            &[
                "POST",
                "/prod/reinfer_/api/v1/datasets/retail/orders/export",
                "limit:=1",
            ],
            &[
                "DELETE",
                "/prod/reinfer_/api/v1/datasets/retail/orders",
                "--confirm",
                "prod",
            ],
            &[
                "PUT",
                "/dev/reinfer_/api/v1/sources/retail-dev/x",
                "source[title]=x",
            ],
            &["/prod/reinfer_/api/v1/datasets", "--dry-run"],
            &["/prod/reinfer_/api/v1/datasets", "--curl"],
        ] {
            rein([profile, line].concat())
                .config(&config)
                .var("T", CANARY)
                .run()
                .exit(2)
                .stdout("")
                .says("so its token is not sent")
                .says("the URL belongs to profile ");
        }
    }
    world.saw_nothing();
    // What is its own still works, and so does the inner profile.
    for (profile, target) in [("outer", "/api/v1/datasets"), ("prod", "/api/v1/datasets")] {
        let call = rein(["-p", profile, target]).config(&config);
        call.var("T", CANARY).run().exit(0);
    }
    let reading = [
        "-p",
        "prod",
        "POST",
        "v1/datasets/retail/orders/export",
        "limit:=1",
    ];
    let call = rein(reading).config(&config);
    call.var("T", CANARY).run().exit(0);
    assert_eq!(world.server.requests().len(), 3);
}

#[test]
fn an_ambiguous_path_is_never_a_read() {
    let world = World::new();
    let advance = "v1/datasets/retail/orders/streams/s/advance";
    for target in [
        "v1/datasets/retail/orders%3F/export",
        "v1/datasets/retail/orders%23/export",
        "v1/datasets/retail/orders;/export",
        "v1/datasets/retail/orders;x=1/export",
        "v1/datasets/retail//orders/export",
        "v1/datasets/retail/orders%20/export",
        "v1/datasets/retail/orders./export",
        "v1/datasets/retail/orders%5C/export",
        "v1/datasets/retail/%2561/export",
        "v1/datasets/retail/%ff/export",
        &format!("{advance}%3F/export"),
        &format!("{advance}%253F/export"),
        &format!("{advance}%2F..;/export"),
    ] {
        let run = world
            .call(&["-p", "prod", "POST", target, "limit:=1"])
            .run()
            .stdout("");
        assert!(
            run.exit == 9 || run.exit == 2 && target.contains(".."),
            "{run}"
        );
    }
    world.saw_nothing();
    for target in [
        "v1/datasets/retail/orders/export",
        "v1/datasets/retail%2Forders/export",
        "v1/datasets/retail/orders/export/",
        "v1/datasets/retail/a%20b/export",
    ] {
        let call = world.call(&["-p", "prod", "POST", target, "limit:=1"]);
        call.run().exit(0);
    }
    // A GET reads whatever its path is.
    world
        .call(&["-p", "prod", "v1/datasets/retail/a;x"])
        .run()
        .exit(0);
    assert_eq!(world.server.requests().len(), 5);
}

#[test]
fn a_path_that_could_leave_the_endpoint_gets_no_token() {
    let world = World::new();
    for below in [
        "/..;/x",
        "/a/..;x/b",
        "/%2e%2e;/x",
        "/%2e%2e/x",
        "/..%00/x",
        "/..%20/x",
        "/%c0%ae%c0%ae/x",
        "/%e0%80%ae%e0%80%ae/x",
        "/a%2f..%2fb",
        "/a%5c..%5cb",
        "/%252e%252e/x",
        "/a%00",
        "/a%0d%0ab",
        &format!("/%{}41", "25".repeat(50_000)),
    ] {
        let target = format!("/api{below}");
        let url = format!("{}/acme/dev/reinfer_{target}", world.server.url());
        for target in [target, url] {
            let run = world.call(&["-p", "dev", &target]).run().stdout("");
            assert_eq!(run.exit, 2, "{}", run.stderr_text());
            run.no_canary();
        }
    }
    world.saw_nothing();
}

fn refused(world: &World, args: &[&str]) -> Finished {
    world
        .call(&[&["-p", "prod"], args].concat())
        .run()
        .exit(9)
        .stdout("")
}

#[test]
fn an_overridden_method_counts_as_the_method_that_it_asks_for() {
    let world = World::new();
    let reading = "v1/datasets/retail/orders/export";
    let form = "Content-Type: application/x-www-form-urlencoded";
    let text = "Content-Type: text/plain";
    for name in [
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "X-HTTP-Method",
        "X-METHOD",
        "x_http-method.override",
    ] {
        let header = format!("{name}: DELETE");
        refused(&world, &["-H", &header, "v1/datasets/retail/orders"]).says("is destructive");
        refused(&world, &["-H", &header, "POST", reading, "limit:=1"]);
    }
    for query in [
        "_method=DELETE",
        "a=1&_METHOD=delete",
        "a=1;_method=DELETE",
        "_method[]=DELETE",
        "%5fmethod=DELETE",
        "%255Fmethod=DELETE",
        "_method%5B%5D=DELETE",
    ] {
        refused(&world, &[&format!("v1/datasets/retail/orders?{query}")]).says("is destructive");
    }
    for path in [
        "v1/datasets/retail/orders;_method=DELETE",
        "v1/datasets/retail/orders%3F_method=DELETE",
        "v1/datasets/retail/orders%253Fa%26_method%5B%5D=DELETE",
    ] {
        refused(&world, &[path]);
    }
    for body in [
        &["-d", r#"{"_method":"DELETE"}"#][..],
        &["-d", r#"{"a":[1],"\u005fm\u0065thod" : "PUT"}"#],
        &["-d", r#"{"_method":["POST","DELETE"]}"#],
        &["-H", form, "--data-raw", "_method=DELETE"],
        &["-H", form, "--data-raw", "a=1&_method[]=PATCH"],
        &["-H", form, "--data-raw", "a=1;%5Fmethod=PATCH"],
        &["-H", text, "--data-raw", "_method=DELETE"],
        &["-F", "_method=DELETE"],
        &["-F", "_method=@/dev/null"],
        &["_method=DELETE"],
    ] {
        refused(&world, &[&["-X", "POST", reading], body].concat());
    }
    world.saw_nothing();
    for body in [
        &["-d", r#"{"payment_method":"card","_methods":1}"#][..],
        &["-d", r#"{"text":"by any method"}"#],
        &["-d", r#"{"_method":"GET"}"#],
    ] {
        world
            .call(&[&["-p", "prod", "-X", "POST", reading], body].concat())
            .run()
            .exit(0);
    }
}

#[test]
fn a_header_that_names_another_path_is_refused_under_a_guard() {
    let world = World::new();
    let own = "/acme/prod/reinfer_/api/v1/datasets";
    for name in ["X-Original-URL", "X-Rewrite-URL", "x_original-url"] {
        for path in [
            "/admin",
            "/acme/prod/reinfer_/api/v1/users",
            "other",
            "/acme/prod/reinfer_/api/v1/datasets/../users",
        ] {
            let header = format!("{name}: {path}");
            for confirm in [&[][..], &["--confirm", "prod"]] {
                refused(&world, &[&["-H", &header, "v1/datasets"], confirm].concat())
                    .says("names another path");
            }
        }
        let header = format!("{name}: {own}");
        world
            .call(&["-p", "dev", "-H", &header, "v1/datasets"])
            .run()
            .exit(9);
    }
    world.saw_nothing();
    let header = format!("X-Original-URL: {own}");
    world
        .call(&["-p", "prod", "-H", &header, "v1/datasets"])
        .run()
        .exit(0);
    assert_eq!(world.server.requests().len(), 1);
}

#[test]
fn a_redirect_repeats_no_request_that_would_be_more_than_a_read() {
    let base = "/acme/dev/reinfer_/api/v1/datasets";
    let export = "v1/datasets/retail-dev/orders/export";
    let run = |status: u16, to: &str| {
        let to = format!("Location: {to}");
        let world = World::answering(move |line| match line.contains("/orders/export") {
            true => Reply::with(status, &[&to], b""),
            false => Reply::json(200, OK),
        });
        let finished = world
            .call(&["-p", "dev", "-L", "POST", export, "limit:=1"])
            .run()
            .no_canary();
        (finished, world)
    };
    for status in [307, 308] {
        for to in [
            "/retail-dev/orders/streams/s/advance",
            "/unlisted/x",
            "/p/a;x/export",
        ] {
            let (finished, world) = run(status, &format!("{base}{to}"));
            finished.exit(47).says("redirect not followed");
            assert_eq!(world.server.requests().len(), 1, "{to}");
        }
        let (finished, world) = run(status, &format!("{base}/retail-dev/other/export"));
        finished.exit(0);
        let requests = world.server.requests();
        assert_eq!(
            requests[1].line(),
            format!("POST {base}/retail-dev/other/export")
        );
        assert_eq!(requests[1].text(), requests[0].text());
        // Another tenant's data are none of this call's, and neither is another host.
        for to in [
            "/acme/prod/reinfer_/api/v1/x",
            "//127.0.0.1:1/acme/dev/reinfer_/api",
        ] {
            let (finished, world) = run(status, to);
            finished.exit(3);
            assert_eq!(world.server.requests().len(), 1, "{to}");
            world.read_only.saw_nothing();
        }
    }
    for status in [301, 302, 303] {
        let (finished, world) = run(status, &format!("{base}/retail-dev/other"));
        finished.exit(0);
        let requests = world.server.requests();
        assert_eq!(requests[1].line(), format!("GET {base}/retail-dev/other"));
        assert_eq!(
            (requests[1].text(), requests[1].header("content-type").len()),
            (String::new(), 0)
        );
    }
    let long = format!("{base}/%{}41", "25".repeat(4_000));
    let (finished, world) = run(302, &long);
    finished.exit(3);
    assert_eq!(world.server.requests().len(), 1);
}

#[test]
fn the_demo_knows_the_owners_of_the_file_and_needs_no_file() {
    let world = World::new();
    let url = format!("{}{OF_DATASET}", world.read_only.url());
    let line = ["-X", "DELETE", &url];
    world
        .call(&[&["-p", "demo"], &line[..]].concat())
        .run()
        .exit(2)
        .says("belongs to profile ro");
    let by_variable = world.call(&line).var("REINFER_PROFILE", "demo");
    by_variable.run().exit(2).says("belongs to profile ro");
    world.saw_nothing();
    // Its own data are guarded by nobody, also where the file cannot be read.
    for config in [world.config(), "[profiles.\n".to_owned()] {
        let line = [
            "-p",
            "demo",
            "call",
            "create-dataset",
            "dataset=new",
            "dataset[title]=New",
            "dataset[source_ids]:=[]",
        ];
        let run = rein(line).config(&config).run();
        assert!(!matches!(run.exit, 2 | 9), "{run}");
    }
}

#[test]
fn a_refusal_and_a_look_say_which_profile_guards_and_why() {
    let world = World::new();
    let config = format!(
        "{}[profiles.sister]\nendpoint = \"{}\"\nproject = \"mine\"\ntoken_env = \"T\"\n",
        world.config(),
        world.read_only.url()
    );
    let call = |line: &[&str]| {
        let line = [&["-p", "sister", "-X", "DELETE"], line].concat();
        rein(line).config(&config).var("T", CANARY)
    };
    for (path, why) in [
        ("v1/datasets/ro/x", "project ro is its own"),
        (
            "v1/datasets/id:18ba5ce699f8da1f",
            "the URL is under its endpoint, and the path does not say which project it is",
        ),
        ("v1/unlisted/ro", "the path mentions its project ro"),
    ] {
        call(&[path])
            .run()
            .exit(9)
            .says("refused by the guard of profile ro (read-only)")
            .says(&format!("profile ro guards this: {why}"))
            .says("profile ro is read-only; --confirm cannot override it")
            .says("change guard in [profiles.ro]");
        let look = call(&[path, "--dry-run"]).run().exit(0);
        let line = format!("read-only: would be refused (profile ro: {why})");
        assert!(look.stdout_text().contains(&line), "{look}");
    }
    world.saw_nothing();
}

/// Returns what a refusal says of a class.
fn said_of(class: &str) -> String {
    match class {
        "write" => "is a write".to_owned(),
        _ => format!("is {class}"),
    }
}
