//! What must hold for every input of a parser: shared by unit tests and the targets in `fuzz/`.
//! Each function fails by a panic.

use std::ffi::OsStr;
use std::path::Path as FilePath;
use std::time::SystemTime;

use crate::catalogue::{Class, classify_as};
use crate::cli::items::Item;
use crate::cli::units;
use crate::exchange::retry;
use crate::output::write_out::WriteOut;
use crate::plan::target;
use crate::profile::{Base, file};
use crate::text::lexical;
use crate::text::path::Path;

/// A word of the command line is an item or a message that can be shown.
pub fn item(text: &str) {
    match Item::parse(OsStr::new(text)) {
        Ok(item) => assert!(!item.key.is_empty()),
        Err(failure) => shown(&failure.to_string()),
    }
}

/// A path into a response is one or is not; looking for it in any JSON finds chunks of that JSON.
pub fn columns(path: &str, json: &[u8]) {
    let Ok(path) = Path::parse(path) else {
        return;
    };
    if lexical::check(json).is_err() {
        return;
    }
    use crate::text::path::Selected;
    let found = match path.select(json) {
        Selected::Missing => Vec::new(),
        Selected::One(value) => vec![value],
        Selected::Many(values) => values,
    };
    for value in found {
        assert!(
            lexical::check(value).is_ok(),
            "{}",
            String::from_utf8_lossy(value)
        );
    }
}

/// What a filter prints is JSON, whatever the filter and its input are.
pub fn filter(code: &str, json: &str) {
    const MAX_RESULTS: usize = 1000;
    let filter = match crate::text::jq::Filter::compile("-q", code, &[]) {
        Ok(filter) => filter,
        Err(failure) => {
            assert!(
                failure.exit == crate::exit::Exit::Usage
                    && !failure.headline.contains("internal error"),
                "{code}: {failure}"
            );
            return;
        }
    };
    filter.bound(Some(std::time::Duration::from_millis(200)));
    let mut count = 0;
    let end = filter.run(json.as_bytes().to_vec(), &mut |output| {
        let is_json = serde_json::from_slice::<&serde_json::value::RawValue>(&output.json).is_ok();
        assert!(is_json, "{code}: {}", String::from_utf8_lossy(&output.json));
        count += 1;
        if count < MAX_RESULTS {
            Ok(())
        } else {
            Err(crate::error::Failure::local("enough"))
        }
    });
    // A panic of the filter's thread, or a mistake in its translation.
    let headline = end.err().map(|end| end.headline).unwrap_or_default();
    for mistake in ["ended unexpectedly", "internal error"] {
        assert!(!headline.contains(mistake), "{code} on {json}: {headline}");
    }
}

/// A filter that is made of bytes prints JSON, and never ends unexpectedly.
pub fn generated_filter(bytes: &[u8]) {
    let mut grammar = Grammar(bytes);
    let json = grammar.fill("~", 3, &[VALUES, BRACKETS]);
    let code = grammar.fill("(~)", 6, &[LEAVES, SYNTAX, FUNCTIONS]);
    filter(&code, &json);
}

/// Makes texts of bytes: each byte is a choice, and the first one is taken where none is left.
struct Grammar<'a>(&'a [u8]);

impl Grammar<'_> {
    fn choose(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % count
    }

    /// Replaces each `~` by a text of one of the lists, and each `~` in that one in turn. The texts
    /// of the first list have none.
    fn fill(&mut self, template: &str, depth: usize, lists: &[&[&str]]) -> String {
        let mut out = String::new();
        for (at, part) in template.split('~').enumerate() {
            if at > 0 {
                let list = lists[self.choose(if depth == 0 { 1 } else { lists.len() })];
                let text = list[self.choose(list.len())];
                out.push_str(&self.fill(text, depth.saturating_sub(1), lists));
            }
            out.push_str(part);
        }
        out
    }
}

