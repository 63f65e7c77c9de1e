//! The judge of a device with several tabs. What is stored there is one history: each transaction is made on all that was
//! stored before it. It is judged commit by commit, as a device would be that hears of nothing else; and a tab that knows
//! all of it, and has nothing to store itself, must show what it comes to (laws I1, I5). Each write is told of in the tab
//! that made it, and ends there once (I2).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Meant, fold, ground};
use super::found;
use super::replica::{Atom, Parts, as_it_is};
use super::shown::{Shown, operate};
use super::stored::Fact;
use super::truth::{Fate, State};
use super::{Look, Oracle, Told, Truth, Verdict, Violation, broken, text};
use crate::engine::effect::{Guard, Write};
use crate::engine::error::Code;
use crate::engine::notice::{Durability, Ending, Notice};
use crate::engine::record::{self, Found, Kind, Lineage};
use crate::sim::disk::Image;

/// The tabs of one device.
#[derive(Debug, Default)]
pub(super) struct Shared {
    tabs: BTreeMap<usize, Witness>,
    /// The one that acts.
    at: usize,
    /// Entries of tabs that have lost their store, as they were sent: what is in them only those know.
    apart: BTreeMap<String, String>,
    /// What carries such an entry on, though it was never stored itself: the entry, and what its members meant.
    carried: BTreeMap<String, (String, Parts)>,
    /// What was made anew from the inbox. Where another tab was first, it never is.
    again: BTreeSet<String>,
}

/// What one tab was told.
#[derive(Debug, Default)]
struct Witness {
    shown: Shown,
    /// Its writes, and what carries them on, that have not ended.
    open: BTreeSet<String>,
    /// How what it was told of has ended; nothing for what may come back.
    endings: BTreeMap<String, Option<String>>,
    /// What its app took back: nobody waits for it.
    off: BTreeSet<String>,
    /// What has ended as far as its engine knows, whatever it was told yet.
    concluded: BTreeSet<String>,
    /// What carries on what.
    by: BTreeMap<String, String>,
    /// What was made anew here: no other tab knows of what.
    anew: BTreeMap<String, String>,
    /// Where the documents stood that entries were said to be in conflict with.
    conflicts: BTreeMap<String, u64>,
    /// Documents that have changed in the store since it was last looked at.
    touched: BTreeSet<String>,
}

impl Shared {
    fn witness(&mut self) -> &mut Witness {
        self.tabs.entry(self.at).or_default()
    }

    /// The tab of this number acts from here on.
    pub fn turn_to(&mut self, slot: usize) {
        self.at = slot;
        self.witness();
    }

    /// The tab writes.
    pub fn invoked(&mut self, id: &str) {
        self.witness().open.insert(id.to_owned());
    }

    /// Its app takes a write back.
    pub fn taken_back(&mut self, id: &str) {
        self.witness().off.insert(id.to_owned());
    }

    /// This is made anew from the inbox.
    pub fn is_again(&mut self, id: &str) {
        self.again.insert(id.to_owned());
    }

    /// What was made anew in the tab, and as what.
    pub fn anew(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.witness().anew
    }

    /// The tab is gone.
    pub fn gone(&mut self) {
        *self.witness() = Witness::default();
    }

    /// It looks at a document, or at a collection, or no longer does.
    pub fn held(&mut self, name: String, held: bool) {
        self.witness().shown.hold(name, held);
    }

    /// The tab's writes that have not ended.
    pub fn open(&self) -> impl Iterator<Item = &String> {
        self.tabs.get(&self.at).into_iter().flat_map(|witness| &witness.open)
    }

    /// Whether a write, and whatever carries it on, has ended as far as the tab was told.
    pub fn is_over(&self, id: &str) -> bool {
        let Some(witness) = self.tabs.get(&self.at) else { return true };
        let mut last = id;
        while let Some(by) = witness.by.get(last) {
            last = by;
        }
        !witness.open.contains(last) || witness.off.contains(id)
    }

