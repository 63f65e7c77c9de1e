//! Long strings in chunks, so that an edit costs what it touches and not what it is in.
//!
//! Lengths and positions are UTF-16 code units, as JavaScript counts. Each chunk knows its hash, and hashes combine in
//! any split: the mark of a text does not depend on how it came to be.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digits;
use super::member::{Fields, Member, ObjectWriter};

/// The length of a text in UTF-16 units, and its polynomial hash modulo 2^61 − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TextMark {
    /// UTF-16 code units.
    pub length: u64,
    /// The hash; sixteen hexadecimal digits on the wire.
    #[serde(with = "hex")]
    pub hash: u64,
}

/// Why a splice cannot be made in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpliceError {
    /// It begins or ends behind the end of the text.
    OutOfRange,
    /// It begins or ends between the two halves of a surrogate pair.
    SplitsPair,
}

impl SpliceError {
    /// The same in words.
    pub fn said(self) -> &'static str {
        match self {
            SpliceError::OutOfRange => "the splice reaches past the end of the text",
            SpliceError::SplitsPair => "the splice would split a surrogate pair",
        }
    }
}

impl fmt::Display for SpliceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.said())
    }
}

impl std::error::Error for SpliceError {}

/// A text in chunks. Cloning is cheap: chunks are shared.
#[derive(Clone, Debug, Default)]
pub struct Text {
    chunks: Vec<Chunk>,
}

#[derive(Clone, Debug)]
struct Chunk {
    text: Arc<str>,
    units: usize,
    hash: u64,
    /// BASE to the power of `units`.
    power: u64,
}

/// A chunk, and a byte in it.
type Place = (usize, usize);

/// Bytes of text in a fresh chunk; one is split when it grows past twice this.
const CHUNK_BYTES: usize = 1_024;
const MODULUS: u64 = (1 << 61) - 1;
/// A fixed base, part of the wire format: the digits of the golden ratio, below the modulus.
const BASE: u64 = 0x1e37_79b9_7f4a_7c15 % MODULUS;

impl Text {
    /// The text of `content`.
    pub fn of(content: &str) -> Text {
        let mut chunks = Vec::with_capacity(content.len() / CHUNK_BYTES + 1);
        push_chunks(content, &mut chunks);
        Text { chunks }
    }

    /// All of it.
    pub fn whole(&self) -> String {
        let mut whole = String::new();
        for chunk in &self.chunks {
            whole.push_str(&chunk.text);
        }
        whole
    }

    /// Length and hash.
    pub fn mark(&self) -> TextMark {
        let mut mark = TextMark { length: 0, hash: 0 };
        for chunk in &self.chunks {
            mark.length += chunk.units as u64;
            mark.hash = add(multiply(mark.hash, chunk.power), chunk.hash);
        }
        mark
    }

    /// Removes `remove` units at `at` and puts `insert` there; on an error nothing has changed.
    pub fn splice(&mut self, at: u64, remove: u64, insert: &str) -> Result<(), SpliceError> {
        let ((first, first_byte), (last, last_byte)) = self.range(at, remove)?;
        let mut rest = self.chunks.split_off(self.chunks.len().min(last + 1));
        let mut middle = String::new();
        if let Some(head) = self.chunks.get(first) {
            middle.push_str(&head.text[..first_byte]);
        }
        middle.push_str(insert);
        if let Some(tail) = self.chunks.get(last) {
            middle.push_str(&tail.text[last_byte..]);
        }
        self.chunks.truncate(first);
        // Deleting leaves small chunks behind: what is left joins the next while both fit one.
        if let Some(next) = rest.first()
            && middle.len() + next.text.len() <= CHUNK_BYTES
        {
            middle.push_str(&next.text);
            rest.remove(0);
        }
        push_chunks(&middle, &mut self.chunks);
        self.chunks.append(&mut rest);
        Ok(())
    }

    /// The chunk and the byte in it where `unit` is; the end of a chunk rather than the start of the next.
    /// Where a splice begins and ends; an error where it does not fit.
    pub fn range(&self, at: u64, remove: u64) -> Result<(Place, Place), SpliceError> {
        let end = at.checked_add(remove).ok_or(SpliceError::OutOfRange)?;
        Ok((self.locate(at)?, self.locate(end)?))
    }

    fn locate(&self, unit: u64) -> Result<Place, SpliceError> {
        let mut left = unit;
        for (index, chunk) in self.chunks.iter().enumerate() {
            if left <= chunk.units as u64 {
                return Ok((index, byte_of(&chunk.text, chunk.units, left as usize)?));
            }
            left -= chunk.units as u64;
        }
        if left == 0 { Ok((0, 0)) } else { Err(SpliceError::OutOfRange) }
    }
}

impl Chunk {
    fn of(text: &str) -> Chunk {
        let (mut units, mut hash, mut power) = (0, 0, 1);
        for unit in text.encode_utf16() {
            units += 1;
            hash = add(multiply(hash, BASE), u64::from(unit) + 1);
            power = multiply(power, BASE);
        }
        Chunk { text: text.into(), units, hash, power }
    }
}

