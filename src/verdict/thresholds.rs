//! Limits on a statistic of many measured times: `p95=250ms`.

use std::time::Duration;

use crate::verdict::checks::Checked;
use crate::verdict::statistics::Sorted;

/// A number that stands for many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Statistic {
    Percentile(f64),
    Mean,
    Max,
}

impl Statistic {
    /// Reads a name: `p50` to `p100` and any percentile between, `mean` or `max`.
    pub(crate) fn parse(name: &str) -> Option<Statistic> {
        match name {
            "mean" => Some(Statistic::Mean),
            "max" => Some(Statistic::Max),
            _ => {
                let digits = name.strip_prefix('p')?;
                let is_plain = digits
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.');
                let percent: f64 = digits.parse().ok().filter(|_| is_plain)?;
                (percent > 0.0 && percent <= 100.0).then_some(Statistic::Percentile(percent))
            }
        }
    }

    /// Returns what it comes to; `None` without values.
    pub(crate) fn of(self, values: &Sorted) -> Option<f64> {
        match self {
            Statistic::Percentile(percent) => values.percentile(percent),
            Statistic::Mean => values.mean(),
            Statistic::Max => values.max(),
        }
    }
}

/// Which time is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limited {
    Server,
    Total,
}

/// A limit on a statistic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Threshold {
    pub(crate) of: Limited,
    pub(crate) statistic: Statistic,
    pub(crate) limit: Duration,
    /// What was given: `--max-server-time p95=250ms`.
    pub(crate) text: String,
}

impl Threshold {
    /// Checks the times of the reads that succeeded; `reads` is how many did. A time that some
    /// responses do not say is not known, and what is not known does not hold.
    pub(crate) fn check(&self, values: &Sorted, reads: usize, profile: Option<&str>) -> Checked {
        let missing = reads - values.count().min(reads);
        let limit = self.limit.as_secs_f64() * 1000.0;
        let problem = match self.statistic.of(values) {
            _ if missing > 0 => Some(format!(
                "Server-Timing is absent in {missing} of {reads} responses"
            )),
            None => Some("no read succeeded".to_owned()),
            Some(value) if value > limit => Some(format!("it was {value:.1} ms")),
            Some(_) => None,
        };
        let name = match profile {
            Some(profile) => format!("{profile}: {}", self.text),
            None => self.text.clone(),
        };
        Checked { name, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_have_names() {
        for (name, expected) in [
            ("p50", Some(Statistic::Percentile(50.0))),
            ("p99.9", Some(Statistic::Percentile(99.9))),
            ("p100", Some(Statistic::Percentile(100.0))),
            ("mean", Some(Statistic::Mean)),
            ("max", Some(Statistic::Max)),
        ] {
            assert_eq!(Statistic::parse(name), expected, "{name}");
        }
        for name in [
            "", "p", "p0", "p101", "p-1", "pnan", "p1e1", "95", "median", "P95",
        ] {
            assert_eq!(Statistic::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_limit_holds_up_to_its_value_and_not_without_values() {
        let threshold = Threshold {
            of: Limited::Server,
            statistic: Statistic::Percentile(50.0),
            limit: Duration::from_millis(20),
            text: "--max-server-time p50=20ms".to_owned(),
        };
        let problem = |values: &[f64], reads| {
            let values = Sorted::new(values.iter().copied());
            threshold.check(&values, reads, None).problem
        };
        assert_eq!(problem(&[10.0, 20.0, 90.0], 3), None);
        assert_eq!(problem(&[20.1], 1).as_deref(), Some("it was 20.1 ms"));
        assert_eq!(problem(&[], 0).as_deref(), Some("no read succeeded"));
        assert_eq!(
            problem(&[1.0], 3).as_deref(),
            Some("Server-Timing is absent in 2 of 3 responses")
        );
        let named = threshold.check(&Sorted::default(), 0, Some("dev"));
        assert_eq!(named.name, "dev: --max-server-time p50=20ms");
    }
}
