//! What the app hears. The JavaScript half of the package is a pure fold of these, which it gets as one JSON array a
//! turn, with the documents in it as they are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::auth::TokenReason;
use super::clock::Wall;
use super::config::Level;
use super::error::{Code, Fault};
use super::ident::{AskId, MutationId};
use super::merging::Conflict;
use super::resolving::Unresolved;
use crate::protocol::member::{Member, ObjectWriter, TEXT_BYTES, Written};
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
    /// Mutations are stored, or kept in memory where they cannot be. Those are told of once more when they are stored after all.
    Durable {
        /// Which.
        mutations: Vec<MutationId>,
        /// How well.
        durability: Durability,
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
    /// What an observed document is on its way to the server, first when it is observed.
    Item {
        /// Which.
        address: Address,
        /// What it is.
        #[serde(flatten)]
        status: ItemStatus,
    },
    /// Other documents are pending: at first all that are.
    PendingItems {
        /// These are.
        added: Vec<Address>,
        /// These no longer are.
        removed: Vec<Address>,
    },
    /// A write came into the inbox, or was found in it.
    InboxAdded {
        /// The header of its record.
        #[serde(serialize_with = "raw::serialize")]
        item: Arc<str>,
        /// The body of its record.
        #[serde(serialize_with = "raw::serialize")]
        write: Arc<str>,
    },
    /// A write is in the inbox no longer: it was made anew, or given up.
    InboxRemoved {
        /// The name of its entry.
        entry: MutationId,
    },
    /// A document has moved under a write, and places that both had changed were settled by their rules.
    Conflicted {
        /// Which.
        address: Address,
        /// How.
        conflicts: Vec<Conflict>,
    },
    /// A conflict is the app's to resolve, or something else of it is there than was told: by `Ask::Resolve`.
    Unresolved(Box<Unresolved>),
    /// It is resolved, or over.
    Resolved {
        /// Which document it was in.
        address: Address,
    },
    /// A token is needed: the app's provider is to be asked, and what it says is `Input::TokenGiven`.
    TokenWanted {
        /// Why.
        reason: TokenReason,
    },
    /// The provider's answer is waited for no longer.
    TokenGivenUp,
    /// The status is something else.
    Status(Status),
    /// The store was lost, and made again.
    Reset {
        /// How many writes that had not ended were brought back.
        recovered: u32,
        /// How many were stored and are gone; nothing where nobody can know.
        lost: Option<u32>,
    },
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
    /// It is this; where there is none, the member is left out.
    Value {
        /// The document.
        #[serde(serialize_with = "raw::document", skip_serializing_if = "Option::is_none")]
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
        /// Whether it may have been applied as it was, too: the backend cannot say, and an attempt had no answer.
        #[serde(rename = "maybeApplied", skip_serializing_if = "Option::is_none")]
        maybe_applied: Option<bool>,
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

/// How far a document's writes have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemStatus {
    /// In one word.
    pub state: ItemState,
    /// When the server's truth about it last came, as far as the app was looking.
    pub last_sync: Option<Wall>,
}

/// How far a document's writes have come, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ItemState {
    /// Nothing is known of it here.
    Unknown,
    /// It has writes that wait.
    Pending,
    /// A write of it is on its way.
    Syncing,
    /// It is as the server has it, as far as is known.
    Synced,
    /// A write of it got no answer, or a passing no, and is tried again; or nobody knows what became of one, and it is in
    /// the inbox.
    Failed,
    /// Somebody else was there first: what was meant is sent again on what is there.
    Conflicted,
    /// A write of it was refused, and is in the inbox.
    Rejected,
}

