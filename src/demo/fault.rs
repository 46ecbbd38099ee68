//! Faults on request: by `rein demo --fault KIND[:RATE][@PATH]`, or for a single request by the
//! header `X-Demo-Fault: KIND`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::reply::{Content, Reply};
use super::wire::{Misdeed, Switch};
use crate::error::{Failure, Result};
use crate::text::terminal::sanitise;

/// The kinds of fault with what they do, for help and documentation.
pub const FAULTS: [(&str, &str); 9] = [
    (
        "503",
        "any status from 400 to 599 as an error envelope; 429=2 adds Retry-After: 2",
    ),
    (
        "slow",
        "the response comes after 3 s; slow=500 after 500 ms",
    ),
    ("stalled", "half of the body, and then nothing more"),
    ("cut", "half of the body, and then the connection is closed"),
    ("reset", "the connection is reset before any response"),
    ("garbage", "bytes that are not HTTP"),
    ("html", "a sign-in page with status 200"),
    ("redirect", "a redirect to a sign-in page on another host"),
    ("empty", "the connection is closed without a response"),
];

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// An error status, with the seconds of `Retry-After` when given.
    Status(u16, Option<u32>),
    /// A late response.
    Slow(Duration),
    /// Half of the body, and then nothing.
    Stalled,
    /// Half of the body, and then the end of the connection.
    Cut,
    /// A reset.
    Reset,
    /// Not HTTP.
    Garbage,
    /// A sign-in page.
    Html,
    /// A redirect elsewhere.
    Redirect,
    /// No response.
    Empty,
}

/// A fault, how often it happens and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// How often, from 0 to 1.
    pub rate: f64,
    /// Only for paths that hold this text.
    pub path: Option<String>,
}

impl FromStr for Fault {
    type Err = Failure;

    /// Reads `KIND[=VALUE][:RATE][@PATH]`; the rate is a fraction or a percentage.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let kinds: Vec<&str> = FAULTS.iter().map(|(kind, _)| *kind).collect();
            Failure::usage(format!("unknown fault \"{}\"", sanitise(text)))
                .fact(format!("kinds: {}", kinds.join(", ")))
                .hint("write KIND, KIND:RATE or KIND@PATH: 503:20%, slow=2000, cut@/export")
        };
        let (text, path) = match text.split_once('@') {
            Some((text, path)) if is_path(path) => (text, Some(path.to_owned())),
            Some(_) => return Err(wrong()),
            None => (text, None),
        };
        let (text, rate) = match text.split_once(':') {
            Some((text, rate)) => (text, rate_of(rate).ok_or_else(wrong)?),
            None => (text, 1.0),
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.parse::<u32>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let kind = match (name, value) {
            ("status", Some(status)) => status_of(status, None).ok_or_else(wrong)?,
            ("slow", millis) => {
                FaultKind::Slow(Duration::from_millis(millis.unwrap_or(3000).into()))
            }
            ("stalled" | "stall", None) => FaultKind::Stalled,
            ("cut", None) => FaultKind::Cut,
            ("reset", None) => FaultKind::Reset,
            ("garbage", None) => FaultKind::Garbage,
            ("html", None) => FaultKind::Html,
            ("redirect", None) => FaultKind::Redirect,
            ("empty", None) => FaultKind::Empty,
            (status, retry_after) => status
                .parse()
                .ok()
                .and_then(|status| status_of(status, retry_after))
                .ok_or_else(wrong)?,
        };
        Ok(Fault { kind, rate, path })
    }
}

/// Returns whether this can be a part of a path. A rate behind it is one in the wrong place.
fn is_path(text: &str) -> bool {
    let last = text.rsplit_once(':').map_or("", |(_, last)| last);
    let is_rate = last.contains(['%', '.']) && rate_of(last).is_some();
    !text.is_empty() && !is_rate
}

fn status_of(status: u32, retry_after: Option<u32>) -> Option<FaultKind> {
    u16::try_from(status)
        .ok()
        .filter(|status| (400..600).contains(status))
        .map(|status| FaultKind::Status(status, retry_after))
}

