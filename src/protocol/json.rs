//! Checked JSON text: what a document is while nobody has to look into it.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Deepest nesting of arrays and objects in a document.
pub const DEPTH_MAX: usize = 100;

/// JSON text that has been checked: RFC 8259, at most [`DEPTH_MAX`] levels, no lone surrogates, numbers that a double
/// or a 64-bit integer can hold. The text itself is kept, byte for byte, so a document comes back as it was given.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json(Arc<str>);

/// Why a text is not a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// Not JSON, or JSON with a lone surrogate or a number out of range; the parser's sentence says which and where.
    Malformed(String),
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JsonError::Malformed(why) => write!(f, "not a JSON document: {why}"),
            JsonError::TooDeep => write!(f, "nested deeper than {DEPTH_MAX} levels"),
        }
    }
}

impl std::error::Error for JsonError {}

impl Json {
    /// Checks `text` and keeps it.
    pub fn parse(text: &str) -> Result<Json, JsonError> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Check { depth: 0 }.deserialize(&mut deserializer).and_then(|()| deserializer.end()).map_err(|error| classify(&error))?;
        Ok(Json(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, parsed.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).expect("Json::parse checked the text")
    }

    /// The text of a value. Sound as long as the value was built from checked parts, as operations are.
    pub(super) fn of(value: &serde_json::Value) -> Json {
        debug_assert!(depth(value) <= DEPTH_MAX, "operations are checked not to nest documents deeper");
        Json(value.to_string().into())
    }
}

/// Reads an object. Serde alone would take a list for a struct, member by member.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    if text.trim_start().starts_with('{') { serde_json::from_str(text) } else { Err(serde::de::Error::custom("not an object")) }
}

/// How many levels of arrays and objects `value` has.
pub fn depth(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

const TOO_DEEP: &str = "nested too deep";

fn classify(error: &serde_json::Error) -> JsonError {
    let sentence = error.to_string();
    if sentence.starts_with(TOO_DEEP) || sentence.starts_with("recursion limit exceeded") {
        JsonError::TooDeep
    } else {
        JsonError::Malformed(sentence)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Json::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}

/// Walks a value without building it: the parser decodes each string (which finds lone surrogates) and each number.
struct Check {
    depth: usize,
}

impl Check {
    fn inner<E: serde::de::Error>(&self) -> Result<Check, E> {
        if self.depth == DEPTH_MAX { Err(E::custom(TOO_DEEP)) } else { Ok(Check { depth: self.depth + 1 }) }
    }
}

impl<'de> DeserializeSeed<'de> for Check {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.inner()?)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Check { depth: 0 })?.is_some() {
            map.next_value_seed(self.inner()?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d4_text_is_kept_as_given() {
        for text in ["{\"b\":1,\"a\":9007199254740993}", "-0", "1.0", " [1, 2] ", "\"\\u0000\\ud83d\\ude00\"", "{\"__proto__\":{\"x\":1}}"]
        {
            assert_eq!(Json::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn d2_depth_has_a_limit_and_a_name() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Json::parse(&nested(DEPTH_MAX)).is_ok());
        for levels in [DEPTH_MAX + 1, 128, 129, 1_000_000] {
            assert_eq!(Json::parse(&nested(levels)), Err(JsonError::TooDeep), "{levels} levels");
        }
    }

    #[test]
    fn d5_what_is_not_json_is_refused() {
        for text in ["", "{", "nul", "\"\\ud800\"", "{\"\\udc00\":1}", "1e400", "[1,]", "1 2", "\u{feff}1", "NaN"] {
            assert!(matches!(Json::parse(text), Err(JsonError::Malformed(_))), "{text}");
        }
    }
}
