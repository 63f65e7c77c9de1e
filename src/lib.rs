//! Syncline: reliable writes and fresh reads, on bad networks, for the HTTP API an app already has.

#[cfg(target_arch = "wasm32")]
pub mod api;
#[cfg(any(test, feature = "authority"))]
pub mod authority;
#[cfg(target_arch = "wasm32")]
pub mod browser;
pub mod engine;
pub mod protocol;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