    /// The engine of the tab knows how a write has ended.
    pub fn concluded(&mut self, id: &str) {
        self.witness().concluded.insert(id.to_owned());
    }

    /// Whether a write has ended for the tab, or was taken back there.
    pub fn has_ended(&self, id: &str) -> bool {
        let has = |witness: &Witness| witness.endings.contains_key(id) || witness.off.contains(id) || witness.concluded.contains(id);
        self.tabs.get(&self.at).is_some_and(has)
    }

    /// An entry that only the tab which sent it knows.
    pub fn is_apart(&mut self, entry: &str, bytes: &str) {
        self.apart.insert(entry.to_owned(), bytes.to_owned());
    }

    /// Where the documents stood that an entry was said to be in conflict with, to whatever tab: there, or at what was read since,
    /// it was merged with them.
    fn conflict(&self, entry: &str) -> Option<u64> {
        self.tabs.values().filter_map(|witness| witness.conflicts.get(entry)).min().copied()
    }

    /// Whether it is one.
    pub fn knows_apart(&self, entry: &str) -> bool {
        self.apart.contains_key(entry)
    }
}

impl Oracle {
    /// Whether a write was to be made anew, and another tab was first.
    pub(super) fn never_was(&self, id: &str) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.again.contains(id)) && !self.stored.has(id)
    }

    /// The tab of this number acts from here on.
    pub fn turn_to(&mut self, slot: usize) {
        if let Some(shared) = &mut self.shared {
            shared.turn_to(slot);
        }
    }

    /// A reply reached a tab. What follows of a conflict is judged when it is stored.
    pub fn hears_of_conflicts(&mut self, truth: &Truth, body: &Value) {
        let Some(shared) = &mut self.shared else { return };
        let generation = body["generation"].as_str().unwrap_or(truth.generation());
        for outcome in body["outcomes"].as_array().into_iter().flatten() {
            let at = outcome["valueSeq"].as_u64().and_then(|seq| truth.position_in(generation, seq));
            if let (Some(id), Some(at)) = (outcome["id"].as_str(), at) {
                shared.witness().conflicts.insert(id.to_owned(), at);
            }
        }
    }

    /// A transaction completed, and with it the history goes on.
    pub(super) fn goes_on(&mut self, truth: &Truth, write: &Write, position: u64, fresh: &[Fact]) -> Verdict {
        let pages = write.pages.iter().filter_map(|(_, bytes)| bytes.as_deref());
        for bytes in write.append.as_deref().into_iter().chain(pages) {
            self.take_in_bases(truth, bytes)?;
        }
        if write.guard == Guard::Fresh {
            // What mirrors had is in the order of the one that counts.
            for id in self.in_order(write, position, |_| true) {
                self.orders += 1;
                let order = self.orders;
                self.atoms.get_mut(&id).into_iter().for_each(|atom| atom.order = order);
            }
            self.replica.reorder(&self.atoms);
        }
        // Where a store is taken up again, what goes there comes behind all that is there, in the order that it has itself.
        let behind = self.orders;
        let is_fresh = |id: &String| {
            fresh.iter().any(|fact| match fact {
                // A follow-up is one where nothing was stored of what it carries on.
                Fact::Queued { id: queued, root } => queued == id && (root.is_none() || self.atoms.contains_key(id)),
                Fact::Folded { members } | Fact::Frozen { members, .. } => members.contains(id),
                _ => false,
            })
        };
        for id in self.in_order(write, position, is_fresh) {
            self.lay_stored(&id)?;
        }
        // All of it happens at once: what ends makes room for what is frozen.
        let frozen: BTreeSet<&String> = fresh.iter().filter(|fact| matches!(fact, Fact::Frozen { .. })).flat_map(Fact::ids).collect();
        let is_first = |fact: &&Fact| matches!(fact, Fact::Ended { members, .. } if !members.iter().any(|id| frozen.contains(id)));
        for fact in fresh.iter().filter(is_first).chain(fresh.iter().filter(|fact| !is_first(fact))) {
            match fact {
                Fact::Frozen { entry, members, bytes, .. } => {
                    // What was frozen without the store goes there as it is, whatever others have queued meanwhile.
                    let is_late = members.iter().all(|member| self.atoms.get(member).is_some_and(|atom| atom.order > behind));
                    self.freeze(truth, entry, members, bytes, if is_late { behind } else { 0 })?;
                    self.shared.iter_mut().filter(|_| is_late).for_each(|shared| shared.is_apart(entry, bytes));
                }
                Fact::Ended { entry, members, ending } => self.end_stored(truth, write, entry.as_deref(), members, ending)?,
                _ => {}
            }
        }
        self.dependents_are_gone()?;
        let touched = self.replica.take_touched();
        for witness in self.shared.iter_mut().flat_map(|shared| shared.tabs.values_mut()) {
            witness.touched.extend(touched.iter().cloned());
        }
        Ok(())
    }

    fn take_in_bases(&mut self, truth: &Truth, bytes: &[u8]) -> Verdict {
        for found in record::decode(bytes) {
            let Found::Record(record) = found else { return broken("S15", format!("{found:?} was stored")) };
            if record.kind == Kind::Base {
                let base = found::base(&record, truth, 0).map_err(|what| Violation { law: "S15", what: what.into() })?;
                let seq = base.seq.or_else(|| {
                    let pending = self.stored.pending().cloned().collect();
                    let before = self.carried_out(truth, &pending).remove(&base.name).unwrap_or_default();
                    truth.last_absent(&base.name, &base.generation, &before).map(|state| state.seq)
                });
                self.replica.deliver(&base.name, &State { seq: seq.unwrap_or(0), value: base.value });
            }
        }
        Ok(())
    }

    /// A write is stored: it has its place behind all that are.
    fn lay_stored(&mut self, id: &str) -> Verdict {
        self.orders += 1;
        match self.atoms.get_mut(id) {
            Some(atom) if self.replica.entry_of(id).is_none() => {
                atom.order = self.orders;
                self.replica.lay(id, atom);
                Ok(())
            }
            // It comes once more with what was folded into it.
            Some(_) => Ok(()),
            None => broken("I1", format!("{id} is on the disk, and nobody wrote it")),
        }
    }

    fn end_stored(&mut self, truth: &Truth, write: &Write, entry: Option<&str>, members: &[String], ending: &str) -> Verdict {
        let fates = entry.map_or(&[] as &[Fate], |entry| truth.fates(entry));
        if ending == "applied" {
            if self.is_without_ids && matches!(fates.last(), Some(Fate::Refused { .. })) {
                members.iter().for_each(|id| self.dependences.is_there(id));
            } else {
                let lags = |fate: &Fate| match fate {
                    Fate::Applied { seq, names } => names.iter().any(|name| self.replica.base_seq(name) < *seq),
                    Fate::Refused { .. } => true,
                };
                if fates.iter().all(lags) {
                    return broken("I7", format!("{entry:?} is stored as applied with {fates:?}, and its bases lag behind"));
                }
            }
        }
        for id in members {
            if ending == "merged" {
                for by in self.stored.carried_on_by(id).to_vec() {
                    self.dependences.carried_on(id, &by, truth);
                    let since = entry.and_then(|entry| self.shared.as_ref()?.conflict(entry));
                    let made = made(write, &by);
                    let as_it_was = |name: &str, base: Option<&State>, meant: &[Meant]| merged(truth, name, base, since, meant, &made);
                    if let Some(atom) = self.replica.carry_on(id, &by, as_it_was) {
                        self.atoms.insert(by.clone(), atom);
                        self.told.entry(by).or_default();
                    }
                }
            } else if ending != "applied" {
                self.dependences.ended_unapplied(id);
            }
            self.replica.end(id);
        }
        Ok(())
    }

    /// What came after what was not applied has ended with it, as far as it was stored (law I8).
    fn dependents_are_gone(&mut self) -> Verdict {
        match self.dependences.take_doomed().find(|id| self.replica.entry_of(id).is_some()) {
            Some(id) => broken("I8", format!("{id} comes after what was not applied, and is stored as if it could be")),
            None => Ok(()),
        }
    }

    /// The engine of a tab told the app.
    pub(super) fn tab_noticed(&mut self, truth: &Truth, notice: &Notice) -> Verdict {
        match notice {
            Notice::Durable { mutations, durability } => mutations.iter().try_for_each(|id| self.promised(&id.0, *durability)),
            Notice::Settled { mutation, ending } => self.tab_settled(truth, &mutation.0, ending),
            Notice::Changed { address, change } => {
                let name = format!("{}/{}", address.collection, address.key);
                let Some(shared) = &mut self.shared else { return Ok(()) };
                shared.witness().shown.change(name, change).map_err(|what| Violation { law: "I24", what })
            }
            _ => Ok(()),
        }
    }

    fn tab_settled(&mut self, truth: &Truth, id: &str, ending: &Ending) -> Verdict {
        let entry = self.stored.frozen_in(id).cloned();
        let is_true = match (ending, &entry) {
            (Ending::Unknown { .. }, _) | (_, None) => true,
            (Ending::Applied { .. }, Some(entry)) => self.is_without_ids || truth.was_applied(entry),
            (_, Some(entry)) => truth.was_not_applied(entry),
        };
        if !is_true {
            return broken(
                "I2",
                format!("{id} ended {ending:?}, and entry {entry:?} was {:?}", entry.as_ref().map(|entry| truth.fate(entry))),
            );
        }
        if let Ending::Merged { by, .. } = ending
            && let Some(Atom { parts, order }) = self.atoms.get(id).filter(|_| !self.stored.has(id)).cloned()
        {
            // It was never stored, and what carries it on may be.
            let parts = self.carried_apart(truth, id, &by.0, parts);
            self.atoms.insert(by.0.to_string(), Atom { parts, order });
            self.told.entry(by.0.to_string()).or_default();
            self.dependences.carried_on(id, &by.0, truth);
        }
        if entry.is_none() && matches!(ending, Ending::Applied { .. }) {
            // It was sent without the store, which never had it.
            self.dependences.is_there(id);
        }
        let name = ending.name().to_owned();
        let Some(shared) = &mut self.shared else { return Ok(()) };
        let witness = shared.witness();
        // What was taken back without the store, and what came after it, may come back with that.
        let may_come_back = matches!(ending, Ending::Unknown { error } if error.code == Code::StorageUnavailable);
        let told = if may_come_back { None } else { Some(name.clone()) };
        if let Some(before) = witness.endings.insert(id.to_owned(), told).flatten() {
            return broken("I1", format!("{id} ended {before} and then {name}, in one tab"));
        }
        if !self.told.contains_key(id) && !matches!(ending, Ending::Merged { .. }) && self.stored.ending(id).is_none() {
            return broken("I1", format!("{id} ended {name}, and nobody wrote it"));
        }
        if witness.open.remove(id)
            && let Ending::Merged { by, .. } = ending
        {
            witness.by.insert(id.to_owned(), by.0.to_string());
            if !witness.endings.contains_key(&*by.0) {
                witness.open.insert(by.0.to_string());
            }
        }
        Ok(())
    }

    /// What carries on an entry that was never stored, of which this is one more member: on what it was sent on, and then on what it was in
    /// conflict with.
    fn carried_apart(&mut self, truth: &Truth, id: &str, by: &str, parts: Parts) -> Parts {
        let Some(shared) = &mut self.shared else { return parts };
        let (entry, all) = shared.carried.entry(by.to_owned()).or_insert_with(|| (id.to_owned(), Parts::new()));
        for (name, meant) in parts {
            all.entry(name).or_default().extend(meant);
        }
        let (entry, mut all) = (entry.clone(), all.clone());
        let said = shared.apart.get(&entry).map(|bytes| found::said(bytes, truth)).unwrap_or_default();
        let since = shared.conflict(&entry);
        for (name, meant) in &mut all {
            if let Some(said) = said.get(name) {
                *meant = ground(said.base.as_ref(), &*meant);
            }
            if let Some(there) = since.and_then(|since| truth.at(name, since)) {
                *meant = ground(there.value.as_ref(), &*meant);
            }
        }
        all
    }

    /// A turn of a tab has ended. Where it knows all that is stored and has nothing to store, it shows what that comes to.
    /// With `all`, everything is compared, and not only what has changed.
    pub fn tab_looked(&mut self, truth: &Truth, all: bool, mut look: impl FnMut(&str) -> Look) -> Verdict {
        let Some(shared) = &mut self.shared else { return Ok(()) };
        let witness = shared.tabs.entry(shared.at).or_default();
        let mut names = std::mem::take(&mut witness.touched);
        names.extend(witness.shown.take_touched());
        if all {
            names.extend(self.replica.names().cloned());
        }
        for name in names {
            let Some(seen) = look(&name) else {
                // It is being read, or nobody looks at it.
                if witness.shown.is_shown(&name) {
                    witness.touched.insert(name);
                }
                continue;
            };
            let mut looks_like = |knows_late| {
                let (must, _) = self.replica.visible(&name, truth, knows_late);
                if seen == *must { Ok(()) } else { Err(text(&must)) }
            };
            if let Err(must) = looks_like(true).or_else(|_| looks_like(false)) {
                return broken("I5", format!("{name} looks like {} and must be {must}", text(&seen)));
            }
            witness.shown.compare(&name, &seen).map_err(|what| Violation { law: "I24", what })?;
        }
        Ok(())
    }

    /// A tab is gone, or all are with the power, and this is what the disk has.
    pub(super) fn tab_crashed(&mut self, truth: &Truth, image: &Image, power: bool) -> Verdict {
        if let Some(shared) = &mut self.shared {
            shared.gone();
        }
        self.has_nothing_foreign(image)?;
        let had: BTreeSet<String> = self.told.keys().filter(|id| self.stored.ending(id).is_some()).cloned().collect();
        if power {
            self.stored.crashed();
            self.stored.restore(image.log.iter().map(|(at, bytes)| (*at, bytes)));
        }
        for entry in &self.sent {
            if self.stored.frozen(entry).is_none() && self.stored.ending(entry).is_none() {
                return broken("I28", format!("entry {entry} was sent, and the disk does not know it"));
            }
        }
        let pending = self.stored.pending().cloned().collect();
        let durable = found::durable(image, truth, &self.carried_out(truth, &pending))?;
        if power {
            for (id, told) in &mut self.told {
                let is_stored = self.stored.is_pending(id) || self.stored.ending(id).is_some();
                if told.promise == Some(Durability::Strict) && !is_stored {
                    return broken("I1", format!("{id} was called durable, and is gone"));
                }
                if self.stored.is_pending(id) {
                    self.dependences.is_back(id, had.contains(id));
                }
                *told = Told { promise: told.promise.filter(|_| is_stored), ..Told::default() };
            }
            self.lay_all(&durable, &pending)?;
        }
        Ok(())
    }

    /// Everything was well for long enough: nothing waits, and the tab shows what the server has.
    pub(super) fn tab_rested(&mut self, truth: &Truth, look: impl FnMut(&str) -> Look) -> Verdict {
        let open: Vec<&String> = self.shared.iter().flat_map(Shared::open).collect();
        if !open.is_empty() {
            return broken("V1", format!("these have not ended: {open:?}"));
        }
        let (laid, stored): (Vec<_>, Vec<_>) = (self.replica.pending().collect(), self.stored.pending().collect());
        if !laid.is_empty() || !stored.is_empty() {
            return broken("I4", format!("pending in the history: {laid:?}; on the disk: {stored:?}"));
        }
        self.tab_looked(truth, true, look)
    }
}

