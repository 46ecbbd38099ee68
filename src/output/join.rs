//! Pages joined into one document: the first envelope, every list of it joined, the cursor left
//! out. The list of items is written as it comes; what is beside it waits for the end.

use crate::error::Result;
use crate::output::items::{ENTRY, too_large};
use crate::text::lexical::scan::{elements, members, text};

/// How many bytes beside the items may be held.
const MAX_HELD: usize = 64 * 1024 * 1024;

/// Joins pages.
#[derive(Debug)]
pub(crate) struct Joiner {
    /// The member whose elements are written as they come; found in the first page when nobody
    /// says.
    items: Option<String>,
    /// The members that are left out: they belong to one page.
    dropped: Vec<String>,
    left: Option<u64>,
    count: u64,
    begun: bool,
    /// The raw key and value of each member that is written at the end.
    rest: Vec<(Vec<u8>, Held)>,
    held: usize,
}

#[derive(Debug)]
enum Held {
    Value(Vec<u8>),
    /// The elements of a list, with commas between them.
    List(Vec<u8>),
}

impl Joiner {
    /// Begins.
    pub(crate) fn new(items: Option<String>, dropped: Vec<String>, limit: Option<u64>) -> Self {
        Joiner {
            items,
            dropped,
            left: limit,
            count: 0,
            begun: false,
            rest: Vec::new(),
            held: 0,
        }
    }

    /// Returns how many items have been written.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a page: one whole JSON text that has been checked.
    ///
    /// # Errors
    /// Fails when there is too much beside the items.
    pub(crate) fn page(&mut self, page: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let page = page.trim_ascii();
        let is_list = |value: &[u8]| value.first() == Some(&b'[');
        if self.items.is_none() {
            let first = members(page).find(|(_, value)| is_list(value));
            self.items = first.map(|(key, _)| text(key).into_owned());
        }
        let is_first = !std::mem::replace(&mut self.begun, true);
        if is_first {
            out.push(b'{');
            self.begin(page, out);
        }
        let items = self.items.clone();
        let mut opened = !is_first;
        for (key, value) in members(page) {
            let name = text(key);
            if Some(&*name) == items.as_deref() && is_list(value) {
                opened = true;
                self.add_items(value, out);
            } else if is_list(value) {
                self.hold_list(key, value)?;
            } else if is_first && opened && !self.is_dropped(&name) {
                self.count_held(key.len() + value.len() + ENTRY)?;
                self.rest.push((key.to_vec(), Held::Value(value.to_vec())));
            }
        }
        Ok(())
    }

    fn count_held(&mut self, bytes: usize) -> Result<()> {
        self.held += bytes;
        if self.held > MAX_HELD {
            return Err(too_large("what is beside the items", MAX_HELD));
        }
        Ok(())
    }

    /// Writes the first page's members up to its items, and opens their list.
    fn begin(&mut self, page: &[u8], out: &mut Vec<u8>) {
        let mut separator: &[u8] = b"";
        for (key, value) in members(page) {
            let name = text(key);
            if Some(&*name) == self.items.as_deref() {
                break;
            }
            if value.first() == Some(&b'[') || self.is_dropped(&name) {
                continue;
            }
            out.extend_from_slice(separator);
            out.extend_from_slice(key);
            out.push(b':');
            out.extend_from_slice(value);
            separator = b",";
        }
        if let Some(items) = &self.items {
            out.extend_from_slice(separator);
            out.extend_from_slice(
                serde_json::Value::from(items.as_str())
                    .to_string()
                    .as_bytes(),
            );
            out.extend_from_slice(b":[");
        }
    }

    fn is_dropped(&self, name: &str) -> bool {
        self.dropped.iter().any(|dropped| dropped == name)
    }

    fn add_items(&mut self, list: &[u8], out: &mut Vec<u8>) {
        for item in elements(list) {
            if let Some(left) = &mut self.left {
                if *left == 0 {
                    return;
                }
                *left -= 1;
            }
            if self.count > 0 {
                out.push(b',');
            }
            self.count += 1;
            out.extend_from_slice(item);
        }
    }

