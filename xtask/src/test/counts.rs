//! What a suite did, in numbers.

use std::fmt;

/// Tests that passed and failed, and the names of those that were skipped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: Vec<String>,
}

impl Counts {
    /// How many really ran.
    pub fn executed(&self) -> u64 {
        self.passed + self.failed
    }

    /// Both together.
    pub fn plus(mut self, other: &Self) -> Self {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend_from_slice(&other.skipped);
        self
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped.len())
    }
}
