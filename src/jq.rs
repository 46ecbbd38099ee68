//! jq's language, built in: a filter is compiled once, before anything is sent, and run on the
//! answer. It reads no file, runs nothing, and sees no variable of the environment.

use std::fmt::Write as _;
use std::rc::Rc;

use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{Fun, v};
use jaq_core::{Compiler, Ctx, Vars, compile};
use jaq_json::{Val, read, write};

use crate::error::{Failure, Result};
use crate::output::lexical::scan;
use crate::output::terminal::sanitise;

type Data = JustLut<Val>;

/// How deep a value may nest: the library recurses over it.
const DEEPEST: usize = 2000;

/// A compiled filter with the values of its variables.
#[derive(Clone)]
pub(crate) struct Filter {
    filter: Rc<jaq_core::Filter<Data>>,
    vars: Vec<Val>,
    option: &'static str,
}

/// A variable of a filter: its name without `$`, and its value.
#[derive(Clone, Debug)]
pub(crate) enum Var {
    /// `--arg`: a text.
    Text(String, String),
    /// `--argjson`: any value.
    Json(String, String),
}

impl Filter {
    /// Compiles a filter that was given with this option.
    ///
    /// # Errors
    /// Fails (exit 2) when it is not jq, pointing to where.
    pub(crate) fn compile(option: &'static str, code: &str, vars: &[Var]) -> Result<Filter> {
        let mut names = vec!["$ENV".to_owned()];
        let mut values = vec![Val::obj(jaq_json::Map::default())];
        for var in vars {
            let (name, value) = match var {
                Var::Text(name, text) => (name, Val::from(text.clone())),
                Var::Json(name, json) => {
                    let value = parse(json.as_bytes()).map_err(|_| {
                        Failure::usage(format!("the value of --argjson {name} is not JSON"))
                    })?;
                    (name, value)
                }
            };
            names.push(format!("${name}"));
            values.push(value);
        }
        let arena = Arena::default();
        let modules = Loader::new(definitions())
            .load(&arena, File { code, path: () })
            .map_err(|errors| not_jq(option, code, &load_problem(code, &errors)))?;
        // Data that is imported (`import "d" as $d`) would be a variable without a value.
        load::import(&modules, |_| Err(String::new()))
            .map_err(|errors| not_jq(option, code, &load_problem(code, &errors)))?;
        let filter = Compiler::default()
            .with_funs(functions())
            .with_global_vars(names.iter().map(String::as_str))
            .compile(modules)
            .map_err(|errors| not_jq(option, code, &compile_problem(code, &errors)))?;
        Ok(Filter {
            filter: Rc::new(filter),
            vars: values,
            option,
        })
    }

    /// Runs the filter on each JSON text of a body, and hands over each result.
    ///
    /// # Errors
    /// Fails (exit 1) when the body is not JSON or the filter fails on it, or as `take` does.
    pub(crate) fn run(&self, body: &[u8], take: &mut dyn FnMut(Val) -> Result<()>) -> Result<()> {
        check_depth(body)?;
        for value in read::parse_many(body) {
            let value = value.map_err(|_| {
                Failure::local(format!(
                    "{}: the body is not JSON that a filter can read",
                    self.option
                ))
                .hint("without a filter it is shown as received")
            })?;
            self.run_on(value, take)?;
        }
        Ok(())
    }

    fn run_on(&self, value: Val, take: &mut dyn FnMut(Val) -> Result<()>) -> Result<()> {
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new(self.vars.iter().cloned()));
        for result in self.filter.id.run((context, value)) {
            match result {
                Ok(value) => take(value)?,
                Err(exception) => {
                    let exception = match exception.get_halt() {
                        Ok(0) => return Ok(()),
                        Ok(code) => {
                            return Err(self.failed(&format!("it ended itself with halt({code})")));
                        }
                        Err(exception) => exception,
                    };
                    let text = match exception.get_err() {
                        Ok(error) => error.to_string(),
                        Err(_) => "it broke out of no loop".to_owned(),
                    };
                    return Err(self.failed(&text));
                }
            }
        }
        Ok(())
    }

    fn failed(&self, reason: &str) -> Failure {
        const LONGEST: usize = 300;
        let shown: String = sanitise(reason).chars().take(LONGEST).collect();
        Failure::local(format!(
            "{}: the filter failed on the answer: {shown}",
            self.option
        ))
    }
}

/// Reads one JSON text as a value.
///
/// # Errors
/// Fails (exit 1) when it is none, or nests too deep.
pub(crate) fn parse(text: &[u8]) -> Result<Val> {
    check_depth(text)?;
    read::parse_single(text)
        .map_err(|_| Failure::local("a value is not JSON that a filter can read"))
}

fn check_depth(text: &[u8]) -> Result<()> {
    if scan::depth(text) > DEEPEST {
        return Err(Failure::local(format!(
            "the answer nests deeper than {DEEPEST} levels, too deep for a filter"
        ))
        .hint("--format pretty and raw show any depth"));
    }
    Ok(())
}

