//! What the app is told of single documents on their way to the server, and of which are pending. A document that nobody
//! looks at costs nothing.

use super::Engine;
use super::clock::{Timestamp, Wall};
use super::effect::{Effect, Sink};
use super::notice::{ItemState, ItemStatus, Notice};
use super::queued::State;
use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::Address;

/// What the app looks at, and what it was told.
#[derive(Debug, Default)]
pub(super) struct Items {
    observed: Ordered<Address, ItemStatus>,
    /// The pending documents that it was told of, where it looks at them.
    pending: Option<OrderedSet<Address>>,
    /// Documents whose status may be another one, for reasons that are not in the outbox.
    touched: OrderedSet<Address>,
    /// Documents of which the server's truth came.
    synced: OrderedSet<Address>,
}

/// What a document's state follows from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// An entry of it is on its way.
    sending: bool,
    /// There are writes of it that have not ended.
    pending: bool,
    /// The first of them was sent, or was answered that it should be tried again.
    failed: bool,
    /// The first of them carries on a write that met somebody else's.
    conflicted: bool,
    /// The last one of it in the inbox: whether nobody knows if the server has it.
    inbox: Option<bool>,
    /// The server's truth about it is known.
    known: bool,
}

/// A document's state, in one word. What is still to come goes before what has been.
pub(super) fn state(facts: Facts) -> ItemState {
    match facts {
        Facts { sending: true, .. } => ItemState::Syncing,
        Facts { pending: true, failed: true, .. } => ItemState::Failed,
        Facts { pending: true, conflicted: true, .. } => ItemState::Conflicted,
        Facts { pending: true, .. } => ItemState::Pending,
        Facts { inbox: Some(false), .. } => ItemState::Rejected,
        Facts { inbox: Some(true), .. } => ItemState::Failed,
        Facts { known: true, .. } => ItemState::Synced,
        _ => ItemState::Unknown,
    }
}

impl Items {
    /// Whether anybody looks at anything.
    fn is_watched(&self) -> bool {
        self.pending.is_some() || !self.observed.is_empty()
    }

    /// What was last told of a document that somebody looks at.
    #[cfg(feature = "sim")]
    pub(super) fn told(&self, address: &Address) -> Option<ItemStatus> {
        self.observed.get(address).copied()
    }

    /// Something about a document has changed besides what is queued.
    pub(super) fn touch(&mut self, address: &Address) {
        if self.observed.contains_key(address) {
            self.touched.insert(address.clone(), ());
        }
    }

    /// The server's truth about a document came.
    pub(super) fn note_sync(&mut self, address: &Address) {
        if self.observed.contains_key(address) {
            self.synced.insert(address.clone(), ());
        }
    }

    /// Everything may be something else.
    pub(super) fn touch_all(&mut self) {
        for address in self.observed.keys() {
            self.touched.insert(address.clone(), ());
        }
    }
}

impl Engine {
    /// The app looks at a document's status, or no longer does. It is told in any case what it is.
    pub(super) fn on_item_observed(&mut self, address: Address, observed: bool, effects: &mut impl Sink) {
        if observed {
            let status = ItemStatus { state: state(self.facts(&address)), last_sync: None };
            self.items.observed.insert(address.clone(), status);
            effects.push(Effect::Notify(Notice::Item { address, status }));
        } else {
            self.items.observed.remove(&address);
        }
        self.outbox.observe(self.items.is_watched());
    }

    /// The app looks at which documents are pending, or no longer does. It is told of all that are.
    pub(super) fn on_pending_observed(&mut self, observed: bool, effects: &mut impl Sink) {
        self.items.pending = observed.then(OrderedSet::default);
        self.outbox.observe(self.items.is_watched());
        if let Some(told) = &mut self.items.pending {
            let mut added = Vec::new();
            for address in self.outbox.documents() {
                told.insert(address.clone(), ());
                added.push(address.clone());
            }
            effects.push(Effect::Notify(Notice::PendingItems { added, removed: Vec::new() }));
        }
    }

    /// The outbox is another one, and what the app was told of may be something else.
    pub(super) fn observe_anew(&mut self) {
        self.items.touch_all();
        self.outbox.observe(self.items.is_watched());
        for address in self.items.pending.iter().flat_map(OrderedSet::keys) {
            self.outbox.touch(address);
        }
    }

    /// The app hears of what has changed in what it looks at.
    pub(super) fn tell_items(&mut self, now: Timestamp, effects: &mut impl Sink) {
        if !self.items.is_watched() {
            return;
        }
        let touched = self.outbox.take_touched();
        self.tell_pending(&touched, effects);
        let wall = self.wall_at(now);
        let synced = std::mem::take(&mut self.items.synced);
        for address in synced.keys() {
            self.tell_item(address, Some(wall), effects);
        }
        for touched in [touched, std::mem::take(&mut self.items.touched)] {
            for address in touched.keys() {
                self.tell_item(address, None, effects);
            }
        }
    }

    fn tell_pending(&mut self, touched: &OrderedSet<Address>, effects: &mut impl Sink) {
        let Some(told) = &mut self.items.pending else { return };
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for address in touched.keys() {
            if self.outbox.first(Some(address)).is_none() {
                if told.remove(address).is_some() {
                    removed.push(address.clone());
                }
            } else if told.insert(address.clone(), ()).is_none() {
                added.push(address.clone());
            }
        }
        if !added.is_empty() || !removed.is_empty() {
            effects.push(Effect::Notify(Notice::PendingItems { added, removed }));
        }
    }

    fn tell_item(&mut self, address: &Address, synced: Option<Wall>, effects: &mut impl Sink) {
        let state = state(self.facts(address));
        let Some(told) = self.items.observed.get_mut(address) else { return };
        let status = ItemStatus { state, last_sync: synced.or(told.last_sync) };
        if *told != status {
            *told = status;
            effects.push(Effect::Notify(Notice::Item { address: address.clone(), status }));
        }
    }

    pub(super) fn facts(&self, address: &Address) -> Facts {
        let mut facts = Facts {
            inbox: self.inbox.last_of(address).map(|item| item.is_unknown),
            known: self.replica.base(address).is_some() || self.is_paged(address) || self.shadow_version(address).is_some(),
            ..Facts::default()
        };
        if let Some(first) = self.outbox.first_queued(address) {
            facts.pending = true;
            facts.sending = first.state == State::Sent;
            facts.failed = first.entry.as_ref().is_some_and(|entry| entry.sent + entry.failures > 0);
            facts.conflicted = first.round() > 0 || self.conflicts.has(address);
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_of_what_is_still_to_come_and_then_of_what_has_been() {
        let nothing = Facts::default();
        let all = Facts { sending: true, pending: true, failed: true, conflicted: true, inbox: Some(false), known: true };
        for (facts, expected) in [
            (nothing, ItemState::Unknown),
            (Facts { known: true, ..nothing }, ItemState::Synced),
            (Facts { known: true, inbox: Some(false), ..nothing }, ItemState::Rejected),
            (Facts { known: true, inbox: Some(true), ..nothing }, ItemState::Failed),
            (Facts { pending: true, inbox: Some(false), ..nothing }, ItemState::Pending),
            (Facts { conflicted: true, failed: false, sending: false, ..all }, ItemState::Conflicted),
            (Facts { sending: false, ..all }, ItemState::Failed),
            (all, ItemState::Syncing),
        ] {
            assert_eq!(state(facts), expected, "{facts:?}");
        }
    }
}
