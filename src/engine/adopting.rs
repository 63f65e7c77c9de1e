//! Taking a store up again. A client that has lost its store, or found none at its start, goes on in memory, and tries now and then
//! whether the store is back. Where it can be read, everything begins anew from it, as at a start, with what memory has besides as
//! commits behind it: what the start after a crash would find, had the store never failed. All of that is one transaction; until it
//! is complete nothing is sent, and where it fails, the client goes on in memory.

use std::sync::Arc;

use super::again::Again;
use super::clock::Timestamp;
use super::effect::{Effect, Sink, Wanted};
use super::header;
use super::ident::{LoadId, MutationId};
use super::input::{Bytes, Found, StoreFailure};
use super::log::About;
use super::notice::{Durability, Ending, Notice};
use super::pages::Pages;
use super::pull::Feed;
use super::record::{self, DirectoryRow, Kind, Lineage, Record, names};
use super::replica::Base;
use super::retry;
use super::revived::nobody_knows;
use super::settling::tell_settled;
use super::store::Mode;
use super::storing::{Loading, fault_of};
use super::tabs::Reads;
use super::{Engine, Life};
use crate::ordered::OrderedSet;
use crate::protocol::member::Member;
use crate::protocol::{Address, Seen};

/// While something else is read, the store is tried again after so many milliseconds.
const BUSY_MS: u64 = 1_000;

/// What is known of a store that was given up.
#[derive(Debug, Default)]
pub(super) struct Adoption {
    /// When it is tried again; nothing where it is none for this client.
    due: Option<Timestamp>,
    /// How often in a row it was tried in vain.
    failures: u32,
    /// It was read, and what memory has besides is to be stored.
    pub(super) is_under_way: bool,
    /// What was to be read meanwhile.
    pub(super) missed: Reads,
    /// The writes that are durable with that.
    writes: Vec<MutationId>,
}

impl Adoption {
    /// When the store is tried again.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// It is none for this client.
    pub(super) fn give_up(&mut self) {
        self.due = None;
    }
}

impl Engine {
    /// Whether the app is told that nothing is stored.
    pub(super) fn is_without_store(&self) -> bool {
        self.store.mode() == Mode::Memory || self.adoption.is_under_way
    }

    /// The store is tried again in a while.
    pub(super) fn adopt_later(&mut self, now: Timestamp) {
        self.adoption.failures = self.adoption.failures.saturating_add(1);
        self.adoption.due = Some(now.after(retry::ADOPTION.draw(self.adoption.failures, &mut self.rng)));
    }

    /// Somebody looks at the page again, or the machine has slept: the store may be back.
    pub(super) fn adopt_soon(&mut self, now: Timestamp) {
        self.adoption.due = self.adoption.due.map(|due| due.min(now.after(BUSY_MS)));
    }

    /// Looks whether the store is back.
    pub(super) fn try_store(&mut self, now: Timestamp, effects: &mut impl Sink) {
        self.adoption.due = None;
        if self.store.mode() != Mode::Memory || self.life != Life::Open {
            return;
        }
        if self.loading.is_some() {
            self.adoption.due = Some(now.after(BUSY_MS));
            return;
        }
        self.load_store(Vec::new(), effects);
    }

    fn load_store(&mut self, pages: Vec<u32>, effects: &mut impl Sink) {
        let load = LoadId(self.next_id());
        self.loading = Some((load, Loading::Adoption { pages: pages.clone() }));
        effects.push(Effect::Load { load, what: Wanted { pages, ..Wanted::all() } });
    }

    /// It is not.
    pub(super) fn find_no_store(&mut self, now: Timestamp, why: &StoreFailure, effects: &mut impl Sink) {
        if *why != StoreFailure::TooNew {
            self.adopt_later(now);
        }
        self.load_wanted(effects);
    }

