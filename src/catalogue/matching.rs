//! From method and path back to the endpoint, whatever the spelling, and to what a call may do.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::table::ENDPOINTS;
use super::{Class, Endpoint, all};
use crate::request::location;

/// What is known of a call before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Classified {
    /// What it may do.
    pub(crate) class: Class,
    /// The endpoint, when the catalogue has it.
    pub(crate) endpoint: Option<&'static Endpoint>,
    /// The project in its path, when the path is known to hold one and it can be a project's name.
    pub(crate) project: Option<String>,
    /// The decoded segments of its path, for paths that the catalogue does not have.
    pub(crate) segments: Vec<String>,
    /// The path, where a template may declare that the call only reads: the catalogue does not have
    /// it under this method, and nothing asks for another method.
    pub(crate) open_path: Option<String>,
}

impl Classified {
    /// Takes the word of a template that the call only reads, where nothing is known against it:
    /// the catalogue has the path under no method that does more, in no family of the API; the
    /// method can read at all; and no header or parameter puts another one in its place.
    pub(crate) fn declared_a_read(self) -> Self {
        let is_open = self.open_path.as_ref().is_some_and(|path| {
            !is_known_as_more(&Path::of(path).split) && !is_known_as_more(&leniently(path))
        });
        let class = if is_open { Class::Read } else { self.class };
        Classified { class, ..self }
    }
}

/// An endpoint that a request means, with the values of its placeholders.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) endpoint: &'static Endpoint,
    /// Placeholders and their decoded values.
    pub(super) params: Vec<(&'static str, String)>,
    /// How many characters were literal, so that the most specific path can be chosen.
    literals: usize,
    /// Whether every encoded slash stood between a project and a name: the one place where the
    /// service is known to take it for a slash.
    is_plain: bool,
}

/// Headers by which some servers take another method than the request's, spelled as variables.
const OVERRIDES: [&str; 4] = [
    "x_http_method_override",
    "x_http_method",
    "x_method_override",
    "x_method",
];

/// How many placeholders a path of the catalogue has at most.
const MAX_PARAMS: usize = 8;

/// The families of the API, which have many paths in common.
pub(crate) const FAMILIES: [&str; 3] = ["v1", "preview", "_private"];

/// Says which endpoint a call means and what it may do by the strictest of these methods, which are
/// in capitals; `path` is the part below the base, with or without its query.
///
/// The service takes several spellings of a path, so it is normalised first: decoded,
/// `project%2Fname` made two segments, doubled and final slashes dropped. HEAD is GET's. Literal
/// segments count before placeholders. The class is the catalogue's; of what it does not have, GET
/// and HEAD read and everything else writes. An encoded slash that can be read in two ways is judged
/// by the stricter side.
pub(crate) fn classify_as(methods: &[String], path: &str) -> Classified {
    let read = Path::of(path);
    let (class, found) = methods
        .iter()
        .map(|method| judge(method, &read))
        .max_by_key(|(class, _)| *class)
        .unwrap_or((Class::Write, None));
    let is_open = class == Class::Write
        && found.is_none()
        && methods.len() == 1
        && methods
            .iter()
            .all(|method| !matches!(method.as_str(), "DELETE" | "PATCH"));
    let project = found.as_ref().and_then(|found| {
        found
            .params
            .iter()
            .find(|(name, value)| *name == "project" && is_project_name(value))
            .map(|(_, value)| value.clone())
    });
    Classified {
        class,
        endpoint: found.map(|found| found.endpoint),
        project,
        segments: read.split.into_iter().map(|segment| segment.text).collect(),
        open_path: is_open.then(|| path.to_owned()),
    }
}

