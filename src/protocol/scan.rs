//! A walk over JSON text (RFC 8259). All that is read of JSON is read by it: documents whole and with care, and what is
//! around them as far as it is looked at.
//!
//! This, `value` and `member` are all of JSON that a browser downloads: a general library, and code derived for each
//! type by it, weighed more than the whole budget of the package. The tests hold them against that library.

use std::borrow::Cow;

use super::json::JsonError;

/// Where a walk is, and what it found wrong. What passes something says whether that was what it should be.
pub struct Walk<'a> {
    text: &'a str,
    at: usize,
    /// After this nothing that the walk says counts.
    wrong: Option<JsonError>,
}

impl<'a> Walk<'a> {
    /// A walk that begins where `text` does.
    pub fn of(text: &'a str) -> Walk<'a> {
        Walk { text, at: 0, wrong: None }
    }

    /// Something is wrong here.
    pub fn fail(&mut self, what: &'static str) -> bool {
        self.refuse(JsonError::Malformed { what, at: self.at })
    }

    /// It is no good for this reason; the first one stands.
    pub fn refuse(&mut self, why: JsonError) -> bool {
        self.wrong.get_or_insert(why);
        false
    }

    /// Whether nothing was wrong so far.
    pub fn is_good(&self) -> bool {
        self.wrong.is_none()
    }

    /// What was wrong; also where something is left behind the end.
    pub fn finish(mut self) -> Result<(), JsonError> {
        if self.is_good() && !self.is_done() {
            self.fail("more than one value");
        }
        self.wrong.map_or(Ok(()), Err)
    }

    /// Whether nothing but white space is left.
    pub fn is_done(&mut self) -> bool {
        self.peek();
        self.at == self.text.len()
    }

    /// The next byte that is no white space, which is where the walk is then; 0 at the end.
    pub fn peek(&mut self) -> u8 {
        while matches!(self.byte(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.byte()
    }

    // Called from many places: where code is downloaded, a call is less of it than what it does.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.byte() == byte;
        self.at += usize::from(is_there);
        is_there
    }

    /// Passes `word`, if it is here.
    pub fn word(&mut self, word: &str) -> bool {
        let is_there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    /// Passes the object or list that begins here. What it holds is passed by `pass`, which is told its name; in a list
    /// there are none.
    pub fn items(&mut self, pass: &mut dyn FnMut(&mut Walk<'a>, Cow<'a, str>) -> bool) -> bool {
        let is_object = self.take(b'{');
        let close = if is_object { b'}' } else { b']' };
        self.at += usize::from(!is_object);
        let mut is_more = self.peek() != close;
        while is_more {
            let mut name = Cow::Borrowed("");
            if is_object {
                name = match self.peek() {
                    b'"' => self.string(),
                    _ => return self.fail("no name"),
                };
                self.peek();
                if !self.take(b':') {
                    return self.fail("no colon");
                }
            }
            if !pass(self, name) {
                return false;
            }
            self.peek();
            is_more = self.take(b',');
        }
        self.take(close) || self.fail("neither a comma nor an end")
    }

    /// Passes a value without looking into it, so that one bad document does not spoil its neighbours (P3): what is
    /// wrong with it is found when it is read. Returns its text.
    pub fn skip(&mut self) -> &'a str {
        self.peek();
        let from = self.at;
        let mut depth = 0;
        loop {
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    while self.plain() == b'\\' {
                        self.at += 2;
                    }
                    if self.byte() != b'"' {
                        break;
                    }
                }
                b'{' | b'[' => depth += 1,
                b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => break,
                b'}' | b']' if depth == 0 => break,
                b'}' | b']' => depth -= 1,
                0 => break,
                _ => {}
            }
            self.at += 1;
        }
        let raw = self.text.get(from..self.at).unwrap_or_default();
        if raw.is_empty() || depth > 0 {
            self.fail("no value");
        }
        raw
    }

