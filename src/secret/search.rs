//! Looks for tokens in the text of a request, however they are encoded there.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use zeroize::Zeroizing;

use super::Secret;

/// Shorter tokens are not looked for: they are in ordinary text by chance.
pub(crate) const MIN_LENGTH: usize = 8;

/// How many layers of escapes are undone. Percent-encoding twice is a common mistake; what is
/// below is no longer read as the token by anybody.
const MAX_LAYERS: usize = 4;

/// The most bytes that one byte of a token takes in an escape (JSON's `\u0041`).
const MAX_ESCAPE: usize = 6;

/// Finds any of a set of tokens: as it is, percent-encoded, with JSON's escapes, in several layers
/// of these, and in base64 (as `Basic` has it) at any position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finder {
    needles: Vec<Needle>,
    /// The length of the longest needle.
    longest: usize,
}

#[derive(Clone, Debug)]
struct Needle {
    bytes: Arc<Zeroizing<Vec<u8>>>,
    source: Arc<str>,
}

impl Finder {
    /// Makes a finder for tokens, each with the name of its source.
    pub(crate) fn new<'a>(tokens: impl Iterator<Item = (&'a Secret, &'a str)>) -> Finder {
        let mut finder = Finder::default();
        for (secret, source) in tokens {
            finder.learn(secret, source);
        }
        finder
    }

    /// Adds a token, which is skipped when it is too short.
    pub(crate) fn learn(&mut self, secret: &Secret, source: &str) {
        let token = secret.expose().as_bytes();
        if token.len() < MIN_LENGTH {
            return;
        }
        let source: Arc<str> = Arc::from(source);
        let mut add = |bytes: Vec<u8>| {
            self.longest = self.longest.max(bytes.len());
            self.needles.push(Needle {
                bytes: Arc::new(Zeroizing::new(bytes)),
                source: Arc::clone(&source),
            });
        };
        add(token.to_vec());
        // A token that holds what looks like an escape may be read with it undone.
        let undone = undo_all(token);
        if undone != token && undone.len() >= MIN_LENGTH {
            add(undone.into_owned());
        }
        for before in 0..3 {
            add(inside_base64(&STANDARD_NO_PAD, token, before));
            let url_safe = inside_base64(&URL_SAFE_NO_PAD, token, before);
            if url_safe.contains(&b'-') || url_safe.contains(&b'_') {
                add(url_safe);
            }
        }
    }

    /// Returns whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Returns the source of a token that is in a text.
    pub(crate) fn find(&self, text: &[u8]) -> Option<&str> {
        // Undoing an escape makes a text shorter.
        if self
            .needles
            .iter()
            .all(|needle| needle.bytes.len() > text.len())
        {
            return None;
        }
        let mut layer = Cow::Borrowed(text);
        for _ in 0..MAX_LAYERS {
            let found = self.scan(&layer);
            if found.is_some() {
                return found.map(|needle| &*needle.source);
            }
            match undo(&layer, true).0 {
                Cow::Borrowed(_) => return None,
                Cow::Owned(next) => layer = Cow::Owned(next),
            }
        }
        self.scan(&layer).map(|needle| &*needle.source)
    }

    /// Looks for the tokens as they are, with nothing undone.
    fn scan(&self, text: &[u8]) -> Option<&Needle> {
        self.needles
            .iter()
            .find(|needle| memmem::find(text, &needle.bytes).is_some())
    }
}

impl<'a> FromIterator<&'a Finder> for Finder {
    /// Makes one finder of several.
    fn from_iter<I: IntoIterator<Item = &'a Finder>>(finders: I) -> Self {
        let mut all = Finder::default();
        for finder in finders {
            all.needles.extend_from_slice(&finder.needles);
            all.longest = all.longest.max(finder.longest);
        }
        all
    }
}

/// Returns the part of a token's base64 that is the same whatever is around the token, when
/// `before` bytes of a group of three are directly before it.
fn inside_base64(engine: &impl Engine, token: &[u8], before: usize) -> Vec<u8> {
    const BITS: usize = 6;
    let mut padded = vec![0; before];
    padded.extend_from_slice(token);
    let mut encoded = engine.encode(&padded).into_bytes();
    encoded.truncate(padded.len() * 8 / BITS);
    encoded.drain(..(before * 8).div_ceil(BITS));
    encoded
}

/// Undoes escapes until there are none.
fn undo_all(text: &[u8]) -> Cow<'_, [u8]> {
    let mut layer = Cow::Borrowed(text);
    for _ in 0..MAX_LAYERS {
        match undo(&layer, true).0 {
            Cow::Borrowed(_) => break,
            Cow::Owned(next) => layer = Cow::Owned(next),
        }
    }
    layer
}