/// Returns the request's method and every one that a server could take in its place, in capitals:
/// by a header, by a parameter of the query or by a field of the body, whatever kind of body it is.
pub(crate) fn methods<'a>(
    method: &str,
    query: &str,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    body: &[&[u8]],
) -> Vec<String> {
    let mut methods = vec![method.to_ascii_uppercase()];
    for (name, value) in headers {
        if names_variable(name, &OVERRIDES) {
            let values = value.split(',').map(str::trim);
            methods.extend(values.map(str::to_ascii_uppercase));
        }
    }
    methods.extend(fields_named_method(query.as_bytes()));
    match body {
        [] => {}
        [whole] => methods.extend(fields_named_method(whole)),
        chunks => methods.extend(fields_named_method(&chunks.concat())),
    }
    methods
}

/// Finds what `_method` fields of a query or a body ask for: in form data, JSON, multipart, under
/// any encoding. The first word behind the name counts, since nobody knows every syntax, and so
/// does every method that changes something close behind it.
fn fields_named_method(text: &[u8]) -> Vec<String> {
    const NAME: &[u8] = b"_method";
    const NEAR: usize = 256;
    let is_encoded = memchr::memchr2(b'%', b'\\', text).is_some();
    let is_named = |at: usize| {
        let name = text.get(at..at + NAME.len());
        name.is_some_and(|name| name.eq_ignore_ascii_case(NAME))
    };
    if !is_encoded && !memchr::memchr_iter(b'_', text).any(is_named) {
        return Vec::new();
    }
    let text = match is_encoded {
        true => unescaped(&location::decoded(text)),
        false => text.to_vec(),
    }
    .to_ascii_lowercase();
    let is_of_a_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let mut methods = Vec::new();
    for at in memchr::memmem::find_iter(&text, NAME) {
        let after = &text[at + NAME.len()..];
        let begins_a_name = at == 0 || !is_of_a_name(&text[at - 1]);
        if !begins_a_name || after.first().is_some_and(is_of_a_name) {
            continue;
        }
        let near = String::from_utf8_lossy(&after[..after.len().min(NEAR)]).to_ascii_uppercase();
        let mut words = near
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(|word| !word.is_empty());
        methods.push(words.next().unwrap_or_default().to_owned());
        let changes = words.filter(|word| matches!(*word, "PUT" | "PATCH" | "DELETE"));
        methods.extend(changes.map(str::to_owned));
    }
    methods
}

/// Undoes JSON's escapes of ASCII characters (`\u005f`).
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let code = rest
            .strip_prefix(b"\\u00")
            .and_then(|digits| std::str::from_utf8(digits.get(..2)?).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (byte, after) = match code {
            Some(byte) => (byte, &rest[6..]),
            None => (*first, after),
        };
        plain.push(byte);
        rest = after;
    }
    plain
}

/// Returns whether a header is one of these variables to a server that makes variables of headers
/// (RFC 3875, 4.1.18): what is neither letter nor digit is the same there.
pub(crate) fn names_variable(header: &str, variables: &[&str]) -> bool {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() => c,
        _ => '_',
    };
    variables
        .iter()
        .any(|variable| header.chars().map(plain).eq(variable.chars()))
}

/// Judges a call as if it had this method.
fn judge(method: &str, path: &Path) -> (Class, Option<Match>) {
    let method = if method == "HEAD" { "GET" } else { method };
    let of_unlisted = if method == "GET" {
        Class::Read
    } else {
        Class::Write
    };
    let split = best(method, &path.split);
    if let Some(found) = split.as_ref().filter(|found| found.is_plain) {
        return (found.endpoint.class, split);
    }
    // An encoded slash is data to one server and a slash to the next.
    let whole = path.whole.as_deref().and_then(|whole| best(method, whole));
    let class_of = |found: &Option<Match>| {
        found
            .as_ref()
            .map_or(of_unlisted, |found| found.endpoint.class)
    };
    (class_of(&split).max(class_of(&whole)), split.or(whole))
}

