//! A short-lived token for client credentials (RFC 6749, section 4.4).

use http::Method;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{Failure, Result};
use crate::exchange::client::{Client, Connection};
use crate::exchange::failure::TransportFailure;
use crate::exchange::{TimeLimits, send};
use crate::exit::Exit;
use crate::request::{Body, COMPONENT, Header, Request, TypedCredential, USER_AGENT};
use crate::secret::Secret;
use crate::secret::source::OAuth;
use crate::text::lexical;
use crate::verdict::explain::transport_headline;

/// A token and how long it may be used.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    /// The access token.
    pub(crate) token: Secret,
    /// Its life in seconds; 3600 where the response does not say.
    pub(crate) seconds: u64,
}

/// The most that is read of the response.
const MAX_RESPONSE: usize = 256 * 1024;

/// The life that UiPath documents.
const USUAL_LIFE: u64 = 3600;

#[derive(Deserialize)]
struct TokenResponse {
    access_token: Zeroizing<String>,
    expires_in: Option<Seconds>,
}

/// A number, which some services write as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    /// Returns whole seconds; `None` when it is no such number.
    fn whole(&self) -> Option<u64> {
        match self {
            // A conversion that leaves the range stays at its ends.
            Seconds::Number(number) => number.is_finite().then_some(*number as u64),
            Seconds::Text(text) => text.trim().parse().ok(),
        }
    }
}

/// Asks for a token.
///
/// # Errors
/// Fails with a transport's code, with 4 or 5 for an HTTP error, and with 8 when the response is
/// not a token service's.
pub(crate) async fn ask(
    oauth: &OAuth,
    client_secret: &Secret,
    connection: &Connection,
    limits: TimeLimits,
) -> Result<Granted> {
    let client = Client::build(&oauth.token_url, connection)?;
    let place = oauth.token_url.host_str().unwrap_or_default();
    let about = |headline: String, exit| {
        Failure::new(exit, headline)
            .fact(format!(
                "the token was asked for by [profiles.{}.oauth]",
                oauth.profile
            ))
            .fact("the call itself was not sent")
    };
    let lost = |failure: TransportFailure| {
        let shown = transport_headline(&failure, place);
        about(shown.headline, shown.exit)
    };
    let mut exchange = send(&client, request(oauth, client_secret), None, limits, false)
        .await
        .map_err(lost)?;
    let mut decoder = exchange.head.decoder().map_err(|coding| {
        about(
            format!("{place} responded in an unknown content coding: {coding}"),
            Exit::Coding,
        )
    })?;
    let mut body = Zeroizing::new(Vec::new());
    let mut sink = |chunk: &[u8]| {
        body.extend_from_slice(chunk);
        if body.len() > MAX_RESPONSE {
            Err(())
        } else {
            Ok(())
        }
    };
    let broken = || about(format!("no usable response from {place}"), Exit::Receive);
    while let Some(chunk) = exchange.chunk().await.map_err(lost)? {
        decoder.push(&chunk, &mut sink).map_err(|_| broken())?;
    }
    decoder.finish(&mut sink).map_err(|_| broken())?;
    refuse_status(exchange.head.status, place, about)?;
    granted(&body, place, about)
}

/// Reads the token from the response of the service; `about` makes the failure.
fn granted(body: &[u8], host: &str, about: impl Fn(String, Exit) -> Failure) -> Result<Granted> {
    let response: TokenResponse =
        serde_json::from_slice(lexical::without_mark(body)).map_err(|_| {
            let headline = format!("{host} responded, but not as a token service does");
            about(headline, Exit::NotReinfer).hint("check token_url")
        })?;
    let token = response.access_token;
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let headline = format!("{host} returned a token that cannot be in a header");
        return Err(about(headline, Exit::NotReinfer).hint("check token_url"));
    }
    Ok(Granted {
        token: Secret::from(token),
        seconds: response
            .expires_in
            .and_then(|seconds| seconds.whole())
            .unwrap_or(USUAL_LIFE),
    })
}

/// Refuses what is not a success; `about` makes the failure.
fn refuse_status(
    status: u16,
    host: &str,
    about: impl FnOnce(String, Exit) -> Failure,
) -> Result<()> {
    let exit = match status {
        200..=299 => return Ok(()),
        300..=399 => Exit::Redirect,
        400..=499 => Exit::Caller,
        _ => Exit::Platform,
    };
    let hint = match exit {
        Exit::Platform => "the token service itself failed; nothing is known of the rest",
        _ => "check client_id, the client secret and the scope",
    };
    Err(about(format!("{status} from {host}: no token was given"), exit).hint(hint))
}

fn request(oauth: &OAuth, client_secret: &Secret) -> Request {
    let encode = |text: &str| percent_encoding::utf8_percent_encode(text, COMPONENT).to_string();
    let scope = oauth.scope.as_ref();
    let scope = scope.map_or(String::new(), |scope| format!("&scope={}", encode(scope)));
    let client_secret = Zeroizing::new(encode(client_secret.expose()));
    let form = Zeroizing::new(
        format!(
            "grant_type=client_credentials&client_id={}&client_secret={}{scope}",
            encode(&oauth.client_id),
            client_secret.as_str(),
        )
        .into_bytes(),
    );
    Request {
        method: Method::POST,
        url: oauth.token_url.clone(),
        headers: vec![
            Header::new("Content-Type", "application/x-www-form-urlencoded"),
            Header::new("Accept", "application/json"),
            Header::new("User-Agent", USER_AGENT),
        ],
        body: Body::Bytes(bytes::Bytes::from_owner(form)),
        typed: TypedCredential::Profile,
    }
}
