//! Acting on mirrors: keeping what has not ended a second time, and bringing it back where the store was lost.

use super::Engine;
use super::clock::Timestamp;
use super::effect::{Effect, Sink};
use super::header;
use super::ident::MutationId;
use super::input::{Bytes, Found, Meta};
use super::mirror::{self, Frame, Head, Salvage, mirrored, only_adds, store_of};
use super::notice::{Durability, Notice};
use super::push::BatchId;
use super::record::{self, Kind};
use super::replica::Before;
use super::store::{Kept, Mode, Reset};
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::Address;
use crate::protocol::member::text_of;

/// A mirror that has not answered for this long, twice in a row, is given up: a tab that was frozen meanwhile hears of the answer
/// before the second time.
const ANSWER_MS: u64 = 500;
/// The same for its first answer: it has to be started.
const START_MS: u64 = 2_500;
/// One that was given up is begun again after so long; twice as long each time, so many times.
const REST_MS: u64 = 30_000;
const DOUBLINGS_MAX: u32 = 6;
/// A file that is larger than this, and twice as large as what lives, begins anew.
const BYTES_MAX: u64 = 1 << 20;

/// What waits until the mirror has it.
#[derive(Debug)]
enum Held {
    /// A batch that was frozen.
    Batch(BatchId),
    /// The word that writes are stored.
    Durable(Vec<MutationId>, Durability),
}

/// This tab's mirror, and what is known of others.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    /// Whether there is one, and it has not failed.
    is_on: bool,
    /// Whether this tab has written something that is to be kept.
    is_wanted: bool,
    /// Whether the file goes on from what is known of the log.
    has_begun: bool,
    /// How often it was begun.
    generation: u64,
    /// Bytes in it.
    size: u64,
    /// So many with which it began.
    begun: u64,
    /// Whether anything was added since it began.
    has_grown: bool,
    /// The texts of splices that are in it, by document, and whether a frozen entry was made on them.
    texts: Ordered<Address, Vec<(Before, bool)>>,
    /// Whether the store is idle.
    is_idle: bool,
    /// What goes into it with the next order, and whether that waits for nothing.
    bytes: Vec<u8>,
    is_urgent: bool,
    /// The last order, and the last that was answered.
    ordered: u64,
    answered: u64,
    /// Whether any was answered since there is one.
    is_heard: bool,
    /// When one that was given up is begun again, and how often that was.
    rests: Option<Timestamp>,
    failures: u32,
    /// Since when something is waited for, and how often in a row it was too long.
    since: Option<Timestamp>,
    late: u32,
    /// The order with what the transaction under way adds, where it went before that is complete.
    ahead: Option<u64>,
    waiting: Vec<(u64, Held)>,
    /// The start that waits for files to be read, and what they were.
    booting: Option<Box<Found>>,
    is_listed: bool,
    names: Vec<String>,
    is_read: bool,
    files: Vec<(String, Bytes)>,
    /// What was salvaged goes up to this position of the log, and is in no store yet; 0 where there is no such thing.
    pub(super) salvaged_to: u64,
    /// Whether the store holds what was salvaged of another one.
    pub(super) is_restored: bool,
    /// Whether this tab has said that the store is there.
    is_witnessed: bool,
}

impl Mirror {
    pub(super) fn new(is_on: bool) -> Mirror {
        Mirror { is_on, ..Mirror::default() }
    }

    /// When it is late.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.since.map(|since| since.after(if self.is_heard { ANSWER_MS } else { START_MS })).or(self.rests)
    }

    /// Whether the app waits for its word.
    pub(super) fn holds_word(&self) -> bool {
        self.waiting.iter().any(|(_, held)| matches!(held, Held::Durable(..)))
    }

    /// What is known of the log is not what the file goes on from, or there is no file any more.
    pub(super) fn part(&mut self) {
        (self.has_begun, self.since, self.late) = (false, None, 0);
        self.ahead = None;
        self.bytes.clear();
    }

    fn add(&mut self, frame: Frame, records: &[u8], is_urgent: bool) {
        frame.write(records, &mut self.bytes);
        self.is_urgent |= is_urgent;
        self.is_idle = false;
    }

    /// The number of the next order.
    fn next(&self) -> u64 {
        self.ordered + 1
    }
}

