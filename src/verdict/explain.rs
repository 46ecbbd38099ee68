//! Verdicts and transport failures in words: who failed, what is known, what to do.

use std::time::Duration;

use http::HeaderMap;

use super::sniff::Sniffer;
use super::{AnsweredBy, Verdict};
use crate::catalogue::{Class, Nearby, nearby};
use crate::error::Failure;
use crate::exchange::failure::{CertificateFault, Limit, TransportFailure, TransportKind};
use crate::exit::Exit;
use crate::profile::known;
use crate::secret::Redactor;
use crate::text::terminal::sanitise;

/// What a message about a call may mention.
#[derive(Debug)]
pub(crate) struct About<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// The path below the endpoint.
    pub(crate) path: String,
    /// The host and port that were called.
    pub(crate) host: &'a str,
    /// The profile's name.
    pub(crate) profile: &'a str,
    /// Where the token came from, when one was sent.
    pub(crate) token_source: Option<&'a str>,
    /// The command that checks this profile, where there is one for it.
    pub(crate) check: Option<String>,
    /// What the endpoint is known to need.
    pub(crate) permissions: &'a [&'a str],
    /// What the call may do.
    pub(crate) class: Class,
    /// The read that shows whether it has been applied, where there is one: method, path, items.
    pub(crate) tells: Option<String>,
    /// The proxy, when one was used.
    pub(crate) proxy: Option<&'a str>,
    /// Takes secrets out of server text.
    pub(crate) redactor: &'a Redactor,
}

impl About<'_> {
    /// Makes text from the server fit for a message: no secrets, no controls, one line, not long.
    fn clean(&self, text: &str) -> String {
        const MAX_LENGTH: usize = 400;
        let clean = self.redactor.clean(text);
        let clean = sanitise(clean.trim());
        if clean.chars().count() <= MAX_LENGTH {
            return clean.into_owned();
        }
        let cut: String = clean.chars().take(MAX_LENGTH).collect();
        format!("{cut}…")
    }

    /// Returns the call's method and path.
    pub(crate) fn call(&self) -> String {
        format!("{} {}", self.method, self.clean(&self.path))
    }

    fn token(&self) -> String {
        match self.token_source {
            Some(source) => format!("token: {source} (profile {})", self.profile),
            None => format!("no token was sent (profile {})", self.profile),
        }
    }
}

/// The header block of a response as far as a message needs it.
#[derive(Debug)]
pub(crate) struct ResponseHead<'a> {
    /// The status code.
    pub(crate) status: u16,
    /// The reason phrase.
    pub(crate) reason: &'a str,
    /// The headers.
    pub(crate) headers: &'a HeaderMap,
}

impl ResponseHead<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn line(&self, about: &About<'_>) -> String {
        format!("{} {}", self.status, about.clean(self.reason))
            .trim_end()
            .to_owned()
    }
}

/// Explains a response that is not what was asked for; `None` when all is well.
pub(crate) fn response(
    verdict: Verdict,
    head: &ResponseHead<'_>,
    body: &Sniffer,
    about: &About<'_>,
) -> Option<Failure> {
    match (verdict.exit, verdict.answered_by) {
        (Exit::Ok, _) => None,
        (Exit::Redirect, _) => Some(redirect(head, about)),
        (exit, AnsweredBy::Intermediary) => Some(not_reinfer(exit, head, body, about)),
        (exit, AnsweredBy::Platform) => Some(platform(exit, head, body, about)),
    }
}

/// Returns the service's message without the status line that it may begin with: the text for an
/// unknown path is nothing else.
pub(crate) fn unrepeated<'a>(message: &'a str, line: &str) -> &'a str {
    let message = message.trim();
    match message.strip_prefix(line) {
        Some("") => "",
        Some(rest) => rest.strip_prefix(':').map_or(message, str::trim),
        None => message,
    }
}

fn redirect(head: &ResponseHead<'_>, about: &About<'_>) -> Failure {
    if head.status == 304 {
        let headline = format!(
            "{}: there is no body, because nothing has changed",
            head.line(about)
        );
        return Failure::new(Exit::Redirect, headline)
            .fact(about.call())
            .hint(
                "leave out If-None-Match and If-Modified-Since, or take it: --expect-status 304",
            );
    }
    let failure = Failure::new(
        Exit::Redirect,
        format!(
            "{}: the server redirected; rein did not follow",
            head.line(about)
        ),
    )
    .fact(about.call());
    match crate::exchange::location(head.headers) {
        Some(location) => failure
            .fact(format!("it points to {}", about.clean(&about.redactor.target(&location))))
            .hint("a redirect to a sign-in page means that endpoint or token is wrong: rein profile show"),
        None => failure.fact("it has no Location header"),
    }
}

