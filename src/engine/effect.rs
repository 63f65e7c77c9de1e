//! What the engine orders. All in the imperative; each order that is answered has an id, and its answers are inputs.

use std::sync::Arc;

use super::ident::{LoadId, RequestId, WriteId};
use super::input::{Meta, StoreFailure};
use super::message::Message;
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
    /// Tell the other tabs.
    Post(Message),
    /// Take the lock from whoever holds it. Answered by `LockGained`.
    Steal,
    /// Keep unsent writes a second time. Orders are carried out in order, each is answered by `Mirrored` when it is flushed, and by
    /// `MirrorFailed` where it cannot be.
    Mirror {
        /// The order's number.
        order: u64,
        /// The file begins anew with these bytes, as one of the store of this id: all at once, or it stays as it was. Else they go
        /// behind what it has.
        anew: Option<String>,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The mirror file of this tab is of no use any more: it goes, if it can.
    DropMirror,
    /// Say which mirror files there are, and what other witnesses say. Answered by `MirrorsListed`, however long that takes.
    ListMirrors,
    /// Read mirror files. Answered by `MirrorsRead`, however long that takes.
    ReadMirrors {
        /// Their names.
        names: Vec<String>,
    },
    /// Take mirror files away. Those of tabs that are open stay.
    RemoveMirrors {
        /// Their names.
        names: Vec<String>,
    },
    /// Remember, outside of the store, that it is there.
    Witness {
        /// The store's id.
        store_id: String,
    },
    /// Tell the app.
    Notify(Notice),
}

/// What to read, all in one transaction, and with it meta. The store is opened, and made where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// The commits of the log behind this position.
    pub after: u64,
    /// Whether the directory is wanted.
    pub directory: bool,
    /// These pages.
    pub pages: Vec<u32>,
}

impl Wanted {
    /// All that is needed to begin.
    pub fn all() -> Wanted {
        Wanted { directory: true, ..Wanted::default() }
    }
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
    /// Meta names this store, and the log has no commit that this client does not know.
    Known {
        /// The store.
        store_id: String,
        /// The epoch that meta must hold, where it has to be this client's, or was when the client wants to take the store over.
        epoch: Option<u64>,
        /// The last position of the log that this client knows.
        last: u64,
    },
}

impl Guard {
    /// Why the transaction aborts, if it does, in a store that is described so and whose log goes on to `last`.
    pub fn refuses(&self, meta: Option<&Meta>, log_last: u64) -> Option<StoreFailure> {
        match (self, meta) {
            (Guard::Fresh, None) => None,
            (Guard::Fresh, Some(meta)) => Some(StoreFailure::Fenced { epoch: meta.store_epoch }),
            (Guard::Known { store_id, epoch, last }, Some(meta)) if meta.store_id == *store_id => match epoch {
                Some(epoch) if *epoch != meta.store_epoch => Some(StoreFailure::Fenced { epoch: meta.store_epoch }),
                // What was folded may be in the log no longer.
                _ => (log_last.max(meta.folded_to) > *last).then_some(StoreFailure::Behind),
            },
            _ => Some(StoreFailure::Replaced),
        }
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
