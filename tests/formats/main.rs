//! Every format has a golden vector: what this build writes is what is written down, byte for byte, and what is written
//! down is read back as it was meant. `docs/formats.md` says where each format is described.

// Half of what is compared is the library's side of a format, which is not in the module.
#![cfg(not(target_arch = "wasm32"))]

mod client;
#[path = "../store/mod.rs"]
mod contract;
mod errors;
mod inputs;
mod notices;
mod options;
mod outcomes;
mod records;
mod scopes;
mod store;
mod vectors;
