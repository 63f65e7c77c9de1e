//! The judges of a run, one a device. A judge is told everything that happens there, keeps its own plain idea of what must
//! be true, and says at every event which law is broken. What devices of one user have in common is the [`Truth`]: what
//! happened at the server. The judges share no code with the engine, the protocol or the server: they have their
//! own JSON handling, their own patches, their own splices and their own merge.

mod aside;
mod course;
mod dependences;
mod document;
mod found;
mod replica;
mod reset;
mod restart;
mod shared;
mod shown;
mod stored;
mod truth;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::course::Course;
use self::dependences::Dependences;
use self::document::Meant;
use self::found::Said;
use self::replica::{Atom, Parts, Replica, as_it_is};
use self::reset::Mirrored;
use self::shared::Shared;
use self::shown::Shown;
use self::stored::Stored;
use self::truth::Fate;
pub use self::truth::Truth;
use super::action::{Edit, Name};
use crate::engine::config::Level;
use crate::engine::effect::Write;
use crate::engine::ident::MutationId;
use crate::engine::merging::Strategies;
use crate::engine::notice::{Durability, Ending, Notice};

/// A law that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its id.
    pub law: &'static str,
    /// What was seen.
    pub what: String,
}

/// What is wrong, if anything.
pub type Verdict = Result<(), Violation>;

fn broken<T>(law: &'static str, what: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { law, what: what.into() })
}

/// What a device shows of a document: `None` where it says that it does not know.
pub type Look = Option<Option<Value>>;

/// What the app was told about one of its writes.
#[derive(Clone, Debug, Default)]
struct Told {
    promise: Option<Durability>,
    ending: Option<String>,
}

/// What a device knew of the server when it asked.
#[derive(Clone, Debug, Default)]
pub struct Known {
    generation: String,
    beginnings: u64,
    had_cursor: bool,
    /// Whether a feed is pulled for the first time by a device that has documents, some of them by other feeds: those begin
    /// again with its answer.
    is_blind: bool,
}

/// The judge of one device.
#[derive(Default)]
pub struct Oracle {
    user: usize,
    rules: Strategies,
    /// Of a device with several tabs.
    shared: Option<Shared>,
    stored: Stored,
    replica: Replica,
    shown: Shown,
    course: Course,
    mirrored: Mirrored,
    told: BTreeMap<String, Told>,
    /// Those of them of which the app has not heard how they ended.
    open: BTreeSet<String>,
    atoms: BTreeMap<String, Atom>,
    grounded: BTreeMap<String, Parts>,
    /// What an entry says of its documents.
    said: BTreeMap<String, BTreeMap<String, Said>>,
    dependences: Dependences,
    /// What cannot be taken back by itself, though it is not frozen.
    folded: BTreeSet<String>,
    sent: BTreeSet<String>,
    /// What was said to be applied, and where, when nobody could tell what that made of its documents.
    early: BTreeMap<String, u64>,
    /// What was made anew, since the tab began.
    anew: BTreeMap<String, String>,
    committed_order: BTreeMap<String, u64>,
    /// Since this position.
    committed_since: u64,
    in_memory: BTreeSet<String>,
    /// Documents with writes of which it is not known what they were made on.
    unseen: BTreeSet<Name>,
    /// The generation of the server's data that the device knows of; empty before it does.
    generation: String,
    /// How often all feeds have begun again.
    beginnings: u64,
    /// Whether the device does not take its server to know entries by their ids. Where that is so, and an attempt had no answer, a
    /// conflict with just what it meant is as good as applied (laws I2 and I3 are not claimed then).
    is_without_ids: bool,
    orders: u64,
}

impl Oracle {
    /// The judge of a device of this user, with one tab or several, that pulls these feeds, merges by these rules, and takes its server to promise this.
    pub fn of(user: usize, level: Level, feeds: Vec<String>, rules: Strategies, has_tabs: bool) -> Oracle {
        let shared = has_tabs.then(Shared::default);
        Oracle { user, rules, shared, course: Course::of(feeds), is_without_ids: level != Level::A, ..Oracle::default() }
    }

