//! `cargo fuzz run difference`: two documents have the same differences from either side, and the
//! patch is JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::properties;

fuzz_target!(|input: (&str, &str)| {
    let (left, right) = input;
    properties::difference(left, right);
});
