use super::*;
use crate::catalogue::by_name;
use crate::plan::ownership::{Content, Profiles, Sent, judge};
use crate::profile::{Base, Neighbour, Origin, Setting};
use crate::secret::Secret;
use crate::secret::source::TokenSource;

const BASE: &str = "https://cloud.uipath.com/acme/dev/reinfer_";

fn profile(guard: Guard, neighbours: Vec<Neighbour>) -> Profile {
    Profile {
        name: "dev".to_owned(),
        base: Setting::new(Base::for_test(BASE), Origin::BuiltIn),
        project: None,
        vars: std::collections::BTreeMap::new(),
        ca_file: None,
        proxy: None,
        guard: Setting::new(guard, Origin::BuiltIn),
        token: TokenSource::Demo(Secret::new("t".to_owned())),
        extends: None,
        neighbours,
        unknown_guards: None,
        holders: Vec::new(),
    }
}

pub(crate) fn profile_at(base: &str) -> Profile {
    let mut profile = profile(Guard::None, Vec::new());
    profile.base.value = Base::for_test(base);
    profile
}

fn neighbour(name: &str, base: &str, project: Option<&str>, guard: Guard) -> Neighbour {
    Neighbour {
        name: name.to_owned(),
        base: Base::for_test(base),
        project: project.map(str::to_owned),
        guard,
    }
}

/// Judges a call to a path below the profile's endpoint.
fn of(method: &str, path: &str, profile: &Profile) -> Option<(String, Guard)> {
    let text = format!("{}{path}", profile.base.value.as_str());
    let url = url::Url::parse(&text).expect("a URL");
    let sent = Sent {
        method,
        url: &url,
        path: url.path(),
        query: "",
        headers: Vec::new(),
        body: Content::Known(Vec::new()),
        led_to: Vec::new(),
        declared_a_read: false,
    };
    match judge(&sent, Profiles::with(profile)).decide(None, true) {
        Decision::Ask(needed) | Decision::Refuse(needed, _) => Some((needed.owner, needed.guard)),
        Decision::Allow | Decision::Unknown(_) => None,
    }
}

#[test]
fn the_guard_follows_the_data() {
    let prod = |base| neighbour("prod", base, Some("retail"), Guard::Confirm);
    let mut dev = profile(Guard::None, vec![prod(BASE)]);
    dev.project = Some(Setting::new("mine".to_owned(), Origin::Option("--project")));
    let guarded = Some(("prod".to_owned(), Guard::Confirm));
    for (method, path, expected) in [
        ("GET", "/api/v1/datasets/retail/orders", None),
        ("POST", "/api/v1/datasets/retail/orders/export", None),
        ("DELETE", "/api/v1/datasets/retail-dev/orders", None),
        ("DELETE", "/api/v1/datasets/retail/orders", guarded.clone()),
        ("DELETE", "/api/v1/datasets/RETAIL/orders", guarded.clone()),
        (
            "DELETE",
            "/api/v1/datasets/retail%2Forders/",
            guarded.clone(),
        ),
        (
            "DELETE",
            "/api/v1/sources/id:18ba5ce699f8da1f",
            guarded.clone(),
        ),
        ("PUT", "/api/_private/users", guarded.clone()),
        ("POST", "/api/v1/unlisted/retail", guarded.clone()),
        ("POST", "/api/v1/unlisted/mine/x", None),
        // A project that nobody knows is none: it could be anything.
        ("POST", "/api/v1/unlisted/other", guarded.clone()),
        ("POST", "/api/v1/unlisted", guarded.clone()),
        // An id, or a name that nobody can read, hides the project.
        (
            "POST",
            "/api/v1/unlisted/id:18ba5ce699f8da1f",
            guarded.clone(),
        ),
        ("POST", "/api/v1/unlisted/%2572etail", guarded.clone()),
        (
            "DELETE",
            "/api/v1/datasets/retail;x/orders",
            guarded.clone(),
        ),
        (
            "DELETE",
            "/api/v1/datasets/%2572etail/orders",
            guarded.clone(),
        ),
        (
            "POST",
            "/api/v1/datasets/retail/orders%2Fexport",
            guarded.clone(),
        ),
        ("POST", "/api/v1/datasets/retail%2Forders/export", None),
    ] {
        assert_eq!(of(method, path, &dev), expected, "{method} {path}");
    }
    for base in [
        "https://cloud.uipath.com:443/ACME/dev/reinfer_/",
        "https://cloud.uipath.com./acme/dev/reinfer_",
        BASE,
    ] {
        let dev = profile(Guard::None, vec![prod(base)]);
        assert_eq!(
            of("DELETE", "/api/v1/datasets/retail/orders", &dev),
            guarded,
            "{base}"
        );
    }
    let mut local = profile(Guard::None, vec![prod("http://127.0.0.1:8080/x")]);
    for (base, expected) in [
        ("http://localhost:8080/x/", guarded.clone()),
        ("http://[::1]:8080/X", guarded.clone()),
        ("http://localhost:8081/x", None),
        ("http://localhost:8080/y", None),
    ] {
        local.base.value = Base::for_test(base);
        let found = of("DELETE", "/api/v1/datasets/retail/orders", &local);
        assert_eq!(found, expected, "{base}");
    }
    let elsewhere = profile(
        Guard::None,
        vec![prod("https://cloud.uipath.com/acme/prod/reinfer_")],
    );
    assert_eq!(
        of("DELETE", "/api/v1/datasets/retail/orders", &elsewhere),
        None
    );
}

