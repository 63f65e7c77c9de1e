//! Objects of known shape: how headers, entries, outcomes and notices become text, and are read back.
//!
//! What writes an object sees its members as [`Written`] alone, and what reads one as [`Filled`]: so each is there once,
//! and not once for each kind of member.

use std::borrow::Cow;
use std::sync::Arc;

use super::json::{Json, JsonError};
use super::scan::Walk;
use super::value::write_string;
use super::{digits, words};

/// Most texts have room in this from the start.
pub const TEXT_BYTES: usize = 512;

/// The members of an object, found but not yet read. A name that comes twice has its later value.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    members: Vec<(Cow<'a, str>, &'a str)>,
    /// What was found wrong first.
    wrong: Option<Wrong>,
}

/// Why a text is not an object of the shape that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It, or a document in it, is no JSON.
    Json(JsonError),
    /// The member of this name is missing or of another type.
    Member(&'static str),
    /// It breaks this rule.
    Rule(&'static str),
}

impl Wrong {
    /// The same in words.
    pub fn said(&self) -> String {
        match self {
            Wrong::Json(error) => error.said(),
            Wrong::Member(name) => words::join(&["`", name, "` is missing or of another type"]),
            Wrong::Rule(rule) => (*rule).to_owned(),
        }
    }
}

/// What can be a member of an object.
pub trait Member: Sized {
    /// Whether a member of this type may be left out.
    const OPTIONAL: bool = false;
    /// Appends the text.
    fn write(&self, out: &mut String);
    /// Takes up the text of one value; `false` where it is something else, and then what this holds says nothing.
    fn fill(&mut self, raw: &str) -> bool;
    /// Whether it is left out.
    fn is_missing(&self) -> bool {
        false
    }
    /// What is there before a text is taken up, and what a member that is left out stands for, where it may be.
    fn blank() -> Self;
    /// Reads the text of one value; `None` where it is something else.
    fn read(raw: &str) -> Option<Self> {
        let mut value = Self::blank();
        if value.fill(raw) { Some(value) } else { None }
    }
}

/// Any member, to be written.
pub trait Written {
    /// Appends the text.
    fn append(&self, out: &mut String);
    /// Whether it is left out.
    fn is_left_out(&self) -> bool;
}

/// Any member, to be read into.
pub trait Filled {
    /// Takes up the text of the member; `false` where it is something else, or must be there and is not.
    fn take(&mut self, raw: Option<&str>) -> bool;
}

impl<T: Member> Written for T {
    fn append(&self, out: &mut String) {
        self.write(out);
    }
    fn is_left_out(&self) -> bool {
        self.is_missing()
    }
}

impl Written for &str {
    fn append(&self, out: &mut String) {
        write_string(self, out);
    }
    fn is_left_out(&self) -> bool {
        false
    }
}

impl<T: Member> Written for &[T] {
    fn append(&self, out: &mut String) {
        write_list(self, out);
    }
    fn is_left_out(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Member> Filled for T {
    fn take(&mut self, raw: Option<&str>) -> bool {
        raw.map_or(T::OPTIONAL, |raw| self.fill(raw))
    }
}

impl<'a> Fields<'a> {
    /// Reads an object. What is inside its members is checked when they are read, and whether it is one is seen in the
    /// end, by [`Fields::finish`].
    pub fn of(text: &'a str) -> Fields<'a> {
        Fields::within(text, b'{')
    }

    /// Reads what begins with `open`: an object, or a list, whose items have no names.
    fn within(text: &'a str, open: u8) -> Fields<'a> {
        let mut members = Vec::new();
        let mut walk = Walk::of(text);
        if walk.peek() == open {
            walk.items(&mut |walk, name| {
                members.push((name, walk.skip()));
                walk.is_good()
            });
        } else {
            walk.fail("something else than expected");
        }
        match walk.finish() {
            Ok(()) => Fields { members, wrong: None },
            Err(error) => Fields { members: Vec::new(), wrong: Some(Wrong::Json(error)) },
        }
    }

    /// All members, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Cow<'a, str>, &'a str)> {
        self.members.iter()
    }

    /// The text of a member.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        for (other, raw) in self.members.iter().rev() {
            if other == name {
                return Some(raw);
            }
        }
        None
    }

    /// A member, read; an error names it.
    pub fn read<T: Member>(&self, name: &'static str) -> Result<T, &'static str> {
        let mut value = T::blank();
        if value.take(self.raw(name)) { Ok(value) } else { Err(name) }
    }

    /// Takes a member up into `slot`; whether that went well is seen in the end, by [`Fields::finish`].
    pub fn take(&mut self, name: &'static str, slot: &mut dyn Filled) {
        if self.wrong.is_none() && !slot.take(self.raw(name)) {
            self.wrong = Some(Wrong::Member(name));
        }
    }

    /// The texts of a list's items.
    pub fn list(&mut self, name: &'static str) -> Vec<&'a str> {
        let items = list(self.raw(name).unwrap_or_default());
        items.unwrap_or_else(|_| {
            self.note(Err(Wrong::Member(name)));
            Vec::new()
        })
    }

    /// A document among the members, which must be there; what is wrong with it is said as it is.
    pub fn document(&mut self, name: &'static str) -> Json {
        let document = self.raw(name).ok_or(Wrong::Member(name)).and_then(|raw| Json::parse(raw).map_err(Wrong::Json));
        document.unwrap_or_else(|wrong| {
            self.note(Err(wrong));
            Json::null()
        })
    }

    /// Something else was found out about the object.
    pub fn note(&mut self, found: Result<(), Wrong>) {
        self.wrong = self.wrong.or(found.err());
    }

    /// Whether there was an object, and all members that were taken up are as they should be; the error is about what
    /// was found wrong first.
    pub fn finish(&self) -> Result<(), Wrong> {
        self.wrong.map_or(Ok(()), Err)
    }

    /// Whether there is no such error.
    pub fn is_good(&self) -> bool {
        self.wrong.is_none()
    }
}

/// The texts of a list's items.
pub fn list(text: &str) -> Result<Vec<&str>, Wrong> {
    let fields = Fields::within(text, b'[');
    let mut items = Vec::with_capacity(fields.members.len());
    for (_, raw) in &fields.members {
        items.push(*raw);
    }
    fields.finish().map(|()| items)
}

/// Writes an object member by member.
pub struct ObjectWriter<'o> {
    out: &'o mut String,
}

impl<'o> ObjectWriter<'o> {
    /// Begins an object.
    pub fn begin(out: &'o mut String) -> Self {
        out.push('{');
        ObjectWriter { out }
    }

    /// One more member; nothing where it may be left out.
    pub fn member(&mut self, name: &str, value: &dyn Written) -> &mut Self {
        if !value.is_left_out() {
            value.append(self.name(name));
        }
        self
    }

    /// One more member, whose text the caller appends.
    pub fn name(&mut self, name: &str) -> &mut String {
        // No value ends in an opening brace: this is the object's own.
        if self.out.as_bytes().last() != Some(&b'{') {
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
            fn fill(&mut self, raw: &str) -> bool {
                let mut fields = $crate::protocol::member::Fields::of(raw);
                $($crate::members!(@take fields, $name, self.$field $(, $default)?);)*
                fields.is_good()
            }
            fn blank() -> Self {
                Self { $($field: $crate::members!(@blank $($default)?)),* }
            }
        }
    )*};
    (@take $fields:ident, $name:literal, $slot:expr) => { $fields.take($name, &mut $slot) };
    (@take $fields:ident, $name:literal, $slot:expr, $default:literal) => {
        if $fields.raw($name).is_some() {
            $fields.take($name, &mut $slot);
        }
    };
    (@blank) => { $crate::protocol::member::Member::blank() };
    (@blank $default:literal) => { $default };
}

/// What a string says; `None` where the value is none.
fn read_text(raw: &str) -> Option<Cow<'_, str>> {
    let mut walk = Walk::of(raw);
    if walk.peek() != b'"' {
        return None;
    }
    let text = walk.string();
    if walk.finish().is_ok() { Some(text) } else { None }
}

impl Member for String {
    fn write(&self, out: &mut String) {
        write_string(self, out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        let text = read_text(raw);
        let is_string = text.is_some();
        *self = text.unwrap_or_default().into_owned();
        is_string
    }
    fn blank() -> Self {
        String::new()
    }
}

impl Member for Arc<str> {
    fn write(&self, out: &mut String) {
        write_string(self, out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        let text = read_text(raw);
        let is_string = text.is_some();
        *self = text.unwrap_or_default().into();
        is_string
    }
    fn blank() -> Self {
        Self::default()
    }
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Member for $type {
            fn write(&self, out: &mut String) {
                digits::write(u64::from(*self), out);
            }
            fn fill(&mut self, raw: &str) -> bool {
                let number = digits::read(raw).and_then(|number| Self::try_from(number).ok());
                *self = number.unwrap_or_default();
                number.is_some()
            }
            fn blank() -> Self {
                0
            }
        }
    )*};
}

numbers! { u16 u32 u64 }

impl Member for i64 {
    fn write(&self, out: &mut String) {
        out.push_str(&digits::signed(*self));
    }
    fn fill(&mut self, raw: &str) -> bool {
        let number = digits::read_signed(raw);
        *self = number.unwrap_or_default();
        number.is_some()
    }
    fn blank() -> Self {
        0
    }
}

impl Member for bool {
    const OPTIONAL: bool = true;
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
    fn fill(&mut self, raw: &str) -> bool {
        *self = raw == "true";
        *self || raw == "false"
    }
    fn is_missing(&self) -> bool {
        !self
    }
    fn blank() -> Self {
        false
    }
}

impl<T: Member> Member for Option<T> {
    const OPTIONAL: bool = true;
    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("null"),
        }
    }
    fn fill(&mut self, raw: &str) -> bool {
        if raw == "null" {
            *self = None;
            return true;
        }
        self.insert(T::blank()).fill(raw)
    }
    fn is_missing(&self) -> bool {
        self.is_none()
    }
    fn blank() -> Self {
        None
    }
}