    /// It is, and this is what it has, with these pages.
    pub(super) fn adopt(&mut self, now: Timestamp, mut found: Found, pages: &[u32], effects: &mut impl Sink) {
        let is_foreign = found.meta.as_ref().is_some_and(|meta| self.is_of_later(meta) || meta.scope != self.config.scope);
        if self.life != Life::Open || is_foreign {
            return self.load_wanted(effects);
        }
        let is_another = found.meta.as_ref().is_some_and(|meta| meta.client_id != self.client);
        if is_another && self.outbox.has_blind() {
            // The server can tell whether it has carried that out only by when this client came, and the store is another one's.
            self.adopt_later(now);
            return self.load_wanted(effects);
        }
        let folded_to = found.meta.as_ref().map_or(0, |meta| meta.folded_to);
        let on = found.log.last().map_or(0, |(position, _)| *position).max(folded_to);
        let is_ours = match (self.store.meta(), &found.meta) {
            (Some(known), Some(meta)) => known.store_id == meta.store_id,
            (None, None) => true,
            _ => false,
        };
        // Whether it has what this client knows of it, and nothing else.
        let is_same = is_ours && on == self.store.stored_to();
        if !is_same {
            let needed = self.pages_to_move(&found);
            if needed.iter().any(|page| !pages.contains(page)) {
                return self.load_store(needed, effects);
            }
        }
        let bases = self.aside(now, is_ours, is_same, effects);
        let mut behind = if is_same { None } else { Some(self.behind(&found.log)) };
        let commits = self.store.put_behind(on, &mut |record| behind.as_mut().is_none_or(|behind| behind.takes(record)));
        for (position, bytes) in &commits {
            found.log.push((*position, Bytes(bytes.as_slice().into())));
        }
        self.touch_held();
        let carriers = [self.outbox.carriers(), self.inbox.carriers()].concat();
        self.store.renew();
        self.tabs.concluded = Vec::new();
        // Nothing that was pulled is lost.
        let course = is_same.then(|| self.take_course(now));
        let generation = self.generation.clone();
        let inbox = self.forget(now, &[], &[], effects);
        if let Some(behind) = &behind {
            self.config.awaited.retain(|id| !behind.carriers.contains_key(&Arc::from(id.as_str())));
        }
        self.replica.begin_anew(is_same);
        self.leave_mirrors(found.meta.as_ref());
        self.begin(now, found, if is_same { on } else { 0 }, effects);
        course.into_iter().for_each(|course| self.put_course(now, course));
        let ended = behind.map_or_else(OrderedSet::default, |behind| self.carry_out(now, &behind, effects));
        if !ended.is_empty() && self.generation != generation {
            // Which of them is the later one, nobody knows.
            self.feeds.iter_mut().for_each(|feed| feed.restart(now, false));
        }
        for (address, base) in bases {
            self.adopt_base(&address, base, ended.contains_key(&address));
        }
        for address in ended.keys() {
            let befores = self.replica.moved(address);
            self.keep_befores(address, &befores);
        }
        if !commits.is_empty() {
            self.store.restore(commits, on);
        }
        self.adoption.writes = self.outbox.behind(on);
        self.adoption.is_under_way = true;
        self.carry_anew(carriers);
        self.tell_inbox_renewed(&inbox, effects);
        self.want_anew(effects);
        self.hand_on_errands(effects);
        if !self.store.is_staged() {
            self.end_adoption(effects);
        }
    }

    /// What goes behind this log, in which others have written.
    fn behind(&self, log: &[(u64, Bytes)]) -> Behind {
        let (mut heard, mut lines, stored_to) = (OrderedSet::default(), OrderedSet::default(), self.store.stored_to());
        for found in log.iter().flat_map(|(_, bytes)| record::decode(&bytes.0)) {
            if let record::Found::Record(record) = found {
                // What cannot be read is set aside later.
                let _ = names(&record, &mut |id| {
                    heard.insert(id, ());
                });
            }
        }
        for id in self.outbox.up_to(stored_to) {
            lines.insert(id.0, ());
        }
        Behind { heard, stored_to, lines, carriers: OrderedSet::default(), records: Vec::new() }
    }

