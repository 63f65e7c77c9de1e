//! The simulator: one device with one tab, a disk, a network and a server, all of them at their worst, in virtual time.
//!
//! The engine in it is the very one that ships, and the server is the reference [`crate::authority`]. Everything else
//! here hurts them: the network loses, delays, doubles and reorders messages both ways, the disk aborts transactions at
//! the last moment and forgets what was not flushed, tabs die at any step, somebody else writes the same documents. An
//! [`oracle`] that shares no code with the engine judges every event. After a while everything heals, and the run must
//! come to rest with the device and the server equal, before and after a reload.
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
//! One that is written down tells a story, with faults where they are wanted:
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
pub mod cli;
mod device;
pub mod disk;
pub mod fault;
pub mod net;
pub mod oracle;
mod outside;
pub mod plan;
pub mod server;
pub mod trace;
mod traffic;
pub mod world;

pub use plan::Plan;
pub use world::{Outcome, World};