/// Returns a value as JSON on one line.
pub(crate) fn json(value: &Val) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _written = write::write(&mut text, &write::Pp::default(), 0, value);
    let holds = |word: &[u8]| memchr::memmem::find(&text, word).is_some();
    if holds(b"NaN") || holds(b"Infinity") {
        return with_finite_numbers(&text);
    }
    text
}

/// Writes numbers that JSON does not have as jq does.
fn with_finite_numbers(text: &[u8]) -> Vec<u8> {
    const WORDS: [(&[u8], &[u8]); 2] =
        [(b"NaN", b"null"), (b"Infinity", b"1.7976931348623157e+308")];
    let mut finite = Vec::with_capacity(text.len());
    let (mut in_string, mut rest) = (false, text);
    while let Some(&first) = rest.first() {
        let word = WORDS.iter().find(|(word, _)| rest.starts_with(word));
        let length = match word {
            Some((word, number)) if !in_string => {
                finite.extend_from_slice(number);
                rest = &rest[word.len()..];
                continue;
            }
            _ if in_string && first == b'\\' => 2.min(rest.len()),
            _ => 1,
        };
        in_string ^= first == b'"';
        finite.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    finite
}

/// Returns whether jq takes a value for true: all but `false` and `null`.
pub(crate) fn is_true(value: &Val) -> bool {
    !matches!(value, Val::Null | Val::Bool(false))
}

/// What the library does not have, or not as jq does.
const OWN: &str = r#"
    def halt_error: error;
    def halt_error($code): error;
    def ltrimstr($start):
        if isstring and ($start | isstring) and startswith($start)
        then .[($start | length):] else . end;
    def rtrimstr($end):
        if isstring and ($end | isstring) and endswith($end)
        then .[:(length - ($end | length))] else . end;
    def @csv:
        def cell:
            if isstring then "\"" + (split("\"") | join("\"\"")) + "\""
            elif . == null then ""
            elif isarray or isobject then error("\(type) cannot stand in a row of csv")
            else tojson end;
        if isarray then map(cell) | join(",") else error("\(type) is no row of csv") end;
    def @tsv:
        def written($a; $b): split($a) | join($b);
        def cell:
            if isstring
            then written("\\"; "\\\\") | written("\t"; "\\t") | written("\n"; "\\n") | written("\r"; "\\r")
            elif . == null then ""
            elif isarray or isobject then error("\(type) cannot stand in a row of tsv")
            else tojson end;
        if isarray then map(cell) | join("\t") else error("\(type) is no row of tsv") end;
"#;

/// The definitions, but for those that end the process with a code of their own.
fn definitions() -> impl Iterator<Item = load::parse::Def<&'static str>> {
    let own = load::parse(OWN, |parser| parser.defs()).unwrap_or_default();
    jaq_core::defs()
        .chain(jaq_std::defs().filter(|def| def.name != "halt_error"))
        .chain(jaq_json::defs())
        .chain(own)
}

/// The functions, with an environment that is empty: filters are pasted from anywhere.
fn functions() -> impl Iterator<Item = Fun<Data>> {
    let environment: Fun<Data> = (
        "env",
        v(0),
        jaq_core::Native::new(|_| {
            Box::new(std::iter::once(Ok(Val::obj(jaq_json::Map::default()))))
        }),
    );
    jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| *name != "env")
        .chain([environment])
}

/// What is wrong with a filter, and where.
struct Problem {
    at: usize,
    what: String,
}

fn load_problem(code: &str, errors: &load::Errors<&str, ()>) -> Problem {
    let problem = |part: &str, what: String| Problem {
        at: load::span(code, part).start,
        what,
    };
    match errors.first().map(|(_, error)| error) {
        Some(load::Error::Lex(list)) => list
            .first()
            .map(|(expected, part)| problem(part, format!("{} is expected", expected.as_str()))),
        Some(load::Error::Parse(list)) => list
            .first()
            .map(|(expected, part)| problem(part, format!("{} is expected", expected.as_str()))),
        Some(load::Error::Io(list)) => list
            .first()
            .map(|(part, _)| problem(part, "a filter here reads no other file".to_owned())),
        None => None,
    }
    .unwrap_or(Problem {
        at: 0,
        what: "it cannot be read".to_owned(),
    })
}

fn compile_problem(code: &str, errors: &compile::Errors<&str, ()>) -> Problem {
    let first = errors.first().and_then(|(_, list)| list.first());
    let Some((name, undefined)) = first else {
        return Problem {
            at: 0,
            what: "it cannot be compiled".to_owned(),
        };
    };
    let mut what = format!("there is no {} {name}", undefined.as_str());
    if let compile::Undefined::Filter(arity) = undefined {
        let _always_fits = write!(what, " with {arity} arguments");
    }
    Problem {
        at: load::span(code, name).start,
        what,
    }
}