    /// Where the documents are of which the store has writes that this client knows, or whose bases have moved without it.
    fn pages_to_move(&self, found: &Found) -> Vec<u32> {
        let (mut all, mut pages) = (Pages::default(), Vec::new());
        if let Some(directory) = &found.directory
            && all.read(&directory.0).is_err()
        {
            return pages;
        }
        for (_, bytes) in &found.log {
            for found in record::decode(&bytes.0) {
                if let record::Found::Record(record) = found
                    && record.kind == Kind::Paged
                {
                    let rows = record.header().and_then(|mut header| header.read::<Vec<DirectoryRow>>("pages"));
                    rows.iter().flatten().for_each(|row| all.place(row));
                }
            }
        }
        for address in self.outbox.sealed().chain(self.store.moved()) {
            pages.extend(all.page_of(address).filter(|page| !pages.contains(page)));
        }
        pages
    }

    /// What memory has made of writes that the store has is made of them there, as another tab would take it up; not where they are
    /// there no longer as they were: what others know of a write stands. Says which documents that is about.
    fn carry_out(&mut self, now: Timestamp, behind: &Behind, effects: &mut impl Sink) -> OrderedSet<Address> {
        let (mut documents, mut over, mut heard) = (OrderedSet::default(), OrderedSet::default(), Vec::new());
        let (mut unapplied, mut refused) = (Vec::new(), Vec::new());
        for found in record::decode(&behind.records) {
            let record::Found::Record(record) = found else { continue };
            let Ok(Named { id, others, ending }) = named(&record) else { continue };
            let (is_end, is_applied) = (matches!(record.kind, Kind::Settlement | Kind::Cancel), ending == "applied");
            let is_so = match record.kind {
                Kind::Settlement if is_aftermath(&ending) => self.outbox.order(&id).is_none(),
                // What carries it on is there.
                Kind::Settlement if ending == "merged" && self.outbox.entry(&id).is_none() => self.outbox.order(&id).is_some(),
                Kind::Settlement | Kind::Cancel | Kind::Inbox => self.outbox.is_as(&id, &others),
                Kind::Shadow => over.contains_key(&id.0),
                _ => true,
            };
            if !is_so {
                continue;
            }
            let order = self.outbox.order(&id);
            let mut about = self.outbox.documents_of(&id, &others);
            let taken = self.take_up_record(now, 0, &record, &mut heard);
            about.append(&mut self.outbox.documents_of(&id, &others));
            for address in about.into_iter().filter(|_| is_end || record.kind == Kind::Mutation) {
                documents.insert(address, ());
            }
            match taken {
                _ if is_end => {
                    self.store.stage(record.kind, record.header, record.body, None);
                    over.insert(id.0.clone(), ());
                    if !is_applied && !is_aftermath(&ending) && self.outbox.order(&id).is_none() {
                        unapplied.extend(order);
                    }
                }
                Ok(Some(_)) if record.kind == Kind::Mutation => self.store.stage_mutation(&id, record.header, record.body, true),
                Ok(Some(about)) => drop(self.store.stage(record.kind, record.header, record.body, Some(about))),
                Err(_) if record.kind == Kind::Mutation => self.give_over(&id, &record, effects),
                _ => {}
            }
            if record.kind == Kind::After && others.iter().any(|id| self.inbox.has(id)) {
                refused.push(id);
            }
        }
        // What comes after that has ended with it in memory, too; this is of others.
        unapplied.iter().for_each(|order| self.block_dependents(now, *order, false, effects));
        refused.iter().for_each(|id| self.refuse_behind(now, id, effects));
        documents
    }