    fn hold_list(&mut self, key: &[u8], list: &[u8]) -> Result<()> {
        let place = match self.rest.iter().position(|(held, _)| held == key) {
            Some(place) => place,
            None => {
                self.count_held(key.len() + ENTRY)?;
                self.rest.push((key.to_vec(), Held::List(Vec::new())));
                self.rest.len() - 1
            }
        };
        if let (_, Held::List(joined)) = &mut self.rest[place] {
            for element in elements(list) {
                if !joined.is_empty() {
                    joined.push(b',');
                }
                joined.extend_from_slice(element);
            }
        }
        self.count_held(list.len())
    }

    /// Ends the document.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.begun {
            return;
        }
        let mut separator: &[u8] = b"";
        if self.items.is_some() {
            out.push(b']');
            separator = b",";
        }
        for (key, held) in &self.rest {
            out.extend_from_slice(separator);
            out.extend_from_slice(key);
            match held {
                Held::Value(value) => {
                    out.push(b':');
                    out.extend_from_slice(value);
                }
                Held::List(joined) => {
                    out.extend_from_slice(b":[");
                    out.extend_from_slice(joined);
                    out.push(b']');
                }
            }
            separator = b",";
        }
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// A page with these lists and numbers; the cursor and the status are always there.
    fn page() -> impl Strategy<Value = Value> {
        let list = || proptest::collection::vec(0..100, 0..4);
        let number = || proptest::option::of(0..100);
        (list(), proptest::option::of(list()), number(), number()).prop_map(
            |(items, users, total, late)| {
                let mut page = json!({"next": "x", "status": "ok"});
                for (name, value) in [
                    ("late", late.map(Value::from)),
                    ("items", Some(items.into())),
                    ("users", users.map(Value::from)),
                    ("total", total.map(Value::from)),
                ] {
                    if let Some(value) = value {
                        page[name] = value;
                    }
                }
                page
            },
        )
    }

    proptest! {
        #[test]
        fn a_joined_document_is_the_first_envelope_with_every_list(
            pages in proptest::collection::vec(page(), 1..6),
        ) {
            let mut expected = pages[0].clone();
            for page in &pages[1..] {
                for (name, value) in page.as_object().expect("an object") {
                    if let Some(list) = value.as_array() {
                        let all = expected
                            .as_object_mut()
                            .expect("an object")
                            .entry(name)
                            .or_insert_with(|| json!([]));
                        all.as_array_mut().expect("a list").extend(list.iter().cloned());
                    }
                }
            }
            expected.as_object_mut().expect("an object").remove("next");
            let texts: Vec<String> = pages.iter().map(Value::to_string).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let whole: Value = serde_json::from_str(&joined(Some("items"), None, &texts))
                .expect("one document");
            prop_assert_eq!(whole, expected);
        }
    }

    fn joined(items: Option<&str>, limit: Option<u64>, pages: &[&str]) -> String {
        let mut joiner = Joiner::new(items.map(str::to_owned), vec!["next".to_owned()], limit);
        let mut out = Vec::new();
        for page in pages {
            joiner.page(page.as_bytes(), &mut out).expect("joined");
        }
        joiner.finish(&mut out);
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn the_first_envelope_holds_every_list_joined() {
        let pages = [
            r#"{"status":"ok","users":[1],"events":[{"a":1.10}],"next":"x","total":3}"#,
            r#"{"status":"ok","users":[2],"events":[{"a":2}],"next":"y","total":9,"late":[7]}"#,
            r#"{"status":"ok","users":[],"events":[]}"#,
        ];
        assert_eq!(
            joined(Some("events"), None, &pages),
            r#"{"status":"ok","events":[{"a":1.10},{"a":2}],"users":[1,2],"total":3,"late":[7]}"#
        );
        assert_eq!(
            joined(Some("events"), Some(1), &pages[..1]),
            r#"{"status":"ok","events":[{"a":1.10}],"users":[1],"total":3}"#
        );
        assert_eq!(
            joined(None, None, &pages),
            r#"{"status":"ok","users":[1,2],"events":[{"a":1.10},{"a":2}],"total":3,"late":[7]}"#
        );
    }

    #[test]
    fn pages_without_items_are_still_a_document() {
        for (pages, expected) in [
            (&[][..], ""),
            (&["{}"], "{}"),
            (&[r#"{"status":"ok"}"#], r#"{"status":"ok"}"#),
            (&[r#"{"events":[]}"#], r#"{"events":[]}"#),
        ] {
            assert_eq!(joined(None, None, pages), expected);
        }
        assert_eq!(
            joined(Some("x"), None, &[r#"{"a":1}"#]),
            r#"{"a":1,"x":[]}"#
        );
    }
}
