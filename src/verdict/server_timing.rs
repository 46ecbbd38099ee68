//! `Server-Timing` by its grammar (W3C Server Timing, section 4). Junk is never an error.

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name, as sent.
    pub name: String,
    /// `dur`, in milliseconds, when it is a sane number.
    pub duration: Option<f64>,
    /// `desc`.
    pub description: Option<String>,
}

impl Metric {
    /// Makes the platform's own time of several responses together, in milliseconds.
    pub(crate) fn total(duration: f64) -> Metric {
        Metric {
            name: "total".to_owned(),
            duration: Some(duration),
            description: None,
        }
    }
}

/// Longer than a day is not a time that a call took.
const MAX_MILLIS: f64 = 86_400_000.0;

/// No response needs more; a hostile one could send thousands.
const MAX_METRICS: usize = 64;

/// Reads the metrics of all values of the header, in their order.
pub fn parse<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for value in values {
        let text = String::from_utf8_lossy(value);
        let mut cursor = Cursor { rest: &text };
        while metrics.len() < MAX_METRICS && !cursor.rest.is_empty() {
            if let Some(metric) = cursor.metric() {
                metrics.push(metric);
            }
            cursor.skip_past_comma();
        }
    }
    metrics
}

/// Returns the platform's own time in milliseconds: the first metric called `total`.
pub fn total(metrics: &[Metric]) -> Option<f64> {
    metrics
        .iter()
        .find(|metric| metric.name.eq_ignore_ascii_case("total"))
        .and_then(|metric| metric.duration)
}

struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn metric(&mut self) -> Option<Metric> {
        let name = self.token()?;
        let mut metric = Metric {
            name,
            duration: None,
            description: None,
        };
        let (mut seen_duration, mut seen_description) = (false, false);
        while self.eat(';') {
            let Some(parameter) = self.token() else {
                continue;
            };
            let value = if self.eat('=') {
                self.value()
            } else {
                String::new()
            };
            // The first of each counts, and what follows a value is skipped.
            if parameter.eq_ignore_ascii_case("dur") && !std::mem::replace(&mut seen_duration, true)
            {
                metric.duration = sane(&value);
            } else if parameter.eq_ignore_ascii_case("desc")
                && !std::mem::replace(&mut seen_description, true)
            {
                metric.description = Some(value);
            }
            self.skip_to_separator();
        }
        Some(metric)
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, separator: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(separator) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn token(&mut self) -> Option<String> {
        self.blanks();
        let end = self
            .rest
            .find(|c: char| !is_token_character(c))
            .unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then(|| token.to_owned())
    }

    fn value(&mut self) -> String {
        if !self.eat('"') {
            return self.token().unwrap_or_default();
        }
        let mut value = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return value;
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => value.push(character),
            }
        }
        self.rest = "";
        value
    }

    /// Passes over junk up to the next `;` or `,`.
    fn skip_to_separator(&mut self) {
        self.skip_until(&[';', ',']);
    }

    fn skip_past_comma(&mut self) {
        self.skip_until(&[',']);
        self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
    }

    /// Passes over everything up to one of these outside quotes.
    fn skip_until(&mut self, stops: &[char]) {
        let (mut quoted, mut escaped) = (false, false);
        for (at, character) in self.rest.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ if !quoted && stops.contains(&character) => {
                    self.rest = &self.rest[at..];
                    return;
                }
                _ => {}
            }
        }
        self.rest = "";
    }
}

fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

fn sane(text: &str) -> Option<f64> {
    text.parse::<f64>()
        .ok()
        .filter(|millis| millis.is_finite() && (0.0..=MAX_MILLIS).contains(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn metrics(header: &str) -> Vec<Metric> {
        parse([header.as_bytes()].into_iter())
    }

    #[test]
    fn the_total_is_found_in_every_spelling() {
        for (header, expected) in [
            ("total;dur=37.7", Some(37.7)),
            ("TOTAL;DUR=1", Some(1.0)),
            ("db;dur=5, total;dur=9", Some(9.0)),
            ("total;desc=\"a, b; dur=3\";dur=4", Some(4.0)),
            ("total ; dur = \"4.5\"", Some(4.5)),
            ("total;desc=\"say \\\"hi\\\", ok\";dur=6", Some(6.0)),
            ("total;dur=1;dur=2", Some(1.0)),
            ("total;dur=1, total;dur=2", Some(1.0)),
            ("total", None),
            ("total;dur", None),
            ("total;dur=", None),
            ("total;dur=-1", None),
            ("total;dur=NaN", None),
            ("total;dur=inf", None),
            ("total;dur=1e99", None),
            ("total;dur=x", None),
            ("cache;dur=1", None),
            ("", None),
            (",,;;==\"", None),
            ("total;dur=7 junk;x=1", Some(7.0)),
            ("@@@, total;dur=8", Some(8.0)),
            ("total;desc=\"never closed;dur=3", None),
        ] {
            assert_eq!(total(&metrics(header)), expected, "{header}");
        }
    }

    #[test]
    fn several_headers_and_metrics_keep_their_order() {
        let parsed = parse([&b"a;dur=1;desc=\"x\", b"[..], b"total;dur=2"].into_iter());
        let names: Vec<&str> = parsed.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "total"]);
        assert_eq!(parsed[0].description.as_deref(), Some("x"));
    }

    proptest! {
        #[test]
        fn junk_is_never_an_error(header in "[a-z;,=\" \\\\0-9.]{0,60}") {
            for metric in metrics(&header) {
                prop_assert!(metric.duration.is_none_or(|millis| millis >= 0.0));
            }
        }

        #[test]
        fn a_total_behind_whole_metrics_is_found(before in "([a-s]{1,5}(;dur=[0-9]{1,3})?(;desc=\"[a-z,; ]{0,5}\")?, ){0,4}") {
            prop_assert_eq!(total(&metrics(&format!("{before}total;dur=5"))), Some(5.0));
        }
    }
}
