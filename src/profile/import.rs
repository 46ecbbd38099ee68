//! Profiles out of the files of other tools: the vendor's CLI `re`, and `uipathcli`. Pure.

use std::collections::HashSet;

use serde::Deserialize;

use crate::error::{Failure, Result};
use crate::secret::Secret;
use crate::secret::source::variable_of_profile;

/// A profile as another tool keeps it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// Its name there.
    pub(crate) name_there: String,
    /// Its name, made fit for ours, and another one than that of every other profile.
    pub(crate) name: String,
    /// Our keys and their texts.
    pub(crate) texts: Vec<(&'static str, String)>,
    /// The token, if that tool keeps one.
    pub(crate) token: Option<Secret>,
    /// The client id and secret of an external application.
    pub(crate) client: Option<(String, Option<Secret>)>,
    /// What could not be taken over, in words.
    pub(crate) left: Vec<String>,
}

#[derive(Deserialize)]
struct Contexts {
    #[serde(default)]
    contexts: Vec<Context>,
}

#[derive(Deserialize)]
struct Context {
    name: String,
    endpoint: String,
    token: Option<String>,
    #[serde(default)]
    accept_invalid_certificates: bool,
    proxy: Option<String>,
}

/// Returns whether YAML may nest deeper than its reader, which recurses, can follow: by brackets,
/// or by what is before the content of a line. Quotes are not looked at, so that a text full of
/// brackets counts as well; no configuration has one.
fn nests_too_deeply(text: &str) -> bool {
    const MAX_DEPTH: usize = 128;
    let mut depth = 0_usize;
    let by_brackets = text.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    });
    let is_indent = |c: char| matches!(c, ' ' | '\t' | '-' | '?' | ':');
    let by_indent = text.lines().any(|line| {
        let content = line.trim_start_matches(is_indent);
        line.len() - content.len() > 2 * MAX_DEPTH
    });
    by_brackets || by_indent
}

/// Reads the contexts of the vendor's CLI (`contexts.json`).
///
/// # Errors
/// Fails when the text is not such a file; no value is shown.
pub(crate) fn contexts(text: &str) -> Result<Vec<Foreign>> {
    let parsed: Contexts = serde_json::from_str(text).map_err(|error| {
        Failure::usage(format!(
            "line {}: these are not the contexts of re",
            error.line()
        ))
    })?;
    let found = parsed
        .contexts
        .into_iter()
        .map(|context| {
            let mut foreign = Foreign {
                name: fit(&context.name),
                name_there: context.name,
                ..Foreign::default()
            };
            foreign.texts.push(("endpoint", context.endpoint));
            foreign
                .texts
                .extend(context.proxy.map(|proxy| ("proxy", proxy)));
            foreign.token = context
                .token
                .filter(|token| !token.is_empty())
                .map(Secret::new);
            if context.accept_invalid_certificates {
                foreign.left.push(
                    "its setting to accept any certificate: rein accepts that for one call only, with -k"
                        .to_owned(),
                );
            }
            foreign
        })
        .collect();
    Ok(with_own_names(found))
}

/// Reads the profiles of `uipathcli` (`~/.uipath/config`, YAML).
///
/// # Errors
/// Fails when the text is not such a file; no value is shown.
pub(crate) fn uipath(text: &str) -> Result<Vec<Foreign>> {
    use saphyr::{LoadableYamlNode, Yaml};
    let wrong = || {
        Failure::usage("this is not a configuration of uipathcli").hint("it begins with profiles:")
    };
    if nests_too_deeply(text) {
        return Err(wrong().fact("it nests too deeply"));
    }
    let documents = Yaml::load_from_str(text).map_err(|_| wrong())?;
    let profiles = documents
        .first()
        .and_then(|document| document.as_mapping_get("profiles"))
        .and_then(Yaml::as_sequence)
        .ok_or_else(wrong)?;
    let mut found = Vec::new();
    for profile in profiles {
        let get = |key: &str| {
            profile
                .as_mapping_get(key)
                .and_then(Yaml::as_str)
                .map(str::to_owned)
        };
        let auth = profile.as_mapping_get("auth");
        let secret = |key: &str| {
            auth.and_then(|auth| auth.as_mapping_get(key))
                .and_then(Yaml::as_str)
                .map(str::to_owned)
        };
        let name_there = get("name").unwrap_or_else(|| "default".to_owned());
        let mut foreign = Foreign {
            name: fit(&name_there),
            name_there,
            ..Foreign::default()
        };
        match (get("uri"), get("organization"), get("tenant")) {
            (None, Some(organisation), Some(tenant)) => {
                foreign.texts.push(("organisation", organisation));
                foreign.texts.push(("tenant", tenant));
            }
            (Some(uri), Some(organisation), Some(tenant)) => {
                let uri = uri.trim_end_matches('/');
                foreign.texts.push((
                    "endpoint",
                    format!("{uri}/{organisation}/{tenant}/reinfer_"),
                ));
            }
            _ => foreign
                .left
                .push("it names no organization and tenant".to_owned()),
        }
        foreign.token = secret("pat").map(Secret::new);
        foreign.client = secret("clientId").map(|id| (id, secret("clientSecret").map(Secret::new)));
        found.push(foreign);
    }
    Ok(with_own_names(found))
}

