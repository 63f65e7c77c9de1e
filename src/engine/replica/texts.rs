//! The texts that splices were made on, for when the base has them no more.

use super::{Document, Layer, Replica, is_splice};
use crate::engine::ident::MutationId;
use crate::engine::merging::is_change;
use crate::engine::replica::fold::Fold;
use crate::ordered::OrderedSet;
use crate::protocol::{Address, Json, Operation, Pointer, Text};

/// A text that a run of splices was made on; or the text of a document that a change was made on, which is empty where there was none.
#[derive(Clone, Debug)]
pub struct Before {
    /// The mutation or entry.
    pub id: MutationId,
    /// Which of its operations begins the run.
    pub operation: u32,
    /// Where the text is.
    pub path: Pointer,
    /// The text.
    pub text: Text,
}

impl Before {
    /// Whether both say the same.
    pub fn is(&self, other: &Before) -> bool {
        (&self.id, self.operation) == (&other.id, other.operation) && self.text.mark() == other.text.mark()
    }
}

impl Replica {
    /// From here on it is remembered under or over whose splices, or changes that are merged, something changes, or no longer.
    pub fn follow_texts(&mut self, followed: bool) {
        self.edited = followed.then(OrderedSet::default);
    }

    /// The documents of which that is so, since this was asked last.
    pub fn take_edited(&mut self) -> OrderedSet<Address> {
        self.edited.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The documents with splices, or with changes that are merged.
    pub fn with_texts(&self) -> OrderedSet<Address> {
        let mut with_texts = OrderedSet::default();
        for (address, _) in self.documents.iter().filter(|(_, document)| document.has_texts()) {
            with_texts.insert(address.clone(), ());
        }
        with_texts
    }

    /// The texts that the runs of splices, and the changes, of a document were made on, whether its base has them or not; and those that layers were made on
    /// that are not stored, where they go on with a run behind one that is: somebody else may store something between the two.
    pub fn texts(&self, address: &Address, is_stored: &dyn Fn(&MutationId) -> bool) -> Vec<Before> {
        let Some(document) = self.documents.get(address) else { return Vec::new() };
        let mut fold = Fold { captures: true, ..document.fold() };
        let mut texts = document.begun(&mut fold, |_, _| true);
        texts.extend(document.gone_on(is_stored));
        texts
    }

    /// The texts of runs of a document whose place its base no longer has.
    pub fn moved(&mut self, address: &Address) -> Vec<Before> {
        self.documents.get_mut(address).map_or_else(Vec::new, |document| document.moved())
    }

    /// Remembers the texts that splices of a document were made on, before anything about it changes.
    pub fn capture(&mut self, address: &Address) {
        self.documents.get_mut(address).into_iter().for_each(|document| document.capture());
    }

    /// The document that the first of these layers to say what it was made on was made on.
    pub fn made_on(&self, address: &Address, ids: &[MutationId]) -> Option<Json> {
        let layers = self.documents.get(address)?.layers.iter().filter(|layer| ids.contains(&layer.id));
        let text = layers.flat_map(|layer| {
            let changes = layer.operations.iter().enumerate().filter(|(_, operation)| is_change(operation));
            changes.filter_map(|(index, _)| layer.before(index))
        });
        // No text is no document.
        Json::parse(&text.into_iter().next()?.whole()).ok()
    }

    /// Whether anything is kept of what layers of a document were made on: else that is what is there.
    pub fn has_befores(&self, address: &Address) -> bool {
        self.documents.get(address).is_some_and(|document| document.layers.iter().any(|layer| !layer.befores.is_empty()))
    }

    /// The texts that were kept for runs in one layer, read from the store.
    pub fn restore_befores(&mut self, address: &Address, id: &MutationId, befores: Vec<(usize, Text)>) {
        let Some(document) = self.documents.get_mut(address) else { return };
        if let Some(layer) = document.layers.iter_mut().find(|layer| layer.id == *id) {
            layer.befores = befores;
        }
    }

    /// A text that was kept for one of the operations of a layer.
    pub fn add_before(&mut self, address: &Address, id: &MutationId, operation: usize, text: Text) {
        let Some(document) = self.documents.get_mut(address) else { return };
        document.draft = None;
        if let Some(layer) = document.layers.iter_mut().find(|layer| layer.id == *id) {
            layer.befores.push((operation, text));
        }
    }

    pub(super) fn note(&mut self, address: &Address) {
        if let Some(edited) = &mut self.edited
            && self.documents.get(address).is_some_and(|document| document.has_texts())
        {
            edited.insert(address.clone(), ());
        }
    }
}

impl Layer {
    /// Lays it, and remembers what its operations were made on.
    pub(super) fn capture_by(&mut self, fold: &mut Fold, has_rules: bool) {
        self.is_captured = true;
        for index in 0..self.operations.len() {
            let so_far = if index == 0 && self.before(0).is_none() { fold.so_far(&self.operations[0]) } else { None };
            let before = fold.operation(self, index).or(so_far);
            if let (Some(text), None) = (before, self.before(index)) {
                self.befores.push((index, text));
            }
            // One that cannot be placed has no run. Its text may yet come back.
            let operation = &self.operations[index];
            let is_known = fold.run.is_some() || self.before(index).is_some();
            self.is_captured &= is_known || !(is_splice(operation) || has_rules && is_change(operation));
        }
    }
}

impl Document {
    /// Whether any layer is made again otherwise where another document is.
    fn has_texts(&self) -> bool {
        self.layers.iter().any(|layer| self.is_merged(layer))
    }