#[rustfmt::skip]
const VALUES: &[&str] = &[
    "null", "true", "0", "-0", "1.10", "1e1000", "-1E-400", "18446744073709551616", "0.1e1",
    r#""""#, r#""a""#, r#""aZo\u00eb a1_ 漢\n😀""#, r#""\ud83d\ude00\ud800\u0000""#, r#""%e9=YWE\u007f""#,
    r#""2015-03-05T23:51:47Z""#, "1425599507.25",
];

#[rustfmt::skip]
const BRACKETS: &[&str] = &[
    "[~]", "[~,~,~]", r#"{"a":~}"#, r#"{"a":~,"b":~,"a":~}"#, r#"{"key":~,"value":~}"#, "[[~,~],~]",
    "{}", "[]", " ~ ~\n",
];

// No function that can run for ever or take much memory, because a thread cannot be ended.
#[rustfmt::skip]
const LEAVES: &[&str] = &[
    ".", ".a", ".[0]", ".[]", ".[]?", ".[-1:]", ".a.b?", "..", "0", "1", "-1.50", "1e1000", "01", ".5",
    "9007199254740993", r#""""#, r#""a""#, r#""\u0000\ud800é""#, "null", "false", "nan", "infinite",
    "-infinite", "[]", "{}", "empty", "error", "$__loc__", "$ENV", "[1,[2]]", "{a:1}", "length",
    "keys", "tojson", "fromjson", "tostring", "tonumber", "toboolean", "type", "add", "any", "all",
    "flatten", "floor", "sqrt", "abs", "significand", "logb", "gamma", "frexp", "modf", "trunc",
    "explode", "implode", "ascii", "trim", "ltrim", "ascii_downcase", "reverse", "sort", "unique",
    "min", "max", "first", "last", "transpose", "to_entries", "from_entries", "paths", "tostream",
    "todate", "fromdate", "gmtime", "mktime", "localtime", "utf8bytelength", "not", "isnormal",
    "@text", "@json", "@csv", "@tsv", "@html", "@uri", "@urid", "@sh", "@base64", "@base64d", "@base32",
    "@base32d", "toarray", "getpath([0])", "env", "halt", "halt_error", "values", "scalars", "tojson?",
];

#[rustfmt::skip]
const SYNTAX: &[&str] = &[
    "~ | ~", "~, ~", "(~) + (~)", "(~) - (~)", "(~) * (~)", "(~) / (~)", "(~) % (~)", "(~) == (~)",
    "(~) < (~)", "(~) // (~)", "(~) and (~)", "(~) or (~)", "-(~)", "[~]", "{a: (~)}", "{(~): (~)}",
    "{\"a\": (~), b: (~)}", "(~)?", "(~) | .[~]", "(~) | .[(~):(~)]", "(~)[]", "(~) |= (~)",
    "(~) = (~)", "(~) += (~)", "(~) //= (~)", "if ~ then ~ else ~ end", "try (~) catch (~)",
    "reduce (~) as $v (~; ~ | [., $v])", "foreach (~) as [$v, $w] (~; ~; [., $v, $w])",
    "(~) as {a: $v} ?// [$v] | ~ | [$v]", "(~) as $v | ~ | $v", "label $out | ~, break $out",
    "def f(g): g | ~; f(~)", "\"a\\(~)b\"", "@base64 \"\\(~)\"", "@json \"\\(~)\\(~)\"",
];

#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "map(~)", "map_values(~)", "select(~)", "path(~)", "del(~)", "delpaths([path(~)])", "to_entries | ~",
    "with_entries(~)", "walk(~)", "sort_by(~)", "group_by(~)", "unique_by(~)", "min_by(~)", "max_by(~)",
    "limit(~; ~)", "first(~)", "last(~)", "nth(~; ~)", "skip(~; ~)", "isempty(~)", "any(~; ~)", "add(~)",
    "has(~)", "contains(~)", "inside(~)", "indices(~)", "index(~)", "bsearch(~)", "startswith(~)",
    "ltrimstr(~)", "trimstr(~)", "split(~)", "join(~)", "test(~)", "[match(~; \"g\")]", "capture(~)",
    "scan(~)", "sub(~; ~)", "gsub(~; ~)", "splits(~)", "setpath(~; ~)", "getpath(~)", "pick(~)",
    "paths(~)", "fromstream(~)", "fromstream(tostream)", "truncate_stream(1; ~)", "IN(~)", "INDEX(~)",
    "flatten(~)", "combinations", "strftime(~)", "strptime(~)", "pow(~; ~)", "ldexp(~; ~)", "fmod(~; ~)",
    "error(~)", "tojson | fromjson | ~", "input_line_number, ~", "ascii(~)", "format(~)", "debug(~)",
    "getpath(path(~))", "setpath(path(~); ~)", "[.[]? | ~] | sort", "tostream | ~", "env | ~",
];

