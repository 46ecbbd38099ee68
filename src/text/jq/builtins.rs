//! jq's functions that are written in Rust; the others are in `prelude.jq`.
//!
//! Mathematics and dates are the engine's, which agree with jq's; whatever concerns paths, text
//! and order is here, because the engine's own functions differ from jq's there.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jaq_core::box_iter::box_once;
use jaq_core::data::JustLut;
use jaq_core::native::{Filter, Fun, bome, v};
use jaq_core::{Bind, Cv, Exn, Native, RunPtr, ValXs};

use super::limits::check_call;
use super::value::{Fault, Text, Value, ValueResult, fault, indices_of};
use super::{read, regex, write};

pub(super) type Data = JustLut<Value>;
type Named = Filter<RunPtr<Data>>;

/// Functions of the engine that are kept, and the name that they get here where `prelude.jq` adds
/// to them. All others differ from jq's.
const ENGINE: &str = "\
    path first last now error_empty=_error halt=_halt range=_range limit=_limit skip=_skip \
    sort sort_by group_by min_by_or_empty=_min_by max_by_or_empty=_max_by \
    explode utf8bytelength ascii_downcase ascii_upcase \
    escape_html=_html escape_sh=_sh encode_uri=_uri encode_base64=_base64 \
    gmtime=_gmtime localtime=_localtime mktime=_mktime strptime=_strptime strftime=_strftime \
    strflocaltime=_strflocaltime \
    pow=_pow atan2=_atan2 fmod=_fmod ldexp=_ldexp scalbln=_scalbln remainder \
    erf erfc acos acosh asin asinh atan atanh cbrt cos cosh exp exp10 exp2 expm1 fabs frexp j0 j1 lgamma \
    log log10 log1p log2 modf nearbyint rint sin sinh sqrt tan tanh tgamma trunc y0 y1 copysign \
    fdim fmax fmin hypot jn nextafter yn fma floor ceil round";

/// Returns every native function.
pub(super) fn functions() -> impl Iterator<Item = Fun<Data>> {
    let engine = jaq_core::funs::<Data>().chain(jaq_std::funs::<Data>());
    let kept = engine.filter_map(|(name, args, native)| {
        let mut names = ENGINE
            .split_whitespace()
            .map(|word| word.split_once('=').unwrap_or((word, word)));
        let (_, own) = names.find(|(theirs, _)| *theirs == name)?;
        Some((own, args, native))
    });
    let own = own()
        .into_iter()
        .map(|(name, args, run)| (name, args, Native::<Data>::new(run)));
    kept.chain(own).chain(paths())
}

/// A function of its input.
macro_rules! of_input {
    ($name:literal, $f:expr) => {
        ($name, v(0), |cv| {
            let f: fn(Value) -> ValueResult = $f;
            bome(f(cv.1))
        })
    };
}

/// A function of its input and of one value.
macro_rules! of_value {
    ($name:literal, $f:expr) => {
        ($name, v(1), |mut cv| {
            let f: fn(Value, Value) -> ValueResult = $f;
            let value = cv.0.pop_var();
            bome(f(cv.1, value))
        })
    };
}

fn number_test(name: &'static str, value: &Value, test: fn(f64) -> bool) -> ValueResult {
    match value.as_number() {
        Some(number) => Ok(Value::Bool(test(number))),
        None => Err(fault(format_args!(
            "{} number required, for {name}",
            value.describe()
        ))),
    }
}

fn text_of<'v>(value: &'v Value, what: &str) -> Result<&'v Text, Fault> {
    value
        .as_text()
        .ok_or_else(|| fault(format_args!("{} {what}", value.describe())))
}

fn own() -> Vec<Named> {
    let mut list = general();
    list.extend(texts());
    list.extend(formats());
    list
}

