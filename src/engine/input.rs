//! What the engine is told. All in the past tense; the flight recorder's file is a list of these.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Wall;
use super::ident::{AskId, LoadId, MutationId, RequestId, WriteId};
use super::message::Message;
use crate::members;
use crate::protocol::Address;
use crate::protocol::member::{Fields, Member, ObjectWriter};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "camelCase")]
pub enum Input {
    /// The shell stands and the engine may begin.
    Started,
    /// What was loaded.
    Loaded {
        /// The reading.
        load: LoadId,
        /// What was there.
        found: Found,
    },
    /// A reading failed.
    LoadFailed {
        /// The reading.
        load: LoadId,
        /// Why.
        why: StoreFailure,
    },
    /// A transaction completed: what it held is durable.
    Written {
        /// The transaction.
        write: WriteId,
        /// Where in the log its commit stands; 0 where it had none.
        position: u64,
    },
    /// A transaction did not happen; nothing of it is stored.
    WriteFailed {
        /// The transaction.
        write: WriteId,
        /// Why.
        why: StoreFailure,
    },
    /// A request's head came, or more of its body.
    Progressed {
        /// The request.
        request: RequestId,
        /// Bytes of the reply's body so far.
        received: u64,
    },
    /// A whole reply came.
    Replied {
        /// The request.
        request: RequestId,
        /// The reply.
        reply: Reply,
    },
    /// A request ended without a whole reply.
    SendFailed {
        /// The request.
        request: RequestId,
        /// Why.
        why: SendFailure,
    },
    /// The browser says that there is a network.
    WentOnline,
    /// The browser says that there is none.
    WentOffline,
    /// The page came into view.
    BecameVisible,
    /// The page went out of view.
    BecameHidden,
    /// The page is about to go away, perhaps for ever.
    PageHid,
    /// The page was frozen or asleep, and is back.
    Resumed {
        /// The time by then.
        wall: Wall,
    },
    /// The wall clock was read.
    ClockRead {
        /// What it said.
        wall: Wall,
    },
    /// Another tab may hold the lock, or has taken it: this one does not drain the outbox.
    LockLost,
    /// This tab has the lock: it drains the outbox.
    LockGained,
    /// Another tab said something.
    Heard {
        /// What.
        message: Message,
    },
    /// An order to the mirror was carried out, and flushed.
    Mirrored {
        /// Its number.
        order: u64,
    },
    /// The mirror cannot be written.
    MirrorFailed,
    /// The page was left and is back: its mirror file was let go, and another one begins.
    MirrorParted,
    /// What is outside of the store was looked through.
    MirrorsListed {
        /// The mirror files, by name: `STORE.TAB.SLOT`. And, by the store's id alone, what another witness says.
        names: Vec<String>,
    },
    /// Mirror files were read.
    MirrorsRead {
        /// Names and bytes of those that could be read.
        files: Vec<(String, Bytes)>,
    },
    /// A deadline was reached.
    Woke,
    /// The app looks at documents, or no longer does.
    Held {
        /// The documents. One without a key stands for all of its collection, whichever they are.
        addresses: Vec<Address>,
        /// Whether it looks.
        held: bool,
    },
    /// The app asked for something that is answered later.
    Asked {
        /// The question.
        ask: AskId,
        /// What it asks for.
        what: Ask,
    },
    /// The app looks at how far a document's writes have come, or no longer does.
    ItemObserved {
        /// The document.
        address: Address,
        /// Whether it looks.
        observed: bool,
    },
    /// The app looks at which documents have writes that have not ended, or no longer does.
    PendingObserved {
        /// Whether it looks.
        observed: bool,
    },
    /// The app marked a document to be looked at soon: what is pending of it goes with a batch of the next seconds; where
    /// nothing is, the server is asked.
    Marked {
        /// Which.
        address: Address,
    },
    /// The app wants nothing more to be sent, or wants it again. What is on its way is still waited for.
    Stopped {
        /// Whether it wants nothing.
        stopped: bool,
    },
    /// The app asked that a mutation be cancelled.
    CancelAsked {
        /// The mutation.
        mutation: MutationId,
    },
    /// The app gave a token, or said that there is none.
    TokenGiven {
        /// Whether there is one. The token itself never comes here.
        present: bool,
        /// Until when it is good, by this device's clock, where the app says so.
        #[serde(default, rename = "expiresAt", skip_serializing_if = "Option::is_none")]
        expires_at: Option<Wall>,
    },
}

/// What the app can ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "camelCase")]
pub enum Ask {
    /// That documents be in memory.
    Load {
        /// Which, as in `Held`.
        addresses: Vec<Address>,
    },
    /// That the server be asked now, for all feeds.
    Pull,
    /// The same for one of them.
    PullFeed {
        /// Its name.
        feed: Arc<str>,
    },
    /// That all that is pending now have ended, however. Answered with `TIMEOUT` where that takes longer.
    Wait {
        /// How long, in milliseconds.
        timeout_ms: u64,
    },
    /// That all that is pending now be sent at once, and have ended. Answered with what is in the way: nothing is dropped.
    Push {
        /// How long that may take, in milliseconds, if there is a limit.
        timeout_ms: Option<u64>,
    },
    /// The same for one document; where nothing of it is pending, that the server be asked now.
    Sync {
        /// Which.
        address: Address,
        /// How long that may take, in milliseconds, if there is a limit.
        timeout_ms: Option<u64>,
    },
    /// That a write in the inbox be made anew, as a mutation of its own. Answered when that is kept.
    Retry {
        /// The name of its entry.
        entry: MutationId,
        /// What its document becomes instead, as text.
        edited: Option<String>,
    },
    /// That a write in the inbox be given up. Answered when that is kept.
    Discard {
        /// The name of its entry.
        entry: MutationId,
    },
    /// That a conflict be resolved. Answered when that is kept; `ABORTED` where it is about something else than what is there.
    Resolve {
        /// The document.
        address: Address,
        /// Of what was told of the conflict.
        digest: String,
        /// What becomes of it.
        decision: Decision,
    },
    /// That the client end: nothing is sent any more, what is staged is written.
    Close,
}

