//! Why a word stopped: one sentence for the person at the terminal.

use std::fmt;
use std::path::Path;

/// A word that could not do its job. It is printed once, by `main`, and ends the process with code 1.
#[derive(Debug, Clone)]
pub struct Failure(String);

/// What every step of a word returns.
pub type Done<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure told in one sentence, which should say what to do where that is known.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// A file operation that failed, for use with `map_err`.
    pub fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
