//! What was in the store, put together: boot always succeeds, whatever the bytes are (S15).

use std::sync::Arc;

use super::ident::MutationId;
use super::input::Bytes;
use super::log::{About, Log, Part};
use super::pages::Pages;
use super::record::{
    self, AttemptHeader, BaseHeader, BeforeHeader, CancelHeader, CursorHeader, DirectoryRow, FreezeHeader, InboxHeader, Kind,
    MutationHeader, PagedHeader, Place, Record, SettlementHeader,
};
use super::replica::{Base, Before};
use crate::ordered::Ordered;
use crate::protocol::member::Member;
use crate::protocol::{Address, Entry, Json, KeyedOperation, Text};

/// What was found.
#[derive(Debug, Default)]
pub struct Booted {
    /// What of the log is still needed.
    pub log: Log,
    /// The directory, without what the log says of pages.
    pub pages: Pages,
    /// What has not ended, in the order of the outbox. A follow-up, and an entry, stand where what they came of stood.
    pub queue: Ordered<Place, Stored>,
    /// When entries may be tried again.
    pub attempts: Ordered<MutationId, AttemptHeader>,
    /// Bases and pages, in the order in which they were written.
    pub bases: Vec<BaseNews>,
    /// Cursors by feed.
    pub cursors: Ordered<String, CursorHeader>,
    /// Texts that were kept for runs of splices.
    pub befores: Vec<Before>,
    /// Refused or unknown writes, by entry.
    pub inbox: Ordered<MutationId, InboxHeader>,
    /// The order of each mutation and entry.
    orders: Ordered<MutationId, Place>,
    /// What could not be read: where it was, why, and its bytes.
    pub broken: Vec<(&'static str, &'static str, Vec<u8>)>,
}

/// What has not ended.
#[derive(Debug)]
pub enum Stored {
    /// A mutation that is not frozen.
    Mutation(StoredMutation),
    /// A frozen entry.
    Entry(StoredEntry),
}

/// A queued mutation, read back.
#[derive(Debug)]
pub struct StoredMutation {
    /// Its header.
    pub header: MutationHeader,
    /// Its operations, all on one document.
    pub operations: Vec<KeyedOperation>,
    /// Its record's size.
    pub bytes: u64,
    /// Its record's place.
    pub place: Place,
}

/// A frozen entry, read back.
#[derive(Debug)]
pub struct StoredEntry {
    /// Its header.
    pub header: FreezeHeader,
    /// What its bytes say.
    pub entry: Entry,
    /// Its bytes.
    pub text: Arc<str>,
}

/// News of bases, in the order of the log.
#[derive(Debug)]
pub enum BaseNews {
    /// One is in the log.
    Logged(Address, Base),
    /// These are in a page.
    Paged(DirectoryRow),
}

impl Booted {
    /// Reads what the store holds.
    pub fn read(directory: Option<Bytes>, log: Vec<(u64, Bytes)>) -> Booted {
        let mut booted = Booted::default();
        if let Some(bytes) = directory {
            match Pages::parse(&bytes.0) {
                Ok(pages) => booted.pages = pages,
                Err(why) => booted.broken.push(("directory", why, bytes.0.to_vec())),
            }
        }
        let mut kept = 0;
        for (position, bytes) in log {
            let mut parts: Vec<Part> = Vec::new();
            let mut at = 0;
            for found in record::decode(&bytes.0) {
                let range = at..at + found.raw().len();
                at = range.end;
                let about = match &found {
                    record::Found::Record(record) => match booted.take(position, record) {
                        Ok(about) => about,
                        Err(why) => {
                            booted.broken.push(("log", why, record.raw.to_vec()));
                            None
                        }
                    },
                    record::Found::Foreign { .. } => {
                        kept += 1;
                        Some(About::Kept(kept))
                    }
                    record::Found::Broken { raw, why } => {
                        booted.broken.push(("log", why, raw.to_vec()));
                        None
                    }
                };
                parts.push((found.ordinal().unwrap_or(u32::MAX), range, about));
            }
            booted.log.add(position, bytes.0.to_vec(), parts);
        }
        booted.reconcile();
        booted
    }

    /// What ended in the very commit that brought it is as dead as what ended later.
    fn reconcile(&mut self) {
        let Booted { log, orders, attempts, befores, queue, .. } = self;
        let stored = |id: &MutationId| queue.get(orders.get(id)?);
        let is_entry = |id: &MutationId| matches!(stored(id), Some(Stored::Entry(entry)) if entry.header.entry == *id);
        let is_mutation = |id: &MutationId| matches!(stored(id), Some(Stored::Mutation(mutation)) if mutation.header.id == *id);
        attempts.retain(|entry, _| is_entry(entry));
        befores.retain(|before| is_entry(&before.id) || is_mutation(&before.id));
        log.retain(|about| match about {
            About::Mutation(id) => is_mutation(id),
            About::Freeze(id) | About::Attempt(id) => is_entry(id),
            About::Before(id, operation) => befores.iter().any(|before| before.id == *id && before.operation == *operation),
            About::Inbox(_) | About::Cursor(_) | About::Kept(_) => true,
        });
    }