impl Engine {
    /// Whether unsent writes are kept a second time.
    pub(super) fn is_mirrored(&self) -> bool {
        self.mirror.is_on && self.store.mode() != Mode::Memory
    }

    /// What is outside of the store is known before the client opens, and files of other stores are read. Gives back what the start found
    /// where that is so.
    pub(super) fn await_mirrors(&mut self, found: Found, effects: &mut impl Sink) -> Option<Found> {
        if self.config.witnessed && !self.mirror.is_read {
            let (is_listed, names) = (self.mirror.is_listed, self.foreign(found.meta.as_ref(), false));
            if !is_listed || !names.is_empty() {
                self.mirror.booting = Some(Box::new(found));
                if is_listed {
                    effects.push(Effect::ReadMirrors { names });
                }
                return None;
            }
        }
        Some(found)
    }

    pub(super) fn on_mirrors_listed(&mut self, now: Timestamp, names: Vec<String>, effects: &mut impl Sink) {
        (self.mirror.is_listed, self.mirror.names) = (true, names);
        self.go_on(now, effects);
    }

    pub(super) fn on_mirrors_read(&mut self, now: Timestamp, files: Vec<(String, Bytes)>, effects: &mut impl Sink) {
        (self.mirror.is_read, self.mirror.files) = (true, files);
        self.go_on(now, effects);
    }

    fn go_on(&mut self, now: Timestamp, effects: &mut impl Sink) {
        if let Some(found) = self.mirror.booting.take() {
            self.boot(now, *found, effects);
        }
    }

    /// The names of files of other stores than this; with `also_told`, of stores that another witness knows of, too.
    fn foreign(&self, meta: Option<&Meta>, also_told: bool) -> Vec<String> {
        let own = meta.map_or("", |meta| &meta.store_id);
        let mut names = self.mirror.names.clone();
        names.retain(|name| store_of(name) != own && (also_told || store_of(name) != name));
        names
    }

    /// What is left of stores that were there before this one. Only where there is none, another witness counts: it may be old.
    pub(super) fn salvage(&self, meta: Option<&Meta>, log: &[(u64, Bytes)]) -> Salvage {
        let names = self.foreign(meta, meta.is_none());
        if names.is_empty() {
            return Salvage::default();
        }
        let mut known = Vec::new();
        for (_, bytes) in log {
            for found in record::decode(&bytes.0) {
                if let record::Found::Record(record) = found
                    && record.kind == Kind::Recovered
                {
                    known.push(mirror::salvaged(&record));
                }
            }
        }
        Salvage::of(&names, &self.mirror.files, &self.config.scope, &|store_id| known.iter().any(|known| *known == *store_id))
    }

    /// What was salvaged stands in the log behind all that is there, and goes into the store with the next transaction. In a store
    /// that is made for it, it stands where it stood.
    pub(super) fn restore(&mut self, salvage: &Salvage, folded_to: u64, log: &mut Vec<(u64, Bytes)>) {
        if salvage.stores.is_empty() {
            return;
        }
        let on = log.last().map_or(0, |(position, _)| *position).max(folded_to);
        let (mut last, mut commits, mut marks) = (on, Vec::new(), Vec::new());
        for (number, (store_id, of_it)) in salvage.stores.iter().enumerate() {
            let by = last;
            for (position, records) in of_it {
                last = by + position;
                commits.push((last, mirror::shifted(records, 0, by)));
            }
            record::encode(&mut marks, Kind::Recovered, number as u32, &header::recovered(store_id), "");
        }
        commits.push((last + 1, marks));
        self.mirror.salvaged_to = last + 1;
        for (position, records) in &commits {
            log.push((*position, Bytes(records.as_slice().into())));
        }
        self.store.restore(commits, on);
    }

    /// What was salvaged is in memory: how much it is is told when it is stored.
    pub(super) fn count_salvage(&mut self, salvage: &Salvage) {
        if let Some(on) = self.store.restores() {
            let recovered = self.outbox.behind(on).len() as u32;
            self.store.stage_reset(Reset { recovered, lost: salvage.is_all.then_some(0) });
        }
    }

    /// Whether what was found of this document waits for a pull: its base went with a store that was lost.
    pub(super) fn misses_base(&self, address: &Address) -> bool {
        let is_pulled = self.feeds.iter().all(|feed| feed.pulled > 0);
        self.mirror.is_restored && !is_pulled && !self.is_paged(address) && self.replica.base(address).is_none()
    }

