//! `cargo fuzz run decode`: any bytes are decoded or refused, in small chunks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rein::exchange::decode::Decoder;

fuzz_target!(|bytes: &[u8]| {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let mut decoder = Decoder::for_header([coding.as_bytes()].into_iter()).expect("known");
        let mut left = 1 << 24;
        let mut sink = |chunk: &[u8]| {
            assert!(chunk.len() <= 64 * 1024);
            left -= chunk.len().min(left);
            if left == 0 { Err(()) } else { Ok(()) }
        };
        if bytes
            .chunks(7)
            .all(|chunk| decoder.push(chunk, &mut sink).is_ok())
        {
            let _ended = decoder.finish(&mut sink);
        }
    }
});
