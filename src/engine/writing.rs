//! Acting on what the app writes: checking it, laying it over the documents, staging its record, and taking it back.

use super::clock::Timestamp;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::header;
use super::ident::MutationId;
use super::log::About;
use super::mutation::Mutation;
use super::notice::{Ending, Notice, ViewChange};
use super::queued::Queued;
use super::record::{Kind, Lineage};
use super::store::{Mode, Taken};
use super::{Engine, View};
use crate::protocol::member::text_of;
use crate::protocol::{Address, KeyedOperation, Operation, Part, Parts, Splice, TextMark};
use crate::protocol::{digits, words};

/// The documents that these are on.
pub(super) fn addresses_of(parts: &[Part]) -> Vec<Address> {
    let mut addresses = Vec::with_capacity(parts.len());
    for part in parts {
        addresses.push(part.address.clone());
    }
    addresses
}

impl Engine {
    /// The app changes a document. The view has changed when this returns; the write is kept when `Durable` says so.
    ///
    /// Fails, with nothing changed, as `CLOSED`, `QUEUE_FULL`, `TOO_LARGE`, `VALIDATION` (also an increment, append or
    /// splice that cannot be applied to what is seen), or, for a splice of a document that is not in memory, `NOT_LOADED`. An
    /// increment or append of such a document is taken; where it turns out that it cannot be applied, the view is as without
    /// it, and it ends when the server refuses it.
    pub fn mutate(&mut self, now: Timestamp, mutation: Mutation, effects: &mut impl Sink) -> Result<MutationId, Fault> {
        Ok(self.mutate_all(now, vec![mutation], effects)?.remove(0))
    }

    /// The app changes several documents, one mutation each. All are checked, on the documents as they are, before the
    /// first is staged: where one fails, as with [`Engine::mutate`], nothing has changed.
    pub fn mutate_all(&mut self, now: Timestamp, mut mutations: Vec<Mutation>, effects: &mut impl Sink) -> Result<Vec<MutationId>, Fault> {
        self.check_open()?;
        let now = now.after(self.slept);
        let mut bodies = Vec::with_capacity(mutations.len());
        let mut bytes = 0;
        for mutation in &mut mutations {
            let body = self.check(mutation)?;
            bytes += body.len();
            bodies.push(body);
        }
        self.check_room(bodies.len(), bytes)?;
        let mut addresses = Vec::with_capacity(bodies.len());
        for mutation in &mutations {
            addresses.extend(mutation.parts.iter().map(|part| &part.address));
        }
        self.check_documents(&addresses)?;
        let mut ids = Vec::with_capacity(bodies.len());
        for (index, body) in bodies.iter().enumerate() {
            ids.push(self.stage(now, &mutations[index], body, effects));
        }
        Ok(ids)
    }

    /// The body of the mutation's record. A splice says what it was made on from here on.
    pub(super) fn check(&mut self, mutation: &mut Mutation) -> Result<String, Fault> {
        mutation.check_names()?;
        let is_single = self.check_group(mutation)?;
        for Part { address, operations, .. } in &mut mutation.parts {
            let mut grows = false;
            for operation in &mut *operations {
                if let Operation::Splice(splice) = operation {
                    if !is_single {
                        return Err(Fault::new(Code::Validation, "a splice cannot be part of a group"));
                    }
                    splice.on = Some(self.check_splice(address, splice)?);
                }
                if matches!(operation, Operation::Delete) && !self.takes_named("delete") {
                    return Err(Fault::new(Code::Validation, "the backend takes no deletes"));
                }
                grows |= matches!(operation, Operation::Increment { .. } | Operation::Append { .. });
            }
            if grows && self.replica.is_known(address, self.is_paged(address)) {
                let fits = self.replica.check(address, operations);
                fits.map_err(|why| Fault::new(Code::Validation, why.said()))?;
            }
        }
        let body = text_of(&Parts(&mutation.parts));
        if body.len() as u64 > self.config.mutation_bytes_max {
            let limit = self.config.mutation_bytes_max;
            return Err(Fault::new(
                Code::TooLarge,
                words::join(&["a write has at most ", &digits::text(limit), " bytes, this one ", &digits::text(body.len() as u64)]),
            ));
        }
        Ok(body)
    }