fn general() -> Vec<Named> {
    vec![
        of_input!("true", |_| Ok(Value::Bool(true))),
        of_input!("false", |_| Ok(Value::Bool(false))),
        of_input!("null", |_| Ok(Value::Null)),
        of_input!("nan", |_| Ok(Value::Number(f64::NAN))),
        of_input!("infinite", |_| Ok(Value::Number(f64::INFINITY))),
        of_input!("isnan", |value| number_test("isnan", &value, f64::is_nan)),
        of_input!("isinfinite", |value| {
            number_test("isinfinite", &value, f64::is_infinite)
        }),
        of_input!("isnormal", |value| number_test(
            "isnormal",
            &value,
            f64::is_normal
        )),
        of_input!("type", |value| Ok(Value::text(value.type_name()))),
        of_input!("length", length),
        of_input!("keys", |value| keys(value, true)),
        of_input!("keys_unsorted", |value| keys(value, false)),
        of_input!("tojson", |value| Ok(Value::text(write::to_string(&value)))),
        of_input!("fromjson", from_json),
        of_input!("tostring", |value| Ok(jaq_core::ValT::into_string(value))),
        of_input!("tonumber", to_number),
        of_input!("toboolean", to_boolean),
        of_input!("_halt_error", |value| Err(Fault::new(value))),
        of_value!("has", |value, key| has(&value, &key)),
        of_value!("contains", |value, other| contains(&value, &other)
            .map(Value::Bool)),
        of_value!("indices", |value, wanted| indices(&value, &wanted)),
        of_value!("delpaths", |value, paths| value.delete_paths(
            paths
                .into_items()
                .map_err(|_| fault("Paths must be specified as an array"))?
        )),
        of_value!("bsearch", |value, wanted| search(&value, &wanted)),
        ("_setpath", v(2), |mut cv| {
            let value = cv.0.pop_var();
            let path = cv.0.pop_var();
            bome(path_of(path).and_then(|path| cv.1.change_path(&path, |_| Ok(value))))
        }),
        ("_match", v(3), |mut cv| {
            let test = cv.0.pop_var();
            let flags = cv.0.pop_var();
            let pattern = cv.0.pop_var();
            bome(regex::matches(&cv.1, &pattern, &flags, test.is_true()))
        }),
        ("halt", v(0), |_| box_once(Err(Exn::halt(0)))),
        ("!modify", functions_of(2), modify),
        ("!assign", [Bind::Fun(()), Bind::Var(())].into(), assign),
    ]
}

fn functions_of(count: usize) -> Box<[Bind]> {
    std::iter::repeat_n(Bind::Fun(()), count).collect()
}

fn path_of(path: Value) -> Result<Vec<Value>, Fault> {
    path.into_items()
        .map_err(|_| fault("Path must be specified as an array"))
}

/// Returns a path's keys, the first one first; the engine has the last one first.
fn forward<'a>(path: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut keys: Vec<Value> = path.cloned().collect();
    keys.reverse();
    keys
}

/// `paths |= update`: of several outputs of `update` the first one counts; where there is none,
/// the path is deleted, after all others have been updated.
fn modify<'a>(mut cv: Cv<'a, Data>) -> ValXs<'a, Value> {
    let (update, update_context) = cv.0.pop_fun();
    let (paths, context) = cv.0.pop_fun();
    let change = |mut value: Value| {
        let mut deleted = Vec::new();
        for output in paths.paths((context, (value.clone(), Default::default()))) {
            let (_, path) = output?;
            let path = forward(path.iter());
            let old = value.at_path(&path)?;
            match update.run((update_context.clone(), old)).next() {
                Some(new) => {
                    let new = new?;
                    value = value.change_path(&path, |_| Ok(new))?;
                }
                None => deleted.push(Value::array(path)),
            }
        }
        value.delete_paths(deleted).map_err(Exn::from)
    };
    box_once(change(cv.1))
}

/// `paths = $value`.
fn assign<'a>(mut cv: Cv<'a, Data>) -> ValXs<'a, Value> {
    let new = cv.0.pop_var();
    let (paths, context) = cv.0.pop_fun();
    let start = (cv.1.clone(), Default::default());
    let changed = paths
        .paths((context, start))
        .try_fold(cv.1, |value, output| {
            let new = new.clone();
            value
                .change_path(&forward(output?.1.iter()), |_| Ok(new))
                .map_err(Exn::from)
        });
    box_once(changed)
}

