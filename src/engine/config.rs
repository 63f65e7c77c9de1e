//! Every figure the engine goes by, each with its unit. The defaults are MISSION's and the measured ones.

use serde::{Deserialize, Serialize};

use super::input::Collections;
use super::merging::Strategies;
use crate::protocol::Address;
use crate::protocol::member::{Fields, Filled, Member};
use crate::protocol::value::write_string;

macro_rules! options {
    ($($(#[$doc:meta])* $name:literal $field:ident: $type:ty = $default:expr,)*) => {
        /// The engine's options.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default, deny_unknown_fields)]
        pub struct Config {$(
            $(#[$doc])*
            pub $field: $type,
        )*}

        /// What the options are called in JavaScript.
        const NAMES: &[&str] = &[$($name),*];

        impl Config {
            /// All of them, as their names stand.
            fn slots(&mut self) -> [&mut dyn Filled; NAMES.len()] {
                [$(&mut self.$field),*]
            }
        }

        impl Default for Config {
            fn default() -> Self {
                Config { $($field: $default),* }
            }
        }
    };
}

options! {
    /// The hash of the user's scope.
    "scope" scope: String = String::new(),
    /// Who answers.
    "transport" transport: TransportKind = TransportKind::Protocol,
    /// Whether the server is at another origin.
    "crossOrigin" cross_origin: bool = false,
    /// Whether the server applies writes to several documents whole or not at all; without, such a write is `VALIDATION`.
    "groups" groups: bool = true,
    /// What the backend can promise.
    "level" level: Level = Level::A,
    /// The operations that the backend takes, by name; all others are lowered to those. None named: it takes all. `put` must be
    /// among them.
    "accepts" accepts: Vec<String> = Vec::new(),
    /// Whether the app has a provider of tokens, which is asked before anything goes out.
    "auth" auth: bool = false,
    /// Feeds that are pulled.
    "feeds" feeds: Vec<String> = vec!["main".into()],
    /// Collections whose writes are not sent as one with others: each is an entry of its own, and can be refused by itself. Only
    /// splices in a row on a text that somebody else has changed stay the one change that they were merged as.
    "uncoalesced" uncoalesced: Vec<String> = Vec::new(),
    /// The app's version of the documents of each collection that has one, by name.
    "versions" versions: Collections = Collections::default(),
    /// The rules by which the documents of each collection are merged that has some, by name: one rule, or `{ fields, otherwise }`.
    "merge" merge: Strategies = Strategies::default(),
    /// Whether an acknowledged-to-the-app write outlasts a loss of power (`true`) or a crash only.
    "strict" strict: bool = true,
    /// Whether unsent writes are kept a second time, in a mirror file...
    "mirror" mirror: bool = false,
    /// ...and a write counts as stored only when that is so, too.
    "mirrorAwaited" mirror_awaited: bool = false,
    /// Whether anything outside of the store says which stores there were: it is asked before the client opens.
    "witnessed" witnessed: bool = false,
    /// Most writes that wait to be sent; one more is `QUEUE_FULL`.
    "outboxEntriesMax" outbox_entries_max: u32 = 100_000,
    /// Most bytes of them, with the texts that are kept for their splices.
    "outboxBytesMax" outbox_bytes_max: u64 = 64 << 20,
    /// Writes of one document that are kept singly, to be taken back one by one, while they wait to be sent; when as many more have
    /// come, all before the last of them become one, where they can.
    "membersMax" members_max: u32 = 256,
    /// Most refused writes that are kept; at this many, no further write is taken.
    "inboxMax" inbox_max: u32 = 1_000,
    /// Most bytes of them, with the same consequence.
    "inboxBytesMax" inbox_bytes_max: u64 = 64 << 20,
    /// Bytes of documents in memory. With more, those go that nobody looks at and nothing is pending of, the longest unused first; they
    /// are read again from the store. Where there is no store, a write is `QUEUE_FULL` then.
    "memoryBytesMax" memory_bytes_max: u64 = 32 << 20,
    /// Most documents in the store. A write that would make one more is `QUEUE_FULL`, and a page of a pull that would is not applied.
    "documentsMax" documents_max: u32 = 1_000_000,
    /// Largest mutation in bytes; a larger one is `TOO_LARGE`.
    "mutationBytesMax" mutation_bytes_max: u64 = 8 << 20,
    /// Writes of an earlier engine of the same page, which ended in a panic, that the page still waits for: it is told how they
    /// have ended, as far as that is not still to come.
    "awaited" awaited: Vec<String> = Vec::new(),
    /// How long writes collect before they are sent.
    "batchWindowMs" batch_window_ms: u64 = 100,
    /// Most entries in a batch.
    "batchItemsMax" batch_items_max: u32 = 1_000,
    /// Most bytes in a batch, unless one entry alone is larger.
    "batchBytesMax" batch_bytes_max: u64 = 256 << 10,
    /// Most batches that are on their way at once, with disjoint keys.
    "batchesInFlightMax" batches_in_flight_max: u32 = 2,
    /// Time between pulls while the page is in view.
    "pollBaseMs" poll_base_ms: u64 = 5_000,
    /// Time between pulls while it is not.
    "pollMaxMs" poll_max_ms: u64 = 60_000,
    /// Most changes a pull asks for.
    "pullLimit" pull_limit: u32 = 1_000,
    /// A reply larger than this is cut off.
    "replyBytesMax" reply_bytes_max: u64 = 64 << 20,
    /// A request that makes no progress for this long is aborted; sending its body counts as progress at
    /// `upload_bytes_per_s`.
    "progressMs" progress_ms: u64 = 10_000,
    /// A request is aborted after this long, or longer where its body needs it.
    "requestMsMax" request_ms_max: u64 = 60_000,
    /// Upload rate that deadlines expect.
    "uploadBytesPerS" upload_bytes_per_s: u64 = 8 << 10,
    /// The log is folded when it is idle this long...
    "compactIdleMs" compact_idle_ms: u64 = 1_000,
    /// ...and holds this many bytes of commits that are not needed any more.
    "compactBytesMin" compact_bytes_min: u64 = 128 << 10,
    /// A commit with more base than this writes pages directly.
    "pageDirectlyBytes" page_directly_bytes: u64 = 64 << 10,
    /// Bytes of documents in a page.
    "pageBytes" page_bytes: u64 = 32 << 10,
}

/// Who answers the engine's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransportKind {
    /// A server that speaks Syncline's protocol: replies name generation and scope.
    Protocol,
    /// The app's own functions: what their replies do not say is not checked.
    Functions,
    /// Nobody: writes queue.
    None,
}

/// What a backend can promise about writes whose answer got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// It stores an entry's id with the effect: each write happens once.
    A,
    /// It checks which version a write was made on (an ETag, a version column). A write that it refuses for that, after an
    /// attempt that had no answer, may have been its own.
    B,
    /// Neither. What is sent again may undo what somebody else wrote in between.
    C,
}

impl Config {
    /// The options that an object's text gives; the others are as by default. Fails with the name of one that there is
    /// not, or that cannot be what the text says.
    pub fn read(text: &str) -> Result<Config, String> {
        let given = Fields::of(text);
        given.finish().map_err(|_| "config".to_owned())?;
        let mut config = Config::default();
        let slots = config.slots();
        for (name, raw) in given.iter() {
            let known = NAMES.iter().position(|known| known == name);
            if !known.is_some_and(|at| slots[at].take(Some(raw))) {
                return Err(String::from(&**name));
            }
        }
        Ok(config)
    }

    /// The app's version of a collection.
    pub fn version_of(&self, collection: &str) -> u32 {
        self.versions.version_of(collection)
    }

    /// Those of the collections of these documents.
    pub fn versions_of(&self, addresses: &[Address]) -> Collections {
        let mut versions = self.versions.clone();
        versions.0.retain(|(name, _)| addresses.iter().any(|address| **name == *address.collection));
        versions
    }
}

impl TransportKind {
    fn name(self) -> &'static str {
        match self {
            TransportKind::Protocol => "protocol",
            TransportKind::Functions => "functions",
            TransportKind::None => "none",
        }
    }
}

impl Level {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Level::A => "A",
            Level::B => "B",
            Level::C => "C",
        }
    }
}

/// Takes up that one of `all` whose name the text is.
fn fill_named<T: Copy>(slot: &mut T, raw: &str, all: [T; 3], name: fn(T) -> &'static str) -> bool {
    let given = String::read(raw).unwrap_or_default();
    for one in all {
        if name(one) == given {
            *slot = one;
            return true;
        }
    }
    false
}

impl Member for TransportKind {
    fn write(&self, out: &mut String) {
        write_string(self.name(), out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        fill_named(self, raw, [TransportKind::Protocol, TransportKind::Functions, TransportKind::None], TransportKind::name)
    }
    fn blank() -> Self {
        TransportKind::None
    }
}

impl Member for Level {
    fn write(&self, out: &mut String) {
        write_string(self.name(), out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        fill_named(self, raw, [Level::A, Level::B, Level::C], Level::name)
    }
    fn blank() -> Self {
        Level::A
    }
}
