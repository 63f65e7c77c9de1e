//! Base, overlay, view: the server's truth about each document, and what is pending laid over it.

use std::sync::Arc;

use super::coalesce::Composer;
use super::fitting::Grounded;
use super::ident::MutationId;
use super::merging::{Strategies, is_change};
use crate::merge::Rules;
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::text::SpliceError;
use crate::protocol::{Address, ApplyError, Draft, Json, Operation, Pointer, Splice, Text, TextMark};

mod composing;
mod fold;
mod texts;

use fold::Fold;
pub use texts::Before;

/// The server's truth about one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// The version; opaque. Empty where the server names none.
    pub version: Arc<str>,
    /// The position in the server's log, where there is one.
    pub seq: Option<u64>,
    /// The generation of that log.
    pub generation: Arc<str>,
    /// The document; `None` where it is deleted.
    pub value: Option<Json>,
}

/// What is known of the server's truth about one document.
#[derive(Clone, Debug)]
pub enum Knowledge {
    /// It is in a page that is not in memory.
    Unloaded,
    /// Nothing was ever heard of it.
    Nothing,
    /// This.
    Known(Box<Base>),
}

/// What a document takes besides its text.
const DOCUMENT_BYTES: u64 = 256;

impl Knowledge {
    /// Bytes of the base.
    fn size(&self) -> u64 {
        let Knowledge::Known(base) = self else { return 0 };
        DOCUMENT_BYTES + base.value.as_ref().map_or(0, |value| value.as_str().len() as u64)
    }
}

/// One mutation, or one frozen entry, laid over the base of one document.
#[derive(Clone, Debug)]
struct Layer {
    /// Its place in the order of the outbox.
    order: u64,
    id: MutationId,
    operations: Vec<Operation>,
    /// For splices that begin a run, or may come to: which of the operations, and the text it was made on, once the base
    /// has moved under it.
    befores: Vec<(usize, Text)>,
    /// Whether the server has it: an entry that no pull has shown yet. These lie below all others, and set or remove values: none
    /// of them grows or edits one.
    is_shadow: bool,
    /// Whether the text that each of its splices was made on is known for good.
    is_captured: bool,
    /// What it did, where that is of an earlier version of the app and is not migrated. Meanwhile it does nothing.
    aside: Option<Box<Aside>>,
}

/// A write of an earlier version of the app, as it was made.
#[derive(Clone, Debug)]
pub struct Aside {
    /// Of which version of its collection.
    pub from: u32,
    /// What it did.
    pub operations: Vec<Operation>,
    /// What it was made on, where that is known.
    pub base: Option<Json>,
}

/// One document in memory.
#[derive(Debug)]
struct Document {
    /// The rules of its collection, where it has some.
    rules: Option<Arc<Rules>>,
    knowledge: Knowledge,
    layers: Vec<Layer>,
    /// The view, while it is being edited.
    draft: Option<Draft>,
    /// When it was last looked at or changed, counted in such uses.
    used: u64,
}

/// A layer that was taken off, to be laid again somewhere else.
#[derive(Debug)]
pub struct Lifted(Layer);

impl Lifted {
    /// What it does.
    pub fn operations(&self) -> &[Operation] {
        &self.0.operations
    }
}

/// All documents in memory.
#[derive(Debug, Default)]
pub struct Replica {
    merge: Strategies,
    documents: Ordered<Address, Box<Document>>,
    uses: u64,
    /// Bytes of all bases.
    bytes: u64,
    /// The documents under or over whose splices something has changed, where somebody asks.
    edited: Option<OrderedSet<Address>>,
}

impl Replica {
    /// One without documents, whose documents are merged by these rules.
    pub fn by(merge: Strategies) -> Replica {
        Replica { merge, ..Replica::default() }
    }

    /// The base of `address`, where one is in memory.
    pub fn base(&self, address: &Address) -> Option<&Base> {
        self.documents.get(address)?.base()
    }

    /// Whether the base of `address` is in memory, or known not to be.
    pub fn is_resident(&self, address: &Address) -> bool {
        self.documents.get(address).is_some_and(|document| !document.is_unloaded())
    }

    /// The addresses of the documents in memory from this one on, in order.
    pub fn from(&self, address: &Address) -> impl Iterator<Item = &Address> {
        self.documents.from(address).map(|(address, _)| address)
    }

