//! From method and path back to the endpoint, whatever the spelling, and to what a call may do.

use percent_encoding::percent_decode_str;

use super::{Class, Endpoint, all};

/// An endpoint that a request means, with the values of its placeholders.
#[derive(Debug)]
pub(crate) struct Match {
    /// The endpoint.
    pub(crate) endpoint: &'static Endpoint,
    /// Placeholders and their decoded values.
    pub(crate) params: Vec<(&'static str, String)>,
}

/// What is known of a call before it is sent.
#[derive(Debug)]
pub(crate) struct Classified {
    /// What it may do.
    pub(crate) class: Class,
    /// The endpoint, when the catalogue has it.
    pub(crate) endpoint: Option<&'static Endpoint>,
    /// The project in its path, when the path is known to hold one.
    pub(crate) project: Option<String>,
    /// The decoded segments of its path, for paths that the catalogue does not have.
    pub(crate) segments: Vec<String>,
}

/// Headers by which some servers take another method than the request's.
const OVERRIDES: [&str; 3] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

/// Says which endpoint a call means and what it may do; `path` is the part below the base, with or
/// without its query.
///
/// The service takes several spellings of a path, so it is normalised first: decoded,
/// `project%2Fname` made two segments, doubled and final slashes dropped. HEAD is GET's. Literal
/// segments count before placeholders. The class is the catalogue's; of what it does not have, GET
/// and HEAD read and
/// everything else writes. A header or parameter that overrides the method is judged as
/// well, and the stricter side counts.
pub(crate) fn classify<'a>(
    method: &str,
    path: &str,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
) -> Classified {
    let segments = segments(path);
    let mut methods = vec![method.to_ascii_uppercase()];
    for (name, value) in headers {
        if OVERRIDES
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
        {
            methods.push(value.trim().to_ascii_uppercase());
        }
    }
    for pair in path
        .split_once('?')
        .map_or("", |(_, query)| query)
        .split('&')
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decoded(name).eq_ignore_ascii_case("_method") {
            methods.push(decoded(value).to_ascii_uppercase());
        }
    }
    let (class, found) = methods
        .iter()
        .map(|method| {
            let found = best(method, &segments);
            let class = match &found {
                Some(found) => found.endpoint.class,
                None if matches!(method.as_str(), "GET" | "HEAD") => Class::Read,
                None => Class::Write,
            };
            (class, found)
        })
        .max_by_key(|(class, _)| *class)
        .unwrap_or((Class::Write, None));
    let project = found.as_ref().and_then(|found| {
        found
            .params
            .iter()
            .find(|(name, _)| *name == "project")
            .map(|(_, value)| value.clone())
    });
    Classified {
        class,
        endpoint: found.map(|found| found.endpoint),
        project,
        segments,
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn segments(path: &str) -> Vec<String> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let whole: Vec<String> = path.split('/').map(decoded).collect();
    whole
        .join("/")
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect()
}

fn best(method: &str, segments: &[String]) -> Option<Match> {
    let method = if method.eq_ignore_ascii_case("HEAD") {
        "GET"
    } else {
        method
    };
    all()
        .iter()
        .filter(|endpoint| endpoint.method.eq_ignore_ascii_case(method))
        .filter_map(|endpoint| matched(endpoint, segments))
        .max_by_key(|(literals, found)| (*literals, found.endpoint.class))
        .map(|(_, found)| found)
}

