//! What is staged, what is on its way to the store, and what is in it. One transaction at a time: what is staged while
//! one is on its way goes with the next.

use super::config::Config;
use super::effect::{Guard, Write};
use super::ident::{MutationId, WriteId};
use super::input::Meta;
use super::log::{About, Log, Part};
use super::notice::Durability;
use super::pages::{self, Pages};
use super::push::BatchId;
use super::record::{self, DirectoryRow, Kind, PagedHeader, Place};
use super::replica::{Base, Replica};
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::Address;
use crate::protocol::member::Member;

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
struct Staged {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    index: Ordered<About, usize>,
    strict: bool,
    mutations: Vec<(MutationId, u32)>,
    batches: Vec<BatchId>,
    bases: OrderedSet<Address>,
    meta: Option<(Guard, Meta)>,
}

#[derive(Debug)]
enum OnItsWay {
    Commit { staged: Staged, bytes: Vec<u8>, parts: Vec<Part>, rows: Vec<DirectoryRow> },
    Fold { rewrite: Vec<(u64, Option<Vec<u8>>)>, rows: Vec<DirectoryRow>, dropped: Vec<u32>, meta: Meta },
}

/// What became kept with one transaction, or with the turn to memory.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    /// Mutations, and their records' places.
    pub mutations: Vec<(MutationId, Option<Place>)>,
    /// Batches whose entries are frozen.
    pub batches: Vec<BatchId>,
    /// How well.
    pub durability: Option<Durability>,
}

/// The store as the engine knows it.
#[derive(Debug)]
pub struct Store {
    mode: Mode,
    meta: Option<Meta>,
    staged: Staged,
    /// A commit that failed and is tried again before all that came later.
    failed: Option<Staged>,
    on_its_way: Option<(WriteId, OnItsWay)>,
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
            meta: None,
            staged: Staged::default(),
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
    pub fn open(&mut self, guard: Guard, meta: Meta) {
        self.mode = Mode::Durable;
        self.staged.meta = Some((guard, meta));
    }

    /// Whether the store is this client's: the transaction that took it over is complete.
    pub fn is_held(&self) -> bool {
        self.mode == Mode::Memory || self.meta.is_some()
    }

    /// A base that is in the log.
    pub fn found_in_log(&mut self, address: Address) {
        self.dirty.insert(address, ());
    }

    /// A base is in a page from here on in the log.
    pub fn found_in_page(&mut self, row: &DirectoryRow) {
        for key in &row.2 {
            self.dirty.remove(&Address { collection: row.1.clone(), key: key.clone() });
        }
        self.pages.place(row);
    }

    /// Stages a record. One that can live on says what it is about.
    pub fn stage(&mut self, kind: Kind, header: &impl Member, body: &str, about: Option<About>) -> u32 {
        let staged = &mut self.staged;
        let (ordinal, start) = (staged.parts.len() as u32, staged.bytes.len());
        record::encode(&mut staged.bytes, kind, ordinal, header, body);
        if let Some(earlier) = about.as_ref().and_then(|about| staged.index.insert(about.clone(), ordinal as usize)) {
            staged.parts[earlier].2 = None;
        }
        staged.parts.push((ordinal, start..staged.bytes.len(), about));
        ordinal
    }

    /// Stages a mutation's record; the app is told when it is kept.
    pub fn stage_mutation(&mut self, id: &MutationId, header: &impl Member, body: &str, strict: bool) {
        let ordinal = self.stage(Kind::Mutation, header, body, Some(About::Mutation(id.clone())));
        self.staged.mutations.push((id.clone(), ordinal));
        self.staged.strict |= strict;
    }

    /// A batch may be sent once what is staged is kept, however power fails.
    pub fn stage_batch(&mut self, batch: BatchId) {
        self.staged.batches.push(batch);
        self.staged.strict = true;
    }

    /// The base of this document has changed.
    pub fn stage_base(&mut self, address: &Address) {
        self.staged.bases.insert(address.clone(), ());
    }