    /// The addresses of all documents with a base in memory.
    pub fn known(&self) -> impl Iterator<Item = (&Address, &Base)> {
        self.documents.iter().filter_map(|(address, document)| Some((address, document.base()?)))
    }

    /// Whether a reader can know what is there without reading a page.
    pub fn is_known(&self, address: &Address, unloaded: bool) -> bool {
        self.documents.get(address).map_or(!unloaded, |document| document.is_known())
    }

    /// How many documents are in memory.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Bytes of the documents in memory.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The documents with a base in memory and nothing laid over it, and when each was last used.
    pub fn idle(&self) -> impl Iterator<Item = (&Address, u64)> {
        let is_idle = |document: &Document| document.layers.is_empty() && document.base().is_some();
        self.documents.iter().filter(move |(_, document)| is_idle(document)).map(|(address, document)| (address, document.used))
    }

    /// The document is not in memory any more.
    pub fn evict(&mut self, address: &Address) {
        let document = self.documents.remove(address);
        self.bytes -= document.map_or(0, |document| document.knowledge.size());
    }

    /// What a reader sees; `Err` where nobody can know without the page.
    pub fn view(&mut self, address: &Address, unloaded: bool) -> Result<Option<Json>, ()> {
        let Some(document) = self.documents.get_mut(address) else { return if unloaded { Err(()) } else { Ok(None) } };
        self.uses += 1;
        document.used = self.uses;
        if document.layers.is_empty() {
            return if document.is_unloaded() { Err(()) } else { Ok(document.value()) };
        }
        document.draft().map(Draft::to_json).ok_or(())
    }

    /// The mark of the text that a splice would be made on, provided that it fits. `Ok(None)`: there is no such text.
    pub fn check_splice(&mut self, address: &Address, splice: &Splice) -> Result<Option<TextMark>, SpliceError> {
        let Some(draft) = self.documents.get_mut(address).and_then(|document| document.draft()) else { return Ok(None) };
        let Some(text) = draft.text(&splice.path) else { return Ok(None) };
        text.range(splice.at, splice.remove)?;
        Ok(Some(text.mark()))
    }

    /// Whether increments and appends among these, one after the other, can be applied to what a reader sees, which is known.
    pub fn check(&mut self, address: &Address, operations: &[Operation]) -> Result<(), ApplyError> {
        let mut nothing = Draft::of(None);
        let draft = self.documents.get_mut(address).and_then(|document| document.draft()).unwrap_or(&mut nothing);
        if let [operation] = operations {
            return draft.check(operation);
        }
        let mut trial = draft.clone();
        operations.iter().try_for_each(|operation| trial.apply(operation))
    }

    /// The 64-bit integer at `path` in what a reader sees.
    pub fn integer(&mut self, address: &Address, path: &Pointer) -> Option<i64> {
        self.documents.get_mut(address)?.draft()?.integer(path)
    }

    /// Lays a mutation over `address`. Its splices say what they were made on.
    pub fn lay(&mut self, address: &Address, unloaded: bool, order: u64, id: MutationId, operations: Vec<Operation>) {
        let document = self.document(address, unloaded);
        if let Some(draft) = &mut document.draft {
            let applied = operations.iter().try_for_each(|operation| draft.apply(operation));
            if applied.is_err() {
                document.draft = None;
            }
        }
        if !document.put_on(Layer::of(order, id, operations)) {
            document.draft = None;
        }
        self.note(address);
    }

    /// The operations that the layers of these mutations, in their order, make on the base as it is: splices whose text has moved are
    /// merged. `None` where nobody can know without the page.
    pub fn grounded(&self, address: &Address, ids: &[MutationId]) -> Option<Grounded> {
        let document = self.documents.get(address)?;
        if document.is_unloaded() {
            return None;
        }
        let (mut fold, mut rest, mut unfit) = (document.shaded(), ids, None);
        fold.made = Some(Composer::default());
        for layer in &document.layers {
            if layer.is_next(&mut rest) {
                fold.layer(layer);
                let at = ids.len() - rest.len() - 1;
                let is_unfit = fold.unfit.take().is_some() || layer.aside.is_some();
                unfit = unfit.or(is_unfit.then_some(at));
            }
        }
        fold.end_run();
        Some(Grounded { operations: fold.made?.finish(), unfit, clashes: fold.clashes })
    }