fn platform(exit: Exit, head: &ResponseHead<'_>, body: &Sniffer, about: &About<'_>) -> Failure {
    let line = head.line(about);
    let message = body.message().unwrap_or_default();
    let said = match unrepeated(&message, &line) {
        "" => String::new(),
        said => format!(": {}", about.clean(said)),
    };
    let failure = Failure::new(exit, format!("{line} from Re:infer{said}"));
    match head.status {
        401 => {
            let failure = failure.fact(about.call()).fact(about.token()).hint(
                "the token is wrong, or has been replaced: a new token revokes the previous one",
            );
            let check = about.check.iter().map(|check| format!("check: {check}"));
            check.fold(failure, Failure::hint)
        }
        403 => {
            let call = match about.permissions {
                [] => about.call(),
                needs => format!("{} needs: {}", about.call(), needs.join(", ")),
            };
            failure.fact(call).fact(about.token())
        }
        404 => not_there(failure.fact(about.call()), about),
        429 => {
            let failure = failure
                .fact(about.call())
                .fact("nothing was done: too many requests");
            match head.header("retry-after") {
                Some(wait) if wait.bytes().all(|byte| byte.is_ascii_digit()) => {
                    failure.hint(format!("retry in {} s", about.clean(wait)))
                }
                Some(when) => failure.hint(format!("retry after {}", about.clean(when))),
                None => failure.hint("retry later"),
            }
        }
        200..=299 => failure
            .fact(about.call())
            .fact("the status says success, the body says error"),
        500.. => outcome(failure.fact(about.call()), about),
        _ => failure.fact(about.call()),
    }
}

/// Says what to try where the service does not have what was asked for.
fn not_there(failure: Failure, about: &About<'_>) -> Failure {
    let names = format!(
        "check the names in the path, and that profile {} is the right tenant",
        about.profile
    );
    match nearby(about.method, &about.path) {
        Nearby::Path(path) => failure
            .fact("unknown path")
            .hint(format!("did you mean {}?", about.clean(&path))),
        Nearby::Methods(methods) => failure.hint(format!(
            "this path exists with another method: {}",
            methods.join(", ")
        )),
        Nearby::Lists(lists) if !lists.is_empty() => {
            let lists: Vec<String> = lists.iter().map(|list| about.clean(list)).collect();
            failure
                .hint(format!(
                    "list what is there: GET {}",
                    lists.join(", or GET ")
                ))
                .hint(names)
        }
        Nearby::Lists(_) | Nearby::Nothing => failure.hint(names),
    }
}

fn not_reinfer(exit: Exit, head: &ResponseHead<'_>, body: &Sniffer, about: &About<'_>) -> Failure {
    let headline = format!(
        "{}, but the response is not from Re:infer",
        head.line(about)
    );
    let mut failure = Failure::new(exit, headline).fact(about.call());
    failure = failure.fact(format!("response: {}", looks_like(head, body, about)));
    for name in ["server", "via", "www-authenticate"] {
        if let Some(value) = head.header(name) {
            failure = failure.fact(format!("{name}: {}", about.clean(value)));
        }
    }
    failure.hint(guess(head, body, about))
}

fn looks_like(head: &ResponseHead<'_>, body: &Sniffer, about: &About<'_>) -> String {
    let content_type = head.header("content-type").map(|value| about.clean(value));
    if body.seen() == 0 {
        return "an empty body".to_owned();
    }
    if body.is_html() {
        return match body.title() {
            Some(title) => format!("an HTML page titled \"{}\"", about.clean(&title)),
            None => "an HTML page".to_owned(),
        };
    }
    match (body.is_json(), content_type) {
        (true, _) => "JSON without Re:infer's status".to_owned(),
        (false, Some(content_type)) => format!("{content_type}, not JSON"),
        (false, None) => "something that is not JSON".to_owned(),
    }
}

