//! What is staged, what is on its way to the store, and what is in it. One transaction at a time: what is staged while
//! one is on its way goes with the next.

use std::sync::Arc;

use super::config::Config;
use super::effect::{Guard, Write};
use super::header::{self, Header};
use super::ident::{AskId, MutationId, WriteId};
use super::input::{Meta, StoreFailure};
use super::log::{About, Log};
use super::mirror::Commits;
use super::notice::{Durability, Ending};
use super::pages::{self, Pages};
use super::push::BatchId;
use super::record::{self, DirectoryRow, Kind};
use super::replica::Replica;
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::Address;

mod aside;

/// Where writes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nowhere yet: the store is being read.
    Opening,
    /// Into the store.
    Durable,
    /// Nowhere: what is staged counts as kept, and the app was told. The log goes on without the store, so that this can be made up for.
    Memory,
}

/// What goes into one transaction.
#[derive(Debug, Default)]
pub struct Staged {
    /// Its commit's number in the log, once that is complete.
    commit: u64,
    /// Where it stands in a log that goes on without its store.
    pub aside: u64,
    bytes: Vec<u8>,
    records: u32,
    strict: bool,
    /// Mutations, and their records' ordinals.
    pub mutations: Vec<(MutationId, u32)>,
    /// Batches that may be sent once this is kept.
    pub batches: Vec<BatchId>,
    /// Questions that are answered once this is kept.
    pub asks: Vec<AskId>,
    /// How mutations have ended: told once this is kept, so that nothing takes it back.
    pub endings: Endings,
    /// What ends unsent with this and may be in the store already.
    pub taken: Vec<Taken>,
    bases: OrderedSet<Address>,
    meta: Option<Arc<Meta>>,
    /// Whether the store is this client's with that.
    takes_over: bool,
    /// Commits that were salvaged, at the positions where they go, and the last position of the log behind which they do.
    restored: Commits,
    restored_on: u64,
    /// What the app is to hear when those are stored.
    pub reset: Option<Reset>,
}

/// A store was lost.
#[derive(Clone, Debug)]
pub struct Reset {
    /// How many writes were brought back.
    pub recovered: u32,
    /// How many were not, where that is known.
    pub lost: Option<u32>,
}

/// A mutation that ends unsent. Where that cannot be stored, the next start finds it as if nothing had been said.
#[derive(Debug)]
pub struct Taken {
    /// Which.
    pub id: MutationId,
    /// Its documents.
    pub addresses: Vec<Address>,
    /// How it ended, where the app is told when that is stored.
    pub ending: Option<Ending>,
}

/// How mutations have ended, in order.
pub type Endings = Vec<(MutationId, Ending)>;

/// What a transaction on its way comes from, and what it changes.
#[derive(Debug)]
struct Flight {
    write: WriteId,
    staged: Box<Staged>,
    /// Bytes of its commit.
    stored: usize,
    /// Pages it writes.
    rows: Vec<DirectoryRow>,
    meta: Option<Arc<Meta>>,
    /// Pages that it takes away, where it folds the log.
    folds: Option<Vec<u32>>,
}

/// What became kept with one transaction, or with the turn to memory.
#[derive(Debug)]
pub struct Kept {
    /// In order.
    #[expect(clippy::vec_box, reason = "each comes in its box, and is not moved out of it")]
    pub staged: Vec<Box<Staged>>,
    /// Where in the log their commit is, if in a log.
    pub position: Option<u64>,
    /// How well.
    pub durability: Durability,
}

impl Kept {
    /// How mutations have ended in it: those of these, that nobody else knows of, and others.
    pub fn ended(&self, unsaved: &[MutationId]) -> (Endings, Endings) {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for staged in &self.staged {
            let taken = staged.taken.iter().filter_map(|taken| Some((&taken.id, taken.ending.as_ref()?)));
            let of_unsaved = taken.filter(|(id, _)| unsaved.contains(id));
            for (id, ending) in staged.endings.iter().map(|(id, ending)| (id, ending)).chain(of_unsaved) {
                let ended = if unsaved.contains(id) { &mut own } else { &mut others };
                ended.push((id.clone(), ending.clone()));
            }
        }
        (own, others)
    }