/// What the client is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Stopped by the app, or because the server acts for another user.
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
    /// What the client is about; in a tab that does not drain the outbox, what the one that does is about.
    pub phase: Phase,
    /// Whether this tab drains the outbox: of the tabs with one store, one does.
    pub drainer: bool,
    /// Whether the network is believed to be there.
    pub online: bool,
    /// Documents with writes that have not ended.
    pub pending_items: u32,
    /// Writes that have not ended.
    pub pending_mutations: u32,
    /// Their size in bytes, with the texts that are kept for their splices.
    pub pending_bytes: u64,
    /// Bytes of the documents in memory, without what is pending.
    pub memory_bytes: u64,
    /// Refused or unknown writes that the app has not removed.
    pub inbox: u32,
    /// Conflicts that wait for somebody to decide.
    pub conflicts: u32,
    /// Entries sent so far, each time counted.
    pub entries_sent: u64,
    /// Entries sent again after no answer.
    pub entries_resent: u64,
    /// Entries the server has acknowledged.
    pub entries_acknowledged: u64,
    /// Places of documents, counted each time, at which two had something else to say and a rule settled it.
    pub conflicts_settled: u64,
    /// Requests sent.
    pub requests: u64,
    /// What the backend can promise.
    pub level: Level,
    /// When what waits is tried again; `null` where nothing waits.
    pub retry_at: Option<Wall>,
    /// When a push was last acknowledged.
    pub last_push_at: Option<Wall>,
    /// When a pull was last applied.
    pub last_pull_at: Option<Wall>,
    /// Why what is read may be older than what could be had: the last pull of a feed got no good answer, and what is cached
    /// is served.
    pub stale: Option<Code>,
    /// Where writes are kept.
    pub storage: StorageKind,
    /// Whether unsent writes are kept a second time.
    pub mirror: bool,
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

impl Durability {
    fn name(self) -> &'static str {
        match self {
            Durability::Strict => "strict",
            Durability::Relaxed => "relaxed",
            Durability::Memory => "memory",
        }
    }
}

impl Phase {
    const ALL: [(Phase, &'static str); 10] = [
        (Phase::Opening, "opening"),
        (Phase::Idle, "idle"),
        (Phase::Pulling, "pulling"),
        (Phase::Pushing, "pushing"),
        (Phase::Offline, "offline"),
        (Phase::Waiting, "waiting"),
        (Phase::Paused, "paused"),
        (Phase::NeedsAuth, "needs-auth"),
        (Phase::Fenced, "fenced"),
        (Phase::Closed, "closed"),
    ];

    pub(super) fn name(self) -> &'static str {
        Phase::ALL[self as usize].1
    }

    pub(super) fn named(name: &str) -> Option<Phase> {
        Phase::ALL.iter().find(|(_, text)| *text == name).map(|(phase, _)| *phase)
    }
}

impl ItemState {
    fn name(self) -> &'static str {
        match self {
            ItemState::Unknown => "unknown",
            ItemState::Pending => "pending",
            ItemState::Syncing => "syncing",
            ItemState::Synced => "synced",
            ItemState::Failed => "failed",
            ItemState::Conflicted => "conflicted",
            ItemState::Rejected => "rejected",
        }
    }
}

impl Notice {
    fn name(&self) -> &'static str {
        match self {
            Notice::Opened { .. } => "opened",
            Notice::OpenFailed { .. } => "openFailed",
            Notice::Changed { .. } => "changed",
            Notice::Durable { .. } => "durable",
            Notice::Settled { .. } => "settled",
            Notice::Answered { .. } => "answered",
            Notice::Item { .. } => "item",
            Notice::PendingItems { .. } => "pendingItems",
            Notice::InboxAdded { .. } => "inboxAdded",
            Notice::InboxRemoved { .. } => "inboxRemoved",
            Notice::Conflicted { .. } => "conflicted",
            Notice::Unresolved(_) => "unresolved",
            Notice::Resolved { .. } => "resolved",
            Notice::TokenWanted { .. } => "tokenWanted",
            Notice::TokenGivenUp => "tokenGivenUp",
            Notice::Status(_) => "status",
            Notice::Reset { .. } => "reset",
            Notice::Troubled { .. } => "troubled",
        }
    }

    /// Appends the notice as JSON.
    pub fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        object.member("notice", &self.name());
        match self {
            Notice::Opened { client } => drop(object.member("client", client)),
            Notice::OpenFailed { error } | Notice::Troubled { error } => drop(object.member("error", error)),
            Notice::Changed { address, change } => change.write(object.member("address", address).name("change")),
            Notice::Durable { mutations, durability } => {
                object.member("mutations", mutations).member("durability", &durability.name());
            }
            Notice::Settled { mutation, ending } => ending.write(object.member("mutation", mutation).name("ending")),
            Notice::Answered { ask, error } => error.write(object.member("ask", ask).name("error")),
            Notice::Item { address, status } => {
                object.member("address", address).member("state", &status.state.name());
                status.last_sync.append(object.name("lastSync"));
            }
            Notice::PendingItems { added, removed } => {
                added.append(object.name("added"));
                removed.append(object.name("removed"));
            }
            Notice::InboxAdded { item, write } => {
                object.name("item").push_str(item);
                object.name("write").push_str(write);
            }
            Notice::InboxRemoved { entry } => drop(object.member("entry", entry)),
            Notice::Conflicted { address, conflicts } => {
                Conflict::write_all(conflicts, object.member("address", address).name("conflicts"))
            }
            Notice::Unresolved(unresolved) => {
                let Unresolved { address, digest, base, mine, theirs, fields, mutations, asked } = &**unresolved;
                object.member("address", address).member("digest", digest).member("base", base).member("mine", mine);
                object.member("theirs", theirs).member("fields", fields);
                object.member("mutations", mutations).member("asked", asked);
            }
            Notice::Resolved { address } => drop(object.member("address", address)),
            Notice::TokenWanted { reason } => drop(object.member("reason", &reason.name())),
            Notice::TokenGivenUp => {}
            Notice::Status(status) => status.members(&mut object),
            Notice::Reset { recovered, lost } => {
                object.member("recovered", recovered);
                lost.append(object.name("lost"));
            }
        }
        object.end();
    }

    /// Many of them, as one JSON list.
    pub fn list(notices: &[Notice]) -> String {
        let mut out = String::with_capacity(TEXT_BYTES);
        out.push('[');
        for (index, notice) in notices.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            notice.write(&mut out);
        }
        out.push(']');
        out
    }
}