    /// The operations in the layers of these mutations, as they were made.
    pub fn laid(&self, address: &Address, ids: &[MutationId]) -> Vec<Operation> {
        let mut laid = Vec::new();
        if let Some(document) = self.documents.get(address) {
            for layer in &document.layers {
                if ids.contains(&layer.id) {
                    laid.extend_from_slice(&layer.operations);
                }
            }
        }
        laid
    }

    /// How many operations the layer of `id` has.
    pub fn operations_of(&self, address: &Address, id: &MutationId) -> u32 {
        let layer = self.documents.get(address).and_then(|document| document.layers.iter().find(|layer| layer.id == *id));
        layer.map_or(0, |layer| layer.operations.len() as u32)
    }

    /// What a layer does is of an earlier version of the app, and is put aside.
    pub fn put_aside(&mut self, address: &Address, id: &MutationId, from: u32) {
        let Some(document) = self.documents.get_mut(address) else { return };
        document.draft = None;
        if let Some(layer) = document.layers.iter_mut().find(|layer| layer.id == *id) {
            let operations = std::mem::take(&mut layer.operations);
            layer.aside = Some(Box::new(Aside { from, operations, base: None }));
        }
    }

    /// What the first of these layers did that was put aside.
    pub fn set_aside(&self, address: &Address, ids: &[MutationId]) -> Option<&Aside> {
        let layers = &self.documents.get(address)?.layers;
        layers.iter().find_map(|layer| layer.aside.as_deref().filter(|_| ids.contains(&layer.id)))
    }

    /// A layer was made on this; and does what `operation` says instead of what was put aside, where there is one.
    pub fn renew(&mut self, address: &Address, id: &MutationId, base: Option<Json>, operation: Option<Operation>) {
        let Some(document) = self.documents.get_mut(address) else { return };
        document.draft = None;
        let Some(layer) = document.layers.iter_mut().find(|layer| layer.id == *id) else { return };
        if let Some(operation) = operation {
            (layer.operations, layer.befores, layer.aside) = (vec![operation], Vec::new(), None);
        } else if let Some(aside) = &mut layer.aside {
            aside.base = base;
        }
    }

    /// The base with all that the server is known to have: what the next write is made on.
    pub fn acknowledged(&self, address: &Address) -> Option<Json> {
        self.documents.get(address)?.shaded().draft.to_json()
    }

    /// The layer of `id` is a shadow from here on.
    pub fn shade(&mut self, address: &Address, id: &MutationId) {
        let Some(document) = self.documents.get_mut(address) else { return };
        if let Some(layer) = document.layers.iter_mut().find(|layer| layer.id == *id) {
            layer.is_shadow = true;
        }
    }

    /// How many of the first shadows, of so many at the most, change nothing in what would be seen without them over `value`.
    pub fn shadows_in(&self, address: &Address, value: &Option<Json>, most: usize) -> usize {
        let Some(document) = self.documents.get(address).filter(|_| most > 0) else { return 0 };
        let seen = |without: usize| {
            let mut fold = Fold::on(value.clone());
            document.layers.iter().filter(|layer| layer.is_shadow).skip(without).for_each(|layer| fold.layer(layer));
            fold.draft.to_json().map(|json| json.to_tree())
        };
        let all = seen(0);
        (1..=most).rev().find(|without| seen(*without) == all).unwrap_or(0)
    }

    /// How many layers a run whose text has moved goes on for behind the layer `last`. Parted there, it would be merged as two
    /// changes, and the view would be another one.
    pub fn goes_on_behind(&self, address: &Address, last: &MutationId) -> usize {
        let Some(document) = self.documents.get(address) else { return 0 };
        if document.layers.last().is_none_or(|layer| layer.id == *last) {
            return 0;
        }
        let mut fold = document.fold();
        let mut layers = document.layers.iter();
        for layer in layers.by_ref() {
            fold.layer(layer);
            if layer.id == *last {
                break;
            }
        }
        let mut more = 0;
        for layer in layers {
            if !fold.is_moved() || !matches!(layer.operations.first(), Some(Operation::Splice(splice)) if fold.continues(splice)) {
                break;
            }
            fold.layer(layer);
            more += 1;
        }
        more
    }

