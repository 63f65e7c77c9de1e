//! Walks over JSON text (RFC 8259) without building anything: where a value ends, and whether it is one.
//!
//! This, `value` and `member` are all of JSON that a browser downloads: a general library, and code derived for each
//! type by it, weighed more than the whole budget of the package. The tests hold them against that library.

use super::json::JsonError;

type Scan<T> = Result<T, JsonError>;

/// Something is wrong at a byte.
pub fn wrong(at: usize, what: &'static str) -> JsonError {
    JsonError::Malformed { what, at }
}

/// Nothing but white space is left from `at` on.
pub fn end(bytes: &[u8], at: usize) -> Scan<()> {
    let rest = skip_space(bytes, at);
    if rest == bytes.len() { Ok(()) } else { Err(wrong(rest, "more than one value")) }
}

/// The first byte from `at` on that is no white space.
pub fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// How closely a value is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// As a document: nested at most this many levels, its strings text, its numbers in range.
    Document(usize),
    /// As what is around documents: only where it ends, so that one bad document does not spoil its neighbours (P3).
    Envelope,
}

/// Where the value that begins at `at`, white space aside, ends.
pub fn value(bytes: &[u8], at: usize, care: Care) -> Scan<usize> {
    let depth_max = if let Care::Document(levels) = care { levels } else { usize::MAX };
    // For each level, whether it is an object.
    let mut objects: Vec<bool> = Vec::new();
    let mut at = skip_space(bytes, at);
    loop {
        at = match bytes.get(at) {
            Some(open @ (b'{' | b'[')) => {
                if objects.len() == depth_max {
                    return Err(JsonError::TooDeep);
                }
                objects.push(*open == b'{');
                let inside = skip_space(bytes, at + 1);
                match (open, bytes.get(inside)) {
                    (b'{', Some(b'}')) | (b'[', Some(b']')) => {
                        objects.pop();
                        inside + 1
                    }
                    (b'{', _) => {
                        at = name(bytes, inside, care)?;
                        continue;
                    }
                    _ => {
                        at = inside;
                        continue;
                    }
                }
            }
            Some(b'"') => string(bytes, at, care)?,
            Some(b'-' | b'0'..=b'9') => number(bytes, at, care)?,
            Some(b't') => literal(bytes, at, b"true")?,
            Some(b'f') => literal(bytes, at, b"false")?,
            Some(b'n') => literal(bytes, at, b"null")?,
            _ => return Err(wrong(at, "no value")),
        };
        loop {
            let Some(is_object) = objects.last() else { return Ok(at) };
            let next = skip_space(bytes, at);
            match (bytes.get(next), is_object) {
                (Some(b','), true) => {
                    at = name(bytes, skip_space(bytes, next + 1), care)?;
                    break;
                }
                (Some(b','), false) => {
                    at = skip_space(bytes, next + 1);
                    break;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    objects.pop();
                    at = next + 1;
                }
                _ => return Err(wrong(next, "neither a comma nor an end")),
            }
        }
    }
}

/// Where the value of the member whose name begins at `at` begins.
pub fn name(bytes: &[u8], at: usize, care: Care) -> Scan<usize> {
    if bytes.get(at) != Some(&b'"') {
        return Err(wrong(at, "no name"));
    }
    let colon = skip_space(bytes, string(bytes, at, care)?);
    if bytes.get(colon) == Some(&b':') { Ok(skip_space(bytes, colon + 1)) } else { Err(wrong(colon, "no colon")) }
}

/// Where the string that begins at `at` ends. Lone surrogates are no text (D5).
pub fn string(bytes: &[u8], at: usize, care: Care) -> Scan<usize> {
    let mut here = at + 1;
    loop {
        match bytes.get(here) {
            Some(b'"') => return Ok(here + 1),
            Some(b'\\') => match bytes.get(here + 1) {
                Some(b'u') => {
                    here = match unit(bytes, here + 2)? {
                        0xd800..0xdc00
                            if bytes.get(here + 6..here + 8) == Some(b"\\u") && (0xdc00..0xe000).contains(&unit(bytes, here + 8)?) =>
                        {
                            here + 12
                        }
                        0xd800..0xe000 if care != Care::Envelope => return Err(wrong(here, "a lone surrogate")),
                        _ => here + 6,
                    }
                }
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => here += 2,
                _ => return Err(wrong(here, "no escape")),
            },
            Some(0x20..) => here += 1,
            _ => return Err(wrong(here, "a string that does not end")),
        }
    }
}

/// The four hexadecimal digits at `at`.
pub fn unit(bytes: &[u8], at: usize) -> Scan<u32> {
    let digits = bytes.get(at..at + 4).ok_or_else(|| wrong(at, "no escape"))?;
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?)).ok_or_else(|| wrong(at, "no escape"))
}

fn literal(bytes: &[u8], at: usize, literal: &[u8]) -> Scan<usize> {
    let end = at + literal.len();
    if bytes.get(at..end) == Some(literal) { Ok(end) } else { Err(wrong(at, "no value")) }
}

fn digits(bytes: &[u8], at: usize) -> usize {
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Where the number that begins at `at` ends. One that no double can hold, other than by rounding, is refused (D4).
fn number(bytes: &[u8], at: usize, care: Care) -> Scan<usize> {
    let whole = if bytes.get(at) == Some(&b'-') { at + 1 } else { at };
    let mut end = digits(bytes, whole);
    if end == whole || bytes.get(whole) == Some(&b'0') && end > whole + 1 {
        return Err(wrong(at, "no number"));
    }
    let point = end;
    if bytes.get(end) == Some(&b'.') {
        end = digits(bytes, point + 1);
        if end == point + 1 {
            return Err(wrong(at, "no number"));
        }
    }
    let mantissa = end;
    let mut exponent = 0_i64;
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        let from = end + 1 + usize::from(sign);
        let negative = bytes.get(end + 1) == Some(&b'-');
        end = digits(bytes, from);
        if end == from {
            return Err(wrong(at, "no number"));
        }
        let size = bytes[from..end].iter().fold(0_i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(1 << 40));
        exponent = if negative { -size } else { size };
    }
    if care != Care::Envelope && is_out_of_range(&bytes[whole..mantissa], (point - whole) as i64 + exponent) {
        Err(wrong(at, "a number out of range"))
    } else {
        Ok(end)
    }
}

/// Whether digits with the point behind the first `point` of them are more than the largest double.
fn is_out_of_range(digits: &[u8], mut point: i64) -> bool {
    // Half a unit above the largest double, from where on a number rounds to infinity.
    let mut limit = b"17976931348623158".iter();
    let mut is_begun = false;
    for digit in digits {
        match digit {
            b'.' => continue,
            b'0' if !is_begun => {
                point -= 1;
                continue;
            }
            _ => is_begun = true,
        }
        if point != 309 {
            return point > 309;
        }
        match limit.next() {
            Some(most) if most == digit => {}
            most => return most.is_some_and(|most| digit > most),
        }
    }
    false
}
