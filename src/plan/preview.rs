//! `--dry-run` and `--curl`: a planned call as text, with nothing sent and no token read.

use std::ffi::OsString;

use http::Method;

use super::guard::{self, Decision, Needed, Refusal};
use super::target::Filled;
use crate::catalogue::{Class, Classified};
use crate::cli::options::{ConnectionOptions, RequestOptions};
use crate::error::{Failure, Result};
use crate::exchange::proxy::Proxy;
use crate::profile::{Guard, Profile};
use crate::request::{Body, Request};
use crate::secret::source::{Stored, TokenSource};
use crate::secret::{REDACTED, Redactor};
use crate::text::terminal::{sanitise, sanitise_text};

/// What `--dry-run` tells about.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) request: &'a Request,
    /// The placeholders with their values.
    pub(crate) filled: &'a [Filled],
    pub(crate) classified: &'a Classified,
    pub(crate) profile: &'a Profile,
    pub(crate) decision: &'a Decision,
    /// The proxy that would be used.
    pub(crate) proxy: Option<&'a Proxy>,
}

/// Returns what `--dry-run` prints.
pub(crate) fn dry_run(look: &Look<'_>) -> String {
    let url = Redactor::default().url(&look.request.url);
    shown(look.request, &url, true, facts(look))
}

/// Lays out a request and what is known of it.
fn shown(request: &Request, url: &str, has_token: bool, facts: Vec<(String, String)>) -> String {
    // Only header names and parameter names tell secrets here: the token itself is not read.
    let redactor = Redactor::default();
    let mut lines = vec![format!("{} {url}", request.method)];
    if has_token {
        lines.push(format!("Authorization: Bearer {REDACTED}"));
    }
    for header in &request.headers {
        lines.push(format!(
            "{}: {}",
            header.name,
            redactor.header(&header.name, &header.value)
        ));
    }
    let mut text = lines
        .iter()
        .map(|line| format!("{}\n", sanitise(line)))
        .collect::<String>();
    if let Some(body) = shown_body(&request.body) {
        text.push_str(&format!("\n{}\n", body.trim_end_matches('\n')));
    }
    text.push('\n');
    let width = facts.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or_default();
    for (name, value) in facts {
        text.push_str(&format!(
            "{:<width$}  {}\n",
            sanitise(&name),
            sanitise(&value)
        ));
    }
    text.push_str("nothing was sent\n");
    text
}

fn shown_body(body: &Body) -> Option<String> {
    match body {
        Body::Empty => None,
        Body::Bytes(bytes) => Some(sanitise_text(&String::from_utf8_lossy(bytes)).into_owned()),
        Body::File { path, length, .. } => Some(match length {
            Some(length) => format!("(the {length} bytes of {})", path.display()),
            None => format!("(what {} gives)", path.display()),
        }),
        Body::Stdin => Some("(standard input)".to_owned()),
        Body::Form(form) => Some(match form.length() {
            Some(length) => format!("(a form of {length} bytes)"),
            None => "(a form)".to_owned(),
        }),
    }
}

fn facts(look: &Look<'_>) -> Vec<(String, String)> {
    let (profile, classified) = (look.profile, look.classified);
    let endpoint = classified.endpoint;
    let mut facts = vec![
        ("profile", profile.name.clone()),
        (
            "endpoint",
            format!("{} ({})", profile.base.value.as_str(), profile.base.origin),
        ),
    ];
    let is_filled = |name: &str| look.filled.iter().any(|filled| filled.name == name);
    if let Some(project) = profile.project.as_ref().filter(|_| !is_filled("project")) {
        facts.push(("project", format!("{} ({})", project.value, project.origin)));
    }
    facts.push(("token", profile.token.describe()));
    facts.extend(proxy_fact(look.proxy));
    facts.push(class_fact(classified));
    if let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.permissions.is_empty()) {
        facts.push(("needs", endpoint.permissions.join(", ")));
    }
    facts.extend(cost_fact(classified, look.request));
    facts.push(("guard", guard_words(profile, look.decision)));
    let filled = look.filled.iter().map(|filled| {
        let value = format!("{} ({})", filled.value, filled.origin);
        (format!("{{{}}}", filled.name), value)
    });
    let facts = facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    filled.chain(facts).collect()
}

fn proxy_fact(proxy: Option<&Proxy>) -> Option<(&'static str, String)> {
    let proxy = proxy?;
    Some(("proxy", format!("{} ({})", proxy.shown(), proxy.origin)))
}

