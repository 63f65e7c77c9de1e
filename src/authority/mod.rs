//! The reference server's logic: what a push does, what a pull answers, what is remembered and for how long.
//!
//! There is no network here, no database, no clock and no random source. Whoever runs it brings a [`Store`]; the
//! server brings SQLite, the simulator and the tests bring [`MemoryStore`]. A store that passes [`contract`] gets from
//! this module what `docs/protocol.md` promises: an entry's effect happens once (law I2), its outcome is stored in the
//! same commit as its effect (law I3), and positions are given out in commit order (fault P4).

pub mod contract;
mod memory;
mod ping;
mod pull;
mod push;
mod request;
mod rules;
mod store;
pub mod stories;

pub use memory::MemoryStore;
pub use ping::PingReply;
pub use pull::{Feed, PullAsk, UnknownFeed};
pub use request::{ID_BYTES_MAX, PushBody, PushBodyError};
pub use rules::{AcceptAll, Proposal, Refusal, RefuseMarked, Rules};
pub use store::{Client, Commit, Documents, Ending, Head, Life, Remembered, Revision, Store};

use crate::protocol::PushReply;

/// What a server takes in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The body of a request, in bytes; a larger one is answered 413 before it is read to its end.
    pub request_bytes: usize,
    /// Entries in one push; a longer list is answered 413 as a whole.
    pub entries_per_push: usize,
    /// One entry's text, in bytes; a larger one is answered `tooLarge`.
    pub entry_bytes: usize,
    /// Operations in one entry; a longer list is answered `tooLarge`.
    pub operations_per_entry: usize,
    /// Changes in one page of a pull; a page is longer only where one entry touched more documents.
    pub changes_per_pull: usize,
    /// Where a page ends: behind the document that makes it this large, in bytes.
    pub page_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            request_bytes: 4 << 20,
            entries_per_push: 1_000,
            entry_bytes: 1 << 20,
            operations_per_entry: 1_000,
            changes_per_pull: 1_000,
            page_bytes: 1 << 20,
        }
    }
}

/// The reference server's logic over any [`Store`].
#[derive(Clone, Debug, Default)]
pub struct Authority<R = AcceptAll> {
    /// What is taken in one go.
    pub limits: Limits,
    /// What the app itself refuses.
    pub rules: R,
    /// For how many positions of the log outcomes are kept; `None` for ever.
    pub outcomes_kept: Option<u64>,
}

impl<R: Rules> Authority<R> {
    /// What is remembered of one entry: a reply with its outcome, or with an empty list where it is not known. Not
    /// known means that the entry was not executed, or that its outcome is older than the horizon, which the reply names
    /// then.
    pub fn outcome<S: Store>(&self, store: &S, scope: &str, id: &str) -> Result<PushReply, S::Error> {
        let outcomes = match store.remembered(scope, id)? {
            Some(remembered) => vec![push::answer(store, scope, id, remembered)?],
            None => Vec::new(),
        };
        let head = store.head()?;
        let horizon = Some(head.horizon).filter(|horizon| outcomes.is_empty() && *horizon > 0);
        Ok(PushReply { generation: Some(head.generation), scope: Some(scope.to_owned()), whole: None, horizon, outcomes })
    }
}