    /// What memory has made of an entry is not what carries it on.
    fn give_over(&mut self, id: &MutationId, record: &Record<'_>, effects: &mut impl Sink) {
        let by = line_of(record).and_then(|line| self.outbox.carrier(&line.root).cloned());
        let order = by.as_ref().and_then(|by| self.outbox.order(by));
        order.into_iter().for_each(|order| self.outbox.carry(order, vec![id.clone()], &[]));
        let ending = by.map_or_else(nobody_knows, |by| Ending::Merged { by, maybe_applied: None });
        tell_settled(std::slice::from_ref(id), &ending, effects);
    }

    /// Makes all that memory has besides the store part of its log, but for bases, which it gives: nothing for one that stays as it is.
    /// Of a store that is another one, or is gone, it has everything besides.
    fn aside(&mut self, now: Timestamp, is_ours: bool, is_same: bool, effects: &mut impl Sink) -> Vec<(Address, Option<Box<Base>>)> {
        self.stage_history();
        if !is_same {
            let mut addresses = Vec::new();
            addresses.extend(self.outbox.documents().cloned());
            for address in &addresses {
                // What splices were made on goes with them.
                let stored_to = self.store.stored_to();
                let is_stored = |id: &MutationId| self.outbox.queued(id).is_some_and(|queued| queued.is_stored(stored_to));
                let texts = self.replica.texts(address, &is_stored);
                self.keep_befores(address, &texts);
            }
        }
        if !is_ours && let Some(meta) = self.store.meta() {
            // What its mirror has is all here.
            let (header, about) = (header::recovered(&meta.store_id), About::named(Kind::Recovered, meta.store_id.as_str().into(), 0));
            self.store.stage(Kind::Recovered, &header, "", Some(about));
        }
        self.keep_in_memory(now, effects);
        let mut moved = self.store.take_moved();
        if !is_ours {
            self.store.forget_stored();
            for (address, _) in self.replica.known() {
                moved.insert(address.clone(), ());
            }
        }
        let mut bases = Vec::with_capacity(moved.len());
        for address in moved.keys() {
            let base = self.replica.base(address).filter(|_| !is_same);
            bases.push((address.clone(), base.cloned().map(Box::new)));
        }
        bases
    }

    /// A base that moved without the store goes there. Where others have written meanwhile, it does so only where the next pull goes on
    /// from before it, since whatever is newer comes with that; or where something of it has ended with it.
    fn adopt_base(&mut self, address: &Address, base: Option<Box<Base>>, is_wanted: bool) {
        let Some(base) = base else { return self.store.stage_base(address) };
        let is_later = *base.generation == *self.generation && base.seq.is_some_and(|seq| seq > self.seen.seq);
        if (is_wanted || is_later || self.generation.is_empty()) && self.is_news(address, &base) {
            self.touch(address);
            self.rebase(address, Some(base), &[]);
        }
    }

    /// How far the pulls have come.
    fn take_course(&mut self, now: Timestamp) -> Course {
        let mut anew = Vec::with_capacity(self.feeds.len());
        self.feeds.iter().for_each(|feed| anew.push(Feed::new(feed.name.clone(), now)));
        let feeds = std::mem::replace(&mut self.feeds, anew);
        (feeds, std::mem::take(&mut self.again), std::mem::take(&mut self.seen), self.generation.clone(), self.turns)
    }

    /// They go on from there. What was on its way was given up.
    fn put_course(&mut self, now: Timestamp, course: Course) {
        (self.feeds, self.again, self.seen, self.generation, self.turns) = course;
        for feed in self.feeds.iter_mut().filter(|feed| feed.request.is_some()) {
            (feed.request, feed.due) = (None, now);
        }
        self.end_missing();
    }

    /// A transaction is complete: where it was that of an adoption, the client has a store.
    pub(super) fn end_adoption(&mut self, effects: &mut impl Sink) {
        if !std::mem::take(&mut self.adoption.is_under_way) {
            self.adoption.failures = 0;
            return;
        }
        self.troubles.storage = None;
        let mutations = std::mem::take(&mut self.adoption.writes);
        if !mutations.is_empty() {
            effects.push(Effect::Notify(Notice::Durable { mutations, durability: Durability::Strict }));
        }
        let missed = std::mem::take(&mut self.adoption.missed);
        self.want(missed);
    }

