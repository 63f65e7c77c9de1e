//! The tools that the words need: found where they are, installed where they are missing.
//!
//! Cargo's tools go into `target/tools` and npm's into `xtask/node/node_modules`, so that nothing outside the project
//! changes. Only a browser is asked of the system.

pub mod browser;
pub mod npm;
pub mod rust;

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::child;
use crate::failure::{Done, Failure};
use crate::say::say;

/// The first executable of this name on the PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// A turn at looking for tools and installing them: suites that run side by side may want the same ones.
fn turn(tools: &Mutex<()>) -> MutexGuard<'_, ()> {
    // The lock guards what is on the disk, and each turn looks anew.
    tools.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one installer: a line with what it brings and one with the seconds it took; its own output only when it fails.
fn install(what: &str, command: &mut Command) -> Done {
    say(format!("installing {what} …"));
    let started = Instant::now();
    let output = command.output().map_err(|error| child::could_not_start(command, &error))?;
    say(format!("… {} s", started.elapsed().as_secs()));
    if output.status.success() {
        return Ok(());
    }
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(Failure::new(format!("{said}{}: {}", output.status, child::shown(command))))
}

/// The first thing in a program's answer that looks like a version: digits with dots between them.
fn version_in(answer: &str) -> Option<&str> {
    answer
        .split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.contains('.') && word.starts_with(|first: char| first.is_ascii_digit()))
}

/// The number before a version's first dot.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_really_say() {
        assert_eq!(version_in("wasm-bindgen 0.2.130"), Some("0.2.130"));
        assert_eq!(version_in("v20.20.2"), Some("20.20.2"));
        assert_eq!(version_in("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)"), Some("156.0.8078.79"));
        assert_eq!(version_in("ChromeDriver 156.0.8078.79 (3f1e5a-refs/branch-heads/8078@{#1})"), Some("156.0.8078.79"));
        assert_eq!(version_in("not found"), None);
    }

    #[test]
    fn majors_compare_as_numbers() {
        assert_eq!(major("9.11.0"), Some(9));
        assert!(major("20.1.0") > major("9.11.0"));
        assert_eq!(major("next"), None);
    }
}
