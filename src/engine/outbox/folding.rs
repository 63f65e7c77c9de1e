//! What becomes one with others: the members of an entry, and the oldest mutations of a document that has too many.

use super::{Outbox, State};
use crate::engine::ident::MutationId;
use crate::engine::queued::Queued;
use crate::ordered::OrderedSet;
use crate::protocol::member::Fields;
use crate::protocol::{Address, Seen};

impl Outbox {
    /// With nothing in it; of each document so many mutations are kept singly. Whether conflicts are looked for in it.
    pub fn keeping(singles: usize, meets: bool) -> Outbox {
        Outbox { singles, met: meets.then(OrderedSet::default), ..Outbox::default() }
    }

    /// A text of so many bytes is kept for one of its operations.
    pub fn keep_text(&mut self, id: &MutationId, operation: u32, bytes: u64) {
        let Some(queued) = self.change(id) else { return };
        let before = queued.size();
        queued.keep_text(operation, bytes);
        let size = queued.size();
        self.bytes = self.bytes - before + size;
    }

    /// More may be queued of these documents than is kept singly.
    pub(super) fn note_crowd(&mut self, addresses: &[Address]) {
        for address in addresses {
            let Some(key) = self.keys.get_mut(address) else { continue };
            if key.orders.len() > key.folds_at.max(2 * self.singles) {
                key.folds_at = usize::MAX;
                self.crowded.push(address.clone());
            }
        }
    }

    /// A document with more than is kept singly.
    pub fn take_crowded(&mut self) -> Option<Address> {
        self.crowded.pop()
    }

    /// It was tried to fold some of a document: again when as many more have come.
    pub fn calm(&mut self, address: &Address) {
        if let Some(key) = self.keys.get_mut(address) {
            key.folds_at = key.orders.len() + self.singles;
        }
    }

    /// The oldest mutations of a document, but for those that are kept singly, as runs of those that may become one: they follow each
    /// other, are kept, depend on nothing, and are no groups; in each run at most so many of at most so many bytes.
    pub fn foldable(&self, address: &Address, most: usize, bytes: u64) -> Vec<Vec<MutationId>> {
        let (mut runs, mut left) = (vec![Vec::new()], 0);
        let Some(key) = self.keys.get(address).filter(|_| !self.is_sealed(std::slice::from_ref(address))) else { return runs };
        for order in key.orders.keys().take(key.orders.len().saturating_sub(self.singles)) {
            let Some(queued) = self.queue.get(order) else { continue };
            let is_free = queued.state == State::Kept && queued.after.is_empty() && !queued.is_group();
            let run = runs.last().map_or(0, Vec::len);
            if !is_free || run >= most || queued.bytes > left || queued.round() > 0 {
                runs.push(Vec::new());
                left = bytes;
            }
            left = left.saturating_sub(queued.bytes);
            if let Some(run) = runs.last_mut().filter(|_| is_free) {
                run.push(queued.id.clone());
            }
        }
        runs
    }

    /// Whether something is frozen that was made before anything was heard of the server.
    pub fn has_blind(&self) -> bool {
        let mut entries = self.queue.iter().filter_map(|(_, queued)| queued.entry.as_deref());
        entries.any(|entry| !Fields::of(&entry.text).read::<Seen>("seen").is_ok_and(|seen| !seen.generation.is_empty()))
    }

    /// The names of all that these are made of, in order.
    pub fn names(&self, ids: &[MutationId]) -> Vec<MutationId> {
        let mut names = Vec::with_capacity(ids.len());
        for id in ids {
            names.push(id.clone());
            names.extend_from_slice(self.queued(id).map_or(&[], |queued| queued.others()));
        }
        names
    }

    /// What carries others on as far as this run knows: its name, and theirs.
    pub fn carriers(&self) -> Vec<Vec<MutationId>> {
        let mut carriers = Vec::new();
        for (_, queued) in self.queue.iter().filter(|(_, queued)| !queued.carries.is_empty()) {
            carriers.push([std::slice::from_ref(&queued.id), &queued.carries].concat());
        }
        carriers
    }

    /// The documents of which nothing is sent any more.
    pub fn sealed(&self) -> impl Iterator<Item = &Address> {
        self.sealed.keys()
    }

    /// What the log has up to this position, and what carries that on.
    pub fn up_to(&self, position: u64) -> Vec<MutationId> {
        let mut all = Vec::new();
        for (_, queued) in self.queue.iter().filter(|(_, queued)| queued.is_stored(position)) {
            all.push(queued.id.clone());
            all.extend_from_slice(queued.others());
        }
        all
    }

    /// Whether what would end is there as it would: an entry of these members, or these in none.
    pub fn is_as(&self, id: &MutationId, members: &[MutationId]) -> bool {
        let is_free = |id: &MutationId| self.queued(id).is_some_and(|queued| queued.entry.is_none() && queued.folded.is_empty());
        match self.queued(id).and_then(|queued| queued.entry.as_ref()) {
            Some(entry) => entry.members == members,
            None => members.iter().chain([id]).all(is_free),
        }
    }

    /// The documents of all that goes by one of these names.
    pub fn documents_of(&self, id: &MutationId, others: &[MutationId]) -> Vec<Address> {
        let queued = others.iter().chain([id]).filter_map(|id| self.queued(id));
        queued.flat_map(|queued| queued.addresses.iter().cloned()).collect()
    }

    /// What was folded, each with what it became.
    #[cfg(feature = "sim")]
    pub fn folded(&self) -> Vec<Vec<MutationId>> {
        let folds = self.queue.iter().filter(|(_, queued)| !queued.folded.is_empty());
        folds.map(|(_, queued)| self.names(std::slice::from_ref(&queued.id))).collect()
    }

    /// The first of these becomes all of them, of so many bytes. Says where it stands.
    pub fn fold(&mut self, ids: &[MutationId], bytes: u64) {
        let mut names = self.names(ids);
        if names.is_empty() {
            return;
        }
        names.remove(0);
        if let Some((order, mut queued)) = self.join(ids) {
            queued.folded = names;
            self.stage_joined(order, queued, bytes);
        }
    }

    /// Takes all of these out, to be put in again as the first of them: what waits for one waits for that.
    pub fn join(&mut self, ids: &[MutationId]) -> Option<(u64, Box<Queued>)> {
        let (first, others) = ids.split_first()?;
        let (mut waiting, mut carries) = (Vec::new(), Vec::new());
        for other in others {
            if let Some((order, mut queued)) = self.remove(other) {
                carries.append(&mut queued.carries);
                waiting.push((order, self.dependents.remove(&order).unwrap_or_default()));
            }
        }
        let (order, mut queued) = self.remove(first)?;
        for (other, dependents) in waiting {
            for dependent in dependents {
                let Some(queued) = self.queue.get_mut(&dependent) else { continue };
                let waits = queued.after.contains(&order);
                queued.after.retain_mut(|after| {
                    let is_it = *after == other;
                    if is_it {
                        *after = order;
                    }
                    !(is_it && waits)
                });
                if !waits {
                    self.dependents.get_or_insert_with(order, Vec::new).push(dependent);
                }
            }
        }
        queued.carries.append(&mut carries);
        Some((order, queued))
    }

    /// Puts in what was joined.
    pub(super) fn stage_joined(&mut self, order: u64, mut queued: Box<Queued>, bytes: u64) {
        queued.bytes = bytes;
        queued.texts.clear();
        let carries = std::mem::take(&mut queued.carries);
        self.stage(queued, Some(order));
        self.carry(order, carries, &[]);
    }
}