/// Functions that also say where their outputs are in the input.
fn paths() -> [Fun<Data>; 3] {
    let check: Native<Data> = Native::new(|cv: Cv<'_, Data>| {
        check_call();
        box_once(Ok(cv.1))
    })
    .with_paths(|cv| {
        check_call();
        box_once(Ok(cv.1))
    });
    let last: Native<Data> = Native::new(|mut cv: Cv<'_, Data>| {
        let (f, context) = cv.0.pop_fun();
        let last = f
            .run((context, cv.1))
            .try_fold(Value::Null, |_, output| output);
        box_once(last)
    })
    .with_paths(|mut cv| {
        let (f, context) = cv.0.pop_fun();
        let start = (Value::Null, Default::default());
        let last = f.paths((context, cv.1)).try_fold(start, |_, output| output);
        box_once(last)
    });
    let get: Native<Data> = Native::new(|mut cv: Cv<'_, Data>| {
        let path = path_of(cv.0.pop_var());
        bome(path.and_then(|path| cv.1.at_path(&path)))
    })
    .with_paths(|mut cv| {
        let path = path_of(cv.0.pop_var());
        let (value, before) = cv.1;
        let result = path.and_then(|path| {
            let found = value.at_path(&path)?;
            let mut list = before;
            for key in path {
                list = list.cons(key);
            }
            Ok((found, list))
        });
        box_once(result.map_err(Exn::from))
    });
    [
        ("!check", v(0), check),
        ("!last", functions_of(1), last),
        ("getpath", v(1), get),
    ]
}

fn length(value: Value) -> ValueResult {
    Ok(match &value {
        Value::Null => Value::Number(0.0),
        Value::Bool(_) => {
            return Err(fault(format_args!("{} has no length", value.describe())));
        }
        Value::Number(number) => Value::Number(number.abs()),
        Value::Literal(literal) => match literal.text.strip_prefix('-') {
            Some(positive) => Value::number(positive),
            None => value,
        },
        Value::Text(text) => Value::from(text.chars().count()),
        Value::Array(array) => Value::from(array.len()),
        Value::Object(object) => Value::from(object.len()),
    })
}

fn keys(value: Value, sorted: bool) -> ValueResult {
    let list: Vec<Value> = match &value {
        Value::Array(array) => (0..array.len()).map(Value::from).collect(),
        Value::Object(object) if sorted => Value::sorted_keys(object)
            .into_iter()
            .map(|key| Value::Text(key.clone()))
            .collect(),
        Value::Object(object) => object.keys().map(|key| Value::Text(key.clone())).collect(),
        _ => return Err(fault(format_args!("{} has no keys", value.describe()))),
    };
    Ok(Value::array(list))
}

fn to_boolean(value: Value) -> ValueResult {
    match &value {
        Value::Bool(_) => Ok(value),
        Value::Text(text) if &**text == "true" => Ok(Value::Bool(true)),
        Value::Text(text) if &**text == "false" => Ok(Value::Bool(false)),
        _ => Err(fault(format_args!(
            "{} cannot be parsed as a boolean",
            value.describe()
        ))),
    }
}

/// Returns where an item of a sorted list is, or -1 less the place where it would be.
fn search(value: &Value, wanted: &Value) -> ValueResult {
    let Value::Array(items) = value else {
        let what = value.describe();
        return Err(fault(format_args!("{what} cannot be searched from")));
    };
    Ok(match items.binary_search(wanted) {
        Ok(at) => Value::from(at),
        Err(at) => Value::Number(-1.0 - at as f64),
    })
}

fn from_json(value: Value) -> ValueResult {
    let text = text_of(&value, "cannot be parsed as JSON, as it is not a string")?;
    let word = text.strip_prefix('-').unwrap_or(text);
    if matches!(word, "nan" | "NaN" | "Infinity") {
        return Ok(Value::Number(text.parse().unwrap_or(f64::NAN)));
    }
    read::one(text.as_bytes()).map_err(|error| match error {
        read::Unreadable::NotJson(syntax) => fault(format_args!(
            "{} at line {}, column {} (while parsing '{}')",
            syntax.what,
            syntax.line,
            syntax.column,
            shortened(text)
        )),
        read::Unreadable::TooDeep => fault("Exceeds depth limit for parsing"),
    })
}

