//! What is on the disk, read from its bytes: an entry disappears only in the transaction that stores its ending
//! (law I17), and a refused write stays in the inbox.
//!
//! The decoder of records is the engine's own, since the format is a contract of its own with golden vectors; what is
//! checked here is what the records say.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::effect::{Guard, Write};
use crate::engine::ident::WriteId;
use crate::engine::record::{self, Found, Kind, Lineage};

use super::truth::Truth;

/// What one record says about mutations.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    /// A write of the app, or what carries on the line that began with `root`.
    Queued {
        id: String,
        root: Option<String>,
    },
    /// They are one with another one.
    Folded {
        members: Vec<String>,
    },
    /// With the root of its line, where it carries one on.
    Frozen {
        entry: String,
        root: Option<String>,
        members: Vec<String>,
        bytes: String,
    },
    Ended {
        entry: Option<String>,
        members: Vec<String>,
        ending: String,
    },
    Kept {
        members: Vec<String>,
    },
    /// The app tried it again or gave it up.
    Removed {
        members: Vec<String>,
    },
}

/// How many records say so, of one mutation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    present: u32,
    ended: u32,
    inbox: u32,
}

impl Count {
    fn is_pending(self) -> bool {
        self.present > 0 && self.ended == 0
    }
}

/// An entry that was frozen.
#[derive(Clone, Debug, PartialEq)]
pub struct Frozen {
    /// Its members.
    pub members: Vec<String>,
    /// Its bytes.
    pub bytes: String,
}

/// The disk's content, as far as mutations go.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    log: BTreeMap<u64, Vec<Fact>>,
    counts: BTreeMap<String, Count>,
    frozen: BTreeMap<String, Frozen>,
    endings: BTreeMap<String, String>,
    carried_on_by: BTreeMap<String, Vec<String>>,
    /// With which write the line began that a write carries on.
    roots: BTreeMap<String, String>,
    /// What the app took out of the inbox.
    removed: BTreeSet<String>,
    /// The mutations that have not ended, by their counts.
    pending: BTreeSet<String>,
    /// What the last transaction that was ordered appends. It is read once, and commits byte for byte or not at all.
    ordered: Option<(WriteId, Vec<Fact>)>,
}

impl Stored {
    /// A transaction completed. Says which law it broke, and how, if any.
    pub fn commit(
        &mut self,
        write: &Write,
        position: u64,
        truth: &Truth,
        is_without_ids: bool,
    ) -> Result<Vec<Fact>, (&'static str, String)> {
        let mut removed = Vec::new();
        let mut copied = Vec::new();
        let (mut fresh, mut is_late) = (Vec::new(), false);
        if write.guard == Guard::Fresh && write.meta.is_some() {
            // A store is made, of what mirrors had of the one before, and perhaps of what has become of that.
            removed.extend(std::mem::take(&mut self.log).into_values().flatten());
        }
        let mirrored = removed.clone();
        for (at, bytes) in &write.rewrite {
            let before = self.log.remove(at);
            if let Some(bytes) = bytes {
                let facts = facts(bytes);
                // What stands where nothing did is as if it were appended, when the store is taken up again.
                is_late |= before.is_none();
                for fact in &facts {
                    let kept = if before.is_some() || mirrored.contains(fact) { &mut copied } else { &mut fresh };
                    kept.push(fact.clone());
                }
                self.log.insert(*at, facts);
            }
            removed.extend(before.unwrap_or_default());
        }
        let ordered = self.ordered.take().filter(|(ordered, _)| *ordered == write.write);
        let appended = ordered.map_or_else(|| appended(write), |(_, fresh)| fresh);
        if !appended.is_empty() {
            self.log.insert(position, appended.clone());
            fresh.extend(appended);
        }
        let affected: BTreeSet<&String> = removed.iter().chain(&copied).chain(&fresh).flat_map(Fact::ids).collect();
        let before: Vec<Count> = affected.iter().map(|id| self.count(id)).collect();
        removed.iter().for_each(|fact| self.add(fact, false));
        for fact in copied.iter().chain(&fresh) {
            self.add(fact, true);
            self.remember(fact);
        }
        for (id, before) in affected.into_iter().zip(before) {
            self.compare(id, before, &fresh)?;
        }
        fresh.iter().try_for_each(|fact| self.end(fact, &fresh, truth, is_without_ids, is_late))?;
        Ok(fresh)
    }

