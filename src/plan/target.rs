//! TARGET and its placeholders, made into a URL under the profile's endpoint.

use percent_encoding::utf8_percent_encode;
use url::Url;

use crate::error::{Failure, Result, nearest};
use crate::output::record::SentTo;
use crate::profile::{Origin, Profile, is_placeholder_name};
use crate::request::location::{Location, read_path};
use crate::request::{COMPONENT, Request};
use crate::secret::Redactor;
use crate::text::terminal::sanitise;

/// The host that the API's documentation writes in its examples.
const DOCUMENTED_HOST: &str = "<my_api_endpoint>";

/// A value for a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Var {
    /// The placeholder's name.
    pub(crate) name: String,
    /// What to put in its place.
    pub(crate) value: String,
    /// Who said so.
    pub(crate) origin: Origin,
}

/// A placeholder with the value that it was given: for showing which value came from where.
pub(crate) type Filled = Var;

/// Returns the URL that TARGET means, every placeholder filled.
///
/// # Errors
/// Fails (exit 2) when the text is not a target, holds a placeholder without a value, or leads out
/// of the endpoint.
pub(crate) fn resolve(text: &str, profile: &Profile, vars: &[Var]) -> Result<Url> {
    refuse_control_characters(text)?;
    let below = match spelling(text)? {
        Spelling::Below(path) => path,
        Spelling::Whole(url) => below_the_endpoint(url, profile)?,
    };
    let filled = fill(&below, |name| {
        value_of(name, profile, vars).map(|(value, _)| value)
    })?;
    profile.base.value.join(&filled)
}

/// Returns every placeholder of TARGET with its value and where that came from.
pub(crate) fn filled(text: &str, profile: &Profile, vars: &[Var]) -> Vec<Filled> {
    let below = match spelling(text) {
        Ok(Spelling::Below(path)) => path,
        Ok(Spelling::Whole(url)) => url.to_owned(),
        Err(_) => return Vec::new(),
    };
    let mut found: Vec<Filled> = Vec::new();
    for name in names(&below) {
        if let Some((value, origin)) = value_of(name, profile, vars)
            && !found.iter().any(|filled| filled.name == name)
        {
            found.push(Filled {
                name: name.to_owned(),
                value: value.to_owned(),
                origin: origin.clone(),
            });
        }
    }
    found
}

/// Returns the path below the endpoint that TARGET names, placeholders as they are; `None` where it
/// is a whole URL.
pub(super) fn path_below(text: &str) -> Option<String> {
    match spelling(text).ok()? {
        Spelling::Below(path) => Some(path),
        Spelling::Whole(_) => None,
    }
}

enum Spelling<'a> {
    /// A path below the endpoint, with its first slash.
    Below(String),
    /// A URL with a host of its own.
    Whole(&'a str),
}

fn spelling(text: &str) -> Result<Spelling<'_>> {
    let without_scheme = without_scheme(text);
    if let Some(path) = documented(without_scheme) {
        return Ok(Spelling::Below(path.to_owned()));
    }
    if without_scheme.len() < text.len() {
        return Ok(Spelling::Whole(text));
    }
    if let Some(path) = mangled_by_a_windows_shell(text) {
        return Err(
            Failure::usage("the target was rewritten by the shell into a Windows path")
                .hint(format!(
                    "write it without its first slash: rein {}",
                    path.trim_start_matches('/')
                ))
                .hint("or set MSYS_NO_PATHCONV=1 for this shell"),
        );
    }
    if text.contains("://") {
        return Err(Failure::usage("only http and https URLs can be called"));
    }
    if text.starts_with("//") || text.starts_with(r"\\") {
        return Err(Failure::usage(
            "a target that begins with // would name another host",
        ));
    }
    if text.starts_with('/') {
        return Ok(Spelling::Below(text.to_owned()));
    }
    match text.split('/').next() {
        Some("v1" | "preview" | "_private") => Ok(Spelling::Below(format!("/api/{text}"))),
        Some("api" | "auth") => Ok(Spelling::Below(format!("/{text}"))),
        _ => Err(not_a_target(text)),
    }
}

/// Returns what follows `http://` or `https://`, in any letter case, or else the whole text.
pub(crate) fn without_scheme(text: &str) -> &str {
    match text.split_once("://") {
        Some((scheme, rest))
            if ["http", "https"]
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known)) =>
        {
            rest
        }
        _ => text,
    }
}