/// Two documents are compared, or are not JSON; what differs is the same number in every output, and
/// each document is the same as itself. The patch is JSON with an operation for each difference.
pub fn difference(left: &str, right: &str) {
    use crate::compare::difference::Gathered;
    use crate::compare::{KeyRule, Rules, checked, compare, trimmed};
    let is_compared = |text: &str| checked("it", text.as_bytes()).is_ok();
    if !is_compared(left) || !is_compared(right) {
        return;
    }
    let keyed = Rules {
        keys: KeyRule::parse("id").into_iter().collect(),
        ..Rules::default()
    };
    for rules in [Rules::default(), keyed] {
        let gathered = |left: &str, right: &str| {
            let mut gathered = Gathered::new(true);
            let [left, right] = [left, right].map(|text| trimmed(text.as_bytes()));
            let noted = compare(left, right, &rules, &mut |found| gathered.take(found));
            (noted.is_ok()).then_some(gathered)
        };
        for text in [left, right] {
            assert!(gathered(text, text).is_none_or(|same| same.counts.is_same()));
        }
        let (Some(forth), Some(back)) = (gathered(left, right), gathered(right, left)) else {
            continue;
        };
        assert_eq!(forth.counts.changed, back.counts.changed);
        assert_eq!(forth.counts.only_left, back.counts.only_right);
        let screen = crate::output::view::Screen {
            terminal: false,
            width: None,
            theme: crate::text::terminal::Theme::plain(),
        };
        let patch = crate::output::diff::patch(forth.kept(), &screen);
        assert!(lexical::check(&patch).is_ok());
        let operations = lexical::scan::elements(&patch).count();
        assert_eq!(operations, forth.kept().len());
    }
}

/// A value fills exactly the segment that it stands for.
pub fn placeholder(value: &str) {
    if let Ok(filled) = target::fill("/a/{v}/b", |_| Some(value)) {
        assert_eq!(filled.matches('/').count(), 3);
        assert!(!filled.contains(['?', '#', '\\']) && !filled.chars().any(char::is_control));
        let base = Base::from_endpoint("https://h.example/t").unwrap_or_else(|why| panic!("{why}"));
        // What a server could read as another segment, `.` and a backslash, may still be refused.
        if let Ok(url) = base.join(&filled) {
            assert_eq!(url.path_segments().map(Iterator::count), Some(4));
        }
    }
}

/// A config file is understood, or the message about it holds nothing of its values.
pub fn configuration(text: &str) {
    const CANARY: &str = "SEKRET-0123";
    let home = Some(FilePath::new("/home"));
    let refused = |text: &str| file::parse(FilePath::new("/c.toml"), text, home).err();
    if let Some(failure) = refused(text) {
        shown(&failure.to_string());
    }
    // Whatever is wrong around it, a token's value is not repeated.
    for text in [
        format!("{text}\n[profiles.zz]\ntoken = \"{CANARY}\"\n"),
        format!("[profiles.zz]\ntoken = \"{CANARY}\" {text}"),
        format!("[profiles.zz]\ntoken = [\"{CANARY}\"]\n{text}"),
        format!("[profiles.zz]\nguard = \"{CANARY}\"\n{text}"),
    ] {
        if let Some(failure) = refused(&text) {
            assert!(!failure.to_string().contains(CANARY), "{failure}");
        }
    }
}

