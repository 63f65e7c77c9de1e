//! The durable layout: what a record is in bytes, and the kinds there are. `docs/storage.md` says the same for readers
//! without this module.
//!
//! A commit of the log, a page and the directory are each a run of records. A record is
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | checksum: the low half of xxHash64 (seed 0) of all that follows in the record |
//! | 1 | kind |
//! | 1 | version of the kind |
//! | 2 | zero |
//! | 4 | ordinal: its place in the commit as first written |
//! | 4 | length of the header |
//! | 4 | length of the body |
//! | … | header: one JSON object |
//! | … | body: JSON text, or nothing |
//!
//! with little-endian numbers. Lengths are checked before they are believed. A record of an unknown kind or version is
//! kept as it is; a broken one goes to quarantine, and the rest of its run with it where its lengths cannot be true.

use std::sync::Arc;

use super::header::Header;
use super::ident::MutationId;
use crate::members;
use crate::protocol::member::{Member, list};

/// The version of the layout that this build writes.
pub const LAYOUT_VERSION: u32 = 1;

/// Bytes before a record's header.
pub const FRAME_BYTES: usize = 20;

/// What a record is about. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A write of the app: [`header::mutation`]; body: a list of operations.
    Mutation = 1,
    /// An entry about to be sent, never to change again: [`header::freeze`]; body: the entry, byte for byte.
    Freeze = 2,
    /// When an entry may be tried again: [`header::attempt`].
    Attempt = 3,
    /// A mutation taken back: [`header::cancel`].
    Cancel = 4,
    /// How an entry ended: [`header::settlement`].
    Settlement = 5,
    /// A conflict that waits for a person. Reserved.
    Parked = 6,
    /// A refused or unknown write: [`header::inbox`]; body: its operations, and what its documents were.
    Inbox = 7,
    /// The server's truth about a document: [`header::base`]; body: the document, or nothing where there is none.
    Base = 8,
    /// Where a feed's next pull goes on: [`header::cursor`].
    Cursor = 9,
    /// An acknowledged entry still laid over the base, for servers without positions: [`header::shadow`]; body: its operations as
    /// they were sent.
    Shadow = 10,
    /// An event of a stream. Reserved.
    Event = 11,
    /// What was pushed, by fingerprint. Reserved.
    Ledger = 12,
    /// One sync: the header is a [`super::history::Row`].
    History = 13,
    /// A tab's claim to drain. Reserved.
    Claim = 14,
    /// What could not be read: [`header::quarantine`]; body: the raw text, inside a JSON string.
    Quarantine = 15,
    /// The text that a run of splices was made on, kept because the base has moved since: [`header::before`]; body: the
    /// text, as a JSON string.
    Before = 16,
    /// Pages that this commit wrote directly: [`header::paged`].
    Paged = 17,
    /// Which page holds which document: [`header::directory`]; body: a list of `[page, collection, [key, …]]`.
    Directory = 18,
    /// The head of a mirror file: [`super::mirror::Head`].
    Mirror = 19,
    /// What a mutation waits for: [`header::after`].
    After = 20,
    /// Mutations that become one with an earlier one: [`header::fold`].
    Fold = 21,
    /// In a mirror file: a commit, whose records follow: [`super::mirror::Frame`].
    Frame = 22,
    /// What the mirror of a store that was lost still had stands in the log before it: [`header::recovered`].
    Recovered = 23,
}

impl Kind {
    /// The kind with this number, if this build knows it in this version and reads it.
    fn known(number: u8, version: u8) -> Option<Kind> {
        if version != VERSION {
            return None;
        }
        Some(match number {
            1 => Kind::Mutation,
            2 => Kind::Freeze,
            3 => Kind::Attempt,
            4 => Kind::Cancel,
            5 => Kind::Settlement,
            7 => Kind::Inbox,
            8 => Kind::Base,
            9 => Kind::Cursor,
            10 => Kind::Shadow,
            13 => Kind::History,
            15 => Kind::Quarantine,
            16 => Kind::Before,
            17 => Kind::Paged,
            18 => Kind::Directory,
            19 => Kind::Mirror,
            20 => Kind::After,
            21 => Kind::Fold,
            22 => Kind::Frame,
            23 => Kind::Recovered,
            _ => return None,
        })
    }

    /// The member of the header that says what a record is about: a mutation, an entry or a feed.
    pub fn named_by(self) -> Option<&'static str> {
        match self {
            Kind::Mutation | Kind::Cancel | Kind::Before | Kind::After | Kind::Fold => Some("id"),
            Kind::Freeze | Kind::Attempt | Kind::Settlement | Kind::Inbox | Kind::Shadow => Some("entry"),
            Kind::Cursor => Some("feed"),
            Kind::Recovered => Some("store_id"),
            _ => None,
        }
    }
}