    /// A feed was pulled to its end. Once all were, nothing waits for a base any more.
    pub(super) fn end_missing(&mut self) {
        if !self.unpulled.is_empty() && self.feeds.iter().all(|feed| feed.pulled > 0) {
            for address in std::mem::take(&mut self.unpulled).keys() {
                self.keep_grounded(address);
            }
        }
    }

    /// A transaction is about to begin. What it only adds goes into the mirror at once, and is nearly always there first.
    pub(super) fn mirror_ahead(&mut self) {
        self.mirror.ahead = None;
        if self.mirror.is_on && self.mirror.has_begun {
            let records = self.store.under_way();
            let kept = mirrored(records);
            if !kept.is_empty() && only_adds(records) {
                let last = self.store.log.last();
                self.mirror.add(Frame::Behind(last), &kept, true);
                self.mirror.ahead = Some(self.mirror.next());
            }
        }
    }

    /// A commit of this tab is in the store. Gives the order that has it, where there is a mirror.
    pub(super) fn mirror_kept(&mut self, kept: &Kept) -> Option<u64> {
        let (position, mirror) = (kept.position?, &mut self.mirror);
        if !mirror.is_on {
            return None;
        }
        mirror.is_wanted |= kept.staged.iter().any(|staged| !staged.mutations.is_empty());
        if let Some(order) = mirror.ahead.take() {
            mirror.add(Frame::Kept(position), &[], false);
            return Some(order);
        }
        for staged in &kept.staged {
            let records = mirrored(staged.records());
            if mirror.has_begun && !records.is_empty() {
                mirror.add(Frame::At(position), &records, true);
            }
        }
        Some(mirror.next())
    }

    /// A commit of another tab was taken up.
    pub(super) fn mirror_other(&mut self, position: u64, bytes: &[u8]) {
        if self.mirror.is_on && self.mirror.has_begun {
            let records = mirrored(bytes);
            if !records.is_empty() {
                self.mirror.add(Frame::At(position), &records, true);
            }
        }
    }

    /// Whether the app hears that these are stored when the mirror has them.
    pub(super) fn hold_word(&mut self, order: Option<u64>, mutations: &[MutationId], durability: Durability) -> bool {
        let order = order.filter(|order| self.config.mirror_awaited && *order > self.mirror.answered);
        order.into_iter().for_each(|order| self.mirror.waiting.push((order, Held::Durable(mutations.to_vec(), durability))));
        order.is_some()
    }

    /// Whether a batch goes when the mirror has it: what a server may know, the mirror must know.
    pub(super) fn hold_batch(&mut self, order: Option<u64>, batch: BatchId) -> bool {
        let order = order.filter(|order| *order > self.mirror.answered);
        order.into_iter().for_each(|order| self.mirror.waiting.push((order, Held::Batch(batch))));
        order.is_some()
    }

    /// The log is idle: a file of what has ended need not be there.
    pub(super) fn tidy_mirror(&mut self) {
        self.mirror.is_idle = true;
    }

    /// What is to be kept goes to the mirror.
    pub(super) fn post_mirror(&mut self, now: Timestamp, effects: &mut impl Sink) {
        let Some(meta) = self.store.meta().filter(|_| self.store.mode() == Mode::Durable && self.store.restores().is_none()) else {
            return;
        };
        if !std::mem::replace(&mut self.mirror.is_witnessed, true) {
            effects.push(Effect::Witness { store_id: meta.store_id.clone() });
        }
        if self.mirror.is_on {
            let (head, store_id) = (self.mirror_head(meta), meta.store_id.clone());
            self.mirror_texts();
            if self.mirror_begins() {
                self.begin_mirror(head, store_id, effects);
            } else if self.mirror.has_begun
                && (self.mirror.is_urgent || self.mirror.waiting.iter().any(|(order, _)| *order > self.mirror.ordered))
            {
                let bytes = std::mem::take(&mut self.mirror.bytes);
                self.mirror.has_grown = true;
                self.order(None, bytes, effects);
            }
            if self.mirror.since.is_none() && (self.mirror.answered < self.mirror.ordered || !self.mirror.waiting.is_empty()) {
                self.mirror.since = Some(now);
            }
        }
        self.clear_mirrors(effects);
    }