#[test]
fn the_strictest_guard_counts() {
    let both = vec![
        neighbour("b", BASE, Some("retail"), Guard::ReadOnly),
        neighbour("a", BASE, None, Guard::Confirm),
    ];
    let found = of(
        "DELETE",
        "/api/v1/datasets/retail/orders",
        &profile(Guard::Confirm, both),
    );
    assert_eq!(found, Some(("b".to_owned(), Guard::ReadOnly)));
    let owners = |own: Option<&str>| {
        let others = vec![
            neighbour("b", BASE, Some("retail"), Guard::Confirm),
            neighbour("a", BASE, Some("retail"), Guard::Confirm),
            neighbour("0", BASE, None, Guard::Confirm),
            neighbour("1", BASE, Some("other"), Guard::Confirm),
        ];
        let mut profile = profile(Guard::Confirm, others);
        profile.project = own.map(|own| Setting::new(own.to_owned(), Origin::Option("--project")));
        profile
    };
    // Of equally strict ones: who owns it, then whose call it is, then the first by name.
    for (own, path, owner) in [
        (Some("mine"), "/api/v1/datasets/retail/orders", "a"),
        (Some("RETAIL"), "/api/v1/datasets/retail/orders", "dev"),
        (None, "/api/v1/datasets/retail/orders", "a"),
        (Some("mine"), "/api/v1/datasets/unowned/orders", "dev"),
        (Some("mine"), "/api/v1/datasets/id:18ba5ce699f8da1f", "dev"),
        (Some("mine"), "/api/v1/unlisted/retail", "a"),
    ] {
        let found = of("DELETE", path, &owners(own));
        assert_eq!(found, Some((owner.to_owned(), Guard::Confirm)), "{path}");
    }
    let own = of(
        "PUT",
        "/api/v1/sources/x/y",
        &profile(Guard::Confirm, Vec::new()),
    );
    assert_eq!(own, Some(("dev".to_owned(), Guard::Confirm)));
}

#[test]
fn class_guard_terminal_and_flag_decide_over_the_whole_table() {
    for class in [
        Class::Read,
        Class::Write,
        Class::Billable,
        Class::Stateful,
        Class::Destructive,
    ] {
        for guard in [Guard::None, Guard::Confirm, Guard::ReadOnly] {
            for can_ask in [false, true] {
                for confirm in [None, Some("dev"), Some("other")] {
                    let needed = (class != Class::Read && guard != Guard::None).then(|| Needed {
                        owner: "dev".to_owned(),
                        guard,
                        reason: String::new(),
                    });
                    let decision = decide(needed, confirm, can_ask);
                    let sent = decision == Decision::Allow;
                    let asked = matches!(decision, Decision::Ask(_));
                    let free = class == Class::Read || guard == Guard::None;
                    let confirmed = guard == Guard::Confirm && confirm == Some("dev");
                    assert_eq!(
                        sent,
                        free || confirmed,
                        "{class:?} {guard:?} {can_ask} {confirm:?}"
                    );
                    let can_be = !free && guard == Guard::Confirm && can_ask && confirm.is_none();
                    assert_eq!(asked, can_be, "{class:?} {guard:?} {can_ask} {confirm:?}");
                }
            }
        }
    }
}

#[test]
fn units_are_counted_from_the_body() {
    let units =
        |name: &str, body: &str| ai_units(by_name(name).expect(name), Some(body.as_bytes()));
    assert_eq!(
        units("sync-comments", r#"{"comments":[{},{},{"a":[1,2]}]}"#),
        Some(3)
    );
    assert_eq!(units("predict", r#"{"documents":[1,2]}"#), Some(2));
    for (name, body, expected) in [
        // The endpoint's own list counts, the longest when it is there twice.
        ("predict", r#"{"comments":[],"documents":[1,2]}"#, Some(2)),
        (
            "predict",
            r#"{"documents":[1],"documents":[1,2,3],"documents":[]}"#,
            Some(3),
        ),
        ("add-bucket-emails", r#"{"emails":[{"id":"a"}]}"#, Some(1)),
        ("sync-comments", r#"{"comments":[]}"#, Some(0)),
        ("sync-comments", r#"{"comments":{}}"#, None),
        ("sync-comments", r#"[{"comments":[]}]"#, None),
        ("sync-comments", r#"{"comments":[1]} x"#, None),
        ("sync-comments", r#"{"comments":[1"#, None),
        ("sync-comments", "", None),
        ("upload-ixp-runtime-document", r#"{"documents":[1]}"#, None),
    ] {
        assert_eq!(units(name, body), expected, "{name} {body}");
    }
    let deep = format!(
        r#"{{"x":{}{},"comments":[1]}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    assert_eq!(units("sync-comments", &deep), Some(1));
    assert_eq!(units("predict", "{}"), None);
    assert_eq!(units("sync-comments-csv", "a,b"), None);
    assert_eq!(units("export-dataset", r#"{"comments":[1]}"#), None);
}
