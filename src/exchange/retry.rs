//! Whether and when a request is retried: a rule without network, clock or randomness of its
//! own.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

use super::failure::{Limit, TransportFailure, TransportKind};
use super::timing::Phase;
use crate::catalogue::Class;

/// How often and how long a call is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// What `--retry` says: how many times more.
    pub(crate) retries: Option<u32>,
    /// What `--retry-delay` says: the wait before each.
    pub(crate) delay: Option<Duration>,
    /// The time from the first attempt in which the last may begin, not counting the attempts themselves
    /// where the server says how long to wait.
    pub(crate) max_time: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            retries: None,
            delay: None,
            max_time: Duration::from_secs(60),
        }
    }
}

/// The time that has gone by since the first attempt began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// All of it.
    pub(crate) in_all: Duration,
    /// What of it was waiting between attempts.
    pub(crate) waiting: Duration,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome<'a> {
    /// With a response of this status.
    Status(u16),
    /// Without one.
    Failed(&'a TransportFailure),
}

/// How many times more a call is tried unless `--retry` says otherwise.
const USUAL_RETRIES: u32 = 2;
/// The wait before the first retry; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait that is our own choice.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Returns whether a call of this class may be retried after this outcome.
///
/// A read may be after everything that can pass by itself, everything else only when it cannot have
/// been processed.
pub(crate) fn is_retried(class: Class, outcome: Outcome<'_>) -> bool {
    let not_processed = match outcome {
        Outcome::Status(status) => status == 429,
        Outcome::Failed(failure) => cannot_have_been_processed(failure),
    };
    match class {
        Class::Read => {
            not_processed
                || match outcome {
                    Outcome::Status(status) => matches!(status, 502..=504),
                    Outcome::Failed(failure) => is_lost_connection(failure),
                }
        }
        Class::Write | Class::Destructive | Class::Billable | Class::Stateful => not_processed,
    }
}

/// Returns whether the request did not reach anything that acts on it, for a reason that can pass.
fn cannot_have_been_processed(failure: &TransportFailure) -> bool {
    matches!(
        failure.kind,
        TransportKind::TimeOut {
            what: Limit::Connect,
            ..
        } | TransportKind::NotProcessed
    )
}

fn is_lost_connection(failure: &TransportFailure) -> bool {
    match failure.kind {
        TransportKind::EmptyReply | TransportKind::Incomplete => true,
        TransportKind::Receive { .. } => {
            matches!(failure.phase, Phase::FirstByte | Phase::Transfer)
        }
        _ => false,
    }
}

impl Policy {
    /// Returns how many times more a call is tried at most.
    pub(crate) fn most(&self) -> u32 {
        self.retries.unwrap_or(USUAL_RETRIES)
    }

    /// Returns how long to wait before the next attempt, or `None` when there is none: after `attempts`
    /// attempts, the server having asked for `retry_after`. `chance` between 0 and 1 keeps many
    /// callers from coming back at once.
    ///
    /// A wait that the server asks for is set against the waits only: the time that an attempt took is
    /// no reason to refuse one that fits by itself.
    pub(crate) fn wait(
        &self,
        attempts: u32,
        retry_after: Option<Duration>,
        spent: Spent,
        chance: f64,
    ) -> Option<Duration> {
        if attempts > self.most() {
            return None;
        }
        let own = match self.delay {
            Some(delay) => delay,
            None => {
                let doubled = FIRST_WAIT.saturating_mul(1 << (attempts.saturating_sub(1)).min(10));
                doubled
                    .min(MAX_WAIT)
                    .mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
            }
        };
        // Never earlier than the server asks for.
        let wait = retry_after.map_or(own, |asked| asked.max(own.min(asked)));
        let before = match retry_after {
            Some(_) => spent.waiting,
            None => spent.in_all,
        };
        let in_time = before
            .checked_add(wait)
            .is_some_and(|begins| begins <= self.max_time);
        in_time.then_some(wait)
    }
}