/// Returns the path of a URL as the documentation writes it, its host not filled in.
pub(crate) fn documented(text: &str) -> Option<&str> {
    if let Some(path) = text.strip_prefix(DOCUMENTED_HOST) {
        return Some(path);
    }
    let (host, path) = text.split_at(text.find('/')?);
    if host.starts_with('<') && host.ends_with(">.reinfer.io") {
        return Some(path);
    }
    if host != "cloud.uipath.com" {
        return None;
    }
    let mut segments = path.splitn(5, '/').skip(1);
    let (organisation, tenant, service) = (segments.next()?, segments.next()?, segments.next()?);
    let is_open = |segment: &str| segment.starts_with('<') && segment.ends_with('>');
    if !(is_open(organisation) && is_open(tenant) && service == "reinfer_") {
        return None;
    }
    path.find("/reinfer_")
        .map(|start| &path[start + "/reinfer_".len()..])
}

/// Returns the API path inside a path that Git Bash made of it (`C:/Program Files/Git/api/...`).
fn mangled_by_a_windows_shell(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let has_drive = bytes.len() > 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'/' | b'\\');
    if !has_drive {
        return None;
    }
    ["/api/", "/auth/"]
        .iter()
        .find_map(|start| text.find(start))
        .map(|start| &text[start..])
}

fn not_a_target(text: &str) -> Failure {
    let close = nearest(text, ["v1/", "/api/v1/", "/auth/user"]);
    Failure::usage(format!("'{}' is not a target", sanitise(text)))
        .suggest(close.first().copied())
        .hint("write /api/v1/..., v1/..., /auth/user or a URL under the endpoint")
}

fn refuse_control_characters(text: &str) -> Result<()> {
    if text.chars().any(char::is_control) {
        return Err(
            Failure::usage("the target contains a control character").fact("nothing was sent")
        );
    }
    Ok(())
}

/// Returns the part of a full URL below the endpoint, when it is the profile's.
fn below_the_endpoint(text: &str, profile: &Profile) -> Result<String> {
    let base = &profile.base.value;
    let after_scheme = without_scheme(text);
    let end = after_scheme.find(['/', '?', '#']);
    let (host, path) = after_scheme.split_at(end.unwrap_or(after_scheme.len()));
    // A parser takes all of these for something else than what is written.
    if host.is_empty() || host.contains(['\\', '@', '%']) {
        return Err(
            Failure::usage("the URL's host can be read in more than one way")
                .fact("nothing was sent")
                .hint("write it plainly, without user, \\ or %, or write the path alone"),
        );
    }
    // Placeholders are filled later; a stand-in keeps the parser from encoding their brackets.
    let probe = text.replace(['{', '}', '<', '>'], "x");
    let url = Url::parse(&probe).map_err(|_| {
        Failure::usage(format!("'{}' is not a valid URL", sanitise(text))).fact("nothing was sent")
    })?;
    if !base.owns(&url) {
        profile.check_token_home(&url, &Location::of(&url))?;
    }
    // What `owns` saw was normalized. The text itself has to spell the endpoint as the profile does,
    // or it could mean another tenant to the server.
    path.strip_prefix(base.path_prefix())
        .map(str::to_owned)
        .ok_or_else(|| {
            Failure::usage("the URL does not spell the endpoint as the profile does")
                .fact(format!("endpoint: {}", sanitise(base.as_str())))
                .fact("nothing was sent")
                .hint("write the path alone")
        })
}

fn value_of<'a>(
    name: &str,
    profile: &'a Profile,
    vars: &'a [Var],
) -> Option<(&'a str, &'a Origin)> {
    let typed = vars.iter().rev().find(|var| var.name == name);
    typed
        .map(|var| (var.value.as_str(), &var.origin))
        .or_else(|| {
            let setting = profile.placeholder(name)?;
            Some((setting.value.as_str(), &setting.origin))
        })
}

/// Returns path and query below the endpoint.
pub(crate) fn below(request: &Request, profile: &Profile, redactor: &Redactor) -> String {
    SentTo::new(&request.url, profile.base.value.as_str()).path(redactor)
}

/// Returns the names of the placeholders in a text, in their order.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(['{', '<'])
        .filter_map(|(start, _)| placeholder(&text[start..]))
}

