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
    /// What carries a write on.
    by: BTreeMap<String, String>,
    /// In which entry a write is, and what is in an entry.
    entries: BTreeMap<String, String>,
    members: BTreeMap<String, Vec<String>>,
    /// What the server has, though it was refused: somebody else had made the same of the document.
    there: BTreeSet<String>,
    /// What must have ended when the turn ends.
    doomed: BTreeSet<String>,
}

impl Dependences {
    /// A write comes after these.
    pub fn depends(&mut self, id: &str, after: Vec<String>) {
        if !after.is_empty() {
            self.after.insert(id.to_owned(), after);
        }
    }

    /// A write ended, and another one carries it on.
    pub fn carried_on(&mut self, id: &str, by: &str) {
        self.by.insert(id.to_owned(), by.to_owned());
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

    /// An entry is about to be applied. Without a store, a write that is in no entry may be in one unseen.
    pub fn may_be_applied(&self, entry: &str, truth: &Truth, is_without_store: bool) -> Verdict {
        for member in self.members.get(entry).into_iter().flatten() {
            for earlier in self.after.get(member).into_iter().flatten() {
                let last = self.last(earlier);
                let entry = self.entries.get(last).map_or(last, String::as_str);
                if is_without_store && !self.entries.contains_key(last) || self.there.contains(last) {
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
    pub fn dependents(&self, id: &str) -> Vec<String> {
        let comes_after = |after: &Vec<String>| after.iter().any(|earlier| self.last(earlier) == id);
        self.after.iter().filter(|(_, after)| comes_after(after)).map(|(id, _)| id.clone()).collect()
    }

    /// What must have ended by the end of this turn.
    pub fn take_doomed(&mut self) -> impl Iterator<Item = String> + use<> {
        std::mem::take(&mut self.doomed).into_iter()
    }

    /// What a write has become.
    fn last<'a>(&'a self, mut id: &'a str) -> &'a str {
        while let Some(by) = self.by.get(id) {
            id = by;
        }
        id
    }
}