/// Returns how long the server asks to wait in the headers of its response.
pub(crate) fn asked(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// Reads a `Retry-After` header (RFC 9110, 10.2.3): seconds or a date; a date that has passed is
/// no wait, and what cannot be read is nothing.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::failure::CertificateFault;
    use proptest::prelude::*;

    const CLASSES: [Class; 5] = [
        Class::Read,
        Class::Write,
        Class::Billable,
        Class::Stateful,
        Class::Destructive,
    ];

    #[test]
    fn every_class_and_status() {
        for class in CLASSES {
            let retried: Vec<u16> = (100..600)
                .filter(|status| is_retried(class, Outcome::Status(*status)))
                .collect();
            let expected: &[u16] = match class {
                Class::Read => &[429, 502, 503, 504],
                _ => &[429],
            };
            assert_eq!(retried, expected, "{class:?}");
        }
    }

    #[test]
    fn every_class_and_failure() {
        let text = || "x".to_owned();
        let time_out = |what| TransportKind::TimeOut {
            limit: Duration::ZERO,
            what,
        };
        let (nobody, reads, unprocessed): (&[Class], &[Class], &[Class]) =
            (&[], &[Class::Read], &CLASSES);
        let cases = [
            (
                TransportKind::Lookup {
                    host: text(),
                    wanted: None,
                },
                Phase::Lookup,
                nobody,
            ),
            (
                TransportKind::Connect { reason: text() },
                Phase::Connect,
                nobody,
            ),
            (
                TransportKind::ProxyRefused {
                    needs_password: false,
                },
                Phase::Connect,
                nobody,
            ),
            (TransportKind::Tls { reason: text() }, Phase::Tls, nobody),
            (
                TransportKind::Certificate {
                    fault: CertificateFault::Expired,
                },
                Phase::Tls,
                nobody,
            ),
            (time_out(Limit::Total), Phase::FirstByte, nobody),
            (time_out(Limit::Stall), Phase::FirstByte, nobody),
            (time_out(Limit::Speed(1)), Phase::Transfer, nobody),
            (TransportKind::HeadTooLarge, Phase::FirstByte, nobody),
            (
                TransportKind::NotHttp {
                    over_plain_http: false,
                },
                Phase::FirstByte,
                nobody,
            ),
            (
                TransportKind::Upload { reason: text() },
                Phase::FirstByte,
                nobody,
            ),
            (TransportKind::EmptyReply, Phase::FirstByte, reads),
            (
                TransportKind::Receive { reason: text() },
                Phase::FirstByte,
                reads,
            ),
            (
                TransportKind::Receive { reason: text() },
                Phase::Transfer,
                reads,
            ),
            (TransportKind::Incomplete, Phase::Transfer, reads),
            (time_out(Limit::Connect), Phase::Connect, unprocessed),
            (TransportKind::NotProcessed, Phase::FirstByte, unprocessed),
            (TransportKind::NeedsHttp11, Phase::FirstByte, nobody),
        ];
        for (kind, phase, expected) in cases {
            let failure = TransportFailure { kind, phase };
            for class in CLASSES {
                let retried = is_retried(class, Outcome::Failed(&failure));
                assert_eq!(retried, expected.contains(&class), "{class:?} {failure:?}");
            }
        }
    }

    #[test]
    fn waits_grow_and_end() {
        let policy = Policy::default();
        let wait = |attempts| policy.wait(attempts, None, Spent::default(), 1.0);
        assert_eq!(wait(1), Some(Duration::from_millis(500)));
        assert_eq!(wait(2), Some(Duration::from_secs(1)));
        assert_eq!(wait(3), None);
        let none = Policy {
            retries: Some(0),
            ..policy
        };
        assert_eq!(none.wait(1, None, Spent::default(), 0.0), None);
        let tried = Spent {
            in_all: Duration::from_secs(5),
            waiting: Duration::ZERO,
        };
        let asked = |seconds| policy.wait(1, Some(Duration::from_secs(seconds)), tried, 0.0);
        assert_eq!(asked(7), Some(Duration::from_secs(7)));
        assert_eq!(asked(0), Some(Duration::ZERO));
        // The whole time, though the attempt itself took some.
        assert_eq!(asked(60), Some(Duration::from_secs(60)));
        assert_eq!(asked(61), None);
        assert_eq!(asked(u64::MAX), None);
        let all = Spent {
            in_all: Duration::from_secs(60),
            waiting: Duration::from_secs(1),
        };
        assert_eq!(policy.wait(1, None, all, 0.0), None);
        assert_eq!(
            policy.wait(2, Some(Duration::from_secs(60)), all, 0.0),
            None
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("99999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                expected.map(Duration::from_secs),
                "{value}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_wait_is_earlier_than_asked_or_later_than_allowed(
            attempts in 0_u32..20, asked in 0_u64..100, waiting in 0_u64..100, chance in any::<f64>(),
        ) {
            let policy = Policy { retries: Some(10), ..Policy::default() };
            let waiting = Duration::from_secs(waiting);
            let spent = Spent { in_all: waiting, waiting };
            if let Some(wait) = policy.wait(attempts, Some(Duration::from_secs(asked)), spent, chance) {
                prop_assert!(wait >= Duration::from_secs(asked));
                prop_assert!(waiting + wait <= policy.max_time);
            }
            let _parsed = retry_after(&format!("{asked}"), SystemTime::UNIX_EPOCH);
        }
    }
}
