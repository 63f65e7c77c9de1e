//! Feeds: where each one's next pull goes on, and when to ask.

use std::collections::BTreeSet;

use super::clock::Timestamp;
use super::ident::{AskId, RequestId};
use super::retry;
use super::rng::Rng;
use crate::protocol::Address;

/// One feed.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Its name.
    pub name: String,
    /// Where the next pull goes on; `None` from the beginning.
    pub cursor: Option<String>,
    /// The request on its way.
    pub request: Option<RequestId>,
    /// When it is to be pulled.
    pub due: Timestamp,
    /// How often in a row the server answered that it should be tried again.
    pub failures: u32,
    /// Everything is pulled again: what has been seen so far. What is not seen by the end is gone.
    pub resync: Option<BTreeSet<Address>>,
    /// Who asked, and is answered when the last page is applied.
    pub asks: Vec<AskId>,
}

impl Feed {
    /// A feed that nothing is known of.
    pub fn new(name: String, now: Timestamp) -> Feed {
        Feed { name, cursor: None, request: None, due: now, failures: 0, resync: None, asks: Vec::new() }
    }

    /// Starts again from the beginning. With `sweep`, documents that do not come again are gone.
    pub fn restart(&mut self, now: Timestamp, sweep: bool) {
        self.cursor = None;
        self.due = now;
        if sweep {
            self.resync = Some(BTreeSet::new());
        }
    }

    /// The server answered that it should be tried again, perhaps saying when.
    pub fn on_retry(&mut self, now: Timestamp, after_ms: Option<u64>, rng: &mut Rng) {
        self.failures = self.failures.saturating_add(1);
        let drawn = retry::ENTRY.draw(self.failures, rng);
        self.due = now.after(after_ms.map_or(drawn, |asked| asked.saturating_add(drawn)));
    }
}
