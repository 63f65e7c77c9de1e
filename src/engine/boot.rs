//! Taking up what was in the store, record by record: boot always succeeds, whatever the bytes are (S15).

use std::ops::Range;
use std::sync::Arc;

use super::Engine;
use super::clock::{Timestamp, Wall};
use super::effect::Sink;
use super::header::{self, Header};
use super::history::{ROWS_MAX, Row};
use super::ident::MutationId;
use super::input::Bytes;
use super::log::About;
use super::pages::{self, Pages};
use super::queued::{Entry, Queued, State};
use super::record::{self, DirectoryRow, Found, Kind, Lineage, Record};
use super::revived::Endings;
use super::shadows::SHADOW_MS;
use super::writing::addresses_of;
use crate::ordered::Ordered;
use crate::protocol::digits;
use crate::protocol::member::{Fields, Member};
use crate::protocol::{Address, KeyedOperation, Part, Pointer, Seen, Text};

const NO_OPERATIONS: &str = "its operations cannot be read";

/// What has not ended.
struct Stored {
    queued: Box<Queued>,
    parts: Vec<Part>,
    /// What it waits for.
    after: Vec<MutationId>,
    /// Texts that were kept for runs of splices in it.
    befores: Vec<(u32, Text)>,
}

/// The log while it is being read. What nothing later can change goes into the engine at once.
struct Boot<'e> {
    engine: &'e mut Engine,
    now: Timestamp,
    wall: Wall,
    /// In the order of the outbox. A follow-up, and an entry, stand where what they came of stood.
    queue: Ordered<(u64, u64), Box<Stored>>,
    /// The order of each mutation and entry.
    orders: Ordered<Arc<str>, (u64, u64)>,
    broken: Vec<Broken>,
    endings: Endings,
    /// What was folded into each mutation.
    folded: Ordered<Arc<str>, Vec<MutationId>>,
    /// Bases up to this position are in memory already.
    known: u64,
}

/// What could not be read: where it was, why, and itself.
struct Broken {
    source: &'static str,
    why: &'static str,
    text: String,
}

impl Engine {
    /// Goes on from what was stored.
    ///
    /// Bases up to the position `known` of the log are in memory already.
    pub(super) fn take_up(
        &mut self,
        now: Timestamp,
        directory: Option<Bytes>,
        log: Vec<(u64, Bytes)>,
        pages: &[(u32, Bytes)],
        known: u64,
        effects: &mut impl Sink,
    ) {
        let mut broken = Vec::new();
        if let Some(bytes) = directory
            && let Err(why) = self.store.pages.read(&bytes.0)
        {
            self.store.pages = Pages::default();
            broken.push(Broken { source: "directory", why, text: lossless(&bytes.0) });
        }
        let wall = self.wall_at(now);
        let (queue, orders, endings, folded) = Default::default();
        let mut boot = Boot { engine: self, now, wall, queue, orders, broken, endings, folded, known };
        for (position, bytes) in &log {
            boot.read_commit(*position, &bytes.0);
        }
        let Boot { mut queue, broken, endings, .. } = boot;
        for (page, bytes) in pages {
            self.read_page(now, *page, &bytes.0, effects);
        }
        while let Some((order, _)) = queue.first() {
            let order = *order;
            if let Some(stored) = queue.remove(&order) {
                self.take_up_stored(*stored, effects);
            }
        }
        self.migrate_writes(now);
        self.tell_awaited(&endings, effects);
        self.note_last_syncs();
        self.window = self.outbox.has_heads().then_some(now);
        for Broken { source, why, text } in &broken {
            self.quarantine(now, source, why, text, effects);
            self.feeds.iter_mut().for_each(|feed| feed.restart(now, false));
        }
    }

    fn take_up_stored(&mut self, stored: Stored, effects: &mut impl Sink) {
        let Stored { mut queued, parts, after, befores } = stored;
        if let Some(entry) = queued.entry.as_mut().filter(|_| self.is_any_earlier(&queued.addresses, &queued.versions)) {
            // What it means is migrated, and what it says is not.
            entry.is_lowered = false;
        }
        let (id, place, versions) = (queued.id.clone(), queued.place, queued.versions.clone());
        let is_frozen = queued.entry.is_some();
        #[cfg(feature = "sim")]
        if self.planted == Some(super::planted::Bug::B1) && !is_frozen {
            let again = MutationId(self.rng.uuid(0).into());
            let order = self.outbox.stage(Queued { id: again.clone(), ..(*queued).clone() }.into(), None);
            self.lay_found(&parts, order, &again, effects);
            self.keep(&again, place);
        }
        let order = self.outbox.stage(queued, None);
        self.outbox.depend(order, &after, &[]);
        self.lay_found(&parts, order, &id, effects);
        parts.iter().for_each(|part| self.note_age(&id, &part.address, &versions));
        befores.into_iter().for_each(|(operation, text)| self.take_up_before(&id, operation, text));
        if !is_frozen {
            for Part { address, .. } in &parts {
                if self.misses_base(address) {
                    self.unpulled.insert(address.clone(), ());
                }
            }
            self.keep(&id, place);
        }
    }

