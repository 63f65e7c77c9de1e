//! Node, and what npm brings: binaryen, esbuild, typescript, playwright-core.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{install, major, on_path, turn, version_in};
use crate::child;
use crate::failure::{Done, Failure};
use crate::project;
use crate::stamp::{Digest, Stamp};

/// The oldest Node whose built-in features the scripts use.
const NODE_MAJOR_MIN: u32 = 20;

/// What npm brings is brought once, whoever asks.
static NPM: Mutex<()> = Mutex::new(());

/// Makes sure that Node and the project's own npm tools are there.
pub fn tools() -> Done {
    node()?;
    packages(&folder())?;
    link_tests()
}

/// A program of the project's npm tools.
pub fn program(name: &str) -> PathBuf {
    folder().join("node_modules/.bin").join(name)
}

/// Runs `npm ci` in a folder, unless its lock file is the one that was installed last.
pub fn packages(folder: &Path) -> Done {
    node()?;
    let _turn = turn(&NPM);
    let stamp = Stamp::at(folder.join("node_modules/.installed"));
    let mut digest = Digest::default();
    digest.add_file(&folder.join("package.json"));
    digest.add_file(&folder.join("package-lock.json"));
    let digest = digest.finish();
    if stamp.holds(&digest) {
        return Ok(());
    }
    install(
        &format!("npm packages into {}", folder.strip_prefix(project::root()).unwrap_or(folder).join("node_modules").display()),
        child::command("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder),
    )?;
    stamp.set(&digest)
}

/// Fails in one line where Node or npm is missing or too old.
fn node() -> Done {
    let answer = child::ask(child::command("node").arg("--version"));
    let found = answer.as_deref().and_then(version_in);
    match found.and_then(major) {
        Some(version) if version >= NODE_MAJOR_MIN && on_path("npm").is_some() => Ok(()),
        Some(version) if version >= NODE_MAJOR_MIN => Err(Failure::new("npm is missing: install it beside Node")),
        Some(_) => Err(Failure::new(format!("Node {NODE_MAJOR_MIN} or newer is needed, this one is {}", found.unwrap_or_default()))),
        None => Err(Failure::new(format!("Node is missing: install version {NODE_MAJOR_MIN} or newer (https://nodejs.org)"))),
    }
}

fn folder() -> PathBuf {
    project::root().join("xtask/node")
}

/// Lets scripts below `tests/` import the tools by name: Node looks for `node_modules` in each folder above a script.
fn link_tests() -> Done {
    let _turn = turn(&NPM);
    let link = project::root().join("tests/node_modules");
    if link.symlink_metadata().is_ok() {
        return Ok(());
    }
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink("../xtask/node/node_modules", &link);
    #[cfg(windows)]
    let made = std::os::windows::fs::symlink_dir("..\\xtask\\node\\node_modules", &link);
    made.map_err(Failure::at(&link))
}
