//! What a reader of the device must see, worked out from the history alone: the server's truth as far as it was
//! delivered, and over it what is pending, in order (laws I5, I7, I8).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Meant, fold, fold_on, ground};
use super::found::Said;
use super::truth::{State, Truth};

/// A write, as it was made.
#[derive(Clone, Debug)]
pub struct Atom {
    /// Its documents, and what it means to each.
    pub parts: Parts,
    /// Its place in the order of writes; a follow-up has the place of what it carries on.
    pub order: u64,
}

/// Documents, and what is meant for each.
pub type Parts = BTreeMap<String, Vec<Meant>>;

/// One mutation, or one frozen entry, over a base.
#[derive(Clone, Debug)]
struct Layer {
    order: u64,
    ids: BTreeSet<String>,
    entry: Option<String>,
    /// Whether that was frozen without the store: what has read that the server carried it out need not have known it.
    is_late: bool,
    meant: Vec<Meant>,
}

#[derive(Debug, Default)]
struct Document {
    base: Option<State>,
    layers: Vec<Layer>,
    folded: Option<Folded>,
}

/// What the first layers of a document come to, so that the next look folds only what was laid on top since. It goes with
/// any other change.
#[derive(Debug)]
struct Folded {
    /// Of each of these layers, whether the base contains it.
    contained: Vec<bool>,
    value: Option<Value>,
}

/// What is meant for a document, on its base as it is.
pub fn as_it_is(_: &str, base: Option<&State>, meant: &[Meant]) -> Vec<Meant> {
    ground(base.and_then(|base| base.value.as_ref()), meant)
}

/// One device, as it should be.
#[derive(Debug, Default)]
pub struct Replica {
    documents: BTreeMap<String, Document>,
    names: BTreeMap<String, BTreeSet<String>>,
    touched: BTreeSet<String>,
}

impl Replica {
    /// Lays a mutation over its documents.
    pub fn lay(&mut self, id: &str, atom: &Atom) {
        for (name, meant) in &atom.parts {
            let ids = BTreeSet::from([id.to_owned()]);
            self.insert(name, Layer { order: atom.order, ids, entry: None, is_late: false, meant: meant.clone() });
        }
    }

    /// Lays an entry over its documents, with what it was grounded to.
    pub fn lay_entry(&mut self, entry: &str, members: &[String], order: u64, is_late: bool, parts: Parts) {
        for (name, meant) in parts {
            let ids = members.iter().cloned().collect();
            self.insert(&name, Layer { order, ids, entry: Some(entry.to_owned()), is_late, meant });
        }
    }

    fn insert(&mut self, name: &str, layer: Layer) {
        self.touched.insert(name.to_owned());
        for id in &layer.ids {
            self.names.entry(id.clone()).or_default().insert(name.to_owned());
        }
        let document = self.documents.entry(name.to_owned()).or_default();
        let at = document.layers.partition_point(|other| other.order <= layer.order);
        if document.folded.as_ref().is_some_and(|folded| at < folded.contained.len()) {
            document.folded = None;
        }
        document.layers.insert(at, layer);
    }

    /// Members become an entry, made on these bases: they head what was laid after `behind`. Says what the entry is grounded to, or why they cannot be its members.
    pub fn freeze(&mut self, entry: &str, members: &[String], said: &BTreeMap<String, Said>, behind: u64) -> Result<Parts, String> {
        let names = members.first().and_then(|first| self.names.get(first)).cloned();
        let names = names.ok_or_else(|| format!("entry {entry} has members that nobody wrote: {members:?}"))?;
        if members.iter().any(|member| self.names.get(member) != Some(&names)) || (names.len() > 1 && members.len() > 1) {
            return Err(format!("the members of entry {entry} are not on one document, nor one group: {members:?}"));
        }
        if !names.iter().eq(said.keys()) {
            return Err(format!("entry {entry} is on {:?}, and its members are on {names:?}", said.keys()));
        }
        let ids: BTreeSet<String> = members.iter().cloned().collect();
        let (mut parts, mut order) = (Parts::new(), 0);
        for name in names {
            let document = self.documents.entry(name.clone()).or_default();
            let first = document.layers.partition_point(|layer| layer.order <= behind);
            let heads: Vec<&Layer> = document.layers.iter().skip(first).take(members.len()).collect();
            if !heads.iter().all(|layer| layer.entry.is_none() && layer.ids.is_subset(&ids)) || heads.len() < members.len() {
                let heads: Vec<_> = document.layers.iter().map(|layer| (layer.order, &layer.ids, &layer.entry)).collect();
                return Err(format!("the members of entry {entry} do not head {name}: {members:?}; these do: {heads:?}"));
            }
            order = heads[0].order;
            let base = said.get(&name).and_then(|said| said.base.as_ref());
            parts.insert(name, ground(base, heads.iter().flat_map(|layer| &layer.meant)));
            document.layers.drain(first..first + members.len());
            document.folded = None;
        }
        self.lay_entry(entry, members, order, behind > 0, parts.clone());
        Ok(parts)
    }