    /// The entries that a transaction freezes, before it has happened: their ids, members and bytes.
    pub fn ordered(&mut self, write: &Write) -> Vec<(String, Vec<String>, String)> {
        let fresh = appended(write);
        let frozen = |fact: &Fact| match fact {
            Fact::Frozen { entry, members, bytes, .. } => Some((entry.clone(), members.clone(), bytes.clone())),
            _ => None,
        };
        let is_new = |(at, bytes): &(u64, Option<Vec<u8>>)| if self.log.contains_key(at) { None } else { bytes.as_deref().map(facts) };
        let restored: Vec<Fact> = write.rewrite.iter().filter_map(is_new).flatten().collect();
        let freezes = restored.iter().chain(&fresh).filter_map(frozen).collect();
        self.ordered = Some((write.write, fresh));
        freezes
    }

    /// The tab is gone, and with it what it ordered.
    pub fn crashed(&mut self) {
        self.ordered = None;
    }

    /// What is found after a loss of power.
    pub fn restore(&mut self, log: impl IntoIterator<Item = (u64, impl AsRef<[u8]>)>) {
        let log: BTreeMap<u64, Vec<Fact>> = log.into_iter().map(|(at, bytes)| (at, facts(bytes.as_ref()))).collect();
        self.counts.clear();
        self.pending.clear();
        self.frozen.clear();
        for fact in log.values().flatten() {
            self.add(fact, true);
            self.remember(fact);
        }
        self.log = log;
        let counts = &self.counts;
        self.endings.retain(|id, _| !counts.get(id).copied().unwrap_or_default().is_pending());
    }

    fn add(&mut self, fact: &Fact, more: bool) {
        for id in fact.ids() {
            let count = match self.counts.get_mut(id) {
                Some(count) => count,
                None => self.counts.entry(id.clone()).or_default(),
            };
            let was_pending = count.is_pending();
            fact.add(count, more);
            match (was_pending, count.is_pending()) {
                (false, true) => drop(self.pending.insert(id.clone())),
                (true, false) => drop(self.pending.remove(id)),
                _ => {}
            }
        }
    }

    fn remember(&mut self, fact: &Fact) {
        if let Fact::Queued { id, root: Some(root) } = fact {
            self.roots.insert(id.clone(), root.clone());
        }
        if let Fact::Removed { members } = fact {
            self.removed.extend(members.iter().cloned());
        }
        if let Fact::Frozen { entry, root, members, bytes } = fact {
            if let Some(root) = root {
                self.roots.insert(entry.clone(), root.clone());
            }
            self.frozen.insert(entry.clone(), Frozen { members: members.clone(), bytes: bytes.clone() });
        }
    }

    fn count(&self, id: &str) -> Count {
        self.counts.get(id).copied().unwrap_or_default()
    }

    fn compare(&self, id: &str, before: Count, fresh: &[Fact]) -> Result<(), (&'static str, String)> {
        let after = self.count(id);
        let ends = fresh.iter().any(|fact| matches!(fact, Fact::Ended { members, .. } if members.iter().any(|member| member == id)));
        if before.is_pending() && !after.is_pending() && !ends {
            return Err(("I17", format!("{id} disappeared from the disk in a transaction that stores no ending of it")));
        }
        if !before.is_pending() && after.is_pending() && self.endings.contains_key(id) {
            return Err(("I17", format!("{id} is pending again after it ended {}", self.endings[id])));
        }
        if after.inbox < before.inbox && !self.removed.contains(id) {
            return Err(("I1", format!("{id} left the inbox, and nobody removed it")));
        }
        Ok(())
    }

    /// With `is_late`, what carried a write on may have ended since, while there was no store, and the app taken it out of the inbox.
    fn end(
        &mut self,
        fact: &Fact,
        fresh: &[Fact],
        truth: &Truth,
        is_without_ids: bool,
        is_late: bool,
    ) -> Result<(), (&'static str, String)> {
        let Fact::Ended { entry, members, ending } = fact else { return Ok(()) };
        let name = entry.as_deref().unwrap_or_default();
        let is_true = match ending.as_str() {
            "unknown" => true,
            "applied" => is_without_ids || truth.was_applied(name),
            _ => truth.was_not_applied(name),
        };
        if !is_true {
            return Err(("I2", format!("{entry:?} is stored as {ending}, and it was {:?}", truth.fate(name))));
        }
        for member in members {
            if let Some(before) = self.endings.insert(member.clone(), ending.clone()).filter(|before| before != ending) {
                return Err(("I1", format!("{member} ended {before} and then {ending}")));
            }
            let is_kept = |fact: &Fact| match fact {
                Fact::Kept { members } => members.contains(member),
                Fact::Removed { members } => is_late && members.contains(member),
                _ => false,
            };
            let kept = fresh.iter().any(is_kept);
            if matches!(ending.as_str(), "rejected" | "unknown") && !kept {
                return Err(("I1", format!("{member} ended {ending}, and the inbox has it not")));
            }
        }
        if ending == "merged" {
            let first = members.first().map(String::as_str).unwrap_or_default();
            let root = self.roots.get(first).map_or(first, String::as_str);
            let by: Vec<String> = fresh.iter().filter_map(|fact| fact.carries_on(root)).cloned().collect();
            if by.is_empty() && !is_late {
                return Err(("I1", format!("{members:?} are stored as merged, and nothing carries them on")));
            }
            members.iter().for_each(|member| drop(self.carried_on_by.insert(member.clone(), by.clone())));
        }
        Ok(())
    }

