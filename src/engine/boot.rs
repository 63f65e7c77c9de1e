//! Taking up what was in the store, record by record: boot always succeeds, whatever the bytes are (S15).

use std::ops::Range;

use super::Engine;
use super::clock::{Timestamp, Wall};
use super::effect::Sink;
use super::ident::MutationId;
use super::input::Bytes;
use super::log::About;
use super::outbox::{Entry, EntryState, Queued};
use super::pages::{self, Pages};
use super::record::{
    self, AttemptHeader, BeforeHeader, CancelHeader, CursorHeader, Found, FreezeHeader, InboxHeader, Kind, MutationHeader, PagedHeader,
    Place, Record, SettlementHeader,
};
use super::replica::Before;
use crate::ordered::Ordered;
use crate::protocol::member::Member;
use crate::protocol::{self, Address, KeyedOperation, Operation, Text};

/// What has not ended.
struct Stored {
    what: What,
    operations: Vec<Operation>,
    /// Texts that were kept for runs of splices in it.
    befores: Vec<Before>,
}

enum What {
    /// A mutation that is not frozen.
    Mutation(Queued),
    Entry(Entry),
}

/// The log while it is being read. What nothing later can change goes into the engine at once.
struct Boot<'e> {
    engine: &'e mut Engine,
    now: Timestamp,
    wall: Wall,
    /// In the order of the outbox. A follow-up, and an entry, stand where what they came of stood.
    queue: Ordered<Place, Stored>,
    /// The order of each mutation and entry.
    orders: Ordered<MutationId, Place>,
    broken: Vec<Broken>,
}

/// What could not be read: where it was, why, and itself.
struct Broken {
    source: &'static str,
    why: &'static str,
    text: String,
}

impl Engine {
    /// Goes on from what was stored.
    pub(super) fn take_up(&mut self, now: Timestamp, directory: Option<Bytes>, log: Vec<(u64, Bytes)>, effects: &mut impl Sink) {
        let mut broken = Vec::new();
        if let Some(bytes) = directory {
            match Pages::parse(&bytes.0) {
                Ok(pages) => self.store.pages = pages,
                Err(why) => broken.push(Broken { source: "directory", why, text: lossless(&bytes.0) }),
            }
        }
        let wall = self.wall_at(now);
        let (queue, orders) = Default::default();
        let mut boot = Boot { engine: self, now, wall, queue, orders, broken };
        for (position, bytes) in &log {
            boot.read_commit(*position, &bytes.0);
        }
        let Boot { queue, broken, .. } = boot;
        for (_, stored) in queue {
            self.take_up_stored(stored, effects);
        }
        self.window = self.outbox.has_heads().then_some(now);
        for Broken { source, why, text } in broken {
            self.quarantine(now, source, why, &text, effects);
            for feed in &mut self.feeds {
                feed.restart(now, false);
            }
        }
    }

    fn take_up_stored(&mut self, stored: Stored, effects: &mut impl Sink) {
        let Stored { what, operations, befores } = stored;
        let (id, address, order, kept) = match what {
            What::Mutation(queued) => {
                let (id, address, place) = (queued.id.clone(), queued.address.clone(), queued.place);
                #[cfg(feature = "sim")]
                if self.planted == Some(super::planted::Bug::B1) {
                    let again = MutationId(self.rng.uuid(0).into());
                    let order = self.outbox.stage(Queued { id: again.clone(), ..queued.clone() }, None);
                    self.lay_found(&address, order, again.clone(), operations.clone(), effects);
                    self.keep(&again, place);
                }
                (id, address, self.outbox.stage(queued, None), Some(place))
            }
            What::Entry(entry) => {
                let (id, address) = (entry.id.clone(), entry.address.clone());
                self.outbox.freeze(entry);
                let order = self.outbox.order(&id).unwrap_or_default();
                (id, address, order, None)
            }
        };
        self.lay_found(&address, order, id.clone(), operations, effects);
        for before in befores {
            self.replica.restore_before(&address, before);
        }
        if let Some(place) = kept {
            self.keep(&id, place);
        }
    }