    /// Whether the mutation is one operation on one document. Fails where what it comes after was refused, and where the
    /// server takes no groups and it is one.
    fn check_group(&self, mutation: &Mutation) -> Result<bool, Fault> {
        if mutation.after.iter().any(|id| self.inbox.has(id)) {
            return Err(Fault::new(Code::Rejected, "what it comes after was refused"));
        }
        if mutation.parts.len() > 1 && !self.config.groups {
            return Err(Fault::new(Code::Validation, "the server takes no groups: say `atomic: false`, or write one document"));
        }
        Ok(mutation.parts.len() == 1 && mutation.parts[0].operations.len() == 1)
    }

    fn stage(&mut self, now: Timestamp, mutation: &Mutation, body: &str, effects: &mut impl Sink) -> MutationId {
        let (id, order) = self.queue(now, addresses_of(&mutation.parts), body, None, None);
        if self.outbox.depend(order, &mutation.after, &mutation.reads) {
            self.keep_dependencies(&self.outbox.dependencies(&[order]));
        }
        for Part { address, operations, .. } in &mutation.parts {
            self.lay(address, order, &id, operations.clone(), effects);
            self.tell_own_change(address, operations, effects);
        }
        self.tell_items(now, effects);
        self.window = Some(self.window.map_or(now, |since| since.min(now)));
        self.arm(now);
        id
    }

    /// Lays these over a document. Whether its page is still to be read; it is, then.
    pub(super) fn lay(
        &mut self,
        address: &Address,
        order: u64,
        id: &MutationId,
        operations: Vec<Operation>,
        effects: &mut impl Sink,
    ) -> bool {
        let is_paged = self.is_paged(address);
        self.replica.lay(address, is_paged, order, id.clone(), operations);
        let is_awaited = is_paged && !self.replica.is_resident(address);
        if is_awaited {
            self.load_page_of(address, effects);
        }
        is_awaited
    }

    /// What was never sent has ended. The app hears of it, or does so when it is stored; where nothing can be stored any more,
    /// what is stored comes back with the next start.
    pub(super) fn end_unsent(&mut self, queued: &Queued, ending: Ending, is_told_later: bool, effects: &mut impl Sink) {
        let (is_stored, id) = (self.store.has(queued.place), queued.id.clone());
        let taken = Taken { id, addresses: queued.addresses.clone(), ending: Some(ending.clone()).filter(|_| is_told_later) };
        if is_stored && self.store.mode() != Mode::Durable {
            return self.on_taken(&Taken { ending: Some(ending), ..taken }, false, effects);
        }
        if !(self.store.stage_taken(taken) && is_told_later) {
            self.store.stage_endings(std::slice::from_ref(&queued.id), &ending);
        }
    }

    /// Stages what these wait for, by the names that has by now.
    pub(super) fn keep_dependencies(&mut self, dependencies: &[(MutationId, Vec<MutationId>)]) {
        for (id, after) in dependencies {
            self.store.stage(Kind::After, &header::after(id, after), "", Some(About::of(Kind::After, id)));
        }
    }

    /// Queues a write and stages its record: a new one at the end, a follow-up at its line's place in the order. Says its
    /// id and place.
    pub(super) fn queue(
        &mut self,
        now: Timestamp,
        addresses: Vec<Address>,
        body: &str,
        lineage: Option<Lineage>,
        order: Option<u64>,
    ) -> (MutationId, u64) {
        let wall = self.wall_at(now);
        let id = MutationId(self.rng.uuid(wall.0).into());
        let versions = self.config.versions_of(&addresses);
        let header = header::mutation(&id, wall, &self.config.scope, &addresses, &versions, &lineage, None);
        self.store.stage_mutation(&id, &header, body, self.config.strict);
        let bytes = (body.len() + id.0.len()) as u64;
        let queued = Queued { lineage, ..Queued::new(id.clone(), addresses, bytes) };
        (id, self.outbox.stage(Box::new(queued), order))
    }

