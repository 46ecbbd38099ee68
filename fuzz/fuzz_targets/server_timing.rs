//! `cargo fuzz run server_timing`: junk is never an error, and a time is never absurd.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::verdict::server_timing::{parse, total};

fuzz_target!(|header: &[u8]| {
    let metrics = parse(header.split(|byte| *byte == b'\n'));
    assert!(total(&metrics).is_none_or(|millis| (0.0..=86_400_000.0).contains(&millis)));
});
