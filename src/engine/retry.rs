//! How long to wait: tables with full jitter, and what a server asks for.

use super::rng::Rng;
use crate::protocol::digits;

/// Waits in milliseconds after the first, second, … failure; the last one stands for all that follow.
#[derive(Clone, Copy, Debug)]
pub struct Backoff(&'static [u64]);

/// An entry that the server answered with a retryable failure (MISSION 1).
pub const ENTRY: Backoff = Backoff(&[1_000, 5_000, 15_000, 60_000, 300_000]);
/// A link without any answer (MISSION 10).
pub const LINK: Backoff = Backoff(&[1_000, 2_000, 5_000, 10_000, 30_000]);
/// A transaction of the store that aborted.
pub const STORE: Backoff = Backoff(&[50, 100, 200, 400, 800]);
/// A store that is given up is tried again.
pub const ADOPTION: Backoff = Backoff(&[5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000]);
/// An entry that was answered `retry` in a good reply, with no time (MISSION 7).
pub const TOLD_TO_RETRY_MS: u64 = 60_000;
/// Most milliseconds that a server can make a client wait (D9).
pub const RETRY_AFTER_MAX_MS: u64 = 24 * 60 * 60 * 1_000;

impl Backoff {
    /// The wait after this many failures: uniform from 0 to the table's figure, so that clients that failed together do
    /// not come back together (O1).
    pub fn draw(self, failures: u32, rng: &mut Rng) -> u64 {
        rng.up_to(self.longest(failures))
    }

    /// The longest wait after this many failures; none after none.
    pub fn longest(self, failures: u32) -> u64 {
        match failures.checked_sub(1) {
            None => 0,
            Some(index) => self.0[(index as usize).min(self.0.len() - 1)],
        }
    }
}

/// What a `Retry-After` header asks for, in milliseconds from now, clamped to [`RETRY_AFTER_MAX_MS`]: seconds, or an
/// HTTP date relative to the reply's own `Date` (H9: never to the local clock). `None` for anything else.
pub fn retry_after(header: Option<&str>, date: Option<&str>) -> Option<u64> {
    let header = header?.trim_ascii();
    let ms = if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        digits::read(header).unwrap_or(u64::MAX).saturating_mul(1_000)
    } else {
        let (at, now) = (http_date(header)?, http_date(date?.trim_ascii())?);
        at.saturating_sub(now).saturating_mul(1_000)
    };
    Some(ms.min(RETRY_AFTER_MAX_MS))
}

/// What the RateLimit headers of a reply ask for where they say that nothing is left, in milliseconds from now, clamped to
/// [`RETRY_AFTER_MAX_MS`]. In the forms of draft-ietf-httpapi-ratelimit-headers: `"name";r=0;t=30` (08 and later) or
/// `limit=10, remaining=0, reset=30` (07) in one header, or `remaining` and `reset` by themselves (up to 06).
pub fn rate_limit(combined: Option<&str>, remaining: Option<&str>, reset: Option<&str>) -> Option<u64> {
    let number = |text: &str| digits::read(text.trim_ascii());
    let (mut left, mut seconds) = (remaining.and_then(number), reset.and_then(number));
    let (mut longest, mut begins) = (None, true);
    for piece in combined.unwrap_or_default().as_bytes().split_inclusive(|byte| matches!(byte, b',' | b';')) {
        let goes_on = piece.ends_with(b";");
        if begins && goes_on {
            // A quota by itself: of several, the one that lasts longest counts.
            longest = longest.max(seconds.filter(|_| left == Some(0)));
            (left, seconds) = (None, None);
        }
        begins = !goes_on;
        let mut sides = piece.split(|byte| matches!(byte, b'=' | b',' | b';'));
        let (name, value) = (sides.next().unwrap_or_default().trim_ascii(), sides.next().unwrap_or_default());
        let slot = match name {
            b"r" | b"remaining" => &mut left,
            b"t" | b"reset" => &mut seconds,
            _ => continue,
        };
        *slot = std::str::from_utf8(value).ok().and_then(number);
    }
    longest = longest.max(seconds.filter(|_| left == Some(0)));
    longest.map(|seconds| seconds.saturating_mul(1_000).min(RETRY_AFTER_MAX_MS))
}