    /// Whether there is room for so many mutations of so many bytes.
    fn check_room(&self, mutations: usize, bytes: usize) -> Result<(), Fault> {
        if self.inbox.len() >= self.config.inbox_max as usize || self.inbox.bytes() >= self.config.inbox_bytes_max {
            return Err(Fault::new(Code::QueueFull, "the inbox is full"));
        }
        self.check_memory()?;
        self.check_outbox(mutations, bytes)
    }

    /// The same, whatever is in the inbox.
    pub(super) fn check_outbox(&self, mutations: usize, bytes: usize) -> Result<(), Fault> {
        let config = &self.config;
        let too_many = self.outbox.len() + mutations > config.outbox_entries_max as usize;
        if too_many || self.outbox.bytes() + bytes as u64 > config.outbox_bytes_max {
            return Err(Fault::new(Code::QueueFull, "the outbox is full"));
        }
        Ok(())
    }

    /// The mark of the text that a splice is made on.
    fn check_splice(&mut self, address: &Address, splice: &Splice) -> Result<TextMark, Fault> {
        if !self.replica.is_known(address, self.is_paged(address)) {
            return Err(Fault::new(Code::NotLoaded, "the document is not in memory yet; load it first"));
        }
        match self.replica.check_splice(address, splice) {
            Ok(Some(on)) => Ok(on),
            Ok(None) => Err(Fault::new(Code::Validation, "there is no string at the path")),
            Err(why) => Err(Fault::new(Code::Validation, why.said())),
        }
    }

    /// A held document's watchers hear of the app's own write in the same tick.
    fn tell_own_change(&mut self, address: &Address, operations: &[Operation], effects: &mut impl Sink) {
        if !self.watch.is_held(address) {
            return;
        }
        let address = address.clone();
        let change = match operations {
            [Operation::Put(value)] => ViewChange::Value { value: Some(value.clone()) },
            [Operation::Delete] => ViewChange::Value { value: None },
            _ if !self.replica.is_known(&address, self.is_paged(&address)) => return,
            [operation] if self.is_in_doubles(&address, operation) => {
                let keyed = KeyedOperation { address: address.clone(), operation: operation.clone(), base: None };
                ViewChange::Operations { operations: vec![keyed] }
            }
            _ => match self.view(&address) {
                View::Document(json) => ViewChange::Value { value: Some(json) },
                _ => ViewChange::Value { value: None },
            },
        };
        effects.push(Effect::Notify(Notice::Changed { address, change }));
    }

    /// Whether a listener comes to the same: it counts in doubles.
    fn is_in_doubles(&mut self, address: &Address, operation: &Operation) -> bool {
        let Operation::Increment { path, by } = operation else { return true };
        let is_exact = |number: i64| number.unsigned_abs() <= 1 << 53;
        self.replica.integer(address, path).is_some_and(|number| is_exact(number) && is_exact(number.wrapping_sub(*by)))
    }

    /// The app takes a mutation back. What is frozen or folded cannot be.
    pub(super) fn on_cancel_asked(&mut self, now: Timestamp, id: &MutationId, effects: &mut impl Sink) {
        if self.outbox.queued(id).is_none_or(|queued| !queued.folded.is_empty()) {
            return;
        }
        let (Some(order), Some(queued)) = (self.outbox.order(id), self.outbox.take(id)) else { return };
        self.store.stage(Kind::Cancel, &header::cancel(id), "", None);
        self.store.log.retire(id);
        self.take_off(&queued.addresses, std::slice::from_ref(id));
        self.end_unsent(&queued, Ending::Cancelled, true, effects);
        self.block_dependents(now, order, true, effects);
        self.arm(now);
    }
}
