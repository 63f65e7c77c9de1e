//! What is queued: mutations in their order, and the entries they are frozen into.

use std::sync::Arc;

use super::clock::Timestamp;
use super::ident::MutationId;
use super::record::{Lineage, Place};
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::Address;

/// A mutation that is not frozen.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its id.
    pub id: MutationId,
    /// Its document.
    pub address: Address,
    /// Its size, as the limits count it.
    pub bytes: u64,
    /// Where its record is in the log; `None` until it is stored, and for ever in memory mode.
    pub place: Option<Place>,
    /// Whether it may be frozen: it is stored, or never will be.
    pub kept: bool,
    /// What it carries on.
    pub lineage: Option<Lineage>,
}

/// A frozen entry: sent byte for byte, under one id, until it ends.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id: that of its first member.
    pub id: MutationId,
    /// Its members, in order.
    pub members: Vec<MutationId>,
    /// Its document.
    pub address: Address,
    /// The version its operations were made on.
    pub base: Option<Option<String>>,
    /// Its bytes.
    pub text: Arc<str>,
    /// Where its first member's record was; `None` in memory mode.
    pub place: Option<Place>,
    /// How many follow-ups led to it.
    pub round: u32,
    /// The first mutation of its line.
    pub root: MutationId,
    /// How often it was sent.
    pub sent: u32,
    /// How often the server has answered that it should be tried again.
    pub failures: u32,
    /// What it is doing.
    pub state: EntryState,
}

/// What a frozen entry is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// Part of a batch: being stored, or on its way.
    InBatch,
    /// It can be sent.
    Ready,
    /// It can be sent from then on.
    Waiting(Timestamp),
}

/// What goes out together.
#[derive(Debug, Default)]
pub struct Chosen {
    /// Entries that are frozen already.
    pub entries: Vec<MutationId>,
    /// Documents whose first mutations become entries now.
    pub heads: Vec<Address>,
}

impl Chosen {
    /// Whether one more of `size` bytes has room in `items` and `bytes`.
    fn fits(&self, items: usize, bytes: u64, size: u64) -> bool {
        let count = self.entries.len() + self.heads.len();
        count < items && (count == 0 || size <= bytes)
    }
}

/// The queue of one document.
#[derive(Debug, Default)]
struct KeyQueue {
    orders: OrderedSet<u64>,
    entry: Option<u64>,
    /// The first, where it may be frozen.
    head: Option<u64>,
}

/// All that has not ended.
#[derive(Debug, Default)]
pub struct Outbox {
    queued: Ordered<u64, Box<Queued>>,
    entries: Ordered<u64, Box<Entry>>,
    orders: Ordered<MutationId, u64>,
    keys: Ordered<Address, KeyQueue>,
    /// Documents of which nothing is sent any more: see [`Outbox::seal`].
    sealed: OrderedSet<Address>,
    /// First mutations of documents with no entry, that may be frozen.
    heads: OrderedSet<u64>,
    heads_bytes: u64,
    /// Entries that can be sent.
    ready: OrderedSet<u64>,
    /// Entries that can be sent later.
    waiting: OrderedSet<(Timestamp, u64)>,
    /// Members of all entries.
    frozen: usize,
    bytes: u64,
    last_order: u64,
}

impl Outbox {
    /// Takes a mutation in at the end, or a follow-up where the entry it carries on stood, and says its place in the order.
    pub fn stage(&mut self, queued: Queued, order: Option<u64>) -> u64 {
        let order = order.unwrap_or_else(|| self.next_order());
        self.bytes += queued.bytes;
        self.orders.insert(queued.id.clone(), order);
        self.keys.get_or_insert_with(queued.address.clone(), KeyQueue::default).orders.insert(order, ());
        let address = queued.address.clone();
        self.queued.insert(order, queued.into());
        self.refresh(&address);
        order
    }

    fn next_order(&mut self) -> u64 {
        self.last_order += 1;
        self.last_order
    }

