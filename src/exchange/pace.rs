//! The speed limit of a transfer (`-Y`), as curl keeps it: less than so many bytes a second, second
//! after second, for the whole of the speed time.

use std::time::Duration;

use super::TimeLimits;

/// How often the speed is looked at.
const SAMPLE: Duration = Duration::from_secs(1);

/// How fast a transfer has been. Time counts only while the transfer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Bytes per second below which a transfer is too slow; no limit without.
    limit: Option<u64>,
    /// For how long it may be too slow.
    patience: Duration,
    /// The time of the sample that is being taken, and the bytes that had moved before it.
    waited: Duration,
    before: u64,
    /// For how long it has been too slow until the last sample.
    slow: Duration,
}

impl Pace {
    /// Begins with a transfer.
    pub(super) fn new(limits: &TimeLimits) -> Self {
        Pace {
            limit: limits.speed,
            patience: limits.stall,
            waited: Duration::ZERO,
            before: 0,
            slow: Duration::ZERO,
        }
    }

    /// Returns how long to wait until the next sample is complete.
    pub(super) fn next_sample(&self) -> Option<Duration> {
        self.limit?;
        Some(self.sample().saturating_sub(self.waited))
    }

    fn sample(&self) -> Duration {
        SAMPLE.min(self.patience)
    }

    /// Notes that a time was waited after which so many bytes had moved in all, and returns whether
    /// the transfer has been too slow for too long.
    pub(super) fn is_too_slow(&mut self, waited: Duration, bytes: u64) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        self.waited += waited;
        if self.waited < self.sample() {
            return false;
        }
        let moved = bytes.saturating_sub(self.before);
        if (moved as f64) < limit as f64 * self.waited.as_secs_f64() {
            self.slow += self.waited;
        } else {
            self.slow = Duration::ZERO;
        }
        self.waited = Duration::ZERO;
        self.before = bytes;
        self.slow >= self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_transfer_that_stays_slow_is_too_slow() {
        let seconds = Duration::from_secs;
        let limits = |speed| TimeLimits {
            stall: seconds(3),
            speed,
            ..TimeLimits::default()
        };
        // Bytes per second, and the second in which it ends.
        let cases: [(Option<u64>, &[u64], Option<usize>); 6] = [
            (Some(100), &[99, 99, 99, 99], Some(3)),
            (Some(100), &[100, 100, 100, 100], None),
            (Some(100), &[0, 0, 500, 0, 0], None),
            (Some(100), &[0, 0, 500, 0, 0, 0], Some(6)),
            (None, &[0, 0, 0, 0, 0], None),
            (Some(1), &[0, 0, 0], Some(3)),
        ];
        for (speed, each, expected) in cases {
            let mut pace = Pace::new(&limits(speed));
            let mut bytes = 0;
            let ended = each.iter().position(|moved| {
                bytes += moved;
                pace.is_too_slow(seconds(1), bytes)
            });
            assert_eq!(ended.map(|at| at + 1), expected, "{speed:?} {each:?}");
        }
        // Many short waits are as good as one.
        let mut pace = Pace::new(&limits(Some(100)));
        let slow = (1..=40).position(|tick| pace.is_too_slow(Duration::from_millis(100), tick));
        assert_eq!(slow, Some(29));
    }
}
