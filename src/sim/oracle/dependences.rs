//! What comes after what: nothing is applied before what it comes after (law I9), and where that is not applied, it ends with
//! it (law I8).

use std::collections::{BTreeMap, BTreeSet};

use super::replica::Replica;
use super::truth::Truth;
use super::{Verdict, broken};

/// The dependences of one device's writes.
#[derive(Debug, Default)]
pub struct Dependences {
    /// What each write comes after.
    after: BTreeMap<String, Vec<String>>,
    /// The same the other way: what comes after each write.
    before: BTreeMap<String, Vec<String>>,
    /// What carries a write on.
    by: BTreeMap<String, String>,
    /// What a write carries on.
    carries: BTreeMap<String, Vec<String>>,
    /// In which entry a write is, and what is in an entry.
    entries: BTreeMap<String, String>,
    members: BTreeMap<String, Vec<String>>,
    /// What the server has, though it was refused: somebody else had made the same of the document.
    there: BTreeSet<String>,
    /// What carries on a write that was applied in a life of the server that is over.
    again: BTreeSet<String>,
    /// What must have ended when the turn ends.
    doomed: BTreeSet<String>,
}

impl Dependences {
    /// A write comes after these.
    pub fn depends(&mut self, id: &str, after: Vec<String>) {
        if !after.is_empty() {
            for earlier in &after {
                self.before.entry(earlier.clone()).or_default().push(id.to_owned());
            }
            self.after.insert(id.to_owned(), after);
        }
    }

    /// A write ended, and another one carries it on. What a former life of the server had done may come again as that.
    pub fn carried_on(&mut self, id: &str, by: &str, truth: &Truth) {
        if self.again.contains(id) || truth.was_applied(self.entry_of(id)) {
            self.again.insert(by.to_owned());
        }
        self.by.insert(id.to_owned(), by.to_owned());
        self.carries.entry(by.to_owned()).or_default().push(id.to_owned());
    }

    /// A write is pending again: what carried it on was lost with the memory it was in, or with the power how it had ended. Then
    /// what came after it may have been applied.
    pub fn is_back(&mut self, id: &str, had_ended: bool) {
        self.by.remove(id);
        if had_ended {
            self.again.insert(id.to_owned());
        }
    }

    /// Whether an entry, or what it carries on, was applied in a life of the server that is over.
    pub fn is_again(&self, entry: &str, truth: &Truth) -> bool {
        let members = self.members.get(entry).into_iter().flatten();
        !truth.fates(entry).is_empty() || members.into_iter().any(|member| self.again.contains(member))
    }

    fn entry_of<'a>(&'a self, id: &'a str) -> &'a str {
        self.entries.get(id).map_or(id, String::as_str)
    }

    /// Whether nothing that waits comes before a write.
    pub fn is_free(&self, id: &str, replica: &Replica) -> bool {
        self.after.get(id).is_none_or(|after| after.iter().all(|earlier| replica.entry_of(self.last(earlier)).is_none()))
    }

    /// These became an entry.
    pub fn frozen(&mut self, entry: &str, members: &[String]) {
        for member in members {
            self.entries.insert(member.clone(), entry.to_owned());
        }
        self.members.insert(entry.to_owned(), members.to_vec());
    }

    /// An entry is about to be applied.
    pub fn may_be_applied(&self, entry: &str, truth: &Truth, never_was: impl Fn(&str) -> bool) -> Verdict {
        for member in self.members.get(entry).into_iter().flatten() {
            for earlier in self.after.get(member).into_iter().flatten() {
                let last = self.last(earlier);
                let entry = self.entry_of(last);
                if self.there.contains(last) || self.again.contains(last) || never_was(last) {
                    continue;
                }
                if !truth.was_applied(entry) {
                    let fate = truth.fate(entry);
                    return broken("I9", format!("{member} comes after {earlier}, was applied, and {last} was {fate:?}"));
                }
            }
        }
        Ok(())
    }

    /// A write was refused, and what it meant is there.
    pub fn is_there(&mut self, id: &str) {
        self.there.insert(id.to_owned());
    }

    /// A write ended, and was not applied.
    pub fn ended_unapplied(&mut self, id: &str) {
        let dependents = self.dependents(id);
        self.doomed.extend(dependents);
    }

    /// What comes right after a write.
    pub fn dependents(&self, id: &str) -> BTreeSet<String> {
        let (mut dependents, mut all) = (BTreeSet::new(), vec![id]);
        while let Some(one) = all.pop() {
            // Of what is carried on, only the last counts.
            if self.last(one) == id {
                dependents.extend(self.before.get(one).into_iter().flatten().cloned());
                all.extend(self.carries.get(one).into_iter().flatten().map(String::as_str));
            }
        }
        dependents
    }

    /// What must have ended by the end of this turn.
    pub fn take_doomed(&mut self) -> impl Iterator<Item = String> + use<> {
        std::mem::take(&mut self.doomed).into_iter()
    }

    /// What a write has become.
    pub fn last<'a>(&'a self, mut id: &'a str) -> &'a str {
        while let Some(by) = self.by.get(id) {
            id = by;
        }
        id
    }
}
