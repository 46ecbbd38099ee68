//! Items in another order than the server's: they are held until all have come.

use super::columns;
use super::{ENTRY, Rows, too_large};
use crate::error::{Failure, Result};
use crate::text::path::Path;

use std::cmp::Ordering;

/// An order of the items.
#[derive(Clone, Debug)]
pub(crate) struct Sort {
    /// What is compared.
    by: Path,
    /// Whether the largest comes first.
    descending: bool,
}

impl Sort {
    /// Reads `COLUMN` or `-COLUMN`.
    ///
    /// # Errors
    /// Fails (exit 2) when the column is not a path.
    pub(crate) fn parse(text: &str) -> Result<Sort> {
        let (descending, column) = match text.strip_prefix('-') {
            Some(column) => (true, column),
            None => (false, text),
        };
        Ok(Sort {
            by: Path::parse(column)?,
            descending,
        })
    }

    /// Compares two values; nothing is at the end whichever way the order goes.
    fn compare(&self, a: &Key, b: &Key) -> Ordering {
        let order = match (a, b) {
            (Key::Nothing, Key::Nothing) => return Ordering::Equal,
            (Key::Nothing, _) => return Ordering::Greater,
            (_, Key::Nothing) => return Ordering::Less,
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            (Key::Number(_), Key::Text(_)) => Ordering::Less,
            (Key::Text(_), Key::Number(_)) => Ordering::Greater,
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
        };
        if self.descending {
            order.reverse()
        } else {
            order
        }
    }
}

/// What an item is sorted by. Numbers, also those that are written as texts, come before all
/// other texts: a comparison that depended on the pair would be no order.
#[derive(Clone, Debug, PartialEq)]
enum Key {
    Number(f64),
    Text(String),
    Nothing,
}

impl Key {
    fn of(text: &str) -> Key {
        if text.is_empty() {
            return Key::Nothing;
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Key::Number(number),
            _ => Key::Text(text.to_owned()),
        }
    }

    /// Returns how many bytes it takes beside its place.
    fn len(&self) -> usize {
        match self {
            Key::Text(text) => text.len(),
            Key::Number(_) | Key::Nothing => 0,
        }
    }
}

/// How many bytes the items that are held may take.
const MAX_HELD: usize = 256 * 1024 * 1024;

/// Hands items on in their order.
pub(crate) struct Sorted {
    sort: Sort,
    rows: Box<dyn Rows>,
    items: Vec<(Key, Vec<u8>)>,
    bytes: usize,
    max_held: usize,
}

impl Sorted {
    /// Begins.
    pub(crate) fn new(sort: Sort, rows: Box<dyn Rows>) -> Self {
        Sorted {
            sort,
            rows,
            items: Vec::new(),
            bytes: 0,
            max_held: MAX_HELD,
        }
    }
}

impl Rows for Sorted {
    fn item(&mut self, item: &[u8], _out: &mut Vec<u8>) -> Result<()> {
        let key = Key::of(&columns::plain(&self.sort.by.select(item)));
        self.bytes += item.len() + key.len() + ENTRY;
        if self.bytes > self.max_held {
            return Err(too_large("the list to be sorted", self.max_held));
        }
        self.items.push((key, item.to_vec()));
        Ok(())
    }

    fn object(&mut self, object: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.rows.object(object, out)
    }

    fn scalar(&mut self, scalar: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.rows.scalar(scalar, out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Option<String>> {
        let mut items = std::mem::take(&mut self.items);
        if !items.is_empty() && items.iter().all(|(key, _)| *key == Key::Nothing) {
            return Err(Failure::local(format!(
                "no item has {} to sort by",
                self.sort.by
            ))
            .hint("--sort takes a column such as id or comment.timestamp, -COLUMN for the largest first"));
        }
        items.sort_by(|(a, _), (b, _)| self.sort.compare(a, b));
        for (_, item) in items {
            self.rows.item(&item, out)?;
        }
        self.rows.finish(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::items::ndjson::NdJson;
    use crate::text::terminal::Theme;
    use proptest::prelude::*;

    fn sorted(by: &str, items: &[&str]) -> Result<String> {
        let lines = NdJson::new(&Theme::plain(), false);
        let mut rows = Sorted::new(Sort::parse(by)?, Box::new(lines));
        let mut out = Vec::new();
        for item in items {
            rows.item(item.as_bytes(), &mut out)?;
        }
        rows.finish(&mut out)?;
        Ok(String::from_utf8_lossy(&out).split_whitespace().collect())
    }

    #[test]
    fn numbers_by_size_texts_by_letter_and_nothing_last() {
        let items = [
            r#"{"n":10}"#,
            r#"{"n":9.5}"#,
            r#"{"n":null}"#,
            r#"{"n":"x"}"#,
        ];
        assert_eq!(
            sorted("n", &items[..3]).expect("sorted"),
            r#"{"n":9.5}{"n":10}{"n":null}"#
        );
        assert_eq!(
            sorted("-n", &items[..3]).expect("sorted"),
            r#"{"n":10}{"n":9.5}{"n":null}"#
        );
        assert_eq!(
            sorted("-n", &items).expect("sorted"),
            r#"{"n":"x"}{"n":10}{"n":9.5}{"n":null}"#
        );
        assert!(sorted("m", &items).is_err());
        assert!(sorted("", &items).is_err());
    }

    #[test]
    fn many_small_items_are_counted_with_what_each_takes() {
        let lines = NdJson::new(&Theme::plain(), false);
        let mut rows = Sorted::new(Sort::parse("n").expect("a column"), Box::new(lines));
        rows.max_held = 100 * ENTRY;
        let mut out = Vec::new();
        let taken = (0..200).take_while(|_| rows.item(b"1", &mut out).is_ok());
        assert_eq!(taken.count(), 99);
    }

    proptest! {
        #[test]
        fn it_is_an_order_whatever_the_values(
            texts in prop::collection::vec("-?[0-9]{1,2}[a-z.]?|inf|nan|1e999|", 3),
        ) {
            let sort = Sort::parse("-n").expect("a column");
            let keys: Vec<Key> = texts.iter().map(|text| Key::of(text)).collect();
            let [a, b, c] = &keys[..] else { unreachable!("three keys") };
            prop_assert_eq!(sort.compare(a, b), sort.compare(b, a).reverse());
            if sort.compare(a, b).is_le() && sort.compare(b, c).is_le() {
                prop_assert!(sort.compare(a, c).is_le(), "{:?}", texts);
            }
        }
    }
}