    /// Puts one layer in place of those of `ids`, in their order: an entry for its members, a follow-up for an entry. What it makes on
    /// the base as it is must be what they made. A run that went on behind them begins anew there: returns the texts that
    /// must be kept for that, as [`Replica::rebase`] does.
    pub fn replace(
        &mut self,
        address: &Address,
        ids: &[MutationId],
        order: u64,
        id: MutationId,
        operations: Vec<Operation>,
    ) -> Vec<Before> {
        let Some(document) = self.documents.get_mut(address) else { return Vec::new() };
        document.capture();
        document.take_off(ids);
        let mut layer = Layer::of(order, id, operations);
        if document.layers.iter().any(|other| other.order < order && !other.is_shadow) {
            // It was made on what the server has, and not on what is below.
            layer.capture_by(&mut Fold { captures: true, ..document.shaded() }, document.rules.is_some());
        }
        document.put_on(layer);
        let moved = document.moved();
        self.note(address);
        moved
    }

    /// The layer of one mutation is that of another one from here on, which does the same. Returns texts as [`Replica::replace`] does.
    pub fn rename(&mut self, address: &Address, id: &MutationId, by: &MutationId) -> Vec<Before> {
        let Some(document) = self.documents.get_mut(address) else { return Vec::new() };
        document.capture();
        document.layers.iter_mut().filter(|layer| layer.id == *id).for_each(|layer| layer.id = by.clone());
        let moved = document.moved();
        self.note(address);
        moved
    }

    /// Changes the base of `address`, or takes layers off, or both, in one step. Returns the texts that must be kept from
    /// here on because a run of splices was made on them and the base no longer has them.
    pub fn rebase(&mut self, address: &Address, unloaded: bool, base: Option<Box<Base>>, off: &[MutationId]) -> Vec<Before> {
        let document = self.document(address, unloaded);
        document.capture();
        document.take_off(off);
        if let Some(base) = base {
            self.learn(address, Knowledge::Known(base));
        }
        let moved = self.document(address, unloaded).moved();
        self.note(address);
        moved
    }

    /// The page with `address` was read. What is in memory already is newer.
    pub fn load(&mut self, address: &Address, base: Box<Base>) {
        if self.document(address, true).is_unloaded() {
            self.learn(address, Knowledge::Known(base));
        }
    }

    /// The base of `address` is in a page from here on, and newer there than in memory.
    pub fn unload(&mut self, address: &Address) {
        self.learn(address, Knowledge::Unloaded);
    }

    /// The page that should hold `address` does not.
    pub fn lose(&mut self, address: &Address) {
        if self.documents.get(address).is_some_and(|document| document.is_unloaded()) {
            self.learn(address, Knowledge::Nothing);
        }
    }

    /// Takes the layer of a mutation off, to be laid again.
    pub fn lift(&mut self, address: &Address, id: &MutationId) -> Option<Lifted> {
        let document = self.documents.get_mut(address)?;
        let at = document.layers.iter().position(|layer| layer.id == *id)?;
        document.draft = None;
        Some(Lifted(document.layers.remove(at)))
    }

    /// Lays a layer again, at this place of the order.
    pub fn lay_lifted(&mut self, address: &Address, unloaded: bool, order: u64, Lifted(layer): Lifted) {
        let document = self.document(address, unloaded);
        document.draft = None;
        document.put_on(Layer { order, ..layer });
        self.note(address);
    }

    /// Everything is laid anew, over the bases as they are or over none.
    pub fn begin_anew(&mut self, keeps_bases: bool) {
        if !keeps_bases {
            *self = Replica { uses: self.uses, edited: self.edited.take(), ..Replica::by(self.merge.clone()) };
        }
        for document in self.documents.values_mut() {
            (document.layers, document.draft) = Default::default();
        }
    }

    /// Something else is known of a document that is there.
    fn learn(&mut self, address: &Address, knowledge: Knowledge) {
        let Some(document) = self.documents.get_mut(address) else { return };
        self.bytes = self.bytes + knowledge.size() - document.knowledge.size();
        document.knowledge = knowledge;
        document.draft = None;
        self.note(address);
    }

    fn document(&mut self, address: &Address, unloaded: bool) -> &mut Document {
        let knowledge = if unloaded { Knowledge::Unloaded } else { Knowledge::Nothing };
        self.uses += 1;
        let rules = self.merge.of_collection(&address.collection).cloned();
        let make = || Box::new(Document { rules, knowledge, layers: Vec::new(), draft: None, used: 0 });
        let document = self.documents.get_or_insert_with(address.clone(), make);
        document.used = self.uses;
        document
    }
}

impl Layer {
    fn of(order: u64, id: MutationId, operations: Vec<Operation>) -> Layer {
        Layer { order, id, operations, befores: Vec::new(), is_shadow: false, is_captured: false, aside: None }
    }

