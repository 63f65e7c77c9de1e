//! How much is in memory. Documents that nobody looks at and nothing is pending of go when there is too much, those first that were
//! not used for longest; they are read again from their pages.

use super::error::{Code, Fault};
use super::store::Mode;
use super::{Engine, Life};
use crate::ordered::OrderedSet;
use crate::protocol::Address;

impl Engine {
    /// Documents go, if they have to. Not while a request is on its way: its answer may be older than a document in a page, and only
    /// what is in memory says so.
    pub(super) fn evict(&mut self) {
        let most = self.config.memory_bytes_max;
        let is_quiet = self.requests.is_empty() && self.loading.is_none() && !self.store.is_staged() && !self.store.is_writing();
        let may_go = is_quiet && self.life == Life::Open && self.store.mode() == Mode::Durable;
        if self.replica.bytes() <= self.evicts_at.max(most) || !may_go {
            return;
        }
        let (mut by_use, mut idle) = (OrderedSet::<(u64, u64)>::default(), Vec::new());
        for (address, used) in self.replica.idle() {
            if self.store.is_in_page(address) && !self.watch.is_held(address) {
                by_use.insert((used, idle.len() as u64), ());
                idle.push(address.clone());
            }
        }
        for (_, at) in by_use.keys() {
            if self.replica.bytes() <= most / 4 * 3 {
                break;
            }
            self.replica.evict(&idle[*at as usize]);
            #[cfg(feature = "sim")]
            self.evicted.push(idle[*at as usize].clone());
        }
        // What cannot go is not looked for again at once.
        self.evicts_at = self.replica.bytes() + most / 8;
    }

    /// Without a store, what is in memory cannot go: then nothing more is written.
    pub(super) fn check_memory(&self) -> Result<(), Fault> {
        if self.store.mode() == Mode::Memory && self.replica.bytes() > self.config.memory_bytes_max {
            return Err(Fault::new(Code::QueueFull, "the memory for documents is full, and there is no store"));
        }
        Ok(())
    }

    /// Whether there is room for these documents, some of which may be there. Which page holds which document is always in memory, so there
    /// are only so many.
    pub(super) fn check_documents(&self, addresses: &[&Address]) -> Result<(), Fault> {
        let is_new = |address: &Address| !self.is_paged(address) && self.replica.base(address).is_none();
        let there = if self.store.mode() == Mode::Memory { self.replica.len() } else { self.store.documents() };
        let most = (self.config.documents_max as usize).saturating_sub(there);
        if addresses.len() > most && addresses.iter().filter(|address| is_new(address)).count() > most {
            return Err(Fault::new(Code::QueueFull, "there are as many documents as there may be"));
        }
        Ok(())
    }
}
