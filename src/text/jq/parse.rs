//! jq's syntax, read from the engine's tokens into the engine's terms.
//!
//! The engine's own parser does not know `?//`, `{$a: pattern}` and a source with operators in
//! `reduce`, and gives operators another meaning than jq does. What differs is rewritten here:
//!
//! - updates (`|=`, `=`, `+=`, ...) become calls that work on paths, as in jq;
//! - of two operands with several outputs each, the right one is the outer loop;
//! - of several outputs of the body of `reduce` or `foreach`, the last one is the next state;
//! - functions that call themselves check the limits first.

use jaq_core::load::lex::{StrPart, Tok, Token};
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term as EngineTerm};
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Opt, Part, Path};

pub(super) type Term<'s> = EngineTerm<&'s str>;
type Pat<'s> = Pattern<&'s str>;

/// What is wrong with a filter, and the part of it that is.
#[derive(Debug)]
pub(super) struct Problem<'s> {
    pub(super) part: &'s str,
    pub(super) what: String,
}

type Parsed<'s, T> = Result<T, Problem<'s>>;

/// Names that a user cannot write, for what rewriting needs.
const RIGHT: &str = "$ right";
const VALUE: &str = "$ value";
const INPUT: &str = "$ input";
const STATE: &str = "$ state";
const PARTS: [&str; 6] = ["$ 0", "$ 1", "$ 2", "$ 3", "$ 4", "$ 5"];

/// Functions that give exactly one output where their arguments do.
const SINGLE: &str = "length tostring tojson tonumber type keys not floor sqrt now true false null \
    add first last sort ascii_downcase trim abs utf8bytelength infinite";

/// Parses a filter.
pub(super) fn filter<'s>(code: &'s str, tokens: &[Token<&'s str>]) -> Parsed<'s, Term<'s>> {
    let mut parser = Parser::new(code, tokens, code);
    let term = if parser.tokens.is_empty() {
        Term::Id
    } else {
        parser.pipe()?
    };
    parser.end()?;
    Ok(term)
}

/// Parses definitions, without anything behind them.
pub(super) fn definitions<'s>(
    code: &'s str,
    tokens: &[Token<&'s str>],
) -> Parsed<'s, Vec<Def<&'s str>>> {
    let mut parser = Parser::new(code, tokens, code);
    let mut list = Vec::new();
    while parser.take("def") {
        list.push(parser.definition()?);
    }
    parser.end()?;
    Ok(list)
}

struct OpenDef<'s> {
    name: &'s str,
    calls_itself: bool,
}

struct Parser<'s, 't> {
    whole: &'s str,
    tokens: &'t [Token<&'s str>],
    /// Where these tokens end, for an error about what is missing.
    end: &'s str,
    open: Vec<OpenDef<'s>>,
}

/// How tightly an operator binds, and whether a chain of it goes to the right.
fn precedence(operator: &str) -> Option<(u8, Side)> {
    Some(match operator {
        "=" | "|=" | "+=" | "-=" | "*=" | "/=" | "%=" | "//=" => (3, Side::Neither),
        "//" => (2, Side::Right),
        "or" => (4, Side::Left),
        "and" => (5, Side::Left),
        "==" | "!=" | "<" | "<=" | ">" | ">=" => (6, Side::Neither),
        "+" | "-" => (7, Side::Left),
        "*" | "/" | "%" => (8, Side::Left),
        _ => return None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Neither,
}

fn boxed(term: Term<'_>) -> Box<Term<'_>> {
    Box::new(term)
}

fn text<'s>(text: &'s str) -> Term<'s> {
    Term::Str(None, vec![StrPart::Str(text)])
}

fn pipe_as<'s>(source: Term<'s>, pattern: Pat<'s>, body: Term<'s>) -> Term<'s> {
    Term::BinOp(boxed(source), BinaryOp::Pipe(Some(pattern)), boxed(body))
}

fn pipe<'s>(left: Term<'s>, right: Term<'s>) -> Term<'s> {
    Term::BinOp(boxed(left), BinaryOp::Pipe(None), boxed(right))
}

