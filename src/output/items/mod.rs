//! The items of a response: which array of the envelope they are, and what each format makes of
//! them as they come.

pub(crate) mod columns;
pub(crate) mod delimited;
pub(crate) mod named;
pub(crate) mod ndjson;
pub(crate) mod sorted;
pub(crate) mod table;
pub(crate) mod yaml;

use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::text::lexical::split::{Part, Splitter};
use crate::text::lexical::{Syntax, scan};
use crate::text::terminal::sanitise;

use crate::text::path::{self, Path, Selected, Step};

/// What a format does with items; each is one JSON value that has been checked.
pub(crate) trait Rows {
    /// Takes an item.
    ///
    /// # Errors
    /// Fails when the format cannot hold it.
    fn item(&mut self, item: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// Takes an object that is there instead of a list.
    ///
    /// # Errors
    /// Fails when the format cannot hold it.
    fn object(&mut self, object: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.item(object, out)
    }

    /// Takes a text, number or literal that is there instead of a list: it is shown as itself.
    ///
    /// # Errors
    /// Fails when the format cannot hold it.
    fn scalar(&mut self, scalar: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// Hands over what is complete and has been held only for speed.
    fn flush(&mut self, _out: &mut Vec<u8>) {}

    /// Ends the list, and returns what is worth reporting about it.
    ///
    /// # Errors
    /// Fails when what has been held cannot be shown.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Option<String>>;
}

/// Where the items are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// In the one array of the envelope.
    TheOne,
    /// Where the catalogue or a template says; a response without it is an object.
    Declared(Path),
    /// Where `--items` says.
    Asked(Path),
}

impl Wanted {
    fn path(&self) -> Option<&Path> {
        match self {
            Wanted::TheOne => None,
            Wanted::Declared(path) | Wanted::Asked(path) => Some(path),
        }
    }
}

/// How many bytes an item may have, and everything beside the items together: both are held.
const MAX_HELD: usize = 64 * 1024 * 1024;

/// What an entry of a list takes beside its bytes: a place in the list, and two allocations.
pub(crate) const ENTRY: usize = 128;

/// How many bytes of output wait until it is clear that the envelope has but one array.
const MAX_WAITING: usize = 1024 * 1024;

/// Finds items and hands them on.
pub(crate) struct Items {
    wanted: Wanted,
    splitter: Splitter,
    hands: Hands,
}

/// What the splitter reports to.
struct Hands {
    rows: Box<dyn Rows>,
    /// Whether the array that is open is the one that is wanted.
    open: bool,
    /// The array that was taken for the items, when that was a guess.
    guessed: Option<String>,
    /// Whether the items have been found.
    found: bool,
    /// Whether the document is an object.
    is_object: bool,
    /// The members of the envelope that are not arrays.
    members: Vec<(String, Vec<u8>)>,
    /// What they and the names of the arrays that were skipped take.
    beside: usize,
    /// How much an item, or all that is beside the items, may take.
    max_held: usize,
    /// The names of the arrays that were skipped.
    passed: Vec<String>,
    /// How many items there were.
    count: u64,
    /// How many more items may be handed on.
    left: Option<u64>,
    failure: Option<Failure>,
    out: Vec<u8>,
}

impl Items {
    /// Begins a list, of at most `limit` items.
    pub(crate) fn new(wanted: Wanted, rows: Box<dyn Rows>, limit: Option<u64>) -> Self {
        Items {
            wanted,
            splitter: Splitter::new(),
            hands: Hands {
                rows,
                open: false,
                guessed: None,
                found: false,
                is_object: false,
                members: Vec::new(),
                beside: 0,
                max_held: MAX_HELD,
                passed: Vec::new(),
                count: 0,
                left: limit,
                failure: None,
                out: Vec::new(),
            },
        }
    }

    /// Returns how many items have been handed on.
    pub(crate) fn count(&self) -> u64 {
        self.hands.count
    }

    /// Reads the next chunk of a document; what is ready of the output is added to `out`.
    ///
    /// # Errors
    /// Fails when it is not JSON, when it is not clear which items are meant, or when they cannot
    /// be held.
    pub(crate) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let Items {
            wanted,
            splitter,
            hands,
        } = self;
        let read = splitter.push(chunk, &mut |part| hands.take(part, wanted));
        hands.check()?;
        read.map_err(not_json)?;
        let (held, what) = splitter.held();
        if held > hands.max_held {
            return Err(too_large(what, hands.max_held));
        }
        hands.rows.flush(&mut hands.out);
        let waits = matches!(wanted, Wanted::TheOne) && hands.out.len() < MAX_WAITING;
        if !waits {
            out.append(&mut hands.out);
        }
        Ok(())
    }

