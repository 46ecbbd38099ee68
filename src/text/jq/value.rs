//! JSON values with jq's meaning: what `.a`, `.[0]`, `+` and `<` do to them.
//!
//! The engine is generic over its values, so jq's rules are here, in one place: numbers are
//! doubles that keep their text while they are untouched, keys are text, `null` becomes an object
//! or an array where something is put into it.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

use jaq_core::box_iter::box_once;
use jaq_core::{ValX, path, val};

use super::limits::{Charge, Limit, MAX_DEPTH, check_memory, stop};
use super::{read, write};

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

    fn cannot_index(&self, key: &Value) -> Fault {
        fault(format_args!(
            "Cannot index {} with {}",
            self.type_name(),
            key.describe()
        ))
    }

    /// Returns `.[key]`.
    pub(super) fn at(&self, key: &Value) -> ValueResult {
        match (self, key) {
            (Value::Object(object), Value::Text(key)) => {
                Ok(object.get(&**key).cloned().unwrap_or(Value::Null))
            }
            (Value::Array(array), Value::Number(_) | Value::Literal(_)) => {
                Ok(position(key, array.len())
                    .and_then(|at| array.get(at))
                    .cloned()
                    .unwrap_or(Value::Null))
            }
            (Value::Null, Value::Text(_) | Value::Number(_) | Value::Literal(_) | Value::Null) => {
                Ok(Value::Null)
            }
            (Value::Null | Value::Array(_) | Value::Text(_), Value::Object(bounds)) => {
                self.slice(bounds.get("start"), bounds.get("end"))
            }
            (Value::Array(array), Value::Array(wanted)) => Ok(Value::array(
                indices_of(array, wanted)
                    .into_iter()
                    .map(Value::from)
                    .collect(),
            )),
            _ => Err(self.cannot_index(key)),
        }
    }

    /// Returns `.[start:end]`.
    pub(super) fn slice(&self, start: Option<&Value>, end: Option<&Value>) -> ValueResult {
        match self {
            Value::Null => {
                slice_bounds(start, end, 0)?;
                Ok(Value::Null)
            }
            Value::Array(array) => {
                let (start, end) = slice_bounds(start, end, array.len())?;
                Ok(Value::array(array[start..end].to_vec()))
            }
            Value::Text(text) => {
                let (start, end) = slice_bounds(start, end, text.chars().count())?;
                let from = byte_index(text, start);
                let upto = from + byte_index(&text[from..], end - start);
                Ok(Value::text(&text[from..upto]))
            }
            _ => Err(fault(format_args!(
                "Cannot index {} with object",
                self.type_name()
            ))),
        }
    }

    /// Returns the value at a path; `null` where there is nothing.
    pub(super) fn at_path(&self, path: &[Value]) -> ValueResult {
        let mut value = self.clone();
        for key in path {
            if matches!(value, Value::Null) {
                return Ok(Value::Null);
            }
            value = value.at(key)?;
        }
        Ok(value)
    }

    /// Puts what `f` makes of the value at a path in its place.
    pub(super) fn change_path(
        self,
        path: &[Value],
        f: impl FnOnce(Value) -> ValueResult,
    ) -> ValueResult {
        let Some((key, rest)) = path.split_first() else {
            return f(self);
        };
        let mut parent = self;
        let child = parent.take_for_change(key)?;
        let changed = child.change_path(rest, f)?;
        parent.put(key, changed)?;
        Ok(parent)
    }

    /// Takes the value at a key out, so that it can be changed without being copied.
    fn take_for_change(&mut self, key: &Value) -> ValueResult {
        let slot = match (&mut *self, key) {
            (Value::Object(object), Value::Text(key)) => Rc::make_mut(object).map.get_mut(&**key),
            (Value::Array(array), Value::Number(_) | Value::Literal(_)) => {
                position(key, array.len()).and_then(|at| Rc::make_mut(array).items.get_mut(at))
            }
            _ => return self.at(key),
        };
        Ok(slot.map_or(Value::Null, |slot| std::mem::replace(slot, Value::Null)))
    }

    /// Puts a value at a key: in `null` an object or an array is made.
    fn put(&mut self, key: &Value, value: Value) -> Result<(), Fault> {
        // As in jq, so that a path from a server cannot ask for an array that fills the memory.
        const MAX_INDEX: f64 = 536_870_911.0;
        if matches!(self, Value::Null) {
            *self = match key {
                Value::Text(_) => Value::object(Map::default()),
                Value::Number(_) | Value::Literal(_) | Value::Object(_) => Value::array(Vec::new()),
                _ => return Err(self.cannot_index(key)),
            };
        }
        let depth = value.depth();
        match (&mut *self, key) {
            (Value::Object(object), Value::Text(key)) => {
                Rc::make_mut(object).change(depth, |map| {
                    map.insert(key.clone(), value);
                });
            }
            (Value::Array(array), Value::Number(_) | Value::Literal(_)) => {
                let number = key.as_number().unwrap_or(f64::NAN);
                if number.is_nan() {
                    return Err(fault("Cannot set array element at NaN index"));
                }
                if number > MAX_INDEX {
                    return Err(fault("Array index too large"));
                }
                let Some(at) = position(key, array.len()) else {
                    return Err(fault("Out of bounds negative array index"));
                };
                if at >= array.len() {
                    check_memory((at - array.len()) * size_of::<Value>());
                }
                Rc::make_mut(array).change(depth, |items| {
                    if at >= items.len() {
                        items.resize(at + 1, Value::Null);
                    }
                    items[at] = value;
                });
            }
            (Value::Array(array), Value::Object(bounds)) => {
                let (start, end) =
                    slice_bounds(bounds.get("start"), bounds.get("end"), array.len())?;
                let Ok(new) = value.into_items() else {
                    return Err(fault(
                        "A slice of an array can only be assigned another array",
                    ));
                };
                Rc::make_mut(array).change(depth, |items| {
                    items.splice(start..end, new);
                });
            }
            (Value::Text(_), Value::Object(_)) => {
                return Err(fault("Cannot update string slices"));
            }
            (Value::Array(_), Value::Array(_)) => {
                return Err(fault("Cannot update field at array index of array"));
            }
            _ => return Err(self.cannot_index(key)),
        }
        Ok(())
    }

    /// Deletes what is at these paths, which are meant as they are before any is deleted.
    pub(super) fn delete_paths(self, paths: Vec<Value>) -> ValueResult {
        let mut places = Vec::new();
        for path in &paths {
            let Value::Array(keys) = path else {
                return Err(fault("Path must be specified as an array"));
            };
            match keys.split_last() {
                None => return Ok(Value::Null),
                Some((last, parents)) => self.add_places(parents, last, &mut places)?,
            }
        }
        // Backwards, so that no deletion moves what is still to be deleted.
        places.sort();
        places.dedup();
        let mut value = self;
        while let Some((parents, key)) = places.pop() {
            let mut keys = vec![key];
            while places.last().is_some_and(|(others, _)| *others == parents) {
                keys.extend(places.pop().map(|(_, key)| key));
            }
            value = value.change_path(&parents, |parent| parent.without(&keys))?;
        }
        Ok(value)
    }

    /// Finds what a path means in this value: positions counted from the beginning.
    fn add_places(
        &self,
        parents: &[Value],
        last: &Value,
        places: &mut Vec<(Vec<Value>, Value)>,
    ) -> Result<(), Fault> {
        let mut parent = self.clone();
        let mut absolute = Vec::with_capacity(parents.len());
        for key in parents {
            absolute.push(match (&parent, key) {
                (Value::Array(array), Value::Number(_) | Value::Literal(_)) => {
                    position(key, array.len()).map_or(Value::Null, Value::from)
                }
                _ => key.clone(),
            });
            parent = parent.at(key)?;
        }
        match (&parent, last) {
            (Value::Null, _) => {}
            (Value::Array(array), Value::Number(_) | Value::Literal(_)) => {
                let at = position(last, array.len()).filter(|at| *at < array.len());
                places.extend(at.map(|at| (absolute, Value::from(at))));
            }
            (Value::Array(array), Value::Object(bounds)) => {
                let (start, end) =
                    slice_bounds(bounds.get("start"), bounds.get("end"), array.len())?;
                places.extend((start..end).map(|at| (absolute.clone(), Value::from(at))));
            }
            _ => places.push((absolute, last.clone())),
        }
        Ok(())
    }

    /// Deletes keys of an object, or positions of an array, the last one first.
    fn without(mut self, keys: &[Value]) -> Result<Value, Fault> {
        for key in keys {
            match (&mut self, key) {
                (Value::Object(object), Value::Text(key)) => {
                    if object.contains_key(&**key) {
                        Rc::make_mut(object).change(0, |map| map.shift_remove(&**key));
                    }
                }
                (Value::Array(_), Value::Number(_)) => {}
                _ => {
                    return Err(fault(format_args!(
                        "Cannot delete field at {} index of {}",
                        key.type_name(),
                        self.type_name()
                    )));
                }
            }
        }
        if let Value::Array(array) = &mut self {
            let mut unwanted = keys.iter().rev().filter_map(Value::as_number).peekable();
            Rc::make_mut(array).change(0, |items| {
                let mut at = 0_usize;
                items.retain(|_| {
                    let is_unwanted = unwanted.next_if(|next| *next == at as f64).is_some();
                    at += 1;
                    !is_unwanted
                });
            });
        }
        Ok(self)
    }

    /// Returns the keys of an object in order.
    pub(super) fn sorted_keys(map: &Map) -> Vec<&Text> {
        let mut keys: Vec<&Text> = map.keys().collect();
        keys.sort_unstable_by_key(|key| &***key);
        keys
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(false) => 1,
            Value::Bool(true) => 2,
            Value::Number(_) | Value::Literal(_) => 3,
            Value::Text(_) => 4,
            Value::Array(_) => 5,
            Value::Object(_) => 6,
        }
    }

    /// Compares two values, `numbers` deciding on those that are not equal by their text.
    fn compare(&self, other: &Self, numbers: fn(f64, f64) -> Ordering) -> Ordering {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => (**a).cmp(&**b),
            (Value::Array(a), Value::Array(b)) => {
                for (a, b) in a.iter().zip(b.iter()) {
                    let order = a.compare(b, numbers);
                    if order != Ordering::Equal {
                        return order;
                    }
                }
                a.len().cmp(&b.len())
            }
            (Value::Object(a), Value::Object(b)) => {
                let (keys, others) = (Value::sorted_keys(a), Value::sorted_keys(b));
                let order = keys
                    .iter()
                    .map(|key| &***key)
                    .cmp(others.iter().map(|key| &***key));
                if order != Ordering::Equal {
                    return order;
                }
                for key in keys {
                    let pair = a.get(&**key).zip(b.get(&**key));
                    let order = pair.map_or(Ordering::Equal, |(a, b)| a.compare(b, numbers));
                    if order != Ordering::Equal {
                        return order;
                    }
                }
                Ordering::Equal
            }
            _ => match (self.as_number(), other.as_number()) {
                (Some(a), Some(b)) => compare_numbers(self, a, other, b, numbers),
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }
}

