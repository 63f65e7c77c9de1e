//! Where many writes of one document wait, the oldest become one: what waits stays small, however long it waits. Those have their
//! own ids and endings, but can no longer be taken back one by one.

use super::Engine;
use super::clock::Timestamp;
use super::fitting::MEMBERS_MAX;
use super::header;
use super::ident::MutationId;
use super::log::About;
use super::queued::Queued;
use super::record::Kind;
use crate::protocol::member::text_of;
use crate::protocol::{Address, Part, Parts};

impl Engine {
    /// Documents with more writes than are kept singly have fewer.
    pub(super) fn fold_crowded(&mut self, now: Timestamp) {
        while let Some(address) = self.outbox.take_crowded() {
            let is_alone = self.config.uncoalesced.iter().any(|name| **name == *address.collection);
            // What was folded may fold again.
            while !is_alone && self.fold_some(now, &address) {}
            self.outbox.calm(&address);
        }
    }

    fn fold_some(&mut self, now: Timestamp, address: &Address) -> bool {
        let mut is_any = false;
        for run in &self.outbox.foldable(address, MEMBERS_MAX, self.config.batch_bytes_max) {
            is_any |= run.len() > 1 && self.fold_run(now, address, run);
        }
        is_any
    }

    /// These become the first of them, where that is less.
    fn fold_run(&mut self, now: Timestamp, address: &Address, run: &[MutationId]) -> bool {
        if self.replica.set_aside(address, run).is_some() {
            return false;
        }
        let Some((operations, count)) = self.replica.composed(address, run) else { return false };
        if operations.len() > MEMBERS_MAX || 2 * (count - operations.len()) < run.len() {
            return false;
        }
        let (id, parts) = (&run[0], [Part { address: address.clone(), operations, base: None }]);
        let Some(Queued { texts, folded, .. }) = self.outbox.queued(id) else { return false };
        for (operation, _) in texts {
            self.store.log.forget(&About::before(id, *operation));
        }
        let others = &self.outbox.names(run)[1 + folded.len()..];
        others.iter().for_each(|other| self.store.log.retire(other));
        let about = About::of(Kind::Fold, &others[0]);
        self.store.stage(Kind::Fold, &header::fold(id, others), "", Some(about));
        let body = text_of(&Parts(&parts));
        self.outbox.fold(run, (body.len() + id.0.len()) as u64);
        let Some(queued) = self.outbox.queued(id) else { return false };
        let (line, folds) = (Some(queued.line(queued.round())), Some(queued.folded.len() as u32));
        let versions = self.config.versions_of(&queued.addresses);
        let header = header::mutation(id, self.wall_at(now), &self.config.scope, &queued.addresses, &versions, &line, folds);
        self.store.stage(Kind::Mutation, &header, &body, Some(About::of(Kind::Mutation, id)));
        let order = self.outbox.order(id).unwrap_or_default();
        let [Part { operations, .. }] = parts;
        let befores = self.replica.replace(address, run, order, id.clone(), operations);
        self.keep_befores(address, &befores);
        true
    }
}