    /// Passes what stands for itself in a string, and returns the byte behind it: 0 at the end, or another that may not
    /// be there.
    fn plain(&mut self) -> u8 {
        self.at += plain(self.text.as_bytes().get(self.at..).unwrap_or_default());
        self.byte()
    }

    /// Passes the string that begins here, and returns what it says. Lone surrogates are no text (D5).
    pub fn string(&mut self) -> Cow<'a, str> {
        let mut said = String::new();
        self.at += 1;
        let mut plain = self.at;
        loop {
            match self.plain() {
                b'"' => break,
                b'\\' => {
                    said.push_str(&self.text[plain..self.at]);
                    match self.escape() {
                        Some(c) => said.push(c),
                        None => {
                            self.fail("no escape, or a lone surrogate");
                            return Cow::Borrowed("");
                        }
                    }
                    plain = self.at;
                }
                _ => {
                    self.fail("a string that does not end");
                    return Cow::Borrowed("");
                }
            }
        }
        let rest = &self.text[plain..self.at];
        self.at += 1;
        if said.is_empty() { Cow::Borrowed(rest) } else { Cow::Owned(said + rest) }
    }

    fn escape(&mut self) -> Option<char> {
        self.at += 2;
        let escaped = self.text.as_bytes().get(self.at - 1)?;
        if *escaped != b'u' {
            let which = b"\"\\/bfnrt".iter().position(|known| known == escaped)?;
            return Some(char::from(b"\"\\/\x08\x0c\n\r\t"[which]));
        }
        let mut code = self.unit()?;
        if (0xd800..0xdc00).contains(&code) && self.word("\\u") {
            let low = self.unit()?;
            // What is no lower half leaves none, and the upper one alone.
            code = if (0xdc00..0xe000).contains(&low) { 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00) } else { code };
        }
        char::from_u32(code)
    }

    /// The four hexadecimal digits that are here.
    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.byte()).to_digit(16)?;
            self.at += 1;
        }
        Some(unit)
    }

    /// Passes digits, and says how many.
    fn digits(&mut self) -> usize {
        let from = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        self.at - from
    }

    /// Passes the number that begins here, and returns its text. One that no double can hold, other than by rounding, is
    /// refused (D4).
    pub fn number(&mut self) -> &'a str {
        let from = self.at;
        self.take(b'-');
        let whole = self.at;
        let is_zero = self.byte() == b'0';
        let point = self.digits();
        let mut is_lawful = point == 1 || point > 1 && !is_zero;
        if self.take(b'.') {
            is_lawful &= self.digits() > 0;
        }
        let mantissa = &self.text.as_bytes()[whole..self.at];
        let mut exponent = 0_i64;
        if self.take(b'e') || self.take(b'E') {
            let is_negative = self.take(b'-');
            if !is_negative {
                self.take(b'+');
            }
            let from = self.at;
            is_lawful &= self.digits() > 0;
            for digit in &self.text.as_bytes()[from..self.at] {
                exponent = (exponent * 10 + i64::from(digit - b'0')).min(1 << 40);
            }
            exponent = if is_negative { -exponent } else { exponent };
        }
        if !is_lawful {
            self.fail("no number");
        } else if is_out_of_range(mantissa, point as i64 + exponent) {
            self.fail("a number out of range");
        }
        &self.text[from..self.at]
    }
}

/// How many bytes there are before the first that does not stand for itself in a string. Most text is passed eight bytes at a time.
#[inline(never)]
pub fn plain(text: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 255;
    // The topmost bit of a byte stays 0 where that is none of these, up to the first that is one.
    let has_less = |eight: u64, than: u64| eight.wrapping_sub(EACH * than) & !eight & (EACH << 7);
    let mut at = 0;
    while let Some(eight) = text[at..].first_chunk() {
        let eight = u64::from_le_bytes(*eight);
        let is_quote = |byte: u8| has_less(eight ^ (EACH * u64::from(byte)), 1);
        if has_less(eight, 0x20) | is_quote(b'"') | is_quote(b'\\') != 0 {
            break;
        }
        at += 8;
    }
    let rest = &text[at..];
    at + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
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
