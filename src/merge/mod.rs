//! What becomes of a document that two have changed: base, local and remote in, one document out. Nothing here knows of writes, servers
//! or time.

mod cluster;
pub mod document;
mod list;
mod order;
#[cfg(feature = "sim")]
pub mod planted;
pub mod rule;
pub mod text;

pub use crate::protocol::value::Value as Tree;
pub use document::{Base, Clash, Merged, Taken, merge};
pub use rule::{Rule, RuleError, Rules};
