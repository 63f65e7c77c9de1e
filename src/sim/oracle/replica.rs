//! What a reader of the device must see, worked out from the history alone: the server's truth as far as it was
//! delivered, and over it what is pending, in order (laws I5, I7, I8).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Meant, fold, ground};
use super::truth::{State, Truth};

/// A write, as it was made.
#[derive(Clone, Debug)]
pub struct Atom {
    /// The document.
    pub name: String,
    /// Its place in the order of writes; a follow-up has the place of what it carries on.
    pub order: u64,
    /// What it means.
    pub meant: Vec<Meant>,
}

/// One mutation, or one frozen entry, over a base.
#[derive(Clone, Debug)]
struct Layer {
    order: u64,
    ids: BTreeSet<String>,
    entry: Option<String>,
    meant: Vec<Meant>,
}

#[derive(Debug, Default)]
struct Document {
    base: Option<State>,
    layers: Vec<Layer>,
}

/// One device, as it should be.
#[derive(Debug, Default)]
pub struct Replica {
    documents: BTreeMap<String, Document>,
    names: BTreeMap<String, String>,
    touched: BTreeSet<String>,
}

impl Replica {
    /// Lays a mutation over its document.
    pub fn lay(&mut self, id: &str, atom: &Atom) {
        let ids = BTreeSet::from([id.to_owned()]);
        self.insert(&atom.name, Layer { order: atom.order, ids, entry: None, meant: atom.meant.clone() });
    }

    /// Lays an entry over its document, with what it was grounded to.
    pub fn lay_entry(&mut self, name: &str, entry: &str, members: &[String], order: u64, meant: Vec<Meant>) {
        let ids = members.iter().cloned().collect();
        self.insert(name, Layer { order, ids, entry: Some(entry.to_owned()), meant });
    }

    fn insert(&mut self, name: &str, layer: Layer) {
        self.touched.insert(name.to_owned());
        for id in &layer.ids {
            self.names.insert(id.clone(), name.to_owned());
        }
        let document = self.documents.entry(name.to_owned()).or_default();
        let at = document.layers.partition_point(|other| other.order <= layer.order);
        document.layers.insert(at, layer);
    }

    /// Members become an entry, made on `base`. Says what the entry is grounded to, or why they cannot be its members.
    pub fn freeze(&mut self, entry: &str, members: &[String], base: Option<Value>) -> Result<Vec<Meant>, String> {
        let name = members.first().and_then(|first| self.names.get(first)).cloned();
        let name = name.ok_or_else(|| format!("entry {entry} has members that nobody wrote: {members:?}"))?;
        let document = self.documents.entry(name.clone()).or_default();
        let ids: BTreeSet<String> = members.iter().cloned().collect();
        let heads: Vec<&Layer> = document.layers.iter().take(members.len()).collect();
        if !heads.iter().all(|layer| layer.entry.is_none() && layer.ids.is_subset(&ids)) || heads.len() < members.len() {
            let heads: Vec<_> = document.layers.iter().map(|layer| (layer.order, &layer.ids, &layer.entry)).collect();
            return Err(format!("the members of entry {entry} do not head {name}: {members:?}; these do: {heads:?}"));
        }
        let order = heads[0].order;
        let meant = ground(base.as_ref(), heads.iter().flat_map(|layer| &layer.meant));
        document.layers.drain(..members.len());
        self.lay_entry(&name, entry, members, order, meant.clone());
        Ok(meant)
    }

    /// The members that an entry must have, given what it does to a document: the fewest of those that head its document
    /// that do the same.
    pub fn members_by_effect(&self, entry: &str, base: Option<&Value>, effect: impl Fn(Option<Value>) -> Option<Value>) -> Vec<String> {
        let document = self.names.get(entry).and_then(|name| self.documents.get(name));
        let heads: Vec<&Layer> =
            document.into_iter().flat_map(|document| &document.layers).take_while(|layer| layer.entry.is_none()).collect();
        let after = effect(base.cloned());
        let fits = |count: &usize| fold(base, heads[..*count].iter().flat_map(|layer| &layer.meant)) == after;
        let count = (1..=heads.len()).find(fits).unwrap_or(0);
        heads[..count].iter().flat_map(|layer| layer.ids.iter().cloned()).collect()
    }