/// Says what a call may do.
pub(crate) fn class_fact(classified: &Classified) -> (&'static str, String) {
    let class = classified.class.name();
    let endpoint = classified.endpoint.map(|endpoint| endpoint.name);
    let endpoint = endpoint.unwrap_or("not in the catalogue");
    ("class", format!("{class} ({endpoint})"))
}

/// Says what a call may cost, if it is billable.
pub(crate) fn cost_fact(
    classified: &Classified,
    request: &Request,
) -> Option<(&'static str, String)> {
    let is_billable = classified.class == Class::Billable;
    is_billable.then(|| ("cost", cost(classified, request)))
}

/// Says what a billable call may cost.
pub(crate) fn cost(classified: &Classified, request: &Request) -> String {
    let body = match &request.body {
        Body::Bytes(bytes) => Some(&bytes[..]),
        _ => None,
    };
    match classified
        .endpoint
        .and_then(|endpoint| guard::ai_units(endpoint, body))
    {
        Some(1) => "up to 1 AI unit".to_owned(),
        Some(units) => format!("up to {units} AI units"),
        None => "AI units, how many is not known".to_owned(),
    }
}

/// Says what a guard does with a call.
pub(crate) fn guard_words(profile: &Profile, decision: &Decision) -> String {
    match decision {
        Decision::Allow if profile.guard.value == Guard::None => "none applies".to_owned(),
        Decision::Allow => format!("{}: passes", profile.guard.value.name()),
        Decision::Ask(needed) => {
            format!(
                "{}: the name {} would be asked for",
                needed.guard.name(),
                needed.owner
            )
        }
        Decision::Unknown(why) => format!("not known: would be refused ({why})"),
        Decision::Refuse(needed, Refusal::ReadOnly | Refusal::Rewritten) => format!(
            "{}: would be refused (profile {}{})",
            needed.guard.name(),
            needed.owner,
            because(needed)
        ),
        Decision::Refuse(needed, _) => {
            format!(
                "{}: would be refused without --confirm {}{}",
                needed.guard.name(),
                needed.owner,
                because(needed)
            )
        }
    }
}

/// Says why a guard applies, where that does not go without saying.
fn because(needed: &Needed) -> String {
    match needed.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    }
}

/// Returns the curl line that sends the same request, with the token's variable in its place and
/// without the proxy's user and password.
///
/// # Errors
/// Fails for a body that cannot be in a line, and for the demo: a line without its port would
/// send another tenant's token to whatever listens on this machine.
pub(crate) fn curl(
    request: &Request,
    profile: &Profile,
    typed: &RequestOptions,
    connection: &ConnectionOptions,
    proxy: Option<&Proxy>,
) -> Result<String> {
    if profile.is_demo() {
        return Err(
            Failure::usage("--curl is not available for the built-in demo tenant")
                .fact("nothing was sent")
                .hint("start one with 'rein demo' and use its address"),
        );
    }
    let quote = |text: &str| shell_words::quote(text).into_owned();
    let mut words = vec!["curl".to_owned()];
    let has_body = !matches!(request.body, Body::Empty);
    match request.method {
        Method::HEAD => words.push("-I".to_owned()),
        Method::GET if !has_body => {}
        Method::POST if matches!(request.body, Body::Bytes(_) | Body::Form(_)) => {}
        Method::PUT if matches!(request.body, Body::File { .. } | Body::Stdin) => {}
        _ => words.push(format!("-X {}", request.method)),
    }
    if request.url.as_str().contains(['[', ']', '{', '}']) {
        words.push("-g".to_owned());
    }
    words.push(quote(request.url.as_str()));
    words.push(format!(
        "-H \"Authorization: Bearer {}\"",
        token_word(&profile.token)
    ));
    for header in &request.headers {
        match header.name.to_ascii_lowercase().as_str() {
            "accept" if header.value == "*/*" => {}
            "accept-encoding" => words.push("--compressed".to_owned()),
            // curl makes the boundary itself.
            "content-type" if matches!(request.body, Body::Form(_)) => {}
            _ if header.value.is_empty() => {
                words.push(format!("-H {}", quote(&format!("{};", header.name))));
            }
            _ => words.push(format!(
                "-H {}",
                quote(&format!("{}: {}", header.name, header.value))
            )),
        }
    }
    words.extend(removed_words(request));
    words.extend(body_words(&request.body, typed)?);
    words.extend(proxy_words(request, profile, connection, proxy));
    words.extend(connection_words(profile, connection));
    Ok(words.join(" ") + "\n")
}

/// Takes out the headers that curl adds by itself and the request does not have.
fn removed_words(request: &Request) -> Vec<String> {
    let has_data = matches!(request.body, Body::Bytes(_));
    [
        ("Accept", true),
        ("User-Agent", true),
        ("Content-Type", has_data),
    ]
    .iter()
    .filter(|(name, is_added)| *is_added && request.header(name).is_none())
    .map(|(name, _)| format!("-H {name}:"))
    .collect()
}

