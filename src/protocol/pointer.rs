//! Where in a document: RFC 6901 pointers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::member::Member;

/// A checked RFC 6901 pointer. The empty pointer names the whole document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Pointer(String);

/// A text that is no pointer: it is neither empty nor begins with `/`, or has a `~` without `0` or `1` behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerError;

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 6901 pointer")
    }
}

impl std::error::Error for PointerError {}

impl Pointer {
    /// Checks `text` and keeps it.
    pub fn parse(text: &str) -> Result<Pointer, PointerError> {
        let begins = text.is_empty() || text.starts_with('/');
        let mut after = text.split('~').skip(1);
        if begins && after.all(|rest| rest.starts_with(['0', '1'])) { Ok(Pointer(text.into())) } else { Err(PointerError) }
    }

    /// The pointer that `tokens` lead to.
    pub fn of<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Pointer {
        let mut text = String::new();
        for token in tokens {
            text.push('/');
            text.push_str(&token.replace('~', "~0").replace('/', "~1"));
        }
        Pointer(text)
    }

    /// The pointer as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names along the way, unescaped.
    pub fn tokens(&self) -> impl Iterator<Item = String> {
        self.0.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
    }
}

impl Member for Pointer {
    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
    fn read(raw: &str) -> Option<Self> {
        Pointer::parse(&String::read(raw)?).ok()
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Pointer::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_went_in() {
        let tokens = ["a", "", "m~n", "x/y", "~1"];
        assert_eq!(Pointer::of(tokens).tokens().collect::<Vec<_>>(), tokens);
        assert_eq!(Pointer::parse("").unwrap().tokens().count(), 0);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["a", "a/b", "/~", "/~2", "/a~"] {
            assert_eq!(Pointer::parse(text), Err(PointerError), "{text}");
        }
    }
}
