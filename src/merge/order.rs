//! Numbers and texts that are compared and added, exactly as they are written.

use std::cmp::Ordering;

use crate::protocol::digits;
use crate::protocol::value::Value;

/// How two numbers, or two texts, stand to each other; `None` where they are neither.
pub fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Some(Decimal::of(one).compare(&Decimal::of(other))),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// `remote` with what `local` has more than `base`: of 64-bit integers, where none is 0 if there is no base. `None` where one of
/// them is something else, or the sum is.
pub fn sum(base: Option<&Value>, local: &Value, remote: &Value) -> Option<Value> {
    let integer = |value: &Value| if let Value::Number(text) = value { digits::read_signed(text).map(i128::from) } else { None };
    let base = base.map_or(Some(0), integer)?;
    let sum = i64::try_from(integer(remote)? + integer(local)? - base).ok()?;
    Some(Value::Number(digits::signed(sum).into()))
}

/// A number without rounding: 0.DIGITS times ten to the power of `point`, with a sign.
struct Decimal<'a> {
    is_negative: bool,
    point: i64,
    /// Without zeros at either end, and perhaps with the point among them.
    digits: &'a [u8],
}

impl<'a> Decimal<'a> {
    fn of(text: &'a str) -> Decimal<'a> {
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        // What is further away than that no double is.
        let exponent =
            digits::read_signed(exponent.trim_start_matches('+')).unwrap_or(if exponent.starts_with('-') { -1 << 40 } else { 1 << 40 });
        let whole = mantissa.split('.').next().unwrap_or_default().len();
        let from = mantissa.bytes().position(|byte| matches!(byte, b'1'..=b'9'));
        let to = mantissa.bytes().rposition(|byte| matches!(byte, b'1'..=b'9'));
        let (Some(from), Some(to)) = (from, to) else { return Decimal { is_negative: false, point: i64::MIN, digits: &[] } };
        // The point counts as a place only where it is in front.
        let skipped = from as i64 - i64::from(from > whole);
        Decimal { is_negative, point: (whole as i64 - skipped).saturating_add(exponent), digits: &mantissa.as_bytes()[from..=to] }
    }

    fn compare(&self, other: &Decimal<'_>) -> Ordering {
        let sign = |decimal: &Decimal<'_>| {
            if decimal.digits.is_empty() {
                0
            } else if decimal.is_negative {
                -1
            } else {
                1
            }
        };
        let figures = |decimal: &Decimal<'a>| decimal.digits.iter().copied().filter(|byte| *byte != b'.');
        let other_figures = other.digits.iter().copied().filter(|byte| *byte != b'.');
        let size = self.point.cmp(&other.point).then_with(|| figures(self).cmp(other_figures));
        let size = if self.is_negative { size.reverse() } else { size };
        sign(self).cmp(&sign(other)).then(size)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compared(one: &str, other: &str) -> Option<Ordering> {
        compare(&Value::parse(one).unwrap(), &Value::parse(other).unwrap())
    }

    #[test]
    fn numbers_are_compared_as_they_are_written() {
        let rising = [
            "-1e300",
            "-10.5",
            "-10",
            "-9",
            "-0.02",
            "-0.010",
            "0",
            "0.001",
            "1e-2",
            "0.1",
            "9",
            "9.5",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1E+20",
        ];
        for (at, one) in rising.iter().enumerate() {
            for (place, other) in rising.iter().enumerate() {
                assert_eq!(compared(one, other), Some(at.cmp(&place)), "{one} {other}");
            }
        }
        for (one, other) in [("-0", "0e5"), ("1.0", "1"), ("100", "1e2"), ("0.10", "1E-1"), ("120e-1", "12")] {
            assert_eq!(compared(one, other), Some(Ordering::Equal), "{one} {other}");
        }
        assert_eq!(compared(r#""2026-11-22""#, r#""2026-11-03""#), Some(Ordering::Greater));
        assert_eq!((compared("1", r#""1""#), compared("null", "null")), (None, None));
    }

    #[test]
    fn sums_are_of_integers_and_exact() {
        let sum = |base: Option<&str>, local: &str, remote: &str| {
            let [local, remote] = [local, remote].map(|text| Value::parse(text).unwrap());
            let base = base.map(|text| Value::parse(text).unwrap());
            super::sum(base.as_ref(), &local, &remote)
                .map(|sum| if let Value::Number(text) = sum { text.to_string() } else { String::new() })
        };
        assert_eq!(sum(Some("5"), "7", "4").as_deref(), Some("6"));
        assert_eq!(sum(None, "7", "4").as_deref(), Some("11"));
        assert_eq!(sum(Some("9223372036854775807"), "9223372036854775806", "0").as_deref(), Some("-1"));
        assert_eq!(sum(Some("0"), "9223372036854775807", "1"), None);
        assert_eq!(sum(Some("0.5"), "1", "2"), None);
        assert_eq!(sum(Some("0"), "null", "2"), None);
    }

    proptest! {
        #[test]
        fn doubles_are_compared_as_the_library_does(one in "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?(e-?[0-9])?", other in "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?(e-?[0-9])?") {
            let [a, b] = [&one, &other].map(|text| text.parse::<f64>().unwrap());
            prop_assert_eq!(compared(&one, &other), a.partial_cmp(&b));
        }
    }
}
