//! Wrong ways to merge, planted on purpose, one for each rule. Built for the simulator only.

use super::document::{Merging, Sides};
use super::list;
use super::rule::Rule;
use crate::protocol::value::Value;

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// Where two have made one document there is nothing to merge: one of the two is gone (B11).
    FirstLost,
    /// What was there before stays.
    Local,
    /// What was written here goes over it.
    Remote,
    /// Everybody is the last writer.
    LastWriter,
    /// What was written last counts.
    Max,
    /// The same.
    Min,
    /// The sum of one side counts.
    Sum,
    /// What was removed comes back.
    Set,
    /// What the other side added to a list is gone.
    List,
    /// What both have is there twice.
    Messages,
    /// Of two texts one stays.
    Text,
    /// What never changes does.
    Fixed,
}

impl<'v> Merging<'v> {
    /// What is made of a place that both have changed, where that is wrong.
    pub(super) fn flawed(&mut self, rule: &Rule, sides: Sides<'v>) -> Option<Option<Value>> {
        let Sides { base, local, remote } = sides;
        let flaw = self.rules.flaw()?;
        if flaw == Flaw::FirstLost {
            return (self.is_root() && base.is_none() && local.is_some() && remote.is_some()).then(|| local.cloned());
        }
        match (flaw, rule, local, remote) {
            (Flaw::Local, Rule::Local, ..) => Some(remote.cloned()),
            (Flaw::Remote, Rule::Remote, ..)
            | (Flaw::LastWriter, Rule::LastWriter(_), ..)
            | (Flaw::Max, Rule::Max, ..)
            | (Flaw::Min, Rule::Min, ..)
            | (Flaw::Sum, Rule::Sum, ..)
            | (Flaw::List, Rule::List(_), ..)
            | (Flaw::Text, Rule::Text, ..) => Some(local.cloned()),
            (Flaw::Set, Rule::Set, Some(Value::Array(mine)), Some(Value::Array(theirs))) => {
                Some(list::merge(self, rule, &[], mine, theirs))
            }
            (Flaw::Messages, Rule::Messages { .. }, Some(Value::Array(mine)), Some(Value::Array(theirs))) => {
                Some(Some(Value::Array([&theirs[..], &mine[..]].concat())))
            }
            _ => None,
        }
    }
}
