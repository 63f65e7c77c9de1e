//! What comes through rustup and cargo: the wasm target, the sources of the standard library, rustfmt and clippy, wasm-bindgen and wasm-pack.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{install, on_path, turn, version_in};
use crate::child;
use crate::failure::{Done, Failure};
use crate::project::{self, WASM_TARGET};

/// The version of the wasm-bindgen program, which must be that of the crate in Cargo.toml: the two share a private format.
const WASM_BINDGEN: &str = "0.2.130";
const WASM_PACK: &str = "0.15.1";

/// rustup is asked for one thing at a time.
static RUSTUP: Mutex<()> = Mutex::new(());

/// Makes sure that cargo can build for wasm.
pub fn wasm_target() -> Done {
    let _turn = turn(&RUSTUP);
    let library = child::ask(child::command("rustc").args(["--print", "target-libdir", "--target", WASM_TARGET]));
    if library.is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(());
    }
    rustup(&format!("the {WASM_TARGET} target"), &["target", "add", WASM_TARGET])
}

/// Makes sure that cargo can build the standard library.
pub fn std_sources() -> Done {
    let _turn = turn(&RUSTUP);
    let sysroot = child::ask(child::command("rustc").args(["--print", "sysroot"]));
    if sysroot.is_some_and(|folder| Path::new(&folder).join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file()) {
        return Ok(());
    }
    rustup("the component rust-src", &["component", "add", "rust-src"])
}

/// Makes sure that `cargo fmt` and `cargo clippy` exist.
pub fn checkers() -> Done {
    let _turn = turn(&RUSTUP);
    for (word, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if child::ask(child::cargo().args([word, "--version"])).is_none() {
            rustup(component, &["component", "add", component])?;
        }
    }
    Ok(())
}

/// The folder with `llvm-cov` and `llvm-profdata`, as old as the compiler whose counters they read.
pub fn llvm_tools() -> Done<PathBuf> {
    let _turn = turn(&RUSTUP);
    let ask = |what: &[&str]| child::ask(child::command("rustc").args(what)).unwrap_or_default();
    let host = ask(&["--print", "host-tuple"]);
    let folder = Path::new(&ask(&["--print", "sysroot"])).join("lib/rustlib").join(host).join("bin");
    if !folder.join(format!("llvm-cov{}", std::env::consts::EXE_SUFFIX)).is_file() {
        rustup("the component llvm-tools", &["component", "add", "llvm-tools"])?;
    }
    Ok(folder)
}

/// The wasm-bindgen program; its test runner lies beside it.
pub fn wasm_bindgen() -> Done<PathBuf> {
    cargo_tool("wasm-bindgen-cli", "wasm-bindgen", WASM_BINDGEN)
}

/// The wasm-pack program.
pub fn wasm_pack() -> Done<PathBuf> {
    cargo_tool("wasm-pack", "wasm-pack", WASM_PACK)
}

/// A program of exactly this version: ours, else the one on the PATH, else freshly built into `target/tools`.
fn cargo_tool(package: &str, program: &str, version: &str) -> Done<PathBuf> {
    let folder = project::target().join("tools");
    let ours = folder.join("bin").join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
    if let Some(found) = [Some(ours.clone()), on_path(program)].into_iter().flatten().find(|path| has_version(path, version)) {
        return Ok(found);
    }
    // No --locked: the lock files these packages publish do not build with every compiler that the packages themselves support.
    let mut cargo = child::cargo();
    cargo.args(["install", "--quiet", "--force", package, "--version", &format!("={version}"), "--root"]).arg(&folder);
    // Each runs for a second at a time: a third less compiling is worth more than a faster tool.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    install(&format!("{package} {version} into {} (a few minutes)", folder.display()), &mut cargo)?;
    if has_version(&ours, version) { Ok(ours) } else { Err(Failure::new(format!("{} does not say {version}", ours.display()))) }
}

fn has_version(program: &Path, version: &str) -> bool {
    child::ask(child::command(program).arg("--version")).is_some_and(|answer| version_in(&answer) == Some(version))
}

fn rustup(what: &str, arguments: &[&str]) -> Done {
    if on_path("rustup").is_none() {
        return Err(Failure::new(format!("missing {what}, and there is no rustup to add it: install both (https://rustup.rs)")));
    }
    install(what, child::command("rustup").args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_and_the_crate_have_one_version() {
        let manifest = project::read(&project::root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("wasm-bindgen = \"={WASM_BINDGEN}\"")), "Cargo.toml pins another wasm-bindgen");
    }

    #[test]
    fn another_version_is_not_accepted() {
        // cargo itself stands in for a tool: it exists wherever this test runs, and its version is never 0.0.0.
        let cargo = on_path("cargo").unwrap();
        assert!(!has_version(&cargo, "0.0.0"));
        assert!(!has_version(Path::new("no-such-program"), "0.0.0"));
    }
}
