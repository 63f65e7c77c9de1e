//! `sim`: the deterministic simulator, as an optimised program of its own, so that this one stays quick to build.

use std::process::Command;

use crate::arguments::Arguments;
use crate::child;
use crate::failure::Done;

/// `cargo xtask sim [--runs N] [--seed S] [--bug B1|ALL] [--json]`: the arguments belong to the simulator.
pub fn word(arguments: Arguments) -> Done {
    child::run(command().args(arguments.rest()))
}

/// The simulator, ready for its arguments.
pub fn command() -> Command {
    let mut command = child::cargo();
    command.args(["run", "--quiet", "--release", "--package", "xtask", "--features", "sim", "--bin", "sim", "--"]);
    command
}
