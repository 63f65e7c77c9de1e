//! What is queued: mutations in their order, and the entries they are frozen into.

use std::sync::Arc;

use super::clock::Timestamp;
use super::error::Fault;
use super::ident::MutationId;
use super::queued::{Entry, Queued, State};
use super::record::Place;
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::Address;

mod folding;
mod heads;

/// What goes out together.
#[derive(Debug, Default)]
pub struct Chosen {
    /// Entries that are frozen already.
    pub entries: Vec<MutationId>,
    /// First mutations of their documents, that become entries now.
    pub heads: Vec<MutationId>,
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
    /// The first, where it may be frozen.
    head: Option<u64>,
    /// With more than this, it is tried to fold some.
    folds_at: usize,
}

/// All that has not ended.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Ordered<u64, Box<Queued>>,
    orders: Ordered<Arc<str>, u64>,
    keys: Ordered<Address, KeyQueue>,
    /// Documents of which nothing is sent any more: see [`Outbox::seal`].
    sealed: OrderedSet<Address>,
    /// What may be frozen, and its bytes: what heads all its documents and waits for nothing else.
    heads: Ordered<u64, u64>,
    heads_bytes: u64,
    /// What waits for what stands at this place in the order.
    dependents: Ordered<u64, Vec<u64>>,
    /// Entries that can be sent.
    ready: OrderedSet<u64>,
    /// Entries that can be sent later: when, and their orders.
    waiting: OrderedSet<(u64, u64)>,
    /// Members of all entries, but for the first ones, and the places of their entries.
    joined: Ordered<Arc<str>, u64>,
    /// Mutations that have ended as merged, and the places of what carries them on.
    carried: Ordered<Arc<str>, u64>,
    bytes: u64,
    /// Most mutations of a document that are kept singly; as many more may wait to be folded.
    singles: usize,
    /// Documents with more.
    crowded: Vec<Address>,
    last_order: u64,
    /// Documents of which something has changed here, where anybody looks.
    touched: Option<OrderedSet<Address>>,
    /// The same, where conflicts are looked for.
    met: Option<OrderedSet<Address>>,
}

impl Outbox {
    /// Takes something in at the end, or a follow-up where the entry it carries on stood, and says its place in the order.
    pub fn stage(&mut self, queued: Box<Queued>, order: Option<u64>) -> u64 {
        let order = order.unwrap_or(self.last_order + 1);
        self.last_order = self.last_order.max(order);
        self.bytes += queued.size();
        self.orders.insert(queued.id.0.clone(), order);
        let addresses = queued.addresses.clone();
        for address in &addresses {
            self.keys.get_or_insert_with(address.clone(), KeyQueue::default).orders.insert(order, ());
        }
        for other in queued.others() {
            self.joined.insert(other.0.clone(), order);
        }
        self.list(order, State::New, queued.state);
        let is_last = queued.state == State::New && order == self.last_order;
        self.queue.insert(order, queued);
        addresses.iter().for_each(|address| self.touch(address));
        // What comes last heads nothing, and takes nobody's place.
        self.refresh(if is_last { &[] } else { &addresses });
        order
    }

    /// All entries there are.
    #[cfg(feature = "sim")]
    pub fn entries(&self) -> impl Iterator<Item = (&MutationId, &Entry)> {
        self.queue.iter().filter_map(|(_, queued)| Some((&queued.id, queued.entry.as_deref()?)))
    }

    /// All that is queued of a document.
    #[cfg(feature = "sim")]
    pub fn ids_of(&self, address: &Address) -> Vec<MutationId> {
        self.queue.iter().filter(|(_, queued)| queued.addresses.contains(address)).map(|(_, queued)| queued.id.clone()).collect()
    }

    /// All that has not ended, in order: an entry as the mutations that it is made of.
    pub fn pending_ids(&self) -> Vec<MutationId> {
        let members = |queued: &Queued| [std::slice::from_ref(&queued.id), queued.others()].concat();
        self.queue.iter().flat_map(|(_, queued)| members(queued)).collect()
    }

    /// What stands at `order` carries these on, and what they carried on.
    pub fn carry(&mut self, order: u64, mut carries: Vec<MutationId>, merged: &[MutationId]) {
        carries.extend_from_slice(merged);
        if let Some(queued) = self.queue.get_mut(&order) {
            for id in &carries {
                self.carried.insert(id.0.clone(), order);
            }
            queued.carries.append(&mut carries);
        }
    }

