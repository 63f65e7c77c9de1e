//! Known bugs of others, planted on purpose: a checker that has never failed is not trusted. Built for the simulator only.

use super::Engine;
use super::effect::{Guard, Sink, Write};
use super::ident::MutationId;
use super::input::Reply;
use super::queued::Queued;
use super::replica::Base;
pub use crate::merge::planted::Flaw;
use crate::protocol::{Address, PullReply};

/// A bug of RELIABILITY's museum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// What was queued is replayed twice on reload.
    B1,
    /// Dropped for good after 10 failures that would have passed.
    B2,
    /// An error whose text contains "401" deletes the mutation.
    B3,
    /// What is pulled beats what is queued: the view goes back.
    B4,
    /// What was written is taken off the view before its echo has come.
    B5,
    /// What was settled is brought back by a reading that overlaps.
    B6,
    /// Two tabs drain: who was told that it does asks nobody, not even the store.
    B7,
    /// Counted as sent though it never was, where the link closed in between.
    B8,
    /// What is pulled during a push is ignored, and its cursor kept.
    B9,
    /// The cursor is written ahead of the documents.
    B10,
    /// Of two that make one document, one is lost.
    B11,
    /// A refusal inside a good reply counts as written.
    B12,
    /// The cursor is kept for each page, and all but the last one thrown away.
    B13,
    /// An answer that cannot be read is skipped, and the cursor moves on.
    B14,
    /// The cursor only ever grows, and finds no place in a server that was restored.
    B15,
    /// Deletes are forgotten, and what was deleted comes back.
    B16,
    /// A request leaves the durable queue before it is answered, and is lost with the page.
    B17,
    /// A Retry-After that is a date is no wait.
    B27,
    /// The machine slept, and the engine goes by a clock that stood still meanwhile.
    B28,
    /// The store is never obtained by a tab that waits for it: nobody drains when the one that did has closed (B7 knows that, too).
    B29,
    /// What was on its way when the page was killed is never sent again.
    B30,
    /// None of the museum's: documents are merged by a rule, and it is done wrong.
    Rule(Flaw),
}

/// All of them.
pub const ALL: [Bug; 32] = [
    Bug::B1,
    Bug::B2,
    Bug::B3,
    Bug::B4,
    Bug::B5,
    Bug::B6,
    Bug::B7,
    Bug::B8,
    Bug::B9,
    Bug::B10,
    Bug::B11,
    Bug::B12,
    Bug::B13,
    Bug::B14,
    Bug::B15,
    Bug::B16,
    Bug::B17,
    Bug::B27,
    Bug::B28,
    Bug::B29,
    Bug::B30,
    Bug::Rule(Flaw::Local),
    Bug::Rule(Flaw::Remote),
    Bug::Rule(Flaw::LastWriter),
    Bug::Rule(Flaw::Max),
    Bug::Rule(Flaw::Min),
    Bug::Rule(Flaw::Sum),
    Bug::Rule(Flaw::Set),
    Bug::Rule(Flaw::List),
    Bug::Rule(Flaw::Messages),
    Bug::Rule(Flaw::Text),
    Bug::Rule(Flaw::Fixed),
];

impl Bug {
    /// Whether it is one among several tabs of a device.
    pub fn is_of_tabs(self) -> bool {
        matches!(self, Bug::B7 | Bug::B29)
    }

    /// What it does wrong where documents are merged by rules, if it does.
    pub fn flaw(self) -> Option<Flaw> {
        match self {
            Bug::B11 => Some(Flaw::FirstLost),
            Bug::Rule(flaw) => Some(flaw),
            _ => None,
        }
    }
}

/// B2: so many tries are enough.
const TRIES: u32 = 10;

impl Engine {
    /// Plants a bug.
    pub fn plant(&mut self, bug: Bug) {
        self.planted = Some(bug);
        bug.flaw().into_iter().for_each(|flaw| self.replica.merge_wrongly(flaw));
    }

    /// What is frozen: each entry's id, its members and its bytes. An entry is fixed before its record is ordered to be
    /// stored, and whoever judges the view has to know of it then.
    pub fn frozen(&self) -> Vec<(String, Vec<String>, String)> {
        let text = |id: &MutationId| id.0.to_string();
        self.outbox.entries().map(|(id, entry)| (text(id), entry.members.iter().map(text).collect(), entry.text.to_string())).collect()
    }

