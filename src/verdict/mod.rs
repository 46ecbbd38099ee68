//! What a response means: the platform's, the caller's mistake, or another server's.

pub(crate) mod certificates;
pub(crate) mod checks;
pub(crate) mod explain;
pub mod server_timing;
pub(crate) mod sniff;
pub(crate) mod statistics;
pub(crate) mod thresholds;

use crate::exit::Exit;
use crate::verdict::sniff::Sniffer;

/// Who gave the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnsweredBy {
    /// Re:infer itself.
    Platform,
    /// A proxy, gateway, sign-in page or another service.
    Intermediary,
}

impl AnsweredBy {
    /// Returns the word for it in metadata.
    pub(crate) fn name(self) -> &'static str {
        match self {
            AnsweredBy::Platform => "reinfer",
            AnsweredBy::Intermediary => "intermediary",
        }
    }
}

/// What a response means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The exit code that it stands for.
    pub(crate) exit: Exit,
    /// Who gave it.
    pub(crate) answered_by: AnsweredBy,
    /// Whether its status is not among those that were expected.
    pub(crate) is_unexpected: bool,
}

/// What of a response is judged.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Whether a body was due: not after HEAD.
    pub(crate) body_due: bool,
    /// Whether `Server-Timing` held the platform's `total`.
    pub(crate) timed: bool,
    /// Whether the endpoint is declared to respond with something other than JSON.
    pub(crate) other_than_json: bool,
    /// What the body showed.
    pub(crate) body: &'a Sniffer,
}

/// Judges a response: HTTP status first, who answered second, `status` in the body third.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Verdict {
    let answered_by = answered_by(evidence);
    let exit = match evidence.status {
        300..=399 => Exit::Redirect,
        400..=499 => Exit::Caller,
        500.. => Exit::Platform,
        _ if answered_by == AnsweredBy::Intermediary => Exit::NotReinfer,
        _ if evidence.body.says_error() => Exit::Platform,
        _ => Exit::Ok,
    };
    Verdict {
        exit,
        answered_by,
        is_unexpected: false,
    }
}

/// Re:infer's mark is an object with `status`, or `Server-Timing` with `total`. Where no body was
/// due or none came, or it is declared not to be JSON, there is nothing to tell them apart by.
fn answered_by(evidence: &Evidence<'_>) -> AnsweredBy {
    if evidence.timed || evidence.body.has_status() {
        return AnsweredBy::Platform;
    }
    let success = (200..300).contains(&evidence.status);
    let nothing_to_judge = !evidence.body_due || evidence.body.seen() == 0;
    let declared_otherwise = evidence.other_than_json && !evidence.body.is_html();
    if success && (nothing_to_judge || declared_otherwise) {
        AnsweredBy::Platform
    } else {
        AnsweredBy::Intermediary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, timed: bool, body: &str) -> (Exit, AnsweredBy) {
        let mut sniffer = Sniffer::new(timed);
        sniffer.push(body.as_bytes());
        let evidence = Evidence {
            status,
            body_due: true,
            timed,
            other_than_json: false,
            body: &sniffer,
        };
        let verdict = judge(&evidence);
        (verdict.exit, verdict.answered_by)
    }

    #[test]
    fn every_status_has_its_exit_code() {
        for status in 200..600 {
            let expected = match status / 100 {
                2 => Exit::Ok,
                3 => Exit::Redirect,
                4 => Exit::Caller,
                _ => Exit::Platform,
            };
            assert_eq!(
                verdict(status, true, r#"{"status":"ok"}"#).0,
                expected,
                "{status}"
            );
            assert_eq!(
                verdict(status, false, r#"{"status":"ok"}"#).0,
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn the_mark_tells_who_answered() {
        use AnsweredBy::{Intermediary, Platform};
        let page = "<html><title>Sign in</title>";
        let cases = [
            (200, false, page, Exit::NotReinfer, Intermediary),
            (503, false, "upstream failed", Exit::Platform, Intermediary),
            (
                400,
                false,
                r#"{"error":"invalid_client"}"#,
                Exit::Caller,
                Intermediary,
            ),
            (200, false, r#"{"x":1}"#, Exit::NotReinfer, Intermediary),
            (200, true, r#"{"x":1}"#, Exit::Ok, Platform),
            (200, false, r#"{"status":{"a":1}}"#, Exit::Ok, Platform),
            (
                200,
                true,
                r#"{"status":"error","message":"m"}"#,
                Exit::Platform,
                Platform,
            ),
            (200, false, r#"{"status":"ready"}"#, Exit::Ok, Platform),
            (500, false, r#"{"status":"ok"}"#, Exit::Platform, Platform),
            (200, false, "", Exit::Ok, Platform),
            (302, false, "", Exit::Redirect, Intermediary),
            (200, false, "[1]", Exit::NotReinfer, Intermediary),
        ];
        for (status, timed, body, exit, by) in cases {
            assert_eq!(
                verdict(status, timed, body),
                (exit, by),
                "{status} {timed} {body}"
            );
        }
    }

    #[test]
    fn an_endpoint_that_is_not_json_is_not_judged_on_json_but_a_page_still_is() {
        for (body, expected) in [
            ("%PDF-1.7", Exit::Ok),
            ("a,b\n", Exit::Ok),
            ("<html>", Exit::NotReinfer),
        ] {
            let mut sniffer = Sniffer::new(false);
            sniffer.push(body.as_bytes());
            let evidence = Evidence {
                status: 200,
                body_due: true,
                timed: false,
                other_than_json: true,
                body: &sniffer,
            };
            assert_eq!(judge(&evidence).exit, expected, "{body}");
        }
    }
}
