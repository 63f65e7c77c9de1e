//! What was typed after a word, taken apart piece by piece.

use crate::failure::{Done, Failure};

/// The arguments of one word. Each piece is taken once; what nobody took is an error or is passed on.
pub struct Arguments {
    left: Vec<String>,
}

impl Arguments {
    /// The arguments in the order they were typed.
    pub fn new(typed: impl IntoIterator<Item = String>) -> Self {
        Self { left: typed.into_iter().collect() }
    }

    /// Takes a switch such as `--check`; true if it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.left.len();
        self.left.retain(|argument| argument != name);
        self.left.len() < before
    }

    /// Takes `--name VALUE` or `--name=VALUE`; fails when the value is missing.
    pub fn value(&mut self, name: &str) -> Done<Option<String>> {
        let joined = format!("{name}=");
        if let Some(at) = self.left.iter().position(|argument| argument.starts_with(&joined)) {
            return Ok(Some(self.left.remove(at)[joined.len()..].to_owned()));
        }
        let Some(at) = self.left.iter().position(|argument| argument == name) else { return Ok(None) };
        if at + 1 == self.left.len() || self.left[at + 1].starts_with("--") {
            return Err(Failure::new(format!("{name} needs a value")));
        }
        self.left.remove(at);
        Ok(Some(self.left.remove(at)))
    }

    /// Everything that is left, in order.
    pub fn rest(self) -> Vec<String> {
        self.left
    }

    /// Fails when anything is left: a typing error must not be ignored.
    pub fn end(self) -> Done {
        match self.left.first() {
            None => Ok(()),
            Some(unknown) => Err(Failure::new(format!("no such argument here: {unknown} (see `cargo xtask --help`)"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Arguments {
        Arguments::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn values_are_taken_in_both_spellings() {
        let mut arguments = typed("--out somewhere --features=a,b --json");
        assert_eq!(arguments.value("--out").unwrap().as_deref(), Some("somewhere"));
        assert_eq!(arguments.value("--features").unwrap().as_deref(), Some("a,b"));
        assert!(arguments.flag("--json"));
        assert!(!arguments.flag("--json"));
        assert!(arguments.end().is_ok());
    }

    #[test]
    fn a_missing_value_and_an_unknown_argument_are_errors() {
        assert!(typed("--out").value("--out").is_err());
        assert!(typed("--out --json").value("--out").is_err());
        assert!(typed("--jsn").end().is_err());
    }
}
