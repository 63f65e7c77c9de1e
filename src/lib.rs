//! Syncline: reliable writes and fresh reads, on bad networks, for the HTTP API an app already has.

#[cfg(any(test, feature = "authority"))]
pub mod authority;
pub mod engine;
pub mod protocol;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
