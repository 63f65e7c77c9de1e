//! What an earlier version of the app has stored, made what this one would have. Each record says of which version of its collection it
//! is, so that tabs of several versions may have written to one store, and what is not touched need not be rewritten: a document is
//! migrated when it is read. A write that waits says what it changes in a document of its own version; what it changes in one of
//! this version is what `migrate` makes of the document before and behind it. An entry that is frozen goes as it is.

use super::Engine;
use super::clock::Timestamp;
use super::early::is_whole;
use super::header::{self, Header};
use super::ident::MutationId;
use super::inbox::Item;
use super::input::{Collections, Meta};
use super::log::About;
use super::queued::Queued;
use super::record::{Kind, LAYOUT_VERSION};
use super::replica::{Aside, Base};
use super::store::Mode;
use crate::ordered::Ordered;
use crate::protocol::member::text_of;
use crate::protocol::{Address, Draft, Json, Operation, Part, Parts, Patch};

/// What the app has to make a document one of this version: of a collection, from a version, the document's text. `None` where it cannot
/// be done. It says the same whenever it is asked the same.
pub type Migrate = Box<dyn FnMut(&str, u32, &str) -> Option<String>>;

/// What is being migrated.
#[derive(Default)]
pub(super) struct Migrating {
    migrate: Option<Migrate>,
    /// Writes of earlier versions, by their documents, whose turn comes when the document is in memory; in their order.
    aged: Vec<(MutationId, Address)>,
    /// Documents as an earlier version knew them, while they are read: which, and what; `None` where that is not known.
    elders: Ordered<Address, Option<(u32, Option<Json>)>>,
    /// Writes that were migrated, and are to be stored so.
    made: Vec<MutationId>,
    /// There was a document that could not be migrated: the server has it.
    is_short: bool,
    /// There was a write of an earlier version.
    had_writes: bool,
}

impl Engine {
    /// The app's own way to make a document of an earlier version one of this.
    pub fn migrate_with(&mut self, migrate: Migrate) {
        self.migrating.migrate = Some(migrate);
    }

    /// Takes a store for one of these versions: who only counts what is in it has none of its own.
    pub fn be_of(&mut self, versions: &Collections) {
        self.config.versions.clone_from(versions);
    }

    /// Whether a later build, or a later version of the app, has made the store what it is.
    pub(super) fn is_of_later(&self, meta: &Meta) -> bool {
        let is_later = |(name, version): &(String, u32)| *version > self.config.version_of(name);
        meta.versions.layout > LAYOUT_VERSION || meta.versions.collections.0.iter().any(is_later)
    }

    /// The description as this version of the app has it.
    pub(super) fn raised(&self, mut meta: Meta) -> Meta {
        for (name, version) in &self.config.versions.0 {
            match meta.versions.collections.0.iter_mut().find(|(other, _)| other == name) {
                Some((_, earlier)) => *earlier = *version,
                None => meta.versions.collections.0.push((name.clone(), *version)),
            }
        }
        meta
    }

    /// Whether what is in the inbox is of an earlier version.
    pub(super) fn is_of_earlier(&self, item: &Item) -> bool {
        let versions = Header::parse(&item.header).and_then(|mut header| header.versions()).unwrap_or_default();
        self.is_any_earlier(item.addresses(), &versions)
    }

    /// Whether one of these documents is of a collection that has a later version now.
    pub(super) fn is_any_earlier(&self, addresses: &[Address], versions: &Collections) -> bool {
        addresses.iter().any(|address| versions.version_of(&address.collection) < self.config.version_of(&address.collection))
    }

    /// Whether there are writes of earlier versions, which are read together with the documents that they were made on.
    pub(super) fn has_earlier(&self) -> bool {
        self.migrating.had_writes
    }

    /// A document was read that was stored by this version of the app.
    pub(super) fn renewed(&mut self, address: &Address, base: Box<Base>, version: u32) -> Box<Base> {
        let ours = self.config.version_of(&address.collection);
        self.meets_later |= version > ours;
        if version >= ours {
            self.migrating.elders.remove(address);
            return base;
        }
        self.migrating.elders.insert(address.clone(), Some((version, base.value.clone())));
        let Some(value) = &base.value else { return base };
        match self.migrated(address, version, value) {
            Some(value) => Box::new(Base { value: Some(value), ..*base }),
            None => {
                // As if it had never come: everything is pulled again.
                self.migrating.is_short = true;
                Box::new(Base { version: "".into(), seq: None, generation: "".into(), value: None })
            }
        }
    }

    fn migrated(&mut self, address: &Address, from: u32, value: &Json) -> Option<Json> {
        let made = self.migrating.migrate.as_mut()?(&address.collection, from, value.as_str())?;
        Json::parse(&made).ok()
    }

