//! `rein timing`: what was measured, what it comes to, and how both are shown.

pub(crate) mod machine;
pub(crate) mod page;
pub(crate) mod table;

use std::time::Duration;

use indexmap::IndexMap;

use crate::exit::Exit;
use crate::output::record::{Attempts, millis};
use crate::verdict::checks::Checked;
use crate::verdict::statistics::{self, Difference, Sorted};
use crate::verdict::thresholds::{Limited, Statistic, Threshold};

/// The percentiles that are always shown.
pub(crate) const PERCENTS: [f64; 3] = [50.0, 90.0, 99.0];
/// How many kinds of failure of a profile are listed for a person: a message that holds the number
/// of its request is a kind of its own.
const MAX_ERRORS: usize = 10;

/// A part of the time of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    Lookup,
    Connect,
    Tls,
    FirstByte,
    Server,
    Network,
    Transfer,
    Total,
}

impl Quantity {
    /// Every quantity, in the order in which it is shown.
    pub(crate) const ALL: [Quantity; 8] = [
        Quantity::Lookup,
        Quantity::Connect,
        Quantity::Tls,
        Quantity::FirstByte,
        Quantity::Server,
        Quantity::Network,
        Quantity::Transfer,
        Quantity::Total,
    ];

    /// Returns its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Quantity::Lookup => "lookup",
            Quantity::Connect => "connect",
            Quantity::Tls => "TLS",
            Quantity::FirstByte => "first byte",
            Quantity::Server => "server",
            Quantity::Network => "network",
            Quantity::Transfer => "transfer",
            Quantity::Total => "total",
        }
    }

    /// Returns its name in JSON and CSV.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Quantity::Tls => "tls",
            Quantity::FirstByte => "first_byte",
            other => other.name(),
        }
    }
}

/// The times of one read, in milliseconds. A phase that did not happen is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Times([Option<f64>; Quantity::ALL.len()]);

impl Times {
    /// Takes the times of a read apart: set-up of a connection, first byte after it (server and
    /// network), transfer.
    pub(crate) fn of(attempts: &Attempts) -> Times {
        let Some(moments) = attempts.timings else {
            return Times::default();
        };
        let mut begun = Duration::ZERO;
        let mut phase = |end: Option<Duration>| {
            let took = end?.saturating_sub(begun);
            begun = end?;
            Some(millis(took))
        };
        let lookup = phase(moments.lookup);
        let connect = phase(moments.connect);
        let tls = phase(moments.tls);
        let first_byte = phase(moments.first_byte);
        let transfer = moments.first_byte.and(phase(Some(moments.total)));
        let server = attempts.server();
        let network = first_byte
            .zip(server)
            .map(|(wait, server)| (wait - server).max(0.0));
        let total = Some(millis(moments.total));
        Times([
            lookup, connect, tls, first_byte, server, network, transfer, total,
        ])
    }

    /// Returns one of them.
    pub(crate) fn get(&self, quantity: Quantity) -> Option<f64> {
        self.0[quantity as usize]
    }
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ReadError {
    pub(crate) exit: Exit,
    pub(crate) headline: String,
}

/// One read.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Which of the profiles it was made with.
    pub(crate) profile: usize,
    /// Which read of the profile it is, from 1.
    pub(crate) read: usize,
    /// When it began, in milliseconds since the first one.
    pub(crate) at: f64,
    pub(crate) status: Option<u16>,
    /// The size of the decoded body.
    pub(crate) bytes: u64,
    pub(crate) times: Times,
    pub(crate) error: Option<ReadError>,
}

/// How connections are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    /// Each task reads over one connection.
    Kept,
    /// Each read opens a connection.
    Fresh,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) method: http::Method,
    pub(crate) path: String,
    /// The profiles' names.
    pub(crate) profiles: Vec<String>,
    /// How many reads of each profile were asked for.
    pub(crate) reads: usize,
    pub(crate) warmup: usize,
    pub(crate) jobs: usize,
    pub(crate) connections: Connections,
    pub(crate) samples: Vec<Sample>,
    pub(crate) thresholds: Vec<Threshold>,
}

/// What a profile's reads come to.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) profile: String,
    /// How many reads were made.
    pub(crate) reads: usize,
    /// What failed, and how often, in the order of the first time.
    pub(crate) errors: IndexMap<ReadError, usize>,
    /// The times of the reads that succeeded; quantities of which there is nothing are left out.
    pub(crate) rows: Vec<(Quantity, Sorted)>,
}

impl Group {
    fn of(run: &Run, profile: usize) -> Group {
        let own = || {
            run.samples
                .iter()
                .filter(move |sample| sample.profile == profile)
        };
        let mut errors: IndexMap<ReadError, usize> = IndexMap::new();
        for error in own().filter_map(|sample| sample.error.as_ref()) {
            match errors.get_mut(error) {
                Some(count) => *count += 1,
                None => {
                    errors.insert(error.clone(), 1);
                }
            }
        }
        let good = || own().filter(|sample| sample.error.is_none());
        let values = |quantity| Sorted::new(good().filter_map(|read| read.times.get(quantity)));
        let rows = Quantity::ALL.map(|quantity| (quantity, values(quantity)));
        Group {
            profile: run.profiles[profile].clone(),
            reads: own().count(),
            errors,
            rows: rows
                .into_iter()
                .filter(|(_, values)| values.count() > 0)
                .collect(),
        }
    }

