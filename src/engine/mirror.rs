//! Mirror files: what has not ended, kept a second time outside of the store, one file a tab. `docs/storage.md` says the same for
//! readers without this module.
//!
//! A file is a run of records. The first is its [`Head`], then come frames: a record that says which commit of the log follows, and of
//! its records those that the outbox and the inbox are made of, byte for byte. Each commit was made on all commits before it, so of
//! several files the one that goes furthest knows whatever the others know.

use std::sync::Arc;

use super::header::{FROZEN, Header};
use super::ident::MutationId;
use super::input::Bytes;
use super::record::{self, Found, Kind, Place, Record};
use crate::members;
use crate::ordered::Ordered;
use crate::protocol::member::{Fields, Member, text_of};

/// How far a store that takes the place of a lost one is ahead with its sessions: the mirror may not have heard of the last ones, and a
/// server fences off all before the last that it has heard of (C8).
pub const SESSIONS_AHEAD: u64 = 1_000_000;
/// No position of a log is higher.
const POSITION_MAX: u64 = 1 << 52;

/// Commits of a log, by position, in order.
pub type Commits = Vec<(u64, Vec<u8>)>;
/// Records by the mutation that they are about, which of its operations, and whether that is frozen.
type Texts = Ordered<(Arc<str>, (u32, bool)), Vec<u8>>;

/// What a mirror file begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The store's id.
    pub store_id: String,
    /// The hash of the user's scope.
    pub scope: String,
    /// This installation's name at the server.
    pub client_id: String,
    /// The session epoch, as it was known then.
    pub session_epoch: u64,
    /// How often this tab has begun its file anew.
    pub generation: u64,
    /// The file begins with what lived in the log up to here...
    pub position: u64,
    /// ...in so many bytes of frames.
    pub bytes: u64,
    /// Whether this tab called nothing durable that was not in its mirror.
    pub awaited: bool,
}

members! {
    Head {
        store_id = "store_id", scope = "scope", client_id = "client_id", session_epoch = "session_epoch",
        generation = "generation", position = "position", bytes = "bytes", awaited = "awaited",
    }
}

/// Which commit it is whose records follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Frame {
    /// The one at this position.
    At(u64),
    /// One that was about to be made behind this position, by this tab. It is there where a `Kept` follows before any other commit; or
    /// where nobody knows of any other commit behind that position.
    Behind(u64),
    /// The one that was about to be made is at this position.
    Kept(u64),
    /// None: texts that splices were made on, which the store has in documents. The last one of each counts.
    Texts,
}

impl Frame {
    /// Appends the frame with its records.
    pub fn write(self, records: &[u8], bytes: &mut Vec<u8>) {
        let (mut at, mut behind, mut kept) = (None, None, None);
        match self {
            Frame::At(position) => at = Some(position),
            Frame::Behind(position) => behind = Some(position),
            Frame::Kept(position) => kept = Some(position),
            Frame::Texts => {}
        }
        let header = text_of(&Spelled { at, behind, kept, bytes: records.len() as u64 });
        record::encode(bytes, Kind::Frame, 0, &header, "");
        bytes.extend_from_slice(records);
    }

    fn read(record: &Record<'_>) -> Option<(Frame, usize)> {
        let Spelled { at, behind, kept, bytes } = Spelled::read(record.header)?;
        let frame = match (at, behind, kept) {
            (Some(position), None, None) => Frame::At(position),
            (None, Some(position), None) => Frame::Behind(position),
            (None, None, Some(position)) => Frame::Kept(position),
            (None, None, None) => Frame::Texts,
            _ => return None,
        };
        Some((frame, usize::try_from(bytes).ok()?))
    }
}

/// A frame's header.
struct Spelled {
    at: Option<u64>,
    behind: Option<u64>,
    kept: Option<u64>,
    bytes: u64,
}

members! { Spelled { at = "at", behind = "behind", kept = "kept", bytes = "bytes" } }