    /// Ends a document. Returns the members of its envelope that are not arrays; another document
    /// may follow.
    ///
    /// # Errors
    /// Fails when it is not complete, or has no items where `--items` says.
    pub(crate) fn end_document(&mut self, out: &mut Vec<u8>) -> Result<Vec<(String, Vec<u8>)>> {
        let Items {
            wanted,
            splitter,
            hands,
        } = self;
        let read = std::mem::replace(splitter, Splitter::new());
        let mut read = read;
        let ended = read.finish(&mut |part| hands.take(part, wanted));
        hands.check()?;
        ended.map_err(not_json)?;
        if !hands.found {
            hands.without_list(wanted)?;
        }
        hands.rows.flush(&mut hands.out);
        out.append(&mut hands.out);
        hands.guessed = None;
        hands.found = false;
        hands.passed.clear();
        hands.beside = 0;
        Ok(std::mem::take(&mut hands.members))
    }

    /// Ends the list, and returns what is worth reporting about it.
    ///
    /// # Errors
    /// Fails when what has been held cannot be shown.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<Option<String>> {
        self.hands.rows.finish(out)
    }
}

impl Hands {
    fn take(&mut self, part: Part<'_>, wanted: &Wanted) {
        if self.failure.is_some() {
            return;
        }
        let taken = match part {
            Part::Object => {
                self.is_object = true;
                Ok(())
            }
            Part::ArrayBegins(key) => self.array(key, wanted),
            Part::Item(item) if self.open => self.item(item),
            Part::Item(_) => Ok(()),
            Part::ArrayEnds => {
                self.open = false;
                Ok(())
            }
            Part::Member(key, value) => self.member(key, value, wanted),
            Part::Scalar(scalar) => {
                self.found = true;
                self.rows.scalar(scalar, &mut self.out)
            }
        };
        self.failure = taken.err();
    }

    fn check(&mut self) -> Result<()> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn array(&mut self, key: Option<&str>, wanted: &Wanted) -> Result<()> {
        let name = key.unwrap_or(".");
        let steps = wanted.path().map(Path::steps);
        self.open = match (steps, key) {
            // A list without an envelope is the list, wherever it was expected.
            (Some([]) | None, None) => true,
            (Some(_), None) => matches!(wanted, Wanted::Declared(_)),
            (Some([Step::Key(first)]), Some(key)) => first == key,
            (Some(_), Some(_)) => false,
            (None, Some(key)) => match &self.guessed {
                None => {
                    self.guessed = Some(key.to_owned());
                    true
                }
                Some(first) => {
                    let (first, second) =
                        (sanitise(first).into_owned(), sanitise(key).into_owned());
                    return Err(Failure::local(format!(
                        "the response has more than one list: {first} and {second}"
                    ))
                    .hint(format!("say which: --items {first} or --items {second}")));
                }
            },
        };
        if self.open {
            self.found = true;
        } else {
            self.hold(name.len())?;
            self.passed.push(name.to_owned());
        }
        Ok(())
    }

    /// Counts what is held beside the items.
    fn hold(&mut self, bytes: usize) -> Result<()> {
        self.beside += bytes + ENTRY;
        if self.beside > self.max_held {
            return Err(too_large("what is beside the items", self.max_held));
        }
        Ok(())
    }

    fn item(&mut self, item: &[u8]) -> Result<()> {
        if let Some(left) = &mut self.left {
            if *left == 0 {
                return Ok(());
            }
            *left -= 1;
        }
        self.count += 1;
        self.rows.item(item, &mut self.out)
    }

    fn member(&mut self, key: &str, value: &[u8], wanted: &Wanted) -> Result<()> {
        self.hold(key.len() + value.len())?;
        if let Some(path) = wanted.path()
            && let Some((Step::Key(first), rest)) = path.steps().split_first()
            && first == key
        {
            self.nested(path::select(rest, value))?;
        }
        self.members.push((key.to_owned(), value.to_vec()));
        Ok(())
    }

    /// Takes items that are deeper than the envelope's own members.
    fn nested(&mut self, selected: Selected<'_>) -> Result<()> {
        match selected {
            Selected::Missing => {}
            Selected::One(list) if list.first() == Some(&b'[') => {
                self.found = true;
                for item in scan::elements(list) {
                    self.item(item)?;
                }
            }
            Selected::One(object) if object.first() == Some(&b'{') => {
                self.found = true;
                self.rows.object(object, &mut self.out)?;
            }
            Selected::One(scalar) => {
                self.found = true;
                self.rows.scalar(scalar, &mut self.out)?;
            }
            Selected::Many(items) => {
                self.found = true;
                for item in items {
                    self.item(item)?;
                }
            }
        }
        Ok(())
    }