    /// What the device knows of the server when it asks.
    pub fn known(&mut self, had_cursor: bool, is_pull: bool) -> Known {
        let is_blind = is_pull && !had_cursor && self.course.is_blind(&self.replica);
        Known { generation: self.generation.clone(), beginnings: self.beginnings, had_cursor, is_blind }
    }

    /// A pull was answered that its cursor is none any more.
    pub fn refused_cursor(&mut self, knew: &Known) {
        if self.shared.is_none() && knew.had_cursor && knew.beginnings == self.beginnings {
            self.begins_again();
        }
    }

    /// All feeds begin again.
    fn begins_again(&mut self) {
        self.beginnings += 1;
        self.course.begin_again();
    }

    /// Whether the device may believe a reply, by what it knew when it asked. What was asked before it heard that the
    /// server was restored, and is answered from before that, is outdated; a page that goes on from a cursor that is
    /// none any more is not taken.
    pub fn believes(&mut self, knew: &Known, body: &Value) -> bool {
        if self.shared.is_some() {
            // What a tab has heard counts when it is stored.
            return false;
        }
        let is_page = !body["cursor"].is_null();
        let is_outdated = is_page && knew.beginnings != self.beginnings;
        let known = self.generation.clone();
        match body["generation"].as_str() {
            _ if is_outdated => return false,
            Some(generation) if generation != known => {
                if !known.is_empty() && knew.generation != known {
                    return false;
                }
                generation.clone_into(&mut self.generation);
                if !known.is_empty() {
                    self.begins_again();
                    return !is_page || body["reset"] == true;
                }
            }
            _ => {}
        }
        if body["reset"] == true && knew.had_cursor {
            // It was asked for before anybody knew, and is asked for again.
            self.begins_again();
            return false;
        }
        if is_page && knew.is_blind {
            self.begins_again();
        }
        true
    }

    /// What an edit means, by the rules of its collection where that has some.
    fn meant(&self, name: &str, edit: &Edit, seen: Option<&Value>) -> Option<Meant> {
        self.rules_of(name).map_or_else(|| Meant::of(edit, seen), |rules| Meant::by(rules, edit, seen))
    }

    /// The rules of a document, where its collection has some.
    fn rules_of(&self, name: &str) -> Option<&std::sync::Arc<crate::merge::Rules>> {
        self.rules.of_collection(name.split_once('/')?.0)
    }

    /// The app wrote one or several documents at once, and saw this of each before.
    pub fn invoked(&mut self, id: &str, edits: &[(&str, &Edit, Option<Value>)]) -> Verdict {
        self.orders += 1;
        let mut atom = Atom { parts: Parts::new(), order: self.orders };
        for (name, edit, seen) in edits {
            match self.meant(name, edit, seen.as_ref()) {
                Some(meant) => atom.parts.entry((*name).to_owned()).or_default().push(meant),
                None => return broken("I22", format!("{edit:?} was taken and does not fit {seen:?}")),
            }
        }
        match &mut self.shared {
            Some(shared) => shared.invoked(id),
            None => {
                self.replica.lay(id, &atom);
                self.unseen.extend(atom.parts.keys().cloned());
                self.open.insert(id.to_owned());
            }
        }
        self.atoms.insert(id.to_owned(), atom);
        match self.told.insert(id.to_owned(), Told::default()) {
            None => Ok(()),
            Some(_) => broken("I2", format!("{id} was given out twice")),
        }
    }

    /// The engine ordered a transaction: what is frozen in it is grounded on the base that it names.
    pub fn ordered(&mut self, truth: &Truth, write: &Write) -> Verdict {
        if self.shared.is_some() {
            // It may be made anew on what another tab has stored.
            return Ok(());
        }
        let freezes = self.stored.ordered(write);
        self.frozen(truth, freezes).map(|_| ())
    }

    /// These entries are frozen: their ids, members and bytes. Says whether one of them is news.
    pub fn frozen(&mut self, truth: &Truth, entries: Vec<(String, Vec<String>, String)>) -> Result<bool, Violation> {
        let mut is_news = false;
        if self.shared.is_some() {
            return Ok(false);
        }
        for (entry, members, bytes) in entries {
            if self.replica.entry_of(&entry) != Some(Some(&entry)) {
                self.freeze(truth, &entry, &members, &bytes, 0)?;
                is_news = true;
            }
        }
        Ok(is_news)
    }