/// Compares two numbers; whole ones too long for a double are compared by their digits, as jq does.
fn compare_numbers(
    left: &Value,
    a: f64,
    right: &Value,
    b: f64,
    numbers: fn(f64, f64) -> Ordering,
) -> Ordering {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    if a == b && a.abs() >= MAX_EXACT {
        let (left, right) = (write::to_string(left), write::to_string(right));
        if let (Some(left), Some(right)) = (whole(&left), whole(&right)) {
            let by_size = left.1.len().cmp(&right.1.len()).then(left.1.cmp(right.1));
            return if left.0 { by_size.reverse() } else { by_size };
        }
    }
    numbers(a, b)
}

/// Returns whether a whole number is negative, and its digits; `None` for any other number.
fn whole(text: &str) -> Option<(bool, &str)> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some((text.len() > digits.len(), digits))
}

/// Orders numbers as jq's operators do: nan is less than anything, itself included.
fn operator_order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(if a.is_nan() {
        Ordering::Less
    } else {
        Ordering::Greater
    })
}

/// Orders numbers for sorting, which needs that nan equals itself.
fn sort_order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other, operator_order) == Ordering::Equal
    }
}

impl Eq for Value {}

#[expect(
    clippy::non_canonical_partial_ord_impl,
    reason = "jq's operators find nan less than itself, which no sort can work with"
)]
impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.compare(other, operator_order))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other, sort_order)
    }
}

