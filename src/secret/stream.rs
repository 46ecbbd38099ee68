//! Hides a secret in a stream of chunks, wherever the chunks are cut.

use super::spelling::{self, Found};
use super::{REDACTED, Secret};

/// Returns whether a text holds a secret, however it is spelled.
pub(super) fn holds(text: &[u8], secret: &Secret) -> bool {
    let secret = secret.expose().as_bytes();
    let Some(first) = secret.first() else {
        return false;
    };
    memchr::memchr3_iter(*first, b'%', b'\\', text)
        .any(|at| matches!(spelling::at(&text[at..], secret), Found::Whole(_)))
}

/// Replaces one secret in bytes that come in chunks, however it is spelled.
#[derive(Debug)]
pub(crate) struct StreamRedactor {
    secret: Option<Secret>,
    /// The end of the last chunk, which may be the beginning of the secret.
    held: Vec<u8>,
}

impl StreamRedactor {
    /// Makes a filter for a secret; without one, everything passes.
    pub(crate) fn new(secret: Option<Secret>) -> Self {
        let secret = secret.filter(|secret| !secret.expose().is_empty());
        StreamRedactor {
            secret,
            held: Vec::new(),
        }
    }

    /// Returns what may be shown after this chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        if self.secret.is_none() {
            return chunk.to_vec();
        }
        self.held.extend_from_slice(chunk);
        self.show(false)
    }

    /// Returns what was held back at the end.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.show(true)
    }

    /// Takes out what may be shown of what is held; all of it when nothing follows.
    fn show(&mut self, is_end: bool) -> Vec<u8> {
        let Some(secret) = &self.secret else {
            return Vec::new();
        };
        let secret = secret.expose().as_bytes();
        let mut shown = Vec::with_capacity(self.held.len());
        let (mut done, mut from) = (0, 0);
        while let Some(next) = memchr::memchr3(secret[0], b'%', b'\\', &self.held[from..]) {
            let next = from + next;
            match spelling::at(&self.held[next..], secret) {
                Found::Whole(length) => {
                    shown.extend_from_slice(&self.held[done..next]);
                    shown.extend_from_slice(REDACTED.as_bytes());
                    done = next + length;
                    from = done;
                }
                Found::Begun if !is_end => {
                    shown.extend_from_slice(&self.held[done..next]);
                    self.held.drain(..next);
                    return shown;
                }
                Found::Begun | Found::Nothing => from = next + 1,
            }
        }
        shown.extend_from_slice(&self.held[done..]);
        self.held.clear();
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &[u8], chunk: usize) -> Vec<u8> {
        let mut redactor = StreamRedactor::new(Some(Secret::new("SEKRET".to_owned())));
        let mut shown: Vec<u8> = text
            .chunks(chunk)
            .flat_map(|chunk| redactor.push(chunk))
            .collect();
        shown.extend(redactor.finish());
        shown
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_is_cut() {
        for chunk in 1..12 {
            assert_eq!(
                shown(b"a SESEKRET SEK", chunk),
                b"a SE(redacted) SEK",
                "{chunk}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_encoded_canary_never_comes_through(text in r"(S|%53|\\u0053|E|%45|KRET|%4bRET|%|\\){0,30}", chunk in 1_usize..10) {
            let shown = String::from_utf8(shown(text.as_bytes(), chunk)).expect("text");
            let plain = shown.replace("%53", "S").replace(r"\u0053", "S").replace("%45", "E").replace("%4b", "K");
            prop_assert!(!plain.contains("SEKRET"), "{} {}", text, shown);
        }

        #[test]
        fn the_canary_never_comes_through(text in "(S|E|K|R|T|SEKRET| ){0,30}", chunk in 1_usize..10) {
            let shown = shown(text.as_bytes(), chunk);
            prop_assert!(!shown.windows(6).any(|window| window == b"SEKRET"));
            prop_assert_eq!(holds(text.as_bytes(), &Secret::new("SEKRET".to_owned())), shown != text.as_bytes());
            prop_assert_eq!(shown, text.replace("SEKRET", REDACTED).into_bytes());
        }
    }
}