    fn lay_found(&mut self, address: &Address, order: u64, id: MutationId, operations: Vec<Operation>, effects: &mut impl Sink) {
        let unloaded = self.store.pages.page_of(address).is_some();
        self.replica.lay(address, unloaded, order, id, operations);
        if unloaded && !self.replica.is_resident(address) {
            self.load_page_of(address, None, effects);
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

    fn read(&mut self, position: u64, range: Range<usize>, record: &Record<'_>) -> Result<(), &'static str> {
        let about = match record.kind {
            Kind::Mutation => Some(self.read_mutation(position, record)?),
            Kind::Freeze => Some(self.read_entry(record)?),
            Kind::Attempt => self.read_attempt(&record.header()?),
            Kind::Before => self.read_before(record.header()?, record.body)?,
            Kind::Cancel => {
                let header: CancelHeader = record.header()?;
                self.end(&header.id);
                None
            }
            Kind::Settlement => {
                let header: SettlementHeader = record.header()?;
                self.end(&header.entry);
                self.end_all(&header.members);
                None
            }
            Kind::Inbox => {
                let header: InboxHeader = record.header()?;
                let about = About::of(Kind::Inbox, &header.entry);
                self.engine.inbox.insert(header.entry, ());
                Some(about)
            }
            Kind::Base => {
                let (address, base) = pages::read_base(record)?;
                self.engine.replica.rebase(&address, false, Some(base), &[]);
                self.engine.store.found_in_log(address);
                None
            }
            Kind::Paged => {
                let header: PagedHeader = record.header()?;
                for row in &header.pages {
                    for key in &row.2 {
                        self.engine.replica.unload(&Address { collection: row.1.clone(), key: key.clone() });
                    }
                    self.engine.store.found_in_page(row);
                }
                None
            }
            Kind::Cursor => {
                let header: CursorHeader = record.header()?;
                let about = About::cursor(&header.feed);
                self.take_up_cursor(header);
                Some(about)
            }
            Kind::Quarantine => {
                self.engine.store.log.keep(range, None);
                return Ok(());
            }
            _ => return Err("it does not belong here"),
        };
        if about.is_some() {
            self.engine.store.log.keep(range, about);
        }
        Ok(())
    }

    fn read_mutation(&mut self, position: u64, record: &Record<'_>) -> Result<About, &'static str> {
        let header: MutationHeader = record.header()?;
        let (address, operations) = on_one(Member::read(record.body).ok_or("its operations cannot be read")?)?;
        let place = (position, record.ordinal);
        let order = header.lineage.as_ref().map_or(place, |lineage| lineage.place);
        let about = About::of(Kind::Mutation, &header.id);
        let bytes = record.raw.len() as u64;
        let queued = Queued { id: header.id, address, bytes, place: Some(place), kept: false, lineage: header.lineage };
        self.put(order, What::Mutation(queued), operations);
        Ok(about)
    }

    fn read_entry(&mut self, record: &Record<'_>) -> Result<About, &'static str> {
        let header: FreezeHeader = record.header()?;
        let mut entry = protocol::Entry::read(record.body).ok_or("its entry cannot be read")?;
        let base = entry.operations.first_mut().and_then(|keyed| keyed.base.take());
        let (address, operations) = on_one(entry.operations)?;
        self.end_all(&header.members);
        let about = About::of(Kind::Freeze, &header.entry);
        let entry = Entry {
            root: header.root.unwrap_or_else(|| header.entry.clone()),
            id: header.entry,
            members: header.members,
            address,
            base,
            operations: operations.clone(),
            text: record.body.into(),
            place: Some(header.place),
            round: header.round,
            sent: 0,
            failures: 0,
            state: EntryState::Ready,
        };
        self.put(header.place, What::Entry(entry), operations);
        Ok(about)
    }

    fn read_attempt(&mut self, header: &AttemptHeader) -> Option<About> {
        // What is left of the wait: the clock may have been set, so never more than was drawn (DESIGN 8).
        let left = header.at.0.saturating_add(header.delay_ms).saturating_sub(self.wall.0).min(header.delay_ms);
        let state = EntryState::Waiting(self.now.after(left));
        let Some(Stored { what: What::Entry(entry), .. }) = self.stored(&header.entry) else { return None };
        (entry.failures, entry.state) = (header.failures, state);
        Some(About::of(Kind::Attempt, &header.entry))
    }

    fn read_before(&mut self, header: BeforeHeader, body: &str) -> Result<Option<About>, &'static str> {
        let text = String::read(body).ok_or("its body is not a string")?;
        let BeforeHeader { id, operation, path } = header;
        let Some(stored) = self.stored(&id) else { return Ok(None) };
        let about = About::before(&id, operation);
        stored.befores.push(Before { id, operation, path, text: Text::of(&text) });
        Ok(Some(about))
    }

    /// The later one stands, and with it what was known then of the server's log.
    fn take_up_cursor(&mut self, header: CursorHeader) {
        let Some(feed) = self.engine.feeds.iter_mut().find(|feed| feed.name == header.feed) else { return };
        feed.cursor = header.cursor;
        feed.resync = None;
        if header.resync {
            feed.restart(self.now, true);
        }
        self.engine.seen = header.seen;
        self.engine.generation = header.generation.into();
    }

    fn put(&mut self, order: Place, what: What, operations: Vec<Operation>) {
        self.orders.insert(what.id().clone(), order);
        if let Some(earlier) = self.queue.insert(order, Stored { what, operations, befores: Vec::new() }) {
            self.forget(earlier.what.id());
        }
    }

    /// A mutation or entry that has not ended.
    fn stored(&mut self, id: &MutationId) -> Option<&mut Stored> {
        // A follow-up stands in the very place of what it carries on.
        self.queue.get_mut(self.orders.get(id)?).filter(|stored| stored.what.id() == id)
    }

    /// A mutation or entry has ended, or is part of an entry from here on.
    fn end(&mut self, id: &MutationId) {
        if self.stored(id).is_some()
            && let Some(order) = self.orders.get(id)
        {
            self.queue.remove(order);
            self.forget(id);
        }
    }

    fn end_all(&mut self, ids: &[MutationId]) {
        for id in ids {
            self.end(id);
        }
    }

    /// Nothing that the log says of it is needed any more.
    fn forget(&mut self, id: &MutationId) {
        let log = &mut self.engine.store.log;
        for kind in [Kind::Mutation, Kind::Freeze, Kind::Attempt] {
            log.retire(&About::of(kind, id));
        }
        log.retire_befores(id);
    }
}

impl What {
    fn id(&self) -> &MutationId {
        match self {
            What::Mutation(queued) => &queued.id,
            What::Entry(entry) => &entry.id,
        }
    }
}

/// Operations that are all on one document, and which.
fn on_one(keyed: Vec<KeyedOperation>) -> Result<(Address, Vec<Operation>), &'static str> {
    let Some(address) = keyed.first().map(|first| first.address.clone()) else { return Err("it has no operations") };
    let mut operations = Vec::with_capacity(keyed.len());
    for one in keyed {
        if one.address != address {
            return Err("it is a group, which this build cannot send");
        }
        operations.push(one.operation);
    }
    Ok((address, operations))
}

/// Bytes as text: themselves where they are UTF-8, else in hexadecimal.
pub(super) fn lossless(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