/// The version that this build writes of every kind.
const VERSION: u8 = 1;

/// Where a record is in the log: the position of its commit, and its ordinal in it. The order of these is the order of the
/// outbox.
pub type Place = (u64, u32);

/// What a follow-up carries on.
#[derive(Clone, Debug, PartialEq)]
pub struct Lineage {
    /// The first mutation of the line.
    pub root: MutationId,
    /// How many follow-ups came before, and this one.
    pub round: u32,
    /// Where in the order of the outbox the first one stood, and this one stands: log position and ordinal.
    pub place: Place,
}

members! {
    Lineage { root = "root", round = "round", place = "place" }
}

/// A page, a collection, and keys of it that the page holds.
pub type DirectoryRow = (u32, std::sync::Arc<str>, Vec<std::sync::Arc<str>>);

impl Member for Place {
    fn write(&self, out: &mut String) {
        out.push('[');
        self.0.write(out);
        out.push(',');
        self.1.write(out);
        out.push(']');
    }
    fn fill(&mut self, raw: &str) -> bool {
        match list(raw).as_deref() {
            Ok([position, ordinal]) => self.0.fill(position) && self.1.fill(ordinal),
            _ => false,
        }
    }
    fn blank() -> Self {
        (0, 0)
    }
}

impl Member for DirectoryRow {
    fn write(&self, out: &mut String) {
        out.push('[');
        self.0.write(out);
        out.push(',');
        self.1.write(out);
        out.push(',');
        self.2.write(out);
        out.push(']');
    }
    fn fill(&mut self, raw: &str) -> bool {
        match list(raw).as_deref() {
            Ok([page, collection, keys]) => self.0.fill(page) && self.1.fill(collection) && self.2.fill(keys),
            _ => false,
        }
    }
    fn blank() -> Self {
        Default::default()
    }
}

/// One record, found in bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// One that this build can read.
    Record(Record<'a>),
    /// One of a kind or version that this build does not know: kept as it is.
    Foreign {
        /// All its bytes.
        raw: &'a [u8],
    },
    /// One that is not as it was written.
    Broken {
        /// Its bytes, or all the rest where its end cannot be known.
        raw: &'a [u8],
        /// What is wrong with it.
        why: &'static str,
    },
}

impl<'a> Found<'a> {
    /// Its bytes.
    pub fn raw(&self) -> &'a [u8] {
        match self {
            Found::Record(record) => record.raw,
            Found::Foreign { raw } | Found::Broken { raw, .. } => raw,
        }
    }

    /// Its place in the commit as first written; `None` where it is broken.
    pub fn ordinal(&self) -> Option<u32> {
        match self {
            Found::Record(record) => Some(record.ordinal),
            Found::Foreign { raw } => raw[8..12].try_into().ok().map(u32::from_le_bytes),
            Found::Broken { .. } => None,
        }
    }
}

/// A record that this build can read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its place in the commit as first written.
    pub ordinal: u32,
    /// A JSON object.
    pub header: &'a str,
    /// JSON text or nothing.
    pub body: &'a str,
    /// All its bytes.
    pub raw: &'a [u8],
}

impl<'a> Record<'a> {
    /// The header, to be read.
    pub fn header(&self) -> Result<Header<'a>, &'static str> {
        Header::parse(self.header)
    }
}

/// The mutations and entries that a record names.
pub fn names(record: &Record<'_>, named: &mut dyn FnMut(Arc<str>)) -> Result<(), &'static str> {
    let mut header = record.header()?;
    if let Some(name) = record.kind.named_by() {
        named(header.read::<MutationId>(name)?.0);
    }
    for list in ["members", "after"] {
        let mut ids = Vec::<MutationId>::new();
        header.take_if_there(list, &mut ids).check()?;
        ids.into_iter().for_each(|id| named(id.0));
    }
    Ok(())
}

/// Appends one record to `bytes`.
pub fn encode(bytes: &mut Vec<u8>, kind: Kind, ordinal: u32, header: &str, body: &str) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; FRAME_BYTES]);
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(body.as_bytes());
    let record = &mut bytes[start..];
    record[4] = kind as u8;
    record[5] = VERSION;
    record[8..12].copy_from_slice(&ordinal.to_le_bytes());
    record[12..16].copy_from_slice(&(header.len() as u32).to_le_bytes());
    record[16..20].copy_from_slice(&(body.len() as u32).to_le_bytes());
    let sum = checksum(&record[4..]);
    record[..4].copy_from_slice(&sum.to_le_bytes());
}

