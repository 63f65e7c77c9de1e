//! A parsed JSON value that loses nothing: numbers stay the text they were, members keep their order.

use std::borrow::Cow;

use super::digits;
use super::json::JsonError;
use super::scan::{self, Care};
use crate::ordered::Order;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written (D4).
    Number(Box<str>),
    /// A string.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// An object.
    Object(Members),
}

/// The members of an object, in their order, each name once.
#[derive(Clone, Debug, Default)]
pub struct Members(Vec<(String, Value)>);

impl Members {
    /// The value of `name`, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Sets `name`, which is not there, at the end.
    pub fn push(&mut self, name: String, value: Value) {
        self.0.push((name, value));
    }

    /// Takes `name` out; the others keep their order.
    pub fn remove(&mut self, name: &str) {
        if let Some(at) = self.0.iter().position(|(other, _)| other == name) {
            self.0.remove(at);
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(String, Value)> {
        self.0.iter()
    }
}

impl IntoIterator for Members {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Order does not count, as it does not in JSON.
impl PartialEq for Members {
    fn eq(&self, other: &Members) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|(name, value)| other.0.iter().any(|(n, v)| n == name && v == value))
    }
}

impl Value {
    /// Parses text that has been checked; what comes of other text is some value, and never a panic.
    pub(super) fn of_checked(text: &str) -> Value {
        let mut parser = Parser { text, at: 0 };
        parser.value(0)
    }

    /// Parses any text.
    pub fn parse(text: &str) -> Result<Value, JsonError> {
        super::Json::parse(text).map(|json| json.to_tree())
    }

    /// How many levels of arrays and objects it has.
    pub fn depth(&self) -> usize {
        match self {
            Value::Array(items) => 1 + items.iter().map(Value::depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Appends the text of this value.
    pub fn write(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Number(text) => out.push_str(text),
            Value::String(text) => write_string(text, out),
            Value::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Value::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// Appends `text` as a JSON string.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..0x20 => {
                out.push_str(&text[plain..at]);
                out.push_str("\\u00");
                out.push(digits::nibble(byte >> 4, b'a'));
                out.push(digits::nibble(byte, b'a'));
                plain = at + 1;
                continue;
            }
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        out.push_str(escape);
        plain = at + 1;
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// The content of a checked string, given with its quotes.
pub fn read_string(raw: &str) -> Cow<'_, str> {
    let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let bytes = inside.as_bytes();
    if !bytes.contains(&b'\\') {
        return Cow::Borrowed(inside);
    }
    let mut text = String::with_capacity(inside.len());
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\\') {
        text.push_str(&inside[at..at + found]);
        at += found + 2;
        let escaped = bytes.get(at - 1).copied().unwrap_or_default();
        let c = match escaped {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = |at| scan::unit(bytes, at).unwrap_or_default();
                let first = unit(at);
                at += 4;
                let code = if (0xd800..0xdc00).contains(&first) {
                    let second = unit(at + 2);
                    at += 6;
                    0x10000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff)
                } else {
                    first
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => char::from(other),
        };
        text.push(c);
    }
    text.push_str(&inside[at..]);
    Cow::Owned(text)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> u8 {
        self.at = scan::skip_space(self.text.as_bytes(), self.at);
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn string(&mut self) -> String {
        let end = scan::string(self.text.as_bytes(), self.at, Care::Envelope).unwrap_or(self.text.len());
        let text = read_string(&self.text[self.at..end]).into_owned();
        self.at = end;
        text
    }

    /// Whether there is one more: passes the opening or the comma, and at the end the end.
    fn more(&mut self, first: bool, end: u8) -> bool {
        if first || self.peek() == b',' {
            self.at += 1;
        }
        let is_more = !matches!(self.peek(), 0) && self.peek() != end;
        if !is_more {
            self.at += 1;
        }
        is_more
    }

    fn value(&mut self, depth: usize) -> Value {
        if depth > scan_depth() {
            return Value::Null;
        }
        let start = match self.peek() {
            b'{' => return self.object(depth),
            b'[' => {
                let mut items = Vec::new();
                let mut first = true;
                while self.more(first, b']') {
                    items.push(self.value(depth + 1));
                    first = false;
                }
                return Value::Array(items);
            }
            b'"' => return Value::String(self.string()),
            _ => self.at,
        };
        let mut end = start + 1;
        while !matches!(self.text.as_bytes().get(end), None | Some(b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t' | b':')) {
            end += 1;
        }
        self.at = end;
        let plain = self.text.get(start..end).unwrap_or_default();
        match (plain, plain.as_bytes().first()) {
            ("true", _) => Value::Bool(true),
            ("false", _) => Value::Bool(false),
            (number, Some(b'-' | b'0'..=b'9')) => Value::Number(number.into()),
            _ => Value::Null,
        }
    }

    /// A name that comes twice has the later value, in the earlier place, as in JavaScript.
    fn object(&mut self, depth: usize) -> Value {
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut names = Order::default();
        let mut first = true;
        while self.more(first, b'}') {
            first = false;
            let name = self.string();
            if self.peek() == b':' {
                self.at += 1;
            }
            let value = self.value(depth + 1);
            let slot = names.enter(members.len(), &|slot: usize| members[slot].0.cmp(&name));
            match members.get_mut(slot) {
                Some((_, earlier)) => *earlier = value,
                None => members.push((name, value)),
            }
        }
        Value::Object(Members(members))
    }
}

fn scan_depth() -> usize {
    super::json::DEPTH_MAX + 8
}
