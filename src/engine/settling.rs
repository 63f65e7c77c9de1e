//! Acting on outcomes: how entries end.

use super::clock::Timestamp;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::header;
use super::ident::MutationId;
use super::log::About;
use super::notice::{Ending, Notice};
use super::outbox::{Entry, Queued};
use super::record::Kind;
use super::replica::Base;
use super::{Engine, retry};
use crate::protocol::member::text_of;
use crate::protocol::{Address, Json, Operation, Outcome, Run, Verdict};
use crate::protocol::{digits, words};

/// A conflict that comes back this many times goes to the inbox.
const ROUNDS_MAX: u32 = 20;
/// From this round on a follow-up waits before it goes.
const ROUNDS_AT_ONCE: u32 = 5;

/// What ends: an entry, or mutations that can be none.
pub(super) struct Ended<'e> {
    /// Which document it is on.
    pub(super) address: &'e Address,
    /// What is laid over the document for it; the first names it.
    pub(super) layers: &'e [MutationId],
    /// What the app calls it.
    pub(super) members: &'e [MutationId],
}

/// The app hears how mutations ended.
pub(super) fn tell_settled(mutations: &[MutationId], ending: &Ending, effects: &mut impl Sink) {
    for mutation in mutations {
        effects.push(Effect::Notify(Notice::Settled { mutation: mutation.clone(), ending: ending.clone() }));
    }
}

impl Engine {
    /// What the server did with one entry.
    pub(super) fn settle(&mut self, now: Timestamp, id: &MutationId, outcome: &Outcome, effects: &mut impl Sink) {
        if let Some(seq) = outcome.seq {
            self.seen.seq = self.seen.seq.max(seq);
        }
        match &outcome.verdict {
            Verdict::Ok { version, value } => self.settle_ok(now, id, version, outcome.seq, value, effects),
            Verdict::Conflict { version, value, value_seq } => {
                let (version, generation) = (version.as_deref().unwrap_or_default().into(), self.generation.clone());
                let theirs = Box::new(Base { version, seq: *value_seq, generation, value: value.clone() });
                self.settle_conflict(now, id, theirs, outcome.seq, effects);
            }
            #[cfg(feature = "sim")]
            Verdict::Rejected { .. } if self.planted == Some(super::planted::Bug::B12) => {
                self.settle_ok(now, id, &None, None, &None, effects)
            }
            Verdict::Rejected { code, message, fields } => {
                let colon = if message.is_empty() { "" } else { ": " };
                let error = Fault::new(Code::Rejected, words::join(&[code, colon, message]));
                self.end(now, id, &Ending::Rejected { error }, fields, outcome.seq, effects);
            }
            Verdict::Retry { after_ms: Some(after_ms) } => self.wait(now, id, Some((*after_ms).min(retry::RETRY_AFTER_MAX_MS))),
            Verdict::Retry { after_ms: None } => {
                let failures = self.outbox.mark_failed(id);
                self.wait_for(now, id, failures, retry::TOLD_TO_RETRY_MS);
            }
            Verdict::TooLarge => {
                let error = Fault::new(Code::TooLarge, "the server takes nothing this large");
                self.end(now, id, &Ending::Rejected { error }, &None, outcome.seq, effects);
            }
            Verdict::Expired => {
                let error = Fault::new(Code::Protocol, "the server no longer knows whether it was applied");
                self.end(now, id, &Ending::Unknown { error }, &None, outcome.seq, effects);
            }
        }
    }

    /// The server has it. Its base moves and the entry leaves the overlay in one step (I7).
    pub(super) fn settle_ok(
        &mut self,
        now: Timestamp,
        id: &MutationId,
        version: &Option<String>,
        seq: Option<u64>,
        value: &Option<Json>,
        effects: &mut impl Sink,
    ) {
        let Some((_, queued, entry)) = self.take_entry(id) else { return };
        self.counters.acknowledged += 1;
        self.counters.last_push = Some(self.wall_at(now));
        let version = version.clone();
        let base = self.acknowledged_base(&queued, &entry, version.as_deref(), seq, value.clone());
        let ended = Ended { address: &queued.address, layers: std::slice::from_ref(id), members: &entry.members };
        self.conclude(&ended, base, &Ending::Applied { version }, seq, effects);
    }

    /// The base that an acknowledged entry makes; `None` where the base is newer already.
    fn acknowledged_base(
        &self,
        Queued { id, address, .. }: &Queued,
        entry: &Entry,
        version: Option<&str>,
        seq: Option<u64>,
        value: Option<Json>,
    ) -> Option<Box<Base>> {
        let current = self.replica.base(address);
        let same_log = current.is_some_and(|base| *base.generation == *self.generation);
        if same_log && current.and_then(|base| base.seq).zip(seq).is_some_and(|(have, made)| have >= made) {
            return None;
        }
        let made_on = match &entry.base {
            Some(Some(version)) => current.is_some_and(|base| *base.version == **version),
            Some(None) => true,
            None => true,
        };
        // Where there had to be no document, what was made is made of nothing, whatever is known here.
        let made_of_nothing = entry.base == Some(None);
        let value = value.or_else(|| {
            let made_on = current.and_then(|base| base.value.clone()).filter(|_| !made_of_nothing);
            self.replica.with_layer(address, id, made_on)
        });
        // Made on another version than is known here: what the document is now only a pull can say, and it must not be
        // taken for old news.
        let seq = if made_on { seq } else { current.and_then(|base| base.seq) };
        Some(Box::new(Base { version: version.unwrap_or_default().into(), seq, generation: self.generation.clone(), value }))
    }

