//! `cargo fuzz run spelling`: no spelling of a path that writes is judged to read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::properties;

fuzz_target!(|input: (u8, &str)| {
    let (method, path) = input;
    let methods = ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"];
    let method = methods[usize::from(method) % methods.len()];
    properties::spelling(method, &format!("/api/v1/{path}"));
});