impl ViewChange {
    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        match self {
            ViewChange::Value { value } => {
                object.member("change", &"value");
                object.member("value", value);
            }
            ViewChange::Operations { operations } => {
                object.member("change", &"operations");
                operations.write(object.name("operations"));
            }
        }
        object.end();
    }
}

impl Ending {
    /// The same in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Ending::Applied { .. } => "applied",
            Ending::Merged { .. } => "merged",
            Ending::Rejected { .. } => "rejected",
            Ending::Cancelled => "cancelled",
            Ending::Unknown { .. } => "unknown",
        }
    }

    /// What went wrong, where something did.
    pub fn error(&self) -> Option<&Fault> {
        match self {
            Ending::Rejected { error } | Ending::Unknown { error } => Some(error),
            Ending::Applied { .. } | Ending::Merged { .. } | Ending::Cancelled => None,
        }
    }

    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        object.member("ending", &self.name());
        match self {
            Ending::Applied { version } => drop(object.member("version", version)),
            Ending::Merged { by, maybe_applied } => drop(object.member("by", by).member("maybeApplied", maybe_applied)),
            Ending::Rejected { error } | Ending::Unknown { error } => drop(object.member("error", error)),
            Ending::Cancelled => {}
        }
        object.end();
    }
}

impl Status {
    /// Each is there, whatever it is.
    fn members(&self, object: &mut ObjectWriter<'_>) {
        let storage = match self.storage {
            StorageKind::IndexedDb => "indexeddb",
            StorageKind::Memory => "memory",
        };
        let mut member = |name: &str, value: &dyn Written| value.append(object.name(name));
        member("phase", &self.phase.name());
        member("drainer", &self.drainer);
        member("online", &self.online);
        member("pendingItems", &self.pending_items);
        member("pendingMutations", &self.pending_mutations);
        member("pendingBytes", &self.pending_bytes);
        member("memoryBytes", &self.memory_bytes);
        member("inbox", &self.inbox);
        member("conflicts", &self.conflicts);
        member("entriesSent", &self.entries_sent);
        member("entriesResent", &self.entries_resent);
        member("entriesAcknowledged", &self.entries_acknowledged);
        member("conflictsSettled", &self.conflicts_settled);
        member("requests", &self.requests);
        member("level", &self.level);
        member("retryAt", &self.retry_at);
        member("lastPushAt", &self.last_push_at);
        member("lastPullAt", &self.last_pull_at);
        match self.stale {
            Some(code) => member("stale", &code.as_str()),
            None => member("stale", &None::<String>),
        }
        member("storage", &storage);
        member("mirror", &self.mirror);
        member("error", &self.error);
    }
}

mod raw {
    //! The same of what is JSON text already.

    use serde::{Serialize, Serializer};

    use crate::protocol::Json;

