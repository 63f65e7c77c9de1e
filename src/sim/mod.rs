//! The simulator.

pub mod action;
pub mod disk;
pub mod fault;
pub mod oracle;
pub mod plan;
pub mod trace;
