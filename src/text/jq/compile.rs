//! From the text of a filter to what the engine runs.

use jaq_core::load::lex::Lexer;
use jaq_core::load::parse::Def;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, compile};

use super::builtins::{Data, functions};
use super::parse;

/// The name of the user's filter among the definitions.
const MAIN: &str = "__main__";

/// What is wrong with a filter, and where, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) what: String,
}

/// Compiles a filter that may use these variables, whose names begin with `$`.
///
/// # Errors
/// Fails when the text is not jq, or uses what is not supported.
pub(super) fn filter(code: &str, variables: &[String]) -> Result<jaq_core::Filter<Data>, Problem> {
    let mut definitions = prelude().map_err(|what| Problem { at: 0, what })?;
    let tokens = Lexer::new(code).lex().map_err(|errors| {
        let first = errors.first();
        Problem {
            at: first.map_or(0, |(_, part)| position(code, part)),
            what: first.map_or_else(
                || "it cannot be read".to_owned(),
                |(expected, _)| format!("expected {}", expected.as_str()),
            ),
        }
    })?;
    let body = parse::filter(code, &tokens).map_err(|problem| Problem {
        at: position(code, problem.part),
        what: problem.what,
    })?;
    definitions.push(Def {
        name: MAIN,
        args: Vec::new(),
        body,
    });
    let arena = Arena::default();
    let file = File {
        code: MAIN,
        path: (),
    };
    let internal = || Problem {
        at: 0,
        what: "it cannot be compiled".to_owned(),
    };
    let modules = Loader::new(definitions)
        .load(&arena, file)
        .map_err(|_| internal())?;
    Compiler::default()
        .with_funs(functions())
        .with_global_vars(variables.iter().map(String::as_str))
        .compile(modules)
        .map_err(|errors| {
            let first = errors.first().and_then(|(_, list)| list.first());
            first.map_or_else(internal, |(name, undefined)| Problem {
                at: position(code, name),
                what: undefined_name(name, undefined),
            })
        })
}

fn prelude() -> Result<Vec<Def<&'static str>>, String> {
    const PRELUDE: &str = include_str!("prelude.jq");
    let tokens = Lexer::new(PRELUDE)
        .lex()
        .map_err(|_| "internal error: the prelude has an unknown token".to_owned())?;
    parse::definitions(PRELUDE, &tokens).map_err(|problem| {
        let at = position(PRELUDE, problem.part);
        format!(
            "internal error: the prelude, at byte {at}: {}",
            problem.what
        )
    })
}

fn undefined_name(name: &str, undefined: &compile::Undefined) -> String {
    match undefined {
        compile::Undefined::Filter(0) => format!("{name} is not defined"),
        compile::Undefined::Filter(1) => format!("{name} with 1 argument is not defined"),
        compile::Undefined::Filter(count) => {
            format!("{name} with {count} arguments is not defined")
        }
        _ => format!("{name} is not defined"),
    }
}

/// Returns where a part begins; 0 for what is not a part.
fn position(code: &str, part: &str) -> usize {
    let (start, at) = (code.as_ptr().addr(), part.as_ptr().addr());
    if (start..=start + code.len()).contains(&at) {
        load::span(code, part).start
    } else {
        0
    }
}
