//! What the app hears. The JavaScript half of the package is a pure fold of these, which it gets as one JSON array a
//! turn; values inside are JSON text, so that they are parsed when somebody reads them and not before.

use serde::Serialize;

use super::clock::Wall;
use super::error::Fault;
use super::ident::{AskId, MutationId};
use crate::protocol::{Address, Json, KeyedOperation};

/// News for the app.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "notice", rename_all = "camelCase")]
pub enum Notice {
    /// The client can be used.
    Opened {
        /// This installation's name at the server.
        client: String,
    },
    /// The client cannot be opened.
    OpenFailed {
        /// Why.
        error: Fault,
    },
    /// A held document is something else.
    Changed {
        /// Which.
        address: Address,
        /// How.
        change: ViewChange,
    },
    /// Mutations are stored.
    Durable {
        /// Which.
        mutations: Vec<MutationId>,
        /// How well.
        durability: Durability,
    },
    /// Mutations could not be stored and are not in memory either.
    NotDurable {
        /// Which.
        mutations: Vec<MutationId>,
        /// Why.
        error: Fault,
    },
    /// A mutation has ended.
    Settled {
        /// Which.
        mutation: MutationId,
        /// How.
        ending: Ending,
    },
    /// A question of the app is answered.
    Answered {
        /// Which.
        ask: AskId,
        /// What went wrong, if anything.
        error: Option<Fault>,
    },
    /// The status is something else.
    Status(Status),
    /// Something went wrong that belongs to no call.
    Troubled {
        /// What.
        error: Fault,
    },
}

/// How a held document changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "camelCase")]
pub enum ViewChange {
    /// It is this; `None`: there is none.
    Value {
        /// The document's text, inside a JSON string.
        #[serde(serialize_with = "text::serialize")]
        value: Option<Json>,
    },
    /// These operations were applied to what it was.
    Operations {
        /// In order.
        operations: Vec<KeyedOperation>,
    },
}

/// How well a mutation is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Durability {
    /// Outlasts a loss of power.
    Strict,
    /// Outlasts a crash.
    Relaxed,
    /// Lasts as long as the page.
    Memory,
}

/// How a mutation ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "ending", rename_all = "camelCase")]
pub enum Ending {
    /// The server has it.
    Applied {
        /// The version it made, where the server says one.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// Another mutation carries it on over what somebody else wrote.
    Merged {
        /// Which.
        by: MutationId,
    },
    /// The server will never have it; it is in the inbox.
    Rejected {
        /// Why.
        error: Fault,
    },
    /// The app took it back before it was sent.
    Cancelled,
    /// Nobody can tell whether the server has it; it is in the inbox.
    Unknown {
        /// Why.
        error: Fault,
    },
}

/// What the client is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The store is being read.
    Opening,
    /// Nothing to do.
    Idle,
    /// Asking the server for changes.
    Pulling,
    /// Sending writes.
    Pushing,
    /// Believed to be without a network.
    Offline,
    /// Waiting until something may be tried again.
    Waiting,
    /// Stopped, because the server acts for another user.
    Paused,
    /// Stopped, until there is a token.
    NeedsAuth,
    /// Stopped for good: another client took over.
    Fenced,
    /// Ended by the app.
    Closed,
}

/// What is going on. Crosses to JavaScript as an object of the same shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What the client is about.
    pub phase: Phase,
    /// Whether the network is believed to be there.
    pub online: bool,
    /// Documents with writes that have not ended.
    pub pending_items: u32,
    /// Writes that have not ended.
    pub pending_mutations: u32,
    /// Their size in bytes.
    pub pending_bytes: u64,
    /// Refused or unknown writes that the app has not removed.
    pub inbox: u32,
    /// Entries sent so far, each time counted.
    pub entries_sent: u64,
    /// Entries sent again after no answer.
    pub entries_resent: u64,
    /// Entries the server has acknowledged.
    pub entries_acknowledged: u64,
    /// Requests sent.
    pub requests: u64,
    /// When what waits is tried again; `null` where nothing waits.
    pub retry_at: Option<Wall>,
    /// When a push was last acknowledged.
    pub last_push_at: Option<Wall>,
    /// When a pull was last applied.
    pub last_pull_at: Option<Wall>,
    /// Where writes are kept.
    pub storage: StorageKind,
    /// What last went wrong and still stands.
    pub error: Option<Fault>,
}

/// Where writes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// In IndexedDB.
    IndexedDb,
    /// In memory only: a reload loses what is pending.
    Memory,
}

mod text {
    use serde::{Serialize, Serializer};

    use crate::protocol::Json;

    pub fn serialize<S: Serializer>(value: &Option<Json>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(Json::as_str).serialize(serializer)
    }
}