impl Oracle {
    /// Those writes of a transaction, in their order: what is frozen, or one with others, stands where the first of them stood.
    fn in_order(&self, write: &Write, position: u64, is_wanted: impl Fn(&String) -> bool) -> Vec<String> {
        let commits = write.rewrite.iter().filter_map(|(at, bytes)| Some((*at, bytes.as_deref()?)));
        let (mut all, mut folded) = (Vec::new(), Vec::new());
        for (at, bytes) in commits.chain(write.append.as_deref().map(|bytes| (position, bytes))) {
            for found in record::decode(bytes) {
                let Found::Record(record) = found else { continue };
                let Ok(mut header) = record.header() else { continue };
                let members: Vec<String> = header.read("members").unwrap_or_default();
                let id = record.kind.named_by().and_then(|name| header.read::<String>(name).ok()).unwrap_or_default();
                match record.kind {
                    Kind::Mutation => {
                        let line = header.read::<Option<Lineage>>("lineage").ok().flatten();
                        all.push((line.map_or((at, record.ordinal), |line| line.place), vec![id]));
                    }
                    Kind::Freeze => all.push((header.read("place").unwrap_or((at, record.ordinal)), members)),
                    Kind::Fold => folded.push((id, members)),
                    _ => {}
                }
            }
        }
        for (id, members) in folded {
            all.iter_mut().filter(|(_, ids)| ids.first() == Some(&id)).for_each(|(_, ids)| ids.extend(members.iter().cloned()));
        }
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().flat_map(|(_, ids)| ids).filter(is_wanted).collect()
    }
}

