//! What the authority needs of a store.

use std::fmt;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::pull::Feed;
use crate::protocol::{Address, Applied, Json};

/// Where the log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which life of the data this is; drawn anew when it is restored from an older copy (fault H18).
    pub generation: String,
    /// The last position given out; 0 in an empty store.
    pub seq: u64,
    /// Outcomes at positions above this one are all kept; 0 where none was forgotten.
    pub horizon: u64,
}

/// A former life of the data: it went on to `ended_at` in what became the present one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its generation.
    pub generation: String,
    /// The last position that this life and the one after it share.
    pub ended_at: u64,
}

/// What is known of one installation of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The highest session epoch it pushed with; a push with a lower one is fenced off (law I15).
    pub session_epoch: u64,
    /// Where the log stood when it pushed first: no entry of its was executed at or below this position.
    pub since: u64,
}

/// The latest state of one document, deleted ones included.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Which document.
    pub address: Address,
    /// The position of the entry that wrote it last.
    pub seq: u64,
    /// Its version.
    pub version: String,
    /// The entry that wrote it last.
    pub entry_id: String,
    /// The document; `None` where it was deleted.
    pub value: Option<Json>,
}

/// How an entry ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// It was applied.
    Ok {
        /// The version of all documents it touched.
        version: String,
    },
    /// It was made on another version of this document than the one there was.
    Conflict {
        /// The first document for which that was so.
        address: Address,
    },
    /// It was refused.
    Rejected {
        /// The reason, for programs.
        code: String,
        /// The reason, for people.
        message: String,
        /// Reasons by field.
        fields: Option<Map<String, Value>>,
    },
    /// It was larger than the limits.
    TooLarge,
}

/// What is remembered of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// Its position in the log.
    pub seq: u64,
    /// A hash of the entry's text: the same id with another text is another entry (fault H17).
    pub fingerprint: u64,
    /// How it ended.
    pub ending: Ending,
}

/// The documents that an entry touched, as they are afterwards; `None` where one was deleted.
pub type Documents = Vec<(Address, Option<Json>)>;

/// Everything that one entry does to a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit<'a> {
    /// The user.
    pub scope: &'a str,
    /// The client that pushed it.
    pub client: &'a str,
    /// The entry.
    pub id: &'a str,
    /// What is to be remembered; `seq` is the position behind the head.
    pub remembered: Remembered,
    /// Empty unless it ended well.
    pub documents: Documents,
}

impl Commit<'_> {
    /// The one collection that all its documents are in; `None` where there are several, or no documents.
    pub fn collection(&self) -> Option<&str> {
        let (first, rest) = self.documents.split_first()?;
        rest.iter().all(|(address, _)| address.collection == first.0.collection).then_some(&first.0.collection)
    }
}

/// What keeps documents, outcomes and positions. [`super::contract`] is the meaning of each method as tests.
///
/// Reads see every commit before them and none that is half done. A store may gather several commits and make them
/// durable at once, as long as no reply leaves before that.
pub trait Store {
    /// What can go wrong with it; the authority passes it on and decides nothing by it.
    type Error: fmt::Debug;

    /// Where the log stands.
    fn head(&self) -> Result<Head, Self::Error>;

    /// The former life with this generation, if it is one.
    fn life(&self, generation: &str) -> Result<Option<Life>, Self::Error>;

    /// A client, if it ever pushed.
    fn client(&self, scope: &str, client: &str) -> Result<Option<Client>, Self::Error>;

    /// What is remembered of an entry.
    fn remembered(&self, scope: &str, id: &str) -> Result<Option<Remembered>, Self::Error>;

    /// The latest state of a document, deleted ones included; `None` where there never was one.
    fn document(&self, scope: &str, address: &Address) -> Result<Option<Revision>, Self::Error>;

    /// Visits the documents of a feed whose latest state is behind position `after`, by position and then by address,
    /// until told to stop.
    fn changes(&self, scope: &str, feed: &Feed, after: u64, visit: &mut dyn FnMut(Revision) -> ControlFlow<()>) -> Result<(), Self::Error>;

    /// The remembered entries that `client` pushed, that ended well, and whose documents are all in `feed` or in several
    /// collections, at positions from `after` (not included) to `through` (included), at most `limit`, in order.
    fn applied(&self, scope: &str, client: &str, feed: &Feed, after: u64, through: u64, limit: usize) -> Result<Vec<Applied>, Self::Error>;

    /// Stores what an entry did, all of it or nothing.
    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), Self::Error>;

    /// Stores what is known of a client.
    fn put_client(&mut self, scope: &str, client: &str, known: Client) -> Result<(), Self::Error>;

    /// Forgets the outcomes at and below position `through`, and raises the horizon to it.
    fn forget_outcomes(&mut self, through: u64) -> Result<(), Self::Error>;

    /// Begins another life of the same data, as after a restore from an older copy: what is there stays, positions go
    /// on behind the head, and cursors and versions made from here on tell the lives apart. `generation` must be one
    /// that this data never had.
    fn begin_life(&mut self, generation: &str) -> Result<(), Self::Error>;
}
