//! Texts and lists of the catalogue, held as places in one text and one list each.
//!
//! A pointer in constant data has to be set by the loader at every start, and makes its page
//! private. The catalogue would hold three thousand of them; places need nothing.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

use super::Field;
use super::table::{FIELDS, LISTS, TEXTS};

/// A text of the catalogue. Each stands there once, so that equal texts have equal places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text {
    pub(super) start: u32,
    pub(super) length: u16,
}

impl Text {
    /// Returns the text.
    pub fn as_str(self) -> &'static str {
        let start = self.start as usize;
        TEXTS
            .get(start..start + usize::from(self.length))
            .unwrap_or_default()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &'static str {
        self.as_str()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Texts of the catalogue.
#[derive(Clone, Copy, Default)]
pub struct Texts {
    pub(super) start: u16,
    pub(super) length: u16,
}

impl Texts {
    /// Returns each of them.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        piece(&LISTS, self.start, self.length)
            .iter()
            .map(|text| text.as_str())
    }

    /// Returns whether there are none.
    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Returns all of them in one text.
    pub fn join(self, between: &str) -> String {
        self.iter().collect::<Vec<_>>().join(between)
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Parameters or fields of an endpoint.
#[derive(Clone, Copy)]
pub struct Fields {
    pub(super) start: u16,
    pub(super) length: u16,
}

impl Deref for Fields {
    type Target = [Field];

    fn deref(&self) -> &'static [Field] {
        piece(&FIELDS, self.start, self.length)
    }
}

impl IntoIterator for Fields {
    type Item = &'static Field;
    type IntoIter = std::slice::Iter<'static, Field>;

    fn into_iter(self) -> Self::IntoIter {
        piece(&FIELDS, self.start, self.length).iter()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

fn piece<T>(all: &'static [T], start: u16, length: u16) -> &'static [T] {
    let start = usize::from(start);
    all.get(start..start + usize::from(length))
        .unwrap_or_default()
}
