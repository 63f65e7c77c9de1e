//! Stories about the engine: one promise each, time moved by hand. They need the feature `sim`.
#![cfg(feature = "sim")]

mod answers;
mod awaiting;
mod bad_input;
mod conflicts;
mod corners;
mod groups;
mod growing;
mod harness;
mod history;
mod inbox;
mod items;
mod limits;
mod pulling;
mod pushing;
mod replies;
mod revived;
mod storage;
mod tokens;
mod writing;
