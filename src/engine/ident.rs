//! Names for what the engine starts and later hears of.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ordered::Key;
use crate::protocol::member::Member;

/// A mutation's id, a uuid. An entry is named by its first member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MutationId(pub Arc<str>);

impl Key for MutationId {}

impl Member for MutationId {
    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        self.0.fill(raw)
    }
    fn blank() -> Self {
        MutationId(Member::blank())
    }
}

impl fmt::Display for MutationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! numbered {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl Member for $name {
            fn write(&self, out: &mut String) {
                self.0.write(out);
            }
            fn fill(&mut self, raw: &str) -> bool {
                self.0.fill(raw)
            }
            fn blank() -> Self {
                $name(0)
            }
        }
    )*};
}

numbered! {
    /// One reading from the store.
    LoadId,
    /// One transaction of the store.
    WriteId,
    /// One request to the server.
    RequestId,
    /// One question of the app that is answered later.
    AskId
}