/// Whether outbox and inbox are made of records of this kind.
pub fn is_mirrored(kind: Kind) -> bool {
    use Kind::{After, Attempt, Before, Cancel, Fold, Freeze, Inbox, Mutation, Recovered, Settlement};
    matches!(kind, Mutation | Freeze | Attempt | Cancel | Settlement | Inbox | Before | After | Fold | Recovered)
}

/// Whether a commit of these records, which were checked, only adds writes: nothing of what was there before ends with it or becomes
/// something else. What carries on another write comes with the end of that.
pub fn only_adds(records: &[u8]) -> bool {
    let is_new = |kind: Kind| matches!(kind, Kind::Mutation | Kind::After) || !is_mirrored(kind);
    record::kinds(records).all(|(kind, _)| kind.is_some_and(is_new))
}

/// Of these records, which were checked, those that are mirrored.
pub fn mirrored(records: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for (kind, raw) in record::kinds(records) {
        if kind.is_some_and(is_mirrored) {
            kept.extend_from_slice(raw);
        }
    }
    kept
}

/// A file as it was read.
#[derive(Debug)]
struct File {
    head: Head,
    /// The commits that it has, by position, in order.
    commits: Commits,
    /// How far it goes.
    position: u64,
    /// What was about to be made behind which position when it ends.
    last: Option<(u64, Vec<u8>)>,
    /// The records of texts that splices were made on, the last one of each.
    texts: Texts,
    /// Whether something in it could not be read. Where it only breaks off, it was never said to be flushed to there.
    is_spoilt: bool,
}

impl File {
    /// Reads one, whatever the bytes are. `None` where it is none, or was not written to the end of what it begins with.
    fn read(bytes: &[u8]) -> Option<File> {
        let Some(Found::Record(first)) = record::decode(bytes).next() else { return None };
        let head = Head::read(first.header).filter(|head| first.kind == Kind::Mirror && head.position <= POSITION_MAX)?;
        let mut rest = &bytes[first.raw.len()..];
        if head.store_id.is_empty() || (rest.len() as u64) < head.bytes {
            return None;
        }
        let position = head.position;
        let mut file = File { head, commits: Vec::new(), position, last: None, texts: Texts::default(), is_spoilt: false };
        while let Some(found) = record::decode(rest).next() {
            let length = found.raw().len();
            let frame = if let Found::Record(record) = &found { Frame::read(record).filter(|_| record.kind == Kind::Frame) } else { None };
            let Some((frame, records)) = frame else {
                let breaks_off = length == rest.len() && matches!(found, Found::Broken { .. });
                file.is_spoilt |= !breaks_off;
                rest = &rest[length..];
                continue;
            };
            let Some(body) = rest.get(length..length.saturating_add(records)) else { break };
            rest = &rest[length + records..];
            file.take_up(frame, body);
        }
        Some(file)
    }

    fn take_up(&mut self, frame: Frame, body: &[u8]) {
        let mut records = Vec::new();
        for found in record::decode(body) {
            if matches!(&found, Found::Record(record) if is_mirrored(record.kind)) {
                records.extend_from_slice(found.raw());
            }
        }
        self.is_spoilt |= records.len() < body.len();
        let about = self.last.take();
        match frame {
            Frame::Texts => {
                self.take_up_texts(&records);
                self.last = about;
            }
            Frame::At(position) => self.keep(position, records),
            Frame::Behind(position) if position <= POSITION_MAX => self.last = Some((position, records)),
            Frame::Behind(_) => self.is_spoilt = true,
            Frame::Kept(position) => match about {
                Some((behind, records)) if behind < position => self.keep(position, records),
                _ => self.is_spoilt = true,
            },
        }
    }

    fn take_up_texts(&mut self, records: &[u8]) {
        for found in record::decode(records) {
            if let Found::Record(record) = found
                && let Some(owner) = owner_of_text(&record)
            {
                self.texts.insert(owner, record.raw.to_vec());
            }
        }
    }