/// Replaces `<name>` alone, in a URL that braces are a part of.
///
/// # Errors
/// Fails as [`fill`] does.
pub(crate) fn fill_angles(text: &str, profile: &Profile, vars: &[Var]) -> Result<String> {
    fill_marked(text, &['<'], |name| {
        value_of(name, profile, vars).map(|(value, _)| value)
    })
}

/// Replaces `{name}` and `<name>` by their values, each percent-encoded as one path segment.
///
/// # Errors
/// Fails when values are missing, naming all of them, or when a value would change the path.
pub(crate) fn fill<'a>(text: &str, value_of: impl Fn(&str) -> Option<&'a str>) -> Result<String> {
    fill_marked(text, &['{', '<'], value_of)
}

fn fill_marked<'a>(
    text: &str,
    marks: &[char],
    value_of: impl Fn(&str) -> Option<&'a str>,
) -> Result<String> {
    let mut filled = String::with_capacity(text.len());
    let mut missing: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(marks) {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(name) = placeholder(rest) else {
            filled.push_str(&rest[..1]);
            rest = &rest[1..];
            continue;
        };
        match value_of(name) {
            Some(value) => filled.push_str(&segment(name, value)?),
            None if !missing.contains(&name) => missing.push(name),
            None => {}
        }
        rest = &rest[name.len() + 2..];
    }
    filled.push_str(rest);
    if missing.is_empty() {
        Ok(filled)
    } else {
        Err(unfilled(&missing))
    }
}

/// Returns the name of the placeholder that the text begins with.
fn placeholder(text: &str) -> Option<&str> {
    let close = if text.starts_with('{') { '}' } else { '>' };
    let name = &text[1..text.find(close)?];
    is_placeholder_name(name).then_some(name)
}

fn segment(name: &str, value: &str) -> Result<String> {
    let encoded = utf8_percent_encode(value, COMPONENT).to_string();
    // A server may decode more than once.
    let (segments, oddities) = read_path(&encoded);
    if segments.is_empty() || oddities.iter().any(|oddity| oddity.may_leave()) {
        return Err(
            Failure::usage(format!("the value of {{{name}}} would change the path"))
                .fact("a value that is empty, . or .. is not a name")
                .fact("nothing was sent"),
        );
    }
    if value.chars().any(char::is_control) {
        return Err(Failure::usage(format!(
            "the value of {{{name}}} contains a control character"
        )));
    }
    Ok(encoded)
}

