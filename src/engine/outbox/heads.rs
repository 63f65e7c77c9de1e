//! What may be frozen: what stands first of all its documents, and is kept.

use super::{Outbox, State};
use crate::ordered::OrderedSet;
use crate::protocol::Address;

impl Outbox {
    /// The documents in whose queues something has changed since this was asked last, where conflicts are looked for.
    pub fn take_met(&mut self) -> OrderedSet<Address> {
        self.met.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// A conflict is to be looked for in this document.
    pub fn meet(&mut self, address: &Address) {
        if let Some(met) = &mut self.met {
            met.insert(address.clone(), ());
        }
    }

    /// The same of all documents with writes that have not ended.
    pub fn meet_all(&mut self) {
        if let Some(met) = &mut self.met {
            for address in self.keys.keys() {
                met.insert(address.clone(), ());
            }
        }
    }

    /// The first mutation of `address` may not be frozen before something about its queue has changed.
    pub fn postpone(&mut self, address: &Address) {
        self.set_head(address, None);
    }

    fn set_head(&mut self, address: &Address, head: Option<u64>) {
        let Some(key) = self.keys.get_mut(address) else { return };
        if let Some(order) = std::mem::replace(&mut key.head, head) {
            self.heads_bytes -= self.heads.remove(&order).unwrap_or_default();
        }
        if let Some(order) = head {
            let bytes = self.queue.get(&order).map_or(0, |queued| queued.bytes);
            self.heads_bytes += bytes;
            self.heads_bytes -= self.heads.insert(order, bytes).unwrap_or_default();
        }
    }

    /// Keeps `heads` true for some documents.
    pub(super) fn refresh(&mut self, addresses: &[Address]) {
        for address in addresses {
            self.touch(address);
            self.meet(address);
            self.find_head(address);
        }
    }

    /// The first mutation of a document may be frozen, if it may.
    pub fn find_head(&mut self, address: &Address) {
        let Some(key) = self.keys.get(address) else { return };
        let first = key.orders.first().map(|(order, ())| *order);
        self.set_head(address, first.filter(|order| self.may_freeze(*order)));
        if first.is_none() {
            self.keys.remove(address);
        }
    }

    /// Whether what stands at `order`, first of one document, is a mutation that may go as far as all others are concerned: it is
    /// kept, depends on nothing, and heads all its documents.
    fn may_freeze(&self, order: u64) -> bool {
        let heads = |address: &Address| self.first(Some(address)) == Some(order);
        self.queue.get(&order).is_some_and(|queued| {
            let is_free = queued.state == State::Kept && queued.after.is_empty() && !self.is_sealed(&queued.addresses);
            is_free && (!queued.is_group() || queued.addresses.iter().all(heads))
        })
    }
}
