//! What a server says of itself.

use serde::{Deserialize, Serialize};

use super::{Authority, Rules, Store};
use crate::protocol::PROTOCOL_VERSION;

/// The reply to `GET ping`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PingReply {
    /// The version of the protocol.
    pub protocol: u32,
    /// Which life of the data this is.
    pub generation: String,
    /// Outcomes at positions above this one are all kept.
    pub horizon: u64,
    /// What is taken in one go.
    pub limits: AnnouncedLimits,
}

/// The limits as they are announced; see [`super::Limits`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnouncedLimits {
    /// Bytes of a request's body.
    pub request_bytes: usize,
    /// Entries in one push.
    pub entries_per_push: usize,
    /// Bytes of one entry.
    pub entry_bytes: usize,
    /// Operations in one entry.
    pub operations_per_entry: usize,
    /// Changes in one page of a pull.
    pub changes_per_pull: usize,
}

impl<R: Rules> Authority<R> {
    /// What this server is.
    pub fn ping<S: Store>(&self, store: &S) -> Result<PingReply, S::Error> {
        let head = store.head()?;
        let limits = AnnouncedLimits {
            request_bytes: self.limits.request_bytes,
            entries_per_push: self.limits.entries_per_push,
            entry_bytes: self.limits.entry_bytes,
            operations_per_entry: self.limits.operations_per_entry,
            changes_per_pull: self.limits.changes_per_pull,
        };
        Ok(PingReply { protocol: PROTOCOL_VERSION, generation: head.generation, horizon: head.horizon, limits })
    }
}