    /// The later cursor of a feed stands, and with it what was known then of the server's log.
    pub(super) fn read_cursor(&mut self, now: Timestamp, header: &mut Header<'_>, name: &str) -> Result<bool, &'static str> {
        let (mut cursor, mut generation, mut resync, mut seen) = (None::<String>, Arc::<str>::default(), false, Seen::default());
        header.take("cursor", &mut cursor).take("generation", &mut generation).take("resync", &mut resync);
        header.take("seen", &mut seen).check()?;
        if let Some(feed) = self.feeds.iter_mut().find(|feed| feed.name == name) {
            feed.cursor = cursor;
            feed.resyncs = false;
            if resync {
                feed.restart(now, true);
            }
            self.seen = seen;
            self.generation = generation;
        }
        Ok(true)
    }

    /// A shadow is found in the log.
    pub(super) fn read_shadow(
        &mut self,
        now: Timestamp,
        header: &mut Header<'_>,
        id: &MutationId,
        body: &str,
    ) -> Result<bool, &'static str> {
        let (mut version, mut at) = (Arc::<str>::default(), 0_u64);
        header.take("version", &mut version).take("at", &mut at).check()?;
        let (parts, versions) = (parts_of(body), header.versions()?);
        if parts.is_empty() {
            return Err(NO_OPERATIONS);
        }
        let addresses = addresses_of(&parts);
        let left = at.saturating_add(SHADOW_MS).saturating_sub(self.wall_at(now).0).min(SHADOW_MS);
        self.restore_shadow(id, &version, now.after(left), parts);
        addresses.iter().for_each(|address| self.note_age(id, address, &versions));
        Ok(true)
    }

    fn lay_found(&mut self, parts: &[Part], order: u64, id: &MutationId, effects: &mut impl Sink) {
        for Part { address, operations, .. } in parts {
            if self.lay(address, order, id, operations.clone(), effects) {
                self.ungrounded.insert(address.clone(), ());
            }
        }
    }
}