fn unfilled(missing: &[&str]) -> Failure {
    let names: Vec<String> = missing.iter().map(|name| format!("{{{name}}}")).collect();
    let typed: Vec<String> = missing
        .iter()
        .map(|name| format!("-V {name}=VALUE"))
        .collect();
    let failure = Failure::usage(format!("no value for {}", names.join(", ")))
        .fact("nothing was sent")
        .hint(format!("add {}", typed.join(" ")));
    if missing.contains(&"project") {
        failure.hint("or name the project: --project NAME, or project = \"NAME\" in the profile")
    } else {
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Env;
    use crate::profile::resolve::{Choice, resolve as resolve_profile};
    use proptest::prelude::*;

    fn profile() -> Profile {
        let env = Env::with_vars([
            (
                "REINFER_ENDPOINT",
                "https://cloud.uipath.com/acme/dev/reinfer_/",
            ),
            ("REINFER_TOKEN", "t"),
            ("REINFER_PROJECT", "retail"),
        ]);
        resolve_profile(&Choice::default(), &env).expect("a profile")
    }

    fn url(text: &str) -> Result<String> {
        let vars = [Var {
            name: "dataset".to_owned(),
            value: "a b/ü".to_owned(),
            origin: Origin::Option("-V"),
        }];
        resolve(text, &profile(), &vars).map(|url| url.to_string())
    }

    const BASE: &str = "https://cloud.uipath.com/acme/dev/reinfer_";

    #[test]
    fn every_spelling_means_the_same_url() {
        for text in [
            "/api/v1/datasets",
            "v1/datasets",
            "api/v1/datasets",
            "https://<my_api_endpoint>/api/v1/datasets",
            "<my_api_endpoint>/api/v1/datasets",
            "https://<mydomain>.reinfer.io/api/v1/datasets",
            "https://cloud.uipath.com/<org>/<tenant>/reinfer_/api/v1/datasets",
            "https://cloud.uipath.com/acme/dev/reinfer_/api/v1/datasets",
            "HTTPS://CLOUD.uipath.com:443/acme/dev/reinfer_/api/v1/datasets",
            "HTTPS://<my_api_endpoint>/api/v1/datasets",
        ] {
            assert_eq!(url(text), Ok(format!("{BASE}/api/v1/datasets")), "{text}");
        }
    }

    #[test]
    fn placeholders_become_one_encoded_segment_each() {
        let cases = [
            (
                "v1/x/{project}/{dataset}",
                "/api/v1/x/retail/a%20b%2F%C3%BC",
            ),
            ("v1/x/<project>", "/api/v1/x/retail"),
            ("v1/x?p={project}", "/api/v1/x?p=retail"),
            ("/auth/user", "/auth/user"),
            (
                "v1/sources/id:18ba5ce699f8da1f",
                "/api/v1/sources/id:18ba5ce699f8da1f",
            ),
            (
                "/api/_private/buckets/id:a/keyed-sync-states/",
                "/api/_private/buckets/id:a/keyed-sync-states/",
            ),
        ];
        for (text, path) in cases {
            assert_eq!(url(text), Ok(format!("{BASE}{path}")), "{text}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for text in [
            "https://evil.example/api/v1/datasets",
            "https://cloud.uipath.com/acme/prod/reinfer_/api/v1/datasets",
            "https://cloud.uipath.com/acme/dev/reinfer_evil/api",
            "https://cloud.uipath.com.evil.example/acme/dev/reinfer_/api",
            "https://cloud.uipath.com@evil.example/acme/dev/reinfer_/api",
            "https://u:p@cloud.uipath.com/acme/dev/reinfer_/api",
            "https://@cloud.uipath.com/acme/dev/reinfer_/api",
            "https:///cloud.uipath.com/acme/dev/reinfer_/api",
            "https://cloud.uipath%2ecom/acme/dev/reinfer_/api",
            r"https://cloud.uipath.com\acme/dev/reinfer_/acme/dev/reinfer_/api",
            r"https://cloud.uipath.com\/acme/dev/reinfer_/api",
            r"https:/\cloud.uipath.com/acme/dev/reinfer_/api",
            r"https:\\cloud.uipath.com/acme/dev/reinfer_/api",
            r"https://\cloud.uipath.com/acme/dev/reinfer_/api",
            r"https://cloud.uipath.com/acme\dev/reinfer_/api",
            r"https://cloud.uipath.com/acme/dev/reinfer_\api",
            r"https://<my_api_endpoint>\x/api",
            "https://cloud.uipath.com/acme/dev/reinfer_/../../x",
            "//evil.example/api",
            r"\\evil.example/api",
            "/api/../x",
            "/api/%2e%2e/x",
            "/api/%252e%252e/x",
            "/api/v1\\x",
            "/api/\nx",
            "ftp://cloud.uipath.com/acme/dev/reinfer_/api",
            "C:/Program Files/Git/api/v1/datasets",
            "datasets/x",
        ] {
            assert!(url(text).is_err(), "{text}: {:?}", url(text));
        }
    }

    #[test]
    fn missing_values_are_named_together() {
        let failure = url("v1/{a}/{b}/{a}").expect_err("two missing");
        assert_eq!(failure.headline, "no value for {a}, {b}");
    }

    #[test]
    fn values_that_would_change_the_path_are_refused() {
        for value in ["", ".", "..", "%2e%2e", "%252e", "%2E.", "a\nb"] {
            assert!(fill("/x/{v}", |_| Some(value)).is_err(), "{value}");
        }
        assert_eq!(fill("/x/{v}", |_| Some("...")), Ok("/x/...".to_owned()));
    }

    #[test]
    fn text_that_is_no_placeholder_is_left_alone() {
        for text in ["/x?q={\"a\":1}", "/x?q=a<b", "/x/{", "/x/{}", "/x/{1}"] {
            assert_eq!(fill(text, |_| None), Ok(text.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_resolves_stays_under_the_base(text in "\\PC{0,40}") {
            if let Ok(url) = resolve(&text, &profile(), &[]) {
                prop_assert!(profile().base.value.owns(&url), "{}", url);
            }
        }

        #[test]
        fn a_filled_value_never_adds_a_segment(value in "\\PC{1,20}") {
            if let Ok(filled) = fill("/a/{v}/b", |_| Some(value.as_str())) {
                prop_assert_eq!(filled.matches('/').count(), 3);
                prop_assert!(!filled.contains('?') && !filled.contains('#'));
            }
        }
    }
}