/// Returns whether the catalogue has the path as more than a read, whatever method and family.
fn is_known_as_more(path: &[Segment]) -> bool {
    let mut segments = path.to_vec();
    let in_a_family = segments.len() > 1
        && segments[0].text.eq_ignore_ascii_case("api")
        && FAMILIES
            .iter()
            .any(|family| segments[1].text.eq_ignore_ascii_case(family));
    let families: &[&str] = if in_a_family { &FAMILIES } else { &[""] };
    families.iter().any(|family| {
        if in_a_family {
            segments[1].text = (*family).to_owned();
        }
        candidates(&segments)
            .any(|endpoint| endpoint.class > Class::Read && matched(endpoint, &segments).is_some())
    })
}

/// Returns whether a project can have this name (pattern of the vendor's 2021 schema). Another
/// value of a path is a spelling that nobody can tell the project of.
fn is_project_name(text: &str) -> bool {
    (1..=1024).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Cuts a path as a server could that forgives much: of each segment, leniently read, only the
/// word that it begins with, without endings.
fn leniently(path: &str) -> Vec<Segment> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let is_of_a_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
    location::read_path(path)
        .0
        .into_iter()
        .map(|segment| {
            let begun = segment.trim_start_matches(|c| !is_of_a_word(c));
            let word = begun.split(|c| !is_of_a_word(c)).next().unwrap_or_default();
            // What has no word is a value all the same.
            let text = if word.is_empty() { &segment } else { word };
            Segment {
                text: text.to_owned(),
                is_joined: false,
            }
        })
        .collect()
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// A path cut into segments.
#[derive(Debug)]
pub(super) struct Path {
    /// Cut at encoded slashes too.
    pub(super) split: Vec<Segment>,
    /// Cut at plain slashes only, where that is another reading.
    whole: Option<Vec<Segment>>,
}

/// A decoded segment that is not empty.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) text: String,
    /// Whether an encoded slash parts it from the one before.
    is_joined: bool,
}

impl Path {
    pub(super) fn of(path: &str) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut split = Vec::new();
        let mut is_ambiguous = false;
        for text in path.split('/').map(decoded) {
            for (index, part) in text.split('/').enumerate() {
                is_ambiguous |= index > 0;
                if !part.is_empty() {
                    split.push(Segment {
                        text: part.to_owned(),
                        is_joined: index > 0,
                    });
                }
            }
        }
        let texts = path.split('/').map(decoded).filter(|text| !text.is_empty());
        let whole = is_ambiguous.then(|| {
            texts
                .map(|text| Segment {
                    text: text.into_owned(),
                    is_joined: false,
                })
                .collect()
        });
        Path { split, whole }
    }
}

/// What an endpoint's path must have in common with a path that it matches: rules out most of them
/// before they are compared word by word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    segments: usize,
    /// A hash of the segment behind the family, in lower case; `None` for a placeholder.
    third: Option<u32>,
}

static SHAPES: [Shape; ENDPOINTS.len()] = shapes();

const fn shapes() -> [Shape; ENDPOINTS.len()] {
    let none = Shape {
        segments: 0,
        third: None,
    };
    let mut shapes = [none; ENDPOINTS.len()];
    let mut position = 0;
    while position < shapes.len() {
        shapes[position] = shape(ENDPOINTS[position].path.as_bytes());
        position += 1;
    }
    shapes
}

const fn shape(path: &[u8]) -> Shape {
    let (mut segments, mut third) = (0, Some(NO_HASH));
    let mut at = 0;
    while at < path.len() {
        let is_start = path[at] != b'/' && (at == 0 || path[at - 1] == b'/');
        if is_start {
            segments += 1;
        }
        if segments == 3 && path[at] != b'/' {
            third = match (path[at], third) {
                (b'{', _) | (_, None) => None,
                (byte, Some(hash)) => Some(hashed(hash, byte)),
            };
        }
        at += 1;
    }
    Shape { segments, third }
}

const NO_HASH: u32 = 0x811c_9dc5;

/// Adds a byte to a hash (FNV-1a).
const fn hashed(hash: u32, byte: u8) -> u32 {
    (hash ^ byte.to_ascii_lowercase() as u32).wrapping_mul(0x0100_0193)
}