    /// What was queued last.
    pub fn last_queued(&self) -> Option<MutationId> {
        let last = self.outbox.last_order();
        self.outbox.pending_ids().into_iter().rfind(|id| self.outbox.order(id) == Some(last))
    }

    /// Whether this bug is planted.
    pub(super) fn has(&self, bug: Bug) -> bool {
        self.planted == Some(bug)
    }

    /// B2: gives up what was tried often enough.
    pub(super) fn give_up_tried(&mut self, entries: &[MutationId]) {
        for id in entries {
            if self.has(Bug::B2) && self.outbox.entry(id).and_then(|queued| queued.entry.as_ref()).is_some_and(|entry| entry.sent >= TRIES)
            {
                self.drop_entry(id);
            }
        }
    }

    /// An entry is gone, and nobody hears of it.
    pub(super) fn drop_entry(&mut self, id: &MutationId) {
        if let Some((_, queued, _)) = self.outbox.settle(id) {
            self.store.log.retire(id);
            self.take_off(&queued.addresses, std::slice::from_ref(id));
        }
    }

    /// B4: whatever is laid over these documents is gone.
    pub(super) fn uncover(&mut self, address: &Address) {
        let queued: Vec<MutationId> = self.outbox.ids_of(address);
        self.take_off(std::slice::from_ref(address), &queued);
    }

    /// B7: a tab that drains stores what it has, on whatever others have stored.
    pub(super) fn unguard(&self, mut write: Box<Write>) -> Box<Write> {
        if let Guard::Known { epoch, last, .. } = &mut write.guard
            && self.has(Bug::B7)
            && self.store.is_held()
        {
            (*epoch, *last) = (None, u64::MAX);
        }
        write
    }

    /// B10: the page's cursor is on its way to the disk, and its documents are not.
    pub(super) fn keep_cursor_first(&mut self, feed: usize, page: &PullReply, effects: &mut impl Sink) {
        self.feeds[feed].cursor = Some(page.cursor.clone());
        self.stage_cursor(feed);
        if !self.store.is_writing() {
            self.commit(effects);
        }
    }

    /// B15: of two cursors the one with the larger number stands.
    pub(super) fn larger_cursor(&self, feed: usize, next: String) -> String {
        let number = |cursor: &str| cursor.rsplit_once('.').and_then(|(_, seq)| seq.parse::<u64>().ok()).unwrap_or(0);
        let had = self.feeds[feed].cursor.clone().filter(|had| self.has(Bug::B15) && number(had) > number(&next));
        had.unwrap_or(next)
    }

    /// B14: the next page is asked for from one place further on.
    pub(super) fn skip_one(&mut self, feed: usize) {
        let Some((generation, seq)) = self.feeds[feed].cursor.as_deref().and_then(|cursor| cursor.rsplit_once('.')) else { return };
        let Ok(seq) = seq.parse::<u64>() else { return };
        self.feeds[feed].cursor = Some(format!("{generation}.{}", seq + 1));
        self.stage_cursor(feed);
    }

    /// B27: a Retry-After that is a date is not understood, and is taken for none.
    pub(super) fn without_dates(&self, mut reply: Reply) -> Reply {
        if self.has(Bug::B27) && reply.headers.get("retry-after").is_some_and(|header| header.ends_with("GMT")) {
            reply.headers.0.retain(|(name, _)| name != "retry-after");
        }
        reply
    }

    /// B6: a reading that is on its way brings an entry back that ends meanwhile.
    pub(super) fn bring_back(&mut self, id: &MutationId) -> Option<(u64, Box<Queued>)> {
        let is_overlapped = self.has(Bug::B6) && self.loading.is_some();
        let queued = self.outbox.entry(id).filter(|_| is_overlapped)?.clone();
        Some((self.outbox.order(id)?, Box::new(queued)))
    }

    /// B16: of a delete nothing is kept, not even where it stands.
    pub(super) fn without_tombstone(&self, base: Box<Base>) -> Box<Base> {
        if self.has(Bug::B16) && base.value.is_none() { Box::new(Base { seq: None, version: "".into(), ..*base }) } else { base }
    }

    pub(super) fn is_pushing(&self) -> bool {
        self.requests.iter().any(super::sending::Request::is_push)
    }
}