    /// Shows a document that has no list where one was looked for.
    fn without_list(&mut self, wanted: &Wanted) -> Result<()> {
        if let Wanted::Asked(path) = wanted {
            let names = self
                .passed
                .iter()
                .chain(self.members.iter().map(|(key, _)| key));
            let names: Vec<String> = names.map(|name| sanitise(name).into_owned()).collect();
            return Err(
                Failure::local(format!("the response has nothing at --items {path}"))
                    .fact(format!("it has: {}", names.join(", "))),
            );
        }
        let mut object = b"{".to_vec();
        for (key, value) in &self.members {
            if object.len() > 1 {
                object.push(b',');
            }
            object.extend_from_slice(serde_json::Value::from(key.as_str()).to_string().as_bytes());
            object.push(b':');
            object.extend_from_slice(value);
        }
        object.push(b'}');
        self.rows.object(&object, &mut self.out)
    }
}

fn not_json(error: Syntax) -> Failure {
    let failure = error.of("the body", Exit::Local);
    failure.hint("--format raw shows it as received")
}

/// Says that something is larger than what may be held.
pub(crate) fn too_large(what: &str, max: usize) -> Failure {
    Failure::new(
        Exit::Local,
        format!(
            "{what} needs more than {} MiB, too large for this format, which has to hold it",
            max.div_ceil(1 << 20)
        ),
    )
    .hint("--format ndjson writes the items as they come, and --format pretty shows all")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::items::ndjson::NdJson;
    use crate::text::terminal::Theme;

    /// Reads a body of which little may be held.
    fn read(body: &str, chunk: usize) -> Result<String> {
        let rows = Box::new(NdJson::new(&Theme::plain(), false));
        let mut items = Items::new(Wanted::TheOne, rows, None);
        items.hands.max_held = 10 * ENTRY;
        let mut out = Vec::new();
        for chunk in body.as_bytes().chunks(chunk) {
            items.push(chunk, &mut out)?;
        }
        items.end_document(&mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn every_token_is_bounded_and_the_message_names_it() {
        let long = "x".repeat(20 * ENTRY);
        let escaped = "\\n".repeat(20 * ENTRY);
        let members: Vec<String> = (0..20).map(|number| format!("\"{number}\":1")).collect();
        let members = members.join(",");
        let name = "the name of a member beside the items";
        let value = "one value beside the items";
        for (body, what) in [
            (format!(r#"{{"a":[1],"{long}":1}}"#), name),
            (format!(r#"{{"a":[1],"{escaped}":1}}"#), name),
            (format!(r#"{{"a":[1],"{long}"#), name),
            (format!(r#"{{"a":[1],"{long}":[2]}}"#), name),
            (format!(r#"{{"a":[1],"b":"{long}"}}"#), value),
            (format!(r#"{{"a":[1],"b":{{"{long}":1}}}}"#), value),
            (format!("\"{long}\""), value),
            (format!(r#"{{"a":["{long}"]}}"#), "one item"),
            (format!(r#"["{long}"]"#), "one item"),
            (format!(r#"[{{"{long}":1}}]"#), "one item"),
            (
                format!(r#"{{"a":[1],{members}}}"#),
                "what is beside the items",
            ),
        ] {
            for chunk in [1, 100] {
                let failure = read(&body, chunk).expect_err(&body);
                assert!(failure.headline.starts_with(what), "{body}: {failure}");
                assert_eq!(failure.exit, Exit::Local, "{body}");
            }
        }
        // A list of any length is not a token: its items are handed on as they come.
        let many = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(20 * ENTRY));
        assert!(read(&many, 100).is_ok());
    }

    #[test]
    fn lists_that_are_passed_over_are_counted_by_their_names() {
        let rows = Box::new(NdJson::new(&Theme::plain(), false));
        let wanted = Wanted::Asked(Path::parse("z").expect("a path"));
        let mut items = Items::new(wanted, rows, None);
        items.hands.max_held = 10 * ENTRY;
        let failure = (0..20)
            .try_for_each(|number| {
                let start = if number == 0 { "{" } else { "," };
                items.push(
                    format!("{start}\"{number}\":[]").as_bytes(),
                    &mut Vec::new(),
                )
            })
            .expect_err("too many lists");
        assert!(failure.headline.starts_with("what is beside"), "{failure}");
    }
}
