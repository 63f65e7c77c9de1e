//! The body of a push, read so far that each entry can be answered by itself.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Authority, Rules};
use crate::protocol::json::object;
use crate::protocol::{KeyedOperation, Seen};

/// Longest id of an entry, in UTF-8 bytes.
pub const ID_BYTES_MAX: usize = 128;

/// Why a body is not taken, as a whole; nothing of it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushBodyError {
    /// It is not a list of entries that can be told apart; with the reason.
    Malformed(String),
    /// It has more bytes or more entries than the limits allow; in parts it may pass.
    TooLarge,
}

impl fmt::Display for PushBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushBodyError::Malformed(why) => write!(f, "not a push: {why}"),
            PushBodyError::TooLarge => f.write_str("more bytes or entries than this server takes in one push"),
        }
    }
}

impl std::error::Error for PushBodyError {}

/// The entries of a push. One that is wrong inside does not spoil the others (law I14).
#[derive(Clone, Debug)]
pub struct PushBody {
    pub(super) entries: Vec<Received>,
}

/// One entry as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub id: String,
    pub seen: Seen,
    /// Of the entry's text, byte for byte.
    pub fingerprint: u64,
    pub content: Result<Vec<KeyedOperation>, Unfit>,
}

/// Why an entry's operations were not even looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    TooLarge,
    Malformed(String),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    id: String,
    #[serde(default)]
    seen: Seen,
    #[serde(borrow)]
    operations: Vec<&'a RawValue>,
}

impl<R: Rules> Authority<R> {
    /// Reads the body of a push.
    pub fn read_push(&self, text: &str) -> Result<PushBody, PushBodyError> {
        let malformed = |error: serde_json::Error| PushBodyError::Malformed(error.to_string());
        if text.len() > self.limits.request_bytes {
            return Err(PushBodyError::TooLarge);
        }
        let body: Body<'_> = object(text).map_err(malformed)?;
        if body.entries.len() > self.limits.entries_per_push {
            return Err(PushBodyError::TooLarge);
        }
        let mut entries = Vec::with_capacity(body.entries.len());
        for raw in body.entries {
            let envelope: Envelope<'_> = object(raw.get()).map_err(malformed)?;
            if envelope.id.is_empty() || envelope.id.len() > ID_BYTES_MAX {
                return Err(PushBodyError::Malformed(format!("the id of an entry has 1 to {ID_BYTES_MAX} bytes")));
            }
            let fingerprint = xxhash_rust::xxh64::xxh64(raw.get().as_bytes(), 0);
            let content = self.content(raw.get().len(), &envelope.operations);
            entries.push(Received { id: envelope.id, seen: envelope.seen, fingerprint, content });
        }
        Ok(PushBody { entries })
    }

    fn content(&self, bytes: usize, operations: &[&RawValue]) -> Result<Vec<KeyedOperation>, Unfit> {
        if bytes > self.limits.entry_bytes || operations.len() > self.limits.operations_per_entry {
            return Err(Unfit::TooLarge);
        }
        if operations.is_empty() {
            return Err(Unfit::Malformed("an entry has at least one operation".into()));
        }
        let parse = |raw: &&RawValue| KeyedOperation::parse(raw.get()).map_err(|error| Unfit::Malformed(error.to_string()));
        operations.iter().map(parse).collect()
    }
}

impl PushBody {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
