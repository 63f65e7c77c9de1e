//! What is staged, what is on its way to the store, and what is in it. One transaction at a time: what is staged while
//! one is on its way goes with the next.

use std::sync::Arc;

use super::config::Config;
use super::effect::{Guard, Write};
use super::header;
use super::ident::{AskId, MutationId, WriteId};
use super::inbox::Item;
use super::input::Meta;
use super::log::{About, Log};
use super::notice::{Durability, Ending};
use super::pages::{self, Pages};
use super::push::BatchId;
use super::record::{self, DirectoryRow, Kind};
use super::replica::Replica;
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::Address;

/// Where writes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nowhere yet: the store is being read.
    Opening,
    /// Into the store.
    Durable,
    /// Nowhere: what is staged counts as kept, and the app was told.
    Memory,
    /// Nowhere: another client holds the store.
    Fenced,
}

/// What goes into one transaction.
#[derive(Debug, Default)]
pub struct Staged {
    /// Its commit's number in the log, once that is complete.
    commit: u64,
    bytes: Vec<u8>,
    records: u32,
    strict: bool,
    /// Mutations, and their records' ordinals.
    pub mutations: Vec<(MutationId, u32)>,
    /// Batches that may be sent once this is kept.
    pub batches: Vec<BatchId>,
    /// Questions that are answered once this is kept.
    pub asks: Vec<AskId>,
    /// What ends unsent with this and may be in the store already.
    pub taken: Vec<Taken>,
    bases: OrderedSet<Address>,
    meta: Option<Arc<Meta>>,
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
    /// What it was in the inbox, where it is taken out of that.
    pub item: Option<Arc<Item>>,
}

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

/// The store as the engine knows it.
#[derive(Debug)]
pub struct Store {
    mode: Mode,
    /// What the next transaction expects.
    guard: Guard,
    meta: Option<Arc<Meta>>,
    staged: Box<Staged>,
    /// A commit that failed and is tried again before all that came later.
    failed: Option<Box<Staged>>,
    on_its_way: Option<Box<Flight>>,
    failures: u32,
    last_write: u64,
    /// What of the log is still needed.
    pub log: Log,
    /// Which page holds which document.
    pub pages: Pages,
    /// Documents whose base is in the log and not yet in a page.
    dirty: OrderedSet<Address>,
}

impl Store {
    /// A store that nothing is known of.
    pub fn new() -> Store {
        Store {
            mode: Mode::Opening,
            guard: Guard::Fresh,
            meta: None,
            staged: Box::default(),
            failed: None,
            on_its_way: None,
            failures: 0,
            last_write: 0,
            log: Log::default(),
            pages: Pages::default(),
            dirty: Ordered::default(),
        }
    }

    /// Where writes go.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The store was read: this client takes it over with `meta`, provided that `guard` holds.
    pub fn open(&mut self, guard: Guard, meta: Arc<Meta>) {
        self.mode = Mode::Durable;
        self.guard = guard;
        self.staged.meta = Some(meta);
        // A server that has heard of a session fences off all before it: power must not take it back.
        self.staged.strict = true;
    }

    /// Whether the store is this client's: the transaction that took it over is complete.
    pub fn is_held(&self) -> bool {
        self.mode == Mode::Memory || self.meta.is_some()
    }

    /// The session that is stored as begun, once one is.
    pub fn session_epoch(&self) -> Option<u64> {
        self.meta.as_ref().map(|meta| meta.session_epoch)
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
        let ordinal = self.stage(Kind::Mutation, header, body, Some(About::of(Kind::Mutation, id)));
        self.staged.mutations.push((id.clone(), ordinal));
        self.staged.strict |= strict;
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
            Some(failed) => failed,
            None => {
                self.staged.commit = self.log.close();
                std::mem::take(&mut self.staged)
            }
        };
        let mut write = self.next_write();
        write.strict = staged.strict;
        write.meta.clone_from(&staged.meta);
        let mut bytes = staged.bytes.clone();
        let mut rows = Vec::new();
        let mut size = 0;
        for address in staged.bases.keys() {
            size += replica.base(address).map_or(0, pages::size_of);
        }
        if size as u64 > config.page_directly_bytes {
            (write.pages, rows) = self.pages.lay_out(&staged.bases, replica, config.page_bytes);
            record::encode(&mut bytes, Kind::Paged, staged.records, &header::paged(&rows), "");
        } else {
            let mut ordinal = staged.records;
            for address in staged.bases.keys() {
                if let Some(base) = replica.base(address) {
                    pages::encode_base(&mut bytes, ordinal, address, base);
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
        self.mode == Mode::Durable && is_worth_it && !self.is_writing() && !self.is_staged() && self.meta.is_some()
    }

    /// The transaction that folds the log into pages.
    pub fn fold(&mut self, replica: &Replica, config: &Config) -> Box<Write> {
        let mut write = self.next_write();
        let (stored, rows) = self.pages.lay_out(&self.dirty, replica, config.page_bytes);
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
            self.guard = Guard::of(&meta);
            self.meta = Some(meta);
        }
        let durability = if staged.strict { Durability::Strict } else { Durability::Relaxed };
        Some(Kept { staged: vec![flight.staged], position: Some(position), durability })
    }

    /// A transaction did not happen, and its content waits again. Says how often in a row; `None` where it is not one
    /// that is waited for.
    pub fn on_failed(&mut self, write: WriteId) -> Option<u32> {
        let flight = self.on_its_way.take_if(|flight| flight.write == write)?;
        if flight.folds.is_none() {
            self.failed = Some(flight.staged);
        }
        self.failures += 1;
        Some(self.failures)
    }

    /// From here on nothing is stored. All that waited counts as kept.
    pub fn turn_to_memory(&mut self) -> Kept {
        self.mode = Mode::Memory;
        self.log = Log::default();
        let mut staged = Vec::new();
        if let Some(flight) = self.on_its_way.take() {
            staged.push(flight.staged);
        }
        if let Some(failed) = self.failed.take() {
            staged.push(failed);
        }
        staged.push(std::mem::take(&mut self.staged));
        Kept { staged, position: None, durability: Durability::Memory }
    }

    /// What is staged in memory mode counts as kept at once.
    pub fn keep_in_memory(&mut self) -> Option<Kept> {
        (self.mode == Mode::Memory && self.is_staged()).then(|| self.turn_to_memory())
    }

    /// Another client holds the store: nothing more is written. Returns the mutations that were not stored, and the
    /// questions that waited for that.
    pub fn fence(&mut self) -> Kept {
        let kept = self.turn_to_memory();
        self.mode = Mode::Fenced;
        kept
    }

    /// A transaction with nothing in it yet, of the client that holds the store.
    fn next_write(&mut self) -> Box<Write> {
        self.last_write += 1;
        Box::new(Write {
            write: WriteId(self.last_write),
            strict: false,
            guard: self.guard.clone(),
            append: None,
            rewrite: Vec::new(),
            pages: Vec::new(),
            directory: None,
            meta: None,
        })
    }
}

impl Staged {
    fn is_empty(&self) -> bool {
        self.records == 0 && self.bases.is_empty() && self.meta.is_none() && self.batches.is_empty()
    }
}
