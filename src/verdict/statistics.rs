//! What a set of measured values comes to: percentiles, mean, spread, and whether two sets differ.

use fastrand::Rng;

/// How percentiles are chosen, as every output names it.
pub(crate) const PERCENTILE_METHOD: &str = "nearest rank";
/// What the spread is, as every output names it.
pub(crate) const SPREAD_METHOD: &str = "sample standard deviation";
/// How many times a pair of samples is resampled for an interval.
pub(crate) const RESAMPLES: usize = 2000;
/// The seed of every interval, so that the same values give the same interval.
pub(crate) const SEED: u64 = 1;

/// The values of one quantity, in ascending order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sorted(Vec<f64>);

impl Sorted {
    /// Sorts values; those that are not numbers are left out.
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        Sorted(values)
    }

    /// Returns how many values there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the values.
    pub(crate) fn values(&self) -> &[f64] {
        &self.0
    }

    /// Returns the smallest value of which at least `percent` of all are not larger (nearest rank);
    /// `None` without values.
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        let rank = nearest_rank(self.0.len(), percent)?;
        self.0.get(rank - 1).copied()
    }

    /// Returns the largest value.
    pub(crate) fn max(&self) -> Option<f64> {
        self.0.last().copied()
    }

    /// Returns the arithmetic mean.
    pub(crate) fn mean(&self) -> Option<f64> {
        let count = self.0.len() as f64;
        (!self.0.is_empty()).then(|| self.0.iter().sum::<f64>() / count)
    }

    /// Returns the sample standard deviation (divisor n - 1); `None` with fewer than two values.
    pub(crate) fn standard_deviation(&self) -> Option<f64> {
        let mean = self.mean().filter(|_| self.0.len() > 1)?;
        let squares: f64 = self.0.iter().map(|value| (value - mean).powi(2)).sum();
        Some((squares / (self.0.len() - 1) as f64).sqrt())
    }
}

/// Returns the rank, from 1, of a percentile among `count` values; `None` without values.
pub(crate) fn nearest_rank(count: usize, percent: f64) -> Option<usize> {
    if count == 0 {
        return None;
    }
    // 99.9 / 100 * 1000 is a little more than 999 in binary: a rank must not jump for that.
    let exact = percent * count as f64 / 100.0;
    let rank = (exact - exact.abs() * 1e-12).ceil().max(1.0) as usize;
    Some(rank.min(count))
}

/// Returns how many values a percentile needs, so that it is not just the largest of them.
pub(crate) fn needed_for(percent: f64) -> usize {
    if percent >= 100.0 {
        return 1;
    }
    let exact = 100.0 / (100.0 - percent);
    (exact - exact * 1e-9).ceil().max(1.0) as usize
}

/// A range of values and how many are in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bin {
    pub(crate) from: f64,
    /// The end, which belongs to the next bin; that of the last bin belongs to it.
    pub(crate) to: f64,
    pub(crate) count: usize,
}

/// Returns the edges of at most `bins` bins between two values: of equal width, or of equal ratio
/// where the upper value is more than ten times the lower one.
pub(crate) fn edges(lowest: f64, highest: f64, bins: usize) -> Vec<f64> {
    // Less than a microsecond is below what a clock can tell.
    const LEAST: f64 = 0.001;
    if highest - lowest < LEAST || bins < 2 {
        return vec![lowest, highest];
    }
    let steps = bins as f64;
    let start = lowest.max(LEAST);
    let is_wide = highest > start * 10.0;
    let edge = |at: usize| match at {
        0 => lowest,
        _ if at == bins => highest,
        _ if is_wide => start * (highest / start).powf(at as f64 / steps),
        _ => lowest + (highest - lowest) * at as f64 / steps,
    };
    (0..=bins).map(edge).collect()
}

/// Counts values between edges. Every value within the outer edges is in exactly one bin.
pub(crate) fn histogram(values: &Sorted, edges: &[f64]) -> Vec<Bin> {
    let below = |edge: f64| values.0.partition_point(|value| *value < edge);
    let last = edges.len().saturating_sub(2);
    edges
        .windows(2)
        .enumerate()
        .map(|(at, pair)| {
            let end = match at == last {
                true => values.0.partition_point(|value| *value <= pair[1]),
                false => below(pair[1]),
            };
            Bin {
                from: pair[0],
                to: pair[1],
                count: end - below(pair[0]),
            }
        })
        .collect()
}

/// The difference of two medians, and the interval in which it probably is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    /// The second median less the first one.
    pub(crate) of_medians: f64,
    /// The ends of the bootstrap interval (95 %, percentile method).
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Difference {
    /// Returns whether the difference is larger than the spread: 0 is outside the interval.
    pub(crate) fn is_clear(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Compares two samples by the difference of their medians (nearest rank), with the 95 % bootstrap
/// interval: both samples are resampled with replacement, each by itself. `None` when one is empty.
pub(crate) fn difference(first: &Sorted, second: &Sorted, seed: u64) -> Option<Difference> {
    let of_medians = second.percentile(50.0)? - first.percentile(50.0)?;
    let mut random = Rng::with_seed(seed);
    let resampled = (0..RESAMPLES).map(|_| {
        let first = resampled_median(first, &mut random);
        resampled_median(second, &mut random) - first
    });
    let resampled = Sorted::new(resampled);
    Some(Difference {
        of_medians,
        low: resampled.percentile(2.5)?,
        high: resampled.percentile(97.5)?,
    })
}

/// Returns the median of a sample of the same size, drawn with replacement.
///
/// Drawing n values and taking the one of rank m is the same as drawing the number of rank m of n
/// uniform ones, since the value behind a number grows with it. That number has a beta
/// distribution, which takes two draws instead of n.
fn resampled_median(values: &Sorted, random: &mut Rng) -> f64 {
    let count = values.0.len();
    let Some(rank) = nearest_rank(count, 50.0) else {
        return f64::NAN;
    };
    let below = gamma(rank as f64, random);
    let above = gamma((count - rank + 1) as f64, random);
    let at = (below / (below + above) * count as f64) as usize;
    values.0[at.min(count - 1)]
}

/// Draws from a gamma distribution with a shape of at least 1 (Marsaglia and Tsang, 2000).
fn gamma(shape: f64, random: &mut Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let normal = normal(random);
        let v = (1.0 + c * normal).powi(3);
        if v > 0.0 {
            let limit = 0.5 * normal * normal + d - d * v + d * v.ln();
            if (1.0 - random.f64()).ln() < limit {
                return d * v;
            }
        }
    }
}

/// Draws from the standard normal distribution (Box and Muller, 1958).
fn normal(random: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

#[cfg(test)]
mod tests;
