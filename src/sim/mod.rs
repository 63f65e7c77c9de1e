//! The simulator: one to four devices of one to three users, each with one to three tabs, a disk and a link of its own, in
//! front of one server, all of them at their worst, in virtual time.
//!
//! The engine in it is the very one that ships, and the server is the reference [`crate::authority`]. Everything else
//! here hurts them: the network loses, delays, doubles and reorders messages both ways, the disk aborts transactions at
//! the last moment and forgets what was not flushed, tabs die at any step, clocks jump, and devices of one user and
//! somebody else besides write the same documents. Each device has a judge, an [`oracle`] that shares no code with the
//! engine and judges every event; users have no document in common, and nothing that one writes may reach another. After
//! a while everything heals, and the run must come to rest with the devices of each user and the server equal, before
//! and after a reload.
//!
//! A run is decided by its [`Plan`] alone. One drawn from a seed has its own mix of faults and its own options:
//!
//! ```
//! use syncline::sim::{Plan, World};
//!
//! let outcome = World::new(Plan::draw(7), None).run();
//! assert_eq!(outcome.violation, None);
//! assert_eq!(outcome.digest, World::new(Plan::draw(7), None).run().digest, "the same plan is the same run");
//! ```
//!
//! One that is written down tells a story, with faults where they are wanted; a line of it may name another `device`
//! than the first one:
//!
//! ```
//! use syncline::sim::{Plan, World};
//!
//! let plan: Plan = serde_json::from_str(r#"{ "seed": 1, "user": { "script": [
//!     { "at": 100, "do": { "strike": ["N2", 0] } },
//!     { "at": 110, "do": { "write": [["notes/1", { "put": { "text": "hello" } }]] } },
//!     { "at": 400, "do": "crash" }
//! ] } }"#)?;
//! let outcome = World::new(plan, None).run();
//! assert_eq!((outcome.violation, outcome.crashes, outcome.struck["N2"]), (None, 2, 1));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! `cargo xtask sim` runs many; see [`cli`].

pub mod action;
mod app;
mod asking;
mod asleep;
pub mod cli;
mod common;
mod device;
pub mod disk;
pub mod facade;
pub mod fault;
pub mod harness;
mod horizon;
mod mirrors;
pub mod net;
pub mod oracle;
mod outside;
pub mod plan;
pub mod server;
pub mod shrink;
mod spoiling;
mod tabs;
mod tally;
pub mod trace;
mod traffic;
#[cfg(target_arch = "wasm32")]
pub mod twin;
mod words;
pub mod world;

pub use plan::Plan;
pub use world::{Outcome, World};