    /// Whether it is that of the first of `ids`, which then has had its turn.
    fn is_next(&self, ids: &mut &[MutationId]) -> bool {
        match ids.split_first() {
            Some((first, others)) if *first == self.id => {
                *ids = others;
                true
            }
            _ => false,
        }
    }

    fn has(&self, kind: fn(&Operation) -> bool) -> bool {
        self.operations.iter().any(kind)
    }

    /// The text that was kept for one of the operations: of several, the last one.
    fn before(&self, index: usize) -> Option<&Text> {
        self.befores.iter().rfind(|(of, _)| *of == index).map(|(_, text)| text)
    }
}

impl Document {
    fn base(&self) -> Option<&Base> {
        if let Knowledge::Known(base) = &self.knowledge { Some(base) } else { None }
    }

    fn value(&self) -> Option<Json> {
        self.base()?.value.clone()
    }

    fn is_unloaded(&self) -> bool {
        matches!(self.knowledge, Knowledge::Unloaded)
    }

    /// Without its page a document's view is known only from a put or delete on that is not merged with what is there.
    fn is_known(&self) -> bool {
        let says_all = |layer: &Layer| {
            let mut operations = layer.operations.iter().enumerate();
            operations.any(|(index, operation)| is_whole(operation) && (self.rules.is_none() || layer.before(index).is_none()))
        };
        !self.is_unloaded() || self.layers.iter().any(says_all)
    }

    /// Lays a layer where its order says; whether that is above all others.
    fn put_on(&mut self, layer: Layer) -> bool {
        let at = self.layers.iter().rposition(|other| other.order <= layer.order).map_or(0, |below| below + 1);
        self.layers.insert(at, layer);
        at + 1 == self.layers.len()
    }

    /// Takes the layers of these off, in their order.
    fn take_off(&mut self, mut ids: &[MutationId]) {
        self.layers.retain(|layer| !layer.is_next(&mut ids));
        self.draft = None;
    }

    /// Nothing laid over the base yet.
    fn fold(&self) -> Fold {
        Fold { rules: self.rules.clone(), is_known: !self.is_unloaded(), ..Fold::on(self.value()) }
    }

    /// Whether a layer is made again otherwise where another document is: it splices, or is merged by rules.
    fn is_merged(&self, layer: &Layer) -> bool {
        layer.has(is_splice) || self.rules.is_some() && !layer.is_shadow && layer.has(is_change)
    }

    /// The shadows laid over the base, and nothing else yet.
    fn shaded(&self) -> Fold {
        let mut fold = self.fold();
        for layer in &self.layers {
            if layer.is_shadow {
                fold.layer(layer);
            }
        }
        fold
    }

    /// The view, for editing.
    fn draft(&mut self) -> Option<&mut Draft> {
        if self.draft.is_none() {
            if !self.is_known() {
                return None;
            }
            let mut fold = self.fold();
            self.layers.iter().for_each(|layer| fold.layer(layer));
            fold.end_run();
            self.draft = Some(fold.draft);
        }
        self.draft.as_mut()
    }
}

/// Whether the operation edits a text.
pub(super) fn is_splice(operation: &Operation) -> bool {
    matches!(operation, Operation::Splice(_))
}

