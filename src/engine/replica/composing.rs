//! What several layers of one document come to, whatever they are laid on.

use super::{Composer, Replica};
use crate::engine::ident::MutationId;
use crate::engine::merging::is_change;
use crate::protocol::{Address, Operation};

impl Replica {
    /// What the layers of these, which follow each other, do as few operations, and of how many; the same on every base. `None` where
    /// that depends on the base: one of them cannot be applied, is on a text that has moved, or is merged by rules.
    pub fn composed(&self, address: &Address, ids: &[MutationId]) -> Option<(Vec<Operation>, usize)> {
        let document = self.documents.get(address).filter(|document| !document.is_unloaded())?;
        let (mut fold, mut rest, mut count) = (document.fold(), ids, 0);
        for layer in &document.layers {
            let is_first = rest.len() == ids.len();
            if !layer.is_next(&mut rest) {
                if !is_first {
                    break;
                }
                fold.layer(layer);
                continue;
            }
            if fold.rules.is_some() && layer.has(is_change) {
                return None;
            }
            if is_first {
                if fold.is_moved() {
                    return None;
                }
                (fold.made, fold.unfit) = (Some(Composer::default()), None);
            }
            count += layer.operations.len();
            for (index, operation) in layer.operations.iter().enumerate() {
                fold.operation(layer, index);
                if matches!(operation, Operation::Splice(_)) && fold.run.as_ref().is_none_or(|run| run.moved.is_some()) {
                    return None;
                }
            }
        }
        let made = fold.made.filter(|_| rest.is_empty() && fold.unfit.is_none())?;
        Some((made.finish(), count))
    }
}
