//! `sim`: the deterministic simulator, as an optimised program of its own, so that this one stays quick to build.

mod twin;

use std::process::Command;

use crate::arguments::Arguments;
use crate::child;
use crate::failure::Done;

pub use twin::compare;

/// `cargo xtask sim [--runs N] [--seed S] [--bug B1|ALL] [--json]`: the arguments belong to the simulator. With `--wasm N`,
/// so many seeds are run inside the wasm module too.
pub fn word(mut arguments: Arguments) -> Done {
    if let Some(runs) = arguments.value("--wasm")? {
        let seed = arguments.value("--seed")?.unwrap_or_else(|| "1".to_owned());
        arguments.end()?;
        return compare(&runs, &seed);
    }
    child::run(command().args(arguments.rest()))
}

/// The simulator, ready for its arguments.
pub fn command() -> Command {
    let mut command = child::cargo();
    command.args(["run", "--quiet", "--release", "--package", "xtask", "--features", "sim", "--bin", "sim", "--"]);
    command
}
