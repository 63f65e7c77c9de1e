//! Who looks at what: documents the app holds, and what they were before this turn touched them.

use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::{Address, Json};

/// What a reader saw of a document: `None` where nobody could know.
pub type Seen = Option<Option<Json>>;

/// The documents the app looks at.
#[derive(Debug, Default)]
pub struct Watch {
    held: OrderedSet<Address>,
    touched: Ordered<Address, Seen>,
}

impl Watch {
    /// The app looks, or no longer does. Whether that is news.
    pub fn hold(&mut self, address: Address, held: bool) -> bool {
        if held { self.held.insert(address, ()).is_none() } else { self.held.remove(&address).is_some() }
    }

    /// Whether the app looks at `address`.
    pub fn is_held(&self, address: &Address) -> bool {
        self.held.contains_key(address)
    }

    /// All documents that the app looks at.
    pub fn held(&self) -> Vec<Address> {
        let mut held = Vec::with_capacity(self.held.len());
        self.held.keys().for_each(|address| held.push(address.clone()));
        held
    }

    /// Remembers what a held document was before something else than the app's own write changes it.
    pub fn touch(&mut self, address: &Address, seen: impl FnOnce() -> Seen) {
        if self.held.contains_key(address) && !self.touched.contains_key(address) {
            self.touched.insert(address.clone(), seen());
        }
    }

    /// The held documents that were touched, with what they were.
    pub fn take_touched(&mut self) -> Ordered<Address, Seen> {
        std::mem::take(&mut self.touched)
    }
}