/// Says through which proxy, and that there is none where one was set aside. Plain http stays on
/// this machine: a proxy that the environment names where the line is pasted must not see the token.
fn proxy_words(
    request: &Request,
    profile: &Profile,
    options: &ConnectionOptions,
    proxy: Option<&Proxy>,
) -> Option<String> {
    let was_given = options.proxy.is_some() || profile.proxy.is_some();
    match proxy {
        Some(proxy) => Some(format!("-x {}", shell_words::quote(&proxy.address()))),
        None => (was_given || request.url.scheme() == "http").then(|| "-x ''".to_owned()),
    }
}

/// Returns what a shell puts the token in for, within double quotes: its variable, its file, or
/// the usual variable where the profile has neither.
fn token_word(source: &TokenSource) -> String {
    let file = match source {
        TokenSource::Option(path) if path.as_os_str() != "-" => Some(path),
        TokenSource::Stored(Stored::File(path)) => Some(path),
        _ => None,
    };
    if let Some(path) = file {
        return format!("$(cat {})", shell_words::quote(&path.to_string_lossy()));
    }
    match source {
        TokenSource::Stored(Stored::Variable(name)) => format!("${name}"),
        TokenSource::Environment {
            own: Some(own),
            general: false,
            ..
        } => format!("${own}"),
        _ => "$REINFER_TOKEN".to_owned(),
    }
}

/// Returns what whoever pastes the curl line must know: where the token comes from when that is
/// not the profile's source, and that curl asks for no confirmation.
pub(crate) fn curl_notes(
    profile: &Profile,
    classified: &Classified,
    decision: &Decision,
) -> Vec<String> {
    let mut notes = Vec::new();
    if token_word(&profile.token) == "$REINFER_TOKEN"
        && !matches!(profile.token, TokenSource::Environment { .. })
    {
        notes.push(format!(
            "note: set REINFER_TOKEN to the token of profile {} first: {}",
            sanitise(&profile.name),
            sanitise(&profile.token.describe())
        ));
    }
    if classified.class > Class::Read {
        let guard = match decision {
            Decision::Allow => "",
            _ => ": the guard is rein's, not curl's",
        };
        notes.push(format!(
            "note: this call is {}, and curl sends it without asking{guard}",
            classified.class.description()
        ));
    }
    notes
}

fn body_words(body: &Body, typed: &RequestOptions) -> Result<Vec<String>> {
    let quote = |text: &str| shell_words::quote(text).into_owned();
    Ok(match body {
        Body::Empty => Vec::new(),
        Body::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => vec![format!("--data-raw {}", quote(text))],
            _ => {
                return Err(Failure::usage(
                    "the body contains bytes that cannot be in a command line",
                )
                .hint("keep it in a file: curl ... --data-binary @FILE"));
            }
        },
        Body::File { path, .. } => vec![format!("-T {}", quote(&path.to_string_lossy()))],
        Body::Stdin => vec!["-T -".to_owned()],
        Body::Form(_) => {
            let option = |option: &str, words: &[OsString]| {
                words
                    .iter()
                    .map(|word| format!("{option} {}", quote(&word.to_string_lossy())))
                    .collect::<Vec<_>>()
            };
            [
                option("-F", &typed.form),
                option("--form-string", &typed.form_string),
            ]
            .concat()
        }
    })
}

fn connection_words(profile: &Profile, options: &ConnectionOptions) -> Vec<String> {
    let quote = |text: &str| shell_words::quote(text).into_owned();
    let mut words = Vec::new();
    let profile_ca = profile
        .ca_file
        .as_ref()
        .map(|setting| setting.value.as_os_str().to_owned());
    for (option, value) in [
        ("--cacert", options.cacert.clone().or(profile_ca)),
        ("--cert", options.cert.clone()),
        ("--key", options.key.clone()),
        ("--noproxy", options.noproxy.clone()),
    ] {
        words.extend(value.map(|value| format!("{option} {}", quote(&value.to_string_lossy()))));
    }
    words.extend(
        options
            .resolve
            .iter()
            .map(|value| format!("--resolve {}", quote(&value.to_string_lossy()))),
    );
    for (given, word) in [
        (options.insecure, "-k"),
        (options.ipv4, "-4"),
        (options.ipv6, "-6"),
        (options.http1_1, "--http1.1"),
    ] {
        if given {
            words.push(word.to_owned());
        }
    }
    words
}