    /// Somebody else was there first: what was meant is made again on what is there.
    fn settle_conflict(&mut self, now: Timestamp, id: &MutationId, theirs: Box<Base>, seq: Option<u64>, effects: &mut impl Sink) {
        let Some(entry) = self.outbox.entry(id) else { return };
        let (round, address) = (entry.round() + 1, entry.address.clone());
        self.touch(&address);
        if self.is_news(&address, &theirs) {
            self.rebase(&address, Some(theirs), &[]);
        }
        if round > ROUNDS_MAX {
            let error = Fault::new(
                Code::Rejected,
                words::join(&["conflict: somebody else was first ", &digits::text(ROUNDS_MAX.into()), " times in a row"]),
            );
            return self.end(now, id, &Ending::Rejected { error }, &None, seq, effects);
        }
        let grounded = self.replica.grounded(&address, std::slice::from_ref(id));
        let (operations, unfit) = grounded.map_or_else(Default::default, |grounded| (grounded.operations, grounded.unfit));
        if let Some((_, why)) = unfit {
            // The server has just said what is there, and would refuse all of it.
            let error = Fault::new(Code::Rejected, words::join(&["not_applicable: ", why.said()]));
            return self.end(now, id, &Ending::Rejected { error }, &None, seq, effects);
        }
        if operations.is_empty() {
            let error = Fault::new(Code::StorageCorrupt, "the text this was made on is lost");
            return self.end(now, id, &Ending::Unknown { error }, &None, seq, effects);
        }
        self.follow_up(now, id, round, operations, seq, effects);
    }

    fn follow_up(
        &mut self,
        now: Timestamp,
        id: &MutationId,
        round: u32,
        operations: Vec<Operation>,
        seq: Option<u64>,
        effects: &mut impl Sink,
    ) {
        let Some((order, queued, entry)) = self.outbox.settle(id) else { return };
        let lineage = queued.line(round);
        let address = queued.address;
        let body = text_of(&Run { address: &address, operations: &operations, base: &None });
        let (follow_up, order) = self.queue(now, &address, &body, Some(lineage), Some(order));
        self.stage_settlement(id, &entry.members, "merged", seq);
        let befores = self.replica.replace(&address, std::slice::from_ref(id), order, follow_up.clone(), operations);
        self.keep_befores(befores);
        if round > ROUNDS_AT_ONCE {
            let wait = retry::ENTRY.draw(round - ROUNDS_AT_ONCE, &mut self.rng);
            self.window = Some(now.after(wait));
        }
        tell_settled(&entry.members, &Ending::Merged { by: follow_up }, effects);
    }

    /// The server will never have it, or nobody knows: it is taken back, exactly, and kept in the inbox (I8).
    pub(super) fn end(
        &mut self,
        now: Timestamp,
        id: &MutationId,
        ending: &Ending,
        fields: &Option<Json>,
        seq: Option<u64>,
        effects: &mut impl Sink,
    ) {
        let Some((_, queued, entry)) = self.take_entry(id) else { return };
        let ended = Ended { address: &queued.address, layers: std::slice::from_ref(id), members: &entry.members };
        self.set_aside(now, &ended, ending, fields);
        self.conclude(&ended, None, ending, seq, effects);
    }

    /// Keeps a refused or unknown write until the app removes it.
    pub(super) fn set_aside(&mut self, now: Timestamp, ended: &Ended<'_>, ending: &Ending, fields: &Option<Json>) {
        let (Some(id), Some(error)) = (ended.members.first(), ending.error()) else { return };
        let header = header::inbox(id, ended.members, ending.name(), error, fields, self.wall_at(now));
        let operations = self.replica.laid(ended.address, ended.layers);
        let body = text_of(&Run { address: ended.address, operations: &operations, base: &None });
        self.store.stage(Kind::Inbox, &header, &body, Some(About::of(Kind::Inbox, id)));
        self.inbox.insert(id.0.clone(), ());
    }

    /// What ends leaves the overlay, its base moves where there is another, and the app hears of it.
    pub(super) fn conclude(
        &mut self,
        ended: &Ended<'_>,
        base: Option<Box<Base>>,
        ending: &Ending,
        seq: Option<u64>,
        effects: &mut impl Sink,
    ) {
        if let Some(id) = ended.layers.first() {
            self.stage_settlement(id, ended.members, ending.name(), seq);
        }
        self.rebase(ended.address, base, ended.layers);
        tell_settled(ended.members, ending, effects);
    }

    fn take_entry(&mut self, id: &MutationId) -> Option<(u64, Box<Queued>, Box<Entry>)> {
        let address = self.outbox.entry(id)?.address.clone();
        self.touch(&address);
        self.outbox.settle(id)
    }

    /// The entry ends in the commit that says how (I17).
    pub(super) fn stage_settlement(&mut self, id: &MutationId, members: &[MutationId], ending: &str, seq: Option<u64>) {
        let header = header::settlement(id, members, ending, seq);
        self.store.stage(Kind::Settlement, &header, "", None);
        self.store.log.retire(id);
    }

    /// Whether `theirs` is newer than what is known of a document.
    pub(super) fn is_news(&self, address: &Address, theirs: &Base) -> bool {
        match self.replica.base(address) {
            Some(base) if base.generation == theirs.generation => match (base.seq, theirs.seq) {
                (Some(have), Some(come)) => come > have,
                _ => base.version != theirs.version || theirs.version.is_empty(),
            },
            _ => true,
        }
    }
}
