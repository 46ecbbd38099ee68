//! Sets of line numbers, kept as ranges: a run leaves few gaps, however long its input is.

use std::collections::BTreeMap;
use std::fmt;

/// A set of line numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineSet {
    /// The first line of each range, with its last.
    ranges: BTreeMap<u64, u64>,
}

impl LineSet {
    /// Adds the lines from `first` to `last`.
    pub(crate) fn add(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last);
        if let Some((start, end)) = self.ranges.range(..=first).next_back()
            && *end >= first.saturating_sub(1)
        {
            (first, last) = (*start, last.max(*end));
        }
        while let Some((start, end)) = self.ranges.range(first..=last.saturating_add(1)).next() {
            let (start, end) = (*start, *end);
            last = last.max(end);
            self.ranges.remove(&start);
        }
        self.ranges.insert(first, last);
    }

    /// Adds all lines of another set.
    pub(crate) fn add_all(&mut self, other: &LineSet) {
        for (first, last) in &other.ranges {
            self.add(*first, *last);
        }
    }

    /// Takes all lines of another set out.
    pub(crate) fn remove_all(&mut self, other: &LineSet) {
        for (first, last) in &other.ranges {
            self.remove(*first, *last);
        }
    }

    fn remove(&mut self, first: u64, last: u64) {
        let touched: Vec<(u64, u64)> = self
            .ranges
            .range(..=last)
            .rev()
            .take_while(|(_, end)| **end >= first)
            .map(|(start, end)| (*start, *end))
            .collect();
        for (start, end) in touched {
            self.ranges.remove(&start);
            if start < first {
                self.ranges.insert(start, first - 1);
            }
            if end > last {
                self.ranges.insert(last + 1, end);
            }
        }
    }

    /// Returns whether a line is in the set.
    pub(crate) fn contains(&self, line: u64) -> bool {
        let before = self.ranges.range(..=line).next_back();
        before.is_some_and(|(_, end)| *end >= line)
    }

    /// Returns how many lines there are.
    pub(crate) fn count(&self) -> u64 {
        self.ranges().map(|(first, last)| last - first + 1).sum()
    }

    /// Returns the first line.
    pub(crate) fn first(&self) -> Option<u64> {
        self.ranges.keys().next().copied()
    }

    /// Returns the ranges, in order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.ranges.iter().map(|(first, last)| (*first, *last))
    }

    /// Returns the lines as a message names them: `line 3`, `lines 1-40`.
    pub(crate) fn named(&self) -> String {
        match self.count() {
            1 => format!("line {self}"),
            _ => format!("lines {self}"),
        }
    }

    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn parse(text: &str) -> Option<LineSet> {
        let mut lines = LineSet::default();
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            if first == 0 || last < first {
                return None;
            }
            lines.add(first, last);
        }
        Some(lines)
    }
}

impl FromIterator<u64> for LineSet {
    fn from_iter<I: IntoIterator<Item = u64>>(lines: I) -> Self {
        let mut set = LineSet::default();
        for line in lines {
            set.add(line, line);
        }
        set
    }
}

impl fmt::Display for LineSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (first, last)) in self.ranges().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}-{last}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_set_of_ranges_is_a_set(changes in prop::collection::vec((any::<bool>(), 1_u64..40, 0_u64..6), 0..40)) {
            let (mut lines, mut plain) = (LineSet::default(), BTreeSet::new());
            for (is_added, first, more) in changes {
                let all = first..=first + more;
                if is_added {
                    lines.add(first, first + more);
                    plain.extend(all);
                } else {
                    lines.remove(first, first + more);
                    plain.retain(|line| !all.contains(line));
                }
            }
            for line in 1..60 {
                prop_assert_eq!(lines.contains(line), plain.contains(&line));
            }
            prop_assert_eq!(lines.count(), plain.len() as u64);
            prop_assert_eq!(lines.first(), plain.first().copied());
            let collected: LineSet = plain.into_iter().collect();
            prop_assert_eq!(&collected, &lines);
            if lines.count() > 0 {
                prop_assert_eq!(LineSet::parse(&lines.to_string()), Some(lines));
            }
        }
    }

    #[test]
    fn what_is_no_range_is_not_read() {
        for text in ["", "0", "3-1", "a", "1,", "1-"] {
            assert_eq!(LineSet::parse(text), None, "{text}");
        }
    }
}