fn push_chunks(mut content: &str, chunks: &mut Vec<Chunk>) {
    while content.len() > 2 * CHUNK_BYTES {
        let (head, tail) = content.split_at(content.floor_char_boundary(CHUNK_BYTES));
        chunks.push(Chunk::of(head));
        content = tail;
    }
    if !content.is_empty() {
        chunks.push(Chunk::of(content));
    }
}

fn byte_of(text: &str, units: usize, unit: usize) -> Result<usize, SpliceError> {
    if units == text.len() {
        return Ok(unit); // ASCII: one byte a unit
    }
    let mut seen = 0;
    for (at, byte) in text.bytes().enumerate() {
        if seen >= unit && units_of(byte) > 0 {
            return if seen == unit { Ok(at) } else { Err(SpliceError::SplitsPair) };
        }
        seen += units_of(byte);
    }
    if seen == unit { Ok(text.len()) } else { Err(SpliceError::SplitsPair) }
}

/// How many UTF-16 units a text has.
pub fn units(text: &str) -> u64 {
    text.bytes().map(units_of).sum::<usize>() as u64
}

/// How many UTF-16 units a character has that begins with this byte; none where it only goes on.
fn units_of(byte: u8) -> usize {
    match byte {
        0x80..0xc0 => 0,
        0xf0.. => 2,
        _ => 1,
    }
}

fn add(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= MODULUS { sum - MODULUS } else { sum }
}

fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    add((product as u64) & MODULUS, (product >> 61) as u64)
}

impl Member for TextMark {
    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        object.member("length", &self.length).member("hash", &digits::hash(self.hash));
        object.end();
    }
    fn fill(&mut self, raw: &str) -> bool {
        let mut hash = String::new();
        let mut fields = Fields::of(raw);
        fields.take("length", &mut self.length);
        fields.take("hash", &mut hash);
        let hash = digits::read_hash(&hash);
        self.hash = hash.unwrap_or_default();
        fields.is_good() && hash.is_some()
    }
    fn blank() -> Self {
        TextMark { length: 0, hash: 0 }
    }
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::digits;

    pub fn serialize<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&digits::hash(*hash))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let hash = digits::read_hash(&String::deserialize(deserializer)?);
        hash.ok_or_else(|| serde::de::Error::custom("a hash is in hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mark_is_what_the_protocol_says() {
        assert_eq!(Text::of("").mark(), TextMark { length: 0, hash: 0 });
        assert_eq!(Text::of("a").mark(), TextMark { length: 1, hash: 98 });
        let two = (98 * u128::from(BASE) + 99) % u128::from(MODULUS);
        assert_eq!(Text::of("ab").mark(), TextMark { length: 2, hash: two as u64 });
        assert_eq!(Text::of("😀").mark().length, 2);
    }

    #[test]
    fn a_pair_is_never_split() {
        let mut text = Text::of("a😀b");
        assert_eq!(text.splice(2, 0, "x"), Err(SpliceError::SplitsPair));
        assert_eq!(text.splice(1, 1, ""), Err(SpliceError::SplitsPair));
        assert_eq!(text.splice(5, 0, "x"), Err(SpliceError::OutOfRange));
        assert_eq!(text.splice(u64::MAX, 2, "x"), Err(SpliceError::OutOfRange));
        assert_eq!(text.whole(), "a😀b");
        text.splice(1, 2, "c").unwrap();
        assert_eq!(text.whole(), "acb");
    }

    proptest! {
        #[test]
        fn units_are_those_of_the_library(text in "\\PC{0,40}") {
            prop_assert_eq!(units(&text), text.encode_utf16().count() as u64);
        }

        #[test]
        fn splices_agree_with_a_plain_string(start in "\\PC{0,200}", edits in prop::collection::vec((0usize..4000, 0usize..3000, "(\\PC|a){0,3}|a{900,2500}"), 1..40)) {
            let mut plain: Vec<u16> = start.encode_utf16().collect();
            let mut text = Text::of(&start);
            for (at, remove, insert) in edits {
                let at = at % (plain.len() + 1);
                let remove = remove % (plain.len() - at + 1);
                let mut expected = plain.clone();
                expected.splice(at..at + remove, insert.encode_utf16());
                match text.splice(at as u64, remove as u64, &insert) {
                    Ok(()) => plain = expected,
                    Err(why) => {
                        prop_assert_eq!(why, SpliceError::SplitsPair);
                        let splits = |unit: usize| plain.get(unit).is_some_and(|u| (0xdc00..0xe000).contains(u));
                        prop_assert!(splits(at) || splits(at + remove));
                    }
                }
                let whole = String::from_utf16(&plain).unwrap();
                prop_assert_eq!(text.whole(), whole.clone());
                prop_assert_eq!(text.mark(), Text::of(&whole).mark());
            }
        }
    }
}