    fn keep(&mut self, position: u64, records: Vec<u8>) {
        let earlier = self.commits.last().map_or(0, |(position, _)| *position);
        if records.is_empty() {
            return;
        }
        if position <= earlier || position > POSITION_MAX {
            self.is_spoilt = true;
            return;
        }
        self.position = self.position.max(position);
        self.commits.push((position, records));
    }
}

/// What is left of stores that were lost.
#[derive(Debug, Default)]
pub struct Salvage {
    /// The stores, and of each its commits, in order; nothing of one whose files cannot be read.
    pub stores: Vec<(String, Commits)>,
    /// The client and its last known session, of the store that lived last.
    pub client: Option<(String, u64)>,
    /// Whether nothing durable can be missing.
    pub is_all: bool,
}

impl Salvage {
    /// Reads the files that are there of other stores, by their names. `is_known` says of a store whether it was salvaged before.
    pub fn of(names: &[String], files: &[(String, Bytes)], scope: &str, is_known: &dyn Fn(&str) -> bool) -> Salvage {
        let mut read: Vec<File> = Vec::new();
        for (_, bytes) in files {
            read.extend(File::read(&bytes.0).filter(|file| file.head.scope == scope));
        }
        // What was salvaged of one store is in those that came after it.
        let is_in_another = |store_id: &str| read.iter().any(|file| file.head.store_id != *store_id && file.has_salvaged(store_id));
        let mut salvage = Salvage { stores: Vec::new(), client: None, is_all: true };
        let mut found: Vec<(u64, &str)> = Vec::new();
        for name in names {
            let store_id = store_of(name);
            if is_known(store_id) || is_in_another(store_id) || found.iter().any(|(_, other)| *other == store_id) {
                continue;
            }
            let sessions = read.iter().filter(|file| file.head.store_id == *store_id).map(|file| file.head.session_epoch).max();
            found.push((sessions.unwrap_or_default(), store_id));
        }
        found.sort_unstable();
        for (_, store_id) in found {
            let mut of_it: Vec<&File> = Vec::new();
            of_it.extend(read.iter().filter(|file| file.head.store_id == *store_id));
            let is_file = |name: &&String| store_of(name) == store_id && *name != store_id;
            let unread = names.iter().filter(is_file).any(|name| !files.iter().any(|(other, _)| other == name));
            salvage.is_all &= !of_it.is_empty() && !unread && of_it.iter().all(|file| file.head.awaited && !file.is_spoilt);
            salvage.stores.push((String::from(store_id), Salvage::union(&of_it)));
            if let Some(last) = of_it.iter().max_by_key(|file| file.head.session_epoch) {
                salvage.client = Some((last.head.client_id.clone(), last.head.session_epoch));
            }
        }
        salvage
    }

    /// The file that goes furthest has all that the others have, but for what they were about to add behind that.
    fn union(files: &[&File]) -> Commits {
        let Some(furthest) = files.iter().max_by_key(|file| (file.position, !file.is_spoilt, file.head.generation)) else {
            return Vec::new();
        };
        let mut commits = furthest.commits.clone();
        // Commits without writes have no frames: who was about to make one may have known of more.
        let behind = files.iter().filter_map(|file| file.last.as_ref()).map(|(behind, _)| *behind).max();
        let (known, mut ids) = (furthest.position.max(behind.unwrap_or_default()), Vec::new());
        let mut position = known;
        for file in files {
            let Some((_, records)) = file.last.as_ref().filter(|(behind, _)| *behind == known) else { continue };
            let mut news = ids_in([&records[..]], Kind::Mutation);
            if only_adds(records) && !news.is_empty() && !news.iter().any(|id| ids.contains(id)) {
                position += 1;
                commits.push((position, records.clone()));
                ids.append(&mut news);
            }
        }
        let mut texts = Texts::default();
        for file in files.iter().filter(|file| !std::ptr::eq(**file, *furthest)).chain([furthest]) {
            file.texts.iter().for_each(|(owner, record)| drop(texts.insert(owner.clone(), record.clone())));
        }
        // What a write was about to be frozen on says nothing where its freezing was not stored.
        let (mut records, frozen) = (Vec::new(), ids_in(commits.iter().map(|(_, records)| &records[..]), Kind::Freeze));
        for ((id, (_, is_frozen)), record) in texts.iter() {
            if *is_frozen == frozen.iter().any(|other| other.0 == *id) {
                records.extend_from_slice(record);
            }
        }
        if !records.is_empty() {
            commits.push((position + 1, records));
        }
        commits
    }
}