/// Returns the endpoints that a path may be one of.
fn candidates(segments: &[Segment]) -> impl Iterator<Item = &'static Endpoint> {
    let third = segments
        .get(2)
        .map_or("", |segment| segment.text.as_str())
        .bytes()
        .fold(NO_HASH, hashed);
    let count = segments.len();
    let fits = move |shape: &Shape| {
        shape.segments == count && shape.third.is_none_or(|hash| hash == third)
    };
    let all = SHAPES.iter().zip(all());
    all.filter(move |(shape, _)| fits(shape))
        .map(|(_, endpoint)| endpoint)
}

pub(super) fn best(method: &str, segments: &[Segment]) -> Option<Match> {
    candidates(segments)
        .filter(|endpoint| endpoint.method == method)
        .filter_map(|endpoint| matched(endpoint, segments))
        .max_by_key(|found| (found.literals, found.endpoint.class))
}

/// Matches segment by segment.
fn matched(endpoint: &'static Endpoint, segments: &[Segment]) -> Option<Match> {
    let mut found = Match {
        endpoint,
        params: Vec::new(),
        literals: 0,
        is_plain: true,
    };
    // Nothing is copied for the many endpoints that do not match.
    let mut params = [("", ""); MAX_PARAMS];
    let mut count = 0;
    let mut rest = segments.iter();
    let mut before = "";
    for part in endpoint.path.split('/').filter(|part| !part.is_empty()) {
        let segment = rest.next()?;
        if segment.is_joined && !(before == "{project}" && part.starts_with('{')) {
            found.is_plain = false;
        }
        before = part;
        let text = segment.text.as_str();
        // A server resolves these, and then it is another path.
        if matches!(text, "." | "..") {
            return None;
        }
        let Some(open) = part.find('{') else {
            if !part.eq_ignore_ascii_case(text) {
                return None;
            }
            found.literals += part.len();
            continue;
        };
        let (prefix, name) = part.split_at(open);
        let name = name.trim_start_matches('{').trim_end_matches('}');
        let value = without_prefix(text, prefix)?;
        // `id:...` is never a project's name.
        if value.is_empty() || (name == "project" && without_prefix(value, "id:").is_some()) {
            return None;
        }
        found.literals += prefix.len();
        *params.get_mut(count)? = (name, value);
        count += 1;
    }
    if rest.next().is_some() {
        return None;
    }
    let params = params[..count].iter();
    found.params = params
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    Some(found)
}

