//! `cargo fuzz run filter`: what a filter prints is JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::properties;

fuzz_target!(|input: (&str, &str)| {
    let (filter, json) = input;
    properties::filter(filter, json);
});
