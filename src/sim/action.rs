//! What can happen at a device from outside: what its user does, what the browser says, what others write.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::fault::Fault;
use crate::engine::mutation::Mutation;
use crate::protocol::Address;

/// A document, as `collection/key`.
pub type Name = String;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// The user writes. Several edits happen in one turn.
    Write(Vec<(Name, Edit)>),
    /// The user writes several documents at once, all or nothing.
    Group {
        /// What.
        edits: Vec<(Name, Edit)>,
        /// Made of what these documents hold.
        reads: Vec<Name>,
        /// To come after these writes of the same device, counted back from the last one, which is 0.
        after: Vec<usize>,
    },
    /// The user takes a write of the same device back, counted in the same way.
    TakeBack(usize),
    /// The app wants a document in memory.
    Load(Name),
    /// The app looks at a document, or no longer does.
    Hold(Name, bool),
    /// The app asks for what is fresh.
    Pull,
    /// The app has an item of its inbox made anew, counted around, as it was or with this as its document.
    Retry(usize, Option<Value>),
    /// The app gives an item of its inbox up.
    Discard(usize),
    /// The app exports its inbox.
    Export,
    /// The user takes so many of the last writes back, from the last on.
    RollBack(usize),
    /// The app wants what is pending sent at once, of one document or of all, and waits so long for it.
    SyncNow {
        /// Which document.
        name: Option<Name>,
        /// How long, in milliseconds, if there is a limit.
        timeout_ms: Option<u64>,
    },
    /// The app waits for what is pending, so many milliseconds.
    Wait(u64),
    /// The app queues a document to be looked at soon.
    Mark(Name),
    /// The app stops the client, or lets it go on.
    Stop(bool),
    /// The app asks for what is fresh in a feed.
    PullFeed(String),
    /// Another client of the same user writes, straight into the server.
    WriteElsewhere(Name, Edit),
    /// The server copies its data.
    BackUp,
    /// The server goes back to its copy, if it has one.
    Restore,
    /// The server forgets the outcomes of all positions but so many of the last.
    ForgetOutcomes(u64),
    /// The server forgets the deletes at all positions but so many of the last.
    ForgetDeletes(u64),
    /// The browser says that there is a network.
    GoOnline,
    /// The browser says that there is none.
    GoOffline,
    /// The page comes into view.
    Show,
    /// The page goes out of view.
    Hide,
    /// The page is about to go.
    HidePage,
    /// The network is cut for so many milliseconds.
    Cut {
        /// Whether requests are lost.
        up: bool,
        /// Whether replies are lost.
        down: bool,
        /// For how long.
        ms: u64,
    },
    /// The tab is killed and comes back.
    Crash,
    /// The power goes and comes back.
    LosePower,
    /// The tab is frozen for so many milliseconds.
    Freeze(u64),
    /// The machine sleeps for so many milliseconds, and the monotonic clock stands still meanwhile.
    Sleep(u64),
    /// The link carries no more than a byte a millisecond for so many milliseconds.
    SlowDown(u64),
    /// The wall clock moves by so many milliseconds.
    MoveClock(i64),
    /// There is no room on the disk for so many milliseconds.
    FillDisk(u64),
    /// A fault strikes when it could for the n-th time from here, counted from 0.
    Strike(Fault, u64),
}

/// What a write does to a document, as an app says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Edit {
    /// It becomes this.
    Put(Value),
    /// It is changed by an RFC 7396 patch.
    Merge(Value),
    /// Places in it, named by RFC 6901 pointers, are set and removed.
    Patch {
        /// What is set.
        set: Vec<(String, Value)>,
        /// What is removed.
        remove: Vec<String>,
    },
    /// It is deleted.
    Delete,
    /// The 64-bit integer at `path` grows by `by`.
    Increment {
        /// Where the number is.
        path: String,
        /// What is added.
        by: i64,
    },
    /// The list or string at `path` grows at its end.
    Append {
        /// Where it is.
        path: String,
        /// A list of what is added to a list, or a string.
        items: Value,
    },
    /// A piece of the string at `path` is replaced; positions are UTF-16 units.
    Splice {
        /// Where the string is.
        path: String,
        /// Where in it.
        at: u64,
        /// How many units go.
        remove: u64,
        /// What comes.
        insert: String,
    },
}

impl Edit {
    /// The edit of a document as the engine takes it; `None` where there is no such mutation.
    pub(super) fn on(&self, address: Address) -> Option<Mutation> {
        match self {
            Edit::Put(value) => Mutation::put(address, &value.to_string()),
            Edit::Merge(value) => Mutation::merge(address, &value.to_string()),
            Edit::Patch { set, remove } => {
                let set: Map<String, Value> = set.iter().cloned().collect();
                Mutation::patch(address, &json!({ "set": set, "remove": remove }).to_string())
            }
            Edit::Delete => Ok(Mutation::delete(address)),
            Edit::Increment { path, by } => Mutation::increment(address, path, *by),
            Edit::Append { path, items } => Mutation::append(address, path, &items.to_string()),
            Edit::Splice { path, at, remove, insert } => Mutation::splice(address, path, *at, *remove, insert),
        }
        .ok()
    }
}
