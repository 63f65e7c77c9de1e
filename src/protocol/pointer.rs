//! Where in a document: RFC 6901 pointers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::member::Member;

/// A checked RFC 6901 pointer. The empty pointer names the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let is_lawful = match byte {
                b'~' => matches!(bytes.get(at + 1), Some(b'0' | b'1')),
                _ => at > 0 || *byte == b'/',
            };
            if !is_lawful {
                return Err(PointerError);
            }
        }
        Ok(Pointer(text.into()))
    }

    /// The pointer that `tokens` lead to.
    pub fn of(tokens: &[&str]) -> Pointer {
        let mut text = String::new();
        for token in tokens {
            text.push('/');
            for c in token.chars() {
                match c {
                    '~' => text.push_str("~0"),
                    '/' => text.push_str("~1"),
                    c => text.push(c),
                }
            }
        }
        Pointer(text)
    }

    /// The pointer as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names along the way, unescaped.
    pub fn tokens(&self) -> Vec<String> {
        let mut tokens: Vec<String> = Vec::new();
        let mut is_escaped = false;
        for c in self.0.chars() {
            match c {
                '/' => tokens.push(String::new()),
                '~' => is_escaped = true,
                c => {
                    let plain = match (std::mem::take(&mut is_escaped), c) {
                        (true, '0') => '~',
                        (true, _) => '/',
                        _ => c,
                    };
                    tokens.last_mut().expect("a pointer begins with `/`").push(plain);
                }
            }
        }
        tokens
    }
}

impl Member for Pointer {
    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        self.0.fill(raw) && Pointer::parse(&self.0).is_ok()
    }
    fn blank() -> Self {
        Pointer::default()
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
        assert_eq!(Pointer::of(&tokens).tokens(), tokens);
        assert!(Pointer::parse("").unwrap().tokens().is_empty());
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["a", "a/b", "/~", "/~2", "/a~"] {
            assert_eq!(Pointer::parse(text), Err(PointerError), "{text}");
        }
    }
}
