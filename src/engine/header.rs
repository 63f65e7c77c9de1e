//! The headers of records: what each kind says in its JSON object, and how one is read.
//!
//! A header is written from what the engine holds, and read member by member: a reader takes up what it needs, and
//! passes over what it does not know.

use super::clock::Wall;
use super::error::Fault;
use super::ident::MutationId;
use super::input::Collections;
use super::record::{DirectoryRow, Lineage, Place};
use crate::protocol::member::{Fields, Filled, Member, ObjectWriter, TEXT_BYTES};
use crate::protocol::{Address, Json, Names, Part, Parts, Pointer, Seen};

/// The text of an object with these members.
macro_rules! object {
    ($($name:tt: $value:expr),*) => {{
        let mut text = String::with_capacity(TEXT_BYTES);
        let mut object = ObjectWriter::begin(&mut text);
        $(object.member($name, $value);)*
        object.end();
        text
    }};
}

/// A mutation as it is queued: its id, when that was, for whom (the hash of the user's scope), the documents it touches,
/// the app's versions of their collections, what it carries on, and how many others were folded into it. More than one document are a
/// group.
pub fn mutation(
    id: &MutationId,
    at: Wall,
    scope: &str,
    keys: &[Address],
    versions: &Collections,
    lineage: &Option<Lineage>,
    folds: Option<u32>,
) -> String {
    object!("id": id, "at": &at, "scope": &scope, "keys": &keys, VERSIONS: &said(versions), "lineage": lineage, "folds": &folds)
}

/// The app's versions of the collections that a write is on, in its header. Left out where none has one.
const VERSIONS: &str = "collection_versions";

fn said(versions: &Collections) -> Option<Collections> {
    Some(versions.clone()).filter(|versions| !versions.0.is_empty())
}

/// Mutations that become one with an earlier one, in order. Right behind it comes the record of that one with all that they do.
pub fn fold(id: &MutationId, members: &[MutationId]) -> String {
    object!("id": id, "members": &members)
}

/// An entry about to be sent, named by its first member; its members in order; where the first of them stood in the order
/// of the outbox (members' own records may go once this one is stored); how many follow-ups led to it, left out where
/// none did; the first mutation of its line, where it is not its own first member; and what it means, where what is sent was
/// lowered to what the backend takes; and the app's versions of its collections.
pub fn freeze(
    entry: &MutationId,
    members: &[MutationId],
    place: Place,
    round: u32,
    root: &Option<MutationId>,
    meant: &[Part],
    versions: &Collections,
) -> String {
    let round = if round > 0 { Some(round) } else { None };
    let (meant, versions) = (Parts(meant), said(versions));
    object!("entry": entry, "members": &members, "place": &place, "round": &round, "root": root, "meant": &meant, VERSIONS: &versions)
}

/// An acknowledged entry that no pull has shown yet, of a server without positions: the version it made, where the server says
/// one, when it was acknowledged, and the app's versions of its collections.
pub fn shadow(entry: &MutationId, version: &str, at: Wall, versions: &Collections) -> String {
    object!("entry": entry, "version": &version, "at": &at, VERSIONS: &said(versions))
}

/// An entry may be tried again: how often the server has answered so, when it last did, the wait that was drawn, and how
/// much of it the server asked for, where it did.
pub fn attempt(entry: &MutationId, failures: u32, at: Wall, delay_ms: u64, asked_ms: Option<u64>) -> String {
    object!("entry": entry, "failures": &failures, "at": &at, "delay_ms": &delay_ms, "asked_ms": &asked_ms)
}

/// What a mutation waits for: it goes when all of these have been applied, and is refused where one of them is.
pub fn after(id: &MutationId, after: &[MutationId]) -> String {
    object!("id": id, "after": &after)
}

/// A mutation taken back.
pub fn cancel(id: &MutationId) -> String {
    object!("id": id)
}

/// The ending of what is in the inbox no longer: it was made anew...
pub const RETRIED: &str = "retried";
/// ...or given up.
pub const DISCARDED: &str = "discarded";
/// The ending of a shadow: a pull shows it, or has not in all this time.
pub const SHOWN: &str = "shown";

/// How an entry ended (`applied`, `merged`, `rejected`, `unknown`; behind that, in the inbox, `retried`, `discarded`; behind that, as a shadow, `shown`), and its position in the server's log.
pub fn settlement(entry: &MutationId, members: &[MutationId], ending: &str, seq: Option<u64>) -> String {
    object!("entry": entry, "members": &members, "ending": &ending, "seq": &seq)
}