    /// The record that sets a mutation aside, where there is one: its header and its body.
    pub fn set_aside(&self, id: &MutationId) -> Option<(&str, &str)> {
        let records = self.staged.iter().flat_map(|staged| record::decode(&staged.bytes));
        let inbox = records.filter_map(|found| match found {
            record::Found::Record(record) if record.kind == Kind::Inbox => Some((record.header, record.body)),
            _ => None,
        });
        let mut named =
            inbox.filter(|(header, _)| Header::parse(header).and_then(|mut header| header.read::<MutationId>("entry")).as_ref() == Ok(id));
        named.next()
    }

    /// What ends unsent with it, and how, where the app is told when that is stored.
    pub fn taken(&self) -> Endings {
        let mut ended = Vec::new();
        for taken in self.staged.iter().flat_map(|staged| &staged.taken) {
            ended.extend(taken.ending.clone().map(|ending| (taken.id.clone(), ending)));
        }
        ended
    }
}

/// The store as the engine knows it.
#[derive(Debug)]
pub struct Store {
    mode: Mode,
    /// The store's description as it was last read or written; `None` where there is none yet.
    meta: Option<Arc<Meta>>,
    /// Whether the transaction that took it over is complete.
    is_held: bool,
    staged: Box<Staged>,
    /// A commit that failed and is tried again before all that came later.
    failed: Option<Box<Staged>>,
    on_its_way: Option<Box<Flight>>,
    failures: u32,
    /// Whether what failed was laid on what others have stored since.
    is_laid_anew: bool,
    last_write: u64,
    /// What of the log is still needed.
    pub log: Log,
    /// Which page holds which document.
    pub pages: Pages,
    /// Documents whose base is in the log and not yet in a page.
    dirty: OrderedSet<Address>,
    /// The last position of the log that is in the store, where it goes on without.
    stored_to: u64,
    /// What has come of that: writes of which the store has nothing, and documents whose bases it has not.
    unstored: OrderedSet<Arc<str>>,
    moved: OrderedSet<Address>,
}

impl Store {
    /// A store that nothing is known of.
    pub fn new() -> Store {
        Store {
            mode: Mode::Opening,
            meta: None,
            is_held: false,
            staged: Box::default(),
            failed: None,
            on_its_way: None,
            failures: 0,
            is_laid_anew: false,
            last_write: 0,
            log: Log::default(),
            pages: Pages::default(),
            dirty: Ordered::default(),
            stored_to: 0,
            unstored: Ordered::default(),
            moved: Ordered::default(),
        }
    }

    /// Where writes go.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The store was read, and is described so. Where nothing was there, this is the description of a new one.
    pub fn open(&mut self, meta: Arc<Meta>, is_new: bool) {
        self.mode = Mode::Durable;
        self.log.went_to(meta.folded_to);
        if is_new {
            self.staged.meta = Some(meta);
            self.staged.strict = true;
        } else {
            self.meta = Some(meta);
        }
    }

    /// These commits go into the log with the next transaction, if it goes on to the position `on` by then.
    pub fn restore(&mut self, commits: Commits, on: u64) {
        (self.staged.restored, self.staged.restored_on) = (commits, on);
        self.staged.strict = true;
    }

    /// The last position of the log without what was salvaged, while that is not stored.
    pub fn restores(&self) -> Option<u64> {
        let flight = self.on_its_way.as_ref().map(|flight| &flight.staged);
        let mut all = self.failed.iter().chain(flight).chain([&self.staged]);
        all.find(|staged| !staged.restored.is_empty()).map(|staged| staged.restored_on)
    }