    /// The mutation is stored, at this place of the log if in a log.
    pub fn mark_kept(&mut self, id: &MutationId, place: Option<Place>) {
        let Some(queued) = self.orders.get(id).and_then(|order| self.queued.get_mut(order)) else { return };
        queued.kept = true;
        queued.place = place;
        let address = queued.address.clone();
        self.refresh(&address);
    }

    /// Whether anything may be frozen.
    pub fn has_heads(&self) -> bool {
        !self.heads.is_empty()
    }

    /// Whether one batch would be full: by items, or by bytes.
    pub fn fills(&self, items: usize, bytes: u64) -> bool {
        self.heads.len() >= items || self.heads_bytes >= bytes
    }

    /// What the next batch is made of: at most so many entries of at most so many bytes, though one goes whatever its size.
    pub fn choose(&self, items: usize, mut bytes: u64) -> Chosen {
        let mut chosen = Chosen::default();
        for (order, ()) in self.ready.iter() {
            let Some(entry) = self.entries.get(order).filter(|entry| !self.is_sealed(&entry.address)) else { continue };
            if !chosen.fits(items, bytes, entry.text.len() as u64) {
                return chosen;
            }
            bytes = bytes.saturating_sub(entry.text.len() as u64);
            chosen.entries.push(entry.id.clone());
        }
        for (order, ()) in self.heads.iter() {
            let Some(queued) = self.queued.get(order) else { continue };
            if !chosen.fits(items, bytes, queued.bytes) {
                break;
            }
            bytes = bytes.saturating_sub(queued.bytes);
            chosen.heads.push(queued.address.clone());
        }
        chosen
    }

    /// The mutations of `address` that an entry would hold now: from the first on, as far as they are kept, at most so many
    /// of at most so many bytes, though one whatever its size.
    pub fn members(&self, address: &Address, most: usize, mut bytes: u64) -> Vec<MutationId> {
        let mut members = Vec::new();
        let Some(key) = self.keys.get(address) else { return members };
        for (order, ()) in key.orders.iter() {
            match self.queued.get(order) {
                Some(queued) if queued.kept && (members.is_empty() || members.len() < most && queued.bytes <= bytes) => {
                    bytes = bytes.saturating_sub(queued.bytes);
                    members.push(queued.id.clone());
                }
                _ => break,
            }
        }
        members
    }

    /// The order of a mutation or entry.
    pub fn order(&self, id: &MutationId) -> Option<u64> {
        self.orders.get(id).copied()
    }

    /// An unfrozen mutation.
    pub fn queued(&self, id: &MutationId) -> Option<&Queued> {
        self.queued.get(self.orders.get(id)?).map(|queued| &**queued)
    }

    /// Puts an entry in its members' place.
    pub fn freeze(&mut self, mut entry: Box<Entry>) {
        let order = self.order(&entry.id).unwrap_or_else(|| self.next_order());
        for member in &entry.members {
            self.take_queued(member);
        }
        self.bytes += entry.text.len() as u64;
        self.frozen += entry.members.len();
        self.orders.insert(entry.id.clone(), order);
        let key = self.keys.get_or_insert_with(entry.address.clone(), KeyQueue::default);
        key.orders.insert(order, ());
        key.entry = Some(order);
        let (id, address, state) = (entry.id.clone(), entry.address.clone(), entry.state);
        entry.state = EntryState::InBatch;
        self.entries.insert(order, entry);
        self.set_state(&id, state);
        self.refresh(&address);
    }

    /// An entry, by its id.
    pub fn entry(&self, id: &MutationId) -> Option<&Entry> {
        self.entries.get(self.orders.get(id)?).map(|entry| &**entry)
    }

    /// The entry is part of a batch that is being sent, once more.
    pub fn mark_sent(&mut self, id: &MutationId) {
        if let Some(entry) = self.orders.get(id).and_then(|order| self.entries.get_mut(order)) {
            entry.sent += 1;
        }
    }

    /// The server answered that the entry should be tried again; says how often so far.
    pub fn mark_failed(&mut self, id: &MutationId) -> u32 {
        let Some(entry) = self.orders.get(id).and_then(|order| self.entries.get_mut(order)) else { return 0 };
        entry.failures = entry.failures.saturating_add(1);
        entry.failures
    }