/// Returns the position that a number means in an array; `None` before its beginning or for nan.
fn position(key: &Value, length: usize) -> Option<usize> {
    let number = key.as_number()?;
    if number.is_nan() {
        return None;
    }
    let at = number.trunc();
    let at = if at < 0.0 { at + length as f64 } else { at };
    // A float beyond the largest position becomes that one.
    (at >= 0.0).then_some(at as usize)
}

fn slice_bounds(
    start: Option<&Value>,
    end: Option<&Value>,
    length: usize,
) -> Result<(usize, usize), Fault> {
    let all = length as f64;
    let bound = |value: Option<&Value>, otherwise: f64| match value {
        None | Some(Value::Null) => Ok(otherwise),
        Some(value) => match value.as_number() {
            Some(number) if number.is_nan() => Ok(otherwise),
            Some(number) if number < 0.0 => Ok((number + all).max(0.0)),
            Some(number) => Ok(number.min(all)),
            None => Err(fault(
                "Start and end indices of an array slice must be numbers",
            )),
        },
    };
    let start = bound(start, 0.0)?;
    let end = bound(end, all)?;
    if end <= start {
        return Ok((start.floor() as usize, start.floor() as usize));
    }
    // Both are between 0 and the length.
    Ok((start.floor() as usize, (end.ceil() as usize).min(length)))
}