    /// Whether the layer of `id` is frozen, and as which entry; `None` where there is no such layer.
    pub fn entry_of(&self, id: &str) -> Option<Option<&str>> {
        let document = self.documents.get(self.names.get(id)?)?;
        document.layers.iter().find(|layer| layer.ids.contains(id)).map(|layer| layer.entry.as_deref())
    }

    /// A state of a document came to the device. Older ones than it has are nothing.
    pub fn deliver(&mut self, name: &str, state: &State) {
        let document = self.documents.entry(name.to_owned()).or_default();
        if document.base.as_ref().is_none_or(|base| base.seq < state.seq) {
            document.base = Some(state.clone());
            self.touched.insert(name.to_owned());
        }
    }

    /// The position that the base of `id`'s document stands at.
    pub fn base_seq(&self, name: &str) -> u64 {
        self.documents.get(name).and_then(|document| document.base.as_ref()).map_or(0, |base| base.seq)
    }

    /// A mutation has ended, and its layer goes; that of an entry with the last of its members.
    pub fn end(&mut self, id: &str) {
        let Some(name) = self.names.remove(id) else { return };
        let Some(document) = self.documents.get_mut(&name) else { return };
        for layer in &mut document.layers {
            layer.ids.remove(id);
        }
        document.layers.retain(|layer| !layer.ids.is_empty());
        self.touched.insert(name);
    }

    /// A mutation ended, and `by` carries it on from its place: grounded on the base as it is. Gives what `by` means;
    /// `None` where an earlier member of the same entry has brought it.
    pub fn carry_on(&mut self, id: &str, by: &str) -> Option<Atom> {
        let name = self.names.get(id)?.clone();
        let document = self.documents.get_mut(&name)?;
        let base = document.base.as_ref().and_then(|base| base.value.as_ref());
        let atom = document.layers.iter().find(|layer| layer.ids.contains(id)).and_then(|layer| {
            (!self.names.contains_key(by)).then(|| Atom { name: name.clone(), order: layer.order, meant: ground(base, &layer.meant) })
        });
        if let Some(atom) = &atom {
            // What it carries on is not seen twice.
            document.layers.iter_mut().filter(|layer| layer.ids.contains(id)).for_each(|layer| layer.meant.clear());
            self.lay(by, atom);
        }
        self.end(id);
        atom
    }

    /// What a reader must see. Where the base is not in memory and what is pending does not say, `None`.
    pub fn visible(&self, name: &str, truth: &Truth, base_in_memory: bool) -> Option<Option<Value>> {
        let Some(document) = self.documents.get(name) else { return Some(None) };
        let seq = document.base.as_ref().map_or(0, |base| base.seq);
        let contained = |layer: &&Layer| layer.entry.as_deref().and_then(|entry| truth.applied_at(entry)).is_none_or(|at| at > seq);
        let layers: Vec<&Meant> = document.layers.iter().filter(contained).flat_map(|layer| &layer.meant).collect();
        if !base_in_memory && document.base.is_some() && !layers.iter().any(|meant| meant.needs_no_base()) {
            return None;
        }
        Some(fold(document.base.as_ref().and_then(|base| base.value.as_ref()), layers))
    }

    /// Documents that may look different since this was last asked.
    pub fn take_touched(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.touched)
    }

    /// All documents.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.documents.keys()
    }

    /// Mutations that are laid over something.
    pub fn pending(&self) -> impl Iterator<Item = &String> {
        self.documents.values().flat_map(|document| &document.layers).flat_map(|layer| &layer.ids)
    }
}
