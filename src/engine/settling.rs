//! Acting on outcomes: how entries end.

use super::clock::Timestamp;
use super::config::Level;
use super::early::is_whole;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::fitting::Made;
use super::header;
use super::ident::MutationId;
use super::lowering::{applied, is_shown, sent_in};
use super::notice::{Ending, Notice};
use super::queued::{Entry, Queued};
use super::record::Kind;
use super::replica::Base;
use super::resolving::is_left;
use super::{Engine, retry};
use crate::protocol::member::text_of;
use crate::protocol::{Address, Json, Operation, Outcome, Part, Parts, Verdict};
use crate::protocol::{digits, words};

/// A conflict that comes back this many times, and once for each document, goes to the inbox.
const ROUNDS_MAX: usize = 19;
/// How a write ended that waited for one that was not applied.
const BLOCKED: &str = "blockedBy";
/// From this round on a follow-up waits before it goes.
const ROUNDS_AT_ONCE: u32 = 5;

/// What ends: an entry, or mutations that can be none.
pub(super) struct Ended<'e> {
    /// Which documents it is on.
    pub(super) addresses: &'e [Address],
    /// What is laid over the documents for it; the first names it.
    pub(super) layers: &'e [MutationId],
    /// What the app calls it.
    pub(super) members: &'e [MutationId],
}

