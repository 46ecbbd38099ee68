//! Numbers compared by their value, in decimal and exactly.

/// Returns a form that two numbers of JSON share when they have the same value: sign, digits
/// without zeros around them, and exponent. A number whose exponent is out of reach keeps its text.
pub(crate) fn by_value(number: &[u8]) -> Vec<u8> {
    exact(number).unwrap_or_else(|| number.to_vec())
}

fn exact(number: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(number).ok()?;
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(b"0".to_vec());
    }
    let exponent: i64 = exponent.map_or(Some(0), |text| text.parse().ok())?;
    let dropped = i64::try_from(digits.len() - significant.len()).ok()?;
    let exponent = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(dropped)?;
    Some(format!("{sign}{significant}e{exponent}").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_values_have_one_form() {
        for (one, other, same) in [
            ("1", "1.0", true),
            ("100", "1e2", true),
            ("1E+2", "100.00", true),
            ("0", "-0.0e5", true),
            ("0.001", "1e-3", true),
            ("18446744073709551616", "18446744073709551616.0", true),
            ("18446744073709551616", "18446744073709551617", false),
            ("0.1", "0.10000000000000001", false),
            ("-1", "1", false),
            ("1e99999999999999999999", "1e99999999999999999999", true),
            ("1e99999999999999999999", "10e99999999999999999998", false),
            ("0e99999999999999999999", "0", true),
        ] {
            let is_same = by_value(one.as_bytes()) == by_value(other.as_bytes());
            assert_eq!(is_same, same, "{one} {other}");
        }
    }

    proptest! {
        /// Whole numbers and shifts of the point, against the arithmetic of the machine.
        #[test]
        fn integers_agree_with_arithmetic(number in -1_000_000_i64..1_000_000, zeros in 0_u32..6) {
            let scaled = i128::from(number) * 10_i128.pow(zeros);
            let written = format!("{number}e{zeros}");
            prop_assert_eq!(by_value(written.as_bytes()), by_value(scaled.to_string().as_bytes()));
            let other = format!("{}e{zeros}", number + 1);
            prop_assert_ne!(by_value(other.as_bytes()), by_value(scaled.to_string().as_bytes()));
        }
    }
}