/// The records in a run of bytes, whatever the bytes are.
pub fn decode(bytes: &[u8]) -> impl Iterator<Item = Found<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (found, after) = decode_one(rest);
        rest = after;
        Some(found)
    })
}

/// The kinds of the records in a run that this engine has made or checked, and their bytes.
pub fn kinds(bytes: &[u8]) -> impl Iterator<Item = (Option<Kind>, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let number = |at: usize| rest.get(at..at + 4).map(|four| u32::from_le_bytes(four.try_into().expect("four bytes")) as usize);
        let (raw, after) = rest.split_at_checked(FRAME_BYTES.checked_add(number(12)?)?.checked_add(number(16)?)?)?;
        rest = after;
        Some((Kind::known(raw[4], raw[5]), raw))
    })
}

fn decode_one(bytes: &[u8]) -> (Found<'_>, &[u8]) {
    let number = |at: usize| bytes.get(at..at + 4).map(|four| u32::from_le_bytes(four.try_into().expect("four bytes")) as usize);
    let length = number(12).zip(number(16)).and_then(|(header, body)| Some((header, FRAME_BYTES.checked_add(header)?.checked_add(body)?)));
    let Some((header, length)) = length.filter(|(_, length)| *length <= bytes.len()) else {
        return (Found::Broken { raw: bytes, why: "it is cut short" }, &[]);
    };
    let (raw, rest) = bytes.split_at(length);
    if number(0) != Some(checksum(&raw[4..]) as usize) {
        return (Found::Broken { raw, why: "its checksum is wrong" }, rest);
    }
    let Some(kind) = Kind::known(raw[4], raw[5]) else { return (Found::Foreign { raw }, rest) };
    let (header, body) = raw[FRAME_BYTES..].split_at(header);
    let (Ok(header), Ok(body)) = (std::str::from_utf8(header), std::str::from_utf8(body)) else {
        return (Found::Broken { raw, why: "it is not UTF-8" }, rest);
    };
    (Found::Record(Record { kind, ordinal: number(8).unwrap_or_default() as u32, header, body, raw }), rest)
}

fn checksum(bytes: &[u8]) -> u32 {
    xxhash_rust::xxh64::xxh64(bytes, 0) as u32
}

#[cfg(test)]
mod tests {
    use super::super::header;
    use super::*;

    fn cancel(id: &str) -> String {
        header::cancel(&MutationId(id.into()))
    }

    #[test]
    fn records_come_back_as_they_went_in() {
        let mut bytes = Vec::new();
        encode(&mut bytes, Kind::Cancel, 0, &cancel("a"), "");
        encode(&mut bytes, Kind::Mutation, 7, &cancel("b"), "[1]");
        let found: Vec<_> = decode(&bytes).collect();
        let [Found::Record(a), Found::Record(b)] = found[..] else { panic!("{found:?}") };
        assert_eq!((a.kind, a.header, a.body), (Kind::Cancel, &*cancel("a"), ""));
        assert_eq!((b.kind, b.ordinal, b.body), (Kind::Mutation, 7, "[1]"));
    }

    #[test]
    fn s15_every_broken_byte_is_noticed_and_spoils_no_other_record() {
        let mut bytes = Vec::new();
        encode(&mut bytes, Kind::Cancel, 0, &cancel("a"), "");
        let first = bytes.len();
        encode(&mut bytes, Kind::Cancel, 1, &cancel("b"), "{}");
        for at in 0..first {
            let mut broken = bytes.clone();
            broken[at] ^= 0x40;
            let found: Vec<_> = decode(&broken).collect();
            assert!(matches!(found[0], Found::Broken { .. }), "byte {at}: {found:?}");
            let in_lengths = (12..20).contains(&at);
            assert!(in_lengths || matches!(found[1], Found::Record(_)), "byte {at}");
        }
        for length in 1..bytes.len() {
            assert!(length == first || decode(&bytes[..length]).any(|found| matches!(found, Found::Broken { .. })), "cut at {length}");
        }
    }

    #[test]
    fn a_kind_of_a_later_build_is_kept() {
        let mut bytes = Vec::new();
        encode(&mut bytes, Kind::Event, 0, &cancel("a"), "");
        assert_eq!(decode(&bytes).collect::<Vec<_>>(), [Found::Foreign { raw: &bytes }]);
    }
}