    /// It could not be stored after all. Where only somebody else was first, it is tried again at once.
    pub(super) fn fall_back(&mut self, now: Timestamp, why: &StoreFailure, effects: &mut impl Sink) {
        self.adopt_later(now);
        let mut error = fault_of(why);
        if matches!(why, StoreFailure::Behind | StoreFailure::Fenced { .. } | StoreFailure::Replaced) {
            self.adoption.due = Some(now.after(retry::STORE.draw(1, &mut self.rng)));
            error = self.troubles.storage.take().unwrap_or(error);
        }
        self.troubles.storage = Some(error.clone());
        self.go_on_in_memory(now, error, effects);
    }
}

/// How far the pulls have come, and what is known of the server with that.
type Course = (Vec<Feed>, Again, Seen, Arc<str>, u32);

/// What goes behind what a store has in which others have written.
struct Behind {
    /// The writes it has heard of.
    heard: OrderedSet<Arc<str>>,
    /// The last position of the log that memory knows to be in it.
    stored_to: u64,
    /// What memory has pending that is in it, or carries on what is.
    lines: OrderedSet<Arc<str>>,
    /// Which of that carries it on.
    carriers: OrderedSet<Arc<str>>,
    /// What memory has made of that.
    records: Vec<u8>,
}

impl Behind {
    /// Whether a record goes there as it is: what is about writes of memory alone. What it has made of others is put by, to be made of what
    /// they are there.
    fn takes(&mut self, record: &Record<'_>) -> bool {
        let Ok(Named { id, ending, .. }) = named(record) else { return true };
        let (is_heard, line) = (self.heard.contains_key(&id.0), line_of(record));
        let carries_on = |line: &Lineage| self.heard.contains_key(&line.root.0) || line.place.0 <= self.stored_to;
        let is_there = is_heard || self.lines.contains_key(&id.0) || line.as_ref().is_some_and(carries_on);
        match record.kind {
            Kind::History | Kind::Cursor => return false,
            Kind::Settlement if is_aftermath(&ending) && !is_there => return true,
            Kind::Settlement | Kind::Cancel | Kind::After => {}
            _ if !is_there => return true,
            Kind::Freeze | Kind::Fold => return false,
            Kind::Mutation | Kind::Before if is_heard => return false,
            Kind::Mutation if line.is_none_or(|line| line.round == 0) => return false,
            Kind::Mutation => {
                self.carriers.insert(id.0, ());
            }
            _ => {}
        }
        self.records.extend_from_slice(record.raw);
        false
    }
}

/// What a record names, and how it says that this has ended.
struct Named {
    id: MutationId,
    others: Vec<MutationId>,
    ending: String,
}

fn named(record: &Record<'_>) -> Result<Named, &'static str> {
    let mut named = Named { id: MutationId::blank(), others: Vec::new(), ending: String::new() };
    let mut header = record.header()?;
    if let Some(name) = record.kind.named_by() {
        header.take(name, &mut named.id);
    }
    let list = if record.kind == Kind::After { "after" } else { "members" };
    header.take_if_there(list, &mut named.others).take_if_there("ending", &mut named.ending).check()?;
    Ok(named)
}

/// The line that a record goes on.
fn line_of(record: &Record<'_>) -> Option<Lineage> {
    let mut header = record.header().ok()?;
    match record.kind {
        Kind::Freeze => {
            let mut line = Lineage { root: header.read("entry").ok()?, round: 0, place: header.read("place").ok()? };
            header.take_if_there("root", &mut line.root).check().ok()?;
            Some(line)
        }
        Kind::Mutation => header.read::<Option<Lineage>>("lineage").ok()?,
        _ => None,
    }
}

/// Whether it is what became of a write behind its end.
fn is_aftermath(ending: &str) -> bool {
    [header::RETRIED, header::DISCARDED, header::SHOWN].contains(&ending)
}
