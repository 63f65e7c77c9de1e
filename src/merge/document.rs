//! Two documents that began as one. What one side changed is taken; where both changed a field, its rule decides.

use std::cmp::Ordering;

use super::list;
use super::order::{compare, sum};
use super::rule::{Rule, Rules};
use super::text::{self, Mark};
use crate::protocol::Pointer;
use crate::protocol::value::{Members, Value};

/// What two documents have become.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// The document; `None` where there is none.
    pub value: Option<Value>,
    /// What somebody may want to look at.
    pub clashes: Vec<Clash>,
}

/// A place at which both sides had something to say, and not all of it is in the merged document as it was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Clash {
    /// Where. An item of a list that is merged item by item has its name for a token.
    pub place: Pointer,
    /// By which rule it was settled.
    pub rule: &'static str,
    /// Whose value is there.
    pub taken: Taken,
    /// What the other side had there; `None` where it had removed it, or where both are there.
    pub lost: Option<Value>,
    /// Where both wrote, in a text that has both.
    pub marks: Vec<Mark>,
}

impl Clash {
    /// Whether it is the app's, or a person's, to settle.
    pub fn is_left(&self) -> bool {
        self.is_the_apps() || self.rule == Rule::Manual.name()
    }

    /// Whether the app's own function is asked.
    pub fn is_the_apps(&self) -> bool {
        self.rule == Rule::App.name()
    }
}

/// What is there after a clash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// What this client had.
    Local,
    /// What the server had.
    Remote,
    /// Both, in a text.
    Both,
    /// Something else, as the app has settled it.
    Other,
}

/// The document that both knew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Base<'a> {
    /// Nobody knows which it was. Then nothing counts as deleted, and what both have and differs is a clash.
    Unknown,
    /// This, or none.
    Known(Option<&'a Value>),
}

/// Merges two documents. `None` is a document that is not there: deleting it is a change like others.
pub fn merge(rules: &Rules, base: Base<'_>, local: Option<&Value>, remote: Option<&Value>) -> Merged {
    let (base, is_known) = match base {
        Base::Known(base) => (base, true),
        Base::Unknown => (None, false),
    };
    let mut merging = Merging { rules, roots: (local, remote), is_known, way: Vec::new(), clashes: Vec::new() };
    let value = merging.field(Sides { base, local, remote });
    Merged { value, clashes: merging.clashes }
}

/// What there is at one place.
#[derive(Clone, Copy)]
pub(super) struct Sides<'v> {
    pub(super) base: Option<&'v Value>,
    pub(super) local: Option<&'v Value>,
    pub(super) remote: Option<&'v Value>,
}

pub(super) struct Merging<'v> {
    rules: &'v Rules,
    roots: (Option<&'v Value>, Option<&'v Value>),
    pub(super) is_known: bool,
    way: Vec<String>,
    clashes: Vec<Clash>,
}

impl<'v> Merging<'v> {
    /// The same at a member or an item.
    pub(super) fn within(&mut self, name: &str, sides: Sides<'v>) -> Option<Value> {
        self.way.push(name.to_owned());
        let merged = self.field(sides);
        self.way.pop();
        merged
    }

    fn field(&mut self, sides: Sides<'v>) -> Option<Value> {
        let Sides { base, local, remote } = sides;
        if local == remote {
            return local.cloned();
        }
        let named = self.rules.at(&self.way);
        let rule = named.unwrap_or(self.rules.otherwise());
        if let (Rule::Fixed, Some(base)) = (rule, base)
            && (named.is_some() || !matches!(base, Value::Object(_)))
        {
            return Some(base.clone());
        }
        // Without a base, what is not there was never there.
        let is_as_it_was = |side: Option<&Value>| if self.is_known { side == base } else { side.is_none() };
        if is_as_it_was(local) {
            return remote.cloned();
        }
        if is_as_it_was(remote) {
            return local.cloned();
        }
        if let (Some(Value::Object(mine)), Some(Value::Object(theirs)), None) = (local, remote, named) {
            let base = if let Some(Value::Object(base)) = base { Some(base) } else { None };
            return Some(self.members(base, mine, theirs));
        }
        self.clash(rule, sides)
    }

