//! Who the token's user is, asked with one GET of `/auth/user`: for `profile check` and
//! `--preflight`.

use std::time::{Duration, SystemTime};

use http::Method;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::catalogue::Class;
use crate::cli::options::ConnectionOptions;
use crate::engine::token::{self, Freshness};
use crate::engine::{Context, token_guard};
use crate::error::{Failure, Result};
use crate::exchange::auth::Credential;
use crate::exchange::client::Client;
use crate::exchange::recording_verifier::CertificateLog;
use crate::exchange::timing::Timings;
use crate::exchange::{self};
use crate::exit::Exit;
use crate::plan::{connection, sending};
use crate::profile::Profile;
use crate::profile::known::KnownTokens;
use crate::request::{Body, Header, Request, TypedCredential, USER_AGENT};
use crate::secret::Redactor;
use crate::text::lexical;
use crate::verdict::explain::{self, About, AnswerHead};
use crate::verdict::sniff::Sniffer;
use crate::verdict::{self, Evidence, server_timing};

/// The most that is read of the answer.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

const PATH: &str = "/auth/user";

/// How far a probe came: filled on the way, so that it tells of failures too.
#[derive(Default)]
pub(crate) struct Trace {
    /// Where the token was read from, once it was.
    pub(crate) token: Option<String>,
    pub(crate) timings: Timings,
    /// The certificates that the server showed.
    pub(crate) certificate_log: CertificateLog,
}

/// What was found out.
pub(crate) struct Probe {
    pub(crate) user: User,
    /// The platform's own time in milliseconds.
    pub(crate) server: Option<f64>,
    /// How far the server's clock is from ours, when it told the time.
    pub(crate) skew: Option<Duration>,
    pub(crate) http_version: &'static str,
}

/// The user as far as it is looked at; everything else the service may add is passed over.
#[derive(Default, Deserialize)]
pub(crate) struct User {
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) global_permissions: Vec<String>,
    #[serde(default)]
    pub(crate) sso_global_permissions: Vec<String>,
    #[serde(default)]
    pub(crate) organisation_permissions: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Envelope {
    user: User,
}

/// Asks the endpoint who the user is.
///
/// # Errors
/// Fails as a call does, with the same codes and words.
pub(crate) async fn ask(
    profile: &Profile,
    options: &ConnectionOptions,
    trace: &mut Trace,
    cx: &Context,
) -> Result<Probe> {
    let url = profile.base.value.join(PATH)?;
    let mut connection = connection::decide(options, profile, &url, &cx.env)?;
    connection.certificate_log = Some(trace.certificate_log.clone());
    let limits = connection::limits(options)?;
    // How many requests it took is nothing that the check tells.
    let mut requests = 0;
    let mut known = KnownTokens::gather(&profile.holders, &cx.env);
    token_guard::refuse_in_proxy(connection.proxy.as_ref(), &known)?;
    let service = sending::token_service(options, profile, &cx.env)?;
    let kept = Freshness::Kept;
    let token = token::obtain(profile, service.as_ref(), limits, kept, &mut requests, cx).await?;
    trace.token = Some(token.source.clone());
    let mut redactor = Redactor::default();
    redactor.learn(&token.secret);
    known.add_token(&token, &profile.name, &profile.base.value);
    known.teach(&mut redactor);
    token_guard::refuse_in_proxy(connection.proxy.as_ref(), &known)?;
    let credential = Credential::for_call(&url, profile, &token, &TypedCredential::Profile)?;
    let client = Client::build(&url, &connection)?;
    let headers = vec![
        Header::new("User-Agent", USER_AGENT),
        Header::new("Accept", "application/json"),
    ];
    let host = format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    );
    let proxy = connection.proxy.as_ref().map(exchange::proxy::Proxy::shown);
    let about = About {
        method: "GET",
        path: PATH,
        host: &host,
        profile: &profile.name,
        token_source: Some(&token.source),
        permissions: &[],
        class: Class::Read,
        tells: None,
        proxy: proxy.as_deref(),
        redactor: &redactor,
    };
    let request = Request {
        method: Method::GET,
        url,
        headers,
        body: Body::Empty,
        typed: TypedCredential::Profile,
    };
    let lost = |failure| explain::transport(&failure, &about);
    let sent = exchange::send(&client, request, Some(&credential), limits, false).await;
    trace.timings = client.timings();
    let mut exchange = sent.map_err(lost)?;
    let mut body = Vec::new();
    while let Some(chunk) = exchange.chunk().await.map_err(lost)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_ANSWER {
            return Err(Failure::new(
                Exit::TooLarge,
                "the response about the user is too large",
            ));
        }
    }
    let head = &exchange.head;
    let timing = head
        .headers
        .get_all("server-timing")
        .iter()
        .map(http::HeaderValue::as_bytes);
    let server = server_timing::total(&server_timing::parse(timing));
    let mut sniffer = Sniffer::new(server.is_some());
    sniffer.push(&body);
    let evidence = Evidence {
        status: head.status,
        body_due: true,
        timed: server.is_some(),
        other_than_json: false,
        body: &sniffer,
    };
    let answer = AnswerHead {
        status: head.status,
        reason: &head.reason,
        headers: &head.headers,
    };
    if let Some(failure) = explain::answer(verdict::judge(&evidence), &answer, &sniffer, &about) {
        return Err(failure);
    }
    let envelope: Envelope =
        serde_json::from_slice(lexical::without_mark(&body)).map_err(|_| {
            Failure::new(
                Exit::Platform,
                "the response about the user is not in the known form",
            )
        })?;
    Ok(Probe {
        user: envelope.user,
        server,
        skew: skew(head.headers.get("date").and_then(|date| date.to_str().ok())),
        http_version: head.version,
    })
}

fn skew(date: Option<&str>) -> Option<Duration> {
    let theirs = httpdate::parse_http_date(date?).ok()?;
    let ours = SystemTime::now();
    Some(
        ours.duration_since(theirs)
            .unwrap_or_else(|error| error.duration()),
    )
}

impl User {
    /// Returns the codes held for the whole tenant.
    pub(crate) fn of_tenant(&self) -> Vec<&str> {
        self.global_permissions
            .iter()
            .chain(&self.sso_global_permissions)
            .map(String::as_str)
            .collect()
    }

    /// Returns the codes held for a project.
    pub(crate) fn of_project(&self, project: &str) -> Vec<&str> {
        let held = self
            .organisation_permissions
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(project));
        held.map(|(_, codes)| codes.iter().map(String::as_str).collect())
            .unwrap_or_default()
    }
}
