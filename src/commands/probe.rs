//! Who the token's user is, asked with one GET of `/auth/user`: for `profile check` and
//! `--preflight`.

use std::time::{Duration, SystemTime};

use http::Method;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::cli::options::ConnectionOptions;
use crate::engine::Context;
use crate::engine::fetch::fetch;
use crate::engine::session::Session;
use crate::error::{Failure, Result};
use crate::exchange::recording_verifier::CertificateLog;
use crate::exchange::timing::Timings;
use crate::exchange::version_number;
use crate::exit::Exit;
use crate::plan::call::Reading;
use crate::plan::delivery::Delivery;
use crate::plan::sending::Sending;
use crate::profile::Profile;
use crate::request::{Body, Header, Request, TypedCredential, USER_AGENT};

/// The most that is read of the response.
const MAX_RESPONSE: u64 = 4 * 1024 * 1024;

const PATH: &str = "/auth/user";

/// How far a probe came: filled on the way, so that it covers failures too.
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
    /// How far the server's clock is from ours, when it sent its time.
    pub(crate) skew: Option<Duration>,
    pub(crate) http_version: &'static str,
}

/// The user as far as it is looked at; everything else the service may add is ignored.
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
    let mut sending = Sending::decide(options, profile, &url, &cx.env)?;
    sending.connection.certificate_log = Some(trace.certificate_log.clone());
    // A check reports what happens the first time.
    sending.retries.retries = Some(0);
    let request = Request {
        method: Method::GET,
        url,
        headers: vec![
            Header::new("User-Agent", USER_AGENT),
            Header::new("Accept", "application/json"),
        ],
        body: Body::Empty,
        typed: TypedCredential::Profile,
    };
    let started = Session::start(sending, Delivery::default(), &request, cx).await;
    let mut session = started.map_err(|not_started| {
        trace.token.clone_from(&not_started.attempts.token_source);
        not_started.failure
    })?;
    let fetched = fetch(&mut session, request, &Reading::plain(), MAX_RESPONSE).await;
    let attempts = fetched.record.attempts;
    trace.token.clone_from(&attempts.token_source);
    trace.timings = attempts.timings.unwrap_or_default();
    fetched.outcome?;
    let server = attempts.server();
    let body = fetched.body;
    let envelope: Envelope = serde_json::from_slice(&body).map_err(|_| {
        Failure::new(
            Exit::Platform,
            "the response of /auth/user has an unknown form",
        )
    })?;
    Ok(Probe {
        user: envelope.user,
        server,
        skew: skew(
            attempts
                .response
                .as_ref()
                .and_then(|head| head.header("date"))
                .as_deref(),
        ),
        http_version: attempts
            .response
            .map_or("", |head| version_number(head.version)),
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
