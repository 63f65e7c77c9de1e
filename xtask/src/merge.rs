//! `merge`: recorded three-way merges of texts through the package that ships, beside diff-match-patch.

use crate::arguments::Arguments;
use crate::child;
use crate::failure::Done;
use crate::pack;
use crate::project;
use crate::tools::npm;

/// `cargo xtask merge [FILE] [--json]`: exit code 0 only where all of them come out exactly, and faster than beside it.
pub fn word(arguments: Arguments) -> Done {
    npm::tools()?;
    pack::package()?;
    npm::packages(&project::root().join("bench"))?;
    let mut node = child::command("node");
    node.arg(project::root().join("bench/merge.mjs")).env("SYNCLINE_PKG", project::package());
    child::run(node.args(arguments.rest()))
}
