//! A look at the whole input before the first request: what would be sent, and whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use super::feed::Skipping;
use crate::catalogue::Class;
use crate::error::{Failure, Result};
use crate::input::rows::{self, RowFormat, Rows};
use crate::plan::batch::{Approval, Made, Maker, Recipe, Unit};
use crate::plan::guard::Needed;

/// How many invalid rows are named.
const MAX_NAMED: usize = 10;

/// What a batch would send.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) lines: u64,
    pub(crate) invalid: u64,
    /// The first invalid rows: their lines, and why.
    pub(crate) named: Vec<(u64, Failure)>,
    /// Rows that earlier runs have done, or sent with an outcome that is not known.
    pub(crate) skipped: u64,
    pub(crate) requests: u64,
    /// The strictest class of the calls.
    pub(crate) class: Option<Class>,
    pub(crate) units: u64,
    pub(crate) has_unknown_units: bool,
    /// Every profile that owns the URL of a call.
    pub(crate) owners: BTreeSet<String>,
    /// The guarded profiles whose names have to be given.
    pub(crate) needed: BTreeMap<String, Needed>,
    /// The first call.
    pub(crate) first: Option<Box<Unit>>,
}

impl Survey {
    /// Looks at every row of a file.
    ///
    /// # Errors
    /// Fails when it cannot be read, and (exit 9) when a guard refuses a call whatever is confirmed.
    pub(crate) fn take(
        file: File,
        format: RowFormat,
        recipe: &Recipe<'_>,
        skipping: &Skipping,
    ) -> Result<Survey> {
        let unreadable = |error| rows::unreadable(&error).fact("nothing was sent");
        let mut input = Rows::new(file, format);
        let mut survey = Survey::default();
        let (mut maker, mut made) = (Maker::new(recipe), Vec::new());
        let mut is_header = matches!(format, RowFormat::Delimited(_));
        while let Some(row) = input.next().map_err(unreadable)? {
            if std::mem::take(&mut is_header) {
                continue;
            }
            survey.lines += 1;
            if skipping.is_sent(row.line) {
                maker.push(row, &mut made);
                survey.add_all(&mut made)?;
            } else {
                survey.skipped += 1;
            }
        }
        maker.finish(&mut made);
        survey.add_all(&mut made)?;
        Ok(survey)
    }

    fn add_all(&mut self, made: &mut Vec<Made>) -> Result<()> {
        made.drain(..).try_for_each(|made| self.add(made))
    }

    fn add(&mut self, made: Made) -> Result<()> {
        let unit = match made {
            Made::Bad(row, failure) => {
                self.invalid += 1;
                if self.named.len() < MAX_NAMED {
                    self.named.push((row.line, failure));
                }
                return Ok(());
            }
            Made::Call(unit) => unit,
        };
        let judgement = &unit.call.judgement;
        let needed = Approval::default()
            .needed(judgement)
            .map_err(|failure| failure.fact(unit.lines().named()).fact("nothing was sent"))?;
        if let Some(needed) = needed {
            self.needed.entry(needed.owner.clone()).or_insert(needed);
        }
        let owners = judgement.owners.iter().map(|owner| owner.name.clone());
        self.owners.extend(owners);
        let class = judgement.classified.class;
        self.class = self.class.max(Some(class));
        if class == Class::Billable {
            self.units += unit.call.units.unwrap_or(0);
            self.has_unknown_units |= unit.call.units.is_none();
        }
        self.requests += 1;
        self.first.get_or_insert(unit);
        Ok(())
    }

    /// Says what the batch may cost, if anything.
    pub(crate) fn cost(&self) -> Option<String> {
        (self.class == Some(Class::Billable) || self.units > 0).then(|| {
            if self.has_unknown_units {
                "AI units, how many is not known".to_owned()
            } else {
                format!("up to {} AI units", self.units)
            }
        })
    }
}