    fn mirror_head(&self, meta: &Meta) -> Head {
        Head {
            store_id: meta.store_id.clone(),
            scope: meta.scope.clone(),
            client_id: meta.client_id.clone(),
            session_epoch: meta.session_epoch,
            generation: self.mirror.generation + 1,
            position: self.store.log.last(),
            bytes: 0,
            awaited: self.config.mirror_awaited,
        }
    }

    /// Whether the file begins anew, with what lives. Where what is staged ends something, or a transaction that does is under way, that
    /// is missing in the log as it is known here, and stands in the store all the same.
    fn mirror_begins(&self) -> bool {
        let Mirror { has_begun, is_wanted, is_idle, has_grown, size, begun, .. } = self.mirror;
        let is_due = if has_begun {
            let live = self.outbox.bytes() + self.inbox.bytes();
            let is_empty = self.outbox.len() == 0 && self.inbox.len() == 0;
            size > BYTES_MAX.max(2 * live.max(begun)) || is_idle && has_grown && is_empty
        } else {
            is_wanted || !self.mirror.waiting.is_empty() || self.store.is_held() || self.store.is_taking_over()
        };
        is_due && !self.store.is_writing() && !self.is_reading_on() && self.store.waiting().0.all(only_adds)
    }

    fn begin_mirror(&mut self, head: Head, store_id: String, effects: &mut impl Sink) {
        let mut frames = Vec::new();
        for (position, records) in self.store.log.living().iter() {
            let kept = mirrored(records);
            if !kept.is_empty() {
                Frame::At(*position).write(&kept, &mut frames);
            }
        }
        self.mirror.texts = Ordered::default();
        let with_texts = self.replica.with_texts();
        self.frame_texts(&with_texts, &mut frames);
        self.replica.follow_texts(true);
        let mut bytes = Vec::new();
        record::encode(&mut bytes, Kind::Mirror, 0, &text_of(&Head { bytes: frames.len() as u64, ..head }), "");
        bytes.append(&mut frames);
        let mirror = &mut self.mirror;
        mirror.bytes.clear();
        mirror.generation += 1;
        (mirror.size, mirror.begun) = (0, bytes.len() as u64);
        (mirror.has_begun, mirror.has_grown, mirror.is_idle) = (true, false, false);
        self.order(Some(store_id), bytes, effects);
    }

    /// What splices, and changes that are merged, were made on goes where they go: the store has it in documents, and the mirror has none.
    fn mirror_texts(&mut self) {
        let edited = self.replica.take_edited();
        if self.mirror.has_begun && !edited.is_empty() {
            let mut frames = Vec::new();
            self.frame_texts(&edited, &mut frames);
            self.mirror.is_urgent |= !frames.is_empty();
            self.mirror.bytes.append(&mut frames);
        }
    }

    /// Appends a frame with those texts of these documents that are not in the file.
    fn frame_texts(&mut self, addresses: &OrderedSet<Address>, frames: &mut Vec<u8>) {
        let mut records = Vec::new();
        for address in addresses.keys() {
            let had = self.mirror.texts.remove(address).unwrap_or_default();
            let mut texts = Vec::new();
            for text in self.replica.texts(address, &|_| true) {
                let is_frozen = self.outbox.entry(&text.id).is_some();
                if !had.iter().any(|(had, was_frozen)| *was_frozen == is_frozen && had.is(&text)) {
                    let operation = self.operations_before(address, &text.id) + text.operation;
                    let header = header::before(&text.id, operation, &text.path, is_frozen);
                    record::encode(&mut records, Kind::Before, 0, &header, &text_of(&text.text.whole()));
                }
                texts.push((text, is_frozen));
            }
            if !texts.is_empty() {
                self.mirror.texts.insert(address.clone(), texts);
            }
        }
        if !records.is_empty() {
            Frame::Texts.write(&records, frames);
        }
    }

    fn order(&mut self, anew: Option<String>, bytes: Vec<u8>, effects: &mut impl Sink) {
        self.mirror.is_urgent = false;
        self.mirror.size += bytes.len() as u64;
        self.mirror.ordered += 1;
        effects.push(Effect::Mirror { order: self.mirror.ordered, anew, bytes });
    }