/// The operations of a write, as a transaction stores them.
fn made(write: &Write, id: &str) -> Vec<Value> {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let records = record::decode(write.append.as_deref().unwrap_or_default());
    let ours = records.filter_map(|found| match found {
        Found::Record(record) if record.kind == Kind::Mutation && json(record.header)["id"] == id => Some(json(record.body)),
        _ => None,
    });
    ours.flat_map(|body| body.as_array().cloned().unwrap_or_default()).collect()
}

/// What is meant for a document, on the base as it is; or, where a follow-up was made of it before that was read, and nothing was stored
/// since, as it was then: at the conflict or later.
fn merged(truth: &Truth, name: &str, base: Option<&State>, since: Option<u64>, meant: &[Meant], made: &[Value]) -> Vec<Meant> {
    let there = base.and_then(|base| base.value.as_ref());
    let as_it_is = as_it_is(name, base, meant);
    let is_of = |operation: &&Value| {
        format!("{}/{}", operation["collection"].as_str().unwrap_or(""), operation["key"].as_str().unwrap_or("")) == name
    };
    let makes = |of: Option<&Value>| made.iter().filter(is_of).try_fold(of.cloned(), operate);
    let says = |on: Option<&Value>, grounded: &[Meant]| makes(on).is_some_and(|made| made == fold(on, grounded));
    let (Some(since), Some(base)) = (since, base) else { return as_it_is };
    if says(there, &as_it_is) {
        return as_it_is;
    }
    let earlier = (since..base.seq).rev().filter_map(|at| truth.at(name, at));
    let as_it_was = earlier.map(|state| (state.value.as_ref(), ground(state.value.as_ref(), meant)));
    as_it_was
        .into_iter()
        // A splice says nothing where its text is gone.
        .find(|(value, grounded)| says(*value, grounded) && (makes(there).is_none() || says(there, grounded)))
        .map_or(as_it_is, |(_, grounded)| grounded)
}
