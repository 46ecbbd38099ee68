//! What the engine asks of its values.

use std::fmt;
use std::rc::Rc;

use jaq_core::box_iter::box_once;
use jaq_core::{ValX, path, val};

use super::super::limits::Charge;
use super::super::{read, write};
use super::{Fault, Map, Value, ValueResult, fault};

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
