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

pub use document::{ApplyError, Draft};
pub use http::{Call, HttpRequest, Identity, Method};
pub use json::{Json, JsonError};
pub use message::{Applied, Change, ChangeBody, Entry, MessageError, Outcome, PullReply, PushReply, PushRequest, Seen, Verdict, Whole};
pub use operation::{Append, KeyedOperation, Operation, OperationError, Run, Splice};
pub use patch::Patch;
pub use pointer::Pointer;
pub use text::{Text, TextMark};
pub use value::Value;

/// The version of this protocol, sent by clients as `Syncline-Protocol` and answered by `GET ping`.
pub const PROTOCOL_VERSION: u32 = 1;

/// A document's address: its collection and its key in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Address {
    /// The collection's name.
    pub collection: std::sync::Arc<str>,
    /// The key in the collection.
    pub key: std::sync::Arc<str>,
}

crate::members! {
    Address { collection = "collection", key = "key" }
}

impl Address {
    /// The address of `key` in `collection`.
    pub fn of(collection: &str, key: &str) -> Self {
        Address { collection: collection.into(), key: key.into() }
    }

    /// Whether both names have a lawful length; the error says which that is.
    pub(crate) fn check_names(&self) -> Result<(), &'static str> {
        let is_lawful = |name: &str| (1..=NAME_BYTES_MAX).contains(&name.len());
        if is_lawful(&self.collection) && is_lawful(&self.key) { Ok(()) } else { Err("names have 1 to 1024 bytes") }
    }
}

/// Longest collection name or key, in UTF-8 bytes; [`Address::check_names`] says it in words.
pub const NAME_BYTES_MAX: usize = 1_024;