    /// With what was laid after `behind` alone.
    fn freeze(&mut self, truth: &Truth, entry: &str, members: &[String], bytes: &str, behind: u64) -> Verdict {
        let said = found::said(bytes, truth);
        match self.replica.freeze(entry, members, &said, behind) {
            Ok(parts) => {
                self.said.insert(entry.to_owned(), said);
                self.grounded.insert(entry.to_owned(), parts);
                self.dependences.frozen(entry, members);
                Ok(())
            }
            Err(why) => broken("I9", why),
        }
    }

    /// A transaction completed.
    pub fn committed(&mut self, truth: &Truth, write: &Write, position: u64) -> Verdict {
        let fresh = self.stored.commit(write, position, truth, self.is_without_ids).map_err(|(law, what)| Violation { law, what })?;
        if self.shared.is_some() { self.goes_on(truth, write, position, &fresh) } else { Ok(()) }
    }

    /// A push left the device: its entries are frozen, stored, and byte for byte what is stored.
    pub fn sent(&mut self, body: &str, is_stored: bool) -> Verdict {
        self.carried(body)?;
        for (id, bytes) in found::entries(body) {
            match self.stored.frozen(&id) {
                Some(frozen) if frozen.bytes != bytes => {
                    return broken("I28", format!("entry {id} was frozen as {} and sent as {bytes}", frozen.bytes));
                }
                Some(_) => drop(self.sent.insert(id)),
                None if is_stored => return broken("I28", format!("entry {id} was sent before its freezing was stored")),
                None if self.shared.is_some() => self.shared.iter_mut().for_each(|shared| shared.is_apart(&id, &bytes)),
                None if self.replica.entry_of(&id) == Some(Some(&id)) => {}
                None => return broken("I28", format!("entry {id} was sent, and was never frozen")),
            }
        }
        Ok(())
    }

    /// The server is about to apply an entry of this device, and to make these of its documents.
    pub fn applied(&mut self, truth: &Truth, entry: &str, documents: &[(String, Option<Value>)]) -> Verdict {
        let is_apart = self.shared.as_ref().is_some_and(|shared| shared.knows_apart(entry));
        let Some(parts) = self.grounded.get(entry) else {
            if is_apart {
                return Ok(());
            }
            return broken("I2", format!("entry {entry} has an effect, and nobody wrote it"));
        };
        if parts.len() != documents.len() {
            return broken("I26", format!("entry {entry} is on {:?}, and changed {documents:?}", parts.keys()));
        }
        self.dependences.may_be_applied(entry, truth, |id| self.never_was(id))?;
        for (name, value) in documents {
            let before = truth.latest(name).and_then(|state| state.value.as_ref());
            let Some(meant) = parts.get(name) else { return broken("I26", format!("entry {entry} changed {name}, and is not on it")) };
            let expected = document::fold(before, meant);
            if expected != *value {
                return broken("I13", format!("entry {entry} made {} of {name} where its members make {}", text(value), text(&expected)));
            }
            if !document::fits(before, meant) {
                return broken(
                    "I1",
                    format!("entry {entry} was applied to {} without all that is meant: {meant:?}", text(&before.cloned())),
                );
            }
            if std::mem::replace(&mut self.committed_since, truth.born_at()) != truth.born_at() {
                // What a restored server has lost is sent again, in whatever order it is heard of.
                self.committed_order.clear();
            }
            let order = self.atoms.get(entry).map_or(0, |atom| atom.order);
            // What a former life of the server has done may come again at any time, and need not come at all.
            // What was frozen without the store has no place among what others have queued meanwhile.
            let is_again = is_apart || truth.fate(entry).is_none() && self.dependences.is_again(entry, truth);
            if !is_again && self.committed_order.insert(name.clone(), order).is_some_and(|last| last >= order) {
                return broken("I9", format!("entry {entry} of {name} was committed after a later one"));
            }
        }
        Ok(())
    }

