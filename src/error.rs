//! `Failure`: who failed, what is known about it, what to type next, and the exit code.

use std::fmt;

use crate::exit::Exit;

/// An error as the user sees it: one `error:` line, then facts, then what to do.
///
/// The texts never hold a secret, a Rust type name or a chain of causes; whoever builds one has
/// cleaned what came from a server or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the process ends with.
    pub exit: Exit,
    /// Who failed and how, without a final full stop.
    pub headline: String,
    /// What helps to understand it, a line each.
    pub facts: Vec<String>,
    /// What to type or do next, a line each.
    pub hints: Vec<String>,
}

/// Makes a failure of this machine (exit 1) of an error on which nothing decides: what was being
/// done, and the system's reason where it gave one. What a library says of itself is left out.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.root_cause().downcast_ref::<std::io::Error>() {
            Some(cause) => Failure::local(format!("{error}: {}", io_reason(cause))),
            None => Failure::local(error.to_string()),
        }
    }
}

impl Failure {
    /// Makes a failure with only its headline.
    pub fn new(exit: Exit, headline: impl Into<String>) -> Self {
        Failure {
            exit,
            headline: headline.into(),
            facts: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Makes a failure of usage, configuration or credential (exit 2): nothing was sent.
    pub fn usage(headline: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, headline)
    }

    /// Makes a failure of usage that says so.
    pub fn unsent(headline: impl Into<String>) -> Self {
        Failure::usage(headline).fact("nothing was sent")
    }

    /// Makes a failure of this machine (exit 1).
    pub fn local(headline: impl Into<String>) -> Self {
        Failure::new(Exit::Local, headline)
    }

    /// Adds a line that helps to understand the failure.
    #[must_use]
    pub fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }

    /// Adds a line that says what to type or do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what was probably meant, where something is close to what was given: [`nearest`].
    #[must_use]
    pub(crate) fn suggest<'a>(self, close: impl IntoIterator<Item = &'a str>) -> Self {
        let close: Vec<_> = close.into_iter().collect();
        match close.is_empty() {
            true => self,
            false => self.hint(format!("did you mean {}?", close.join(" or "))),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.headline)?;
        for line in self.facts.iter().chain(&self.hints) {
            for part in line.lines() {
                write!(f, "\n  {part}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// The result of everything that can fail before or after a call.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Returns the words for an I/O error without the number the system adds.
pub(crate) fn io_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "unknown error".to_owned(),
    }
}

/// Returns the candidates nearest to `word`, best first, at most three; empty when none is close.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    const CLOSE_ENOUGH: f64 = 0.78;
    let word = word.to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(score, _)| *score >= CLOSE_ENOUGH)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored
        .into_iter()
        .take(3)
        .map(|(_, candidate)| candidate)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_headline_facts_and_hints_each_on_its_line() {
        let failure = Failure::usage("unknown profile prdo")
            .fact("known: dev, prod")
            .hint("did you mean prod?");
        assert_eq!(
            failure.to_string(),
            "error: unknown profile prdo\n  known: dev, prod\n  did you mean prod?"
        );
    }

    #[test]
    fn nearest_offers_only_what_is_close() {
        assert_eq!(nearest("prdo", ["dev", "prod"]), ["prod"]);
        assert!(nearest("zzz", ["dev", "prod"]).is_empty());
    }

    #[test]
    fn io_reason_has_no_number() {
        let error = std::io::Error::from_raw_os_error(2);
        assert!(!io_reason(&error).contains("os error"));
    }
}