    /// Whether the layer of `id` is frozen, and as which entry; `None` where there is no such layer.
    pub fn entry_of(&self, id: &str) -> Option<Option<&str>> {
        let document = self.documents.get(self.names.get(id)?.first()?)?;
        document.layers.iter().find(|layer| layer.ids.contains(id)).map(|layer| layer.entry.as_deref())
    }

    /// A state of a document came to the device. Older ones than it has are nothing.
    pub fn deliver(&mut self, name: &str, state: &State) {
        let document = self.documents.entry(name.to_owned()).or_default();
        if document.base.as_ref().is_none_or(|base| base.seq < state.seq) {
            document.base = Some(state.clone());
            document.folded = None;
            self.touched.insert(name.to_owned());
        }
    }

    /// What is laid has these places from here on.
    pub fn reorder(&mut self, atoms: &BTreeMap<String, Atom>) {
        for document in self.documents.values_mut() {
            for layer in &mut document.layers {
                let orders = layer.ids.iter().filter_map(|id| Some(atoms.get(id)?.order));
                layer.order = orders.min().unwrap_or(layer.order);
            }
            document.layers.sort_by_key(|layer| layer.order);
            document.folded = None;
        }
    }

    /// Whether anything is known of what the server has.
    pub fn has_bases(&self) -> bool {
        self.documents.values().any(|document| document.base.is_some())
    }

    /// The position that the base of `id`'s document stands at.
    pub fn base_seq(&self, name: &str) -> u64 {
        self.documents.get(name).and_then(|document| document.base.as_ref()).map_or(0, |base| base.seq)
    }

    /// Whether a document stands where the server has it; where that forgot it, whether it is not there.
    pub fn is_at(&self, name: &str, latest: &State, truth: &Truth) -> bool {
        let base = self.documents.get(name).and_then(|document| document.base.as_ref());
        let is_absent = base.is_none_or(|base| base.value.is_none());
        base.map_or(0, |base| base.seq) == latest.seq || is_absent && truth.is_forgotten(latest)
    }

    /// A mutation has ended, and its layer goes; that of an entry with the last of its members.
    pub fn end(&mut self, id: &str) {
        for name in self.names.remove(id).unwrap_or_default() {
            let Some(document) = self.documents.get_mut(&name) else { continue };
            for layer in &mut document.layers {
                layer.ids.remove(id);
            }
            document.layers.retain(|layer| !layer.ids.is_empty());
            document.folded = None;
            self.touched.insert(name);
        }
    }

    /// A mutation ended, and `by` carries it on from its place: grounded on the base as it is, or as it was when that was known, as
    /// `ground` says. Gives what `by` means; `None` where an earlier member of the same entry has brought it.
    pub fn carry_on(&mut self, id: &str, by: &str, ground: impl Fn(&str, Option<&State>, &[Meant]) -> Vec<Meant>) -> Option<Atom> {
        let names = self.names.get(id)?.clone();
        let mut atom = Atom { parts: Parts::new(), order: 0 };
        for name in names.iter().filter(|_| !self.names.contains_key(by)) {
            let document = self.documents.get_mut(name)?;
            let layer = document.layers.iter_mut().find(|layer| layer.ids.contains(id))?;
            atom.order = layer.order;
            document.folded = None;
            // What it carries on is not seen twice.
            atom.parts.insert(name.clone(), ground(name, document.base.as_ref(), &std::mem::take(&mut layer.meant)));
        }
        self.lay(by, &atom);
        self.end(id);
        (!atom.parts.is_empty()).then_some(atom)
    }