fn shortened(text: &str) -> &str {
    const MAX_SHOWN: usize = 30;
    text.char_indices()
        .nth(MAX_SHOWN)
        .map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}

fn to_number(value: Value) -> ValueResult {
    match &value {
        Value::Number(_) | Value::Literal(_) => Ok(value),
        Value::Text(text) => read::number(text).ok_or_else(|| {
            fault(format_args!(
                "{} cannot be parsed as a number",
                value.describe()
            ))
        }),
        _ => Err(fault(format_args!(
            "{} cannot be parsed as a number",
            value.describe()
        ))),
    }
}

fn has(value: &Value, key: &Value) -> ValueResult {
    match (value, key) {
        (Value::Object(object), Value::Text(key)) => Ok(Value::Bool(object.contains_key(&**key))),
        (Value::Null, Value::Text(_) | Value::Number(_) | Value::Literal(_)) => {
            Ok(Value::Bool(false))
        }
        (Value::Array(array), key) if key.as_number().is_some() => {
            let at = key.as_number().unwrap_or(f64::NAN);
            Ok(Value::Bool(at >= 0.0 && at < array.len() as f64))
        }
        _ => Err(fault(format_args!(
            "Cannot check whether {} has a {} key",
            value.type_name(),
            key.type_name()
        ))),
    }
}