    /// The app hears of this when what was salvaged is stored.
    pub fn stage_reset(&mut self, reset: Reset) {
        self.staged.reset = Some(reset);
    }

    /// The records of the transaction under way.
    pub fn under_way(&self) -> &[u8] {
        self.on_its_way.as_ref().map_or(&[], |flight| flight.staged.records())
    }

    /// This client takes the store over with its next transaction, as nobody else does meanwhile, and begins a session.
    pub fn take_over(&mut self) {
        let is_done = self.is_held || self.is_taking_over();
        let staged = &mut self.staged;
        if let Some(meta) = staged.meta.as_ref().or(self.meta.as_ref()).filter(|_| !is_done) {
            let (store_epoch, session_epoch) = (meta.store_epoch + 1, meta.session_epoch + 1);
            staged.meta = Some(Arc::new(Meta { store_epoch, session_epoch, ..Meta::clone(meta) }));
            staged.takes_over = true;
            // A server that has heard of a session fences off all before it: power must not take it back.
            staged.strict = true;
        }
    }

    /// Whether a transaction that takes it over waits or is on its way.
    pub fn is_taking_over(&self) -> bool {
        let flight = self.on_its_way.as_ref().map(|flight| &flight.staged);
        self.failed.iter().chain(flight).chain([&self.staged]).any(|staged| staged.takes_over)
    }

    /// Whether the store is this client's: the transaction that took it over is complete.
    pub fn is_held(&self) -> bool {
        self.mode == Mode::Memory || self.is_held
    }

    /// The session that is stored as begun by this client, once one is.
    pub fn session_epoch(&self) -> Option<u64> {
        self.meta.as_ref().filter(|_| self.is_held).map(|meta| meta.session_epoch)
    }