fn byte_index(text: &str, characters: usize) -> usize {
    text.char_indices()
        .nth(characters)
        .map_or(text.len(), |(at, _)| at)
}

/// Returns where an array holds another one.
pub(super) fn indices_of(array: &[Value], wanted: &[Value]) -> Vec<usize> {
    if wanted.is_empty() {
        return Vec::new();
    }
    array
        .windows(wanted.len())
        .enumerate()
        .filter(|(_, window)| *window == wanted)
        .map(|(at, _)| at)
        .collect()
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<isize> for Value {
    fn from(number: isize) -> Self {
        const MAX_EXACT: isize = 1 << 53;
        if (-MAX_EXACT..=MAX_EXACT).contains(&number) {
            Value::Number(number as f64)
        } else {
            Value::number(&number.to_string())
        }
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Value::Number(number as f64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::text(text)
    }
}

impl From<val::Range<Value>> for Value {
    fn from(range: val::Range<Value>) -> Self {
        let bound = |value: Option<Value>| value.unwrap_or(Value::Null);
        let mut map = Map::default();
        map.insert("start".into(), bound(range.start));
        map.insert("end".into(), bound(range.end));
        Value::object(map)
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(iter: I) -> Self {
        let mut items = Vec::new();
        let mut charge = Charge::default();
        for item in iter {
            if items.len() == items.capacity() {
                // Before the list doubles, so that an endless one ends at the limit.
                charge.set((items.capacity() * 2).max(4) * size_of::<Value>());
            }
            items.push(item);
        }
        drop(charge);
        Value::array(items)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            _ => f.write_str(&write::to_string(self)),
        }
    }
}

fn cannot(left: &Value, right: &Value, what: &str) -> Fault {
    fault(format_args!(
        "{} and {} cannot be {what}",
        left.describe(),
        right.describe()
    ))
}

impl std::ops::Add for Value {
    type Output = ValueResult;
    fn add(self, other: Self) -> ValueResult {
        match (self, other) {
            (Value::Null, value) | (value, Value::Null) => Ok(value),
            (Value::Text(mut left), Value::Text(right)) => {
                left.append(&right);
                Ok(Value::Text(left))
            }
            (Value::Array(mut left), Value::Array(right)) => {
                check_memory(right.len() * size_of::<Value>());
                let deepest = right.depth.saturating_sub(1);
                Rc::make_mut(&mut left)
                    .change(deepest, |items| items.extend(right.iter().cloned()));
                Ok(Value::Array(left))
            }
            (Value::Object(mut left), Value::Object(right)) => {
                let deepest = right.depth.saturating_sub(1);
                Rc::make_mut(&mut left).change(deepest, |map| {
                    map.extend(
                        right
                            .iter()
                            .map(|(key, value)| (key.clone(), value.clone())),
                    );
                });
                Ok(Value::Object(left))
            }
            (left, right) => match (left.as_number(), right.as_number()) {
                (Some(a), Some(b)) => Ok(Value::Number(a + b)),
                _ => Err(cannot(&left, &right, "added")),
            },
        }
    }
}

impl std::ops::Sub for Value {
    type Output = ValueResult;
    fn sub(self, other: Self) -> ValueResult {
        match (self, other) {
            (Value::Array(left), Value::Array(right)) => {
                let mut unwanted: Vec<&Value> = right.iter().collect();
                unwanted.sort();
                let is_kept = |item: &&Value| {
                    item.as_number().is_some_and(f64::is_nan)
                        || unwanted.binary_search(item).is_err()
                };
                Ok(Value::array(left.iter().filter(is_kept).cloned().collect()))
            }
            (left, right) => match (left.as_number(), right.as_number()) {
                (Some(a), Some(b)) => Ok(Value::Number(a - b)),
                _ => Err(cannot(&left, &right, "subtracted")),
            },
        }
    }
}

fn repeated(text: &Text, times: f64) -> ValueResult {
    // As in jq.
    const MAX_LENGTH: f64 = 2_147_483_647.0;
    if times.is_nan() || times < 0.0 {
        return Ok(Value::Null);
    }
    let times = times.floor();
    if text.len() as f64 * times > MAX_LENGTH {
        return Err(fault("Repeat string result too long"));
    }
    // Within the limit above.
    let times = times as usize;
    check_memory(text.len() * times);
    Ok(Value::text(text.repeat(times)))
}

fn deep_merge(left: Map, right: &Map) -> Map {
    let mut merged = left;
    for (key, value) in right {
        let old = merged
            .get_mut(&**key)
            .map(|slot| std::mem::replace(slot, Value::Null));
        let new = match (old, value) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                let old = Value::Object(old).into_map().unwrap_or_default();
                Value::object(deep_merge(old, new))
            }
            _ => value.clone(),
        };
        merged.insert(key.clone(), new);
    }
    merged
}