fn contains(value: &Value, other: &Value) -> Result<bool, Fault> {
    match (value, other) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, other) in b.iter() {
                match a.get(&**key) {
                    Some(value) if contains(value, other)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Value::Array(a), Value::Array(b)) => {
            for other in b.iter() {
                let is_in = |value: &&Value| {
                    value.type_name() == other.type_name()
                        && contains(value, other).unwrap_or(false)
                };
                if a.iter().find(is_in).is_none() {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Text(a), Value::Text(b)) => {
            Ok(memchr::memmem::find(a.as_bytes(), b.as_bytes()).is_some())
        }
        _ if value.type_name() == other.type_name() => Ok(value == other),
        _ => Err(fault(format_args!(
            "{} and {} cannot have their containment checked",
            value.describe(),
            other.describe()
        ))),
    }
}

fn indices(value: &Value, wanted: &Value) -> ValueResult {
    let positions: Vec<usize> = match (value, wanted) {
        (Value::Null, _) => return Ok(Value::Null),
        (Value::Text(_), Value::Text(part)) if part.is_empty() => Vec::new(),
        (Value::Text(text), Value::Text(part)) => {
            // jq counts characters, and finds occurrences that overlap.
            let mut found = Vec::new();
            let (mut at, mut characters) = (0, 0);
            while let Some(next) = text.get(at..).and_then(|rest| rest.find(&**part)) {
                characters += text[at..at + next].chars().count();
                found.push(characters);
                at += next;
                let step = text[at..].chars().next().map_or(1, char::len_utf8);
                at += step;
                characters += 1;
            }
            found
        }
        (Value::Array(array), Value::Array(part)) => indices_of(array, part),
        (Value::Array(array), single) => indices_of(array, std::slice::from_ref(single)),
        _ => return value.at(wanted),
    };
    Ok(Value::array(
        positions.into_iter().map(Value::from).collect(),
    ))
}

fn texts() -> Vec<Named> {
    vec![
        of_input!("implode", implode),
        of_input!("trim", |value| trimmed(&value, str::trim)),
        of_input!("ltrim", |value| trimmed(&value, str::trim_start)),
        of_input!("rtrim", |value| trimmed(&value, str::trim_end)),
        of_value!("startswith", |value, start| match (&value, &start) {
            (Value::Text(text), Value::Text(start)) => Ok(Value::Bool(text.starts_with(&**start))),
            _ => Err(fault("startswith() requires string inputs")),
        }),
        of_value!("endswith", |value, end| match (&value, &end) {
            (Value::Text(text), Value::Text(end)) => Ok(Value::Bool(text.ends_with(&**end))),
            _ => Err(fault("endswith() requires string inputs")),
        }),
    ]
}

fn trimmed(value: &Value, trim: fn(&str) -> &str) -> ValueResult {
    match value {
        Value::Text(text) => Ok(Value::text(trim(text))),
        _ => Err(fault("trim input must be a string")),
    }
}

fn implode(value: Value) -> ValueResult {
    let Value::Array(points) = &value else {
        return Err(fault(format_args!(
            "{} cannot be imploded, must be an array of codepoints",
            value.describe()
        )));
    };
    let mut text = String::new();
    for point in points.iter() {
        let Some(number) = point.as_number().filter(|number| !number.is_nan()) else {
            return Err(fault("Unicode codepoint must be numeric"));
        };
        // An invalid code point is replaced, as in jq.
        let valid = (0.0..=f64::from(u32::from(char::MAX))).contains(&number);
        let c = valid.then(|| char::from_u32(number as u32)).flatten();
        text.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Ok(Value::text(text))
}

fn formats() -> Vec<Named> {
    vec![
        of_input!("@urid", uri_decoded),
        of_input!("@csv", |value| row(value, "csv", ",", |text| format!(
            "\"{}\"",
            text.replace('"', "\"\"")
        ))),
        of_input!("@tsv", |value| row(value, "tsv", "\t", |text| text
            .replace('\\', "\\\\")
            .replace('\t', "\\t")
            .replace('\n', "\\n")
            .replace('\r', "\\r"))),
        of_input!("@base64d", base64_decoded),
        of_input!("@base32", |value| Ok(Value::text(base32(
            written(value).as_bytes()
        )))),
        of_input!("@base32d", base32_decoded),
    ]
}

fn written(value: Value) -> Text {
    match value {
        Value::Text(text) => text,
        other => Text::from(write::to_string(&other)),
    }
}

fn uri_decoded(value: Value) -> ValueResult {
    let text = written(value);
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    };
    let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
    match decoded {
        Ok(decoded) if text.split('%').skip(1).all(is_escape) => Ok(Value::text(&*decoded)),
        _ => Err(fault(format_args!(
            "string ({:?}) is not a valid uri encoding",
            shortened(&text)
        ))),
    }
}

fn row(value: Value, name: &str, separator: &str, cell: fn(&str) -> String) -> ValueResult {
    let Value::Array(cells) = &value else {
        return Err(fault(format_args!(
            "{} cannot be {name}-formatted, only an array can be",
            value.describe()
        )));
    };
    let mut out = String::new();
    for (at, value) in cells.iter().enumerate() {
        if at > 0 {
            out.push_str(separator);
        }
        match value {
            Value::Null => {}
            Value::Text(text) => out.push_str(&cell(text)),
            Value::Array(_) | Value::Object(_) => {
                return Err(fault(format_args!(
                    "{} is not valid in a {name} row",
                    value.describe()
                )));
            }
            other => out.push_str(&write::to_string(other)),
        }
    }
    Ok(Value::text(out))
}

fn base64_decoded(value: Value) -> ValueResult {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let text = written(value);
    // jq ends at the padding, wherever it is.
    let encoded = text.split('=').next().unwrap_or_default();
    match LENIENT.decode(encoded) {
        Ok(bytes) => Ok(Value::text(String::from_utf8_lossy(&bytes).into_owned())),
        Err(_) => Err(fault(format_args!(
            "string ({:?}) is not valid base64 data",
            shortened(&text)
        ))),
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    const GROUP: usize = 8;
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut padded = [0_u8; 8];
        padded[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(padded);
        let digits = (chunk.len() * 8).div_ceil(5);
        for digit in 0..GROUP {
            if digit < digits {
                let index = (bits >> (35 - 5 * digit)) & 31;
                out.push(char::from(BASE32[index as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn base32_decoded(value: Value) -> ValueResult {
    let text = written(value);
    let (mut bits, mut count) = (0_u32, 0_u32);
    let mut bytes = Vec::new();
    for byte in text.bytes().take_while(|byte| *byte != b'=') {
        let Some(digit) = BASE32.iter().position(|own| *own == byte) else {
            return Err(fault(format_args!(
                "string ({:?}) is not valid base32 data",
                shortened(&text)
            )));
        };
        bits = ((bits << 5) | digit as u32) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            // The highest eight of the bits that are left.
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(Value::text(String::from_utf8_lossy(&bytes).into_owned()))
}
