//! Acknowledgements that come before what they were made on: of a server that was restored, whose documents have not been pulled
//! again. What such a write has made of its document nobody here knows, so it stays pending, unsent, until a pull tells.

use std::sync::Arc;

use super::Engine;
use super::clock::Timestamp;
use super::effect::Sink;
use super::ident::MutationId;
use super::lowering::sent_in;
use super::queued::{Queued, State};
use super::replica::Base;
use crate::protocol::{Address, Operation, Part};

/// An entry that the server has carried out.
#[derive(Debug)]
pub(super) struct Early {
    entry: MutationId,
    version: Option<String>,
    seq: u64,
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
    /// An entry was acknowledged, without a value. Whether that is too early to be acted on.
    pub(super) fn is_early(&mut self, now: Timestamp, id: &MutationId, version: &Option<String>, seq: Option<u64>) -> bool {
        let Some(seq) = seq else { return false };
        if self.early.iter().any(|early| early.entry == *id) {
            return true;
        }
        let Some(Queued { entry: Some(entry), addresses, .. }) = self.outbox.entry(id) else { return false };
        if addresses.iter().zip(&entry.bases).all(|(address, made_on)| self.is_told(&[], address, made_on)) {
            // As nearly always; the text is not read for it.
            return false;
        }
        let sent = sent_in(&entry.text);
        let told = |(part, made_on): (&Part, &Option<Option<String>>)| self.is_told(&part.operations, &part.address, made_on);
        if sent.iter().zip(&entry.bases).all(told) {
            return false;
        }
        self.outbox.set_state(id, State::Held);
        let (entry, version, generation) = (id.clone(), version.clone(), self.generation.clone());
        self.early.push(Early { entry, version, seq, generation, since: self.last_id });
        self.ask_soon(now);
        true
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
    pub(super) fn end_early(&mut self, now: Timestamp, effects: &mut impl Sink) {
        for early in std::mem::take(&mut self.early) {
            if early.generation != self.generation {
                self.outbox.mark_doubtful(&early.entry);
                self.outbox.set_state(&early.entry, State::Ready);
                continue;
            }
            let Early { entry, version, seq, since, .. } = &early;
            let is_pulled = self.feeds.iter().all(|feed| feed.pulled > *since);
            if is_pulled || !self.is_early(now, entry, version, Some(*seq)) {
                self.acknowledge(now, entry, version, Some(*seq), &None, effects);
            } else if let Some(asked) = self.early.last_mut() {
                asked.since = *since;
            }
        }
    }
}