/// Matches segment by segment; returns how many characters were literal, so that the most specific
/// path can be chosen.
fn matched(endpoint: &'static Endpoint, segments: &[String]) -> Option<(usize, Match)> {
    let pattern = endpoint
        .path
        .split('/')
        .filter(|segment| !segment.is_empty());
    let mut params = Vec::new();
    let mut literals = 0;
    let mut rest = segments.iter();
    for part in pattern {
        let segment = rest.next()?;
        let Some(open) = part.find('{') else {
            if !part.eq_ignore_ascii_case(segment) {
                return None;
            }
            literals += part.len();
            continue;
        };
        let (prefix, name) = part.split_at(open);
        let name = name.trim_start_matches('{').trim_end_matches('}');
        let value = segment
            .get(..prefix.len())
            .filter(|start| start.eq_ignore_ascii_case(prefix));
        let value = value.map(|_| &segment[prefix.len()..])?;
        // `id:...` is never the name of a project or source.
        if value.is_empty() || (prefix.is_empty() && value.to_ascii_lowercase().starts_with("id:"))
        {
            return None;
        }
        literals += prefix.len();
        params.push((name, value.to_owned()));
    }
    rest.next()
        .is_none()
        .then_some((literals, Match { endpoint, params }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(method: &str, path: &str) -> Option<Match> {
        best(method, &segments(path))
    }

    fn no_headers() -> std::iter::Empty<(&'static str, &'static str)> {
        std::iter::empty()
    }

    #[test]
    fn every_endpoint_is_found_by_its_own_path() {
        for endpoint in all() {
            let path = endpoint.path.replace(['{', '}'], "");
            let found = find(endpoint.method, &path)
                .unwrap_or_else(|| panic!("{} {path}", endpoint.method));
            assert_eq!(found.endpoint.name, endpoint.name);
            assert_eq!(found.params.len(), endpoint.path_params.len(), "{path}");
            assert_eq!(
                classify(endpoint.method, &path, no_headers()).class,
                endpoint.class
            );
        }
    }

    #[test]
    fn one_delete_has_many_spellings() {
        for path in [
            "/api/v1/datasets/retail/orders",
            "/api/v1/datasets/retail/orders/",
            "/api//v1/datasets//retail/orders",
            "/api/v1/datasets/retail%2Forders",
            "/api/v1/data%73ets/retail/orders?x=1",
            "/API/V1/Datasets/retail/orders#x",
        ] {
            let classified = classify("delete", path, no_headers());
            assert_eq!(classified.class, Class::Destructive, "{path}");
            assert_eq!(classified.project.as_deref(), Some("retail"), "{path}");
        }
    }

    #[test]
    fn unlisted_calls_and_overrides_are_judged_by_the_stricter_side() {
        let class = |method: &str, path: &str, header: Option<(&'static str, &'static str)>| {
            classify(method, path, header.into_iter()).class
        };
        for (method, path, header, expected) in [
            ("GET", "/api/v1/unknown", None, Class::Read),
            ("HEAD", "/api/v1/datasets", None, Class::Read),
            ("POST", "/api/v1/unknown", None, Class::Write),
            ("PROPFIND", "/api/v1/datasets", None, Class::Write),
            ("POST", "/api/v1/datasets/p/d/export", None, Class::Read),
            (
                "GET",
                "/api/v1/datasets/p/d",
                Some(("X-HTTP-Method-Override", "DELETE")),
                Class::Destructive,
            ),
            (
                "GET",
                "/api/v1/datasets/p/d?_method=DELETE",
                None,
                Class::Destructive,
            ),
            (
                "POST",
                "/api/v1/datasets/p/d/export",
                Some(("x-method-override", "put")),
                Class::Write,
            ),
            ("POST", "/api/v1/sources/p/s/sync", None, Class::Billable),
            (
                "POST",
                "/api/v1/datasets/p/d/streams/s/advance",
                None,
                Class::Stateful,
            ),
            (
                "DELETE",
                "/api/v1/sources/id:18ba5ce699f8da1f",
                None,
                Class::Destructive,
            ),
        ] {
            assert_eq!(class(method, path, header), expected, "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_classified(method in "[A-Za-z]{1,8}", path in "\\PC{0,60}") {
            let read = classify(&method, &path, no_headers()).class == Class::Read;
            prop_assert!(!read || find(&method, &path).is_some() || matches!(method.to_uppercase().as_str(), "GET" | "HEAD"));
        }

        #[test]
        fn encoding_a_letter_changes_nothing(index in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
            let endpoint = &all()[index.index(all().len())];
            let path = endpoint.path.replace(['{', '}'], "");
            let letters: Vec<usize> = path.char_indices().filter(|(_, c)| c.is_ascii_lowercase()).map(|(at, _)| at).collect();
            let at = letters[at.index(letters.len())];
            let encoded = format!("{}%{:02X}{}", &path[..at], path.as_bytes()[at], &path[at + 1..]);
            prop_assert_eq!(find(endpoint.method, &encoded).map(|found| found.endpoint.name), Some(endpoint.name));
        }
    }
}
