//! JSON values with jq's meaning: what `.a`, `.[0]`, `+` and `<` do to them.
//!
//! The engine is generic over its values, so jq's rules are here, in one place: numbers are
//! doubles that keep their text while they are untouched, keys are text, `null` becomes an object
//! or an array where something is put into it.

mod arithmetic;
mod engine;
mod order;
mod path;

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

use super::limits::{Charge, Limit, MAX_DEPTH, check_memory, stop};
use super::write;
pub(super) use path::indices_of;

/// An error of a filter, which `try` catches.
pub(super) type Fault = jaq_core::Error<Value>;
/// A value or an error.
pub(super) type ValueResult = jaq_core::ValR<Value>;

/// An object's members, in the order in which they came.
pub(super) type Map = indexmap::IndexMap<Text, Value, foldhash::fast::RandomState>;

/// A JSON value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    /// A number whose text is not the one that its double would print as.
    Literal(Rc<Literal>),
    Text(Text),
    Array(Rc<Array>),
    Object(Rc<Object>),
}

/// A number as it was written.
#[derive(Debug)]
pub(super) struct Literal {
    pub(super) text: Box<str>,
    pub(super) number: f64,
    _charge: Charge,
}

/// A string that is cheap to copy.
#[derive(Clone, Debug)]
pub(super) struct Text(Rc<Characters>);

#[derive(Clone, Debug)]
struct Characters {
    text: String,
    charge: Charge,
}

/// An array, with how deep it nests at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Array {
    items: Vec<Value>,
    depth: u32,
    charge: Charge,
}

/// An object, with how deep it nests at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    map: Map,
    depth: u32,
    charge: Charge,
}

/// What the counter of references beside a value, and the allocator, take.
const OVERHEAD: usize = 32;

impl Text {
    fn with_string(text: String) -> Self {
        let charge = Charge::new(text.capacity() + size_of::<Characters>() + OVERHEAD);
        Text(Rc::new(Characters { text, charge }))
    }

    fn append(&mut self, other: &str) {
        check_memory(other.len());
        let own = Rc::make_mut(&mut self.0);
        own.text.push_str(other);
        let bytes = own.text.capacity() + size_of::<Characters>() + OVERHEAD;
        own.charge.set(bytes);
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text::with_string(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::with_string(text.to_owned())
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl Array {
    pub(super) fn new(items: Vec<Value>) -> Self {
        let depth = depth_over(items.iter());
        let mut array = Array {
            items,
            depth,
            charge: Charge::default(),
        };
        array.recount();
        array
    }

    fn recount(&mut self) {
        let bytes = self.items.capacity() * size_of::<Value>() + size_of::<Array>() + OVERHEAD;
        self.charge.set(bytes);
    }

    /// Changes the items; `deepest` is the depth of what is put in.
    fn change<T>(&mut self, deepest: u32, f: impl FnOnce(&mut Vec<Value>) -> T) -> T {
        self.depth = self.depth.max(limited(deepest + 1));
        let result = f(&mut self.items);
        self.recount();
        result
    }
}

impl Deref for Array {
    type Target = Vec<Value>;
    fn deref(&self) -> &Vec<Value> {
        &self.items
    }
}

impl Object {
    pub(super) fn new(map: Map) -> Self {
        let depth = depth_over(map.values());
        let mut object = Object {
            map,
            depth,
            charge: Charge::default(),
        };
        object.recount();
        object
    }

    fn recount(&mut self) {
        // A member is a hash, a key and a value, and an index of four bytes at half load.
        let member = size_of::<Value>() + size_of::<Text>() + 2 * size_of::<usize>();
        let bytes = self.map.capacity() * member + size_of::<Object>() + OVERHEAD;
        self.charge.set(bytes);
    }

    fn change<T>(&mut self, deepest: u32, f: impl FnOnce(&mut Map) -> T) -> T {
        self.depth = self.depth.max(limited(deepest + 1));
        let result = f(&mut self.map);
        self.recount();
        result
    }
}

impl Deref for Object {
    type Target = Map;
    fn deref(&self) -> &Map {
        &self.map
    }
}

fn depth_over<'a>(values: impl Iterator<Item = &'a Value>) -> u32 {
    limited(values.map(Value::depth).max().unwrap_or(0) + 1)
}

/// Values that nest too deep would overflow the stack of what compares, prints and drops them.
fn limited(depth: u32) -> u32 {
    if depth > MAX_DEPTH {
        stop(Limit::Depth);
    }
    depth
}

/// Returns an error with this message.
pub(super) fn fault(message: impl fmt::Display) -> Fault {
    Fault::str(message)
}

impl Value {
    pub(super) fn text(text: impl Into<Text>) -> Self {
        Value::Text(text.into())
    }

    pub(super) fn array(items: Vec<Value>) -> Self {
        Value::Array(Rc::new(Array::new(items)))
    }

    pub(super) fn object(map: Map) -> Self {
        Value::Object(Rc::new(Object::new(map)))
    }

    /// Reads a number that has JSON's form, keeping a text that would print in another way.
    pub(super) fn number(text: &str) -> Self {
        const MAX_EXACT_DIGITS: usize = 15;
        let bytes = text.as_bytes();
        let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
        let is_plain = digits.len() <= MAX_EXACT_DIGITS
            && digits.iter().all(u8::is_ascii_digit)
            && (digits == b"0" && bytes.len() == 1 || digits.first().is_some_and(|d| *d != b'0'));
        let number: f64 = text.parse().unwrap_or(f64::NAN);
        if is_plain || (number.is_finite() && write::number_is(number, text)) {
            return Value::Number(number);
        }
        Value::Literal(Rc::new(Literal {
            text: text.into(),
            number,
            _charge: Charge::new(text.len() + size_of::<Literal>() + OVERHEAD),
        }))
    }

    /// Returns how deep the value nests, at most: 0 for one that holds no other.
    pub(super) fn depth(&self) -> u32 {
        match self {
            Value::Array(array) => array.depth,
            Value::Object(object) => object.depth,
            _ => 0,
        }
    }

    /// Returns whether jq takes the value for true: all but `false` and `null`.
    pub(super) fn is_true(&self) -> bool {
        !matches!(self, Value::Null | Value::Bool(false))
    }

    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Literal(literal) => Some(literal.number),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&Text> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Takes the items of an array without copying them where nothing else holds them.
    pub(super) fn into_items(self) -> Result<Vec<Value>, Value> {
        match self {
            Value::Array(array) => Ok(match Rc::try_unwrap(array) {
                Ok(mut array) => std::mem::take(&mut array.items),
                Err(shared) => shared.items.clone(),
            }),
            other => Err(other),
        }
    }

    /// Takes the members of an object without copying them where nothing else holds them.
    pub(super) fn into_map(self) -> Result<Map, Value> {
        match self {
            Value::Object(object) => Ok(match Rc::try_unwrap(object) {
                Ok(mut object) => std::mem::take(&mut object.map),
                Err(shared) => shared.map.clone(),
            }),
            other => Err(other),
        }
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) | Value::Literal(_) => "number",
            Value::Text(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// Names the value in an error: its type, and the beginning of its text.
    pub(super) fn describe(&self) -> String {
        const MAX_SHOWN: usize = 26;
        let json = write::to_string(self);
        match json.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => format!("{} ({}...)", self.type_name(), &json[..end]),
            None => format!("{} ({json})", self.type_name()),
        }
    }
}