/// What the server says of an entry that it has carried out, as far as it does.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged {
    pub(super) version: Option<String>,
    pub(super) seq: Option<u64>,
    /// What its document is now.
    pub(super) value: Option<Json>,
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
        if let Some(word) = outcome.verdict.complaint() {
            self.history.note(word);
        }
        match &outcome.verdict {
            Verdict::Ok { version, value } if outcome.seq.is_none() && self.settle_in_shadow(now, id, version, value) => {}
            Verdict::Ok { version, value } => {
                let said = Acknowledged { version: version.clone(), seq: outcome.seq, value: value.clone() };
                self.settle_ok(now, id, said);
            }
            Verdict::Conflict { address, version, value, value_seq } => {
                let (version, generation) = (version.as_deref().unwrap_or_default().into(), self.generation.clone());
                let theirs = Box::new(Base { version, seq: *value_seq, generation, value: value.clone() });
                self.settle_conflict(now, id, address.as_ref(), theirs, outcome.seq, effects);
            }
            #[cfg(feature = "sim")]
            Verdict::Rejected { .. } if self.planted == Some(super::planted::Bug::B12) => self.settle_ok(now, id, Acknowledged::default()),
            Verdict::Rejected { code, message, fields } => {
                let colon = if message.is_empty() { "" } else { ": " };
                let error = Fault::new(Code::Rejected, words::join(&[code, colon, message]));
                self.end(now, id, &self.refusal(id, error), fields, outcome.seq, effects);
            }
            Verdict::Retry { after_ms: Some(after_ms) } => self.wait(now, id, Some((*after_ms).min(retry::RETRY_AFTER_MAX_MS))),
            Verdict::Retry { after_ms: None } => {
                let failures = self.outbox.mark_failed(id);
                self.wait_for(now, id, failures, retry::TOLD_TO_RETRY_MS, None);
            }
            Verdict::TooLarge => {
                let error = Fault::new(Code::TooLarge, "the server takes nothing this large");
                self.end(now, id, &self.refusal(id, error), &None, outcome.seq, effects);
            }
            Verdict::Expired => {
                let error = Fault::new(Code::Protocol, "the server no longer knows whether it was applied");
                self.end(now, id, &Ending::Unknown { error }, &None, outcome.seq, effects);
            }
        }
    }

    /// How an entry ends that is refused: where an attempt before had no answer, a backend that does not know it by its id may
    /// have carried it out then.
    fn refusal(&self, id: &MutationId, error: Fault) -> Ending {
        if self.is_in_doubt(id) { Ending::Unknown { error } } else { Ending::Rejected { error } }
    }

    fn is_in_doubt(&self, id: &MutationId) -> bool {
        let entry = self.outbox.entry(id).and_then(|queued| queued.entry.as_ref());
        self.config.level != Level::A && entry.is_some_and(|entry| entry.is_doubtful)
    }

    pub(super) fn on_acknowledged(&mut self, now: Timestamp) {
        self.counters.acknowledged += 1;
        self.counters.last_push = Some(self.wall_at(now));
    }

    /// The server has it. Its base moves and the entry leaves the overlay in one step (I7), unless that has to wait for a pull.
    pub(super) fn settle_ok(&mut self, now: Timestamp, id: &MutationId, said: Acknowledged) {
        if let Some(said) = self.hold_early(now, id, said) {
            self.acknowledge(now, id, said);
        }
    }

    /// The same, whatever is known of its documents.
    pub(super) fn acknowledge(&mut self, now: Timestamp, id: &MutationId, said: Acknowledged) {
        #[cfg(feature = "sim")]
        let brought_back = self.bring_back(id);
        let Some((order, queued, entry)) = self.take_entry(id) else { return };
        self.on_acknowledged(now);
        let sent = if entry.is_lowered { sent_in(&entry.text) } else { Vec::new() };
        let Acknowledged { version, seq, value } = said;
        // Of a group's documents only a pull says what they have become.
        let value = value.filter(|_| !queued.is_group());
        let mut bases = Vec::with_capacity(entry.bases.len());
        for (address, made_on) in queued.addresses.iter().zip(&entry.bases) {
            let operations = match sent.iter().find(|part| part.address == *address) {
                Some(part) => part.operations.clone(),
                None => self.replica.laid(address, std::slice::from_ref(id)),
            };
            // What no pull has brought is not for this client to know.
            let is_told = value.is_some() || !operations.is_empty() && (seq.is_none() || self.is_told(&operations, address, made_on));
            let made_on = made_on.as_ref().map(Option::as_deref);
            let base = || self.acknowledged_base(&operations, address, made_on, version.as_deref(), seq, value.clone());
            bases.push(is_told.then(base).flatten());
        }
        #[cfg(feature = "sim")]
        if self.has(super::planted::Bug::B5) {
            bases.clear();
        }
        let ended = Ended { addresses: &queued.addresses, layers: std::slice::from_ref(id), members: &entry.members };
        self.conclude(&ended, bases, &Ending::Applied { version }, seq);
        #[cfg(feature = "sim")]
        if let Some((order, queued)) = brought_back {
            self.outbox.stage(queued, Some(order));
        }
        self.outbox.release_dependents(order);
    }

    /// The base that an acknowledged entry makes of a document; `None` where the base is newer already.
    fn acknowledged_base(
        &self,
        operations: &[Operation],
        address: &Address,
        made_on: Option<Option<&str>>,
        version: Option<&str>,
        seq: Option<u64>,
        value: Option<Json>,
    ) -> Option<Box<Base>> {
        let current = self.replica.base(address);
        let same_log = current.is_some_and(|base| *base.generation == *self.generation);
        if same_log && current.and_then(|base| base.seq).zip(seq).is_some_and(|(have, made)| have >= made) {
            return None;
        }
        let is_current = match made_on {
            _ if value.is_some() || is_whole(operations) => true,
            Some(Some(version)) => current.is_some_and(|base| *base.version == *version),
            Some(None) | None => true,
        };
        // Where there had to be no document, what was made is made of nothing, whatever is known here.
        let made_of_nothing = made_on == Some(None);
        let value = if value.is_some() {
            value
        } else {
            let made_on = if made_of_nothing { None } else { current.and_then(|base| base.value.clone()) };
            applied(made_on, operations)
        };
        // Made on another version than is known here: what the document is now only a pull can say, and it must not be
        // taken for old news.
        let seq = if is_current { seq } else { current.filter(|_| same_log).and_then(|base| base.seq) };
        Some(Box::new(Base { version: version.unwrap_or_default().into(), seq, generation: self.generation.clone(), value }))
    }

    /// Somebody else was there first: what was meant is made again on what is there.
    fn settle_conflict(
        &mut self,
        now: Timestamp,
        id: &MutationId,
        moved: Option<&Address>,
        theirs: Box<Base>,
        seq: Option<u64>,
        effects: &mut impl Sink,
    ) {
        let Some(entry) = self.outbox.entry(id) else { return };
        let addresses = entry.addresses.clone();
        let only = if addresses.len() == 1 { addresses.first() } else { None };
        let Some(address) = addresses.iter().find(|address| Some(*address) == moved.or(only)) else {
            let error = Fault::new(Code::Protocol, "the server's answer does not say which document of the group has moved");
            return self.end(now, id, &Ending::Unknown { error }, &None, seq, effects);
        };
        addresses.iter().for_each(|address| self.touch(address));
        let said = theirs.value.clone();
        let (is_in_doubt, version, there) = (self.is_in_doubt(id), theirs.version.clone(), theirs.seq);
        if self.is_about_nothing(address, &theirs) {
            self.ask_soon(now);
        } else if self.is_news(address, &theirs) {
            self.note_heard(address, theirs.seq);
            self.rebase(address, Some(theirs), &[]);
        }
        self.end_all_shadows(address);
        if is_in_doubt && let Some(Queued { entry: Some(entry), .. }) = self.outbox.entry(id) {
            // An attempt that had no answer may be what moved the document.
            let sent = sent_in(&entry.text);
            if sent.iter().all(|part| part.address == *address && is_shown(&said, &part.operations)) {
                let said = Acknowledged { version: Some(String::from(&*version)), seq: there, value: said };
                return self.settle_ok(now, id, said);
            }
            let meant = self.replica.laid(address, std::slice::from_ref(id));
            if meant.iter().any(|operation| operation.path().is_some()) {
                // Derived again, it might count twice.
                let error = Fault::new(Code::Protocol, "the document has moved, perhaps by an attempt of this that had no answer");
                return self.end_with(now, id, &Ending::Unknown { error }, &None, Some((&address.clone(), &said)), seq, effects);
            }
        }
        if addresses.len() > 1 {
            // The others may have moved, too, and each costs a round.
            self.ask_soon(now);
        }
        let address = address.clone();
        self.make_again(now, id, Some((&address, &said)), seq, effects);
    }

    /// What an entry meant is made again on what is there, and goes as another one.
    pub(super) fn make_again(
        &mut self,
        now: Timestamp,
        id: &MutationId,
        server: Option<(&Address, &Option<Json>)>,
        seq: Option<u64>,
        effects: &mut impl Sink,
    ) {
        let Some(entry) = self.outbox.entry(id) else { return };
        let (round, addresses) = (entry.round() + 1, entry.addresses.clone());
        let layers = std::slice::from_ref(id);
        let Some(Made { mut parts, conflicts, .. }) = self.grounded_parts(&addresses, layers).flatten() else {
            let error = Fault::new(Code::StorageCorrupt, "the text this was made on is lost");
            return self.end(now, id, &Ending::Unknown { error }, &None, seq, effects);
        };
        let is_left = is_left(&conflicts);
        if round as usize > ROUNDS_MAX + addresses.len() && !is_left {
            let rounds = digits::text(u64::from(round) - 1);
            let error = Fault::new(Code::Rejected, words::join(&["conflict: somebody else was first ", &rounds, " times in a row"]));
            return self.end_with(now, id, &Ending::Rejected { error }, &None, server, seq, effects);
        }
        if is_left {
            // What it was made on goes with it, for the app to see.
            parts.iter_mut().for_each(|part| part.operations = self.replica.laid(&part.address, layers));
        } else {
            self.tell_conflicts(conflicts, effects);
        }
        let maybe_applied = self.is_in_doubt(id).then_some(true);
        let names = self.outbox.names(layers);
        self.carry_on(now, layers, parts, &|_| is_left, &names, seq, maybe_applied);
        if round > ROUNDS_AT_ONCE {
            let wait = retry::ENTRY.draw(round - ROUNDS_AT_ONCE, &mut self.rng);
            // Others are not kept waiting for it.
            if !self.outbox.has_heads() {
                self.window = Some(now.after(wait));
            }
        }
    }

    /// What these of one entry, or of one to be, did is carried on in their place by a mutation of its own, which does this: what they
    /// did, on what they were made on, where `is_kept` says so.
    #[expect(clippy::too_many_arguments, reason = "all that is known of an ending")]
    pub(super) fn carry_on(
        &mut self,
        now: Timestamp,
        layers: &[MutationId],
        mut parts: Vec<Part>,
        is_kept: &dyn Fn(&Address) -> bool,
        names: &[MutationId],
        seq: Option<u64>,
        maybe_applied: Option<bool>,
    ) {
        let (Some(first), Some((order, queued))) = (layers.first(), self.outbox.join(layers)) else { return };
        let lineage = queued.line(queued.round() + 1);
        // What it is made on is said when it is frozen.
        parts.iter_mut().for_each(|part| part.base = None);
        let (follow_up, order) = self.queue(now, queued.addresses, &text_of(&Parts(&parts)), Some(lineage), Some(order));
        self.outbox.carry(order, queued.carries, names);
        self.stage_settlement(first, names, "merged", seq);
        names.iter().for_each(|name| self.store.log.retire(name));
        for Part { address, operations, .. } in parts {
            let befores = if is_kept(&address) {
                self.replica.rename(&address, first, &follow_up)
            } else {
                self.replica.replace(&address, layers, order, follow_up.clone(), operations)
            };
            self.keep_befores(&address, &befores);
        }
        self.keep_dependencies(&self.outbox.dependents(order));
        self.store.stage_endings(names, &Ending::Merged { by: follow_up, maybe_applied });
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
        self.end_with(now, id, ending, fields, None, seq, effects);
    }

    /// The same, where the server said what a document is.
    #[expect(clippy::too_many_arguments, reason = "all that is known of an ending")]
    fn end_with(
        &mut self,
        now: Timestamp,
        id: &MutationId,
        ending: &Ending,
        fields: &Option<Json>,
        server: Option<(&Address, &Option<Json>)>,
        seq: Option<u64>,
        effects: &mut impl Sink,
    ) {
        let Some((order, queued, entry)) = self.take_entry(id) else { return };
        let ended = Ended { addresses: &queued.addresses, layers: std::slice::from_ref(id), members: &entry.members };
        self.set_aside(now, &ended, ending.name(), ending, fields, server);
        self.inbox.carry(id, &queued.carries);
        self.conclude(&ended, Vec::new(), ending, seq);
        self.block_dependents(now, order, false, effects);
    }

    /// What stood at `order` will never be applied: what waits for it goes to the inbox unsent, and the app hears of it.
    /// Of what the app took back it hears with that: when it is stored.
    pub(super) fn block_dependents(&mut self, now: Timestamp, order: u64, is_told_later: bool, effects: &mut impl Sink) {
        for queued in &self.outbox.take_dependents(order) {
            self.block(now, queued, is_told_later, effects);
        }
    }

    /// This one goes to the inbox unsent.
    pub(super) fn block(&mut self, now: Timestamp, queued: &Queued, is_told_later: bool, effects: &mut impl Sink) {
        let layers = std::slice::from_ref(&queued.id);
        let ended = Ended { addresses: &queued.addresses, layers, members: layers };
        let ending = Ending::Rejected { error: Fault::new(Code::Rejected, "what it comes after was not applied") };
        queued.addresses.iter().for_each(|address| self.touch(address));
        self.set_aside(now, &ended, BLOCKED, &ending, &None, None);
        self.inbox.carry(&queued.id, &queued.carries);
        self.stage_settlement(&queued.id, layers, ending.name(), None);
        queued.addresses.iter().for_each(|address| self.rebase(address, None, layers));
        self.end_unsent(queued, ending, is_told_later, effects);
    }

    /// What ends leaves the overlay, its documents' bases move where there are others, and the app hears of it.
    pub(super) fn conclude(&mut self, ended: &Ended<'_>, bases: Vec<Option<Box<Base>>>, ending: &Ending, seq: Option<u64>) {
        if let Some(id) = ended.layers.first() {
            self.stage_settlement(id, ended.members, ending.name(), seq);
        }
        let mut bases = bases.into_iter();
        for address in ended.addresses {
            let base = bases.next().flatten();
            if let Some(base) = &base {
                self.note_heard(address, base.seq);
            }
            self.rebase(address, base, ended.layers);
        }
        if ended.addresses.len() > 1 && self.feeds.len() > 1 {
            self.again.part(ended.addresses);
        }
        self.store.stage_endings(ended.members, ending);
    }

    pub(super) fn take_entry(&mut self, id: &MutationId) -> Option<(u64, Box<Queued>, Box<Entry>)> {
        let addresses = self.outbox.entry(id)?.addresses.clone();
        addresses.iter().for_each(|address| self.touch(address));
        self.outbox.settle(id)
    }

    /// The entry ends in the commit that says how (I17).
    pub(super) fn stage_settlement(&mut self, id: &MutationId, members: &[MutationId], ending: &str, seq: Option<u64>) {
        let header = header::settlement(id, members, ending, seq);
        self.store.stage(Kind::Settlement, &header, "", None);
        self.store.log.retire(id);
    }

    /// Whether a conflict tells of no document and no position, though one of the document is known: it was answered before there was
    /// any, or the server has forgotten a delete, and then a pull says so.
    fn is_about_nothing(&self, address: &Address, theirs: &Base) -> bool {
        let known = self.replica.base(address).filter(|base| base.seq.is_some() && base.generation == theirs.generation);
        theirs.version.is_empty() && theirs.seq.is_none() && known.is_some()
    }

    /// Whether `theirs` is newer than what is known of a document.
    pub(super) fn is_news(&self, address: &Address, theirs: &Base) -> bool {
        match self.replica.base(address) {
            Some(base) if base.generation == theirs.generation => match (base.seq, theirs.seq) {
                // Of one position the server's word counts more than what was made of an acknowledgement here.
                (Some(have), Some(come)) => come > have || come == have && base.value != theirs.value,
                _ => base.version != theirs.version || theirs.version.is_empty(),
            },
            _ => true,
        }
    }
}
