//! `crash`: kills real browsers under load and compares what their pages were promised with what the server has.

use std::path::Path;

use crate::arguments::Arguments;
use crate::failure::Done;
use crate::scripts::Stage;

/// The script that does it and that knows its own arguments.
pub const SCRIPT: &str = "tests/e2e/crash.mjs";

/// `cargo xtask crash [--kills N] [--resets N] [--seed S] [--mirror await] [--json]`.
pub fn word(arguments: Arguments) -> Done {
    Stage::ready()?.run(Path::new(SCRIPT), &arguments.rest())
}
