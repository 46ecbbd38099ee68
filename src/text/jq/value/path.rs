//! Where in a value something is: `.a`, `.[0]`, `.[1:2]`, and changes at paths.

use std::rc::Rc;

use super::super::limits::{MAX_DEPTH, check_memory};
use super::{Fault, Map, Value, ValueResult, fault};

impl Value {
    fn cannot_index(&self, key: &Value) -> Fault {
        fault(format_args!(
            "Cannot index {} with {}",
            self.type_name(),
            key.describe()
        ))
    }

    /// Returns `.[key]`.
    pub(in crate::text::jq) fn at(&self, key: &Value) -> ValueResult {
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
    pub(in crate::text::jq) fn slice(
        &self,
        start: Option<&Value>,
        end: Option<&Value>,
    ) -> ValueResult {
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
    pub(in crate::text::jq) fn at_path(&self, path: &[Value]) -> ValueResult {
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
    pub(in crate::text::jq) fn change_path(
        self,
        path: &[Value],
        f: impl FnOnce(Value) -> ValueResult,
    ) -> ValueResult {
        let Some((key, rest)) = path.split_first() else {
            return f(self);
        };
        // The value would nest deeper than any may, and this calls itself for each key.
        if path.len() > MAX_DEPTH as usize {
            return Err(fault("Path too deep"));
        }
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
    pub(in crate::text::jq) fn delete_paths(self, paths: Vec<Value>) -> ValueResult {
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

    /// Deletes keys of an object, or positions of an array; they are sorted, the last one first.
    fn without(mut self, keys: &[Value]) -> Result<Value, Fault> {
        let is_wrong = |key: &&Value| {
            !matches!(
                (&self, key),
                (Value::Object(_), Value::Text(_)) | (Value::Array(_), Value::Number(_))
            )
        };
        if let Some(key) = keys.iter().find(is_wrong) {
            return Err(fault(format_args!(
                "Cannot delete field at {} index of {}",
                key.type_name(),
                self.type_name()
            )));
        }
        match &mut self {
            Value::Object(object) => {
                let mut texts = keys.iter().filter_map(Value::as_text);
                if texts.any(|key| object.contains_key(&**key)) {
                    Rc::make_mut(object).change(0, |map| match keys {
                        [Value::Text(key)] => drop(map.shift_remove(&**key)),
                        // In one pass: each removal moves all members behind it.
                        _ => map.retain(|key, _| {
                            let key = Value::Text(key.clone());
                            keys.binary_search_by(|other| key.cmp(other)).is_err()
                        }),
                    });
                }
            }
            Value::Array(array) => {
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
            _ => {}
        }
        Ok(self)
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
pub(in crate::text::jq) fn indices_of(array: &[Value], wanted: &[Value]) -> Vec<usize> {
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