/// Returns whether a term surely has one output.
fn is_single(term: &Term<'_>) -> bool {
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
fn right_first<'s>(left: Term<'s>, right: Term<'s>, operator: BinaryOp<&'s str>) -> Term<'s> {
    if is_single(&left) || is_single(&right) {
        return Term::BinOp(boxed(left), operator, boxed(right));
    }
    let operation = Term::BinOp(boxed(left), operator, boxed(Term::Var(RIGHT)));
    pipe_as(right, Pattern::Var(RIGHT), operation)
}

fn binary<'s>(left: Term<'s>, operator: &str, right: Term<'s>) -> Term<'s> {
    let update = |operation: Math| {
        // `f as $x | paths |= . + $x`.
        let update = Term::BinOp(
            boxed(Term::Id),
            BinaryOp::Math(operation),
            boxed(Term::Var(VALUE)),
        );
        (update, right.clone(), left.clone())
    };
    let (update, right, left) = match operator {
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
        "//=" => {
            let update = Term::BinOp(boxed(Term::Id), BinaryOp::Alt, boxed(Term::Var(VALUE)));
            (update, right, left)
        }
        "+=" => update(Math::Add),
        "-=" => update(Math::Sub),
        "*=" => update(Math::Mul),
        "/=" => update(Math::Div),
        _ => update(Math::Rem),
    };
    let modify = Term::Call("!modify", vec![left, update]);
    pipe_as(right, Pattern::Var(VALUE), modify)
}

fn pattern_vars<'s>(pattern: &Pat<'s>, names: &mut Vec<&'s str>) {
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

/// Binds patterns separated by `?//`: the next one is tried where one, or the body, fails.
fn bind<'s>(source: Term<'s>, mut patterns: Vec<Pat<'s>>, body: Term<'s>) -> Term<'s> {
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
        let bound = pipe_as(Term::Var(VALUE), pattern, body.clone());
        names
            .iter()
            .filter(|name| !own.contains(*name))
            .fold(bound, |bound, name| {
                pipe_as(Term::Call("null", Vec::new()), Pattern::Var(name), bound)
            })
    };
    let last = patterns.pop().map(&attempt).unwrap_or_default();
    let chain = patterns.into_iter().rev().fold(last, |otherwise, pattern| {
        let otherwise = pipe(Term::Var(INPUT), otherwise);
        Term::TryCatch(boxed(attempt(pattern)), Some(boxed(otherwise)))
    });
    let with_input = pipe_as(Term::Id, Pattern::Var(INPUT), chain);
    pipe_as(source, Pattern::Var(VALUE), with_input)
}

