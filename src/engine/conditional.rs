//! Acting on entries that must say what they were made on and cannot (428, RFC 6585), or were made on what is no longer there (412,
//! RFC 9110): they wait for a pull that tells.

use super::Engine;
use super::clock::Timestamp;
use super::effect::Sink;
use super::error::{Code, Fault};
use super::ident::MutationId;
use super::notice::Ending;
use super::queued::{Queued, State};

/// An entry that is not sent before something else is known of what it was made on.
#[derive(Debug)]
pub(super) struct Unsaid {
    entry: MutationId,
    /// What the server answered.
    refused: Fault,
    /// A pull that was asked for under this number or an earlier one says nothing about it.
    since: u64,
}

impl Engine {
    /// The server wants to know what an entry was made on, or that has moved. One that has said what was wanted is refused.
    pub(super) fn make_conditional(&mut self, now: Timestamp, id: &MutationId, refused: &Fault, effects: &mut impl Sink) {
        let Some(Queued { entry: Some(entry), .. }) = self.outbox.entry(id) else { return };
        let refused = refused.as_kind(Code::Rejected);
        if refused.status == Some(428) && entry.bases.iter().all(Option::is_some) {
            return self.end(now, id, &Ending::Rejected { error: refused }, &None, None, effects);
        }
        self.outbox.set_state(id, State::Held);
        self.unsaid.push(Unsaid { entry: id.clone(), refused, since: self.last_id });
        self.ask_soon(now);
        self.end_unsaid(now, effects);
    }

    /// What is known by now is said: the entry is made again on it. One that every feed has been pulled for in vain is refused.
    pub(super) fn end_unsaid(&mut self, now: Timestamp, effects: &mut impl Sink) {
        for unsaid in std::mem::take(&mut self.unsaid) {
            let Some(queued) = self.outbox.entry(&unsaid.entry) else { continue };
            let mut bases = Vec::with_capacity(queued.addresses.len());
            for address in &queued.addresses {
                bases.push(self.made_on(address));
            }
            let is_other = queued.entry.as_ref().is_some_and(|entry| entry.bases != bases);
            if is_other && bases.iter().all(Option::is_some) {
                queued.addresses.clone().iter().for_each(|address| self.touch(address));
                self.make_again(now, &unsaid.entry, None, None, effects);
            } else if self.is_pulled_since(unsaid.since) {
                self.end(now, &unsaid.entry, &Ending::Rejected { error: unsaid.refused }, &None, None, effects);
            } else {
                self.unsaid.push(unsaid);
            }
        }
    }
}
