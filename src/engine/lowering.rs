//! Saying a write in the operations that a backend takes. What it does not know is said in the largest operation that it does:
//! a patch of the place, or the whole document.

use super::Engine;
use super::boot::parts_of;
use super::config::Level;
use crate::protocol::member::Fields;
use crate::protocol::{ApplyError, Draft, Json, Operation, Part, Patch};

/// What these make of a document: those that can be applied.
pub(super) fn applied(document: Option<Json>, operations: &[Operation]) -> Option<Json> {
    let mut draft = Draft::of(document);
    for operation in operations {
        let _ = draft.apply(operation);
    }
    draft.to_json()
}

/// Whether these change nothing in a document: what they say is there.
pub(super) fn is_shown(document: &Option<Json>, operations: &[Operation]) -> bool {
    let made = applied(document.clone(), operations);
    match (document, made) {
        (Some(document), Some(made)) => document.to_tree() == made.to_tree(),
        (None, None) => true,
        _ => false,
    }
}

/// What is said in an entry's text.
pub(super) fn sent_in(entry: &str) -> Vec<Part> {
    parts_of(Fields::of(entry).raw("operations").unwrap_or_default())
}

impl Engine {
    /// Whether the backend takes this operation as it is. What grows or edits a value is lowered where an attempt without an
    /// answer may be carried out a second time.
    fn takes(&self, operation: &Operation) -> bool {
        let is_safe = self.config.level == Level::A || operation.path().is_none();
        is_safe && self.takes_named(operation.name())
    }

    pub(super) fn takes_named(&self, name: &str) -> bool {
        self.config.accepts.is_empty() || self.config.accepts.iter().any(|accepted| accepted == name)
    }

    /// The same write in operations that the backend takes; `None` where it takes it as it is. Fails where something in it
    /// cannot be applied to the document as it is known here, and so has no other way to be said.
    #[inline(never)]
    pub(super) fn lower(&self, parts: &[Part]) -> Result<Option<Vec<Part>>, ApplyError> {
        let mut lowered = parts.to_vec();
        let mut is_other = false;
        for part in &mut lowered {
            if !part.operations.iter().all(|operation| self.takes(operation)) {
                is_other = true;
                let document = self.replica.acknowledged(&part.address);
                part.operations = vec![as_values(document, &part.operations, self.takes_named("patch"))?];
            }
        }
        Ok(Some(lowered).filter(|_| is_other))
    }
}

/// What these make of a document, as one operation that says values: a patch of the places where it may be one, or the whole
/// document.
pub(super) fn as_values(document: Option<Json>, operations: &[Operation], may_patch: bool) -> Result<Operation, ApplyError> {
    let (mut draft, mut patch) = (Draft::of(document), Some(Patch::default()).filter(|_| may_patch));
    for operation in operations {
        draft.apply(operation)?;
        let step = match (operation, operation.path()) {
            (Operation::Patch(step), _) => Some(step.clone()),
            (_, Some(path)) => {
                let mut step = Patch::default();
                let value = draft.at(path).map(Patch::Set);
                value.and_then(|value| step.plant(path, value).ok()).map(|()| step)
            }
            _ => None,
        };
        patch = match (patch, step) {
            (Some(mut patch), Some(step)) => {
                patch.then(&step);
                Some(patch)
            }
            _ => None,
        };
    }
    Ok(match patch {
        Some(patch) => Operation::Patch(patch),
        None => draft.to_json().map_or(Operation::Delete, Operation::Put),
    })
}
