//! Stories about the engine: one promise each, time moved by hand. They need the feature `sim`.
#![cfg(feature = "sim")]

mod adopting;
mod again;
mod answers;
mod asleep;
mod awaiting;
mod backend;
mod backends;
mod bad_input;
mod bounds;
mod collections;
mod conflicts;
mod corners;
mod early;
mod folding;
mod freshness;
mod groups;
mod growing;
mod harness;
mod history;
mod inbox;
mod items;
mod leaving;
mod levels;
mod limits;
mod merging;
mod migrating;
mod mirror;
mod pulling;
mod pushing;
mod replies;
mod resolving;
mod revived;
mod shadows;
mod storage;
#[path = "../store/mod.rs"]
#[macro_use]
mod store;
mod stores;
mod tabs;
mod tokens;
mod writing;
