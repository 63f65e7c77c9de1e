//! `replay`: types a recorded editing session, edit by edit, in a real browser against the real server.

use std::path::Path;

use crate::arguments::Arguments;
use crate::failure::Done;
use crate::scripts::Stage;

/// The script that does it and that knows its own arguments.
pub const SCRIPT: &str = "tests/e2e/replay.mjs";

/// `cargo xtask replay [FILE | --seed N | --together] [--astral] [--slice N] [--json]`.
pub fn word(arguments: Arguments) -> Done {
    Stage::ready()?.run(Path::new(SCRIPT), &arguments.rest())
}
