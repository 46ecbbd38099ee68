//! What to try after a 404: the path that was probably meant, or the list that shows what is there.

use percent_encoding::utf8_percent_encode;

use super::matching::{Path, best};
use super::{Endpoint, all};
use crate::request::COMPONENT;

/// How alike two words are that are taken for one misspelt word.
const CLOSE_ENOUGH: f64 = 0.85;

/// What is known about a path that was not found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Nearby {
    /// The catalogue has the path: these are the lists of what is there, the nearest first.
    Lists(Vec<String>),
    /// The catalogue has the path for these methods only.
    Methods(Vec<&'static str>),
    /// The catalogue does not have the path, and this one is the nearest.
    Path(String),
    /// Nothing is known.
    Nothing,
}

/// Looks around a path that was not found; `path` may have a query.
pub(crate) fn nearby(method: &str, path: &str) -> Nearby {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let method = match method.to_ascii_uppercase() {
        head if head == "HEAD" => "GET".to_owned(),
        method => method,
    };
    let segments = Path::of(path).split;
    if best(&method, &segments).is_some() {
        return Nearby::Lists(lists(path));
    }
    let mut methods: Vec<&str> = Vec::new();
    for endpoint in all() {
        let known = endpoint.method;
        if !methods.contains(&known) && best(known, &segments).is_some() {
            methods.push(known);
        }
    }
    if !methods.is_empty() {
        return Nearby::Methods(methods);
    }
    let texts: Vec<&str> = segments
        .iter()
        .map(|segment| segment.text.as_str())
        .collect();
    let mut nearest: Option<(f64, String)> = None;
    for endpoint in all() {
        if let Some((likeness, path)) = alike(endpoint, &texts) {
            let likeness = if endpoint.method == method {
                likeness + 0.01
            } else {
                likeness
            };
            if nearest.as_ref().is_none_or(|(best, _)| likeness > *best) {
                nearest = Some((likeness, path));
            }
        }
    }
    nearest.map_or(Nearby::Nothing, |(_, path)| Nearby::Path(path))
}

/// Returns the lists above a path.
fn lists(path: &str) -> Vec<String> {
    let mut lists = Vec::new();
    let mut above = path.trim_end_matches('/');
    while let Some((shorter, _)) = above.rsplit_once('/') {
        above = shorter;
        let private = above.replacen("/v1/", "/_private/", 1);
        let public = above.replacen("/_private/", "/v1/", 1);
        for candidate in [public, private] {
            let is_list = best("GET", &Path::of(&candidate).split)
                .is_some_and(|found| found.endpoint.items.is_some());
            if is_list {
                lists.push(candidate);
                break;
            }
        }
    }
    lists
}

/// Returns how alike a path is to an endpoint's, and the path with the words of the endpoint, where
/// every word is the same or nearly so.
fn alike(endpoint: &Endpoint, texts: &[&str]) -> Option<(f64, String)> {
    let parts: Vec<&str> = endpoint
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    if parts.len() != texts.len() {
        return None;
    }
    let mut likeness = 1.0_f64;
    let mut path = String::new();
    for (part, text) in parts.iter().zip(texts) {
        path.push('/');
        if let Some(open) = part.find('{') {
            if !text.starts_with(&part[..open]) {
                return None;
            }
            // A name that is like a word is rather the word.
            likeness -= 0.02;
            let value = &text[open..];
            path.push_str(&part[..open]);
            path.extend(utf8_percent_encode(value, COMPONENT));
            continue;
        }
        path.push_str(part);
        let is_family = ["v1", "_private", "preview"].contains(part);
        let same = if is_family && ["v1", "_private", "preview"].contains(text) {
            0.97
        } else {
            strsim::jaro_winkler(&text.to_lowercase(), part)
        };
        if same < CLOSE_ENOUGH && text != part {
            return None;
        }
        likeness = likeness.min(same);
    }
    Some((likeness, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_path_or_list_is_found() {
        let lists =
            |lists: &[&str]| Nearby::Lists(lists.iter().map(|list| (*list).to_owned()).collect());
        let path = |path: &str| Nearby::Path(path.to_owned());
        for (call, expected) in [
            ("GET /api/v1/dataset", path("/api/v1/datasets")),
            ("GET /api/v1/dataset/p/d?x=1", path("/api/v1/datasets/p/d")),
            ("GET /api/v1/buckets", path("/api/_private/buckets")),
            (
                "POST /api/v1/datasets/p/d/exports",
                path("/api/v1/datasets/p/d/export"),
            ),
            (
                "GET /api/v1/datasets/p/d/stream/a%20b",
                path("/api/v1/datasets/p/d/streams/a%20b"),
            ),
            (
                "GET /api/v1/datasets/p/d",
                lists(&["/api/v1/datasets/p", "/api/v1/datasets"]),
            ),
            (
                "HEAD /api/v1/datasets/p/d/streams/s/results",
                lists(&[
                    "/api/v1/datasets/p/d/streams",
                    "/api/v1/datasets/p",
                    "/api/v1/datasets",
                ]),
            ),
            (
                "GET /api/v1/sources/p/s/comments/c",
                lists(&[
                    "/api/_private/sources/p/s/comments",
                    "/api/v1/sources/p",
                    "/api/v1/sources",
                ]),
            ),
            (
                "GET /api/v1/datasets/p/d/export",
                Nearby::Methods(vec!["POST"]),
            ),
            ("GET /api/v1/nothing-like-it", Nearby::Nothing),
            ("GET /elsewhere", Nearby::Nothing),
        ] {
            let (method, path) = call.split_once(' ').expect("a call");
            assert_eq!(nearby(method, path), expected, "{call}");
        }
    }
}
