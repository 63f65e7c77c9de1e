//! What was refused, or of which nobody knows, until the app removes it.

use std::sync::Arc;

use super::ident::MutationId;
use crate::ordered::Ordered;
use crate::protocol::Address;

/// One write in the inbox.
#[derive(Debug)]
pub struct Item {
    /// The documents it is on.
    pub addresses: Vec<Address>,
    /// Whether nobody knows if the server has it.
    pub is_unknown: bool,
}

/// All of them, by the names of their entries.
#[derive(Debug, Default)]
pub struct Inbox {
    items: Ordered<Arc<str>, Item>,
}

impl Inbox {
    /// Takes one in.
    pub fn keep(&mut self, id: &MutationId, item: Item) {
        self.items.insert(id.0.clone(), item);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it has this one.
    pub fn has(&self, id: &MutationId) -> bool {
        self.items.contains_key(&id.0)
    }

    /// The one of this document that came last, by the order of the ids.
    pub fn last_of(&self, address: &Address) -> Option<&Item> {
        self.items.iter().map(|(_, item)| item).filter(|item| item.addresses.contains(address)).last()
    }
}