/// Undoes one layer of percent-encoding and of JSON's escapes. Returns the text, which is borrowed
/// when nothing was undone, and how many bytes of the input it stands for: an escape that is cut
/// off at the end is left for later, unless the end is the end of everything.
fn undo(text: &[u8], is_end: bool) -> (Cow<'_, [u8]>, usize) {
    let mut undone: Vec<u8> = Vec::new();
    let (mut done, mut from) = (0, 0);
    while let Some(at) = memchr::memchr2(b'%', b'\\', &text[from..]) {
        let at = from + at;
        match escape(&text[at..]) {
            Escape::Of(byte, length) => {
                undone.extend_from_slice(&text[done..at]);
                undone.push(byte);
                done = at + length;
                from = done;
            }
            Escape::Cut if !is_end => {
                if done == 0 {
                    return (Cow::Borrowed(&text[..at]), at);
                }
                undone.extend_from_slice(&text[done..at]);
                return (Cow::Owned(undone), at);
            }
            Escape::Cut | Escape::None => from = at + 1,
        }
    }
    if done == 0 {
        return (Cow::Borrowed(text), text.len());
    }
    undone.extend_from_slice(&text[done..]);
    (Cow::Owned(undone), text.len())
}

/// What begins at a `%` or `\`.
enum Escape {
    /// A byte, in so many bytes.
    Of(u8, usize),
    /// Something that may become an escape: the text ends in it.
    Cut,
    /// None.
    None,
}

fn escape(text: &[u8]) -> Escape {
    let digits = match text {
        [b'%', ..] => 1..3,
        [b'\\', b'u', ..] => 2..MAX_ESCAPE,
        [b'\\', escaped @ (b'/' | b'"' | b'\\'), ..] => return Escape::Of(*escaped, 2),
        [b'\\'] => return Escape::Cut,
        _ => return Escape::None,
    };
    let length = digits.end;
    let mut value: u32 = 0;
    for position in digits {
        let Some(digit) = text.get(position) else {
            return Escape::Cut;
        };
        match char::from(*digit).to_digit(16) {
            Some(digit) => value = value * 16 + digit,
            None => return Escape::None,
        }
    }
    match u8::try_from(value) {
        Ok(byte) => Escape::Of(byte, length),
        Err(_) => Escape::None,
    }
}

/// Looks for tokens in bytes that come in blocks, wherever the blocks are cut.
#[derive(Debug)]
pub(crate) struct Watch {
    finder: Finder,
    /// The text as it is, and with ever more escapes undone.
    layers: Vec<Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    /// The end of what was looked at: a token may begin in it.
    tail: Vec<u8>,
    /// The end of `tail` that may be the beginning of an escape.
    cut: usize,
}

impl Watch {
    /// Makes a watch for what a finder finds.
    pub(crate) fn new(finder: Finder) -> Watch {
        Watch {
            finder,
            layers: vec![Layer::default()],
        }
    }

    /// Returns how many bytes at the end of what has come may be the beginning of a token: they
    /// are passed on only when more has come.
    pub(crate) fn held_back(&self) -> usize {
        self.finder.longest * MAX_ESCAPE
    }

    /// Looks at the next block, and returns the source of a token that ends in it.
    pub(crate) fn push(&mut self, block: &[u8]) -> Option<&str> {
        let position = self.position(block, false)?;
        Some(&self.finder.needles[position].source)
    }

    /// Returns the source of a token that the end of the text completes.
    pub(crate) fn finish(&mut self) -> Option<&str> {
        let position = self.position(&[], true)?;
        Some(&self.finder.needles[position].source)
    }

