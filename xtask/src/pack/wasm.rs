//! From the crate to the module that a browser loads: cargo, wasm-bindgen, wasm-opt.

use std::fs;
use std::path::{Path, PathBuf};

use crate::child;
use crate::failure::{Done, Failure};
use crate::project::{self, WASM_TARGET};
use crate::stamp::{Digest, Stamp};
use crate::tools::{npm, rust};

/// How wasm-opt weighs size against speed: `-Oz` is smallest, `-O3` fastest.
const OPTIMIZE: &str = "-Oz";

/// What wasm-bindgen calls the module of a crate named syncline.
const WASM_FILE: &str = "syncline_bg.wasm";

/// The module and the JavaScript that loads it.
pub struct Module {
    pub glue: PathBuf,
    pub wasm: PathBuf,
}

/// Builds the module with these cargo features; what it needs on the way goes into `room`.
pub fn build(features: Option<&str>, room: &Path) -> Done<Module> {
    rust::wasm_target()?;
    let bindgen = rust::wasm_bindgen()?;
    let mut cargo = child::cargo();
    cargo.args(["build", "--quiet", "--lib", "--target", WASM_TARGET, "--profile", "wasm"]);
    if let Some(features) = features {
        cargo.args(["--features", features]);
    }
    child::run(&mut cargo)?;
    let compiled = project::target().join(WASM_TARGET).join("wasm/syncline.wasm");
    bind(&bindgen, &compiled, room)
}

/// The module as wasm-bindgen left it, with the names of its functions.
pub fn named(room: &Path) -> PathBuf {
    room.join("bound").join(WASM_FILE)
}

/// Binds and shrinks a compiled module, unless that was done with the same one before.
fn bind(bindgen: &Path, compiled: &Path, room: &Path) -> Done<Module> {
    let (bound, small) = (room.join("bound"), room.join("small"));
    let module = Module { glue: bound.join("syncline.js"), wasm: small.join(WASM_FILE) };
    let stamp = Stamp::at(room.join("module.stamp"));
    let digest = || {
        let mut digest = Digest::default();
        digest.add_file(&project::root().join("xtask/node/package-lock.json"));
        digest.add_file(&project::root().join("xtask/src/pack/wasm.rs"));
        [compiled, &module.glue, &named(room), &module.wasm].into_iter().for_each(|file| digest.add_file(file));
        digest.finish()
    };
    if stamp.holds(&digest()) {
        return Ok(module);
    }
    stamp.clear();
    for folder in [&bound, &small] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(Failure::at(folder))?;
        }
        fs::create_dir_all(folder).map_err(Failure::at(folder))?;
    }
    // The reset function is how a page goes on after a panic: only with it may a dead module be started again.
    child::run(
        child::command(bindgen)
            .args(["--target", "web", "--experimental-reset-state-function", "--no-typescript", "--out-name", "syncline", "--out-dir"])
            .args([bound.as_path(), compiled]),
    )?;
    // wasm-opt takes the features it may use from the module's own target_features section.
    child::run(child::command(npm::program("wasm-opt")).arg(OPTIMIZE).arg(named(room)).arg("-o").arg(&module.wasm))?;
    stamp.set(&digest())?;
    Ok(module)
}