/// A write that is `rejected` or `unknown`: why, the server's reasons by field, when it ended, and of which versions of its
/// collections its operations are.
pub fn inbox(
    entry: &MutationId,
    members: &[MutationId],
    ending: &str,
    error: &Fault,
    fields: &Option<Json>,
    at: Wall,
    versions: &Collections,
) -> String {
    let versions = said(versions);
    object!("entry": entry, "members": &members, "ending": &ending, "error": error, "fields": fields, "at": &at, VERSIONS: &versions)
}

/// The server's truth about a document: its version (opaque), its position in the server's log, and the server's
/// generation; and the app's version of its collection, where it has one.
pub fn base(address: &Address, version: &str, seq: Option<u64>, generation: &str, of: u32) -> String {
    let (Names { collection, key }, of) = (&**address, Some(of).filter(|of| *of > 0));
    object!("collection": collection, "key": key, "version": &version, "seq": &seq, "generation": &generation, "collection_version": &of)
}

/// Where a feed's next pull goes on: the cursor (opaque; none is the beginning), the server's generation, whether
/// everything is being pulled again, so that what is not seen again is gone, and how much of the server's log this client
/// has applied.
pub fn cursor(feed: &str, cursor: &Option<String>, generation: &str, resync: bool, seen: &Seen) -> String {
    object!("feed": &feed, "cursor": cursor, "generation": &generation, "resync": &resync, "seen": seen)
}

/// What could not be read: where it came from (`log`, `page`, `directory`, `pull`), why, and when.
pub fn quarantine(source: &str, why: &str, at: Wall) -> String {
    object!("source": &source, "why": &why, "at": &at)
}

/// The text that a run of splices was made on: the mutation, or the entry once it is frozen, whose splice begins the run;
/// which of its operations; and where the text is in the document. In a mirror file, which may not have what froze it, also
/// whether it is the entry's.
pub fn before(id: &MutationId, operation: u32, path: &Pointer, is_frozen: bool) -> String {
    object!("id": id, "operation": &operation, "path": path, FROZEN: &is_frozen.then_some(true))
}

/// Says of a text in a mirror file that a frozen entry was made on it.
pub const FROZEN: &str = "frozen";

/// A store that was lost, and whose mirror was read.
pub fn recovered(store_id: &str) -> String {
    object!("store_id": &store_id)
}

/// Pages that a commit wrote directly, as in the directory's body.
pub fn paged(pages: &[DirectoryRow]) -> String {
    object!("pages": &pages)
}

/// No page has this number or a higher one.
pub fn directory(next_page: u32) -> String {
    object!("next_page": &next_page)
}

/// A header that is read.
pub struct Header<'a>(Fields<'a>);

const OTHER_SHAPE: &str = "its header has another shape";

impl<'a> Header<'a> {
    /// Finds the members of a header.
    pub fn parse(text: &'a str) -> Result<Header<'a>, &'static str> {
        let header = Header(Fields::of(text));
        header.check()?;
        Ok(header)
    }

    /// Takes a member up into `slot`; whether that went well is seen by [`Header::check`].
    pub fn take(&mut self, name: &'static str, slot: &mut dyn Filled) -> &mut Self {
        self.0.take(name, slot);
        self
    }

    /// The same for a member that may be left out; then `slot` stays as it is.
    pub fn take_if_there(&mut self, name: &'static str, slot: &mut dyn Filled) -> &mut Self {
        if self.0.raw(name).is_some() { self.take(name, slot) } else { self }
    }

    /// The app's versions of the collections that a write is on.
    pub fn versions(&mut self) -> Result<Collections, &'static str> {
        let mut versions = Collections::default();
        self.take_if_there(VERSIONS, &mut versions).check()?;
        Ok(versions)
    }

    /// The text of a member; empty where there is none.
    pub fn raw(&self, name: &str) -> &'a str {
        self.0.raw(name).unwrap_or_default()
    }

    /// The address among the members; whether there is one is seen by [`Header::check`].
    pub fn address(&mut self) -> Address {
        Address::take_up(&mut self.0)
    }

    /// Whether all members that were taken up are what they must be.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.0.finish().is_ok() { Ok(()) } else { Err(OTHER_SHAPE) }
    }

    /// One member, read.
    pub fn read<T: Member>(&mut self, name: &'static str) -> Result<T, &'static str> {
        let mut value = T::blank();
        self.take(name, &mut value).check()?;
        Ok(value)
    }
}
