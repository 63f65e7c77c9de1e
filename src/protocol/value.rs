//! A parsed JSON value that loses nothing: numbers stay the text they were, members keep their order.

use super::digits;
use super::json::{DEPTH_MAX, JsonError};
use super::scan::{Walk, plain};
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
    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// The only member; `None` where there are none or several.
    pub fn only(&self) -> Option<&(String, Value)> {
        if let [only] = &self.0[..] { Some(only) } else { None }
    }

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

/// Order does not count, as it does not in JSON.
impl PartialEq for Members {
    fn eq(&self, other: &Members) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|(name, value)| other.0.iter().any(|(n, v)| n == name && v == value))
    }
}

impl Value {
    /// Parses any text.
    pub fn parse(text: &str) -> Result<Value, JsonError> {
        Value::read(text, true)
    }

    /// Looks at any text, and parses it where that is `wanted`.
    pub(super) fn read(text: &str, wanted: bool) -> Result<Value, JsonError> {
        let mut walk = Walk::of(text);
        let value = walk.document(DEPTH_MAX, wanted);
        walk.finish().map(|()| value)
    }

    /// The value that these names lead to, through objects only.
    pub fn at(&self, tokens: &[String]) -> Option<&Value> {
        let mut value = self;
        for token in tokens {
            let Value::Object(members) = value else { return None };
            value = members.get(token)?;
        }
        Some(value)
    }

    /// How many levels of arrays and objects it has.
    pub fn depth(&self) -> usize {
        let mut inside = 0;
        match self {
            Value::Array(items) => items.iter().for_each(|item| inside = item.depth().max(inside)),
            Value::Object(members) => members.iter().for_each(|(_, value)| inside = value.depth().max(inside)),
            _ => return 0,
        }
        1 + inside
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
pub fn write_string(mut text: &str, out: &mut String) {
    out.push('"');
    loop {
        let (plain, rest) = text.split_at(plain(text.as_bytes()));
        out.push_str(plain);
        let Some(byte) = rest.bytes().next() else { break };
        out.push('\\');
        match b"\"\\\x08\x0c\n\r\t".iter().position(|known| *known == byte) {
            Some(which) => out.push(char::from(b"\"\\bfnrt"[which])),
            None => {
                out.push_str("u00");
                out.push(digits::nibble(byte >> 4, b'a'));
                out.push(digits::nibble(byte, b'a'));
            }
        }
        text = &rest[1..];
    }
    out.push('"');
}

impl Walk<'_> {
    /// Passes the document that begins here, nested at most so many levels, and returns it where it is wanted: otherwise
    /// it is only looked at.
    fn document(&mut self, levels: usize, wanted: bool) -> Value {
        match self.peek() {
            b'{' | b'[' if levels == 0 => {
                self.refuse(JsonError::TooDeep);
            }
            b'{' => {
                let mut members: Vec<(String, Value)> = Vec::new();
                let mut names = Order::default();
                self.items(&mut |walk, name| {
                    let value = walk.document(levels - 1, wanted);
                    if wanted {
                        // A name that comes twice has the later value, in the earlier place, as in JavaScript.
                        let slot = names.enter(members.len(), &|slot: usize| (*members[slot].0).cmp(&name));
                        match members.get_mut(slot) {
                            Some((_, earlier)) => *earlier = value,
                            None => members.push((name.into_owned(), value)),
                        }
                    }
                    walk.is_good()
                });
                return Value::Object(Members(members));
            }
            b'[' => {
                let mut items = Vec::new();
                self.items(&mut |walk, _| {
                    let value = walk.document(levels - 1, wanted);
                    if wanted {
                        items.push(value);
                    }
                    walk.is_good()
                });
                return Value::Array(items);
            }
            b'"' => {
                let text = self.string();
                if wanted {
                    return Value::String(text.into_owned());
                }
            }
            b'-' | b'0'..=b'9' => {
                let text = self.number();
                if wanted {
                    return Value::Number(text.into());
                }
            }
            _ if self.word("true") => return Value::Bool(true),
            _ if self.word("false") => return Value::Bool(false),
            _ if self.word("null") => {}
            _ => {
                self.fail("no value");
            }
        }
        Value::Null
    }
}