    /// What was stored, or staged, about this is not needed any more.
    pub fn retire(&mut self, about: &About) {
        self.log.retire(about);
        let flying = match &mut self.on_its_way {
            Some((_, OnItsWay::Commit { parts, staged, .. })) => staged.index.get(about).map(|at| &mut parts[*at].2),
            _ => None,
        };
        flying.into_iter().for_each(|slot| *slot = None);
        for staged in std::iter::once(&mut self.staged).chain(&mut self.failed) {
            if let Some(at) = staged.index.remove(about) {
                staged.parts[at].2 = None;
            }
        }
    }

    /// The texts that were kept for operations of this mutation or entry are not needed any more.
    pub fn retire_befores(&mut self, id: &MutationId) {
        let of = |about: &About| matches!(about, About::Before(owner, _) if owner == id);
        let from = About::Before(id.clone(), 0);
        let mut abouts: Vec<About> = self.log.abouts_from(&from).take_while(|about| of(about)).cloned().collect();
        let flying = match &self.on_its_way {
            Some((_, OnItsWay::Commit { staged, .. })) => Some(staged),
            _ => None,
        };
        for staged in flying.into_iter().chain(&self.failed).chain([&self.staged]) {
            abouts.extend(staged.index.from(&from).map(|(about, _)| about).take_while(|about| of(about)).cloned());
        }
        abouts.iter().for_each(|about| self.retire(about));
    }

    /// Whether something waits for a transaction.
    pub fn is_staged(&self) -> bool {
        self.failed.is_some() || !self.staged.is_empty()
    }

    /// Whether a transaction is on its way.
    pub fn is_writing(&self) -> bool {
        self.on_its_way.is_some()
    }

    /// The next transaction, where one can go.
    pub fn commit(&mut self, replica: &Replica, config: &Config) -> Option<Write> {
        if self.mode != Mode::Durable || self.is_writing() || !self.is_staged() {
            return None;
        }
        let staged = self.failed.take().unwrap_or_else(|| std::mem::take(&mut self.staged));
        let (mut bytes, mut parts) = (staged.bytes.clone(), staged.parts.clone());
        let (mut stored, mut rows) = (Vec::new(), Vec::new());
        let bases: Vec<(&Address, &Base)> = staged.bases.keys().filter_map(|address| Some((address, replica.base(address)?))).collect();
        let size: usize = bases.iter().map(|(_, base)| base.value.as_ref().map_or(0, |value| value.as_str().len())).sum();
        if size as u64 > config.page_directly_bytes {
            (stored, rows) = self.pages.lay_out(bases.into_iter(), config.page_bytes);
            let (ordinal, start) = (parts.len() as u32, bytes.len());
            record::encode(&mut bytes, Kind::Paged, ordinal, &PagedHeader { pages: rows.clone() }, "");
            parts.push((ordinal, start..bytes.len(), None));
        } else {
            for (address, base) in bases {
                let (ordinal, start) = (parts.len() as u32, bytes.len());
                pages::encode_base(&mut bytes, ordinal, address, base);
                parts.push((ordinal, start..bytes.len(), None));
            }
        }
        let (guard, meta) = match &staged.meta {
            Some((guard, meta)) => (guard.clone(), Some(meta.clone())),
            None => (self.guard()?, None),
        };
        let write = Write {
            write: self.next_write(),
            strict: staged.strict,
            guard,
            append: (!bytes.is_empty()).then(|| bytes.clone()),
            rewrite: Vec::new(),
            pages: stored.into_iter().map(|(page, bytes)| (page, Some(bytes))).collect(),
            directory: None,
            meta,
        };
        self.on_its_way = Some((write.write, OnItsWay::Commit { staged, bytes, parts, rows }));
        Some(write)
    }

    /// Whether folding the log is worth a transaction.
    pub fn is_foldable(&self, config: &Config) -> bool {
        let grown = self.log.bytes() >= config.compact_bytes_min;
        self.mode == Mode::Durable && grown && !self.is_writing() && !self.is_staged() && self.meta.is_some()
    }

