//! Hides a secret in a stream of pieces, wherever the pieces are cut.

use super::{REDACTED, Secret};

/// Replaces one secret in bytes that come in pieces. Only for what a terminal shows.
#[derive(Debug)]
pub(crate) struct StreamRedactor {
    secret: Option<Secret>,
    /// The end of the last piece, which may be the beginning of the secret.
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

    /// Returns what may be shown after this piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let Some(secret) = &self.secret else {
            return piece.to_vec();
        };
        let needle = secret.expose().as_bytes();
        self.held.extend_from_slice(piece);
        let mut shown = Vec::with_capacity(self.held.len());
        let mut done = 0;
        for found in memchr::memmem::find_iter(&self.held, needle) {
            shown.extend_from_slice(&self.held[done..found]);
            shown.extend_from_slice(REDACTED.as_bytes());
            done = found + needle.len();
        }
        let kept = longest_beginning(&self.held[done..], needle);
        shown.extend_from_slice(&self.held[done..self.held.len() - kept]);
        self.held.drain(..self.held.len() - kept);
        shown
    }

    /// Returns what was held back at the end.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// Returns the length of the longest end of `text` with which `needle` begins.
fn longest_beginning(text: &[u8], needle: &[u8]) -> usize {
    let longest = text.len().min(needle.len() - 1);
    (1..=longest)
        .rev()
        .find(|length| needle.starts_with(&text[text.len() - length..]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &[u8], piece: usize) -> Vec<u8> {
        let mut redactor = StreamRedactor::new(Some(Secret::new("SEKRET".to_owned())));
        let mut shown: Vec<u8> = text
            .chunks(piece)
            .flat_map(|piece| redactor.push(piece))
            .collect();
        shown.extend(redactor.finish());
        shown
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_is_cut() {
        for piece in 1..12 {
            assert_eq!(
                shown(b"a SESEKRET SEK", piece),
                b"a SE(redacted) SEK",
                "{piece}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_canary_never_comes_through(text in "(S|E|K|R|T|SEKRET| ){0,30}", piece in 1_usize..10) {
            let shown = shown(text.as_bytes(), piece);
            prop_assert!(!shown.windows(6).any(|window| window == b"SEKRET"));
            prop_assert_eq!(shown, text.replace("SEKRET", REDACTED).into_bytes());
        }
    }
}
