//! `bench`: Syncline beside its peers, in a real browser, in one run.

use std::path::Path;

use crate::arguments::Arguments;
use crate::failure::Done;
use crate::project;
use crate::scripts::Stage;
use crate::tools::npm;

/// `cargo xtask bench [--json] [--only NAME]`: the arguments belong to the script.
pub fn word(arguments: Arguments) -> Done {
    let stage = Stage::ready()?;
    npm::packages(&project::root().join("bench"))?;
    stage.run(Path::new("bench/run.mjs"), &arguments.rest())
}
