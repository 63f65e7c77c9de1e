//! The simulator as a program of its own: `cargo xtask sim` builds it optimised and runs it.

use std::process::Command;

/// A third of the simulator's time goes to the allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    syncline::sim::cli::run(&arguments, &commit())
}

/// Which sources these are: what git says, with a mark where they differ from what was committed, or, where there is no
/// git, the version.
fn commit() -> String {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let Some(head) = git(&["rev-parse", "--short=12", "HEAD"]) else { return version };
    let is_clean = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| changes.is_empty());
    if is_clean { head } else { format!("{head}+") }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