    /// What carries on the entry of this name.
    pub fn carrier(&self, entry: &MutationId) -> Option<&MutationId> {
        let carries = |queued: &Queued| queued.lineage.as_ref().is_some_and(|line| line.root == *entry);
        self.queue.iter().find(|(_, queued)| carries(queued)).map(|(_, queued)| &queued.id)
    }

    /// What stands at `order` goes only when these have been applied, and all that is pending of documents it was made of.
    /// What has ended already is nothing to wait for. Whether there is anything.
    pub fn depend(&mut self, order: u64, after: &[MutationId], reads: &[Address]) -> bool {
        let mut all = OrderedSet::default();
        for id in after {
            if let Some(earlier) = self.order(id) {
                all.insert(earlier, ());
            }
        }
        for address in reads {
            let Some(key) = self.keys.get(address) else { continue };
            // What waits for the one before it says so already.
            let mut orders = Vec::new();
            orders.extend(key.orders.keys().filter(|other| **other < order));
            let mut behind: &[u64] = &[];
            for earlier in orders.into_iter().rev() {
                if !behind.contains(earlier) {
                    all.insert(*earlier, ());
                }
                behind = self.queue.get(earlier).map_or(&[], |queued| &queued.after);
            }
        }
        let mut earlier = Vec::new();
        for other in all.keys() {
            if *other < order {
                earlier.push(*other);
                self.dependents.get_or_insert_with(*other, Vec::new).push(order);
            }
        }
        let Some(queued) = self.queue.get_mut(&order).filter(|_| !earlier.is_empty()) else { return false };
        queued.after = earlier;
        let addresses = queued.addresses.clone();
        self.refresh(&addresses);
        true
    }

    /// What each of these waits for, by the names that those have by now.
    pub fn dependencies(&self, orders: &[u64]) -> Vec<(MutationId, Vec<MutationId>)> {
        let mut all = Vec::with_capacity(orders.len());
        for order in orders {
            let Some(queued) = self.queue.get(order) else { continue };
            let mut after = Vec::with_capacity(queued.after.len());
            for other in &queued.after {
                if let Some(other) = self.queue.get(other) {
                    after.push(other.id.clone());
                }
            }
            all.push((queued.id.clone(), after));
        }
        all
    }

    /// The same of all that wait for what stands at `order`.
    pub fn dependents(&self, order: u64) -> Vec<(MutationId, Vec<MutationId>)> {
        self.dependents.get(&order).map_or_else(Vec::new, |orders| self.dependencies(orders))
    }

    /// What stood at `order` is applied: nothing waits for it any more.
    pub fn release_dependents(&mut self, order: u64) {
        for dependent in &self.dependents.remove(&order).unwrap_or_default() {
            let Some(queued) = self.queue.get_mut(dependent) else { continue };
            queued.after.retain(|other| *other != order);
            let addresses = queued.addresses.clone();
            self.refresh(&addresses);
        }
    }

    /// What stood at `order` will never be applied: takes out all that waited for it, and for that, in order.
    pub fn take_dependents(&mut self, order: u64) -> Vec<Queued> {
        let (mut ended, mut taken) = (vec![order], Vec::new());
        while let Some(order) = ended.pop() {
            for dependent in &self.dependents.remove(&order).unwrap_or_default() {
                let id = self.queue.get(dependent).map(|queued| queued.id.clone());
                if let Some((order, queued)) = id.and_then(|id| self.remove(&id)) {
                    ended.push(order);
                    taken.push(*queued);
                }
            }
        }
        taken
    }

    /// The mutation is stored, at this place of the log if in a log; it may be frozen if its documents' bases are known.
    pub fn mark_stored(&mut self, id: &MutationId, place: Option<Place>, is_grounded: bool) {
        let Some(queued) = self.change(id) else { return };
        queued.place = place;
        queued.state = if is_grounded { State::Kept } else { State::Stored };
        let addresses = queued.addresses.clone();
        self.refresh(&addresses);
        self.note_crowd(&addresses);
    }

