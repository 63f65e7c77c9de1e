//! Who looks at what: documents the app holds, and what they were before this turn touched them.

use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::{Address, Json};

/// What a reader saw of a document: `None` where nobody could know.
pub type Seen = Option<Option<Json>>;

/// The documents the app looks at.
#[derive(Debug, Default)]
pub struct Watch {
    held: OrderedSet<Address>,
    /// Collections of which it looks at all documents.
    whole: Vec<Address>,
    touched: Ordered<Address, Seen>,
}

impl Watch {
    /// The app looks, or no longer does. Whether that is news.
    pub fn hold(&mut self, address: &Address, held: bool) -> bool {
        if !address.key.is_empty() {
            return if held { self.held.insert(address.clone(), ()).is_none() } else { self.held.remove(address).is_some() };
        }
        let was_held = self.is_held(address);
        self.whole.retain(|whole| whole != address);
        if held {
            self.whole.push(address.clone());
        }
        held != was_held
    }

    /// Whether the app looks at `address`.
    pub fn is_held(&self, address: &Address) -> bool {
        self.whole.iter().any(|whole| whole.collection == address.collection) || self.held.contains_key(address)
    }

    /// What the app looks at.
    pub fn held(&self) -> Vec<Address> {
        let mut held = Vec::with_capacity(self.held.len());
        self.held.keys().chain(&self.whole).for_each(|address| held.push(address.clone()));
        held
    }

    /// Whether it was touched.
    pub fn is_touched(&self, address: &Address) -> bool {
        self.touched.contains_key(address)
    }

    /// Remembers what a held document was before something else than the app's own write changes it.
    pub fn touch(&mut self, address: &Address, seen: impl FnOnce() -> Seen) {
        if self.is_held(address) && !self.touched.contains_key(address) {
            self.touched.insert(address.clone(), seen());
        }
    }

    /// The held documents that were touched, with what they were.
    pub fn take_touched(&mut self) -> Ordered<Address, Seen> {
        std::mem::take(&mut self.touched)
    }
}