    /// A good reply to a push reached the engine.
    pub fn push_delivered(&mut self, truth: &Truth, asked: &[String], body: &Value) {
        let position =
            |seq: &Value| truth.position_in(body["generation"].as_str().unwrap_or(truth.generation()), seq.as_u64().unwrap_or(0));
        for outcome in body["outcomes"].as_array().into_iter().flatten() {
            let Some(id) = outcome["id"].as_str().filter(|id| asked.iter().any(|asked| asked == id)) else { continue };
            match outcome["outcome"].as_str() {
                // Of what has ended already a device need not learn anything.
                Some("ok") => self.deliver_own(truth, Some(id), position(&outcome["seq"])),
                Some("conflict") if self.replica.entry_of(id) == Some(Some(id)) => {
                    let name = format!("{}/{}", outcome["collection"].as_str().unwrap_or(""), outcome["key"].as_str().unwrap_or(""));
                    if let Some(state) = position(&outcome["valueSeq"]).and_then(|at| truth.at(&name, at)) {
                        self.replica.deliver(&name, state);
                    }
                }
                _ => {}
            }
        }
    }

    /// The device heard that an entry was applied: its document is at least as the entry left it.
    fn deliver_entry(&mut self, truth: &Truth, id: &str, at: Option<u64>) {
        let is_this = |fate: &&Fate| matches!(fate, Fate::Applied { seq, .. } if Some(*seq) == at);
        let Some(Fate::Applied { seq, names }) = truth.fates(id).iter().find(is_this) else { return };
        for name in names {
            match truth.at(name, *seq) {
                Some(state) if self.can_tell(truth, id, name, state.seq) => self.replica.deliver(name, state),
                Some(_) => drop(self.early.insert(id.to_owned(), *seq)),
                None => {}
            }
        }
    }

    fn deliver_own(&mut self, truth: &Truth, id: Option<&str>, at: Option<u64>) {
        if let Some(id) = id.filter(|id| self.replica.entry_of(id) == Some(Some(id))) {
            self.deliver_entry(truth, id, at);
        }
    }

    /// The device asks for what is new in a feed.
    pub fn pulls(&mut self, truth: &Truth, feed: &str, cursor: Option<&str>) -> Verdict {
        if self.shared.is_some() { Ok(()) } else { self.course.pulls(feed, cursor, &self.replica, truth) }
    }

    /// A good reply to a pull of a feed reached the engine.
    pub fn pull_delivered(&mut self, truth: &Truth, feed: &str, body: &Value) -> Verdict {
        let position = |seq: &Value| truth.position_in(body["generation"].as_str().unwrap_or(truth.generation()), seq.as_u64()?);
        for applied in body["applied"].as_array().into_iter().flatten() {
            self.deliver_own(truth, applied["id"].as_str(), position(&applied["seq"]));
        }
        for change in body["changes"].as_array().into_iter().flatten() {
            // Of a group in several feeds, each one's change says that the group was applied.
            let at = position(&change["seq"]);
            self.deliver_own(truth, change["entryId"].as_str(), at);
            let name = format!("{}/{}", change["collection"].as_str().unwrap_or(""), change["key"].as_str().unwrap_or(""));
            if let Some(state) = at.and_then(|at| truth.at(&name, at)) {
                self.replica.deliver(&name, state);
            }
        }
        self.course.goes_on(feed);
        match body["cursor"].as_str() {
            Some(cursor) if body["more"] == false => {
                self.is_pulled(feed);
                self.course.caught_up(feed, cursor, &mut self.replica, truth)
            }
            _ => Ok(()),
        }
    }

    /// The app looks at a document, or at a collection, or no longer does.
    pub fn held(&mut self, name: Name, held: bool) {
        match &mut self.shared {
            Some(shared) => shared.held(name, held),
            None => self.shown.hold(name, held),
        }
    }

    /// The engine told the app.
    pub fn noticed(&mut self, truth: &Truth, notice: &Notice) -> Verdict {
        if let Notice::Reset { recovered, lost } = notice {
            return self.told_of_reset(*recovered, *lost);
        }
        if self.shared.is_some() {
            return self.tab_noticed(truth, notice);
        }
        match notice {
            Notice::Durable { mutations, durability } => mutations.iter().try_for_each(|id| self.promised(&id.0, *durability)),
            Notice::Settled { mutation, ending } => self.heard(truth, &mutation.0, ending),
            Notice::Changed { address, change } => {
                self.shown.change(format!("{}/{}", address.collection, address.key), change).map_err(|what| Violation { law: "I24", what })
            }
            _ => Ok(()),
        }
    }