/// A list of any kind, to be written.
trait List {
    fn item(&self, at: usize) -> Option<&dyn Written>;
}

impl<T: Member> List for &[T] {
    fn item(&self, at: usize) -> Option<&dyn Written> {
        match self.get(at) {
            Some(item) => Some(item),
            None => None,
        }
    }
}

fn write_list(list: &dyn List, out: &mut String) {
    out.push('[');
    let mut at = 0;
    while let Some(item) = list.item(at) {
        if at > 0 {
            out.push(',');
        }
        item.append(out);
        at += 1;
    }
    out.push(']');
}

/// A list of any kind, to be read into.
trait Growing {
    /// One more item, at the end.
    fn grow(&mut self) -> &mut dyn Filled;
}

impl<T: Member> Growing for Vec<T> {
    fn grow(&mut self) -> &mut dyn Filled {
        let at = self.len();
        self.push(T::blank());
        &mut self[at]
    }
}

fn fill_list(growing: &mut dyn Growing, raw: &str) -> bool {
    let Ok(items) = list(raw) else { return false };
    for raw in &items {
        if !growing.grow().take(Some(raw)) {
            return false;
        }
    }
    true
}

impl<T: Member> Member for Vec<T> {
    const OPTIONAL: bool = true;
    fn write(&self, out: &mut String) {
        write_list(&self.as_slice(), out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        self.clear();
        fill_list(self, raw)
    }
    fn is_missing(&self) -> bool {
        self.is_empty()
    }
    fn blank() -> Self {
        Vec::new()
    }
}

impl Member for Json {
    fn write(&self, out: &mut String) {
        out.push_str(self.as_str());
    }
    fn fill(&mut self, raw: &str) -> bool {
        match Json::parse(raw) {
            Ok(json) => {
                *self = json;
                true
            }
            Err(_) => false,
        }
    }
    fn blank() -> Self {
        Json::null()
    }
}

/// The text of one value.
pub fn text_of(value: &dyn Written) -> String {
    let mut text = String::with_capacity(TEXT_BYTES);
    value.append(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn p3_what_is_wrong_inside_a_value_stays_inside() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for bad in ["tru", "1e", "[1 2]", r#"{"a":}"#, r#""\ud800""#, &deep] {
            let text = words::join(&[r#"{"a": "#, bad, r#" ,"b":1}"#]);
            let fields = Fields::of(&text);
            assert_eq!((fields.finish(), fields.raw("a"), fields.raw("b")), (Ok(()), Some(bad), Some("1")));
            assert!(fields.read::<Json>("a").is_err(), "{bad}");
        }
        for torn in [r#"{"a""#, r#"{"a":}"#, r#"{"a":[1}"#, r#"{"a":"b}"#, r#"{"a":"b\"#, "{\"a\":\"\n\"}", r#"{"a":1,}"#, r#"{"a":1}1"#] {
            assert!(Fields::of(torn).finish().is_err(), "{torn}");
        }
    }

    proptest! {
        #[test]
        fn an_object_has_the_members_that_the_library_finds(inner in r#"("[ab\\u0d]{0,3}"|[\[\]{}:, 1tfn"]|null|:|,){0,14}"#) {
            let text = words::join(&["{", &inner, "}"]);
            let fields = Fields::of(&text);
            if let Ok(theirs) = serde_json::from_str::<BTreeMap<String, Box<serde_json::value::RawValue>>>(&text) {
                prop_assert_eq!(fields.finish(), Ok(()));
                for (name, raw) in &theirs {
                    prop_assert_eq!(fields.raw(name), Some(raw.get()));
                }
            } else if fields.finish().is_ok() {
                prop_assert!(fields.iter().any(|(_, raw)| Json::parse(raw).is_err()), "{}", text);
            }
        }
    }
}