impl<'s, 't> Parser<'s, 't> {
    fn new(whole: &'s str, tokens: &'t [Token<&'s str>], full: &'s str) -> Self {
        Parser {
            whole,
            tokens,
            end: &full[full.len()..],
            open: Vec::new(),
        }
    }

    /// Parses the tokens of a block with `f`.
    fn inside<T>(
        &mut self,
        full: &'s str,
        tokens: &'t [Token<&'s str>],
        f: impl FnOnce(&mut Self) -> Parsed<'s, T>,
    ) -> Parsed<'s, T> {
        // The last token of a block is its bracket.
        let inner = tokens.split_last().map_or(tokens, |(_, inner)| inner);
        let outer = (self.tokens, self.end);
        (self.tokens, self.end) = (inner, &full[full.len().saturating_sub(1)..]);
        let result = f(self).and_then(|result| self.end().map(|()| result));
        (self.tokens, self.end) = outer;
        result
    }

    fn peek(&self) -> Option<&'t Token<&'s str>> {
        self.tokens.first()
    }

    fn symbol(&self) -> &'s str {
        match self.peek() {
            Some(Token(symbol, Tok::Sym | Tok::Word)) => symbol,
            _ => "",
        }
    }

    fn next(&mut self) -> Option<&'t Token<&'s str>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.symbol() == symbol;
        if found {
            self.next();
        }
        found
    }

    fn expected<T>(&self, what: &str) -> Parsed<'s, T> {
        let part = self.peek().map_or(self.end, |Token(part, _)| part);
        Err(Problem {
            part,
            what: format!("expected {what}"),
        })
    }

    fn need(&mut self, symbol: &str) -> Parsed<'s, ()> {
        if self.take(symbol) {
            return Ok(());
        }
        self.expected(symbol)
    }

    fn end(&self) -> Parsed<'s, ()> {
        if self.tokens.is_empty() {
            return Ok(());
        }
        self.expected("an operator or the end")
    }

    /// `def f: ...; a, b | c`
    fn pipe(&mut self) -> Parsed<'s, Term<'s>> {
        self.pipe_of(Self::comma)
    }

    fn pipe_of(&mut self, part: fn(&mut Self) -> Parsed<'s, Term<'s>>) -> Parsed<'s, Term<'s>> {
        if self.take("def") {
            let definition = self.definition()?;
            let rest = self.pipe_of(part)?;
            return Ok(Term::Def(vec![definition], boxed(rest)));
        }
        if self.symbol() == "label" {
            return self.label(part);
        }
        if matches!(self.symbol(), "import" | "include" | "module")
            && !matches!(self.tokens.get(1), None | Some(Token(_, Tok::Sym)))
        {
            return Err(Problem {
                part: self.symbol(),
                what: "modules are not supported: a filter reads no file".to_owned(),
            });
        }
        let left = part(self)?;
        if !self.take("|") {
            return Ok(left);
        }
        let right = self.pipe_of(part)?;
        Ok(pipe(left, right))
    }

    fn label(&mut self, part: fn(&mut Self) -> Parsed<'s, Term<'s>>) -> Parsed<'s, Term<'s>> {
        self.need("label")?;
        let name = self.variable()?;
        self.need("|")?;
        let body = self.pipe_of(part)?;
        Ok(Term::Label(name, boxed(body)))
    }

    fn variable(&mut self) -> Parsed<'s, &'s str> {
        match self.peek() {
            Some(Token(name, Tok::Var)) => {
                self.next();
                Ok(name)
            }
            _ => self.expected("a variable"),
        }
    }

    fn definition(&mut self) -> Parsed<'s, Def<&'s str>> {
        let name = match self.peek() {
            Some(Token(name, Tok::Word | Tok::Fmt)) if !name.contains("::") => *name,
            _ => return self.expected("a name"),
        };
        self.next();
        let mut args = Vec::new();
        if let Some(Token(full, Tok::Block(tokens))) = self.peek()
            && full.starts_with('(')
        {
            self.next();
            args = self.inside(full, tokens, |parser| {
                let mut args = Vec::new();
                loop {
                    match parser.next() {
                        Some(Token(name, Tok::Word | Tok::Var)) => args.push(*name),
                        _ => return parser.expected("a parameter"),
                    }
                    if !parser.take(";") {
                        return Ok(args);
                    }
                }
            })?;
        }
        self.need(":")?;
        self.open.push(OpenDef {
            name,
            calls_itself: false,
        });
        let body = self.pipe();
        let calls_itself = self.open.pop().is_some_and(|open| open.calls_itself);
        let body = body?;
        self.need(";")?;
        let body = if calls_itself {
            pipe(Term::Call("!check", Vec::new()), body)
        } else {
            body
        };
        Ok(Def { name, args, body })
    }

    fn comma(&mut self) -> Parsed<'s, Term<'s>> {
        let left = self.expression()?;
        if !self.take(",") {
            return Ok(left);
        }
        let mut terms = vec![left, self.expression()?];
        while self.take(",") {
            terms.push(self.expression()?);
        }
        let last = terms.pop().unwrap_or_default();
        Ok(terms.into_iter().rev().fold(last, |right, left| {
            Term::BinOp(boxed(left), BinaryOp::Comma, boxed(right))
        }))
    }

    fn no_comma(&mut self) -> Parsed<'s, Term<'s>> {
        self.expression()
    }

    fn operators(&mut self, at_least: u8) -> Parsed<'s, Term<'s>> {
        if matches!(self.symbol(), "def" | "label") {
            return self.pipe();
        }
        let mut left = self.postfix()?;
        loop {
            let symbol = self.symbol();
            let Some((binds, side)) = precedence(symbol).filter(|(binds, _)| *binds >= at_least)
            else {
                return Ok(left);
            };
            self.next();
            let right = self.operators(if side == Side::Right {
                binds
            } else {
                binds + 1
            })?;
            left = binary(left, symbol, right);
            if side == Side::Neither
                && precedence(self.symbol()).is_some_and(|(next, _)| next == binds)
            {
                return self.expected("an operator of another kind: this one does not chain");
            }
        }
    }

    fn takes_alternative(&mut self) -> bool {
        let follows = self.symbol() == "?" && matches!(self.tokens.get(1), Some(Token("//", _)));
        if follows {
            self.next();
            self.next();
        }
        follows
    }

    /// An operation, or `operation as pattern | body`.
    fn expression(&mut self) -> Parsed<'s, Term<'s>> {
        let source = self.operators(0)?;
        if !self.take("as") {
            return Ok(source);
        }
        let patterns = self.patterns()?;
        self.need("|")?;
        let body = self.pipe()?;
        Ok(bind(source, patterns, body))
    }

    fn patterns(&mut self) -> Parsed<'s, Vec<Pat<'s>>> {
        let mut patterns = vec![self.pattern()?];
        while self.takes_alternative() {
            patterns.push(self.pattern()?);
        }
        Ok(patterns)
    }

    fn pattern(&mut self) -> Parsed<'s, Pat<'s>> {
        match self.peek() {
            Some(Token(name, Tok::Var)) => {
                self.next();
                Ok(Pattern::Var(name))
            }
            Some(Token(full, Tok::Block(tokens))) if full.starts_with('[') => {
                self.next();
                self.inside(full, tokens, |parser| {
                    let mut items = vec![parser.pattern()?];
                    while parser.take(",") {
                        items.push(parser.pattern()?);
                    }
                    Ok(Pattern::Arr(items))
                })
            }
            Some(Token(full, Tok::Block(tokens))) if full.starts_with('{') => {
                self.next();
                self.inside(full, tokens, |parser| {
                    let mut members = Vec::new();
                    loop {
                        parser.pattern_member(&mut members)?;
                        if !parser.take(",") {
                            return Ok(Pattern::Obj(members));
                        }
                    }
                })
            }
            _ => self.expected("a variable, [ or {"),
        }
    }

    fn pattern_member(&mut self, members: &mut Vec<(Term<'s>, Pat<'s>)>) -> Parsed<'s, ()> {
        if let Some(Token(name, Tok::Var)) = self.peek() {
            self.next();
            members.push((text(&name[1..]), Pattern::Var(name)));
            // `$name: pattern` binds the variable and what is in it.
            if self.take(":") {
                members.push((text(&name[1..]), self.pattern()?));
            }
            return Ok(());
        }
        let key = self.key()?;
        self.need(":")?;
        members.push((key, self.pattern()?));
        Ok(())
    }

    /// A key of an object: a name, a string or `(...)`.
    fn key(&mut self) -> Parsed<'s, Term<'s>> {
        match self.peek() {
            Some(Token(name, Tok::Word)) if !name.contains("::") => {
                self.next();
                Ok(text(name))
            }
            Some(Token(full, Tok::Block(tokens))) if full.starts_with('(') => {
                self.next();
                self.inside(full, tokens, Self::pipe)
            }
            _ => match self.string()? {
                Some(string) => Ok(string),
                None => self.expected("a key"),
            },
        }
    }

    /// A string, with its format if it has one; `None` when something else comes.
    fn string(&mut self) -> Parsed<'s, Option<Term<'s>>> {
        let (format, parts) = match self.tokens {
            [Token(format, Tok::Fmt), Token(_, Tok::Str(parts)), ..] => (Some(*format), parts),
            [Token(_, Tok::Str(parts)), ..] => (None, parts),
            _ => return Ok(None),
        };
        self.next();
        if format.is_some() {
            self.next();
        }
        let mut own = Vec::with_capacity(parts.len());
        for part in parts {
            own.push(match part {
                StrPart::Str(text) => StrPart::Str(*text),
                StrPart::Char(c) => StrPart::Char(*c),
                StrPart::Term(Token(full, Tok::Block(tokens))) => {
                    StrPart::Term(self.inside(full, tokens, Self::pipe)?)
                }
                StrPart::Term(Token(part, _)) => {
                    return Err(Problem {
                        part,
                        what: "expected (".to_owned(),
                    });
                }
            });
        }
        Ok(Some(last_outermost(format, own)))
    }

    fn postfix(&mut self) -> Parsed<'s, Term<'s>> {
        let term = self.atom()?;
        self.suffixes(term)
    }

    /// `.a`, `[0]`, `?` and so on behind a term.
    fn suffixes(&mut self, mut term: Term<'s>) -> Parsed<'s, Term<'s>> {
        loop {
            match self.peek() {
                Some(Token("?", _)) => {
                    self.next();
                    term = optional(term);
                }
                Some(Token(full, Tok::Block(tokens))) if full.starts_with('[') => {
                    self.next();
                    let part = self.inside(full, tokens, Self::bracket)?;
                    term = path_of(term, part);
                }
                Some(Token(dot, Tok::Sym)) if dot.starts_with('.') && *dot != ".." => {
                    self.next();
                    if let Some(name) = dot.strip_prefix('.').filter(|name| !name.is_empty()) {
                        term = path_of(term, Part::Index(text(name)));
                    } else if let Some(Token(full, Tok::Block(tokens))) = self.peek()
                        && full.starts_with('[')
                    {
                        self.next();
                        let part = self.inside(full, tokens, Self::bracket)?;
                        term = path_of(term, part);
                    } else {
                        match self.string()? {
                            Some(key) => term = path_of(term, Part::Index(key)),
                            None => return self.expected("a key"),
                        }
                    }
                }
                _ => return Ok(term),
            }
        }
    }

    /// What is in the brackets of a path.
    fn bracket(&mut self) -> Parsed<'s, Part<Term<'s>>> {
        if self.tokens.is_empty() {
            return Ok(Part::Range(None, None));
        }
        if self.take(":") {
            return Ok(Part::Range(None, Some(self.pipe()?)));
        }
        let first = self.pipe()?;
        if !self.take(":") {
            return Ok(Part::Index(first));
        }
        let upto = if self.tokens.is_empty() {
            None
        } else {
            Some(self.pipe()?)
        };
        Ok(Part::Range(Some(first), upto))
    }

    fn atom(&mut self) -> Parsed<'s, Term<'s>> {
        if let Some(string) = self.string()? {
            return Ok(string);
        }
        let Some(Token(part, token)) = self.peek() else {
            return self.expected("a filter");
        };
        let part: &'s str = part;
        match token {
            Tok::Num => {
                self.next();
                Ok(Term::Num(part))
            }
            Tok::Var if part == "$__loc__" => {
                self.next();
                Ok(self.location(part))
            }
            Tok::Var => {
                self.next();
                Ok(Term::Var(part))
            }
            Tok::Fmt => {
                self.next();
                Ok(Term::Call(part, Vec::new()))
            }
            Tok::Block(tokens) => {
                self.next();
                match part.as_bytes().first() {
                    Some(b'(') => self.inside(part, tokens, Self::pipe),
                    Some(b'[') if tokens.len() == 1 => Ok(Term::Arr(None)),
                    Some(b'[') => {
                        let items = self.inside(part, tokens, Self::pipe)?;
                        Ok(Term::Arr(Some(boxed(items))))
                    }
                    _ => self.inside(part, tokens, Self::object),
                }
            }
            Tok::Sym => self.symbol_atom(part),
            Tok::Word => self.word(part),
            Tok::Str(_) => self.expected("a filter"),
        }
    }

    fn location(&self, part: &'s str) -> Term<'s> {
        const LINES: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
        let at = jaq_core::load::span(self.whole, part).start;
        let before = self.whole.get(..at).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        let line = LINES.get(line).unwrap_or(&"10");
        Term::Obj(vec![
            (text("file"), Some(text("<top-level>"))),
            (text("line"), Some(Term::Num(line))),
        ])
    }

    fn symbol_atom(&mut self, part: &'s str) -> Parsed<'s, Term<'s>> {
        match part {
            "-" => {
                self.next();
                let term = self.postfix()?;
                Ok(Term::Neg(boxed(term)))
            }
            ".." => {
                self.next();
                Ok(Term::Recurse)
            }
            "." => {
                self.next();
                if let Some(Token(number, Tok::Num)) = self.peek() {
                    // `.5`, which the engine's lexer takes for two tokens.
                    let at = jaq_core::load::span(self.whole, part).start;
                    let digits = jaq_core::load::span(self.whole, number);
                    if digits.start == at + 1
                        && let Some(number) = self.whole.get(at..digits.end)
                    {
                        self.next();
                        return Ok(Term::Num(number));
                    }
                }
                // `."key"`
                match self.string()? {
                    Some(key) => Ok(path_of(Term::Id, Part::Index(key))),
                    None => Ok(Term::Id),
                }
            }
            _ => match part.strip_prefix('.') {
                Some(name) => {
                    self.next();
                    Ok(path_of(Term::Id, Part::Index(text(name))))
                }
                None => self.expected("a filter"),
            },
        }
    }

    fn word(&mut self, word: &'s str) -> Parsed<'s, Term<'s>> {
        match word {
            "if" => self.condition(),
            "try" => {
                self.next();
                let body = self.postfix()?;
                let catch = if self.take("catch") {
                    Some(boxed(self.postfix()?))
                } else {
                    None
                };
                Ok(Term::TryCatch(boxed(body), catch))
            }
            "reduce" | "foreach" => self.fold(word),
            "break" => {
                self.next();
                Ok(Term::Break(self.variable()?))
            }
            "then" | "elif" | "else" | "end" | "as" | "catch" | "and" | "or" | "def" | "label"
            | "import" | "include" | "__loc__" => self.expected("a filter"),
            _ => self.call(word),
        }
    }

    fn call(&mut self, name: &'s str) -> Parsed<'s, Term<'s>> {
        const MODULES: &str = "modules are not supported";
        const ONE_RESPONSE: &str = "a filter gets one response, as `.`";
        const MISSING: [(&str, &str); 9] = [
            ("input", ONE_RESPONSE),
            ("inputs", ONE_RESPONSE),
            ("input_filename", "a response has no file"),
            ("input_line_number", "the response is read as a whole"),
            ("builtins", "docs/jq.md lists what differs"),
            ("modulemeta", MODULES),
            ("get_search_list", MODULES),
            ("get_jq_origin", MODULES),
            ("get_prog_origin", MODULES),
        ];
        let missing = MISSING.iter().find(|(missing, _)| *missing == name);
        let is_own = self.open.iter().any(|open| open.name == name);
        if let Some((_, why)) = missing.filter(|_| !is_own) {
            return Err(Problem {
                part: name,
                what: format!("{name} is not supported: {why}"),
            });
        }
        self.next();
        for open in &mut self.open {
            open.calls_itself |= open.name == name;
        }
        let mut args = Vec::new();
        if let Some(Token(full, Tok::Block(tokens))) = self.peek()
            && full.starts_with('(')
        {
            self.next();
            args = self.inside(full, tokens, |parser| {
                let mut args = vec![parser.pipe()?];
                while parser.take(";") {
                    args.push(parser.pipe()?);
                }
                Ok(args)
            })?;
        }
        Ok(Term::Call(name, args))
    }

    fn condition(&mut self) -> Parsed<'s, Term<'s>> {
        self.need("if")?;
        let mut branches = Vec::new();
        loop {
            let condition = self.pipe()?;
            self.need("then")?;
            branches.push((condition, self.pipe()?));
            if !self.take("elif") {
                break;
            }
        }
        let otherwise = if self.take("else") {
            Some(boxed(self.pipe()?))
        } else {
            None
        };
        self.need("end")?;
        Ok(Term::IfThenElse(branches, otherwise))
    }

    fn fold(&mut self, word: &'s str) -> Parsed<'s, Term<'s>> {
        self.need(word)?;
        let source = self.operators(0)?;
        self.need("as")?;
        let patterns = self.patterns()?;
        let Some(Token(full, Tok::Block(tokens))) = self.peek() else {
            return self.expected("(");
        };
        self.next();
        let parts = self.inside(full, tokens, |parser| {
            let mut parts = vec![parser.pipe()?];
            while parser.take(";") {
                parts.push(parser.pipe()?);
            }
            Ok(parts)
        })?;
        let is_reduce = word == "reduce";
        let [start, update, rest @ ..] = parts.as_slice() else {
            return Err(Problem {
                part: full,
                what: format!("{word} needs a start and an update"),
            });
        };
        if rest.len() > usize::from(!is_reduce) {
            return Err(Problem {
                part: full,
                what: format!("{word} has too many parts"),
            });
        }
        let [pattern] = patterns.as_slice() else {
            return Err(Problem {
                part: word,
                what: format!("?// is not supported in {word}"),
            });
        };
        let (start, update) = (start.clone(), update.clone());
        let (source, pattern) = (boxed(source), pattern.clone());
        if is_reduce {
            let update = if is_single(&update) {
                update
            } else {
                Term::Call("!last", vec![update])
            };
            return Ok(Term::Fold("reduce", source, pattern, vec![start, update]));
        }
        let extract = rest.first().cloned().unwrap_or_default();
        if is_single(&update) {
            return Ok(Term::Fold(
                "foreach",
                source,
                pattern,
                vec![start, update, extract],
            ));
        }
        // The state is the list of all outputs, of which the last one is the next state.
        let start = Term::Arr(Some(boxed(Term::Var(STATE))));
        let initial = parts.first().cloned().unwrap_or_default();
        let last = path_of(Term::Id, Part::Index(Term::Neg(boxed(Term::Num("1")))));
        let update = Term::Arr(Some(boxed(pipe(last, update))));
        let each = pipe(path_of(Term::Id, Part::Range(None, None)), extract);
        let fold = Term::Fold("foreach", source, pattern, vec![start, update, each]);
        Ok(pipe_as(initial, Pattern::Var(STATE), fold))
    }

    fn object(&mut self) -> Parsed<'s, Term<'s>> {
        let mut members = Vec::new();
        while !self.tokens.is_empty() {
            members.push(self.member()?);
            if !self.take(",") {
                break;
            }
        }
        Ok(Term::Obj(members))
    }

    fn member(&mut self) -> Parsed<'s, (Term<'s>, Option<Term<'s>>)> {
        let (key, may_stand_alone) = match self.peek() {
            Some(Token("$__loc__", Tok::Var)) => {
                self.next();
                let location = self.location(self.whole);
                return Ok((text("__loc__"), Some(location)));
            }
            Some(Token(name, Tok::Var)) => {
                self.next();
                if !self.take(":") {
                    return Ok((Term::Var(name), None));
                }
                let value = self.pipe_of(Self::no_comma)?;
                return Ok((Term::Var(name), Some(value)));
            }
            Some(Token(full, Tok::Block(_))) if full.starts_with('(') => (self.key()?, false),
            Some(Token(number, Tok::Num)) => {
                return Err(Problem {
                    part: number,
                    what: "an object's key must be a string, not a number".to_owned(),
                });
            }
            _ => (self.key()?, true),
        };
        if self.take(":") {
            return Ok((key, Some(self.pipe_of(Self::no_comma)?)));
        }
        if may_stand_alone {
            // `{a}` and `{"a\(1)"}` take the value from the input.
            let value = path_of(Term::Id, Part::Index(key.clone()));
            return Ok((key, Some(value)));
        }
        self.expected(":")
    }
}

/// `term?`: only the last step of a path may fail, all of any other term.
fn optional(term: Term<'_>) -> Term<'_> {
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

fn path_of<'s>(term: Term<'s>, part: Part<Term<'s>>) -> Term<'s> {
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
fn last_outermost<'s>(
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
