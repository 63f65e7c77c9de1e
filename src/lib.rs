//! Syncline: reliable writes and fresh reads, on bad networks, for the HTTP API an app already has.

pub mod engine;
pub mod protocol;
