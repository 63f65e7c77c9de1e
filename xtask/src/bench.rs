//! `bench`: Syncline beside its peers, in a real browser, in one run.

use std::path::Path;

use crate::arguments::Arguments;
use crate::failure::Done;
use crate::project;
use crate::scripts::Stage;
use crate::tools::npm;

/// `cargo xtask bench [--json] [--only NAME]`, or `--sizes` for what the store's sizes were chosen by: other arguments belong to the
/// script.
pub fn word(mut arguments: Arguments) -> Done {
    let script = if arguments.flag("--sizes") { "bench/sizes.mjs" } else { "bench/run.mjs" };
    let stage = Stage::ready()?;
    npm::packages(&project::root().join("bench"))?;
    stage.run(Path::new(script), &arguments.rest())
}
