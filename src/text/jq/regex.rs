//! Regular expressions as jq has them: Oniguruma's, in its Perl syntax, over Unicode.

use std::cell::RefCell;
use std::rc::Rc;

use fancy_regex::{Captures, Regex, RegexBuilder};

use super::value::{Fault, Map, Text, Value, fault};

/// How often a match may step back before it counts as failed: some expressions would take longer
/// than the age of the universe.
const MAX_BACKTRACKS: usize = 1_000_000;

/// How many expressions are kept compiled: `gsub` in a loop has few.
const MAX_KEPT: usize = 32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    all: bool,
    ignore_case: bool,
    extended: bool,
    dot_matches_newline: bool,
    skip_empty: bool,
}

struct Kept {
    pattern: String,
    flags: Flags,
    regex: Rc<Regex>,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

fn flags_of(flags: &Value) -> Result<Flags, Fault> {
    let mut set = Flags::default();
    let text = match flags {
        Value::Null => return Ok(set),
        Value::Text(text) => text,
        other => return Err(fault(format_args!("{} is not a string", other.describe()))),
    };
    for flag in text.chars() {
        match flag {
            'g' => set.all = true,
            'i' => set.ignore_case = true,
            'x' => set.extended = true,
            'n' => set.skip_empty = true,
            'p' => set.dot_matches_newline = true,
            // The longest of several alternatives, and `^` and `$` at the ends only, which they are.
            'l' | 's' => {}
            _ => {
                return Err(fault(format_args!(
                    "{} is not a valid modifier string",
                    &**text
                )));
            }
        }
    }
    Ok(set)
}

/// Translates what Oniguruma writes otherwise than the engine: Unicode classes in POSIX brackets,
/// `\h` for a hexadecimal digit, and `$` before a final line break.
fn translated(pattern: &str) -> String {
    const CLASSES: [(&str, &str); 12] = [
        ("[:alpha:]", r"\p{Alphabetic}"),
        ("[:digit:]", r"\p{Nd}"),
        ("[:alnum:]", r"\p{Alphabetic}\p{Nd}"),
        ("[:upper:]", r"\p{Uppercase}"),
        ("[:lower:]", r"\p{Lowercase}"),
        ("[:space:]", r"\s"),
        ("[:punct:]", r"\p{P}\p{S}"),
        ("[:word:]", r"\w"),
        ("[:^alpha:]", r"\P{Alphabetic}"),
        ("[:^digit:]", r"\P{Nd}"),
        ("[:^space:]", r"\S"),
        ("[:^word:]", r"\W"),
    ];
    let mut out = String::with_capacity(pattern.len());
    let (mut rest, mut brackets) = (pattern, 0_usize);
    while let Some(c) = rest.chars().next() {
        let class = CLASSES
            .iter()
            .find(|(class, _)| brackets > 0 && rest.starts_with(class));
        let mut length = c.len_utf8();
        if let Some((class, meaning)) = class {
            out.push_str(meaning);
            length = class.len();
        } else if c == '\\' {
            let escaped = rest.chars().nth(1);
            length += escaped.map_or(0, char::len_utf8);
            match escaped {
                Some('h') if brackets > 0 => out.push_str("0-9a-fA-F"),
                Some('h') => out.push_str("[0-9a-fA-F]"),
                Some('H') if brackets == 0 => out.push_str("[^0-9a-fA-F]"),
                _ => out.push_str(&rest[..length]),
            }
        } else if c == '$' && brackets == 0 {
            out.push_str(r"(?=\n?\z)");
        } else {
            match c {
                '[' => brackets += 1,
                ']' => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            out.push(c);
        }
        rest = &rest[length..];
    }
    out
}

fn compiled(pattern: &str, flags: Flags) -> Result<Rc<Regex>, Fault> {
    let find = |kept: &Vec<Kept>| {
        kept.iter()
            .find(|kept| kept.flags == flags && kept.pattern == pattern)
            .map(|kept| Rc::clone(&kept.regex))
    };
    if let Some(regex) = KEPT.with_borrow(find) {
        return Ok(regex);
    }
    let regex = RegexBuilder::new(&translated(pattern))
        .case_insensitive(flags.ignore_case)
        .ignore_whitespace(flags.extended)
        .dot_matches_new_line(flags.dot_matches_newline)
        .backtrack_limit(MAX_BACKTRACKS)
        .build()
        .map_err(|error| {
            fault(format_args!(
                "{pattern} (at offset 0) is not a valid regex: {error}"
            ))
        })?;
    let regex = Rc::new(regex);
    KEPT.with_borrow_mut(|kept| {
        if kept.len() == MAX_KEPT {
            kept.remove(0);
        }
        kept.push(Kept {
            pattern: pattern.to_owned(),
            flags,
            regex: Rc::clone(&regex),
        });
    });
    Ok(regex)
}

/// Finds the matches of an expression in a text; with `test` only whether there is one.
pub(super) fn matches(
    input: &Value,
    pattern: &Value,
    flags: &Value,
    test: bool,
) -> Result<Value, Fault> {
    let text_of = |value: &Value| {
        value.as_text().cloned().ok_or_else(|| {
            fault(format_args!(
                "{} cannot be matched, as it is not a string",
                value.describe()
            ))
        })
    };
    let (text, pattern) = (text_of(input)?, text_of(pattern)?);
    let flags = flags_of(flags)?;
    let regex = compiled(&pattern, flags)?;
    let failed = |error: fancy_regex::Error| {
        fault(format_args!(
            "the regex {} cannot be matched: {error}",
            &*pattern
        ))
    };
    if test && !flags.skip_empty {
        return regex.is_match(&*text).map(Value::Bool).map_err(failed);
    }
    let names: Vec<Option<Value>> = regex
        .capture_names()
        .map(|name| name.map(Value::text))
        .collect();
    let mut found = Vec::new();
    let mut counter = Counter::new(&text);
    let mut at = 0;
    while at <= text.len() {
        let Some(captures) = regex.captures_from_pos(&*text, at).map_err(failed)? else {
            break;
        };
        let Some(whole) = captures.get(0) else { break };
        let (start, end) = (whole.start(), whole.end());
        if !(flags.skip_empty && start == end) {
            found.push(one_match(&captures, &names, &mut counter));
        }
        if !flags.all {
            break;
        }
        at = if end > start {
            end
        } else {
            next_character(&text, end)
        };
    }
    if test {
        return Ok(Value::Bool(!found.is_empty()));
    }
    Ok(Value::array(found))
}

fn next_character(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.chars().next().map_or(1, char::len_utf8)
}

fn one_match(
    captures: &Captures<'_, str>,
    names: &[Option<Value>],
    counter: &mut Counter<'_>,
) -> Value {
    let member = |map: &mut Map, key: &str, value: Value| {
        map.insert(Text::from(key), value);
    };
    let mut describe = |map: &mut Map, index: usize| match captures.get(index) {
        Some(part) => {
            let (start, end) = (counter.count(part.start()), counter.count(part.end()));
            member(map, "offset", Value::from(start));
            member(map, "length", Value::from(end - start));
            member(map, "string", Value::text(part.as_str()));
        }
        None => {
            member(map, "offset", Value::Number(-1.0));
            member(map, "length", Value::Number(0.0));
            member(map, "string", Value::Null);
        }
    };
    let mut map = Map::default();
    describe(&mut map, 0);
    let groups = (1..captures.len()).map(|index| {
        let mut group = Map::default();
        describe(&mut group, index);
        let name = names.get(index).cloned().flatten();
        member(&mut group, "name", name.unwrap_or(Value::Null));
        Value::object(group)
    });
    let groups = Value::array(groups.collect());
    member(&mut map, "captures", groups);
    Value::object(map)
}

/// Counts characters up to a byte, continuing from the last count.
struct Counter<'a> {
    text: &'a str,
    at: usize,
    characters: usize,
}

impl<'a> Counter<'a> {
    fn new(text: &'a str) -> Self {
        Counter {
            text,
            at: 0,
            characters: 0,
        }
    }

    fn count(&mut self, at: usize) -> usize {
        let between = |from: usize, upto: usize| {
            self.text
                .get(from..upto)
                .unwrap_or_default()
                .chars()
                .count()
        };
        if at >= self.at {
            self.characters += between(self.at, at);
        } else {
            self.characters -= between(at, self.at);
        }
        self.at = at;
        self.characters
    }
}
