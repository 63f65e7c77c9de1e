//! What the engine orders. All in the imperative; each order that is answered has an id, and its answers are inputs.

use std::sync::Arc;

use super::ident::{LoadId, RequestId, WriteId};
use super::input::Meta;
use super::notice::Notice;
use crate::protocol::Call;

/// An order to the shell.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Read from the store. Answered by `Loaded` or `LoadFailed`.
    Load {
        /// The reading.
        load: LoadId,
        /// What is wanted.
        what: Wanted,
    },
    /// Change the store, all or nothing. Answered by `Written` (at the transaction's `complete`, not before) or
    /// `WriteFailed`.
    Write(Box<Write>),
    /// Ask the server. Answered by `Progressed`, and then `Replied` or `SendFailed`.
    Send {
        /// The request.
        request: RequestId,
        /// What is asked.
        call: Call,
        /// A reply whose body is larger than this many bytes is cut off: `SendFailed` with `TooLarge`.
        reply_bytes_max: u64,
        /// Whether it goes on without the page: what `fetch` calls `keepalive`.
        outlives_page: bool,
    },
    /// Abort a request. Answered by its own `SendFailed`.
    Cancel {
        /// The request.
        request: RequestId,
    },
    /// Tell the app.
    Notify(Notice),
}

/// What to read.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Meta, directory and log, in one transaction; opens the store, and makes it where there is none.
    Boot,
    /// These pages.
    Pages(Vec<u32>),
}

/// One transaction. All its parts happen or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Its name.
    pub write: WriteId,
    /// Whether `complete` must outlast a loss of power, or only a crash.
    pub strict: bool,
    /// What must hold inside the transaction, or it aborts.
    pub guard: Guard,
    /// A commit to append to the log.
    pub append: Option<Vec<u8>>,
    /// Commits of the log that become these bytes, or go.
    pub rewrite: Vec<(u64, Option<Vec<u8>>)>,
    /// Pages that become these bytes, or go.
    pub pages: Vec<(u32, Option<Vec<u8>>)>,
    /// The directory's new bytes.
    pub directory: Option<Vec<u8>>,
    /// Meta's new content.
    pub meta: Option<Arc<Meta>>,
}

/// What a transaction compares with `meta` before it writes.
#[derive(Clone, Debug, PartialEq)]
pub enum Guard {
    /// There is no meta: the store is being made.
    Fresh,
    /// Meta names this store and holds exactly this epoch.
    Held {
        /// The store.
        store_id: String,
        /// The epoch.
        epoch: u64,
    },
}

impl Guard {
    /// That the store is as `meta` says.
    pub fn of(meta: &Meta) -> Guard {
        Guard::Held { store_id: meta.store_id.clone(), epoch: meta.store_epoch }
    }
}

/// Where effects go.
pub trait Sink {
    /// Takes one more.
    fn push(&mut self, effect: Effect);
}

impl Sink for Vec<Effect> {
    fn push(&mut self, effect: Effect) {
        Vec::push(self, effect);
    }
}