    pub fn serialize<S: Serializer>(value: &str, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue = serde_json::from_str(value).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }

    pub fn document<S: Serializer>(value: &Option<Json>, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(value.as_ref().map_or("null", Json::as_str), serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Code;
    use super::*;

    #[test]
    fn a_notice_is_written_as_its_shape_says() {
        let error = || Fault::of_status(Code::Http, "no \"way\"", 503);
        let (address, mutation) = (Address::of("c", "k\n"), MutationId("m".into()));
        let keyed = KeyedOperation::parse(r#"{"op":"patch","collection":"c","key":"k","set":{"/a":1},"remove":[]}"#).unwrap();
        let status = |retry_at| Status {
            phase: Phase::NeedsAuth,
            drainer: true,
            online: false,
            pending_items: 1,
            pending_mutations: 2,
            pending_bytes: 3,
            memory_bytes: 4_000,
            inbox: 4,
            conflicts: 10,
            entries_sent: 5,
            entries_resent: 6,
            entries_acknowledged: 7,
            conflicts_settled: 9,
            requests: 8,
            level: Level::A,
            retry_at,
            last_push_at: None,
            last_pull_at: Some(Wall(9)),
            stale: None,
            storage: StorageKind::Memory,
            mirror: true,
            error: Some(error()),
        };
        let item = address.clone();
        let document = Json::parse(r#"{"a":"\n"}"#).ok();
        let (digest, fields) = ("0".to_owned(), vec!["/a".to_owned(), "/b".to_owned()]);
        let mutations = vec![mutation.clone(), mutation.clone()];
        let unresolved = Unresolved {
            address: item.clone(),
            digest,
            base: None,
            mine: document.clone(),
            theirs: document,
            fields,
            mutations,
            asked: true,
        };
        let notices = [
            Notice::Opened { client: "c".into() },
            Notice::OpenFailed { error: error() },
            Notice::Changed { address: address.clone(), change: ViewChange::Value { value: Some(Json::parse(r#"{"a":"\n"}"#).unwrap()) } },
            Notice::Changed { address: address.clone(), change: ViewChange::Value { value: None } },
            Notice::Changed { address, change: ViewChange::Operations { operations: vec![keyed.clone(), keyed] } },
            Notice::Durable { mutations: vec![mutation.clone(), mutation.clone()], durability: Durability::Relaxed },
            Notice::Settled { mutation: mutation.clone(), ending: Ending::Applied { version: Some("v".into()) } },
            Notice::Settled { mutation: mutation.clone(), ending: Ending::Applied { version: None } },
            Notice::Settled { mutation: mutation.clone(), ending: Ending::Merged { by: mutation.clone(), maybe_applied: Some(true) } },
            Notice::Settled { mutation: mutation.clone(), ending: Ending::Rejected { error: error() } },
            Notice::Settled { mutation: mutation.clone(), ending: Ending::Cancelled },
            Notice::Settled { mutation, ending: Ending::Unknown { error: error() } },
            Notice::Answered { ask: AskId(1), error: None },
            Notice::Answered { ask: AskId(2), error: Some(error()) },
            Notice::Item { address: item.clone(), status: ItemStatus { state: ItemState::Synced, last_sync: Some(Wall(9)) } },
            Notice::Item { address: item.clone(), status: ItemStatus { state: ItemState::Unknown, last_sync: None } },
            Notice::PendingItems { added: vec![item.clone(), item.clone()], removed: vec![] },
            Notice::PendingItems { added: vec![], removed: vec![item] },
            Notice::InboxAdded { item: r#"{"entry":"e"}"#.into(), write: r#"{"n":1.0}"#.into() },
            Notice::InboxRemoved { entry: MutationId("e".into()) },
            Notice::Unresolved(Box::new(unresolved)),
            Notice::Resolved { address: Address::of("c", "k") },
            Notice::TokenWanted { reason: TokenReason::Unauthorized },
            Notice::TokenGivenUp,
            Notice::Status(status(None)),
            Notice::Status(status(Some(Wall(1)))),
            Notice::Reset { recovered: 3, lost: None },
            Notice::Reset { recovered: 0, lost: Some(0) },
            Notice::Troubled { error: error() },
        ];
        assert_eq!(Notice::list(&notices), serde_json::to_string(&notices).unwrap());
    }
}
