//! Checked JSON text: what a document is while nobody has to look into it.

use std::fmt;
use std::sync::Arc;

use super::value::Value;
use super::{digits, words};

/// Deepest nesting of arrays and objects in a document.
pub const DEPTH_MAX: usize = 100;

/// JSON text that has been checked: RFC 8259, at most [`DEPTH_MAX`] levels, no lone surrogates, no number beyond the
/// range of doubles. The text itself is kept, byte for byte, so a document comes back as it was given.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json(Arc<str>);

/// Why a text is not a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// Not JSON, or JSON with a lone surrogate or a number out of range.
    Malformed {
        /// Which.
        what: &'static str,
        /// At which byte.
        at: usize,
    },
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl JsonError {
    /// The same in words.
    pub fn said(&self) -> String {
        match self {
            JsonError::Malformed { what, at } => words::join(&["not a JSON document: ", what, " at byte ", &digits::text(*at as u64)]),
            JsonError::TooDeep => words::join(&["nested deeper than ", &digits::text(DEPTH_MAX as u64), " levels"]),
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said())
    }
}

impl std::error::Error for JsonError {}

impl Json {
    /// Checks `text` and keeps it.
    pub fn parse(text: &str) -> Result<Json, JsonError> {
        Value::read(text, false)?;
        Ok(Json(text.into()))
    }

    /// The document `null`.
    pub fn null() -> Json {
        Json("null".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, parsed without loss.
    pub fn to_tree(&self) -> Value {
        Value::parse(&self.0).expect("Json::parse checked the text")
    }

    /// The text, parsed by the library that tests and servers use.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).expect("Json::parse checked the text")
    }

    /// The text of a value. Sound as long as the value was built from checked parts, as operations and merged documents are.
    pub(crate) fn of(value: &Value) -> Json {
        debug_assert!(value.depth() <= DEPTH_MAX, "operations are checked not to nest documents deeper");
        let mut text = String::new();
        value.write(&mut text);
        Json(text.into())
    }
}

/// Reads an object by the library that servers use, which alone would take a list for a struct, member by member.
#[cfg(feature = "authority")]
pub(crate) fn object<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    if text.trim_start().starts_with('{') { serde_json::from_str(text) } else { Err(serde::de::Error::custom("not an object")) }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

mod library {
    //! For tests and servers; a browser does not download what it does not use.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    use super::Json;

    impl Serialize for Json {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn d4_text_is_kept_as_given() {
        for text in [
            "{\"b\":1,\"a\":9007199254740993}",
            "-0",
            "1.0",
            " [1, 2] ",
            "\"\\u0000\\ud83d\\ude00\"",
            "{\"__proto__\":{\"x\":1}}",
            "1.7976931348623157e308",
            "0e999",
            "0.000e+400",
            "1e-999",
            "123e306",
        ] {
            let json = Json::parse(text).unwrap();
            assert_eq!(json.as_str(), text);
            assert!(Json::of(&json.to_tree()).to_value() == json.to_value());
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
    fn d5_the_reason_is_the_first_that_was_found() {
        for (text, reason) in [
            (r#"{"\udc00":1}"#, "no escape, or a lone surrogate"),
            (r#"{"a":"\ud800","b" 1}"#, "no escape, or a lone surrogate"),
            (r#"{"a" 1}"#, "no colon"),
            (r#"[1 2]"#, "neither a comma nor an end"),
        ] {
            let refused = Json::parse(text);
            assert!(matches!(&refused, Err(JsonError::Malformed { what, .. }) if *what == reason), "{text}: {refused:?}");
        }
    }

    #[test]
    fn d5_what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "nul",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "{\"\\udc00\":1}",
            "1e400",
            "-1.8e308",
            "1000e306",
            "[1,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1}",
            "1 2",
            "\u{feff}1",
            "NaN",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "\"\t\"",
            "\"\\x\"",
            "tru",
        ] {
            assert!(matches!(Json::parse(text), Err(JsonError::Malformed { .. })), "{text}");
        }
    }

    proptest! {
        /// The library and this module agree on what JSON is, and on what it says.
        #[test]
        fn it_agrees_with_the_library(text in "[\\[\\]{}:, \"a\\\\u0d8cde1.eE+\\-tfn]{0,12}|(\\[|\\{\"a\":|\"[a-z\\\\u]{0,3}\"|[0-9.]{1,3}|,|\\]|\\}| |true|null){0,10}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match Json::parse(&text) {
                Ok(json) => {
                    prop_assert_eq!(&json.to_value(), &theirs.unwrap());
                    prop_assert_eq!(Json::of(&json.to_tree()).to_value(), json.to_value());
                }
                Err(_) => prop_assert!(theirs.is_err(), "{}", text),
            }
        }

        #[test]
        fn d5_any_string_comes_back(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
            let theirs = serde_json::to_string(&text).unwrap();
            let mut ours = String::new();
            crate::protocol::value::write_string(&text, &mut ours);
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(Json::parse(&ours).unwrap().to_tree(), Value::String(text));
        }
    }
}