    /// What a reader must see, and whether that is known without the base; where it is known or not that the server has carried out what
    /// was frozen without the store.
    pub fn visible(&mut self, name: &str, truth: &Truth, knows_late: bool) -> (Cow<'_, Option<Value>>, bool) {
        let Some(document) = self.documents.get_mut(name) else { return (Cow::Borrowed(&None), true) };
        if document.layers.is_empty() {
            return match &document.base {
                Some(base) => (Cow::Borrowed(&base.value), false),
                None => (Cow::Borrowed(&None), true),
            };
        }
        let seq = document.base.as_ref().map_or(0, |base| base.seq);
        let is_known = |layer: &Layer| knows_late || !layer.is_late;
        let is_contained = |layer: &Layer| is_known(layer) && layer.entry.as_deref().is_some_and(|entry| truth.contains(entry, seq));
        let contained: Vec<bool> = document.layers.iter().map(is_contained).collect();
        let layers = &document.layers;
        let meant = |from: usize, to: usize| {
            let range = layers[from..to].iter().zip(&contained[from..to]);
            range.filter(|(_, contained)| !**contained).flat_map(|(layer, _)| &layer.meant)
        };
        let needs_none = document.base.is_none() || meant(0, layers.len()).any(Meant::needs_no_base);
        let had = document.folded.take().filter(|folded| contained.starts_with(&folded.contained));
        let from = had.as_ref().map_or(0, |folded| folded.contained.len());
        // A run of splices may go on in the next layer, and is one change.
        let ends_run = |layer: &Layer| !matches!(layer.meant.last(), Some(Meant::Spliced { .. }) | None);
        let to = (from..layers.len()).rev().find(|at| ends_run(&layers[*at]) && !contained[*at]).map_or(from, |at| at + 1);
        let value = match had {
            Some(Folded { value, .. }) if to == from => value,
            Some(Folded { value, .. }) => fold_on(value, meant(from, to)),
            None => fold(document.base.as_ref().and_then(|base| base.value.as_ref()), meant(0, to)),
        };
        let whole = (to < layers.len()).then(|| fold(value.as_ref(), meant(to, layers.len())));
        let folded = document.folded.insert(Folded { contained: contained[..to].to_vec(), value });
        (whole.map_or(Cow::Borrowed(&folded.value), Cow::Owned), needs_none)
    }

    /// All that is meant for a document, over its base.
    pub fn seen(&self, name: &str) -> Option<Value> {
        let document = self.documents.get(name)?;
        fold(document.base.as_ref().and_then(|base| base.value.as_ref()), document.layers.iter().flat_map(|layer| &layer.meant))
    }

    /// The device knows what there is of a document: what was not seen was made on that. Gives the writes of which that is so, with what
    /// they mean.
    pub fn see(&mut self, name: &str, truth: &Truth) -> Vec<(String, Vec<Meant>)> {
        let Some(document) = self.documents.get_mut(name) else { return Vec::new() };
        let base = document.base.as_ref();
        let seq = base.map_or(0, |base| base.seq);
        let (mut value, mut run, mut seen) = (base.and_then(|base| base.value.clone()), Vec::new(), Vec::new());
        for layer in &mut document.layers {
            if layer.entry.as_deref().is_some_and(|entry| truth.contains(entry, seq)) {
                continue;
            }
            let had = layer.meant.clone();
            for meant in &mut layer.meant {
                // A run of splices is one change.
                if !matches!(meant, Meant::Spliced { .. }) {
                    value = fold_on(value, &std::mem::take(&mut run));
                    *meant = meant.on(value.as_ref());
                }
                run.push(meant.clone());
            }
            if layer.meant != had {
                seen.extend(layer.ids.iter().map(|id| (id.clone(), layer.meant.clone())));
            }
        }
        seen
    }

    /// The next look at a document folds all of it.
    pub fn forget_folded(&mut self) {
        self.documents.values_mut().for_each(|document| document.folded = None);
    }

    /// The documents of a mutation.
    pub fn names_of(&self, id: &str) -> impl Iterator<Item = &String> {
        self.names.get(id).into_iter().flatten()
    }

    /// Mutations that are laid over a document.
    pub fn pending_of(&self, name: &str) -> Vec<String> {
        let document = self.documents.get(name);
        document.into_iter().flat_map(|document| &document.layers).flat_map(|layer| layer.ids.iter().cloned()).collect()
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
        self.names.keys()
    }
}