    /// The transaction that folds the log into pages.
    pub fn fold(&mut self, replica: &Replica, config: &Config) -> Option<Write> {
        let guard = self.guard()?;
        let meta = Meta { folded_to: self.log.last(), ..self.meta.clone()? };
        let bases = self.dirty.keys().filter_map(|address| Some((address, replica.base(address)?)));
        let (stored, rows) = self.pages.lay_out(bases, config.page_bytes);
        rows.iter().for_each(|row| self.pages.place(row));
        let dropped: Vec<u32> = self.pages.empty().collect();
        let rewrite = self.log.fold();
        let write = Write {
            write: self.next_write(),
            strict: false,
            guard,
            append: None,
            rewrite: rewrite.clone(),
            pages: stored.into_iter().map(|(page, bytes)| (page, Some(bytes))).chain(dropped.iter().map(|page| (*page, None))).collect(),
            directory: Some(self.pages.encode()),
            meta: Some(meta.clone()),
        };
        self.on_its_way = Some((write.write, OnItsWay::Fold { rewrite, rows, dropped, meta }));
        Some(write)
    }

    /// A transaction is complete. `None` where it is not one that is waited for.
    pub fn on_written(&mut self, write: WriteId, position: u64) -> Option<Kept> {
        let (_, done) = self.on_its_way.take_if(|(id, _)| *id == write)?;
        self.failures = 0;
        match done {
            OnItsWay::Commit { staged, bytes, parts, rows } => {
                if !bytes.is_empty() {
                    self.log.add(position, bytes, parts);
                }
                if rows.is_empty() {
                    for (address, ()) in staged.bases {
                        self.dirty.insert(address, ());
                    }
                } else {
                    rows.iter().for_each(|row| self.found_in_page(row));
                }
                if let Some((_, meta)) = staged.meta {
                    self.meta = Some(meta);
                }
                let durability = if staged.strict { Durability::Strict } else { Durability::Relaxed };
                let mutations = staged.mutations.into_iter().map(|(id, ordinal)| (id, Some((position, ordinal)))).collect();
                Some(Kept { mutations, batches: staged.batches, durability: Some(durability) })
            }
            OnItsWay::Fold { rewrite, dropped, meta, rows } => {
                self.log.folded(&rewrite);
                self.pages.dropped(&dropped);
                rows.iter().for_each(|row| self.found_in_page(row));
                self.meta = Some(meta);
                Some(Kept::default())
            }
        }
    }

    /// A transaction did not happen, and its content waits again. Says how often in a row; `None` where it is not one
    /// that is waited for.
    pub fn on_failed(&mut self, write: WriteId) -> Option<u32> {
        let (_, lost) = self.on_its_way.take_if(|(id, _)| *id == write)?;
        if let OnItsWay::Commit { mut staged, parts, .. } = lost {
            // What was retired while it was on its way stays retired.
            staged.parts.iter_mut().zip(parts).for_each(|(slot, part)| *slot = part);
            self.failed = Some(staged);
        }
        self.failures += 1;
        Some(self.failures)
    }

    /// From here on nothing is stored. All that waited counts as kept.
    pub fn turn_to_memory(&mut self) -> Kept {
        self.mode = Mode::Memory;
        let mut kept = Kept { durability: Some(Durability::Memory), ..Kept::default() };
        let flying = match self.on_its_way.take() {
            Some((_, OnItsWay::Commit { staged, .. })) => Some(staged),
            _ => None,
        };
        for staged in [flying, self.failed.take(), Some(std::mem::take(&mut self.staged))].into_iter().flatten() {
            kept.mutations.extend(staged.mutations.into_iter().map(|(id, _)| (id, None)));
            kept.batches.extend(staged.batches);
        }
        kept
    }

    /// What is staged in memory mode counts as kept at once.
    pub fn keep_in_memory(&mut self) -> Option<Kept> {
        (self.mode == Mode::Memory && self.is_staged()).then(|| self.turn_to_memory())
    }

    /// Another client holds the store: nothing more is written. Returns the mutations that were not stored.
    pub fn fence(&mut self) -> Vec<MutationId> {
        let kept = self.turn_to_memory();
        self.mode = Mode::Fenced;
        kept.mutations.into_iter().map(|(id, _)| id).collect()
    }

    fn guard(&self) -> Option<Guard> {
        self.meta.as_ref().map(|meta| Guard::Held { store_id: meta.store_id.clone(), epoch: meta.store_epoch })
    }

    fn next_write(&mut self) -> WriteId {
        self.last_write += 1;
        WriteId(self.last_write)
    }
}

impl Staged {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.bases.is_empty() && self.meta.is_none() && self.batches.is_empty()
    }
}