fn not_jq(option: &str, code: &str, problem: &Problem) -> Failure {
    let at = problem.at.min(code.len());
    let before = code.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |line_end| line_end + 1);
    let line = code
        .get(start..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let column = before.get(start..).unwrap_or_default().chars().count();
    Failure::usage(format!(
        "{option}: the filter is not jq: {}",
        sanitise(&problem.what)
    ))
    .fact(sanitise(line).into_owned())
    .fact(format!("{}^", " ".repeat(column)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn results(code: &str, body: &str) -> Result<Vec<String>> {
        let vars = [
            Var::Text("who".to_owned(), "you".to_owned()),
            Var::Json("n".to_owned(), "[1]".to_owned()),
        ];
        let filter = Filter::compile("-q", code, &vars)?;
        let mut list = Vec::new();
        filter.run(body.as_bytes(), &mut |value| {
            list.push(String::from_utf8_lossy(&json(&value)).into_owned());
            Ok(())
        })?;
        Ok(list)
    }

    #[test]
    fn filters_give_what_jq_gives() {
        let body = r#"{"a":[{"b":1.10,"c":"x"},{"b":18446744073709551616}],"z":0,"y":null}"#;
        let cases: [(&str, &[&str]); 16] = [
            (
                r#"[1.10, "a\"b,", null, true, "", "x"] | @csv"#,
                &[r#""1.10,\"a\"\"b,\",,true,\"\",\"x\"""#],
            ),
            (
                r#"[1, "a\tb\\n\n\r", null, false] | @tsv"#,
                &[r#""1\ta\\tb\\\\n\\n\\r\t\tfalse""#],
            ),
            (
                r#"[] | @csv, @tsv, @csv "\([1, "a"])!""#,
                &[r#""""#, r#""""#, r#""1,\"a\"!""#],
            ),
            (
                r#""xaxa", 1, null | ltrimstr("xa"), rtrimstr("xa"), ltrimstr(1)"#,
                &[
                    r#""xa""#,
                    r#""xa""#,
                    r#""xaxa""#,
                    "1",
                    "1",
                    "1",
                    "null",
                    "null",
                    "null",
                ],
            ),
            (
                "[nan, infinite, -infinite]",
                &["[null,1.7976931348623157e+308,-1.7976931348623157e+308]"],
            ),
            (
                r#"{"NaN\"": "Infinity", a: nan}"#,
                &[r#"{"NaN\"":"Infinity","a":null}"#],
            ),
            (r#"[{}] | try @csv catch "no""#, &[r#""no""#]),
            (".a[].b", &["1.10", "18446744073709551616"]),
            (".a | length", &["2"]),
            ("keys_unsorted", &[r#"["a","z","y"]"#]),
            (".a[0] | {c, d: (.b + 1)}", &[r#"{"c":"x","d":2.1}"#]),
            ("\"\\($who) \\($n[0])\"", &["\"you 1\""]),
            ("env, $ENV", &["{}", "{}"]),
            ("empty", &[]),
            ("1, halt, 2", &["1"]),
            ("[.a[] | select(.c)] | length", &["1"]),
        ];
        for (code, expected) in cases {
            assert_eq!(results(code, body).expect(code), expected, "{code}");
        }
    }

    #[test]
    fn a_filter_that_is_not_jq_is_pointed_into() {
        for (code, column) in [
            (".a | map(", 9),
            (".a.b | nope", 7),
            (".a | $x", 5),
            ("{", 1),
        ] {
            let failure = results(code, "1").expect_err(code);
            assert_eq!(failure.exit, Exit::Usage, "{code}");
            assert_eq!(
                failure.facts[1].find('^'),
                Some(column),
                "{code}: {:?}",
                failure.facts
            );
        }
        for code in [
            "import \"x\" as x; .",
            "import \"x\" as $x; $x",
            "import \"x\" as $x {search: \"./\"}; .",
            "include \"x\"; .",
        ] {
            let failure = results(code, "1").expect_err(code);
            assert!(failure.headline.contains("reads no other file"), "{code}");
        }
    }

    #[test]
    fn a_filter_that_fails_is_a_local_failure() {
        for code in [
            ".a.b.c[0].d",
            "error(\"no\")",
            "halt_error",
            "halt(3)",
            "input",
            "input_filename",
        ] {
            let failure = results(code, r#"{"a":1}"#).expect_err(code);
            assert!(matches!(failure.exit, Exit::Local | Exit::Usage), "{code}");
        }
    }

    #[test]
    fn depth_is_refused_in_words() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(
            results(".", &deep)
                .expect_err("deep")
                .headline
                .contains("deeper")
        );
        let fine = format!("{}{}", "[".repeat(1900), "]".repeat(1900));
        assert_eq!(
            results("[.. | arrays] | length", &fine).expect("fine"),
            ["1900"]
        );
    }
}
