//! Durations and sizes as they are given: `30s`, `1.5`, `10m`, `2MiB`.

use std::time::Duration;

use crate::error::{Failure, Result};

/// A century: longer waits are a typing mistake, and adding them to a clock must not overflow.
const MAX_SECONDS: f64 = 3.2e9;

/// Reads a duration: a number with `ms`, `s`, `m` or `h`; without a unit, seconds as in curl.
///
/// # Errors
/// Fails on anything else, on negative and on absurdly long durations.
pub(crate) fn duration(option: &str, text: &str) -> Result<Duration> {
    let wrong = || {
        Failure::usage(format!("{option}: \"{text}\" is not a duration"))
            .hint("write seconds or a unit: 1.5, 500ms, 30s, 10m, 2h")
    };
    let (number, unit) = split_unit(text);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let seconds = decimal(number).ok_or_else(wrong)? * factor;
    if seconds > MAX_SECONDS {
        return Err(wrong());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// Reads a size in bytes: a number with `k`, `M`, `G` (powers of 1000) or `KiB`, `MiB`, `GiB`.
///
/// # Errors
/// Fails on anything else and on sizes beyond 2^63.
pub(crate) fn size(option: &str, text: &str) -> Result<u64> {
    let wrong = || {
        Failure::usage(format!("{option}: \"{text}\" is not a size"))
            .hint("write bytes or a unit: 4096, 64k, 10MB, 2GiB")
    };
    let (number, unit) = split_unit(text);
    let factor: f64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = decimal(number).ok_or_else(wrong)? * factor;
    // 2^63 is exact in binary floating point, so the conversion below cannot saturate.
    if bytes >= 9_223_372_036_854_775_808.0 {
        return Err(wrong());
    }
    Ok(bytes as u64)
}

/// Reads a rate as the time between two requests: a number, and `/s`, `/m` or `/h`.
///
/// # Errors
/// Fails on anything else and on zero.
pub(crate) fn rate(option: &str, text: &str) -> Result<Duration> {
    let wrong = || {
        Failure::usage(format!("{option}: \"{text}\" is not a rate"))
            .hint("write requests in a time: 50/s, 600/m")
    };
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let rate = decimal(number).ok_or_else(wrong)? / seconds;
    if !(1e-6..=1e9).contains(&rate) {
        return Err(wrong());
    }
    Duration::try_from_secs_f64(1.0 / rate).map_err(|_| wrong())
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Reads digits with at most one point; the point is the decimal sign in every locale.
fn decimal(text: &str) -> Option<f64> {
    text.bytes()
        .any(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            ("1", 1000),
            ("1.5", 1500),
            ("0", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            (".5", 500),
        ];
        for (text, millis) in cases {
            assert_eq!(
                duration("-m", text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "-1",
            "nan",
            "inf",
            "1e99",
            "1,5",
            "5 s",
            "s",
            ".",
            "1.2.3",
            "99999999999h",
        ] {
            assert!(duration("-m", text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates() {
        for (text, millis) in [
            ("50/s", 20),
            ("50", 20),
            ("600/m", 100),
            ("0.5/h", 7_200_000),
        ] {
            let interval = Duration::from_millis(millis);
            assert_eq!(rate("--rate", text), Ok(interval), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "nan",
            "inf",
            "0.000001/h",
            "1/d",
            "1e99",
            "/s",
        ] {
            assert!(rate("--rate", text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64k", 64_000),
            ("2MiB", 2 << 20),
            ("1.5GB", 1_500_000_000),
        ] {
            assert_eq!(size("--max-size", text), Ok(bytes), "{text}");
        }
        for text in ["", "-1", "1TBX", "nan", "99999999999999999999", "k"] {
            assert!(size("--max-size", text).is_err(), "{text}");
        }
    }
}