    fn members(&mut self, base: Option<&'v Members>, mine: &'v Members, theirs: &'v Members) -> Value {
        let mut merged = Members::default();
        let only_mine = mine.iter().filter(|(name, _)| theirs.get(name).is_none());
        for (name, _) in theirs.iter().chain(only_mine) {
            let sides = Sides { base: base.and_then(|base| base.get(name)), local: mine.get(name), remote: theirs.get(name) };
            if let Some(value) = self.within(name, sides) {
                merged.push(name.clone(), value);
            }
        }
        Value::Object(merged)
    }

    fn clash(&mut self, rule: &Rule, sides: Sides<'v>) -> Option<Value> {
        let Sides { base, local, remote } = sides;
        let taken = match (rule, local, remote) {
            (Rule::Local | Rule::App | Rule::Manual, ..) => Taken::Local,
            (Rule::Remote, ..) => Taken::Remote,
            (Rule::LastWriter(place), ..) => {
                let tokens = place.tokens();
                let time = |root: Option<&'v Value>| root.and_then(|root| root.at(&tokens));
                let (mine, theirs) = (time(self.roots.0), time(self.roots.1));
                // Who deletes a document leaves no time.
                let is_later = theirs.is_some_and(|theirs| mine.is_some_and(|mine| compare(theirs, mine) == Some(Ordering::Greater)));
                if is_later { Taken::Remote } else { Taken::Local }
            }
            (_, Some(mine), Some(theirs)) => match self.united(rule, base, mine, theirs) {
                Ok(value) => return Some(value),
                Err(taken) => taken,
            },
            // What is left is not deleted by a rule that is about values.
            (_, _, None) => Taken::Local,
            (_, None, _) => Taken::Remote,
        };
        let (kept, lost) = if taken == Taken::Remote { (remote, local) } else { (local, remote) };
        self.note(rule, taken, lost, Vec::new());
        kept.cloned()
    }

    /// What a rule makes of both, or which of them it takes.
    fn united(&mut self, rule: &Rule, base: Option<&'v Value>, mine: &'v Value, theirs: &'v Value) -> Result<Value, Taken> {
        let united = match (rule, mine, theirs) {
            (Rule::Max | Rule::Min, ..) => {
                let wanted = if *rule == Rule::Max { Ordering::Greater } else { Ordering::Less };
                // Values that have no order are a clash as without the rule.
                return Err(if compare(theirs, mine) == Some(wanted) { Taken::Remote } else { Taken::Local });
            }
            (Rule::Fixed, ..) => return Err(Taken::Remote),
            (Rule::Sum, ..) => sum(base, mine, theirs),
            (Rule::Text, Value::String(local), Value::String(remote)) => {
                let base = if let Some(Value::String(base)) = base { base } else { "" };
                let text::Merged { text, marks } = text::merge(base, local, remote);
                if !marks.is_empty() {
                    self.note(rule, Taken::Both, None, marks);
                }
                Some(Value::String(text))
            }
            (Rule::Set | Rule::List(_) | Rule::Messages { .. }, Value::Array(mine), Value::Array(theirs)) => {
                let base = if let Some(Value::Array(base)) = base { &base[..] } else { &[] };
                list::merge(self, rule, base, mine, theirs)
            }
            _ => None,
        };
        united.ok_or(Taken::Local)
    }

    /// Somebody may want to look here.
    pub(super) fn note(&mut self, rule: &Rule, taken: Taken, lost: Option<&Value>, marks: Vec<Mark>) {
        self.clashes.push(Clash {
            place: Pointer::of(&self.way.iter().map(|name| &**name).collect::<Vec<_>>()),
            rule: rule.name(),
            taken,
            lost: lost.cloned(),
            marks,
        });
    }

    /// The same, of an item.
    pub(super) fn note_item(&mut self, name: &str, rule: &Rule, taken: Taken, lost: Option<&Value>) {
        self.way.push(name.to_owned());
        self.note(rule, taken, lost, Vec::new());
        self.way.pop();
    }
}

#[cfg(test)]
#[path = "stories.rs"]
mod stories;