/// Guesses from the usual words who answered, and says what to do about it.
fn guess(head: &ResponseHead<'_>, body: &Sniffer, about: &About<'_>) -> String {
    let text = String::from_utf8_lossy(body.beginning()).to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if head.status == 407 || about.proxy.is_some() && has(&["proxy"]) {
        return "this looks like the proxy: check its address and password".to_owned();
    }
    if has(&["sign in", "signin", "log in", "login", "sso"]) {
        return format!(
            "this looks like a sign-in page: check the endpoint of profile {} (organisation, tenant, reinfer_)",
            about.profile
        );
    }
    if matches!(head.status, 502..=504) {
        return "this looks like a gateway in front of Re:infer: retry, then report it to whoever runs it".to_owned();
    }
    if text.contains("\"error\"") || text.contains("\"errorcode\"") {
        return "this looks like another service: check the endpoint and its path".to_owned();
    }
    format!(
        "check the endpoint of profile {} and any proxy on the way",
        about.profile
    )
}

/// Explains what went wrong on the way to a host, for a request that is not the call itself.
pub(crate) fn transport_headline(failure: &TransportFailure, host: &str) -> Failure {
    let redactor = Redactor::default();
    let about = About {
        method: "",
        path: String::new(),
        host,
        profile: "",
        token_source: None,
        check: None,
        permissions: &[],
        class: Class::Read,
        tells: None,
        proxy: None,
        redactor: &redactor,
    };
    transport(failure, &about)
}

/// Explains a call that got no whole response.
pub(crate) fn transport(failure: &TransportFailure, about: &About<'_>) -> Failure {
    let host = about.host;
    let receive = |what: &str| Failure::new(Exit::Receive, format!("{host} {what}"));
    let unusable = |reason: &str| {
        let headline = format!("no usable response from {host}: {reason}");
        Failure::new(Exit::Receive, headline)
    };
    let explained = match &failure.kind {
        TransportKind::Lookup { host, wanted } => match wanted {
            None => Failure::new(Exit::Lookup, format!("could not resolve {host}"))
                .hint("check the endpoint's spelling, the network and the VPN"),
            Some(family) => {
                let headline = format!("{host} has no {family} address");
                Failure::new(Exit::Lookup, headline)
            }
        },
        TransportKind::Connect { reason } => {
            let proxy = about.proxy.map(|proxy| format!("the proxy {proxy}"));
            let to = proxy.as_deref().unwrap_or(host);
            Failure::new(Exit::Connect, format!("no connection to {to}: {reason}"))
        }
        TransportKind::ProxyRefused { needs_password } => proxy_refused(*needs_password, about),
        TransportKind::Tls { reason } => {
            Failure::new(Exit::Tls, format!("no TLS connection to {host}: {reason}"))
        }
        TransportKind::Certificate { fault } => untrusted(*fault, host),
        TransportKind::TimeOut { limit, what } => time_out(*limit, *what, failure, about),
        TransportKind::EmptyReply => Failure::new(
            Exit::EmptyReply,
            format!("{host} closed the connection without a response"),
        ),
        TransportKind::Receive { reason } => unusable(reason),
        TransportKind::NotHttp { over_plain_http } => unusable(not_http(*over_plain_http)),
        TransportKind::HeadTooLarge => {
            unusable("its header block is too large (maximum: 256 KiB and 512 headers)")
        }
        TransportKind::Incomplete => Failure::new(
            Exit::Incomplete,
            format!("the response of {host} was cut short"),
        )
        .fact("what was received is not the whole body"),
        TransportKind::Upload { reason } => Failure::local(reason.clone()),
        TransportKind::TokenInBody { source } => known::not_for(source, host)
            .fact("the upload was cut before the token; a part of the request was sent"),
        TransportKind::NotProcessed => {
            receive("closed the connection without processing the request")
        }
        TransportKind::NeedsHttp11 => {
            receive("requires HTTP/1.1 for this request").hint("retry with --http1.1")
        }
    };
    let explained = explained.fact(about.call());
    match request_may_have_arrived(failure) {
        true => outcome(explained, about),
        false => explained,
    }
}

fn not_http(over_plain_http: bool) -> &'static str {
    match over_plain_http {
        // What it mostly means: a port for https.
        true => {
            "what came back is not HTTP; if the port is one for https, the endpoint begins with https://"
        }
        false => "what came back is not HTTP",
    }
}

