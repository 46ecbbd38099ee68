//! `cargo fuzz run columns`: what a path finds in JSON is JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::properties;

fuzz_target!(|input: (&str, &str)| {
    let (path, json) = input;
    properties::columns(path, json.as_bytes());
});
