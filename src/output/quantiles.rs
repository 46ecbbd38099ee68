//! Percentiles of any number of times in little memory.

use crate::verdict::statistics::{Sorted, nearest_rank};

/// How many times are kept as they are; beyond, they are counted in buckets.
const MAX_EXACT: usize = 4096;
/// The lower end of the first bucket, in milliseconds; each further one begins 1 % higher.
const LEAST: f64 = 0.001;
const STEP: f64 = 1.01;
/// The last bucket begins above an hour.
const BUCKETS: usize = 2300;

/// Times in milliseconds. Percentiles are by nearest rank; with more than 4096 times they are
/// within 1 %.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quantiles {
    exact: Vec<f64>,
    buckets: Vec<u64>,
    count: u64,
    max: f64,
}

impl Quantiles {
    /// Adds a time.
    pub(crate) fn add(&mut self, millis: f64) {
        self.count += 1;
        self.max = self.max.max(millis);
        if self.buckets.is_empty() && self.exact.len() < MAX_EXACT {
            self.exact.push(millis);
            return;
        }
        if self.buckets.is_empty() {
            self.buckets = vec![0; BUCKETS];
            for earlier in std::mem::take(&mut self.exact) {
                self.buckets[bucket(earlier)] += 1;
            }
        }
        self.buckets[bucket(millis)] += 1;
    }

    /// Returns the time at or below which `percent` of all times are; `None` without any.
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        if self.buckets.is_empty() {
            return Sorted::new(self.exact.iter().copied()).percentile(percent);
        }
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        let rank = nearest_rank(count, percent)? as u64;
        if rank == self.count {
            return Some(self.max);
        }
        let mut below = 0;
        let found = self.buckets.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some((LEAST * STEP.powf(found as f64 + 0.5)).min(self.max))
    }

    /// Returns the longest time.
    pub(crate) fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }
}

fn bucket(millis: f64) -> usize {
    let at = (millis.max(LEAST) / LEAST).ln() / STEP.ln();
    (at as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(times: impl IntoIterator<Item = f64>) -> Quantiles {
        let mut quantiles = Quantiles::default();
        times.into_iter().for_each(|time| quantiles.add(time));
        quantiles
    }

    #[test]
    fn few_times_are_exact() {
        let quantiles = of([4.0, 1.0, 3.0, 2.0]);
        for (percent, expected) in [
            (1.0, 1.0),
            (25.0, 1.0),
            (50.0, 2.0),
            (51.0, 3.0),
            (99.0, 4.0),
        ] {
            assert_eq!(quantiles.percentile(percent), Some(expected), "{percent}");
        }
        assert_eq!(of([]).percentile(50.0), None);
        assert_eq!(of([0.0]).percentile(50.0), Some(0.0));
    }

    proptest! {
        #[test]
        fn many_times_are_within_one_percent(seed in 1_u32..1000, percent in 1_u32..100) {
            let times: Vec<f64> = (0..6000_u32)
                .map(|at| f64::from((at * seed) % 5987 + 1) / 7.0)
                .collect();
            let quantiles = of(times.iter().copied());
            let mut sorted = times;
            sorted.sort_by(f64::total_cmp);
            let rank = (f64::from(percent) / 100.0 * 6000.0).ceil() as usize;
            let (expected, found) = (sorted[rank - 1], quantiles.percentile(f64::from(percent)));
            let found = found.expect("a time");
            prop_assert!((found / expected - 1.0).abs() < 0.011, "{} {}", found, expected);
        }
    }
}