fn untrusted(fault: CertificateFault, host: &str) -> Failure {
    let cure = match fault {
        CertificateFault::Expired | CertificateFault::NotValidYet => {
            "report it to whoever runs the endpoint; if others can call it, set this machine's clock"
        }
        CertificateFault::WrongName => "check the endpoint's spelling",
        _ => "a company's own authority is trusted with ca_file in the profile, or --cacert FILE",
    };
    Failure::new(
        Exit::Certificate,
        format!(
            "the certificate of {host} was not accepted: {}",
            fault.words()
        ),
    )
    .hint(cure)
}

fn proxy_refused(needs_password: bool, about: &About<'_>) -> Failure {
    let proxy = about.proxy.unwrap_or_default();
    let failure = Failure::new(
        Exit::Receive,
        format!(
            "the proxy {proxy} did not open a connection to {}",
            about.host
        ),
    );
    if needs_password {
        failure.hint("it asks for a user and password: http://USER:PASSWORD@HOST:PORT")
    } else {
        failure.hint("ask whoever runs the proxy whether this host is allowed")
    }
}

fn time_out(
    limit: Duration,
    what: Limit,
    failure: &TransportFailure,
    about: &About<'_>,
) -> Failure {
    let seconds = seconds(limit);
    let phase = failure.phase.words();
    let (headline, hint) = match what {
        Limit::Connect => (
            format!("timed out after {seconds} while {phase}"),
            "raise it with --connect-timeout",
        ),
        Limit::Total => (
            format!("timed out after {seconds} (--max-time) while {phase}"),
            "raise it with -m",
        ),
        Limit::Stall => (
            format!("no data moved for {seconds} while {phase}"),
            "raise it with --speed-time",
        ),
        Limit::Speed(speed) => (
            format!("slower than {speed} bytes/s (--speed-limit) for {seconds} while {phase}"),
            "lower it with -Y, or allow more time with -y",
        ),
    };
    Failure::new(Exit::TimeOut, format!("{headline}: {}", about.host)).hint(hint)
}

/// Returns a duration as a person says it.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        let text = format!("{:.1}", duration.as_secs_f64());
        format!("{} s", text.trim_end_matches(".0"))
    }
}

/// Returns whether the request can have reached the server, so that it may have been acted on.
pub(crate) fn request_may_have_arrived(failure: &TransportFailure) -> bool {
    use crate::exchange::timing::Phase;
    matches!(failure.phase, Phase::FirstByte | Phase::Transfer)
        && !matches!(
            failure.kind,
            TransportKind::Connect { .. }
                | TransportKind::Upload { .. }
                | TransportKind::TokenInBody { .. }
                | TransportKind::NotProcessed
                | TransportKind::NeedsHttp11
        )
}

/// What is said of a request, and no read, that a signal has interrupted on its way.
pub(crate) fn interrupted(about: &About<'_>) -> Failure {
    outcome(
        Failure::new(Exit::Interrupted, "interrupted").fact(about.call()),
        about,
    )
}