/// Gives profiles that would have one name different ones. Names that differ only in what their
/// variables do not tell apart count as one: a secret must not become that of two profiles. A
/// profile whose name is fit as it is keeps it, and the same input always gives the same names.
fn with_own_names(mut found: Vec<Foreign>) -> Vec<Foreign> {
    let mut taken = HashSet::new();
    let (kept, changed): (Vec<usize>, Vec<usize>) =
        (0..found.len()).partition(|at| found[*at].name == found[*at].name_there);
    for at in kept.into_iter().chain(changed) {
        let name = &mut found[at].name;
        let fit = name.clone();
        for number in 2_u64.. {
            if taken.insert(variable_of_profile(name)) {
                break;
            }
            *name = format!("{fit}-{number}");
        }
    }
    found
}

/// Makes a name of ours: one word without a slash, and not the reserved one.
fn fit(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .collect();
    match name.as_str() {
        "" => "imported".to_owned(),
        "demo" => "demo-imported".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_that_nests_deeply_is_refused() {
        for deep in [
            "[".repeat(100_000),
            format!("profiles: {}", "{a: ".repeat(100_000)),
            format!("profiles:\n  {}x", "- ".repeat(100_000)),
            (0..3000)
                .map(|n| format!("{}a:\n", " ".repeat(n)))
                .collect(),
        ] {
            let failure = uipath(&deep).expect_err("deep");
            assert_eq!(failure.exit, crate::exit::Exit::Usage);
        }
    }

    #[test]
    fn contexts_become_profiles() {
        let text = r#"{"current_context":"a","contexts":[
            {"name":"my prod","endpoint":"https://acme.reinfer.io/","token":"T","accept_invalid_certificates":true,"proxy":"http://p:1/"},
            {"name":"demo","endpoint":"https://x.reinfer.io/","token":null,"accept_invalid_certificates":false,"proxy":null}]}"#;
        let found = contexts(text).expect("contexts");
        assert_eq!(found[0].name, "my-prod");
        assert_eq!(
            found[0].texts,
            [
                ("endpoint", "https://acme.reinfer.io/".to_owned()),
                ("proxy", "http://p:1/".to_owned())
            ]
        );
        assert_eq!((found[0].token.is_some(), found[0].left.len()), (true, 1));
        assert_eq!(
            (found[1].name.as_str(), &found[1].token),
            ("demo-imported", &None)
        );
        let failure = contexts(r#"{"contexts":[{"token":"SEKRET-0123"}]}"#).expect_err("no name");
        assert!(!failure.to_string().contains("SEKRET"), "{failure}");
    }

    #[test]
    fn names_that_become_one_stay_apart() {
        let names = |all: &[&str]| {
            let contexts: Vec<String> = all
                .iter()
                .map(|name| format!(r#"{{"name":"{name}","endpoint":"https://x"}}"#))
                .collect();
            let text = format!("{{\"contexts\":[{}]}}", contexts.join(","));
            let found = super::contexts(&text).expect("contexts");
            found
                .into_iter()
                .map(|foreign| foreign.name)
                .collect::<Vec<_>>()
        };
        for (there, ours) in [
            (&["my prod", "my-prod"][..], &["my-prod-2", "my-prod"][..]),
            (&["a b", "a/b", "a-b-2"], &["a-b", "a-b-3", "a-b-2"]),
            (&["A", "a", "a"], &["A", "a-2", "a-3"]),
            (&["p.q", "p-q"], &["p.q", "p-q-2"]),
            (
                &["demo", "demo-imported", ""],
                &["demo-imported-2", "demo-imported", "imported"],
            ),
        ] {
            assert_eq!(names(there), ours);
        }
    }

    #[test]
    fn profiles_of_uipathcli_become_ours() {
        let text = "profiles:\n  - name: default\n    organization: acme\n    tenant: prod\n    auth:\n      clientId: one\n      clientSecret: S\n  - name: other\n    uri: https://a.example/\n    organization: o\n    tenant: t\n    auth:\n      pat: P\n  - name: empty\n";
        let found = uipath(text).expect("profiles");
        assert_eq!(
            found[0].texts,
            [
                ("organisation", "acme".to_owned()),
                ("tenant", "prod".to_owned())
            ]
        );
        assert_eq!(
            found[0].client,
            Some(("one".to_owned(), Some(Secret::new("S".to_owned()))))
        );
        assert_eq!(
            found[1].texts,
            [("endpoint", "https://a.example/o/t/reinfer_".to_owned())]
        );
        assert!(found[1].token.is_some() && found[2].texts.is_empty() && found[2].left.len() == 1);
        for text in ["", "a: b", "[1", "profiles: 1"] {
            assert!(uipath(text).is_err(), "{text}");
        }
    }
}
