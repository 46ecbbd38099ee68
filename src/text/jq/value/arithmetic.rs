//! What `+`, `-`, `*`, `/` and `%` do to values.

use std::rc::Rc;

use super::super::limits::check_memory;
use super::{Fault, Map, Text, Value, ValueResult, fault};

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
fn split(text: &str, separator: &str) -> Value {
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
