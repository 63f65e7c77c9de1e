//! What stands in the outbox: a mutation, or the entry that it begins, and how far it has come.

use std::sync::Arc;

use super::clock::Timestamp;
use super::error::Fault;
use super::ident::MutationId;
use super::input::Collections;
use super::record::{Lineage, Place};
use crate::protocol::Address;

/// What the name of a mutation takes that is one with others.
const NAME_BYTES: u64 = 64;

/// A mutation, or the entry that it begins.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its id.
    pub id: MutationId,
    /// Its document; of a group all of them, each once.
    pub addresses: Vec<Address>,
    /// Bytes of what it does: of an entry, those that are sent.
    pub bytes: u64,
    /// The mutations that were folded into it, in order.
    pub folded: Vec<MutationId>,
    /// The texts that are kept for its splices: for which of its operations, and how many bytes each has.
    pub texts: Vec<(u32, u64)>,
    /// Where its record is in the log, or was when it was frozen; `None` until it is there.
    pub place: Option<Place>,
    /// What it carries on.
    pub lineage: Option<Lineage>,
    /// Places in the order of what has to be applied before it may go.
    pub after: Vec<u64>,
    /// The mutations that it carries on, as far as this run knows.
    pub carries: Vec<MutationId>,
    /// How far it has come.
    pub state: State,
    /// The app's versions of its collections when it was stored, where it was read.
    pub versions: Collections,
    /// What it is as an entry, once it is frozen.
    pub entry: Option<Box<Entry>>,
}

/// What is sent byte for byte, under the id of its first member, until it ends.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its members, in order.
    pub members: Vec<MutationId>,
    /// The version of each of its documents that its operations were made on.
    pub bases: Vec<Option<Option<String>>>,
    /// Its bytes.
    pub text: Arc<str>,
    /// Whether they say it in other operations than it means, since the backend does not take those.
    pub is_lowered: bool,
    /// Whether an attempt to send it may have been carried out without an answer.
    pub is_doubtful: bool,
    /// A request with nothing else in it was refused, and an earlier one had no answer: how it ends unless the server knows of it.
    pub refused: Option<Fault>,
    /// How often it was sent.
    pub sent: u32,
    /// How often the server has answered that it should be tried again.
    pub failures: u32,
    /// The server asked not to have it before then.
    pub asked: Timestamp,
}

/// How far something queued has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A mutation that is not stored.
    New,
    /// A mutation that is stored, of a document whose base is still to be read.
    Stored,
    /// A mutation that may be frozen: it is stored, or never will be.
    Kept,
    /// An entry in a batch that is being stored.
    InBatch,
    /// An entry on its way.
    Sent,
    /// An entry that can be sent.
    Ready,
    /// An entry that waits until it is known what it was made on.
    Held,
    /// An entry that can be sent from then on.
    Waiting(Timestamp),
}

impl Entry {
    /// An entry that was never sent.
    pub fn new(members: Vec<MutationId>, bases: Vec<Option<Option<String>>>, text: Arc<str>, is_lowered: bool) -> Entry {
        let asked = Timestamp::default();
        Entry { members, bases, text, is_lowered, is_doubtful: false, refused: None, sent: 0, failures: 0, asked }
    }
}

impl Queued {
    /// A mutation that nothing is known of yet but what it does.
    pub fn new(id: MutationId, addresses: Vec<Address>, bytes: u64) -> Queued {
        let (folded, texts, after, carries, versions) = Default::default();
        Queued { id, addresses, bytes, folded, texts, place: None, lineage: None, after, carries, state: State::New, versions, entry: None }
    }

    /// The mutations that it is made of, but for the one that it is named by.
    pub fn others(&self) -> &[MutationId] {
        match &self.entry {
            Some(entry) => entry.members.get(1..).unwrap_or_default(),
            None => &self.folded,
        }
    }

    /// How much it takes, as the limit of the outbox counts it: with the names that it has, and the texts that are kept for it.
    pub fn size(&self) -> u64 {
        let mut size = self.bytes + NAME_BYTES * self.others().len() as u64;
        for (_, bytes) in &self.texts {
            size += bytes;
        }
        size
    }

    /// A text of so many bytes is kept for one of its operations: of several, the last one counts.
    pub fn keep_text(&mut self, operation: u32, bytes: u64) {
        self.texts.retain(|(of, _)| *of != operation);
        self.texts.push((operation, bytes));
    }

    /// What a follow-up of it carries on, as the `round`th.
    pub fn line(&self, round: u32) -> Lineage {
        match &self.lineage {
            Some(lineage) => Lineage { round, ..lineage.clone() },
            None => Lineage { root: self.id.clone(), round, place: self.place.unwrap_or_default() },
        }
    }

    /// Whether a log up to this position has it, or what it carries on.
    pub fn is_stored(&self, position: u64) -> bool {
        (self.place.is_some() || self.lineage.is_some()) && self.line(0).place.0 <= position
    }

    /// Whether it is on several documents, and goes as it is or not at all.
    pub fn is_group(&self) -> bool {
        self.addresses.len() > 1
    }

    /// How many follow-ups led to it.
    pub fn round(&self) -> u32 {
        self.lineage.as_ref().map_or(0, |lineage| lineage.round)
    }
}
