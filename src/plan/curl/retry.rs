//! `--retry` as curl has it: which outcome is tried again, and after how long.

use std::time::Duration;

use crate::catalogue::Class;
use crate::exchange::failure::{Limit, TransportFailure, TransportKind};
use crate::exchange::retry::Outcome;

/// What the options say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retries {
    /// How many times more.
    pub(crate) most: u32,
    /// The wait before each; `None` doubles from a second.
    pub(crate) delay: Option<Duration>,
    /// The time in which the last try may begin; `None` for no limit.
    pub(crate) max_time: Option<Duration>,
    /// Every failure counts.
    pub(crate) all_errors: bool,
    /// A refused connection counts.
    pub(crate) connrefused: bool,
}

/// curl's own limit for a wait.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

impl Retries {
    /// Returns whether an outcome is tried again; `class` is what the catalogue knows of the call,
    /// when it goes to the profile's endpoint. What costs or moves a position is tried again only
    /// when it cannot have been processed.
    pub(crate) fn apply(&self, outcome: Outcome<'_>, class: Option<Class>, fails: bool) -> bool {
        let not_processed = match outcome {
            Outcome::Status(status) => status == 429,
            Outcome::Failed(failure) => cannot_have_been_processed(failure),
        };
        let is_transient = match outcome {
            Outcome::Status(status) => {
                matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 522 | 524)
                    || (self.all_errors && fails && status >= 400)
            }
            Outcome::Failed(failure) => match failure.kind {
                TransportKind::TimeOut { .. } | TransportKind::Lookup { .. } => true,
                TransportKind::Connect { .. } => self.connrefused || self.all_errors,
                _ => self.all_errors,
            },
        };
        let is_delicate = matches!(class, Some(Class::Billable | Class::Stateful));
        is_transient && (not_processed || !is_delicate)
    }

    /// Returns how long to wait before the next try, or `None` when there is none: after `tries`
    /// tries in `elapsed`, the server having asked for `retry_after`.
    pub(crate) fn wait(
        &self,
        tries: u32,
        retry_after: Option<Duration>,
        elapsed: Duration,
    ) -> Option<Duration> {
        if tries > self.most {
            return None;
        }
        let own = self
            .delay
            .filter(|delay| !delay.is_zero())
            .unwrap_or_else(|| {
                let doubled = 1_u64 << (tries.saturating_sub(1)).min(32);
                Duration::from_secs(doubled).min(LONGEST_WAIT)
            });
        let wait = retry_after.filter(|asked| !asked.is_zero()).unwrap_or(own);
        let limit = self.max_time.filter(|limit| !limit.is_zero());
        let in_time = limit.is_none_or(|limit| {
            elapsed
                .checked_add(wait)
                .is_some_and(|begins| begins <= limit)
        });
        in_time.then_some(wait)
    }
}

fn cannot_have_been_processed(failure: &TransportFailure) -> bool {
    matches!(
        failure.kind,
        TransportKind::TimeOut {
            what: Limit::Connect,
            ..
        } | TransportKind::RefusedStream
            | TransportKind::Lookup { .. }
            | TransportKind::Connect { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::timing::Phase;

    #[test]
    fn every_status_and_class() {
        let plain = Retries::default();
        let all = Retries {
            all_errors: true,
            ..plain
        };
        for status in 100..600 {
            let of = |retries: Retries, class, fails| {
                retries.apply(Outcome::Status(status), class, fails)
            };
            let transient = matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 522 | 524);
            for class in [
                None,
                Some(Class::Read),
                Some(Class::Write),
                Some(Class::Destructive),
            ] {
                assert_eq!(of(plain, class, true), transient, "{status}");
                assert_eq!(of(all, class, true), transient || status >= 400, "{status}");
                assert_eq!(of(all, class, false), transient, "{status}");
            }
            for class in [Some(Class::Billable), Some(Class::Stateful)] {
                assert_eq!(of(all, class, true), status == 429, "{status}");
            }
        }
    }

    #[test]
    fn every_failure() {
        let text = || "x".to_owned();
        let time_out = |what| TransportKind::TimeOut {
            limit: Duration::ZERO,
            what,
        };
        let refused = Retries {
            connrefused: true,
            ..Retries::default()
        };
        let all = Retries {
            all_errors: true,
            ..Retries::default()
        };
        for (kind, expected) in [
            (time_out(Limit::Total), [true, true, true, false]),
            (time_out(Limit::Connect), [true, true, true, true]),
            (
                TransportKind::Connect { reason: text() },
                [false, true, true, true],
            ),
            (TransportKind::EmptyReply, [false, false, true, false]),
            (
                TransportKind::Receive { reason: text() },
                [false, false, true, false],
            ),
        ] {
            let failure = TransportFailure {
                kind,
                phase: Phase::FirstByte,
            };
            let outcome = Outcome::Failed(&failure);
            let found = [
                Retries::default().apply(outcome, None, false),
                refused.apply(outcome, None, false),
                all.apply(outcome, Some(Class::Write), false),
                all.apply(outcome, Some(Class::Billable), false),
            ];
            assert_eq!(found, expected, "{failure:?}");
        }
    }

    #[test]
    fn waits_double_from_a_second_and_end() {
        let retries = Retries {
            most: 3,
            ..Retries::default()
        };
        let seconds = |tries, asked: Option<u64>, elapsed| {
            retries
                .wait(
                    tries,
                    asked.map(Duration::from_secs),
                    Duration::from_secs(elapsed),
                )
                .map(|wait| wait.as_secs())
        };
        assert_eq!(
            [1, 2, 3, 4].map(|tries| seconds(tries, None, 0)),
            [Some(1), Some(2), Some(4), None]
        );
        assert_eq!(seconds(1, Some(7), 0), Some(7));
        let limited = Retries {
            max_time: Some(Duration::from_secs(5)),
            ..retries
        };
        assert_eq!(
            limited.wait(1, Some(Duration::from_secs(7)), Duration::ZERO),
            None
        );
        assert_eq!(limited.wait(1, None, Duration::from_secs(5)), None);
    }
}