/// Returns what follows a prefix of any letter case.
pub(crate) fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.get(..prefix.len())
        .filter(|start| start.eq_ignore_ascii_case(prefix))
        .map(|_| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn classify<'a>(
        method: &str,
        path: &str,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Classified {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        classify_as(&methods(method, query, headers, &[]), path)
    }

    fn find(method: &str, path: &str) -> Option<Match> {
        judge(&method.to_ascii_uppercase(), &Path::of(path)).1
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
                "/api/v1/datasets/p/d",
                Some(("X_Http-Method_OVERRIDE", "DELETE")),
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

    #[test]
    fn an_encoded_slash_opens_no_gate() {
        for (method, path, class, name) in [
            // The vendor's own spelling.
            (
                "POST",
                "/api/v1/datasets/retail%2Forders/export",
                Class::Read,
                Some("export-dataset"),
            ),
            (
                "DELETE",
                "/api/v1/datasets/retail%2forders",
                Class::Destructive,
                Some("delete-dataset"),
            ),
            // A server that takes it for data would see an update of a dataset, or what nobody knows.
            (
                "POST",
                "/api/v1/datasets/retail/orders%2Fexport",
                Class::Write,
                Some("export-dataset"),
            ),
            (
                "POST",
                "/api/v1/datasets%2Fretail/orders/export",
                Class::Write,
                Some("export-dataset"),
            ),
            (
                "POST",
                "/api/_private/users%2Fu1",
                Class::Write,
                Some("update-user"),
            ),
            // Data that holds one: the attachment is still found.
            (
                "GET",
                "/api/v1/attachments/AbC%2FdEf",
                Class::Read,
                Some("get-attachment"),
            ),
            (
                "DELETE",
                "/api/_private/buckets/id:b1/keyed-sync-state/a%2Fb",
                Class::Destructive,
                Some("delete-keyed-sync-state"),
            ),
        ] {
            let classified = classify(method, path, no_headers());
            assert_eq!(classified.class, class, "{method} {path}");
            assert_eq!(
                classified.endpoint.map(|endpoint| endpoint.name),
                name,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn only_what_can_be_a_project_is_one() {
        for (path, project) in [
            ("/api/v1/datasets/retail.eu_1/orders", Some("retail.eu_1")),
            ("/api/v1/datasets/ReTail/orders", Some("ReTail")),
            ("/api/v1/datasets/retail;x=1/orders", None),
            ("/api/v1/datasets/retail%20/orders", None),
            ("/api/v1/datasets/%2572etail/orders", None),
            ("/api/v1/datasets/re%FFtail/orders", None),
            ("/api/v1/datasets/id:1/orders", None),
            ("/api/v1/datasets/../orders", None),
            ("/api/v1/datasets/%2e/orders", None),
        ] {
            let classified = classify("DELETE", path, no_headers());
            assert_eq!(classified.project.as_deref(), project, "{path}");
            assert_ne!(classified.class, Class::Read, "{path}");
        }
        // What a server resolves to another path is not read from the catalogue.
        let climbing = classify("POST", "/api/v1/datasets/p/%2e%2e/export", no_headers());
        assert_eq!(
            (climbing.class, climbing.endpoint.is_none()),
            (Class::Write, true)
        );
    }

    #[test]
    fn a_declared_read_is_believed_only_where_nothing_is_known() {
        let class = |method: &str, path: &str, header: Option<(&'static str, &'static str)>| {
            classify(method, path, header.into_iter())
                .declared_a_read()
                .class
        };
        let delete = Some(("X-HTTP-Method-Override", "DELETE"));
        for (method, path, header, expected) in [
            ("POST", "/api/v1/unlisted", None, Class::Read),
            ("PUT", "/api/v1/unlisted/x", None, Class::Read),
            ("DELETE", "/api/v1/unlisted", None, Class::Write),
            ("PATCH", "/api/v1/unlisted", None, Class::Write),
            ("POST", "/api/v1/unlisted", delete, Class::Write),
            ("POST", "/api/v1/unlisted?_method=PUT", None, Class::Write),
            // Known as more: by this method, by another one, in another family, by its encoding.
            ("DELETE", "/api/v1/datasets/p/d", None, Class::Destructive),
            (
                "PUT",
                "/api/v1/datasets/p/d/streams/s/reset",
                None,
                Class::Write,
            ),
            (
                "POST",
                "/api/preview/datasets/p/d/streams/s/advance",
                None,
                Class::Write,
            ),
            ("POST", "/api/V1/users", None, Class::Write),
            (
                "POST",
                "/api/v1/datasets/p/d/streams%2Fs/reset",
                None,
                Class::Stateful,
            ),
            // Known as more by a server that forgives the spelling.
            (
                "POST",
                "/api/v1/datasets/p/d/streams/s/advance;x",
                None,
                Class::Write,
            ),
            (
                "POST",
                "/api/v1/datasets/p/d/streams/s/%2561dvance",
                None,
                Class::Write,
            ),
            (
                "POST",
                "/api;v=1/v1/datasets/p/d/streams/s/advance%20",
                None,
                Class::Write,
            ),
            (
                "PUT",
                "/api/v1/datasets/p;x/d/streams%5Cs/reset.json",
                None,
                Class::Write,
            ),
            ("POST", "/api/v1/users%00", None, Class::Write),
            (
                "POST",
                "/api/v1/unlisted/a b;x/%25c3%25bc",
                None,
                Class::Read,
            ),
            // Known as a read by another method.
            ("POST", "/api/v1/audit_events/query", None, Class::Read),
            ("PUT", "/api/v1/audit_events/query", None, Class::Read),
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
