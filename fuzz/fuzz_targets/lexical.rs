//! `cargo fuzz run lexical`: layout loses no byte, however the text is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::text::lexical::{Formatter, Layout, check};
use rein::text::terminal::Theme;

fn laid_out(text: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut formatter = Formatter::new(Layout::Compact, &Theme::plain(), false);
    let mut out = Vec::new();
    for chunk in text.chunks(size.max(1)) {
        formatter.push(chunk, &mut out).ok()?;
    }
    formatter.finish(&mut out).ok()?;
    Some(out)
}

fuzz_target!(|text: &[u8]| {
    let whole = laid_out(text, text.len());
    assert_eq!(laid_out(text, 3), whole);
    if check(text).is_ok() {
        let compact = whole.expect("a valid text is laid out");
        assert!(check(&compact).is_ok());
        assert_eq!(laid_out(&compact, compact.len()), Some(compact));
    }
});
