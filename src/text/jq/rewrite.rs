//! jq's meaning in the engine's terms.
//!
//! The engine gives operators another meaning than jq does. What differs is rewritten here:
//!
//! - updates (`|=`, `=`, `+=`, ...) become calls that work on paths, as in jq;
//! - of two operands with several outputs each, the right one is the outer loop;
//! - where a pattern fails, the next one behind `?//` is tried.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern};
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Opt, Part, Path};

use super::parse::{Pat, Term};

/// Names that a user cannot write, for what rewriting needs.
const RIGHT: &str = "$ right";
const VALUE: &str = "$ value";
const INPUT: &str = "$ input";
const BODY: &str = " body";
pub(super) const STATE: &str = "$ state";
const PARTS: [&str; 6] = ["$ 0", "$ 1", "$ 2", "$ 3", "$ 4", "$ 5"];

/// Functions that give exactly one output where their arguments do.
const SINGLE: &str = "length tostring tojson tonumber type keys not floor sqrt now true false null \
    add first last sort ascii_downcase trim abs utf8bytelength infinite";

pub(super) fn boxed(term: Term<'_>) -> Box<Term<'_>> {
    Box::new(term)
}

pub(super) fn text<'s>(text: &'s str) -> Term<'s> {
    Term::Str(None, vec![StrPart::Str(text)])
}

pub(super) fn pipe_as<'s>(source: Term<'s>, pattern: Pat<'s>, body: Term<'s>) -> Term<'s> {
    Term::BinOp(boxed(source), BinaryOp::Pipe(Some(pattern)), boxed(body))
}

pub(super) fn pipe<'s>(left: Term<'s>, right: Term<'s>) -> Term<'s> {
    Term::BinOp(boxed(left), BinaryOp::Pipe(None), boxed(right))
}

/// Returns whether a term surely has one output.
pub(super) fn is_single(term: &Term<'_>) -> bool {
    match term {
        Term::Id | Term::Num(_) | Term::Var(_) | Term::Arr(_) => true,
        Term::Str(_, parts) => parts.iter().all(|part| match part {
            StrPart::Term(term) => is_single(term),
            _ => true,
        }),
        Term::Neg(term) => is_single(term),
        Term::BinOp(left, BinaryOp::Math(_) | BinaryOp::Cmp(_) | BinaryOp::Pipe(_), right) => {
            is_single(left) && is_single(right)
        }
        Term::Call(name, args) => {
            args.is_empty() && SINGLE.split_whitespace().any(|single| single == *name)
        }
        Term::Path(source, Path(parts)) => {
            is_single(source)
                && parts.iter().all(|(part, opt)| {
                    matches!(opt, Opt::Essential)
                        && match part {
                            Part::Index(index) => is_single(index),
                            Part::Range(None, None) => false,
                            Part::Range(from, upto) => {
                                [from, upto].into_iter().flatten().all(is_single)
                            }
                        }
                })
        }
        Term::Obj(members) => members
            .iter()
            .all(|(key, value)| is_single(key) && value.as_ref().is_none_or(is_single)),
        Term::IfThenElse(branches, otherwise) => {
            branches.iter().all(|(a, b)| is_single(a) && is_single(b))
                && otherwise.as_deref().is_none_or(is_single)
        }
        _ => false,
    }
}

/// jq evaluates the right operand first, so that it is the outer loop.
pub(super) fn right_first<'s>(
    left: Term<'s>,
    right: Term<'s>,
    operator: BinaryOp<&'s str>,
) -> Term<'s> {
    if is_single(&left) || is_single(&right) {
        return Term::BinOp(boxed(left), operator, boxed(right));
    }
    let operation = Term::BinOp(boxed(left), operator, boxed(Term::Var(RIGHT)));
    pipe_as(right, Pattern::Var(RIGHT), operation)
}

pub(super) fn binary<'s>(left: Term<'s>, operator: &str, right: Term<'s>) -> Term<'s> {
    let operation = match operator {
        "+" => return right_first(left, right, BinaryOp::Math(Math::Add)),
        "-" => return right_first(left, right, BinaryOp::Math(Math::Sub)),
        "*" => return right_first(left, right, BinaryOp::Math(Math::Mul)),
        "/" => return right_first(left, right, BinaryOp::Math(Math::Div)),
        "%" => return right_first(left, right, BinaryOp::Math(Math::Rem)),
        "==" => return right_first(left, right, BinaryOp::Cmp(Cmp::Eq)),
        "!=" => return right_first(left, right, BinaryOp::Cmp(Cmp::Ne)),
        "<" => return right_first(left, right, BinaryOp::Cmp(Cmp::Lt)),
        "<=" => return right_first(left, right, BinaryOp::Cmp(Cmp::Le)),
        ">" => return right_first(left, right, BinaryOp::Cmp(Cmp::Gt)),
        ">=" => return right_first(left, right, BinaryOp::Cmp(Cmp::Ge)),
        "or" => return Term::BinOp(boxed(left), BinaryOp::Or, boxed(right)),
        "and" => return Term::BinOp(boxed(left), BinaryOp::And, boxed(right)),
        "//" => return Term::BinOp(boxed(left), BinaryOp::Alt, boxed(right)),
        "|=" => return Term::Call("!modify", vec![left, right]),
        "=" => {
            let assign = Term::Call("!assign", vec![left, Term::Var(VALUE)]);
            return pipe_as(right, Pattern::Var(VALUE), assign);
        }
        "//=" => BinaryOp::Alt,
        "+=" => BinaryOp::Math(Math::Add),
        "-=" => BinaryOp::Math(Math::Sub),
        "*=" => BinaryOp::Math(Math::Mul),
        "/=" => BinaryOp::Math(Math::Div),
        _ => BinaryOp::Math(Math::Rem),
    };
    // `right as $x | left |= . + $x`.
    let update = Term::BinOp(boxed(Term::Id), operation, boxed(Term::Var(VALUE)));
    let modify = Term::Call("!modify", vec![left, update]);
    pipe_as(right, Pattern::Var(VALUE), modify)
}