    /// Whether a mutation is on the disk and has not ended there.
    pub fn is_pending(&self, id: &str) -> bool {
        self.count(id).is_pending()
    }

    /// Whether a mutation is on the disk, or has ended there.
    pub fn has(&self, id: &str) -> bool {
        self.is_pending(id) || self.endings.contains_key(id)
    }

    /// All mutations that have not ended.
    pub fn pending(&self) -> impl Iterator<Item = &String> {
        self.pending.iter()
    }

    /// How a mutation ended, as stored.
    pub fn ending(&self, id: &str) -> Option<&str> {
        self.endings.get(id).map(String::as_str)
    }

    /// What carries a merged mutation on, as stored.
    pub fn carried_on_by(&self, id: &str) -> &[String] {
        self.carried_on_by.get(id).map_or(&[], Vec::as_slice)
    }

    /// The entry that a mutation is frozen in.
    pub fn frozen_in(&self, id: &str) -> Option<&String> {
        self.frozen.iter().find(|(_, frozen)| frozen.members.iter().any(|member| member == id)).map(|(entry, _)| entry)
    }

    /// An entry that was frozen, if it is.
    pub fn frozen(&self, entry: &str) -> Option<&Frozen> {
        self.frozen.get(entry)
    }
}

fn appended(write: &Write) -> Vec<Fact> {
    write.append.as_deref().map(facts).unwrap_or_default()
}

impl Fact {
    pub(super) fn ids(&self) -> impl Iterator<Item = &String> {
        let (one, many) = match self {
            Fact::Queued { id, .. } => (Some(id), [].as_slice()),
            Fact::Folded { members }
            | Fact::Frozen { members, .. }
            | Fact::Ended { members, .. }
            | Fact::Kept { members }
            | Fact::Removed { members } => (None, members.as_slice()),
        };
        one.into_iter().chain(many)
    }

    fn add(&self, count: &mut Count, more: bool) {
        let number = match self {
            Fact::Queued { .. } | Fact::Folded { .. } | Fact::Frozen { .. } => &mut count.present,
            Fact::Ended { .. } => &mut count.ended,
            Fact::Kept { .. } => &mut count.inbox,
            Fact::Removed { .. } => return,
        };
        *number = if more { *number + 1 } else { *number - 1 };
    }

    /// What carries on the line that began with `root`.
    fn carries_on(&self, root: &str) -> Option<&String> {
        match self {
            Fact::Queued { id, root: Some(line) } if line == root => Some(id),
            _ => None,
        }
    }
}

fn facts(bytes: &[u8]) -> Vec<Fact> {
    record::decode(bytes).filter_map(|found| if let Found::Record(record) = found { fact(&record) } else { None }).collect()
}

fn fact(record: &record::Record<'_>) -> Option<Fact> {
    if !matches!(record.kind, Kind::Mutation | Kind::Fold | Kind::Freeze | Kind::Settlement | Kind::Cancel | Kind::Inbox) {
        return None;
    }
    let mut header = record.header().ok()?;
    let id: String = header.read(record.kind.named_by()?).ok()?;
    Some(match record.kind {
        Kind::Mutation => {
            let line = header.read::<Option<Lineage>>("lineage").ok()?.filter(|line| line.round > 0);
            Fact::Queued { id, root: line.map(|line| line.root.0.to_string()) }
        }
        Kind::Fold => Fact::Folded { members: header.read("members").ok()? },
        Kind::Freeze => {
            let mut root = None::<String>;
            header.take_if_there("root", &mut root).check().ok()?;
            Fact::Frozen { entry: id, root, members: header.read("members").ok()?, bytes: record.body.to_owned() }
        }
        Kind::Settlement if matches!(header.read::<String>("ending").ok()?.as_str(), "retried" | "discarded") => {
            Fact::Removed { members: header.read("members").ok()? }
        }
        Kind::Settlement => Fact::Ended { entry: Some(id), members: header.read("members").ok()?, ending: header.read("ending").ok()? },
        Kind::Cancel => Fact::Ended { entry: None, members: vec![id], ending: "cancelled".into() },
        Kind::Inbox => Fact::Kept { members: header.read("members").ok()? },
        _ => return None,
    })
}
