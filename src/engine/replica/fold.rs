//! Operations laid over a base: what a document looks like, and what each of them does to it as it is.

use std::sync::Arc;

use super::{Layer, is_whole};
use crate::engine::coalesce::Composer;
use crate::engine::merging::{is_change, made_again};
use crate::merge::text::{Change, merge};
use crate::merge::{Clash, Rules};
use crate::protocol::text::units;
use crate::protocol::{ApplyError, Draft, Json, Operation, Patch, Pointer, Splice, Text, Value};

/// Lays operations over a base, one after the other (law I5), and says of each what it does on the base as it is.
pub(super) struct Fold {
    pub(super) draft: Draft,
    pub(super) run: Option<Box<Run>>,
    /// What they do, composed, where somebody asks.
    pub(super) made: Option<Composer>,
    /// Why one of them could not be applied. It does nothing to the draft.
    pub(super) unfit: Option<ApplyError>,
    /// By which rules changes are merged that were made on another document.
    pub(super) rules: Option<Arc<Rules>>,
    /// Whether anybody knows what is there.
    pub(super) is_known: bool,
    /// Whether what each change is made on is asked for.
    pub(super) captures: bool,
    /// Whether the last operation was made on another document.
    pub(super) is_merged: bool,
    /// How what somebody else had changed, too, was settled.
    pub(super) clashes: Vec<Clash>,
}

/// Splices in a row on one text.
pub(super) struct Run {
    path: Pointer,
    /// The text as its author saw it: before the run, and so far.
    before: Text,
    after: Text,
    /// Where another text is there: that one, or `None` where there is no text at all.
    pub(super) moved: Option<Option<Text>>,
}

impl Fold {
    pub(super) fn on(document: Option<Json>) -> Fold {
        Fold {
            draft: Draft::of(document),
            run: None,
            made: None,
            unfit: None,
            rules: None,
            is_known: true,
            captures: false,
            is_merged: false,
            clashes: Vec::new(),
        }
    }

    pub(super) fn layer(&mut self, layer: &Layer) {
        for index in 0..layer.operations.len() {
            self.operation(layer, index);
        }
    }

    /// Whether the run that goes on is on a text that has moved, or the change that was last is.
    pub(super) fn is_moved(&self) -> bool {
        self.is_merged || self.run.as_ref().is_some_and(|run| run.moved.is_some())
    }

    /// The text that a splice was made on, where it goes on with the run that is there.
    pub(super) fn so_far(&self, operation: &Operation) -> Option<Text> {
        let Operation::Splice(splice) = operation else { return None };
        self.run.as_ref().filter(|_| self.continues(splice)).map(|run| run.after.clone())
    }

    /// Lays one operation of a layer; where it begins a run of splices, returns the text the run was made on, and of a change the text
    /// of the document, where that was kept or is asked for.
    pub(super) fn operation(&mut self, layer: &Layer, index: usize) -> Option<Text> {
        let operation = &layer.operations[index];
        self.is_merged = false;
        let Operation::Splice(splice) = operation else {
            self.end_run();
            return self.change(layer, index);
        };
        if self.continues(splice) {
            self.go_on(splice, operation);
            return None;
        }
        self.end_run();
        let there = self.draft.text(&splice.path).cloned();
        let fits = there.as_ref().is_some_and(|text| splice.on.is_none_or(|on| on == text.mark()));
        // Without the text it was made on it cannot be placed; whoever asks for a draft sees what is there.
        let (before, moved) = if fits { (there?, None) } else { (layer.before(index)?.clone(), Some(there)) };
        self.run = Some(Box::new(Run { path: splice.path.clone(), after: before.clone(), before: before.clone(), moved }));
        self.go_on(splice, operation);
        Some(before)
    }

    /// Lays an operation that is no splice. One that was made on another document is merged with what is there.
    fn change(&mut self, layer: &Layer, index: usize) -> Option<Text> {
        let operation = &layer.operations[index];
        let kept = layer.before(index).cloned();
        let rules = self.rules.clone().filter(|_| self.is_known && !layer.is_shadow && is_change(operation));
        // What says all of a document is that, unless it is merged with what nobody knows.
        self.is_known |= is_whole(operation) && (self.rules.is_none() || kept.is_none());
        let Some(rules) = rules.filter(|_| kept.is_some() || self.captures) else {
            self.apply(operation);
            return kept;
        };
        let there = self.draft.to_json();
        let said = kept.or_else(|| Some(Text::of(there.as_ref().map_or("", |json| json.as_str()))))?;
        // No text is no document.
        match made_again(&rules, Json::parse(&said.whole()).ok(), operation, there) {
            None => self.apply(operation),
            Some((operation, clashes)) => {
                self.is_merged = true;
                self.clashes.extend(clashes);
                self.apply(&operation);
            }
        }
        Some(said)
    }

    /// Whether a splice goes on with the run. Where what the run makes of another text is what its author saw, the next one is made on
    /// that: as part of the run, what was typed last could go with what was taken away.
    pub(super) fn continues(&self, splice: &Splice) -> bool {
        let mark = |run: &Run| splice.on.is_none_or(|on| on == run.after.mark());
        self.run.as_ref().is_some_and(|run| run.path == splice.path && mark(run) && !run.has_arrived())
    }

    fn go_on(&mut self, splice: &Splice, operation: &Operation) {
        let Some(run) = &mut self.run else { return };
        let made = run.after.splice(splice.at, splice.remove, &splice.insert);
        if run.moved.is_none() && made.is_ok() {
            // The text that is there is the run's own.
            if let Some(text) = self.draft.text(&run.path) {
                text.clone_from(&run.after);
            }
            if let Some(made) = &mut self.made {
                made.push(operation);
            }
        }
    }

    pub(super) fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        if let Some(there) = &run.moved
            && let Some(operation) = run.on(there.as_ref())
        {
            self.apply(&operation);
        }
    }

    fn apply(&mut self, operation: &Operation) {
        self.unfit = self.draft.apply(operation).err().or(self.unfit.take());
        if let Some(made) = &mut self.made {
            made.push(operation);
        }
    }
}

impl Run {
    /// Whether another text is there, and becomes what the author saw.
    fn has_arrived(&self) -> bool {
        let Some(Some(there)) = &self.moved else { return false };
        let after = self.after.whole();
        merge(&self.before.whole(), &after, &there.whole()).text == after
    }

    /// What it does to another text. Where that is gone, what was written in it is not.
    fn on(&self, there: Option<&Text>) -> Option<Operation> {
        let after = self.after.whole();
        let Some(there) = there else {
            let mut patch = Patch::default();
            patch.plant(&self.path, Patch::Set(Value::String(after))).ok()?;
            return Some(Operation::Patch(patch));
        };
        let remote = there.whole();
        let merged = merge(&self.before.whole(), &after, &remote).text;
        let change = Change::between(&remote, &merged);
        Some(Operation::Splice(Splice {
            path: self.path.clone(),
            at: units(&remote[..change.start]),
            remove: units(&remote[change.start..change.end]),
            insert: change.text.to_owned(),
            on: Some(there.mark()),
        }))
    }
}