impl Boot<'_> {
    fn read_commit(&mut self, position: u64, bytes: &[u8]) {
        let mut end = 0;
        for found in record::decode(bytes) {
            let start = end;
            end += found.raw().len();
            let read = match found {
                Found::Record(record) => self.read(position, start..end, &record),
                Found::Foreign { .. } => {
                    self.engine.store.log.keep(start..end, None);
                    Ok(())
                }
                Found::Broken { why, .. } => Err(why),
            };
            if let Err(why) = read {
                self.broken.push(Broken { source: "log", why, text: lossless(&bytes[start..end]) });
            }
        }
        let log = &mut self.engine.store.log;
        let number = log.close();
        log.add(number, position, bytes, bytes.len());
    }

    /// Those of a record's readers that say yes have found that it is still needed.
    fn read(&mut self, position: u64, range: Range<usize>, record: &Record<'_>) -> Result<(), &'static str> {
        let mut header = record.header()?;
        let mut id = MutationId::blank();
        if let Some(name) = record.kind.named_by() {
            header.take(name, &mut id).check()?;
        }
        let mut operation = 0_u32;
        let is_known = position <= self.known;
        let lives = match record.kind {
            Kind::Mutation | Kind::Freeze => self.read_queued(position, &mut header, &id, record)?,
            Kind::Attempt => self.read_attempt(&mut header, &id)?,
            Kind::Before => {
                header.take("operation", &mut operation).check()?;
                self.read_before(&mut header, &id, operation, record.body)?
            }
            Kind::After => {
                let mut after = Vec::new();
                header.take("after", &mut after).check()?;
                self.stored(&id).map(|stored| stored.after = after).is_some()
            }
            Kind::Fold => {
                let mut members = Vec::<MutationId>::new();
                header.take("members", &mut members).check()?;
                let about = members.first().map(|first| About::of(Kind::Fold, first)).ok_or("it has no members")?;
                self.end_all(&members);
                self.engine.store.log.keep(range, Some(about));
                self.folded.get_or_insert_with(id.0, Vec::new).append(&mut members);
                return Ok(());
            }
            Kind::Cancel | Kind::Settlement => {
                let mut members = Vec::<MutationId>::new();
                header.take("members", &mut members).check()?;
                self.end(&id);
                self.end_all(&members);
                let mut ending = String::new();
                header.take_if_there("ending", &mut ending).check()?;
                self.note_ending(&id, &members, &ending);
                if ending == header::RETRIED || ending == header::DISCARDED {
                    self.engine.inbox.remove(&id);
                    self.engine.store.log.forget(&About::of(Kind::Inbox, &id));
                }
                if ending == header::SHOWN {
                    self.engine.forget_shadow(&id);
                }
                false
            }
            Kind::Shadow => self.engine.read_shadow(self.now, &mut header, &id, record.body)?,
            Kind::Inbox => {
                self.engine.inbox.restore(&id, record.header, record.body)?;
                true
            }
            Kind::Base => {
                let (address, base, of) = pages::read_base(&mut header, record.body)?;
                if !is_known {
                    let base = self.engine.renewed(&address, base, of);
                    self.engine.replica.rebase(&address, false, Some(base), &[]);
                }
                self.engine.store.found_in_log(address);
                false
            }
            Kind::Paged => {
                let mut rows = Vec::<DirectoryRow>::new();
                header.take("pages", &mut rows).check()?;
                for row in &rows {
                    for key in row.2.iter().filter(|_| !is_known) {
                        self.engine.replica.unload(&Address::new(row.1.clone(), key.clone()));
                    }
                    self.engine.store.found_in_page(row);
                }
                false
            }
            Kind::History => {
                let row = Row::read(record.header).filter(|row| row.slot < ROWS_MAX as u32).ok_or("its header has another shape")?;
                operation = row.slot;
                self.engine.history.restore(row);
                true
            }
            Kind::Cursor => self.engine.read_cursor(self.now, &mut header, &id.0)?,
            Kind::Quarantine => {
                self.engine.store.log.keep(range, Some(About::quarantine(record.body)));
                return Ok(());
            }
            Kind::Recovered => {
                self.engine.mirror.is_restored = true;
                true
            }
            _ => return Err("it does not belong here"),
        };
        if lives {
            self.engine.store.log.keep(range, Some(About::named(record.kind, id.0, operation)));
        }
        Ok(())
    }

    /// What waits to be sent: a mutation, or an entry in its members' place.
    fn read_queued(&mut self, position: u64, header: &mut Header<'_>, id: &MutationId, record: &Record<'_>) -> Result<bool, &'static str> {
        let folded = self.folded.get(&id.0).map_or(&[][..], |folded| folded);
        let (queued, parts) = read_queued(position, header, id, record, folded)?;
        #[cfg(feature = "sim")]
        let queued = if self.engine.has(super::planted::Bug::B30) && queued.entry.is_some() {
            Box::new(Queued { state: State::InBatch, ..*queued })
        } else {
            queued
        };
        let members = queued.entry.as_ref().map_or_else(Vec::new, |entry| entry.members.clone());
        self.end_all(&members);
        self.put(queued, parts);
        Ok(true)
    }

    fn read_attempt(&mut self, header: &mut Header<'_>, id: &MutationId) -> Result<bool, &'static str> {
        let Attempt { failures, until, asked } = Attempt::read(header, self.now, self.wall)?;
        let Some(Queued { entry: Some(entry), state, .. }) = self.stored(id).map(|stored| &mut *stored.queued) else {
            return Ok(false);
        };
        (entry.failures, entry.asked, *state) = (failures, asked, State::Waiting(until));
        Ok(true)
    }

    fn read_before(&mut self, header: &mut Header<'_>, id: &MutationId, operation: u32, body: &str) -> Result<bool, &'static str> {
        header.take("path", &mut Pointer::blank()).check()?;
        let text = String::read(body).ok_or("its body is not a string")?;
        let Some(stored) = self.stored(id) else { return Ok(false) };
        stored.befores.push((operation, Text::of(&text)));
        stored.queued.keep_text(operation, body.len() as u64);
        Ok(true)
    }

    fn put(&mut self, queued: Box<Queued>, parts: Vec<Part>) {
        let place = queued.line(0).place;
        let order = (place.0, place.1.into());
        self.orders.insert(queued.id.0.clone(), order);
        let stored = Box::new(Stored { queued, parts, after: Vec::new(), befores: Vec::new() });
        if let Some(earlier) = self.queue.insert(order, stored) {
            self.engine.store.log.retire(&earlier.queued.id);
        }
    }

    /// A mutation or entry that has not ended.
    fn stored(&mut self, id: &MutationId) -> Option<&mut Box<Stored>> {
        // A follow-up stands in the very place of what it carries on.
        self.queue.get_mut(self.orders.get(&id.0)?).filter(|stored| stored.queued.id == *id)
    }

    /// A mutation or entry has ended, or is part of an entry from here on.
    fn end(&mut self, id: &MutationId) {
        if self.stored(id).is_some()
            && let Some(order) = self.orders.get(&id.0)
        {
            self.queue.remove(order);
            self.engine.store.log.retire(id);
        }
    }

    /// How a write ended first is how it ended.
    fn note_ending(&mut self, id: &MutationId, members: &[MutationId], ending: &str) {
        for awaited in &self.engine.config.awaited {
            if **awaited == *id.0 || members.iter().any(|member| **awaited == *member.0) {
                self.endings.get_or_insert_with(awaited.as_str().into(), || (ending.to_owned(), id.clone()));
            }
        }
    }

    fn end_all(&mut self, ids: &[MutationId]) {
        for id in ids {
            self.end(id);
            // What was folded is in none of these, but in a record about it.
            self.engine.store.log.retire(id);
        }
    }
}

/// What waits to be sent, and what it does: a mutation, into which these were folded, or an entry.
pub(super) fn read_queued(
    position: u64,
    header: &mut Header<'_>,
    id: &MutationId,
    record: &Record<'_>,
    folded: &[MutationId],
) -> Result<(Box<Queued>, Vec<Part>), &'static str> {
    let place = (position, record.ordinal);
    let (mut operations, mut members) = (record.body, Vec::new());
    let mut line = Lineage { root: id.clone(), round: 0, place };
    let mut queued = Box::new(Queued::new(id.clone(), Vec::new(), record.raw.len() as u64));
    queued.place = Some(place);
    let mut meant = "";
    if record.kind == Kind::Mutation {
        let mut folds = 0_u32;
        header.take("lineage", &mut queued.lineage).take_if_there("folds", &mut folds);
        if folds > 0 {
            queued.folded = folded.to_vec();
        }
        if queued.folded.len() != folds as usize {
            // What it does might be done twice.
            return Err("its members cannot be read");
        }
    } else {
        header.take("members", &mut members).take("place", &mut line.place);
        header.take_if_there("round", &mut line.round).take_if_there("root", &mut line.root);
        meant = header.raw("meant");
        let mut entry = Fields::of(record.body);
        // All of it goes to the server as it is.
        entry.take("id", &mut String::new());
        entry.take("seen", &mut Seen::default());
        operations = entry.raw("operations").filter(|_| entry.finish().is_ok()).unwrap_or_default();
    }
    queued.versions = header.versions()?;
    let mut parts = parts_of(operations);
    let mut bases = Vec::with_capacity(parts.len());
    for part in &mut parts {
        queued.addresses.push(part.address.clone());
        bases.push(part.base.take());
    }
    let is_lowered = !meant.is_empty();
    if is_lowered {
        parts = parts_of(meant);
    }
    if bases.is_empty() || parts.len() != bases.len() {
        return Err(NO_OPERATIONS);
    }
    if record.kind == Kind::Freeze {
        queued.bytes = record.body.len() as u64;
        queued.lineage = Some(line);
        queued.state = State::Ready;
        let entry = Entry::new(members, bases, record.body.into(), is_lowered);
        // It was frozen to be sent at once.
        queued.entry = Some(Box::new(Entry { is_doubtful: true, ..entry }));
    }
    Ok((queued, parts))
}