    /// The document's base is known: what is stored of it may be frozen, unless another document's base is not.
    pub fn ground(&mut self, address: &Address, ungrounded: &[&OrderedSet<Address>]) {
        let Some(key) = self.keys.get(address) else { return };
        for order in key.orders.keys() {
            if let Some(queued) = self.queue.get_mut(order)
                && queued.state == State::Stored
                && !queued.addresses.iter().any(|address| ungrounded.iter().any(|set| set.contains_key(address)))
            {
                queued.state = State::Kept;
            }
        }
        self.refresh(std::slice::from_ref(address));
        self.note_crowd(std::slice::from_ref(address));
    }

    /// The last place in the order that was given.
    pub fn last_order(&self) -> u64 {
        self.last_order
    }

    /// The first place in the order, of one document or of all; `None` where nothing is queued.
    pub fn first(&self, address: Option<&Address>) -> Option<u64> {
        match address {
            Some(address) => self.keys.get(address)?.orders.first().map(|(order, ())| *order),
            None => self.queue.first().map(|(order, _)| *order),
        }
    }

    /// What stands first of one document.
    pub fn first_queued(&self, address: &Address) -> Option<&Queued> {
        self.queue.get(&self.first(Some(address))?).map(|queued| &**queued)
    }

    /// Documents with writes that have not ended.
    pub fn documents(&self) -> impl Iterator<Item = &Address> {
        self.keys.keys()
    }

    /// From here on it is remembered of which documents something changes, or no longer.
    pub fn observe(&mut self, observed: bool) {
        self.touched = if observed { Some(self.touched.take().unwrap_or_default()) } else { None };
    }

    /// Something about this document may have changed.
    pub fn touch(&mut self, address: &Address) {
        if let Some(touched) = &mut self.touched {
            touched.insert(address.clone(), ());
        }
    }

