//! An envelope taken apart as it streams: the elements of its arrays one by one, the rest whole.

use super::Syntax;
use super::machine::{Machine, Sink};
use super::scan;

/// A part of an envelope, as its raw bytes without whitespace around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// The array of this member begins; `None` for the document itself.
    ArrayBegins(Option<&'a str>),
    /// An element of that array.
    Item(&'a [u8]),
    /// The array ends.
    ArrayEnds,
    /// A member that is not an array: key and value.
    Member(&'a str, &'a [u8]),
    /// A document that is neither object nor array.
    Scalar(&'a [u8]),
    /// The document is an object, whose members follow.
    Object,
}

/// Takes one JSON text apart that comes in chunks. What it holds is one item or member.
#[derive(Debug)]
pub(crate) struct Splitter {
    machine: Machine,
    place: Place,
}

/// Where in the envelope the reader is.
#[derive(Debug, Default)]
struct Place {
    /// How many brackets are open.
    depth: usize,
    /// Whether the document itself is an array, whose items are one level less deep.
    is_list: bool,
    /// Whether an array of items is open.
    in_array: bool,
    /// The key of the member that is being read, unescaped.
    key: String,
    /// The raw bytes of a key that comes in several chunks.
    key_bytes: Option<Vec<u8>>,
    /// Where in the chunk what is being held begins.
    start: Option<usize>,
    /// Its beginning from earlier chunks.
    held: Vec<u8>,
}

impl Splitter {
    /// Begins.
    pub(crate) fn new() -> Self {
        Splitter {
            machine: Machine::new(false),
            place: Place::default(),
        }
    }

    /// Returns how many bytes are held of what has not ended yet, and what it is.
    pub(crate) fn held(&self) -> (usize, &'static str) {
        let name = self.place.key_bytes.as_ref().map_or(0, Vec::len) + self.place.key.len();
        let what = if self.place.in_array {
            "one item"
        } else if name > self.place.held.len() {
            "the name of a member beside the items"
        } else {
            "one value beside the items"
        };
        (name + self.place.held.len(), what)
    }

    /// Reads the next chunk and reports the parts that it completes.
    ///
    /// # Errors
    /// Fails at the first mistake; what came before it has been reported.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        report: &mut dyn FnMut(Part<'_>),
    ) -> Result<(), Syntax> {
        let mut cutter = Cutter {
            place: &mut self.place,
            chunk,
            report,
        };
        self.machine.push(chunk, &mut cutter)?;
        if let Some(start) = self.place.start {
            self.place.held.extend_from_slice(&chunk[start..]);
            self.place.start = Some(0);
        }
        Ok(())
    }

    /// Ends the text.
    ///
    /// # Errors
    /// Fails when it is not complete.
    pub(crate) fn finish(&mut self, report: &mut dyn FnMut(Part<'_>)) -> Result<(), Syntax> {
        let mut cutter = Cutter {
            place: &mut self.place,
            chunk: b"",
            report,
        };
        self.machine.finish(&mut cutter)?;
        if let Some(scalar) = cutter.take(0) {
            (cutter.report)(Part::Scalar(scalar.trim_ascii()));
        }
        Ok(())
    }
}

/// Reads along with the machine and cuts.
struct Cutter<'a> {
    place: &'a mut Place,
    chunk: &'a [u8],
    report: &'a mut dyn FnMut(Part<'_>),
}

impl Cutter<'_> {
    /// Returns how deep the elements of an array of items are.
    fn item_depth(&self) -> usize {
        if self.place.is_list { 1 } else { 2 }
    }

    /// Ends what is held at a place of the chunk.
    fn take(&mut self, end: usize) -> Option<Vec<u8>> {
        let start = self.place.start.take()?;
        let mut whole = std::mem::take(&mut self.place.held);
        whole.extend_from_slice(&self.chunk[start.min(end)..end]);
        Some(whole)
    }

    fn item_ends(&mut self, end: usize) {
        let start = self.place.start.take();
        let Some(start) = start else { return };
        let here = &self.chunk[start.min(end)..end];
        if self.place.held.is_empty() {
            (self.report)(Part::Item(here.trim_ascii()));
        } else {
            self.place.held.extend_from_slice(here);
            (self.report)(Part::Item(self.place.held.trim_ascii()));
            self.place.held.clear();
        }
    }

    fn member_ends(&mut self, end: usize) {
        let key = std::mem::take(&mut self.place.key);
        if let Some(value) = self.take(end) {
            (self.report)(Part::Member(&key, value.trim_ascii()));
        }
    }
}