    /// The store's description, as far as this client knows.
    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_deref()
    }

    /// How mutations have ended that the app has yet to hear of, in order.
    #[cfg(feature = "sim")]
    pub fn endings(&self) -> impl Iterator<Item = &(MutationId, Ending)> {
        let flight = self.on_its_way.as_ref().map(|flight| &flight.staged);
        flight.into_iter().chain(&self.failed).chain([&self.staged]).flat_map(|staged| &staged.endings)
    }

    /// Whether something has ended that the app has yet to hear of.
    pub fn has_endings(&self) -> bool {
        let flight = self.on_its_way.as_ref().map(|flight| &flight.staged);
        self.failed.iter().chain(flight).chain([&self.staged]).any(|staged| !staged.endings.is_empty())
    }

    /// What was read says that the store is described so by now.
    pub fn note(&mut self, meta: Meta) {
        self.meta = Some(Arc::new(meta));
    }

    /// The mutations that wait to be stored, in order.
    pub fn unsaved(&self) -> Vec<MutationId> {
        let mut ids = Vec::new();
        for staged in self.failed.iter().chain([&self.staged]) {
            for (id, _) in &staged.mutations {
                ids.push(id.clone());
            }
        }
        ids
    }

    /// The records that wait to be stored, and whether bases do, too.
    pub fn waiting(&self) -> (impl Iterator<Item = &[u8]>, bool) {
        let all = || self.failed.iter().chain([&self.staged]);
        (all().map(|staged| &*staged.bytes), all().any(|staged| !staged.bases.is_empty()))
    }

    /// What waits to be stored was laid on what others have stored.
    pub fn laid_anew(&mut self) {
        self.is_laid_anew |= self.failed.is_some();
    }

    /// The store is not this client's any more.
    pub fn lose(&mut self) {
        self.is_held = false;
    }

    /// Everything is read anew. Gives what was waiting to be stored.
    pub fn renew(&mut self) -> Kept {
        let kept = self.turn_to_memory();
        let (last_write, failures, unstored) = (self.last_write, self.failures, std::mem::take(&mut self.unstored));
        *self = Store { last_write, failures, unstored, ..Store::new() };
        kept
    }

    /// A base that is in the log.
    pub fn found_in_log(&mut self, address: Address) {
        self.dirty.insert(address, ());
    }

    /// A base is in a page from here on in the log.
    pub fn found_in_page(&mut self, row: &DirectoryRow) {
        for key in &row.2 {
            self.dirty.remove(&Address::new(row.1.clone(), key.clone()));
        }
        self.pages.place(row);
    }

    /// All that is known of the log was folded: every base is in a page from here on, and this is the directory.
    pub fn found_folded(&mut self, directory: &[u8]) -> Result<(), &'static str> {
        let mut pages = Pages::default();
        pages.read(directory)?;
        (self.pages, self.dirty) = (pages, OrderedSet::default());
        Ok(())
    }

    /// Stages a record, and says its ordinal. One that can live on says what it is about.
    pub fn stage(&mut self, kind: Kind, header: &str, body: &str, about: Option<About>) -> u32 {
        let staged = &mut self.staged;
        let (ordinal, start) = (staged.records, staged.bytes.len());
        staged.records += 1;
        record::encode(&mut staged.bytes, kind, ordinal, header, body);
        if about.is_some() {
            self.log.keep(start..staged.bytes.len(), about);
        }
        ordinal
    }

    /// Stages a mutation's record; the app is told when it is kept.
    pub fn stage_mutation(&mut self, id: &MutationId, header: &str, body: &str, strict: bool) {
        self.stage_unsaved(id, Kind::Mutation, header, body);
        self.staged.strict |= strict;
    }

    /// Stages the first record of a mutation that there is.
    pub fn stage_unsaved(&mut self, id: &MutationId, kind: Kind, header: &str, body: &str) {
        let ordinal = self.stage(kind, header, body, Some(About::of(kind, id)));
        self.staged.mutations.push((id.clone(), ordinal));
        if self.mode == Mode::Memory {
            self.unstored.insert(id.0.clone(), ());
        }
    }

    /// A mutation ends unsent. Whether that is sure only when it is stored: not where the mutation goes with it.
    pub fn stage_taken(&mut self, taken: Taken) -> bool {
        let is_sure = self.mode != Mode::Durable || self.staged.mutations.iter().any(|(id, _)| *id == taken.id);
        if !is_sure {
            self.staged.taken.push(taken);
        }
        !is_sure
    }

    /// A batch may be sent once what is staged is kept, however power fails.
    pub fn stage_batch(&mut self, batch: BatchId) {
        self.staged.batches.push(batch);
        self.staged.strict = true;
    }

    /// The app hears how these ended once that is kept.
    pub fn stage_endings(&mut self, mutations: &[MutationId], ending: &Ending) {
        for id in mutations {
            self.staged.endings.push((id.clone(), ending.clone()));
        }
    }

    /// A question is answered once what is staged is kept.
    pub fn stage_ask(&mut self, ask: AskId) {
        self.staged.asks.push(ask);
    }

    /// The base of this document has changed.
    pub fn stage_base(&mut self, address: &Address) {
        self.staged.bases.insert(address.clone(), ());
    }

    /// Whether everything is stored, and this document in a page.
    pub fn is_in_page(&self, address: &Address) -> bool {
        self.pages.page_of(address).is_some() && !self.dirty.contains_key(address)
    }

    /// How many documents there are: in pages, and, each at the most once more, in the log.
    pub fn documents(&self) -> usize {
        self.pages.len() + self.dirty.len()
    }

    /// Whether something waits for a transaction.
    pub fn is_staged(&self) -> bool {
        self.failed.is_some() || !self.staged.is_empty()
    }

    /// Whether the next commit is made of what is staged, and there is something.
    pub fn is_collecting(&self) -> bool {
        self.mode == Mode::Durable && !self.is_writing() && self.failed.is_none() && !self.staged.is_empty()
    }

    /// Whether a transaction is on its way.
    pub fn is_writing(&self) -> bool {
        self.on_its_way.is_some()
    }

    /// The next transaction, where one can go.
    pub fn commit(&mut self, replica: &Replica, config: &Config) -> Option<Box<Write>> {
        if self.mode != Mode::Durable || self.is_writing() || !self.is_staged() {
            return None;
        }
        let staged = match self.failed.take() {
            Some(mut failed) => {
                if std::mem::take(&mut self.is_laid_anew) {
                    // What was found out then about the text that a write was made on goes with it.
                    failed.absorb(std::mem::take(&mut *self.staged), &mut self.log);
                }
                failed
            }
            None => {
                self.staged.commit = self.log.close();
                std::mem::take(&mut self.staged)
            }
        };
        let mut write = self.next_write(staged.takes_over);
        if !staged.restored.is_empty()
            && let Guard::Known { last, .. } = &mut write.guard
        {
            *last = staged.restored_on;
        }
        for (position, bytes) in &staged.restored {
            write.rewrite.push((*position, Some(bytes.clone())));
        }
        write.strict = staged.strict;
        write.meta.clone_from(&staged.meta);
        let mut bytes = staged.bytes.clone();
        let mut rows = Vec::new();
        let mut size = 0;
        for address in staged.bases.keys() {
            size += replica.base(address).map_or(0, pages::size_of);
        }
        if size as u64 > config.page_directly_bytes {
            (write.pages, rows) = self.pages.lay_out(&staged.bases, replica, config);
            record::encode(&mut bytes, Kind::Paged, staged.records, &header::paged(&rows), "");
        } else {
            let mut ordinal = staged.records;
            for address in staged.bases.keys() {
                if let Some(base) = replica.base(address) {
                    pages::encode_base(&mut bytes, ordinal, address, base, config);
                    ordinal += 1;
                }
            }
        }
        let stored = bytes.len();
        write.append = if bytes.is_empty() { None } else { Some(bytes) };
        let meta = write.meta.clone();
        self.on_its_way = Some(Box::new(Flight { write: write.write, staged, stored, rows, meta, folds: None }));
        Some(write)
    }

    /// Whether folding the log is worth a transaction.
    pub fn is_foldable(&self, config: &Config) -> bool {
        let is_worth_it = self.log.dead() >= config.compact_bytes_min.max(1);
        self.mode == Mode::Durable && is_worth_it && !self.is_writing() && !self.is_staged() && self.is_held
    }

    /// The transaction that folds the log into pages.
    pub fn fold(&mut self, replica: &Replica, config: &Config) -> Box<Write> {
        let mut write = self.next_write(false);
        let (stored, rows) = self.pages.lay_out(&self.dirty, replica, config);
        write.pages = stored;
        for row in &rows {
            self.pages.place(row);
        }
        let dropped = self.pages.empty();
        for page in &dropped {
            write.pages.push((*page, None));
        }
        write.rewrite = self.log.fold();
        write.directory = Some(self.pages.encode());
        if let Some(meta) = &self.meta {
            write.meta = Some(Arc::new(Meta { folded_to: self.log.last(), ..Meta::clone(meta) }));
        }
        let meta = write.meta.clone();
        self.on_its_way =
            Some(Box::new(Flight { write: write.write, staged: Box::default(), stored: 0, rows, meta, folds: Some(dropped) }));
        write
    }

    /// A transaction is complete. `None` where it is not one that is waited for.
    pub fn on_written(&mut self, write: WriteId, position: u64) -> Option<Kept> {
        let mut flight = self.on_its_way.take_if(|flight| flight.write == write)?;
        let staged = &flight.staged;
        self.failures = 0;
        self.unstored = Ordered::default();
        if flight.stored > 0 {
            self.log.add(staged.commit, position, &staged.bytes, flight.stored);
        }
        if let Some(dropped) = &flight.folds {
            self.log.folded();
            self.pages.dropped(dropped);
        }
        if flight.rows.is_empty() {
            for address in staged.bases.keys() {
                self.dirty.insert(address.clone(), ());
            }
        }
        for row in &flight.rows {
            self.found_in_page(row);
        }
        if let Some(meta) = flight.meta.take() {
            self.meta = Some(meta);
            self.is_held |= flight.staged.takes_over;
        }
        let durability = if staged.strict { Durability::Strict } else { Durability::Relaxed };
        Some(Kept { staged: vec![flight.staged], position: Some(position), durability })
    }

    /// A transaction did not happen, and its content waits again. Says how often in a row that was for no reason; `None` where it is
    /// not one that is waited for.
    pub fn on_failed(&mut self, write: WriteId, why: &StoreFailure) -> Option<u32> {
        let flight = self.on_its_way.take_if(|flight| flight.write == write)?;
        if flight.folds.is_none() {
            self.failed = Some(flight.staged);
        }
        self.failures += u32::from(why.is_passing());
        Some(self.failures)
    }

    /// From here on nothing is stored. All that waited counts as kept.
    pub fn turn_to_memory(&mut self) -> Kept {
        (self.stored_to, self.mode) = (self.stored_to(), Mode::Memory);
        let mut staged = Vec::new();
        if let Some(flight) = self.on_its_way.take() {
            staged.push(flight.staged);
        }
        if let Some(failed) = self.failed.take() {
            staged.push(failed);
        }
        let mut last = std::mem::take(&mut self.staged);
        if last.records > 0 {
            last.commit = self.log.close();
        }
        staged.push(last);
        for staged in &mut staged {
            self.put_aside(staged);
        }
        Kept { staged, position: None, durability: Durability::Memory }
    }

    /// What is staged in memory mode counts as kept at once.
    pub fn keep_in_memory(&mut self) -> Option<Kept> {
        (self.mode == Mode::Memory && self.is_staged()).then(|| self.turn_to_memory())
    }

    /// A transaction with nothing in it yet. It is made on all commits before it, and of a client that holds the store, or wants to, on
    /// the epoch that it knows.
    fn next_write(&mut self, takes_over: bool) -> Box<Write> {
        self.last_write += 1;
        let guard = self.meta.as_ref().map_or(Guard::Fresh, |meta| Guard::Known {
            store_id: meta.store_id.clone(),
            epoch: (self.is_held || takes_over).then_some(meta.store_epoch),
            last: self.log.last(),
        });
        Box::new(Write {
            write: WriteId(self.last_write),
            strict: false,
            guard,
            append: None,
            rewrite: Vec::new(),
            pages: Vec::new(),
            directory: None,
            meta: None,
        })
    }
}

impl Staged {
    /// The records of its commit, without bases.
    pub fn records(&self) -> &[u8] {
        &self.bytes
    }

    /// What was staged later goes in the same commit.
    fn absorb(&mut self, later: Staged, log: &mut Log) {
        log.join(self.commit, self.bytes.len());
        for found in record::decode(&later.bytes) {
            if let record::Found::Record(record) = found {
                record::encode(&mut self.bytes, record.kind, self.records + record.ordinal, record.header, record.body);
            }
        }
        for (id, ordinal) in later.mutations {
            self.mutations.push((id, self.records + ordinal));
        }
        self.records += later.records;
        self.strict |= later.strict;
        self.batches.extend(later.batches);
        self.asks.extend(later.asks);
        self.endings.extend(later.endings);
        self.taken.extend(later.taken);
        for address in later.bases.keys() {
            self.bases.insert(address.clone(), ());
        }
        self.takes_over |= later.takes_over;
        self.meta = later.meta.or(self.meta.take());
        self.reset = self.reset.take().or(later.reset);
    }

    fn is_empty(&self) -> bool {
        self.records == 0 && self.bases.is_empty() && self.meta.is_none() && self.batches.is_empty() && self.restored.is_empty()
    }
}
