//! What becomes of a document that two have changed: base, local and remote in, one document out. Nothing here knows of writes, servers
//! or time.

mod cluster;
pub mod text;
