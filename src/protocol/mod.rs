//! The wire: what client and server say to each other, and what each operation means.
//!
//! `docs/protocol.md` is the same in prose, with golden vectors that this module, the engine and the server pass.
//! Everything here is plain data; parsing checks every limit, so what holds a value of these types holds a good one.

pub mod digits;
pub mod document;
pub mod http;
pub mod json;
pub mod member;
pub mod message;
pub mod operation;
pub mod patch;
pub mod pointer;
mod scan;
pub mod text;
pub mod value;
pub mod words;

use std::cmp::Ordering;
use std::ops::Deref;
use std::sync::Arc;

use member::{Fields, Member, ObjectWriter};
use serde::{Deserialize, Serialize};

use crate::ordered::{Key, order};

pub use document::{ApplyError, Draft};
pub use http::{Call, HttpRequest, Identity, Method};
pub use json::{Json, JsonError};
pub use message::{Applied, Change, ChangeBody, Entry, MessageError, Outcome, PullReply, PushReply, PushRequest, Seen, Verdict, Whole};
pub use operation::{Append, KeyedOperation, Operation, OperationError, Part, Parts, Splice};
pub use patch::Patch;
pub use pointer::Pointer;
pub use text::{Text, TextMark};
pub use value::Value;

/// The version of this protocol, sent by clients as `Syncline-Protocol` and answered by `GET ping`.
pub const PROTOCOL_VERSION: u32 = 1;

/// A document's address. It is handed around much, and is one word for that.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(Arc<Names>);

impl Clone for Address {
    // Called from many places: a call is less code than what it does.
    #[inline(never)]
    fn clone(&self) -> Self {
        Address(self.0.clone())
    }
}

/// What an address says.
#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Names {
    /// The collection's name.
    pub collection: Arc<str>,
    /// The key in the collection.
    pub key: Arc<str>,
}

impl Ord for Names {
    fn cmp(&self, other: &Names) -> Ordering {
        order(&self.collection, &other.collection).then_with(|| order(&self.key, &other.key))
    }
}

impl PartialOrd for Names {
    fn partial_cmp(&self, other: &Names) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Key for Address {}

impl Deref for Address {
    type Target = Names;
    fn deref(&self) -> &Names {
        &self.0
    }
}

impl Member for Address {
    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        self.write_names(&mut object);
        object.end();
    }
    fn fill(&mut self, raw: &str) -> bool {
        let mut fields = Fields::of(raw);
        *self = Address::take_up(&mut fields);
        fields.is_good()
    }
    fn blank() -> Self {
        Address::new(Arc::default(), Arc::default())
    }
}

impl Address {
    /// The address of `key` in `collection`.
    pub fn of(collection: &str, key: &str) -> Self {
        Address::new(collection.into(), key.into())
    }

    /// The same, of names that somebody else may hold, too.
    pub fn new(collection: Arc<str>, key: Arc<str>) -> Self {
        Address(Arc::new(Names { collection, key }))
    }

    /// Takes up the members `collection` and `key`.
    pub(crate) fn take_up(fields: &mut Fields<'_>) -> Self {
        let (mut collection, mut key) = (Arc::blank(), Arc::blank());
        fields.take("collection", &mut collection);
        fields.take("key", &mut key);
        Address::new(collection, key)
    }

    /// Writes them.
    pub(crate) fn write_names(&self, object: &mut ObjectWriter<'_>) {
        object.member("collection", &self.collection).member("key", &self.key);
    }

    /// Whether both names have a lawful length; the error says which that is.
    pub(crate) fn check_names(&self) -> Result<(), &'static str> {
        let is_lawful = |name: &str| (1..=NAME_BYTES_MAX).contains(&name.len());
        if is_lawful(&self.collection) && is_lawful(&self.key) { Ok(()) } else { Err("names have 1 to 1024 bytes") }
    }
}

/// Longest collection name or key, in UTF-8 bytes; [`Address::check_names`] says it in words.
pub const NAME_BYTES_MAX: usize = 1_024;