    /// A write was read that was made for these versions, and laid over this document.
    pub(super) fn note_age(&mut self, id: &MutationId, address: &Address, versions: &Collections) {
        let (version, ours) = (versions.version_of(&address.collection), self.config.version_of(&address.collection));
        self.meets_later |= version > ours;
        if version < ours {
            self.migrating.had_writes = true;
            self.replica.put_aside(address, id, version);
            self.migrating.aged.push((id.clone(), address.clone()));
        }
    }

    /// Documents were read: what earlier versions wrote on them is migrated with them. Says whether it is known of all of it what it was
    /// made on.
    pub(super) fn migrate_writes(&mut self, now: Timestamp) -> bool {
        let mut is_known = true;
        let mut rest = std::mem::take(&mut self.migrating.aged);
        rest.retain(|(id, address)| {
            let is_there = self.replica.is_resident(address);
            if is_there {
                is_known &= self.migrate_write(id, address);
            }
            !is_there
        });
        self.migrating.aged = rest;
        self.migrating.elders = Ordered::default();
        if std::mem::take(&mut self.migrating.is_short) {
            self.feeds.iter_mut().for_each(|feed| feed.restart(now, false));
        }
        is_known
    }

    fn migrate_write(&mut self, id: &MutationId, address: &Address) -> bool {
        let Some(aside) = self.replica.set_aside(address, std::slice::from_ref(id)) else { return true };
        let Aside { from, operations, .. } = aside.clone();
        let before = match self.migrating.elders.get(address) {
            Some(elder) => elder.as_ref().filter(|(of, _)| *of == from).map(|(_, value)| value.clone()),
            // Where nothing is known of it there was nothing, unless the store was lost.
            None => (self.replica.base(address).is_none() && !self.misses_base(address)).then_some(None),
        };
        let is_put = is_whole(&operations);
        let is_known = is_put || before.is_some();
        let before = before.flatten();
        let mut after = Draft::of(before.clone());
        let fits = is_known && operations.iter().all(|operation| after.apply(operation).is_ok());
        let after = after.to_json();
        let made = if fits { self.remade(address, from, before.as_ref().filter(|_| !is_put), after.as_ref()) } else { None };
        if made.is_some() {
            self.migrating.made.push(id.clone());
        }
        self.migrating.elders.insert(address.clone(), fits.then_some((from, after)));
        self.replica.renew(address, id, before, made);
        is_known
    }

    /// What makes of the one document the other, in this version.
    fn remade(&mut self, address: &Address, from: u32, before: Option<&Json>, after: Option<&Json>) -> Option<Operation> {
        let Some(after) = after else { return Some(Operation::Delete) };
        let after = self.migrated(address, from, after)?;
        let before = before.and_then(|before| self.migrated(address, from, before));
        Some(match before.map(|before| Patch::between(&before.to_tree(), &after.to_tree())) {
            Some(patch @ Patch::Within(_)) => Operation::Patch(patch),
            _ => Operation::Put(after),
        })
    }

    /// Writes that were migrated are stored so, by the tab that drains: what they were made on may be there no longer when they are
    /// read again.
    pub(super) fn keep_migrated(&mut self, now: Timestamp) {
        for id in &std::mem::take(&mut self.migrating.made) {
            let Some(queued) = self.outbox.queued(id).filter(|queued| queued.entry.is_none()) else { continue };
            let (addresses, layers) = (queued.addresses.clone(), std::slice::from_ref(id));
            let waits = addresses.iter().any(|address| self.replica.set_aside(address, layers).is_some());
            if waits || self.store.mode() != Mode::Durable {
                continue;
            }
            let Queued { texts, folded, .. } = queued;
            for (operation, _) in texts {
                self.store.log.forget(&About::before(id, *operation));
            }
            let (line, folds) = (Some(queued.line(queued.round())), Some(folded.len() as u32).filter(|folds| *folds > 0));
            let mut parts = Vec::with_capacity(addresses.len());
            for address in &addresses {
                parts.push(Part { address: address.clone(), operations: self.replica.laid(address, layers), base: None });
            }
            let (body, versions) = (text_of(&Parts(&parts)), self.config.versions_of(&addresses));
            let header = header::mutation(id, self.wall_at(now), &self.config.scope, &addresses, &versions, &line, folds);
            self.store.stage(Kind::Mutation, &header, &body, Some(About::of(Kind::Mutation, id)));
            self.outbox.fold(layers, (body.len() + id.0.len()) as u64);
            if let Some(order) = self.outbox.order(id) {
                self.keep_dependencies(&self.outbox.dependencies(&[order]));
            }
        }
    }
}
