//! After a panic the page's writes are still awaited, but what became of them may have been lost with the module that knew: the
//! next engine says what the store says.

use std::sync::Arc;

use super::Engine;
use super::effect::Sink;
use super::error::{Code, Fault};
use super::header::Header;
use super::ident::MutationId;
use super::notice::Ending;
use super::settling::tell_settled;
use crate::ordered::Ordered;

/// How writes that are awaited have ended, by their ids: the word that the store has for it, and the name of their entry.
pub(super) type Endings = Ordered<Arc<str>, (String, MutationId)>;

impl Engine {
    /// Tells of all that is awaited how it ended, but for what has not. Where the store does not say so any more, nobody can.
    pub(super) fn tell_awaited(&mut self, endings: &Endings, effects: &mut impl Sink) {
        for id in std::mem::take(&mut self.config.awaited) {
            let id = MutationId(id.into());
            if self.outbox.order(&id).is_none() {
                let ending = endings.get(&id.0).and_then(|(word, entry)| self.ending(word, entry));
                let heard = self.tabs.concluded.iter().find(|(heard, _)| *heard == id).map(|(_, ending)| ending.clone());
                tell_settled(&[id], &ending.or(heard).unwrap_or_else(nobody_knows), effects);
            }
        }
    }

    pub(super) fn ending(&self, word: &str, entry: &MutationId) -> Option<Ending> {
        Some(match word {
            "applied" => Ending::Applied { version: None },
            "merged" => Ending::Merged { by: self.outbox.carrier(entry)?.clone(), maybe_applied: None },
            "" => Ending::Cancelled,
            "rejected" => {
                let gone = || Fault::new(Code::Rejected, "it was refused, and is no longer in the inbox");
                Ending::Rejected { error: self.why_aside(entry).unwrap_or_else(gone) }
            }
            "unknown" => self.why_aside(entry).map_or_else(nobody_knows, |error| Ending::Unknown { error }),
            _ => return None,
        })
    }

    /// Why a write is in the inbox, if it is.
    fn why_aside(&self, entry: &MutationId) -> Option<Fault> {
        Header::parse(&self.inbox.item(entry)?.header).and_then(|mut header| header.read("error")).ok()
    }
}

pub(super) fn nobody_knows() -> Ending {
    Ending::Unknown { error: Fault::new(Code::WasmPanic, "how it ended was lost with the module") }
}
