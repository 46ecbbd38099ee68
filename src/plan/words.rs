//! Splits `[METHOD] TARGET [ITEM]...` into its parts.

use std::ffi::{OsStr, OsString};

use http::Method;

use crate::catalogue;
use crate::error::{Failure, Result, nearest};
use crate::text::terminal::sanitise;

/// The words of a raw call, each in its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words<'a> {
    /// The method, when one was given as a word.
    pub(crate) method: Option<Method>,
    /// The target.
    pub(crate) target: &'a str,
    /// The items.
    pub(crate) items: &'a [OsString],
}

/// The methods that may be given without `-X`. Others need it: a misspelt subcommand in front of
/// a target must not become a request.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// What a line without any word is answered with.
const USAGE: &str = "\
usage: rein [OPTIONS] [METHOD] TARGET [ITEM]...
       rein <COMMAND> ...
examples:
  rein -p demo /api/v1/datasets    try it: the built-in demo tenant
  rein templates --search quota    find an endpoint
  rein profile add dev --endpoint https://cloud.uipath.com/acme/dev/reinfer_ --ask-token
more: rein -h, rein --help";

/// What people call a thing that has another name here.
const MEANT: [(&[&str], &str); 7] = [
    (
        &["doctor", "auth", "status"],
        "to check a profile step by step: rein profile check",
    ),
    (
        &["login", "logout", "configure", "signin"],
        "there is no session to log in to; store a token: rein profile add NAME --endpoint URL --ask-token",
    ),
    (&["whoami"], "to see whose token it is: rein /auth/user"),
    (
        &["profiles", "contexts", "context"],
        "to list profiles: rein profile list",
    ),
    (
        &["init", "setup"],
        "to write a config file: rein config init",
    ),
    (&["version"], "to print the version: rein --version"),
    (
        &["endpoints", "list", "ls", "search"],
        "to find an endpoint: rein templates --search WORD; to list profiles: rein profile list",
    ),
];

/// Splits the words of a raw call into method, target and items.
///
/// # Errors
/// Fails (exit 2) when there is no target among the first two words, naming what was probably
/// meant.
pub(crate) fn split<'a>(
    words: &'a [OsString],
    subcommands: impl Fn() -> Vec<String>,
) -> Result<Words<'a>> {
    let Some(first) = words.first() else {
        return Err(Failure::usage("no target was given").hint(USAGE));
    };
    let method = first
        .to_str()
        .filter(|word| {
            METHODS
                .iter()
                .any(|method| method.eq_ignore_ascii_case(word))
        })
        .and_then(|word| parse_method(OsStr::new(word)).ok());
    let position = usize::from(method.is_some());
    let Some(target) = words.get(position) else {
        return Err(
            Failure::usage("a method was given, but no target").hint("rein GET /api/v1/datasets")
        );
    };
    let Some(target) = target.to_str() else {
        return Err(Failure::usage("the target is not valid UTF-8"));
    };
    if !target.contains('/') {
        let next = words.get(position + 1).and_then(|word| word.to_str());
        return Err(not_a_target(target, next, &subcommands()));
    }
    Ok(Words {
        method,
        target,
        items: &words[position + 1..],
    })
}

fn not_a_target(word: &str, next: Option<&str>, subcommands: &[String]) -> Failure {
    let failure = Failure::usage(format!(
        "'{}' is neither a target nor a subcommand",
        sanitise(word)
    ));
    let is_it = |(names, _): &&(&[&str], &'static str)| names.contains(&word);
    if let Some((_, instead)) = MEANT.iter().find(is_it) {
        return failure.hint(*instead);
    }
    let mut close: Vec<String> = nearest(word, subcommands.iter().map(String::as_str))
        .into_iter()
        .map(str::to_owned)
        .collect();
    let path = format!("/api/v1/{word}");
    if catalogue::all()
        .iter()
        .any(|endpoint| *endpoint.path == *path)
    {
        close.push(format!("v1/{word}"));
    }
    if catalogue::by_name(word).is_some() {
        close.push(format!("rein call {word}"));
    }
    let failure = failure.suggest(close.iter().map(String::as_str));
    let is_method = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    if let (true, Some(next)) = (is_method, next.filter(|next| next.contains('/'))) {
        return failure.hint(format!("another method: rein -X {word} {}", sanitise(next)));
    }
    failure.hint("a target has a slash: /api/v1/datasets, v1/datasets, /auth/user")
}

/// Reads a method, in any letter case; it is sent in capitals, so that guard and wire agree.
///
/// CONNECT is none: it asks for a tunnel, and its request has no path.
///
/// # Errors
/// Fails when the word is not an HTTP token.
pub(crate) fn parse_method(word: &OsStr) -> Result<Method> {
    word.to_str()
        .filter(|word| !word.is_empty())
        .and_then(|word| Method::from_bytes(word.to_ascii_uppercase().as_bytes()).ok())
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| {
            Failure::usage("the method is not a valid one").hint("-X GET, -X POST, -X DELETE ...")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ')
            .filter(|word| !word.is_empty())
            .map(OsString::from)
            .collect()
    }

    fn subcommands() -> Vec<String> {
        ["profile", "templates", "config"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn method_target_and_items_find_their_places() {
        let cases = [
            ("/api/x", None, "/api/x", 0),
            ("delete v1/x a=1", Some(Method::DELETE), "v1/x", 1),
            ("v1/x GET=1", None, "v1/x", 1),
            ("POST /api/x a=/b c=d", Some(Method::POST), "/api/x", 2),
        ];
        for (line, method, target, items) in cases {
            let words = words(line);
            let split = split(&words, subcommands).expect(line);
            assert_eq!(
                (split.method, split.target, split.items.len()),
                (method, target, items),
                "{line}"
            );
        }
    }

    #[test]
    fn a_typo_is_no_request() {
        for (line, hint) in [
            ("prof list", "profile"),
            ("templats", "templates"),
            ("GET", ""),
            ("", "demo"),
            ("doctor", "rein profile check"),
            ("login", "rein profile add"),
            ("GET datasets", ""),
        ] {
            let words = words(line);
            let failure = split(&words, subcommands).expect_err(line).to_string();
            assert!(failure.contains(hint), "{line}: {failure}");
        }
        assert!(split(&words("prof /api/v1/x"), subcommands).is_err());
    }

    #[test]
    fn methods_are_tokens_in_capitals() {
        assert_eq!(parse_method(OsStr::new("dElEtE")), Ok(Method::DELETE));
        for word in ["", "GET /evil", "A\nB", "é"] {
            assert!(parse_method(OsStr::new(word)).is_err(), "{word:?}");
        }
    }
}