    fn position(&mut self, block: &[u8], is_end: bool) -> Option<usize> {
        let mut block = Cow::Borrowed(block);
        for depth in 0..=MAX_LAYERS {
            let layer = &mut self.layers[depth];
            let before = layer.tail.len() - layer.cut;
            layer.tail.extend_from_slice(&block);
            let found = self
                .finder
                .needles
                .iter()
                .position(|needle| memmem::find(&layer.tail, &needle.bytes).is_some());
            if found.is_some() {
                return found;
            }
            let (undone, count) = undo(&layer.tail[before..], is_end);
            let is_changed = matches!(undone, Cow::Owned(_));
            let undone = undone.into_owned();
            layer.cut = layer.tail.len() - before - count;
            let seed = layer.tail[..before].to_vec();
            let keep = self.finder.longest.saturating_sub(1).max(layer.cut);
            let surplus = layer.tail.len().saturating_sub(keep);
            layer.tail.drain(..surplus);
            if depth + 1 == self.layers.len() {
                // Until now the next layer has been as this one.
                if !is_changed || depth == MAX_LAYERS {
                    return None;
                }
                let cut = seed.len() - undo(&seed, false).1;
                self.layers.push(Layer { tail: seed, cut });
            }
            block = Cow::Owned(undone);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CANARY: &str = "SEKRET-0123";

    fn finder(tokens: &[&str]) -> Finder {
        let secrets: Vec<Secret> = tokens
            .iter()
            .map(|token| Secret::new((*token).to_owned()))
            .collect();
        Finder::new(secrets.iter().zip(tokens.iter().copied()))
    }

    /// Returns what a watch finds in a text that comes in blocks of this size.
    fn watched(finder: &Finder, text: &[u8], block: usize) -> Option<String> {
        let mut watch = Watch::new(finder.clone());
        for block in text.chunks(block) {
            if let Some(found) = watch.push(block) {
                return Some(found.to_owned());
            }
        }
        watch.finish().map(str::to_owned)
    }

    #[test]
    fn a_token_is_found_in_every_spelling() {
        let basic = |user: &str| STANDARD_NO_PAD.encode(format!("{user}:{CANARY}"));
        let (one, two, three) = (basic("u"), basic("uv"), basic("uvw"));
        let url_safe = URL_SAFE_NO_PAD.encode(format!(">>>{CANARY}>>>"));
        for text in [
            CANARY,
            "SEKRET%2D0123",
            "%53%45%4b%52%45%54%2d%30%31%32%33",
            "SEKRET%252d0123",
            "%25%35%33EKRET-0123",
            "SEKRET%25252D0123",
            r"SEK\u0052ET-0123",
            r"\u0053\u0045\u004b\u0052\u0045\u0054\u002d\u0030\u0031\u0032\u0033",
            r"SEK%5Cu0052ET-0123",
            r"SEKRET\u002525\u0032d0123",
            &one,
            &two,
            &three,
            &url_safe,
            &one.replace('M', "%4D"),
        ] {
            let finder = finder(&["ANOTHER-TOKEN", CANARY]);
            for around in ["", "a", "==", "%", "%5", r"\", r"\u00", "%25"] {
                let text = format!("{around}{text} {around}");
                assert_eq!(finder.find(text.as_bytes()), Some(CANARY), "{text}");
                for block in 1..text.len() {
                    let found = watched(&finder, text.as_bytes(), block);
                    assert_eq!(found.as_deref(), Some(CANARY), "{text} {block}");
                }
            }
        }
    }

    #[test]
    fn tokens_with_escapes_in_them_are_found() {
        for token in [
            "a%20b+c/d\"e",
            r"a\b\u0041/cde",
            "100%sure-token",
            "a%2520bcdef",
        ] {
            let finder = finder(&[token]);
            let encoded =
                percent_encoding::utf8_percent_encode(token, crate::request::COMPONENT).to_string();
            let json = serde_json::to_string(token).expect("JSON");
            for text in [token, &encoded, &json, &encoded.replace('%', "%25")] {
                assert_eq!(finder.find(text.as_bytes()), Some(token), "{text}");
                for block in 1..text.len() {
                    let found = watched(&finder, text.as_bytes(), block);
                    assert_eq!(found.as_deref(), Some(token), "{text} {block}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_token_is_not_found() {
        let finder = finder(&[CANARY, "short12"]);
        for text in [
            "",
            "SEKRET-012",
            "sekret-0123",
            "SEKRET-0124",
            "short12",
            "SEKRET%2E0123",
            "%%%%%%%%",
            r"\\\\\\\",
            "U0VL",
        ] {
            assert_eq!(finder.find(text.as_bytes()), None, "{text}");
            assert_eq!(watched(&finder, text.as_bytes(), 1), None, "{text}");
        }
        assert!(super::Finder::default().is_empty());
        assert_eq!(Finder::default().find(b"x"), None);
    }

    proptest! {
        #[test]
        fn a_watch_finds_what_is_found_in_the_whole(
            text in r"(S|E|K|RET-|0123|%53|%45|%25|%|\\u0053|\\u004|\\|5|3|SEKRET-0123|U0VLUkVULTAxMjM){0,20}",
            block in 1_usize..20,
        ) {
            let finder = finder(&[CANARY]);
            let whole = finder.find(text.as_bytes()).map(str::to_owned);
            prop_assert_eq!(watched(&finder, text.as_bytes(), block), whole, "{}", text);
        }

        #[test]
        fn any_encoding_of_a_token_is_found(
            token in "[!-~]{8,40}", before in "[g-z =:&]{0,9}", behind in "[g-z =:&]{0,9}",
        ) {
            // A token that is too short once its escapes are undone is only looked for as it stands.
            prop_assume!(undo_all(token.as_bytes()).len() >= MIN_LENGTH);
            let finder = finder(&[&token]);
            let plain = format!("{before}{token}{behind}");
            let encode = |text: &str| percent_encoding::utf8_percent_encode(text, crate::request::COMPONENT).to_string();
            let once = encode(&plain);
            for text in [
                encode(&once),
                once,
                serde_json::to_string(&plain).expect("JSON"),
                STANDARD_NO_PAD.encode(&plain),
                URL_SAFE_NO_PAD.encode(&plain),
                plain,
            ] {
                prop_assert!(finder.find(text.as_bytes()).is_some(), "{}", text);
            }
        }
    }
}
