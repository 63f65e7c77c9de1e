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
use super::notice::{Durability, Notice};
use super::pull::Feed;
use super::record::{self, Kind, Lineage, Place, Record, names};
use super::replica::Base;
use super::retry;
use super::store::Mode;
use super::storing::{Loading, fault_of};
use super::tabs::Reads;
use super::{Engine, Life};
use crate::ordered::{Ordered, OrderedSet};
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
        let load = LoadId(self.next_id());
        self.loading = Some((load, Loading::Adoption));
        effects.push(Effect::Load { load, what: Wanted::all() });
    }

    /// It is not.
    pub(super) fn find_no_store(&mut self, now: Timestamp, why: &StoreFailure, effects: &mut impl Sink) {
        if *why != StoreFailure::TooNew {
            self.adopt_later(now);
        }
        self.load_wanted(effects);
    }

    /// It is, and this is what it has.
    pub(super) fn adopt(&mut self, now: Timestamp, mut found: Found, effects: &mut impl Sink) {
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
        let bases = self.aside(now, is_ours, is_same, effects);
        let stored_to = self.store.stored_to();
        let heard = if is_same { Heard::default() } else { Heard::of(&found.log) };
        let commits = self.store.put_behind(on, &mut |record| is_same || heard.misses(record, stored_to));
        for (position, bytes) in &commits {
            found.log.push((*position, Bytes(bytes.as_slice().into())));
        }
        let held = self.watch.held();
        held.iter().for_each(|address| self.touch(address));
        self.store.renew();
        self.tabs.concluded = Vec::new();
        // Nothing that was pulled is lost.
        let course = is_same.then(|| self.take_course(now));
        let inbox = self.forget(now, &[], &[], effects);
        self.replica.begin_anew(is_same);
        self.leave_mirrors(found.meta.as_ref());
        self.begin(now, found, if is_same { on } else { 0 }, effects);
        course.into_iter().for_each(|course| self.put_course(now, course));
        for (address, base) in bases {
            self.adopt_base(&address, base);
        }
        if !commits.is_empty() {
            self.store.restore(commits, on);
        }
        self.adoption.writes = self.outbox.behind(on);
        self.adoption.is_under_way = true;
        self.tell_inbox_renewed(&inbox, effects);
        self.want_anew(&held, effects);
        self.hand_on_errands(effects);
        if !self.store.is_staged() {
            self.end_adoption(effects);
        }
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
                let is_stored = |id: &MutationId| self.store.has(self.outbox.queued(id).and_then(|queued| queued.place));
                let texts = self.replica.texts(address, &is_stored);
                self.keep_befores(texts);
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
    /// from before it: whatever is newer comes with that.
    fn adopt_base(&mut self, address: &Address, base: Option<Box<Base>>) {
        let Some(base) = base else { return self.store.stage_base(address) };
        if self.is_paged(address) && !self.replica.is_resident(address) {
            // The store's may be newer. Where it is not, it becomes so with that pull.
            return;
        }
        let is_later = *base.generation == *self.generation && base.seq.is_some_and(|seq| seq > self.seen.seq);
        if (is_later || self.generation.is_empty()) && self.is_news(address, &base) {
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

/// What a store knows of writes: those it has heard of, and of those that have not ended where they stand in the order.
#[derive(Default)]
struct Heard {
    all: OrderedSet<Arc<str>>,
    pending: Ordered<Arc<str>, Place>,
    /// Those that are one with others, or frozen: none of them can be taken back.
    bound: OrderedSet<Arc<str>>,
}

impl Heard {
    fn of(log: &[(u64, Bytes)]) -> Heard {
        let mut heard = Heard::default();
        for (position, bytes) in log {
            for found in record::decode(&bytes.0) {
                let record::Found::Record(record) = found else { continue };
                let place = line_of(&record).unwrap_or((*position, record.ordinal));
                // What cannot be read is set aside later.
                let binds = matches!(record.kind, Kind::Freeze | Kind::Fold);
                let _ = names(&record, &mut |id| {
                    if binds {
                        heard.bound.insert(id.clone(), ());
                    }
                    match record.kind {
                        Kind::Mutation | Kind::Freeze | Kind::Fold => drop(heard.pending.insert(id.clone(), place)),
                        Kind::Settlement | Kind::Cancel => drop(heard.pending.remove(&id)),
                        _ => {}
                    }
                    heard.all.insert(id, ());
                });
            }
        }
        heard
    }

    /// Whether memory's record goes behind what a store has in which others have written, of which nothing behind `stored_to` is known:
    /// not where they have gone on with the same, and not what each store has of its own.
    fn misses(&self, record: &Record<'_>, stored_to: u64) -> bool {
        let mut id = None;
        let _ = names(record, &mut |name| id = id.take().or(Some(name)));
        let Some(id) = id else { return record.kind != Kind::History };
        let is_pending = self.pending.contains_key(&id);
        let carries_on = line_of(record).filter(|(position, _)| *position <= stored_to);
        match record.kind {
            Kind::Cursor => false,
            Kind::Settlement if !ends_write(record) => true,
            Kind::Cancel if self.bound.contains_key(&id) => false,
            Kind::Settlement | Kind::Cancel => is_pending,
            Kind::Inbox | Kind::Before => is_pending || !self.all.contains_key(&id),
            _ if self.all.contains_key(&id) => false,
            _ => carries_on.is_none_or(|place| self.pending.iter().any(|(_, other)| *other == place)),
        }
    }
}

/// Where the line stands in the order that a record goes on.
fn line_of(record: &Record<'_>) -> Option<Place> {
    let mut header = record.header().ok()?;
    match record.kind {
        Kind::Freeze => header.read("place").ok(),
        Kind::Mutation => header.read::<Option<Lineage>>("lineage").ok()?.map(|line| line.place),
        _ => None,
    }
}

/// Whether it is a write that ends, and not what became of one behind that.
fn ends_write(record: &Record<'_>) -> bool {
    let ending = record.header().and_then(|mut header| header.read::<String>("ending")).unwrap_or_default();
    ![header::RETRIED, header::DISCARDED, header::SHOWN].contains(&&*ending)
}
