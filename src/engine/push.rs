//! Batches: what goes out together, and how large one may be.

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::ident::MutationId;

/// Bytes of all pushes under way that go on when their page is closed. A browser refuses one that would make it more than 64 KiB on the
/// whole page, where other clients and the app itself may have some.
pub const OUTLIVING_BYTES_MAX: u64 = 16 << 10;

/// One batch, from the moment its entries are chosen until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchId(pub u64);

/// Entries that go out together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Which.
    pub id: BatchId,
    /// In order.
    pub entries: Vec<MutationId>,
    /// Whether they are not sent, but asked about.
    pub is_question: bool,
}

/// How many entries a batch may hold: halved when one is too large or too slow, doubled again with each that passes.
#[derive(Clone, Debug)]
pub struct BatchSize {
    items: u32,
    items_max: u32,
}

impl BatchSize {
    /// The most that the options allow.
    pub fn new(config: &Config) -> BatchSize {
        let items_max = config.batch_items_max.max(1);
        BatchSize { items: items_max, items_max }
    }

    /// Most entries in the next batch.
    pub fn items(&self) -> usize {
        self.items as usize
    }

    /// A batch of `entries` was too much: the next one holds half of it. A refused one is cut down until the refused
    /// entry is alone.
    pub fn halve(&mut self, entries: usize) {
        self.items = (entries as u32 / 2).clamp(1, self.items_max);
    }

    /// A batch was answered entry by entry.
    pub fn grow(&mut self) {
        self.items = self.items.saturating_mul(2).min(self.items_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h7_a_batch_is_halved_until_one_is_alone() {
        let mut size = BatchSize::new(&Config { batch_items_max: 50, ..Config::default() });
        let mut sizes = Vec::new();
        while size.items() > 1 {
            size.halve(size.items());
            sizes.push(size.items());
        }
        assert_eq!(sizes, [25, 12, 6, 3, 1]);
        size.grow();
        assert_eq!(size.items(), 2);
    }
}
