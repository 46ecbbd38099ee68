//! `cargo fuzz run sanitise`: nothing that could drive a terminal is left.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::text::terminal::{TextSanitiser, is_unsafe, sanitise};

fuzz_target!(|bytes: &[u8]| {
    let (mut sanitiser, mut out) = (TextSanitiser::default(), Vec::new());
    bytes
        .chunks(3)
        .for_each(|chunk| sanitiser.push(chunk, &mut out));
    sanitiser.finish(&mut out);
    let shown = String::from_utf8(out).expect("UTF-8");
    assert!(
        !shown
            .chars()
            .any(|c| is_unsafe(c) && !matches!(c, '\n' | '\t'))
    );
    let line = sanitise(&shown);
    assert!(!line.chars().any(is_unsafe));
    assert_eq!(sanitise(&line), line);
});