/// Whether it says what the document is, whatever it was.
fn is_whole(operation: &Operation) -> bool {
    matches!(operation, Operation::Put(_) | Operation::Delete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Patch, Value};

    fn at() -> Address {
        Address::of("c", "k")
    }

    fn id(name: &str) -> MutationId {
        MutationId(name.into())
    }

    fn base(version: &str, text: &str) -> Option<Box<Base>> {
        let value = Some(Json::parse(&format!(r#"{{"t":"{text}"}}"#)).unwrap());
        Some(Box::new(Base { version: version.into(), seq: None, generation: "g".into(), value }))
    }

    fn with_base(text: &str) -> Replica {
        let mut replica = Replica::default();
        replica.rebase(&at(), false, base("1", text), &[]);
        replica
    }

    fn splice(replica: &mut Replica, order: u64, at_unit: u64, remove: u64, insert: &str) {
        let path = Pointer::parse("/t").unwrap();
        let splice = Splice { path, at: at_unit, remove, insert: insert.into(), on: None };
        let on = replica.check_splice(&at(), &splice).unwrap();
        replica.lay(&at(), false, order, id(&format!("m{order}")), vec![Operation::Splice(Splice { on, ..splice })]);
    }

    fn text(replica: &mut Replica) -> String {
        let json = replica.view(&at(), false).unwrap().expect("a document");
        json.to_value()["t"].as_str().unwrap().to_owned()
    }

    #[test]
    fn i8_taking_one_off_leaves_the_others() {
        let mut replica = with_base("");
        for (order, insert) in [(1, "a"), (2, "b"), (3, "c")] {
            splice(&mut replica, order, order - 1, 0, insert);
        }
        assert_eq!(text(&mut replica), "abc");
        let kept = replica.rebase(&at(), false, None, &[id("m2")]);
        assert_eq!(text(&mut replica), "ac");
        assert_eq!(kept.len(), 1, "m3 was made on a text that nobody has any more");
    }

    #[test]
    fn p7_a_run_follows_its_text() {
        let mut replica = with_base("one two");
        splice(&mut replica, 1, 3, 0, "!");
        splice(&mut replica, 2, 4, 0, "!");
        let kept = replica.rebase(&at(), false, base("2", "one two?"), &[]);
        assert_eq!(text(&mut replica), "one!! two?");
        assert_eq!(kept.iter().map(|before| (before.id.clone(), before.text.whole())).collect::<Vec<_>>(), [(id("m1"), "one two".into())]);
        splice(&mut replica, 3, 0, 3, "1");
        assert_eq!(text(&mut replica), "1!! two?");
        replica.rebase(&at(), false, base("3", "one two? three"), &[]);
        assert_eq!(text(&mut replica), "1!! two? three");
        let few = replica.grounded(&at(), &[id("m1"), id("m2"), id("m3")]).unwrap().operations;
        assert_eq!(few.len(), 1, "one splice on the base as it is: {few:?}");
    }

    #[test]
    fn i8_taking_one_off_leaves_the_others_though_the_page_is_not_there() {
        let mut replica = Replica::default();
        replica.lay(&at(), true, 1, id("m1"), vec![Operation::Put(Json::parse(r#"{"t":"put"}"#).unwrap())]);
        splice(&mut replica, 2, 3, 0, "!");
        splice(&mut replica, 3, 0, 1, "P");
        let kept = replica.rebase(&at(), true, None, &[id("m2")]);
        assert_eq!((text(&mut replica).as_str(), kept.len()), ("Put", 1));
    }

    #[test]
    fn i9_every_run_keeps_its_text_while_nobody_knows_what_is_in_the_page() {
        let mut replica = with_base("one");
        splice(&mut replica, 1, 3, 0, "!");
        let patch = Operation::Patch(Patch::from_merge_patch(&Value::parse(r#"{"n":1}"#).unwrap()));
        replica.lay(&at(), false, 2, id("m2"), vec![patch]);
        splice(&mut replica, 3, 4, 0, "?");
        replica.capture(&at());
        replica.unload(&at());
        let kept = replica.moved(&at());
        assert_eq!(
            kept.iter().map(|before| (&*before.id.0, before.text.whole())).collect::<Vec<_>>(),
            [("m1", "one".into()), ("m3", "one!".into())]
        );
    }

    #[test]
    fn a_run_whose_text_is_gone_is_still_there() {
        let mut replica = with_base("kept");
        splice(&mut replica, 1, 4, 0, "!");
        replica.rebase(&at(), false, Some(Box::new(Base { value: None, ..*base("2", "").unwrap() })), &[]);
        assert_eq!(text(&mut replica), "kept!");
    }

    #[test]
    fn without_its_page_only_a_put_is_seen() {
        let mut replica = Replica::default();
        let patch = Operation::Patch(Patch::from_merge_patch(&Value::parse(r#"{"n":1}"#).unwrap()));
        replica.lay(&at(), true, 1, id("m1"), vec![patch]);
        assert_eq!(replica.view(&at(), true), Err(()));
        replica.load(&at(), base("1", "x").unwrap());
        assert_eq!(replica.view(&at(), true).unwrap().unwrap().as_str(), r#"{"t":"x","n":1}"#);
        let other = Address::of("c", "l");
        replica.lay(&other, true, 2, id("m2"), vec![Operation::Put(Json::parse("{}").unwrap())]);
        assert_eq!(replica.view(&other, true).unwrap().unwrap().as_str(), "{}");
    }
}