    /// Returns how many reads failed.
    pub(crate) fn failed(&self) -> usize {
        self.errors.values().sum()
    }

    /// Returns how many reads succeeded.
    pub(crate) fn succeeded(&self) -> usize {
        self.reads - self.failed()
    }

    /// Returns the values of a quantity.
    pub(crate) fn values(&self, quantity: Quantity) -> Option<&Sorted> {
        let row = self.rows.iter().find(|(other, _)| *other == quantity);
        row.map(|(_, values)| values)
    }

    /// Returns the rows of a table: the first byte is server and network together, so it is shown
    /// only where a response does not say how long the server took.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &(Quantity, Sorted)> {
        let server = self.values(Quantity::Server).map_or(0, Sorted::count);
        let is_whole = server == self.succeeded();
        self.rows
            .iter()
            .filter(move |(quantity, _)| *quantity != Quantity::FirstByte || !is_whole)
    }

    /// Returns the cells of the rows of a table: name, count, percentiles, maximum, mean and spread.
    fn cells(&self) -> Vec<Vec<String>> {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
        let cells = |(quantity, values): &(Quantity, Sorted)| {
            let mut row = vec![quantity.name().to_owned(), values.count().to_string()];
            row.extend(PERCENTS.map(|percent| number(values.percentile(percent))));
            row.extend([values.max(), values.mean(), values.standard_deviation()].map(number));
            row
        };
        self.shown().map(cells).collect()
    }

    fn median(&self, quantity: Quantity) -> String {
        let values = self.values(quantity);
        values
            .and_then(|values| values.percentile(50.0))
            .map_or_else(String::new, short)
    }

    /// Returns a line for each kind of failure, as `line` says it, after how often it was there.
    fn error_lines(&self, line: impl Fn(&ReadError) -> String) -> Vec<String> {
        let first = self.errors.iter().take(MAX_ERRORS);
        let mut lines: Vec<String> = first
            .map(|(error, count)| format!("{count} × {}", line(error)))
            .collect();
        let others: usize = self.errors.values().skip(MAX_ERRORS).sum();
        if others > 0 {
            lines.push(format!("{others} × other failures"));
        }
        lines
    }
}

/// Two profiles compared, quantity by quantity.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The profile that the other one is compared with.
    pub(crate) base: usize,
    pub(crate) other: usize,
    pub(crate) rows: Vec<(Quantity, Difference)>,
}

impl Comparison {
    /// Returns the cells of the rows of a table: name, both medians, difference, interval, and
    /// whether the difference is larger than the spread.
    fn cells(&self, groups: &[Group]) -> Vec<Vec<String>> {
        let cells = |(quantity, found): &(Quantity, Difference)| {
            vec![
                quantity.name().to_owned(),
                groups[self.base].median(*quantity),
                groups[self.other].median(*quantity),
                signed(found.of_medians),
                format!("{} to {}", signed(found.low), signed(found.high)),
                if found.is_clear() { "yes" } else { "no" }.to_owned(),
            ]
        };
        self.rows.iter().map(cells).collect()
    }
}

/// What a run comes to.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) run: &'a Run,
    pub(crate) groups: Vec<Group>,
    /// Each further profile against the first one.
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) checks: Vec<Checked>,
}

impl<'a> Report<'a> {
    /// Computes everything that is shown of a run.
    pub(crate) fn new(run: &'a Run) -> Report<'a> {
        let groups: Vec<Group> = (0..run.profiles.len())
            .map(|profile| Group::of(run, profile))
            .collect();
        let comparisons = (1..groups.len())
            .map(|other| compare(&groups, other))
            .collect();
        let is_alone = groups.len() == 1;
        let checks = groups
            .iter()
            .flat_map(|group| run.thresholds.iter().map(move |limit| (group, limit)))
            .map(|(group, threshold)| {
                let quantity = match threshold.of {
                    Limited::Server => Quantity::Server,
                    Limited::Total => Quantity::Total,
                };
                let none = Sorted::default();
                let values = group.values(quantity).unwrap_or(&none);
                let profile = (!is_alone).then_some(group.profile.as_str());
                threshold.check(values, group.succeeded(), profile)
            })
            .collect();
        Report {
            run,
            groups,
            comparisons,
            checks,
        }
    }

    /// Returns how many reads were made, and how many of them failed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let reads = self.groups.iter().map(|group| group.reads).sum();
        (reads, self.groups.iter().map(Group::failed).sum())
    }

    /// Returns what failed, a line for each kind.
    pub(crate) fn error_lines(&self) -> Vec<String> {
        let is_alone = self.groups.len() == 1;
        let lines = |group: &Group| {
            group.error_lines(|error| match is_alone {
                true => error.headline.clone(),
                false => format!("{}: {}", group.profile, error.headline),
            })
        };
        self.groups.iter().flat_map(lines).collect()
    }

