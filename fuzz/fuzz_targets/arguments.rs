//! `cargo fuzz run arguments`: words of the command line are understood or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::properties;

fuzz_target!(|text: &str| {
    properties::item(text);
    properties::placeholder(text);
    properties::amounts(text);
    properties::write_out(text);
});