    /// The entry does something else from here on.
    pub fn set_state(&mut self, id: &MutationId, state: EntryState) {
        let Some(order) = self.orders.get(id).copied() else { return };
        let Some(entry) = self.entries.get_mut(&order) else { return };
        match std::mem::replace(&mut entry.state, state) {
            EntryState::InBatch => {}
            EntryState::Ready => drop(self.ready.remove(&order)),
            EntryState::Waiting(at) => drop(self.waiting.remove(&(at, order))),
        }
        match state {
            EntryState::InBatch => {}
            EntryState::Ready => drop(self.ready.insert(order, ())),
            EntryState::Waiting(at) => drop(self.waiting.insert((at, order), ())),
        }
    }

    /// Entries whose wait is over can be sent.
    pub fn end_waits(&mut self, now: Timestamp) {
        while let Some((at, order)) = self.waiting.first().map(|(key, ())| *key).filter(|(at, _)| *at <= now) {
            self.waiting.remove(&(at, order));
            self.ready.insert(order, ());
            if let Some(entry) = self.entries.get_mut(&order) {
                entry.state = EntryState::Ready;
            }
        }
    }

    /// Whether an entry can be sent.
    pub fn has_ready(&self) -> bool {
        let is_free = |order| self.entries.get(order).is_some_and(|entry| !self.is_sealed(&entry.address));
        self.ready.iter().any(|(order, ())| is_free(order))
    }

    /// The store is given up, and what it holds is found again by the next start: of the documents that have writes in
    /// it, nothing is sent until then. Whatever is frozen now, the next start would freeze in other bytes under the same
    /// id, and whatever follows a conflict now, it would make a second time (I2).
    pub fn seal(&mut self) {
        let mut sealed = Vec::new();
        for (_, queued) in self.queued.iter() {
            if queued.place.is_some() || queued.lineage.is_some() {
                sealed.push(queued.address.clone());
            }
        }
        for (_, entry) in self.entries.iter() {
            sealed.push(entry.address.clone());
        }
        for address in &sealed {
            self.sealed.insert(address.clone(), ());
            self.refresh(address);
        }
    }

    /// Whether nothing of this document is sent any more.
    pub fn is_sealed(&self, address: &Address) -> bool {
        self.sealed.contains_key(address)
    }

    /// When the next wait is over.
    pub fn next_wait(&self) -> Option<Timestamp> {
        self.waiting.first().map(|((at, _), ())| *at)
    }

    /// Takes an entry out: it has ended. Also says its place in the order.
    pub fn settle(&mut self, id: &MutationId) -> Option<(u64, Box<Entry>)> {
        let order = *self.orders.get(id)?;
        self.entries.get(&order)?;
        self.set_state(id, EntryState::InBatch);
        let entry = self.entries.remove(&order)?;
        self.orders.remove(id);
        self.bytes -= entry.text.len() as u64;
        self.frozen -= entry.members.len();
        if let Some(key) = self.keys.get_mut(&entry.address) {
            key.entry = None;
            key.orders.remove(&order);
        }
        self.refresh(&entry.address);
        Some((order, entry))
    }

    /// Takes a mutation out that is not frozen: the app took it back, or it cannot be sent.
    pub fn take(&mut self, id: &MutationId) -> Option<Box<Queued>> {
        let taken = self.take_queued(id)?;
        self.refresh(&taken.address);
        Some(taken)
    }

    fn take_queued(&mut self, id: &MutationId) -> Option<Box<Queued>> {
        let order = *self.orders.get(id)?;
        let queued = self.queued.remove(&order)?;
        self.orders.remove(id);
        self.bytes -= queued.bytes;
        if let Some(key) = self.keys.get_mut(&queued.address) {
            key.orders.remove(&order);
            if key.head == Some(order) {
                key.head = None;
                self.heads.remove(&order);
                self.heads_bytes -= queued.bytes;
            }
        }
        Some(queued)
    }

    /// Writes that have not ended, each member of an entry counted.
    pub fn mutations(&self) -> usize {
        self.queued.len() + self.frozen
    }