    /// Returns the comparisons of profiles that both have reads that succeeded.
    fn shown_comparisons(&self) -> impl Iterator<Item = &Comparison> {
        self.comparisons
            .iter()
            .filter(|found| !found.rows.is_empty())
    }

    /// Returns the edges of the bars of a quantity, the same for every profile.
    fn edges(&self, quantity: Quantity, bars: usize) -> Vec<f64> {
        let all = || {
            self.groups
                .iter()
                .filter_map(|group| group.values(quantity))
        };
        let lowest = all().filter_map(|values| values.values().first().copied());
        let lowest = lowest.fold(f64::INFINITY, f64::min);
        let highest = all().filter_map(Sorted::max).fold(0.0, f64::max);
        statistics::edges(lowest.min(highest), highest, bars)
    }

    /// Returns what a reader must know to use the numbers.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let fewest = self.groups.iter().map(Group::succeeded).min().unwrap_or(0);
        let limits = self.run.thresholds.iter().map(|limit| limit.statistic);
        let mut percents: Vec<f64> = PERCENTS.to_vec();
        percents.extend(limits.filter_map(|statistic| match statistic {
            Statistic::Percentile(percent) => Some(percent),
            Statistic::Mean | Statistic::Max => None,
        }));
        percents.sort_by(f64::total_cmp);
        percents.dedup();
        for percent in percents {
            let needed = statistics::needed_for(percent);
            if fewest > 0 && fewest < needed {
                notes.push(format!(
                    "p{percent} needs {needed} reads: of {fewest} it is the largest value"
                ));
            }
        }
        for group in &self.groups {
            let server = group.values(Quantity::Server).map_or(0, Sorted::count);
            let absent = group.succeeded() - server;
            if absent > 0 {
                notes.push(format!(
                    "{}: Server-Timing is absent in {absent} of {} responses, so server and \
                     network are not known there",
                    group.profile,
                    group.succeeded()
                ));
            }
            let opened = group.values(Quantity::Connect).map_or(0, Sorted::count);
            if opened > 0 && self.run.connections == Connections::Kept {
                notes.push(format!(
                    "{}: {opened} of {} reads opened a connection",
                    group.profile,
                    group.succeeded()
                ));
            }
        }
        notes
    }

    /// Returns how the numbers are made, a line each.
    pub(crate) fn methods(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "percentiles: {} over all reads that succeeded; sd: {}",
                statistics::PERCENTILE_METHOD,
                statistics::SPREAD_METHOD
            ),
            "network: first byte less server, without opening a connection".to_owned(),
        ];
        if self.shown_comparisons().next().is_some() {
            lines.push(interval_method());
        }
        lines
    }
}

/// Says how the interval of a difference is made.
fn interval_method() -> String {
    format!(
        "interval: 95 % bootstrap interval of the difference of medians (percentile method, {} \
         resamples, seed {}); a difference is larger than the spread when 0 is outside it",
        statistics::RESAMPLES,
        statistics::SEED
    )
}

fn compare(groups: &[Group], other: usize) -> Comparison {
    let rows = groups[0].shown().filter_map(|(quantity, first)| {
        let second = groups[other].values(*quantity)?;
        let found = statistics::difference(first, second, statistics::SEED)?;
        Some((*quantity, found))
    });
    Comparison {
        base: 0,
        other,
        rows: rows.collect(),
    }
}

/// Returns a time in milliseconds in at most five characters, up to 100 seconds.
pub(crate) fn short(time: f64) -> String {
    match time.abs() {
        size if size < 9.995 => format!("{time:.2}"),
        size if size < 999.95 => format!("{time:.1}"),
        _ => format!("{time:.0}"),
    }
}

/// Returns a difference as [`short`] does, with its sign; what is rounded to zero has none.
fn signed(difference: f64) -> String {
    let size = short(difference.abs());
    let sign = match size.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        true => "",
        false if difference > 0.0 => "+",
        false => "-",
    };
    format!("{sign}{size}")
}

/// Returns how the reads were made, in words.
pub(crate) fn manner(run: &Run) -> String {
    let connections = match (run.connections, run.jobs) {
        (Connections::Fresh, _) => "each over a new connection".to_owned(),
        (Connections::Kept, 1) => "over one connection".to_owned(),
        (Connections::Kept, jobs) => format!("by {jobs} tasks, each over one connection"),
    };
    let each = match run.profiles.len() {
        1 => String::new(),
        _ => " with each profile, interleaved,".to_owned(),
    };
    let made = run.samples.len() / run.profiles.len().max(1);
    let reads = if made == 1 { "read" } else { "reads" };
    let warmup = match run.warmup {
        0 => String::new(),
        warmup => format!(", warm-up {warmup}"),
    };
    format!("{made} {reads}{each} {connections}{warmup}")
}

#[cfg(test)]
mod tests;