impl File {
    fn has_salvaged(&self, store_id: &str) -> bool {
        let is_it =
            |found: Found<'_>| matches!(found, Found::Record(record) if record.kind == Kind::Recovered && salvaged(&record) == store_id);
        self.commits.iter().any(|(_, records)| record::decode(records).any(is_it))
    }
}

/// Whose splice was made on a text: the mutation, which of its operations, and whether that is frozen.
fn owner_of_text(record: &Record<'_>) -> Option<(Arc<str>, (u32, bool))> {
    let (mut id, mut operation, mut is_frozen) = (MutationId::blank(), 0, false);
    let mut header = record.header().ok().filter(|_| record.kind == Kind::Before)?;
    header.take("id", &mut id).take("operation", &mut operation).take_if_there(FROZEN, &mut is_frozen).check().ok()?;
    Some((id.0, (operation, is_frozen)))
}

/// The store that a file of this name is of.
pub fn store_of(name: &str) -> &str {
    let end = name.as_bytes().iter().position(|byte| *byte == b'.').unwrap_or(name.len());
    &name[..end]
}

/// The store that a record says was salvaged.
pub fn salvaged(record: &Record<'_>) -> String {
    record.header().and_then(|mut header: Header<'_>| header.read("store_id")).unwrap_or_default()
}

/// What the records of this kind are about.
fn ids_in<'a>(commits: impl IntoIterator<Item = &'a [u8]>, kind: Kind) -> Vec<MutationId> {
    let mut ids = Vec::new();
    for found in commits.into_iter().flat_map(record::decode) {
        if let Found::Record(record) = found
            && record.kind == kind
            && let Some(name) = kind.named_by()
            && let Ok(id) = record.header().and_then(|mut header| header.read::<MutationId>(name))
        {
            ids.push(id);
        }
    }
    ids
}

/// A commit's records as they are so many positions later in the log: those that say where they stand in the order say so, where that is
/// behind the position `beyond`. All arithmetic wraps, so that they may go to earlier positions, too.
pub fn shifted(records: &[u8], beyond: u64, by: u64) -> Vec<u8> {
    let mut moved = Vec::with_capacity(records.len());
    for found in record::decode(records) {
        match found {
            Found::Record(record) if by != 0 => {
                let header = moved_header(&record, beyond, by);
                record::encode(&mut moved, record.kind, record.ordinal, header.as_deref().unwrap_or(record.header), record.body);
            }
            found => moved.extend_from_slice(found.raw()),
        }
    }
    moved
}

fn moved_header(record: &Record<'_>, beyond: u64, by: u64) -> Option<String> {
    let fields = Fields::of(record.header);
    let place = match record.kind {
        Kind::Freeze => fields.raw("place")?,
        Kind::Mutation => Fields::of(fields.raw("lineage")?).raw("place")?,
        _ => return None,
    };
    let start = place.as_ptr() as usize - record.header.as_ptr() as usize;
    let (position, ordinal) = Place::read(place).filter(|(position, _)| *position > beyond)?;
    let mut header = String::from(&record.header[..start]);
    (position.wrapping_add(by), ordinal).write(&mut header);
    header.push_str(&record.header[start + place.len()..]);
    Some(header)
}