    fn promised(&mut self, id: &str, durability: Durability) -> Verdict {
        if durability == Durability::Memory {
            // What carries another one on, where nothing is stored, is kept before it is told of.
            self.told.entry(id.to_owned()).or_default();
        }
        let Some(told) = self.told.get_mut(id) else { return broken("I1", format!("{id} is durable, and nobody wrote it")) };
        if durability == Durability::Memory && told.promise.is_some_and(|promise| promise != durability) {
            return broken("I1", format!("{id} was called durable, and then kept in memory"));
        }
        told.promise = Some(durability);
        let stored = self.stored.is_pending(id) || self.stored.ending(id).is_some();
        if durability != Durability::Memory && !stored {
            broken("I1", format!("{id} is called durable and is not on the disk"))
        } else {
            Ok(())
        }
    }

    /// The engine knows how these ended, and will tell the app when that is stored. From here on the view is without them.
    pub fn concluded<'a>(&mut self, truth: &Truth, endings: impl Iterator<Item = &'a (MutationId, Ending)>) -> Verdict {
        for (id, ending) in endings {
            match &mut self.shared {
                Some(shared) => shared.concluded(&id.0),
                None if self.told.get(&*id.0).is_none_or(|told| told.ending.is_none()) => self.settled(truth, &id.0, ending)?,
                None => {}
            }
        }
        Ok(())
    }

    fn heard(&mut self, truth: &Truth, id: &str, ending: &Ending) -> Verdict {
        let known = self.told.get(id).and_then(|told| told.ending.as_deref());
        match known {
            Some(known) if !self.open.contains(id) || known != ending.name() => {
                return broken("I1", format!("{id} ended {known} and then {ending:?}"));
            }
            Some(_) => {}
            None => self.settled(truth, id, ending)?,
        }
        self.open.remove(id);
        Ok(())
    }

    fn settled(&mut self, truth: &Truth, id: &str, ending: &Ending) -> Verdict {
        if let Some(before) = self.told.get(id).and_then(|told| told.ending.as_deref()) {
            return broken("I1", format!("{id} ended {before} and then {ending:?}"));
        }
        let entry = self.replica.entry_of(id).flatten().map(str::to_owned);
        if let Some(entry) = &entry
            && let Some(at) = self.early.remove(entry)
        {
            self.deliver_entry(truth, entry, Some(at));
        }
        let fates = entry.as_deref().map_or(&[] as &[Fate], |entry| truth.fates(entry));
        let fate = fates.last();
        let (name, refused) = match ending {
            Ending::Applied { .. } if self.is_without_ids && matches!(fate, Some(Fate::Refused { .. })) => {
                self.dependences.is_there(id);
                ("applied", false)
            }
            Ending::Applied { .. } => {
                let lags = |fate: &Fate| match fate {
                    Fate::Applied { seq, names } => Some(names.iter().find(|name| self.replica.base_seq(name) < *seq).cloned()),
                    Fate::Refused { .. } => None,
                };
                let lags: Vec<Option<Name>> = fates.iter().filter_map(lags).collect();
                if lags.is_empty() {
                    return broken("I2", format!("{id} ended applied, and entry {entry:?} was {fate:?}"));
                }
                if lags.iter().all(Option::is_some) {
                    return broken("I7", format!("{id} left with {fate:?}, and these bases lag behind: {lags:?}"));
                }
                ("applied", false)
            }
            Ending::Merged { by, .. } => {
                self.dependences.carried_on(id, &by.0, truth);
                if let Some(atom) = self.replica.carry_on(id, &by.0, as_it_is) {
                    self.atoms.insert(by.0.to_string(), atom);
                    if self.told.entry(by.0.to_string()).or_default().ending.is_none() {
                        self.open.insert(by.0.to_string());
                    }
                }
                ("merged", true)
            }
            Ending::Rejected { .. } => ("rejected", true),
            Ending::Cancelled => ("cancelled", true),
            Ending::Unknown { .. } => ("unknown", false),
        };
        if refused && entry.as_deref().is_some_and(|entry| !truth.was_not_applied(entry)) {
            return broken("I2", format!("{id} ended {name}, and entry {entry:?} was {fate:?}"));
        }
        self.end(id, name)
    }

    fn end(&mut self, id: &str, ending: &str) -> Verdict {
        let Some(told) = self.told.get_mut(id) else { return broken("I1", format!("{id} ended {ending}, and nobody wrote it")) };
        if let Some(before) = told.ending.replace(ending.to_owned()) {
            return broken("I1", format!("{id} ended {before} and then {ending}"));
        }
        if !matches!(ending, "applied" | "merged") {
            self.dependences.ended_unapplied(id);
        }
        self.take_off(id);
        Ok(())
    }

    /// The app said of a write what it is to come after.
    pub fn depends(&mut self, id: &str, after: &[String], reads: &[Name]) {
        let anew = self.shared.as_mut().map_or(&mut self.anew, Shared::anew);
        let last = |id: &String| anew.get(id).map_or_else(|| id.clone(), |anew| self.dependences.last(anew).to_owned());
        let mut all: Vec<String> = after.iter().map(last).collect();
        if self.shared.is_some() {
            // What is pending of what is read hangs on what the tab has seen.
            all.retain(|other| self.stored.ending(other).is_none() && !self.shared.as_ref().is_some_and(|shared| shared.has_ended(other)));
            return self.dependences.depends(id, all);
        }
        all.extend(reads.iter().flat_map(|name| self.replica.pending_of(name)).filter(|other| other != id));
        // What has ended is nothing to wait for.
        all.retain(|other| self.replica.entry_of(other).is_some());
        self.dependences.depends(id, all);
    }

    /// These writes are one each, and can no longer be taken back one by one: all are on one document, none is frozen, and none
    /// comes after another one that waits (law I13).
    pub fn folded(&mut self, folds: Vec<Vec<MutationId>>) -> Verdict {
        self.folded.clear();
        if self.shared.is_some() {
            return Ok(());
        }
        for names in folds {
            let on: BTreeSet<_> = names.iter().map(|id| self.replica.names_of(&id.0).collect::<Vec<_>>()).collect();
            let is_free = |id: &MutationId| self.replica.entry_of(&id.0) == Some(None) && self.dependences.is_free(&id.0, &self.replica);
            if on.len() != 1 || on.iter().any(|on| on.len() != 1) || !names.iter().all(is_free) {
                return broken("I13", format!("{names:?} were folded, on {on:?}"));
            }
            self.folded.extend(names.iter().map(|id| id.0.to_string()));
        }
        Ok(())
    }

    /// The app takes a write back.
    pub fn taken_back(&mut self, id: &str) {
        if let Some(shared) = &mut self.shared {
            return shared.taken_back(id);
        }
        if self.replica.entry_of(id) != Some(None) || self.folded.contains(id) {
            return;
        }
        let mut all = vec![id.to_owned()];
        while let Some(id) = all.pop() {
            // What comes after it goes with it, and is told with it.
            all.extend(self.dependences.dependents(&id).into_iter().filter(|other| self.replica.entry_of(other).is_some()));
            self.take_off(&id);
        }
    }

    /// What leaves the view unfrozen may have been all that was known of a document.
    fn take_off(&mut self, id: &str) {
        if self.replica.entry_of(id) == Some(None) {
            for name in self.replica.names_of(id) {
                self.in_memory.remove(name);
            }
        }
        self.replica.end(id);
    }

    /// Whether all that came after what was not applied has ended with it (law I8).
    fn dependents_have_ended(&mut self) -> Verdict {
        // What the app took back has left the view, and is told when that is stored.
        let (told, laid) = (&self.told, &self.replica);
        match self
            .dependences
            .take_doomed()
            .find(|id| laid.entry_of(id).is_some() && told.get(id).is_some_and(|told| told.ending.is_none()))
        {
            Some(id) => broken("I8", format!("{id} comes after what was not applied, and has not ended with it")),
            None => Ok(()),
        }
    }

    /// A turn has ended: what changed in it looks as it must. With `all`, so does everything.
    pub fn looked(&mut self, truth: &Truth, all: bool, mut look: impl FnMut(&str) -> Look) -> Verdict {
        self.dependents_have_ended()?;
        for name in std::mem::take(&mut self.unseen) {
            if look(&name).is_none() {
                self.unseen.insert(name);
                continue;
            }
            for (id, meant) in self.replica.see(&name, truth) {
                self.atoms.get_mut(&id).and_then(|atom| atom.parts.insert(name.clone(), meant));
            }
        }
        let is_unpulled = self.is_unpulled();
        let mut names = self.replica.take_touched();
        names.extend(self.shown.take_touched());
        if all {
            names.extend(self.replica.names().cloned());
            self.replica.forget_folded();
        }
        for name in names {
            let seen = look(&name);
            let was_in_memory = self.in_memory.contains(&name);
            let (must, is_known) = self.replica.visible(&name, truth, true);
            match &seen {
                None if !was_in_memory && (!is_known || is_unpulled) => {}
                Some(seen) => {
                    if !was_in_memory {
                        self.in_memory.insert(name.clone());
                    }
                    if *seen != *must {
                        let (is_gone, must) = (must.is_none(), text(&must));
                        let law = self.law_of(&name, seen, is_gone, truth);
                        return broken(law, format!("{name} looks like {} and must be {must}", text(seen)));
                    }
                    self.shown.compare(&name, seen).map_err(|what| Violation { law: "I24", what })?;
                }
                None if must.is_some() || was_in_memory => {
                    return broken("I6", format!("{name} must be {}, and the device says that it does not know", text(&must)));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// These documents are not in memory any more. Nobody looked at them, and nothing was pending of them (law I6).
    pub fn evicted(&mut self, documents: Vec<Name>) -> Verdict {
        for name in documents.into_iter().filter(|_| self.shared.is_none()) {
            if self.shown.is_shown(&name) || !self.replica.pending_of(&name).is_empty() {
                return broken("I6", format!("{name} went from memory, and was looked at or pending"));
            }
            self.in_memory.remove(&name);
        }
        Ok(())
    }

    /// How many writes the device should say are pending.
    pub fn pending(&self) -> usize {
        self.replica.pending().count()
    }

    /// What of these is not pending, and what is and is not among them.
    pub fn pending_unlike(&self, said: &BTreeSet<String>) -> (Vec<String>, Vec<String>) {
        let must = self.replica.pending().cloned().collect();
        (said.difference(&must).cloned().collect(), must.difference(said).cloned().collect())
    }

    /// Everything was well for long enough: nothing waits, and the device shows what the server has (laws I1, I4, V1).
    pub fn rested(&mut self, truth: &Truth, look: impl FnMut(&str) -> Look) -> Verdict {
        if self.shared.is_some() {
            return self.tab_rested(truth, look);
        }
        if !self.open.is_empty() {
            return broken("V1", format!("these have not ended: {:?}", self.open));
        }
        let (laid, stored): (Vec<_>, Vec<_>) = (self.replica.pending().collect(), self.stored.pending().collect());
        if !laid.is_empty() || !stored.is_empty() {
            return broken("I4", format!("pending in the view: {laid:?}; on the disk: {stored:?}"));
        }
        for name in truth.names() {
            if truth.latest(name).is_some_and(|latest| !self.replica.is_at(name, latest, truth)) {
                let at = self.replica.base_seq(name);
                return broken("I4", format!("{name} stands at {at} and the server's at {:?}", truth.latest(name)));
            }
        }
        self.looked(truth, true, look)
    }

    /// Whether every write has ended and the device has heard of every change.
    pub fn is_at_rest(&self, truth: &Truth) -> bool {
        self.open.is_empty()
            && self.shared.iter().all(|shared| shared.open().next().is_none())
            && self.stored.pending().next().is_none()
            && truth.names().all(|name| truth.latest(name).is_some_and(|latest| self.replica.is_at(name, latest, truth)))
    }
}

fn text(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "nothing".into(), Value::to_string)
}