/// Adds, for anything but a read, that its outcome is not known.
fn outcome(failure: Failure, about: &About<'_>) -> Failure {
    let and = match about.class {
        Class::Read => return failure,
        Class::Write => "",
        Class::Billable => ", and AI units may have been used",
        Class::Stateful => ", and the position may have moved",
        Class::Destructive => ", and what it deletes may be gone",
    };
    failure
        .fact(format!(
            "the outcome is unknown: the request may have been applied{and}"
        ))
        .hint(match (&about.tells, about.class) {
            (Some(read), _) => {
                format!("check before sending it again: {}", about.clean(read))
            }
            (None, Class::Billable) => "sending it again may cost AI units once more".to_owned(),
            (None, _) => "check what it changes before sending it again".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::timing::Phase;
    use crate::secret::Secret;

    const CANARY: &str = "SEKRET-0123";

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.learn(&Secret::new(CANARY.to_owned()));
        redactor
    }

    fn about(redactor: &Redactor) -> About<'_> {
        About {
            method: "POST",
            path: "/api/v1/x".to_owned(),
            host: "h:443",
            profile: "dev",
            token_source: Some("$REINFER_TOKEN_DEV"),
            check: Some("rein profile check dev".to_owned()),
            permissions: &["Streams admin", "View labels"],
            class: Class::Write,
            tells: Some("GET /api/v1/y".to_owned()),
            proxy: None,
            redactor,
        }
    }

    fn explain(
        status: u16,
        reason: &str,
        headers: &[(&'static str, &'static str)],
        body: &str,
    ) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, http::HeaderValue::from_static(value));
        }
        let timed = map.contains_key("server-timing");
        let mut sniffer = Sniffer::new(timed);
        sniffer.push(body.as_bytes());
        let evidence = super::super::Evidence {
            status,
            body_due: true,
            timed,
            other_than_json: false,
            body: &sniffer,
        };
        let verdict = super::super::judge(&evidence);
        let head = ResponseHead {
            status,
            reason,
            headers: &map,
        };
        let redactor = redactor();
        response(verdict, &head, &sniffer, &about(&redactor))
            .map(|failure| failure.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_missing_permission_names_what_is_needed_and_the_tokens_source() {
        assert_eq!(
            explain(
                403,
                "Forbidden",
                &[],
                r#"{"status":"error","message":"no permission on project retail"}"#
            ),
            "error: 403 Forbidden from Re:infer: no permission on project retail\n  \
             POST /api/v1/x needs: Streams admin, View labels\n  token: $REINFER_TOKEN_DEV (profile dev)"
        );
    }

    #[test]
    fn server_text_cannot_drive_the_terminal_or_leak_the_token() {
        let body = "{\"status\":\"error\",\"message\":\"\\u001b[2J SEKRET-0123 \\u202e\"}";
        let shown = explain(400, "Bad\u{1b}[31m", &[], body);
        assert!(
            !shown.contains('\u{1b}') && !shown.contains('\u{202e}') && !shown.contains(CANARY),
            "{shown}"
        );
    }

    #[test]
    fn somebody_elses_answer_is_described() {
        let page = "<html><head><title>Sign in to UiPath</title></head>";
        let shown = explain(
            200,
            "OK",
            &[("server", "nginx"), ("via", "1.1 squid")],
            page,
        );
        for part in [
            "not from Re:infer",
            "\"Sign in to UiPath\"",
            "server: nginx",
            "via: 1.1 squid",
            "sign-in page",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(
            explain(502, "Bad Gateway", &[], "<html>").contains("gateway in front of Re:infer")
        );
    }

    #[test]
    fn an_unknown_outcome_is_said_of_writes_only() {
        let redactor = redactor();
        let failure = TransportFailure {
            kind: TransportKind::EmptyReply,
            phase: Phase::FirstByte,
        };
        let mut about = about(&redactor);
        for (class, said) in [
            (Class::Write, "may have been applied\n"),
            (
                Class::Billable,
                "applied, and AI units may have been used\n",
            ),
            (
                Class::Stateful,
                "applied, and the position may have moved\n",
            ),
            (
                Class::Destructive,
                "applied, and what it deletes may be gone\n",
            ),
        ] {
            about.class = class;
            let text = transport(&failure, &about).to_string();
            assert!(
                text.contains(said) && text.ends_with(": GET /api/v1/y"),
                "{text}"
            );
        }
        about.class = Class::Read;
        assert!(
            !transport(&failure, &about)
                .to_string()
                .contains("may have been applied")
        );
    }

    #[test]
    fn every_transport_failure_has_its_code() {
        let redactor = redactor();
        let text = String::new;
        let cases = [
            (
                TransportKind::Lookup {
                    host: text(),
                    wanted: None,
                },
                Exit::Lookup,
            ),
            (TransportKind::Connect { reason: text() }, Exit::Connect),
            (
                TransportKind::ProxyRefused {
                    needs_password: true,
                },
                Exit::Receive,
            ),
            (TransportKind::Tls { reason: text() }, Exit::Tls),
            (
                TransportKind::Certificate {
                    fault: CertificateFault::Expired,
                },
                Exit::Certificate,
            ),
            (
                TransportKind::TimeOut {
                    limit: Duration::ZERO,
                    what: Limit::Stall,
                },
                Exit::TimeOut,
            ),
            (TransportKind::EmptyReply, Exit::EmptyReply),
            (TransportKind::Receive { reason: text() }, Exit::Receive),
            (
                TransportKind::NotHttp {
                    over_plain_http: true,
                },
                Exit::Receive,
            ),
            (TransportKind::HeadTooLarge, Exit::Receive),
            (TransportKind::Incomplete, Exit::Incomplete),
        ];
        for (kind, exit) in cases {
            let failure = TransportFailure {
                kind,
                phase: Phase::Connect,
            };
            assert_eq!(
                transport(&failure, &about(&redactor)).exit,
                exit,
                "{failure:?}"
            );
        }
    }
}
