//! Feeds: where each one's next pull goes on, and when to ask.

use super::clock::Timestamp;
use super::error::Code;
use super::ident::RequestId;
use super::retry;
use super::rng::Rng;

/// Between two pulls that only hints ask for.
const HINTS_MS: u64 = 1_000;

/// One feed.
#[derive(Debug)]
pub struct Feed {
    /// Its name.
    pub name: String,
    /// Where the next pull goes on; `None` from the beginning.
    pub cursor: Option<String>,
    /// The request on its way, and what its reply must echo; nothing where its reply is of no use any more.
    pub request: Option<(RequestId, String)>,
    /// When it is to be pulled.
    pub due: Timestamp,
    /// When it was last asked.
    pub asked: Option<Timestamp>,
    /// How often in a row the server answered that it should be tried again.
    pub failures: u32,
    /// Everything is pulled again, and this has not come to its end.
    pub resyncs: bool,
    /// Whether all others begin again when it has brought its first page.
    pub is_blind: bool,
    /// The number of the last request that was answered...
    pub answered: u64,
    /// ...of the first one of these pages, until the last has come...
    pub began: Option<u64>,
    /// ...and of the first one when that was last so.
    pub pulled: u64,
    /// Why the last question got no good answer, where it did not.
    pub stale: Option<Code>,
}

impl Feed {
    /// A feed that nothing is known of.
    pub fn new(name: String, now: Timestamp) -> Feed {
        Feed {
            name,
            cursor: None,
            request: None,
            due: now,
            asked: None,
            failures: 0,
            resyncs: false,
            is_blind: false,
            answered: 0,
            began: None,
            pulled: 0,
            stale: None,
        }
    }

    /// The same feed as it is found in the store. What the server asked for stands.
    pub fn begun_anew(&mut self, now: Timestamp) -> Feed {
        let due = if self.failures > 0 { self.due } else { now };
        Feed { due, asked: self.asked, failures: self.failures, ..Feed::new(std::mem::take(&mut self.name), now) }
    }

    /// Something happened that may have changed the world: the feed is pulled soon, but not all the time (N13).
    pub fn hasten(&mut self, now: Timestamp) {
        let soonest = self.asked.map_or(now, |asked| asked.after(HINTS_MS).max(now));
        if self.failures == 0 {
            self.due = self.due.min(soonest);
        }
    }

    /// Starts again from the beginning. With `sweep`, documents that do not come again are gone.
    pub fn restart(&mut self, now: Timestamp, sweep: bool) {
        self.cursor = None;
        self.began = None;
        self.is_blind = false;
        self.due = now;
        if let Some((_, echo)) = &mut self.request {
            echo.clear();
        }
        self.resyncs |= sweep;
    }

    /// The server answered that it should be tried again, perhaps saying when.
    pub fn on_retry(&mut self, now: Timestamp, after_ms: Option<u64>, rng: &mut Rng) {
        self.failures = self.failures.saturating_add(1);
        let drawn = retry::ENTRY.draw(self.failures, rng);
        self.due = now.after(drawn.saturating_add(after_ms.unwrap_or(0)));
    }
}
