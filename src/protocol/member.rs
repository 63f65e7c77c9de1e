//! Objects of known shape: how headers, entries, outcomes and notices become text, and are read back.

use std::borrow::Cow;
use std::sync::Arc;

use super::json::{Json, JsonError};
use super::scan::{self, Care};
use super::value::{read_string, write_string};

/// The members of an object, found but not yet read. A name that comes twice has its later value.
#[derive(Debug, Default)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

/// What can be a member of an object.
pub trait Member: Sized {
    /// Appends the text.
    fn write(&self, out: &mut String);
    /// Reads the text of one value; `None` where it is something else.
    fn read(raw: &str) -> Option<Self>;
    /// What a member that is left out stands for, where it may be.
    fn missing() -> Option<Self> {
        None
    }
    /// Whether it is left out.
    fn is_missing(&self) -> bool {
        false
    }
}

impl<'a> Fields<'a> {
    /// Reads an object. What is inside its members is checked when they are read.
    pub fn parse(text: &'a str) -> Result<Fields<'a>, JsonError> {
        let mut fields = Vec::new();
        let end = items(text, b'{', b'}', |at| {
            let value = scan::name(text.as_bytes(), at, TEXT)?;
            let name_end = scan::string(text.as_bytes(), at, TEXT)?;
            let end = scan::value(text.as_bytes(), value, Care::Envelope)?;
            fields.push((read_string(&text[at..name_end]), &text[value..end]));
            Ok(end)
        })?;
        finished(text, end).map(|()| Fields(fields))
    }

    /// All members, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, raw)| (&**name, *raw))
    }

    /// The text of a member.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, raw)| *raw)
    }

    /// A member, read; an error names it.
    pub fn read<T: Member>(&self, name: &'static str) -> Result<T, &'static str> {
        match self.raw(name) {
            Some(raw) => T::read(raw).ok_or(name),
            None => T::missing().ok_or(name),
        }
    }
}

/// The texts of a list's items.
pub fn list(text: &str) -> Result<Vec<&str>, JsonError> {
    let mut found = Vec::new();
    let end = items(text, b'[', b']', |at| {
        let end = scan::value(text.as_bytes(), at, Care::Envelope)?;
        found.push(&text[at..end]);
        Ok(end)
    })?;
    finished(text, end).map(|()| found)
}

/// Walks the items between `open` and `close`; `item` says where each ends.
fn items(text: &str, open: u8, close: u8, mut item: impl FnMut(usize) -> Result<usize, JsonError>) -> Result<usize, JsonError> {
    let bytes = text.as_bytes();
    let wrong = |at: usize| JsonError::Malformed(format!("something else than expected at byte {at}"));
    let mut at = scan::skip_space(bytes, 0);
    if bytes.get(at) != Some(&open) {
        return Err(wrong(at));
    }
    at = scan::skip_space(bytes, at + 1);
    if bytes.get(at) == Some(&close) {
        return Ok(at + 1);
    }
    loop {
        at = scan::skip_space(bytes, item(at)?);
        match bytes.get(at) {
            Some(b',') => at = scan::skip_space(bytes, at + 1),
            Some(byte) if *byte == close => return Ok(at + 1),
            _ => return Err(wrong(at)),
        }
    }
}

fn finished(text: &str, end: usize) -> Result<(), JsonError> {
    let rest = scan::skip_space(text.as_bytes(), end);
    if rest == text.len() { Ok(()) } else { Err(JsonError::Malformed(format!("more than one value, at byte {rest}"))) }
}

/// Writes an object member by member.
pub struct ObjectWriter<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> ObjectWriter<'o> {
    /// Begins an object.
    pub fn begin(out: &'o mut String) -> Self {
        out.push('{');
        ObjectWriter { out, empty: true }
    }

    /// One more member; nothing where it may be left out.
    pub fn member(&mut self, name: &str, value: &impl Member) -> &mut Self {
        if !value.is_missing() {
            value.write(self.name(name));
        }
        self
    }

    /// One more member, whose text the caller appends.
    pub fn name(&mut self, name: &str) -> &mut String {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(',');
        }
        write_string(name, self.out);
        self.out.push(':');
        self.out
    }

    /// Ends the object.
    pub fn end(self) {
        self.out.push('}');
    }
}

