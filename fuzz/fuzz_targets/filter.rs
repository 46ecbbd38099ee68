//! `cargo fuzz run filter`: what a filter prints is JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::properties;

fuzz_target!(|input: &[u8]| {
    properties::generated_filter(input);
    // A line with a filter, and its input behind.
    if let Ok(text) = std::str::from_utf8(input)
        && let Some((filter, json)) = text.split_once('\n')
    {
        properties::filter(filter, json);
    }
});