/// Durations, sizes and waits are sane or refused.
pub fn amounts(text: &str) {
    let _size = units::size("--max-size", text);
    if let Ok(duration) = units::duration("-m", text) {
        assert!(std::time::Instant::now().checked_add(duration).is_some());
    }
    let _wait = retry::retry_after(text, SystemTime::UNIX_EPOCH);
}

/// A format for `-w` is read to its end.
pub fn write_out(format: &str) {
    let _read = WriteOut::parse(format);
}

/// Another spelling of a path is never judged to be less than the path itself.
pub fn spelling(method: &str, path: &str) {
    let class = |path: &str| classify_as(&[method.to_ascii_uppercase()], path).class;
    let plain = class(path);
    if plain == Class::Read || path.contains('%') || !path.starts_with('/') {
        return;
    }
    let first = path.rsplit('/').next().and_then(|last| last.chars().next());
    let encoded = first.filter(char::is_ascii_alphanumeric).map(|first| {
        let (before, last) =
            path.split_at(path.len() - path.rsplit('/').next().map_or(0, str::len));
        format!("{before}%{:02x}{}", first as u32, &last[1..])
    });
    for other in [
        Some(format!("{path}/")),
        Some(format!("/{path}")),
        Some(path.replace('/', "//")),
        (!path.contains(['?', '#'])).then(|| format!("{path}?x=/y")),
        encoded.filter(|_| !path.contains(['?', '#'])),
    ]
    .into_iter()
    .flatten()
    {
        assert_ne!(
            class(&other),
            Class::Read,
            "{method} {path} is {plain:?}, {other} is not"
        );
    }
}

/// A message can be shown: no control character but the ends of its lines.
fn shown(text: &str) {
    let unsafe_one = text
        .chars()
        .find(|c| *c != '\n' && crate::text::terminal::is_unsafe(*c));
    assert_eq!(unsafe_one, None, "{text:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_hold(text in "\\PC{0,30}", junk in any::<String>()) {
            for text in [&text, &junk] {
                item(text);
                placeholder(text);
                configuration(text);
                amounts(text);
                write_out(text);
            }
        }

        #[test]
        fn spellings_are_judged_alike(
            method in "GET|POST|PUT|DELETE|PATCH|PROPFIND",
            path in "/api/(v1|_private)/(datasets|sources|users)(/[a-z%2:;.]{1,6}){0,4}(/(export|sync|query|advance|labellers))?",
        ) {
            spelling(&method, &path);
        }

        #[test]
        fn amounts_hold(text in "-?[0-9.e]{0,12}(ms|s|m|h|KiB|MB|G)?") {
            amounts(&text);
        }

        #[test]
        fn filters_print_json(
            code in "(\\.|\\.a|\\.\\[0\\]|\\.\\[\\]\\?|nan|-1e999|\"\\\\u0000é\"|\\[\\.\\]|\\{a:\\.\\}|tojson|@base64d|@urid|tonumber\\?|explode\\?|to_entries\\?|01)(( \\| |, | \\+ | \\* | // | as \\$x \\| |=|\\|=)(\\.|\\.b|3|keys\\?|infinite|-\\.|fromjson\\?|del\\(\\.\\[0\\]\\)|sort\\?|@text|\\.\\.)){0,3}",
            json in crate::text::lexical::tests::json(),
        ) {
            filter(&code, &json);
        }

        #[test]
        fn generated_filters_print_json(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            generated_filter(&bytes);
        }

        #[test]
        fn differences_are_counted_alike(
            left in crate::text::lexical::tests::json(), right in crate::text::lexical::tests::json(),
        ) {
            difference(&left, &right);
            difference(&format!("[{left},{{\"id\":1,\"v\":{right}}}]"), &format!("[{{\"id\":1,\"v\":{left}}}]"));
        }

        #[test]
        fn columns_are_json(path in "[a-c.\\[\\]*0-9\"-]{0,12}", json in crate::text::lexical::tests::json()) {
            columns(&path, json.as_bytes());
        }
    }
}