/// Seconds since 1970 of an IMF-fixdate (RFC 9110 section 5.6.7), the one form that servers may send.
fn http_date(text: &str) -> Option<u64> {
    /// What stands for itself, and between that two or four digits each; what `x` stands for is looked at below.
    const FORM: &[u8] = b"xxx, 00 xxx 0000 00:00:00 GMT";
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let bytes = text.as_bytes();
    if bytes.len() != FORM.len() {
        return None;
    }
    for (index, form) in FORM.iter().enumerate() {
        let is_lawful = match form {
            b'x' => true,
            b'0' => bytes[index].is_ascii_digit(),
            _ => bytes[index] == *form,
        };
        if !is_lawful {
            return None;
        }
    }
    let number = |from, to, least, most| digits::read(text.get(from..to)?).filter(|number| (least..=most).contains(number));
    let (day, year) = (number(5, 7, 1, 31)?, number(12, 16, 1970, 9999)?);
    let (hour, minute, second) = (number(17, 19, 0, 23)?, number(20, 22, 0, 59)?, number(23, 25, 0, 60)?);
    let month = MONTHS.chunks(3).position(|month| *month == bytes[8..11])? as u64 + 1;
    // Days since 1970 in the proleptic Gregorian calendar, with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 719_469;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i19_waits_are_drawn_from_the_table() {
        let mut rng = Rng::new([1, 1]);
        assert_eq!((0..8).map(|n| ENTRY.longest(n)).collect::<Vec<_>>(), [0, 1_000, 5_000, 15_000, 60_000, 300_000, 300_000, 300_000]);
        for failures in 0..8 {
            let drawn: Vec<u64> = (0..400).map(|_| LINK.draw(failures, &mut rng)).collect();
            let longest = LINK.longest(failures);
            assert!(drawn.iter().all(|ms| *ms <= longest));
            assert!(longest == 0 || drawn.iter().any(|ms| *ms < longest / 4) && drawn.iter().any(|ms| *ms > longest / 4 * 3));
        }
    }

    #[test]
    fn h8_rate_limits_in_all_forms_and_in_none() {
        for (combined, ms) in [
            (r#""default";r=0;t=30"#, Some(30_000)),
            (r#""burst";r=0;t=1, "day"; r=0; t=600"#, Some(600_000)),
            (r#""burst";r=0;t=5,"day";r=9;t=600"#, Some(5_000)),
            ("burst;r=9;t=5,day;r=0;t=60", Some(60_000)),
            (r#""default";r=0;t=99999999999999999999"#, None),
            (r#""default";r=0;t=9999999999"#, Some(RETRY_AFTER_MAX_MS)),
            (r#""default";r=0"#, None),
            (r#""default";r=1;t=30"#, None),
            ("limit=10, remaining=0, reset=7", Some(7_000)),
            ("limit=10, remaining=3, reset=7", None),
            (";;=,,r=,t=x", None),
            ("", None),
        ] {
            assert_eq!(rate_limit(Some(combined), None, None), ms, "{combined}");
        }
        assert_eq!(rate_limit(None, Some(" 0"), Some("12")), Some(12_000));
        assert_eq!(rate_limit(None, Some("0"), None), None);
        assert_eq!(rate_limit(None, Some("4"), Some("12")), None);
        assert_eq!(rate_limit(None, None, None), None);
    }

    #[test]
    fn h8_h9_retry_after_in_both_forms_and_in_none() {
        let date = Some("Fri, 20 Nov 2026 10:00:00 GMT");
        for (header, ms) in [
            ("120", Some(120_000)),
            ("0", Some(0)),
            ("999999999999999999999", Some(RETRY_AFTER_MAX_MS)),
            ("Fri, 20 Nov 2026 10:02:00 GMT", Some(120_000)),
            ("Fri, 20 Nov 2026 09:00:00 GMT", Some(0)),
            ("Sat, 01 Jan 2050 00:00:00 GMT", Some(RETRY_AFTER_MAX_MS)),
            ("-5", None),
            ("NaN", None),
            ("", None),
            ("1e3", None),
            ("120, 60", None),
            ("Fri, 20 Nov 2026 10:00:00 CET", None),
            ("Fri, 99 Nov 2026 10:00:00 GMT", None),
        ] {
            assert_eq!(retry_after(Some(header), date), ms, "{header}");
        }
        assert_eq!(retry_after(Some("Fri, 20 Nov 2026 10:02:00 GMT"), None), None);
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Tue, 29 Feb 2028 12:30:45 GMT"), Some(1_835_440_245));
    }
}
