//! Whether a call may be sent: its class against the guards of every profile that it could touch.

use crate::catalogue::{Class, Classified, Endpoint};
use crate::profile::{Guard, Profile};

/// The guard that a call meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Needed {
    /// The profile whose name has to be typed: the owner of what the call would change.
    pub(crate) owner: String,
    /// Its guard.
    pub(crate) guard: Guard,
    /// Why it is this profile's affair, when the call was made with another one.
    pub(crate) reason: String,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is sent.
    Allow,
    /// The owner's name is asked for at the prompt.
    Ask(Needed),
    /// It is not sent.
    Refuse(Needed, Refusal),
}

/// Why a call is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The guard is `read-only`, which yields to nothing.
    ReadOnly,
    /// Nobody can be asked and no name was given.
    NotConfirmed,
    /// `--confirm` named another profile.
    WrongName,
}

/// Finds the guard that a call meets; `None` when it only reads or nothing guarded is concerned.
///
/// The guard follows the data: a project that a guarded profile owns on the same endpoint is
/// guarded from whichever profile the call is made, and so is a path that does not say its
/// project. Where several guards apply the strictest counts, then the profile's own, then the
/// first by name.
pub(crate) fn needed(classified: &Classified, profile: &Profile) -> Option<Needed> {
    if classified.class == Class::Read {
        return None;
    }
    let own = (profile.guard.value != Guard::None).then(|| Needed {
        owner: profile.name.clone(),
        guard: profile.guard.value,
        reason: String::new(),
    });
    let mut others: Vec<Needed> = profile
        .neighbours
        .iter()
        .filter(|other| other.guard != Guard::None && other.base.same_endpoint(&profile.base.value))
        .filter_map(|other| {
            concerns(classified, other.project.as_deref()).map(|reason| Needed {
                owner: other.name.clone(),
                guard: other.guard,
                reason,
            })
        })
        .collect();
    others.sort_by(|a, b| a.owner.cmp(&b.owner));
    own.into_iter()
        .chain(others)
        .reduce(|best, next| if next.guard > best.guard { next } else { best })
}

/// Says why a call concerns a guarded profile's project, if it does.
fn concerns(classified: &Classified, project: Option<&str>) -> Option<String> {
    let Some(guarded) = project else {
        // A profile without a project stands for the whole tenant.
        return Some("it guards the whole endpoint".to_owned());
    };
    if let Some(named) = &classified.project {
        return named
            .eq_ignore_ascii_case(guarded)
            .then(|| format!("it owns project {guarded}"));
    }
    if classified.endpoint.is_some() {
        return Some("the path does not say which project it is".to_owned());
    }
    let mentioned = classified
        .segments
        .iter()
        .any(|segment| segment.eq_ignore_ascii_case(guarded));
    mentioned.then(|| format!("the path mentions its project {guarded}"))
}

/// Decides on a call.
pub(crate) fn decide(needed: Option<Needed>, confirm: Option<&str>, can_ask: bool) -> Decision {
    let Some(needed) = needed else {
        return Decision::Allow;
    };
    if needed.guard == Guard::ReadOnly {
        return Decision::Refuse(needed, Refusal::ReadOnly);
    }
    match confirm {
        Some(name) if name == needed.owner => Decision::Allow,
        Some(_) => Decision::Refuse(needed, Refusal::WrongName),
        None if can_ask => Decision::Ask(needed),
        None => Decision::Refuse(needed, Refusal::NotConfirmed),
    }
}

/// How many AI units a billable call may cost; `None` when its body does not tell.
pub(crate) fn ai_units(endpoint: &Endpoint, body: Option<&[u8]>) -> Option<usize> {
    #[derive(serde::Deserialize)]
    struct Billed {
        comments: Option<Vec<serde::de::IgnoredAny>>,
        documents: Option<Vec<serde::de::IgnoredAny>>,
        emails: Option<Vec<serde::de::IgnoredAny>>,
    }
    if endpoint.class != Class::Billable {
        return None;
    }
    let billed: Billed = serde_json::from_slice(body?).ok()?;
    billed
        .comments
        .or(billed.documents)
        .or(billed.emails)
        .map(|list| list.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{by_name, classify};
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
        }
    }

    fn neighbour(name: &str, base: &str, project: Option<&str>, guard: Guard) -> Neighbour {
        Neighbour {
            name: name.to_owned(),
            base: Base::for_test(base),
            project: project.map(str::to_owned),
            guard,
        }
    }

    fn of(method: &str, path: &str, profile: &Profile) -> Option<(String, Guard)> {
        let classified = classify(method, path, std::iter::empty());
        needed(&classified, profile).map(|needed| (needed.owner, needed.guard))
    }

    #[test]
    fn the_guard_follows_the_data() {
        let prod = |base| neighbour("prod", base, Some("retail"), Guard::Confirm);
        let dev = profile(Guard::None, vec![prod(BASE)]);
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
            ("POST", "/api/v1/unlisted/other", None),
        ] {
            assert_eq!(of(method, path, &dev), expected, "{method} {path}");
        }
        for base in ["https://cloud.uipath.com:443/ACME/dev/reinfer_/", BASE] {
            let dev = profile(Guard::None, vec![prod(base)]);
            assert_eq!(
                of("DELETE", "/api/v1/datasets/retail/orders", &dev),
                guarded,
                "{base}"
            );
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
                        let classified = Classified {
                            class,
                            endpoint: None,
                            project: None,
                            segments: Vec::new(),
                        };
                        let found = needed(&classified, &profile(guard, Vec::new()));
                        let decision = decide(found, confirm, can_ask);
                        let sent = decision == Decision::Allow;
                        let asked = matches!(decision, Decision::Ask(_));
                        let free = class == Class::Read || guard == Guard::None;
                        let confirmed = guard == Guard::Confirm && confirm == Some("dev");
                        assert_eq!(
                            sent,
                            free || confirmed,
                            "{class:?} {guard:?} {can_ask} {confirm:?}"
                        );
                        let can_be =
                            !free && guard == Guard::Confirm && can_ask && confirm.is_none();
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
        assert_eq!(units("predict", "{}"), None);
        assert_eq!(units("sync-comments-csv", "a,b"), None);
        assert_eq!(units("export-dataset", r#"{"comments":[1]}"#), None);
    }
}
