//! Which of two values comes first.

use std::cmp::Ordering;

use super::super::write;
use super::{Map, Text, Value};

impl Value {
    /// Returns the keys of an object in order.
    pub(in crate::text::jq) fn sorted_keys(map: &Map) -> Vec<&Text> {
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
