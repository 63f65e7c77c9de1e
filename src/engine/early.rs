//! Acknowledgements that come before what they were made on: of a server that was restored, whose documents have not been pulled
//! again. What such a write has made of its document nobody here knows, so it stays pending, unsent, until a pull tells.

use std::sync::Arc;

use super::Engine;
use super::clock::Timestamp;
use super::ident::MutationId;
use super::lowering::sent_in;
use super::queued::{Queued, State};
use super::replica::Base;
use super::settling::Acknowledged;
use crate::protocol::{Address, Operation, Part};

/// An entry that the server has carried out.
#[derive(Debug)]
pub(super) struct Early {
    entry: MutationId,
    said: Acknowledged,
    /// The generation that the server was in.
    generation: Arc<str>,
    /// A pull that was asked for under this number or an earlier one may have missed it.
    since: u64,
}

/// Whether these make a document whatever it was.
pub(super) fn is_whole(operations: &[Operation]) -> bool {
    matches!(operations.first(), Some(Operation::Put(_) | Operation::Delete))
}

impl Engine {
    /// An entry was acknowledged. Where that is too early to be acted on, it waits; gives back what is not.
    pub(super) fn hold_early(&mut self, now: Timestamp, id: &MutationId, said: Acknowledged) -> Option<Acknowledged> {
        let is_whole = said.value.is_some() && !self.outbox.entry(id).is_some_and(Queued::is_group);
        if said.seq.is_none() || is_whole {
            return Some(said);
        }
        if self.early.iter().all(|early| early.entry != *id) {
            if !self.is_early(id) {
                return Some(said);
            }
            self.outbox.set_state(id, State::Held);
            self.take_off_known(id, said.seq);
            self.early.push(Early { entry: id.clone(), said, generation: self.generation.clone(), since: self.last_id });
            self.ask_soon(now);
        }
        None
    }

    /// Whether nobody here knows what an entry makes of its documents.
    fn is_early(&self, id: &MutationId) -> bool {
        let Some(Queued { entry: Some(entry), addresses, .. }) = self.outbox.entry(id) else { return false };
        // Nearly always the text needs not be read for it.
        if addresses.iter().zip(&entry.bases).all(|(address, made_on)| self.is_told(&[], address, made_on)) {
            return false;
        }
        let told = |(part, made_on): (&Part, &Option<Option<String>>)| self.is_told(&part.operations, &part.address, made_on);
        !sent_in(&entry.text).iter().zip(&entry.bases).all(told)
    }

    /// Whether it can be said here what a write makes of a document: that was read in the server's present life, or is the very
    /// one that the write was made on, or does not matter.
    pub(super) fn is_told(&self, operations: &[Operation], address: &Address, made_on: &Option<Option<String>>) -> bool {
        if *made_on == Some(None) || is_whole(operations) {
            return true;
        }
        let made_on = made_on.as_ref().and_then(Option::as_deref);
        match self.replica.base(address) {
            // Swept: nobody said where it went.
            Some(Base { seq: None, value: None, .. }) | None => made_on.is_none(),
            Some(base) => base.generation == self.generation || made_on == Some(&*base.version),
        }
    }

    /// A page has come: what can be said by now is acted on. Where the server was restored once more, an entry is sent again.
    pub(super) fn end_early(&mut self, now: Timestamp) {
        for early in std::mem::take(&mut self.early) {
            if early.generation != self.generation {
                self.outbox.mark_doubtful(&early.entry);
                self.outbox.set_state(&early.entry, State::Ready);
            } else if self.is_pulled_since(early.since) || !self.is_early(&early.entry) {
                self.acknowledge(now, &early.entry, early.said);
            } else {
                self.take_off_known(&early.entry, early.said.seq);
                self.early.push(early);
                self.ask_soon(now);
            }
        }
    }

    /// Of a group's documents some may be known with what it has made of them. It is not seen twice there.
    fn take_off_known(&mut self, id: &MutationId, seq: Option<u64>) {
        let addresses = self.outbox.entry(id).map(|queued| queued.addresses.clone()).unwrap_or_default();
        for address in &addresses {
            if self.replica.base(address).is_some_and(|base| base.generation == self.generation && base.seq >= seq) {
                self.touch(address);
                self.rebase(address, None, std::slice::from_ref(id));
            }
        }
    }
}