/// When an entry may be tried again.
pub(super) struct Attempt {
    pub(super) failures: u32,
    pub(super) until: Timestamp,
    pub(super) asked: Timestamp,
}

impl Attempt {
    /// What is left of the wait: the clock may have been set, so never more than was drawn (DESIGN 8).
    pub(super) fn read(header: &mut Header<'_>, now: Timestamp, wall: Wall) -> Result<Attempt, &'static str> {
        let (mut failures, mut at, mut delay_ms, mut asked_ms) = (0, 0_u64, 0_u64, None::<u64>);
        header.take("failures", &mut failures).take("at", &mut at).take("delay_ms", &mut delay_ms);
        header.take("asked_ms", &mut asked_ms).check()?;
        let left = |ms: u64| now.after(at.saturating_add(ms).saturating_sub(wall.0).min(ms));
        Ok(Attempt { failures, until: left(delay_ms), asked: left(asked_ms.unwrap_or(0)) })
    }
}

/// What a list of operations does to each of its documents; nothing where it is no such list.
#[inline(never)]
pub(super) fn parts_of(list: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for KeyedOperation { address, operation, base } in Vec::<KeyedOperation>::read(list).unwrap_or_default() {
        match parts.iter_mut().find(|part| part.address == address) {
            Some(part) => part.operations.push(operation),
            None => parts.push(Part { address, operations: vec![operation], base }),
        }
    }
    parts
}

/// Bytes as text: themselves where they are UTF-8, else in hexadecimal.
pub(super) fn lossless(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let mut text = String::with_capacity(2 * bytes.len());
            for byte in bytes {
                text.push(digits::nibble(byte >> 4, b'a'));
                text.push(digits::nibble(*byte, b'a'));
            }
            text
        }
    }
}