    /// Remembers the text that each layer's splices were made on, before the base moves or a layer goes.
    pub(super) fn capture(&mut self) {
        let is_new = |layer: &Layer| !layer.is_captured && self.is_merged(layer);
        let Some(last) = self.layers.iter().rposition(is_new) else { return };
        let mut fold = Fold { captures: true, ..self.fold() };
        for layer in &mut self.layers[..=last] {
            layer.capture_by(&mut fold, self.rules.is_some());
        }
    }

    /// The texts of runs whose place the base no longer has, after it moved. A run whose place is there needs none; while nobody knows
    /// what is there, every one does.
    pub(super) fn moved(&mut self) -> Vec<Before> {
        if !self.has_texts() {
            return Vec::new();
        }
        let mut fold = self.fold();
        let moved = self.begun(&mut fold, |fold, is_known| fold.is_moved() || !is_known);
        if self.is_known() {
            fold.end_run();
            self.draft = Some(fold.draft);
        }
        moved
    }

    fn gone_on(&self, is_stored: &dyn Fn(&MutationId) -> bool) -> Vec<Before> {
        let (mut fold, mut was_stored, mut texts) = (self.fold(), true, Vec::new());
        for layer in &self.layers {
            let is_behind = std::mem::replace(&mut was_stored, is_stored(&layer.id)) && !was_stored;
            if is_behind
                && let Some(operation @ Operation::Splice(splice)) = layer.operations.first()
                && let Some(text) = fold.so_far(operation)
            {
                texts.push(Before { id: layer.id.clone(), operation: 0, path: splice.path.clone(), text });
            }
            fold.layer(layer);
        }
        texts
    }

    /// Lays everything, and gives the texts of the runs that are such when they begin. It is said of each whether anybody knows what is
    /// there.
    fn begun(&self, fold: &mut Fold, is_such: fn(&Fold, bool) -> bool) -> Vec<Before> {
        let mut begun = Vec::new();
        for layer in &self.layers {
            for (index, operation) in layer.operations.iter().enumerate() {
                let was_known = fold.is_known;
                let Some(text) = fold.operation(layer, index) else { continue };
                let path = if let Operation::Splice(splice) = operation { splice.path.clone() } else { Pointer::default() };
                if is_such(fold, was_known) {
                    begun.push(Before { id: layer.id.clone(), operation: index as u32, path, text });
                }
            }
        }
        begun
    }
}