fn rate_of(text: &str) -> Option<f64> {
    let rate = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&rate).then_some(rate)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FaultKind::Status(status, _) => write!(f, "{status}"),
            FaultKind::Slow(time) => write!(f, "slow={}", time.as_millis()),
            FaultKind::Stalled => f.write_str("stalled"),
            FaultKind::Cut => f.write_str("cut"),
            FaultKind::Reset => f.write_str("reset"),
            FaultKind::Garbage => f.write_str("garbage"),
            FaultKind::Html => f.write_str("html"),
            FaultKind::Redirect => f.write_str("redirect"),
            FaultKind::Empty => f.write_str("empty"),
        }
    }
}

/// Finds the fault that a request meets: of its own header's and the tenant's, in this order, the
/// first that happens.
///
/// # Errors
/// Fails when the header names no fault.
pub(super) fn choose(
    faults: &[Fault],
    head: &http::request::Parts,
) -> Result<Option<Fault>, Failure> {
    let own: Option<Fault> = head
        .headers
        .get("x-demo-fault")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).parse())
        .transpose()?;
    let happens = |fault: &&Fault| {
        let here = fault
            .path
            .as_deref()
            .is_none_or(|path| head.uri.path().contains(path));
        here && fastrand::f64() < fault.rate
    };
    Ok(own.iter().chain(faults).find(happens).cloned())
}

const SIGN_IN: &str = "<!DOCTYPE html>\n<html><head><title>Sign in to your account</title></head>\
    <body><form><input name=\"email\"></form></body></html>\n";

/// Makes a reply go wrong.
pub(super) async fn play(fault: &Fault, reply: Reply, switch: &Switch) -> Reply {
    match fault.kind {
        FaultKind::Status(status, retry_after) => {
            let mut error = Reply::error(status, &format!("{status}: a fault that was asked for"));
            error
                .headers
                .extend(retry_after.map(|seconds| ("Retry-After", seconds.to_string())));
            error
        }
        FaultKind::Slow(time) => {
            tokio::time::sleep(time).await;
            reply
        }
        FaultKind::Stalled => Reply {
            content: Content::half(reply.content, true),
            ..reply
        },
        FaultKind::Cut => Reply {
            content: Content::half(reply.content, false),
            ..reply
        },
        FaultKind::Html => Reply::page(200, SIGN_IN),
        FaultKind::Redirect => {
            let mut page = Reply::page(302, SIGN_IN);
            page.headers.push((
                "Location",
                "https://login.example.invalid/signin".to_owned(),
            ));
            page
        }
        FaultKind::Reset => misbehave(Misdeed::Reset, reply, switch),
        FaultKind::Garbage => misbehave(Misdeed::Garbage, reply, switch),
        FaultKind::Empty => misbehave(Misdeed::Close, reply, switch),
    }
}

fn misbehave(misdeed: Misdeed, reply: Reply, switch: &Switch) -> Reply {
    switch.set(misdeed);
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_with_value_rate_and_path() {
        let fault = |kind, rate, path: Option<&str>| Fault {
            kind,
            rate,
            path: path.map(str::to_owned),
        };
        for (text, expected) in [
            ("503", fault(FaultKind::Status(503, None), 1.0, None)),
            ("status=418", fault(FaultKind::Status(418, None), 1.0, None)),
            ("429=2", fault(FaultKind::Status(429, Some(2)), 1.0, None)),
            ("cut:20%", fault(FaultKind::Cut, 0.2, None)),
            (
                "reset:0.5@/export",
                fault(FaultKind::Reset, 0.5, Some("/export")),
            ),
            ("cut@id:1", fault(FaultKind::Cut, 1.0, Some("id:1"))),
            (
                "slow=250",
                fault(FaultKind::Slow(Duration::from_millis(250)), 1.0, None),
            ),
        ] {
            assert_eq!(text.parse::<Fault>().as_ref(), Ok(&expected), "{text}");
        }
        for text in [
            "",
            "no",
            "200",
            "999",
            "cut=1",
            "503:2",
            "503:x",
            "slow=x",
            "cut@",
            "503@/x:20%",
            "503@/x:0.5",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_documented_kind_exists() {
        for (kind, _) in FAULTS {
            assert!(kind.parse::<Fault>().is_ok(), "{kind}");
        }
    }
}