    /// The documents of which something has changed since this was asked last.
    pub fn take_touched(&mut self) -> OrderedSet<Address> {
        self.touched.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The first place of what may be frozen, of one document or of all.
    pub fn head(&self, address: Option<&Address>) -> Option<u64> {
        match address {
            Some(address) => self.keys.get(address)?.head,
            None => self.heads.first().map(|(order, _)| *order),
        }
    }

    /// Entries that wait, of one document or of all, wait until `at` at most, or as long as the server asked.
    pub fn hasten(&mut self, address: Option<&Address>, at: Timestamp) {
        let mut earlier = Vec::new();
        for ((until, order), ()) in self.waiting.iter() {
            if let Some(Queued { id, addresses, entry: Some(entry), .. }) = self.queue.get(order).map(|queued| &**queued)
                && address.is_none_or(|address| addresses.contains(address))
                && at.max(entry.asked).0 < *until
            {
                earlier.push((id.clone(), at.max(entry.asked)));
            }
        }
        for (id, at) in &earlier {
            self.set_state(id, State::Waiting(*at));
        }
    }

    /// Whether anything is frozen, and may have been sent.
    pub fn has_frozen(&self) -> bool {
        self.queue.iter().any(|(_, queued)| queued.entry.is_some())
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
        for order in self.ready.keys().chain(self.heads.keys()) {
            let Some(queued) = self.queue.get(order).filter(|queued| !self.is_sealed(&queued.addresses)) else { continue };
            if !chosen.fits(items, bytes, queued.bytes) {
                break;
            }
            bytes = bytes.saturating_sub(queued.bytes);
            let kind = if queued.entry.is_some() { &mut chosen.entries } else { &mut chosen.heads };
            kind.push(queued.id.clone());
        }
        chosen
    }

    /// The mutations that an entry beginning with this one would hold now: those of its document from it on, as far as they
    /// are kept and depend on nothing, at most so many of at most so many bytes, though one whatever its size. A group is
    /// by itself. Where they are one change, `is_run`, those that come after others of them belong to it, too.
    pub fn members(&self, first: &MutationId, most: usize, mut bytes: u64, is_run: bool) -> Vec<MutationId> {
        let (mut members, mut places) = (Vec::new(), Vec::new());
        let Some(address) = self.queued(first).and_then(|queued| queued.addresses.first()) else { return members };
        let Some(key) = self.keys.get(address) else { return members };
        for order in key.orders.keys() {
            let Some(queued) = self.queue.get(order) else { continue };
            let is_free = queued.after.iter().all(|earlier| is_run && places.contains(earlier));
            let joins = !queued.is_group() && is_free && members.len() < most && queued.bytes <= bytes;
            if queued.state != State::Kept || !(members.is_empty() || joins) {
                break;
            }
            bytes = bytes.saturating_sub(queued.bytes);
            members.push(queued.id.clone());
            places.push(*order);
            if queued.is_group() {
                break;
            }
        }
        members
    }

    /// Whether what stands behind `last` of one document comes after something of another one that waits, by whatever way, for
    /// `last` or for what is before it: it can never go together with that.
    pub fn is_crossed(&self, address: &Address, last: &MutationId) -> bool {
        let (Some(last), Some(key)) = (self.order(last), self.keys.get(address)) else { return false };
        let Some(next) = key.orders.from(&(last + 1)).next().and_then(|(next, ())| self.queue.get(next)) else { return false };
        // What something waits for has an earlier place: from the latest on, each has its turn once. The set has them reversed.
        let mut ahead = OrderedSet::default();
        for earlier in next.after.iter().filter(|earlier| !key.orders.contains_key(earlier)) {
            ahead.insert(!earlier, ());
        }
        while let Some(reversed) = ahead.first().map(|(reversed, ())| *reversed) {
            ahead.remove(&reversed);
            let order = !reversed;
            if order <= last && key.orders.contains_key(&order) {
                return true;
            }
            let Some(queued) = self.queue.get(&order) else { continue };
            for earlier in &queued.after {
                ahead.insert(!earlier, ());
            }
            for key in queued.addresses.iter().filter_map(|address| self.keys.get(address)) {
                for earlier in key.orders.keys().take_while(|earlier| **earlier < order) {
                    ahead.insert(!earlier, ());
                }
            }
        }
        false
    }

    /// The place in the order of a mutation or entry, or of the entry that a mutation is part of.
    pub fn order(&self, id: &MutationId) -> Option<u64> {
        let place = self.orders.get(&id.0).or_else(|| self.joined.get(&id.0));
        place.or_else(|| self.carried.get(&id.0)).copied()
    }

    /// What stands where this did, and carries it on.
    pub fn standing_for(&self, id: &MutationId) -> Option<MutationId> {
        self.queue.get(&self.order(id)?).map(|queued| queued.id.clone())
    }

    /// A mutation or entry.
    pub fn queued(&self, id: &MutationId) -> Option<&Queued> {
        self.queue.get(self.orders.get(&id.0)?).map(|queued| &**queued)
    }

    fn change(&mut self, id: &MutationId) -> Option<&mut Box<Queued>> {
        self.queue.get_mut(self.orders.get(&id.0)?)
    }

    /// The first of these members becomes the entry, and the others part of it.
    pub fn freeze(&mut self, entry: Box<Entry>) {
        let bytes = entry.text.len() as u64;
        let Some((order, mut queued)) = self.join(&entry.members) else { return };
        queued.folded.clear();
        queued.state = State::InBatch;
        queued.entry = Some(entry);
        self.stage_joined(order, queued, bytes);
    }

    /// A frozen entry.
    pub fn entry(&self, id: &MutationId) -> Option<&Queued> {
        self.queued(id).filter(|queued| queued.entry.is_some())
    }

    /// The entry is part of a batch that is being sent, once more.
    pub fn mark_sent(&mut self, id: &MutationId) {
        if let Some(entry) = self.change(id).and_then(|queued| queued.entry.as_mut()) {
            entry.sent += 1;
        }
        self.set_state(id, State::Sent);
    }

    /// The server answered that the entry should be tried again; says how often so far.
    pub fn mark_failed(&mut self, id: &MutationId) -> u32 {
        let Some(entry) = self.change(id).and_then(|queued| queued.entry.as_mut()) else { return 0 };
        entry.failures = entry.failures.saturating_add(1);
        entry.failures
    }

    /// The server has answered so often that the entry should be tried again, and asked not to have it before then.
    pub fn mark_tried(&mut self, id: &MutationId, failures: u32, asked: Timestamp) {
        if let Some(entry) = self.change(id).and_then(|queued| queued.entry.as_mut()) {
            (entry.failures, entry.asked) = (failures, asked);
        }
    }

    /// Nobody knows whether the entry was carried out.
    pub fn mark_doubtful(&mut self, id: &MutationId) {
        if let Some(entry) = self.change(id).and_then(|queued| queued.entry.as_mut()) {
            entry.is_doubtful = true;
        }
    }

    /// The entry ends so, unless the server knows of it.
    pub fn mark_refused(&mut self, id: &MutationId, error: Fault) {
        if let Some(entry) = self.change(id).and_then(|queued| queued.entry.as_mut()) {
            entry.refused = Some(error);
        }
    }

    /// The server asked not to have the entry before then.
    pub fn mark_asked(&mut self, id: &MutationId, until: Timestamp) {
        if let Some(entry) = self.change(id).and_then(|queued| queued.entry.as_mut()) {
            entry.asked = until;
        }
    }

    /// The entry does something else from here on.
    pub fn set_state(&mut self, id: &MutationId, state: State) {
        let Some(order) = self.orders.get(&id.0).copied() else { return };
        let Some(queued) = self.queue.get_mut(&order).filter(|queued| queued.entry.is_some()) else { return };
        let earlier = std::mem::replace(&mut queued.state, state);
        if let Some(touched) = &mut self.touched {
            for address in &queued.addresses {
                touched.insert(address.clone(), ());
            }
        }
        self.list(order, earlier, state);
    }

    /// Keeps `ready` and `waiting` true for one entry.
    fn list(&mut self, order: u64, earlier: State, state: State) {
        match earlier {
            State::Ready => drop(self.ready.remove(&order)),
            State::Waiting(at) => drop(self.waiting.remove(&(at.0, order))),
            _ => {}
        }
        match state {
            State::Ready => drop(self.ready.insert(order, ())),
            State::Waiting(at) => drop(self.waiting.insert((at.0, order), ())),
            _ => {}
        }
    }

    /// Entries whose wait is over can be sent.
    pub fn end_waits(&mut self, now: Timestamp) {
        while let Some((at, order)) = self.waiting.first().map(|(key, ())| *key).filter(|(at, _)| *at <= now.0) {
            self.list(order, State::Waiting(Timestamp(at)), State::Ready);
            if let Some(entry) = self.queue.get_mut(&order) {
                entry.state = State::Ready;
            }
        }
    }

    /// Whether an entry can be sent.
    pub fn has_ready(&self) -> bool {
        let is_free = |order| self.queue.get(order).is_some_and(|entry| !self.is_sealed(&entry.addresses));
        self.ready.iter().any(|(order, ())| is_free(order))
    }

    /// The store is given up, with a log up to this position, and what it holds is found again by the next start: of the documents
    /// that have writes in it, nothing is sent until then. Whatever is frozen now, the next start would freeze in other bytes under the same
    /// id, and whatever follows a conflict now, it would make a second time (I2).
    pub fn seal(&mut self, stored_to: u64) {
        let mut sealed = Vec::new();
        for (_, queued) in self.queue.iter() {
            if queued.is_stored(stored_to) {
                sealed.extend_from_slice(&queued.addresses);
            }
        }
        self.seal_documents(&sealed);
    }

    /// The same of these documents.
    pub fn seal_documents(&mut self, addresses: &[Address]) {
        for address in addresses {
            self.sealed.insert(address.clone(), ());
        }
        self.refresh(addresses);
    }

    /// Whether nothing of one of these documents is sent any more.
    pub fn is_sealed(&self, addresses: &[Address]) -> bool {
        addresses.iter().any(|address| self.sealed.contains_key(address))
    }

    /// Whether that is so of this document, or of any.
    pub fn has_sealed(&self, address: Option<&Address>) -> bool {
        address.map_or(!self.sealed.is_empty(), |address| self.sealed.contains_key(address))
    }

    /// When the next wait is over.
    pub fn next_wait(&self) -> Option<Timestamp> {
        self.waiting.first().map(|((at, _), ())| Timestamp(*at))
    }

    /// Takes an entry out: it has ended. Also says its place in the order.
    pub fn settle(&mut self, id: &MutationId) -> Option<(u64, Box<Queued>, Box<Entry>)> {
        self.entry(id)?;
        let (order, mut queued) = self.remove(id)?;
        let entry = queued.entry.take()?;
        Some((order, queued, entry))
    }

    /// Takes a mutation out that is not frozen: the app took it back, or it cannot be sent.
    pub fn take(&mut self, id: &MutationId) -> Option<Box<Queued>> {
        if self.queued(id)?.entry.is_some() { None } else { self.remove(id).map(|(_, queued)| queued) }
    }

    fn remove(&mut self, id: &MutationId) -> Option<(u64, Box<Queued>)> {
        let order = self.orders.remove(&id.0)?;
        let queued = self.queue.remove(&order)?;
        self.bytes -= queued.size();
        self.list(order, queued.state, State::New);
        for address in &queued.addresses {
            if let Some(key) = self.keys.get_mut(address) {
                key.orders.remove(&order);
            }
        }
        for other in queued.others() {
            self.joined.remove(&other.0);
        }
        for id in &queued.carries {
            self.carried.remove(&id.0);
        }
        self.refresh(&queued.addresses);
        Some((order, queued))
    }

    /// The mutations, and those they are made of, whose records stand behind this position of the log.
    pub fn behind(&self, position: u64) -> Vec<MutationId> {
        let mut behind = Vec::new();
        for (_, queued) in self.queue.iter().filter(|(_, queued)| queued.place.is_some_and(|place| place.0 > position)) {
            behind.push(queued.id.clone());
            behind.extend_from_slice(queued.others());
        }
        behind
    }

    /// Writes that have not ended, each member of an entry counted.
    pub fn mutations(&self) -> usize {
        self.queue.len() + self.joined.len()
    }

    /// Entries, frozen or to be.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Documents with writes that have not ended.
    pub fn items(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of what has not ended, with the texts that are kept for it.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod stories;
#[cfg(test)]
mod tests {
    use super::*;

    fn queued(id: &str, key: &str) -> Box<Queued> {
        let (id, address) = (MutationId(id.into()), Address::of("c", key));
        Box::new(Queued::new(id, vec![address], 10))
    }

    fn entry(members: &[&str]) -> Box<Entry> {
        let members = members.iter().map(|member| MutationId((*member).into())).collect();
        Box::new(Entry::new(members, vec![None], "12345".into(), false))
    }

    fn heads(outbox: &Outbox) -> Vec<String> {
        outbox.choose(99, u64::MAX).heads.iter().map(MutationId::to_string).collect()
    }

    #[test]
    fn nothing_is_frozen_before_it_is_kept() {
        let mut outbox = Outbox::default();
        outbox.stage(queued("a", "k"), None);
        outbox.stage(queued("b", "l"), None);
        assert!(!outbox.has_heads());
        outbox.mark_stored(&MutationId("b".into()), Some((1, 1)), false);
        assert!(!outbox.has_heads());
        outbox.ground(&Address::of("c", "l"), &[]);
        assert_eq!(heads(&outbox), ["b"]);
    }

    #[test]
    fn i9_one_entry_a_document_and_what_comes_later_waits() {
        let mut outbox = Outbox::default();
        for (id, key) in [("a", "k"), ("b", "k"), ("c", "l"), ("d", "k")] {
            outbox.stage(queued(id, key), None);
            outbox.mark_stored(&MutationId(id.into()), None, true);
        }
        assert_eq!(heads(&outbox), ["a", "c"]);
        outbox.freeze(entry(&["a", "b"]));
        assert_eq!(heads(&outbox), ["c"]);
        assert_eq!((outbox.mutations(), outbox.len(), outbox.items(), outbox.bytes()), (4, 3, 2, 25 + 64));
        let (order, _, settled) = outbox.settle(&MutationId("a".into())).unwrap();
        assert_eq!(settled.members.len(), 2);
        outbox.stage(queued("follow-up", "k"), Some(order));
        outbox.mark_stored(&MutationId("follow-up".into()), None, true);
        assert_eq!(heads(&outbox), ["follow-up", "c"]);
        let first = MutationId("follow-up".into());
        assert_eq!([(9, 99), (1, 99), (9, 19)].map(|(most, bytes)| outbox.members(&first, most, bytes, false).len()), [2, 1, 1]);
        outbox.take(&MutationId("c".into())).unwrap();
        assert_eq!((heads(&outbox), outbox.items()), (vec!["follow-up".to_owned()], 1));
    }
}
