//! What a simulator sees of an engine, besides what the app is told: the same facts, and not by way of notices.

use std::sync::Arc;

use super::Engine;
use super::ident::MutationId;
use super::item::state;
use super::notice::{Ending, ItemStatus};
use crate::protocol::Address;

impl Engine {
    /// The documents with writes that have not ended, sorted.
    pub fn pending_documents(&self) -> impl Iterator<Item = &Address> {
        self.outbox.documents()
    }

    /// The writes that have not ended, in order.
    pub fn pending_mutations(&self) -> Vec<MutationId> {
        self.outbox.pending_ids()
    }

    /// How writes have ended that the app hears of when it is stored, in order.
    pub fn endings_under_way(&self) -> impl Iterator<Item = &(MutationId, Ending)> {
        self.store.endings()
    }

    /// The documents that went from memory since this was last asked.
    pub fn take_evicted(&mut self) -> Vec<Address> {
        std::mem::take(&mut self.evicted)
    }

    /// The writes that are one, though they are not frozen.
    pub fn folded(&self) -> Vec<Vec<MutationId>> {
        self.outbox.folded()
    }

    /// How far an observed document's writes have come, worked out anew; `None` where nobody looks.
    pub fn item_status(&self, address: &Address) -> Option<ItemStatus> {
        let told = self.items.told(address)?;
        Some(ItemStatus { state: state(self.facts(address)), last_sync: told.last_sync })
    }

    /// The last position of the log that is known, and whether anything waits to be stored.
    pub fn known_log(&self) -> (u64, bool) {
        (self.store.log.last(), self.store.is_staged() || self.store.is_writing() || self.is_reading_on())
    }

    /// What is in the inbox: header and body of each record, by the names of their entries.
    pub fn inbox_records(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.inbox.records()
    }
}