/// What becomes of a conflict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// What is seen here, with all that only others have changed.
    Mine,
    /// What the server has: what waits is given up.
    Theirs,
    /// A document, as text, or that there be none.
    Value(Option<String>),
    /// A person decides later.
    Defer,
}

/// What a reading found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The store's description; `None` in a fresh store.
    pub meta: Option<Meta>,
    /// The directory's bytes, where they were wanted and are there.
    pub directory: Option<Bytes>,
    /// The wanted commits of the log, in order.
    pub log: Vec<(u64, Bytes)>,
    /// Number and bytes of the wanted pages; one that is not there is left out.
    pub pages: Vec<(u32, Bytes)>,
}

/// The store's description: one object in `meta`, with exactly these members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Drawn when the store was made; another one means that it was lost and made again.
    pub store_id: String,
    /// Raised by each client that takes the store over; the others' writes abort.
    pub store_epoch: u64,
    /// Base records up to this position of the log are in pages.
    pub folded_to: u64,
    /// The hash of the user's scope.
    pub scope: String,
    /// Versions of what is stored.
    pub versions: Versions,
    /// This installation's name at the server.
    pub client_id: String,
    /// The session epoch the server was last told.
    pub session_epoch: u64,
}

members! {
    Meta {
        store_id = "store_id", store_epoch = "store_epoch", folded_to = "folded_to", scope = "scope",
        versions = "versions", client_id = "client_id", session_epoch = "session_epoch",
    }
    Versions { layout = "layout", collections = "collections" }
}

/// Versions of what is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// The layout of log and pages.
    pub layout: u32,
    /// The app's version of each collection; 0 unless it says otherwise.
    pub collections: Collections,
}

/// The app's version of each collection that has one.
pub type Collections = Named<u32>;

/// A few things by name, in the order of the names.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(Vec::new())
    }
}

impl<T, const N: usize> From<[(&str, T); N]> for Named<T> {
    fn from(members: [(&str, T); N]) -> Self {
        Named(members.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

impl<T> Named<T> {
    /// What has this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }
}

impl Collections {
    /// The app's version of this collection.
    pub fn version_of(&self, collection: &str) -> u32 {
        self.get(collection).copied().unwrap_or_default()
    }
}

impl<T: Member> Member for Named<T> {
    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        for (name, value) in &self.0 {
            object.member(name, value);
        }
        object.end();
    }
    fn fill(&mut self, raw: &str) -> bool {
        self.0.clear();
        let fields = Fields::of(raw);
        for (name, raw) in fields.iter() {
            let Some(value) = T::read(raw) else { return false };
            self.0.push((String::from(&**name), value));
        }
        fields.finish().is_ok()
    }
    fn blank() -> Self {
        Named::default()
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Named(BTreeMap::deserialize(deserializer)?.into_iter().collect()))
    }
}

/// Bytes, in a record as a string where they are UTF-8 and as a list of numbers where not.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Arc<[u8]>);

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "failure", rename_all = "camelCase")]
pub enum StoreFailure {
    /// There is none here, or it may not be used.
    Unavailable {
        /// In words.
        why: String,
    },
    /// A later build made it.
    TooNew,
    /// The transaction aborted, and may succeed another time.
    Aborted {
        /// In words.
        why: String,
    },
    /// There is no room left.
    Quota,
    /// Another client holds the store.
    Fenced {
        /// The epoch it holds it by.
        epoch: u64,
    },
    /// It is another store than before: it was lost and made again.
    Replaced,
    /// The log has commits that this client does not know.
    Behind,
}

impl StoreFailure {
    /// Whether the same transaction may well succeed when it is tried again.
    pub fn is_passing(&self) -> bool {
        matches!(self, StoreFailure::Aborted { .. })
    }
}

/// A server's reply.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Whether it came from another address than the one that was asked.
    pub redirected: bool,
    /// Headers that the engine knows, lower case.
    pub headers: Named<String>,
    /// The body.
    pub body: Bytes,
}

/// The headers of a reply that the shell passes on, in the order of their names.
pub const REPLY_HEADERS: [&str; 6] = ["content-type", "date", "ratelimit", "ratelimit-remaining", "ratelimit-reset", "retry-after"];

/// Why a request has no whole reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "failure", rename_all = "camelCase")]
pub enum SendFailure {
    /// No answer: no network, no name, no certificate, no permission across origins; browsers do not tell them apart.
    NoAnswer,
    /// The reply broke off.
    Truncated,
    /// The reply was larger than the request allowed.
    TooLarge,
    /// It was cancelled, by the engine's own order.
    Cancelled,
    /// The app's own function threw, or returned what is no reply.
    Threw {
        /// What it said.
        message: String,
    },
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_seq(self.0.iter()),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Numbers(Vec<u8>),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Text(text) => Bytes(text.into_bytes().into()),
            Either::Numbers(numbers) => Bytes(numbers.into()),
        })
    }
}
