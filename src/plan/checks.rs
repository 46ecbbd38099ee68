//! What a response must be, and until when it is asked for: decided before anything is sent.

use std::path::PathBuf;
use std::time::Duration;

use crate::catalogue::Class;
use crate::cli::options::CheckOptions;
use crate::cli::{tail, units};
use crate::error::{Failure, Result};
use crate::verdict::checks::{Checks, Expect, Statuses};

/// How a read is repeated until it holds.
#[derive(Clone)]
pub(crate) struct Until {
    pub(crate) expect: Expect,
    /// The wait between two attempts.
    pub(crate) every: Duration,
    /// The time in which it must hold.
    pub(crate) within: Duration,
}

/// Reads what a response is checked for.
///
/// # Errors
/// Fails (exit 2) when a filter, list or time cannot be read.
pub(crate) fn decide(options: &CheckOptions) -> Result<Checks> {
    let time = |option: &str, text: &Option<String>| {
        text.as_deref()
            .map(|text| units::duration(option, text))
            .transpose()
    };
    Ok(Checks {
        expects: options
            .expect
            .iter()
            .map(|text| Expect::compile("--expect", text))
            .collect::<Result<_>>()?,
        statuses: options
            .expect_status
            .as_deref()
            .map(Statuses::parse)
            .transpose()?,
        max_server: time("--max-server-time", &options.max_server_time)?,
        max_total: time("--max-total-time", &options.max_total_time)?,
    })
}

impl Until {
    /// Reads the options; `None` when nothing is waited for.
    ///
    /// # Errors
    /// Fails (exit 2) when a filter or time cannot be read, and for a call that is not a read.
    pub(crate) fn decide(options: &CheckOptions, class: Class) -> Result<Option<Until>> {
        const EVERY: Duration = Duration::from_secs(5);
        const WITHIN: Duration = Duration::from_secs(600);
        let Some(text) = &options.until else {
            return Ok(None);
        };
        if class != Class::Read {
            return Err(Failure::usage(format!(
                "--until repeats a call, and this one is {}",
                class.description()
            ))
            .fact("nothing was sent")
            .hint("only reads are repeated"));
        }
        let time = |option: &str, text: &Option<String>, usual| match text {
            Some(text) => units::duration(option, text),
            None => Ok(usual),
        };
        let every = time("--every", &options.every, EVERY)?;
        if every.is_zero() {
            return Err(Failure::usage("--every must be more than 0"));
        }
        Ok(Some(Until {
            expect: Expect::compile("--until", text)?,
            every,
            within: time("--within", &options.within, WITHIN)?,
        }))
    }
}

/// Reads what `--report` names: the file of a JUnit report.
///
/// # Errors
/// Fails (exit 2) on any other kind.
pub(crate) fn report(options: &CheckOptions) -> Result<Option<PathBuf>> {
    const KIND: &str = "junit=";
    let Some(text) = &options.report else {
        return Ok(None);
    };
    let file = text
        .as_encoded_bytes()
        .starts_with(KIND.as_bytes())
        .then(|| tail(text, KIND.len()));
    match file {
        Some(file) if !file.is_empty() => Ok(Some(PathBuf::from(file))),
        _ => Err(Failure::usage("--report needs a kind and a file").hint("--report junit=FILE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_are_repeated() {
        let options = CheckOptions {
            until: Some(".done".to_owned()),
            ..CheckOptions::default()
        };
        for class in [
            Class::Write,
            Class::Billable,
            Class::Stateful,
            Class::Destructive,
        ] {
            assert!(Until::decide(&options, class).is_err(), "{}", class.name());
        }
        let until = Until::decide(&options, Class::Read)
            .expect("decided")
            .expect("asked for");
        assert_eq!(until.every, Duration::from_secs(5));
        assert_eq!(until.within, Duration::from_secs(600));
    }

    #[test]
    fn a_report_has_a_kind_and_a_file() {
        let report = |text: &str| {
            report(&CheckOptions {
                report: Some(text.into()),
                ..CheckOptions::default()
            })
        };
        assert_eq!(
            report("junit=a.xml").expect("a file"),
            Some(PathBuf::from("a.xml"))
        );
        assert!(report("junit=").is_err());
        assert!(report("a.xml").is_err());
    }
}