pub(super) fn pattern_vars<'s>(pattern: &Pat<'s>, names: &mut Vec<&'s str>) {
    match pattern {
        Pattern::Var(name) => {
            if !names.contains(name) {
                names.push(name);
            }
        }
        Pattern::Arr(items) => items.iter().for_each(|item| pattern_vars(item, names)),
        Pattern::Obj(members) => members
            .iter()
            .for_each(|(_, item)| pattern_vars(item, names)),
    }
}

/// Binds patterns separated by `?//`: the next one is tried where one, or the body, fails. The body
/// is a function of their variables, because copies of it would double with each `?//` inside it.
pub(super) fn bind<'s>(source: Term<'s>, mut patterns: Vec<Pat<'s>>, body: Term<'s>) -> Term<'s> {
    if patterns.len() == 1
        && let Some(pattern) = patterns.pop()
    {
        return pipe_as(source, pattern, body);
    }
    let mut names = Vec::new();
    for pattern in &patterns {
        pattern_vars(pattern, &mut names);
    }
    let attempt = |pattern: Pat<'s>| {
        let mut own = Vec::new();
        pattern_vars(&pattern, &mut own);
        let value = |name: &&'s str| match own.contains(name) {
            true => Term::Var(name),
            false => Term::Call("null", Vec::new()),
        };
        let call = Term::Call(BODY, names.iter().map(value).collect());
        pipe_as(Term::Var(VALUE), pattern, call)
    };
    let last = patterns.pop().map(&attempt).unwrap_or_default();
    let chain = patterns.into_iter().rev().fold(last, |otherwise, pattern| {
        let otherwise = pipe(Term::Var(INPUT), otherwise);
        Term::TryCatch(boxed(attempt(pattern)), Some(boxed(otherwise)))
    });
    let with_input = pipe_as(Term::Id, Pattern::Var(INPUT), chain);
    let bound = pipe_as(source, Pattern::Var(VALUE), with_input);
    let body = Def {
        name: BODY,
        args: names,
        body,
    };
    Term::Def(vec![body], boxed(bound))
}

/// `term?`: only the last step of a path may fail, all of any other term.
pub(super) fn optional(term: Term<'_>) -> Term<'_> {
    match term {
        Term::Path(source, Path(mut parts)) => {
            if let Some((_, opt)) = parts.last_mut() {
                *opt = Opt::Optional;
            }
            Term::Path(source, Path(parts))
        }
        term => Term::TryCatch(boxed(term), None),
    }
}

pub(super) fn path_of<'s>(term: Term<'s>, part: Part<Term<'s>>) -> Term<'s> {
    if let Part::Index(key) = &part
        && !is_single(key)
        && !is_single(&term)
    {
        // jq evaluates the key first, so that it is the outer loop.
        let step = path_of(term, Part::Index(Term::Var(RIGHT)));
        return pipe_as(key.clone(), Pattern::Var(RIGHT), step);
    }
    let step = (part, Opt::Essential);
    match term {
        Term::Path(source, Path(mut parts)) => {
            parts.push(step);
            Term::Path(source, Path(parts))
        }
        term => Term::Path(boxed(term), Path(vec![step])),
    }
}

/// Of several parts of a string with several outputs each, the last one is the outer loop.
pub(super) fn last_outermost<'s>(
    format: Option<&'s str>,
    mut parts: Vec<StrPart<&'s str, Term<'s>>>,
) -> Term<'s> {
    let many =
        |part: &StrPart<&'s str, Term<'s>>| matches!(part, StrPart::Term(term) if !is_single(term));
    let count = parts.iter().filter(|part| many(part)).count();
    if count < 2 || count > PARTS.len() {
        return Term::Str(format, parts);
    }
    let mut bindings = Vec::new();
    for (part, name) in parts.iter_mut().filter(|part| many(part)).zip(PARTS) {
        if let StrPart::Term(term) = part {
            bindings.push((std::mem::replace(term, Term::Var(name)), name));
        }
    }
    // The first binding is the innermost.
    bindings
        .into_iter()
        .fold(Term::Str(format, parts), |body, (term, name)| {
            pipe_as(term, Pattern::Var(name), body)
        })
}