/// Makes a struct a member: an object with these members, in this order. `or 0` leaves a zero out.
#[macro_export]
#[doc(hidden)]
macro_rules! members {
    ($($type:ty { $($field:ident = $name:literal $(or $default:literal)?),* $(,)? })*) => {$(
        impl $crate::protocol::member::Member for $type {
            fn write(&self, out: &mut String) {
                let mut object = $crate::protocol::member::ObjectWriter::begin(out);
                $($(if self.$field != $default)? {
                    object.member($name, &self.$field);
                })*
                object.end();
            }
            fn read(raw: &str) -> Option<Self> {
                let fields = $crate::protocol::member::Fields::parse(raw).ok()?;
                Some(Self { $($field: $crate::members!(@read fields, $name $(, $default)?)),* })
            }
        }
    )*};
    (@read $fields:ident, $name:literal) => { $fields.read($name).ok()? };
    (@read $fields:ident, $name:literal, $default:literal) => {
        if $fields.raw($name).is_some() { $fields.read($name).ok()? } else { $default }
    };
}

/// Names and strings are text wherever they stand.
const TEXT: Care = Care::Document(0);

fn is_string(raw: &str) -> bool {
    raw.starts_with('"') && scan::string(raw.as_bytes(), 0, TEXT) == Ok(raw.len())
}

impl Member for String {
    fn write(&self, out: &mut String) {
        write_string(self, out);
    }
    fn read(raw: &str) -> Option<Self> {
        is_string(raw).then(|| read_string(raw).into_owned())
    }
}

impl Member for Arc<str> {
    fn write(&self, out: &mut String) {
        write_string(self, out);
    }
    fn read(raw: &str) -> Option<Self> {
        is_string(raw).then(|| read_string(raw).into())
    }
}

impl Member for u64 {
    fn write(&self, out: &mut String) {
        let mut digits = [0; 20];
        let (mut at, mut rest) = (digits.len(), *self);
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        digits[at..].iter().for_each(|digit| out.push(char::from(*digit)));
    }
    fn read(raw: &str) -> Option<Self> {
        raw.parse().ok()
    }
}

impl Member for u32 {
    fn write(&self, out: &mut String) {
        u64::from(*self).write(out);
    }
    fn read(raw: &str) -> Option<Self> {
        u64::read(raw)?.try_into().ok()
    }
}

impl Member for bool {
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
    fn read(raw: &str) -> Option<Self> {
        match raw {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }
    fn missing() -> Option<Self> {
        Some(false)
    }
    fn is_missing(&self) -> bool {
        !self
    }
}

impl<T: Member> Member for Option<T> {
    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("null"),
        }
    }
    fn read(raw: &str) -> Option<Self> {
        if raw == "null" { Some(None) } else { T::read(raw).map(Some) }
    }
    fn missing() -> Option<Self> {
        Some(None)
    }
    fn is_missing(&self) -> bool {
        self.is_none()
    }
}

impl<T: Member> Member for Vec<T> {
    fn write(&self, out: &mut String) {
        out.push('[');
        for (index, item) in self.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            item.write(out);
        }
        out.push(']');
    }
    fn read(raw: &str) -> Option<Self> {
        list(raw).ok()?.into_iter().map(T::read).collect()
    }
    fn missing() -> Option<Self> {
        Some(Vec::new())
    }
    fn is_missing(&self) -> bool {
        self.is_empty()
    }
}

impl Member for Json {
    fn write(&self, out: &mut String) {
        out.push_str(self.as_str());
    }
    fn read(raw: &str) -> Option<Self> {
        Json::parse(raw).ok()
    }
}

/// The text of one value.
pub fn text_of(value: &impl Member) -> String {
    let mut text = String::new();
    value.write(&mut text);
    text
}
