//! Which tests may be skipped: those that `.ci/allowed-skips` names, each with its reason.

use std::collections::BTreeMap;

use super::counts::Counts;
use crate::failure::{Done, Failure};
use crate::project;

/// The file, read: from `suite/test` to the reason.
pub struct AllowedSkips(BTreeMap<String, String>);

impl AllowedSkips {
    /// Reads the project's file.
    pub fn read() -> Done<Self> {
        Self::parse(&project::read(&project::root().join(".ci/allowed-skips"))?)
    }

    /// One `suite/test reason` a line; lines that begin with `#` are comments. A line without a reason is an error.
    fn parse(text: &str) -> Done<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|line| match line.split_once(char::is_whitespace) {
                Some((id, reason)) => Ok((id.to_owned(), reason.trim().to_owned())),
                None => Err(Failure::new(format!(".ci/allowed-skips: {line} has no reason"))),
            })
            .collect::<Done<_>>()
            .map(Self)
    }

    /// A sentence for each skip that is not allowed.
    pub fn complaints(&self, suite: &str, counts: &Counts) -> Vec<String> {
        let ids = counts.skipped.iter().map(|test| format!("{suite}/{test}"));
        ids.filter(|id| !self.0.contains_key(id)).map(|id| format!("{id} was skipped, and .ci/allowed-skips does not name it")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_skips_pass() {
        let allowed = AllowedSkips::parse("# why\n\nnative/merge::corpus  the recordings are not part of the project\n").unwrap();
        let skipped = |names: &[&str]| Counts { skipped: names.iter().map(|name| (*name).to_owned()).collect(), ..Counts::default() };
        assert!(allowed.complaints("native", &skipped(&["merge::corpus"])).is_empty());
        assert_eq!(allowed.complaints("native", &skipped(&["merge::corpus", "other"])).len(), 1);
        assert_eq!(allowed.complaints("e2e", &skipped(&["merge::corpus"])).len(), 1);
    }

    #[test]
    fn a_skip_without_a_reason_is_an_error() {
        assert!(AllowedSkips::parse("native/merge::corpus\n").is_err());
    }
}