    fn take(&mut self, position: u64, record: &Record<'_>) -> Result<Option<About>, &'static str> {
        match record.kind {
            Kind::Mutation => self.mutation(position, record).map(Some),
            Kind::Freeze => self.freeze(record).map(Some),
            Kind::Attempt => {
                let header: AttemptHeader = record.header()?;
                let about = About::Attempt(header.entry.clone());
                self.attempts.insert(header.entry.clone(), header);
                Ok(Some(about))
            }
            Kind::Cancel => {
                let header: CancelHeader = record.header()?;
                self.end(&header.id);
                Ok(None)
            }
            Kind::Settlement => {
                let header: SettlementHeader = record.header()?;
                self.end(&header.entry);
                header.members.iter().for_each(|member| self.end(member));
                Ok(None)
            }
            Kind::Inbox => {
                let header: InboxHeader = record.header()?;
                let about = About::Inbox(header.entry.clone());
                self.inbox.insert(header.entry.clone(), header);
                Ok(Some(about))
            }
            Kind::Base => {
                let (address, base) = base(record)?;
                self.bases.push(BaseNews::Logged(address, base));
                Ok(None)
            }
            Kind::Paged => {
                let header: PagedHeader = record.header()?;
                self.bases.extend(header.pages.into_iter().map(BaseNews::Paged));
                Ok(None)
            }
            Kind::Cursor => {
                let header: CursorHeader = record.header()?;
                let about = About::Cursor(header.feed.clone());
                self.cursors.insert(header.feed.clone(), header);
                Ok(Some(about))
            }
            Kind::Before => {
                let header: BeforeHeader = record.header()?;
                let text: String = String::read(record.body).ok_or("its body is not a string")?;
                let about = About::Before(header.id.clone(), header.operation);
                self.befores.push(Before { id: header.id, operation: header.operation, path: header.path, text: Text::of(&text) });
                Ok(Some(about))
            }
            Kind::Quarantine => Ok(Some(About::Kept(position << 20 | u64::from(record.ordinal)))),
            _ => Err("it does not belong here"),
        }
    }

    fn mutation(&mut self, position: u64, record: &Record<'_>) -> Result<About, &'static str> {
        let header: MutationHeader = record.header()?;
        let operations: Vec<KeyedOperation> = Member::read(record.body).ok_or("its operations cannot be read")?;
        let Some(first) = operations.first() else { return Err("it has no operations") };
        if operations.iter().any(|keyed| keyed.address != first.address) {
            return Err("it is a group, which this build cannot send");
        }
        let place = (position, record.ordinal);
        let order = header.lineage.as_ref().map_or(place, |lineage| lineage.place);
        let about = About::Mutation(header.id.clone());
        let bytes = record.raw.len() as u64;
        self.orders.insert(header.id.clone(), order);
        self.queue.insert(order, Stored::Mutation(StoredMutation { header, operations, bytes, place }));
        Ok(about)
    }

    fn freeze(&mut self, record: &Record<'_>) -> Result<About, &'static str> {
        let header: FreezeHeader = record.header()?;
        let entry: Entry = Entry::read(record.body).ok_or("its entry cannot be read")?;
        let Some(first) = entry.operations.first() else { return Err("its entry has no operations") };
        if entry.operations.iter().any(|keyed| keyed.address != first.address) {
            return Err("its entry is a group, which this build cannot send");
        }
        for member in &header.members {
            self.end(member);
        }
        // The entry has its first member's id; a text that was kept for a member is not the one it was made on.
        self.befores.retain(|before| !header.members.contains(&before.id));
        let about = About::Freeze(header.entry.clone());
        self.orders.insert(header.entry.clone(), header.place);
        self.queue.insert(header.place, Stored::Entry(StoredEntry { header, entry, text: record.body.into() }));
        Ok(about)
    }

    /// A mutation or entry has ended, or is part of an entry from here on.
    fn end(&mut self, id: &MutationId) {
        let Some(order) = self.orders.get(id) else { return };
        // A follow-up stands in the very place of what it carries on.
        let is_it = match self.queue.get(order) {
            Some(Stored::Mutation(mutation)) => mutation.header.id == *id,
            Some(Stored::Entry(entry)) => entry.header.entry == *id,
            None => false,
        };
        if is_it {
            self.queue.remove(order);
        }
    }
}

/// A document's base, read from its record.
pub fn base(record: &Record<'_>) -> Result<(Address, Base), &'static str> {
    let header: BaseHeader = record.header()?;
    let value = match record.body {
        "" => None,
        text => Some(Json::parse(text).map_err(|_| "its document cannot be read")?),
    };
    let address = Address { collection: header.collection, key: header.key };
    Ok((address, Base { version: header.version, seq: header.seq, generation: header.generation, value }))
}
