//! jq's syntax, read from the engine's tokens into the engine's terms.
//!
//! The engine's own parser does not know `?//`, `{$a: pattern}` and a source with operators in
//! `reduce`. What jq means otherwise than the engine is in `rewrite`, apart from two things: of
//! several outputs of the body of `reduce` or `foreach`, the last one is the next state, and
//! functions that call themselves check the limits first.

use jaq_core::load::lex::{StrPart, Tok, Token};
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term as EngineTerm};
use jaq_core::path::Part;

use super::rewrite::{
    STATE, binary, bind, boxed, is_single, last_outermost, optional, path_of, pipe, pipe_as, text,
};

pub(super) type Term<'s> = EngineTerm<&'s str>;
pub(super) type Pat<'s> = Pattern<&'s str>;

/// What is wrong with a filter, and the part of it that is.
#[derive(Debug)]
pub(super) struct Problem<'s> {
    pub(super) part: &'s str,
    pub(super) what: String,
}

type Parsed<'s, T> = Result<T, Problem<'s>>;

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
        let problem = |part, what| Err(Problem { part, what });
        let is_reduce = word == "reduce";
        let (start, update, extract) = match parts.as_slice() {
            [start, update] => (start.clone(), update.clone(), Term::Id),
            [start, update, extract] if !is_reduce => {
                (start.clone(), update.clone(), extract.clone())
            }
            [] | [_] => return problem(full, format!("{word} needs a start and an update")),
            _ => return problem(full, format!("{word} has too many parts")),
        };
        let [pattern] = patterns.as_slice() else {
            return problem(word, format!("?// is not supported in {word}"));
        };
        let (source, pattern) = (boxed(source), pattern.clone());
        if is_reduce {
            let update = if is_single(&update) {
                update
            } else {
                Term::Call("!last", vec![update])
            };
            return Ok(Term::Fold("reduce", source, pattern, vec![start, update]));
        }
        if is_single(&update) {
            let parts = vec![start, update, extract];
            return Ok(Term::Fold("foreach", source, pattern, parts));
        }
        // The state is the list of all outputs, of which the last one is the next state.
        let initial = start;
        let start = Term::Arr(Some(boxed(Term::Var(STATE))));
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