impl std::ops::Mul for Value {
    type Output = ValueResult;
    fn mul(self, other: Self) -> ValueResult {
        match (&self, &other) {
            (Value::Object(_), Value::Object(right)) => {
                let left = self.into_map().unwrap_or_default();
                Ok(Value::object(deep_merge(left, right)))
            }
            (Value::Text(text), times) | (times, Value::Text(text))
                if times.as_number().is_some() =>
            {
                repeated(text, times.as_number().unwrap_or(f64::NAN))
            }
            (left, right) => match (left.as_number(), right.as_number()) {
                (Some(a), Some(b)) => Ok(Value::Number(a * b)),
                _ => Err(cannot(left, right, "multiplied")),
            },
        }
    }
}

impl std::ops::Div for Value {
    type Output = ValueResult;
    fn div(self, other: Self) -> ValueResult {
        match (&self, &other) {
            (Value::Text(text), Value::Text(separator)) => Ok(split(text, separator)),
            (left, right) => match (left.as_number(), right.as_number()) {
                (Some(_), Some(0.0)) => {
                    Err(cannot(left, right, "divided because the divisor is zero"))
                }
                (Some(a), Some(b)) => Ok(Value::Number(a / b)),
                _ => Err(cannot(left, right, "divided")),
            },
        }
    }
}

/// Splits a text at a text; an empty one separates all characters.
pub(super) fn split(text: &str, separator: &str) -> Value {
    let parts: Vec<Value> = if text.is_empty() {
        Vec::new()
    } else if separator.is_empty() {
        text.chars().map(|c| Value::text(c.to_string())).collect()
    } else {
        text.split(separator).map(Value::text).collect()
    };
    Value::array(parts)
}

impl std::ops::Rem for Value {
    type Output = ValueResult;
    fn rem(self, other: Self) -> ValueResult {
        let (Some(a), Some(b)) = (self.as_number(), other.as_number()) else {
            return Err(cannot(&self, &other, "divided"));
        };
        if a.is_nan() || b.is_nan() {
            return Ok(Value::Number(f64::NAN));
        }
        // Both are cut to whole numbers, and to the largest where they are larger.
        let (dividend, divisor) = (a as i64, b as i64);
        if divisor == 0 {
            let what = "divided (remainder) because the divisor is zero";
            return Err(cannot(&self, &other, what));
        }
        let remainder = dividend.unsigned_abs() % divisor.unsigned_abs();
        let remainder = remainder as f64;
        Ok(Value::Number(if dividend < 0 {
            0.0 - remainder
        } else {
            remainder
        }))
    }
}