impl Sink for Cutter<'_> {
    fn document(&mut self, _first: bool, at: usize) {
        self.place.start = Some(at);
    }

    #[inline]
    fn open(&mut self, byte: u8) {
        self.place.depth += 1;
        match (self.place.depth, byte) {
            (1, b'{') => {
                self.place.start = None;
                (self.report)(Part::Object);
            }
            (1, _) => {
                self.place.start = None;
                self.place.is_list = true;
                self.place.in_array = true;
                (self.report)(Part::ArrayBegins(None));
            }
            (2, b'[') if !self.place.is_list => {
                self.place.start = None;
                self.place.held.clear();
                self.place.in_array = true;
                (self.report)(Part::ArrayBegins(Some(&self.place.key)));
            }
            _ => {}
        }
    }

    #[inline]
    fn close(&mut self, _byte: u8, _empty: bool, depth: usize, at: usize) {
        self.place.depth = depth;
        if self.place.in_array && depth + 1 == self.item_depth() {
            self.item_ends(at);
            self.place.in_array = false;
            (self.report)(Part::ArrayEnds);
        } else if depth == 0 {
            self.member_ends(at);
        }
    }

    #[inline]
    fn item(&mut self, first: bool, depth: usize, at: usize) {
        if depth > 2 {
            return;
        }
        if self.place.in_array {
            if depth == self.item_depth() {
                if first {
                    self.place.start = Some(at);
                } else {
                    self.item_ends(at);
                    self.place.start = Some(at + 1);
                }
            }
        } else if depth == 1 {
            self.member_ends(at);
        }
    }

    #[inline]
    fn colon(&mut self, at: usize) {
        if self.place.depth == 1 && !self.place.is_list {
            self.place.start = Some(at + 1);
        }
    }

    #[inline]
    fn string(&mut self, key: bool, length: usize, rest: &[u8]) {
        if key && self.place.depth == 1 {
            self.place.key = String::from_utf8_lossy(&rest[1..length - 1]).into_owned();
        }
    }

    fn string_begin(&mut self, key: bool) {
        if key && self.place.depth == 1 {
            self.place.key_bytes = Some(b"\"".to_vec());
        }
    }

    fn string_chunk(&mut self, text: &[u8]) {
        if let Some(bytes) = &mut self.place.key_bytes {
            bytes.extend_from_slice(text);
        }
    }

    fn string_end(&mut self, _key: bool) {
        if let Some(mut bytes) = self.place.key_bytes.take() {
            bytes.push(b'"');
            self.place.key = scan::text(&bytes).into_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &[u8], size: usize) -> Result<Vec<String>, Syntax> {
        let mut splitter = Splitter::new();
        let mut list = Vec::new();
        let mut report = |part: Part<'_>| {
            let show = |bytes| String::from_utf8_lossy(bytes).into_owned();
            list.push(match part {
                Part::ArrayBegins(key) => format!("[{}", key.unwrap_or("-")),
                Part::Item(bytes) => show(bytes),
                Part::ArrayEnds => "]".to_owned(),
                Part::Member(key, value) => format!("{key}={}", show(value)),
                Part::Scalar(bytes) => format!("scalar {}", show(bytes)),
                Part::Object => "{".to_owned(),
            });
        };
        for chunk in text.chunks(size) {
            splitter.push(chunk, &mut report)?;
        }
        splitter.finish(&mut report)?;
        Ok(list)
    }

    #[test]
    fn an_envelope_comes_apart_wherever_it_is_cut() {
        let cases: [(&str, &[&str]); 8] = [
            (
                r#" {"status":"ok", "rows" : [ {"a":[1,2]} , 2,"x" ],"n":1.10 , "o":{"p":[3]}} "#,
                &[
                    "{",
                    "status=\"ok\"",
                    "[rows",
                    r#"{"a":[1,2]}"#,
                    "2",
                    "\"x\"",
                    "]",
                    "n=1.10",
                    r#"o={"p":[3]}"#,
                ],
            ),
            (
                r#"[[1,[2]],{"a":1}]"#,
                &["[-", "[1,[2]]", r#"{"a":1}"#, "]"],
            ),
            ("[]", &["[-", "]"]),
            ("{}", &["{"]),
            (r#"{"a":[],"b":[ ]}"#, &["{", "[a", "]", "[b", "]"]),
            (" 12.50 ", &["scalar 12.50"]),
            (r#""a\"b""#, &[r#"scalar "a\"b""#]),
            (
                "{\"k\\u00e9\\n\":null,\"k\u{e9}2\":[true]}",
                &["{", "k\u{e9}\n=null", "[k\u{e9}2", "true", "]"],
            ),
        ];
        for (text, expected) in cases {
            for size in 1..=text.len() {
                assert_eq!(
                    parts(text.as_bytes(), size).expect(text),
                    expected,
                    "{text} by {size}"
                );
            }
        }
    }

    #[test]
    fn a_mistake_is_told_after_what_came_before_it() {
        let mut splitter = Splitter::new();
        let mut items = 0;
        let failed = splitter.push(b"[1,2,x]", &mut |part| {
            items += usize::from(matches!(part, Part::Item(_)));
        });
        assert_eq!((failed.map_err(|error| error.column), items), (Err(6), 2));
    }

    proptest! {
        #[test]
        fn any_document_is_put_together_again(value in crate::text::lexical::tests::json(), size in 1_usize..40) {
            let text = format!(r#"{{"first":{value},"rows":[{value},{value}],"last":{value}}}"#);
            let list = parts(text.as_bytes(), size).expect("JSON");
            prop_assert!(list.iter().filter(|part| **part == value).count() >= 2);
        }
    }
}