    /// Files that were there at the start go: of tabs that are gone, and of stores that were salvaged. What is in them is in the store, and
    /// in the file of this tab.
    fn clear_mirrors(&mut self, effects: &mut impl Sink) {
        let Mirror { is_on, has_begun, is_heard, ordered, answered, .. } = self.mirror;
        let is_flushed = has_begun && is_heard && answered == ordered && self.mirror.bytes.is_empty();
        // What splices were made on is known when the pages of their documents are read.
        let is_safe = !is_on || is_flushed && self.ungrounded.is_empty();
        if !is_safe || !self.store.is_held() {
            return;
        }
        let mut names = std::mem::take(&mut self.mirror.names);
        names.retain(|name| store_of(name) != name);
        if !names.is_empty() {
            effects.push(Effect::RemoveMirrors { names });
        }
    }

    /// What was salvaged is stored: the app hears of it.
    pub(super) fn tell_reset(&mut self, reset: &Reset, effects: &mut impl Sink) {
        self.mirror.files.clear();
        self.mirror.salvaged_to = 0;
        effects.push(Effect::Notify(Notice::Reset { recovered: reset.recovered, lost: reset.lost }));
    }

    pub(super) fn on_mirrored(&mut self, now: Timestamp, order: u64, effects: &mut impl Sink) {
        let mirror = &mut self.mirror;
        if !mirror.is_on || order > mirror.ordered {
            return;
        }
        mirror.answered = mirror.answered.max(order);
        (mirror.is_heard, mirror.since, mirror.late) = (true, None, 0);
        self.release_held(now, self.mirror.answered, effects);
    }

    /// The mirror has not answered in time, or it has rested.
    pub(super) fn on_mirror_late(&mut self, now: Timestamp, effects: &mut impl Sink) {
        if self.mirror.rests.take().is_some() {
            self.mirror.is_on = true;
            return;
        }
        self.mirror.late += 1;
        if self.mirror.late > 1 {
            self.give_up_mirror(now, effects);
        } else {
            self.mirror.since = Some(now);
        }
    }

    /// There is no mirror for a while. Its file would say what is no longer so.
    pub(super) fn give_up_mirror(&mut self, now: Timestamp, effects: &mut impl Sink) {
        if self.mirror.is_on {
            effects.push(Effect::DropMirror);
            self.mirror.is_on = false;
            self.part_mirror(now, effects);
            self.mirror.rests = Some(now.after(REST_MS << self.mirror.failures.min(DOUBLINGS_MAX)));
            self.mirror.failures += 1;
        }
    }

    /// The store is given up. What it had stays in the mirror; what was about to go there goes from memory. When the store is taken up
    /// again, the file begins anew.
    pub(super) fn close_mirror(&mut self, now: Timestamp, effects: &mut impl Sink) {
        if self.mirror.is_on {
            if self.mirror.has_begun {
                Frame::At(self.store.log.last()).write(&[], &mut self.mirror.bytes);
                let bytes = std::mem::take(&mut self.mirror.bytes);
                self.order(None, bytes, effects);
            }
            self.part_mirror(now, effects);
        }
    }

    fn part_mirror(&mut self, now: Timestamp, effects: &mut impl Sink) {
        self.mirror.part();
        self.replica.follow_texts(false);
        (self.mirror.is_heard, self.mirror.since) = (false, None);
        self.release_held(now, u64::MAX, effects);
    }

    /// Files of other stores than this one are left to the next start, which reads them.
    pub(super) fn leave_mirrors(&mut self, meta: Option<&Meta>) {
        self.mirror.names.retain(|name| meta.is_some_and(|meta| store_of(name) == meta.store_id));
    }

    fn release_held(&mut self, now: Timestamp, order: u64, effects: &mut impl Sink) {
        let mut released = Vec::new();
        let mut waiting = std::mem::take(&mut self.mirror.waiting);
        waiting.retain_mut(|(of, held)| {
            let waits = *of > order;
            if !waits {
                released.push(std::mem::replace(held, Held::Batch(BatchId(0))));
            }
            waits
        });
        self.mirror.waiting = waiting;
        for held in released {
            match held {
                Held::Batch(batch) => self.send_batch(now, batch, effects),
                Held::Durable(mutations, durability) => effects.push(Effect::Notify(Notice::Durable { mutations, durability })),
            }
        }
    }
}
