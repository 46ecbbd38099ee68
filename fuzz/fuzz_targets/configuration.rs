//! `cargo fuzz run configuration`: a file is understood, or the message holds nothing of its values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::properties;

fuzz_target!(|text: &str| {
    properties::configuration(text);
});
