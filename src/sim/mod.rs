//! The simulator.

pub mod action;
mod app;
pub mod cli;
mod device;
pub mod disk;
pub mod fault;
pub mod net;
pub mod oracle;
pub mod plan;
pub mod server;
pub mod trace;
mod traffic;
pub mod world;

pub use plan::Plan;
pub use world::{Outcome, World};