impl std::ops::Neg for Value {
    type Output = ValueResult;
    fn neg(self) -> ValueResult {
        match &self {
            Value::Number(number) => Ok(Value::Number(-number)),
            Value::Literal(literal) => Ok(match literal.text.strip_prefix('-') {
                Some(positive) => Value::number(positive),
                None => Value::number(&format!("-{}", literal.text)),
            }),
            _ => Err(fault(format_args!("{} cannot be negated", self.describe()))),
        }
    }
}

impl jaq_core::ValT for Value {
    fn from_num(text: &str) -> ValueResult {
        // The filter's own numbers may have a form that JSON does not have, such as `1.` or `01`.
        Ok(read::number(text).unwrap_or_else(|| Value::Number(text.parse().unwrap_or(f64::NAN))))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(members: I) -> ValueResult {
        let mut map = Map::default();
        for (key, value) in members {
            let Value::Text(key) = key else {
                return Err(fault(format_args!(
                    "Object keys must be strings, not {}",
                    key.describe()
                )));
            };
            map.insert(key, value);
        }
        Ok(Value::object(map))
    }

    fn key_values(self) -> Box<dyn Iterator<Item = Result<(Value, Value), Fault>>> {
        match self {
            Value::Array(array) => Box::new(
                (0..array.len())
                    .filter_map(move |at| Some(Ok((Value::from(at), array.get(at)?.clone())))),
            ),
            Value::Object(object) => Box::new((0..object.len()).filter_map(move |at| {
                let (key, value) = object.get_index(at)?;
                Some(Ok((Value::Text(key.clone()), value.clone())))
            })),
            other => box_once(Err(cannot_iterate(&other))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValueResult>> {
        match self {
            Value::Array(array) => match Rc::try_unwrap(array) {
                Ok(mut array) => Box::new(std::mem::take(&mut array.items).into_iter().map(Ok)),
                Err(array) => {
                    Box::new((0..array.len()).filter_map(move |at| array.get(at).cloned().map(Ok)))
                }
            },
            Value::Object(object) => Box::new(
                (0..object.len())
                    .filter_map(move |at| object.get_index(at).map(|(_, value)| Ok(value.clone()))),
            ),
            other => box_once(Err(cannot_iterate(&other))),
        }
    }

    fn index(self, key: &Self) -> ValueResult {
        self.at(key)
    }

    fn range(self, range: val::Range<&Self>) -> ValueResult {
        self.slice(range.start, range.end)
    }

    // The parser turns every update into a call of a function that works on paths, as jq does, so
    // that the engine's own updates, which differ from jq's, are never run.
    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        _opt: path::Opt,
        _f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        Err(not_by_engine())
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        _index: &Self,
        _opt: path::Opt,
        _f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        Err(not_by_engine())
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        _range: val::Range<&Self>,
        _opt: path::Opt,
        _f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        Err(not_by_engine())
    }

    fn as_bool(&self) -> bool {
        self.is_true()
    }

    fn into_string(self) -> Self {
        match self {
            Value::Text(_) => self,
            other => Value::text(write::to_string(&other)),
        }
    }
}

fn not_by_engine<'a>() -> jaq_core::Exn<'a, Value> {
    fault("internal error: an update was not translated").into()
}

fn cannot_iterate(value: &Value) -> Fault {
    match value {
        Value::Null => fault("Cannot iterate over null"),
        _ => fault(format_args!("Cannot iterate over {}", value.describe())),
    }
}

impl jaq_std::ValT for Value {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        self.into_items().map(|items| items.into_iter().collect())
    }

    fn is_int(&self) -> bool {
        self.as_isize().is_some()
    }

    fn as_isize(&self) -> Option<isize> {
        let number = self.as_number()?;
        let is_whole = number.fract() == 0.0 && number.abs() < 9e18;
        // Checked to be whole and in range.
        is_whole.then_some(number as isize)
    }

    fn as_f64(&self) -> Option<f64> {
        self.as_number()
    }

    fn is_utf8_str(&self) -> bool {
        self.as_text().is_some()
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        self.as_text().map(|text| text.as_bytes())
    }

    fn as_sub_str(&self, sub: &[u8]) -> Self {
        Value::text(String::from_utf8_lossy(sub).into_owned())
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Value::text(String::from_utf8_lossy(bytes.as_ref()).into_owned())
    }
}