    /// Entries, frozen or to be.
    pub fn len(&self) -> usize {
        self.queued.len() + self.entries.len()
    }

    /// Documents with writes that have not ended.
    pub fn items(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of what has not ended.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first mutation of `address` may not be frozen before another one of it is kept.
    pub fn postpone(&mut self, address: &Address) {
        let head = self.keys.get_mut(address).and_then(|key| key.head.take());
        if let Some(queued) = head.and_then(|order| self.heads.remove(&order).and(self.queued.get(&order))) {
            self.heads_bytes -= queued.bytes;
        }
    }

    /// Keeps `heads` true for one document.
    fn refresh(&mut self, address: &Address) {
        let Some(key) = self.keys.get_mut(address) else { return };
        let first = key.orders.first().and_then(|(order, ())| Some((*order, self.queued.get(order)?)));
        let is_free = key.entry.is_none() && !self.sealed.contains_key(address);
        let head = first.filter(|(_, queued)| is_free && queued.kept).map(|(order, _)| order);
        if head != key.head {
            let bytes_of = |order: &u64| self.queued.get(order).map_or(0, |queued| queued.bytes);
            if let Some(old) = key.head.take() {
                self.heads.remove(&old);
                self.heads_bytes -= bytes_of(&old);
            }
            if let Some(new) = head {
                self.heads.insert(new, ());
                self.heads_bytes += bytes_of(&new);
            }
            key.head = head;
        }
        if key.orders.is_empty() {
            self.keys.remove(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(id: &str, key: &str) -> Queued {
        Queued { id: MutationId(id.into()), address: Address::of("c", key), bytes: 10, place: None, kept: false, lineage: None }
    }

    fn entry(id: &str, members: &[&str], key: &str) -> Box<Entry> {
        Box::new(Entry {
            id: MutationId(id.into()),
            members: members.iter().map(|member| MutationId((*member).into())).collect(),
            address: Address::of("c", key),
            base: None,
            text: "12345".into(),
            place: Some((1, 0)),
            round: 0,
            root: MutationId(id.into()),
            sent: 0,
            failures: 0,
            state: EntryState::InBatch,
        })
    }

    fn heads(outbox: &Outbox) -> Vec<String> {
        let heads = outbox.choose(99, u64::MAX).heads;
        heads.iter().map(|address| outbox.members(address, 1, 0)[0].to_string()).collect()
    }

    #[test]
    fn nothing_is_frozen_before_it_is_kept() {
        let mut outbox = Outbox::default();
        outbox.stage(queued("a", "k"), None);
        outbox.stage(queued("b", "l"), None);
        assert!(!outbox.has_heads());
        outbox.mark_kept(&MutationId("b".into()), Some((1, 1)));
        assert_eq!(heads(&outbox), ["b"]);
    }

    #[test]
    fn i9_one_entry_a_document_and_what_comes_later_waits() {
        let mut outbox = Outbox::default();
        for (id, key) in [("a", "k"), ("b", "k"), ("c", "l"), ("d", "k")] {
            outbox.stage(queued(id, key), None);
            outbox.mark_kept(&MutationId(id.into()), None);
        }
        assert_eq!(heads(&outbox), ["a", "c"]);
        outbox.freeze(entry("a", &["a", "b"], "k"));
        assert_eq!(heads(&outbox), ["c"]);
        assert_eq!((outbox.mutations(), outbox.len(), outbox.items(), outbox.bytes()), (4, 3, 2, 25));
        let (order, settled) = outbox.settle(&MutationId("a".into())).unwrap();
        assert_eq!(settled.members.len(), 2);
        outbox.stage(Queued { kept: true, ..queued("follow-up", "k") }, Some(order));
        assert_eq!(heads(&outbox), ["follow-up", "c"]);
        let at = Address::of("c", "k");
        assert_eq!([outbox.members(&at, 9, 99), outbox.members(&at, 1, 99), outbox.members(&at, 9, 19)].map(|all| all.len()), [2, 1, 1]);
        outbox.take(&MutationId("c".into())).unwrap();
        assert_eq!((heads(&outbox), outbox.items()), (vec!["follow-up".to_owned()], 1));
    }
}
