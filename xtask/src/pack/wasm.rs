//! From the crate to the module that a browser loads: cargo, wasm-bindgen, wasm-opt.
//!
//! The standard library is built along, for size and for a panic that is a plain trap: a module about 12 % smaller. That
//! takes flags which the compiler keeps unstable, so what is published is made with a compiler on which the tests have
//! passed (Cargo.toml's `rust-version`). The crate itself needs stable Rust and no flags.

use std::fs;
use std::path::{Path, PathBuf};

use super::glue;
use super::names::Names;
use super::order;
use crate::child;
use crate::failure::{Done, Failure};
use crate::project::{self, WASM_TARGET};
use crate::stamp::{Digest, Stamp};
use crate::tools::{npm, rust};

/// What wasm-opt does. `-Oz` is its smallest; the rest is for gzip, which finds more to share where a function with one
/// caller stays a function unless it is tiny, where equal expressions stay equal, where loads and stores say nothing of
/// alignment. An addition may go into the load or store behind it: no address that is in use begins below 1024, since down
/// there is the end of the stack, and who gets that far has overrun it.
const OPTIMIZE: [&str; 8] = [
    "--debuginfo",
    "-Oz",
    "--converge",
    "--one-caller-inline-max-function-size=20",
    "--skip-pass=local-cse",
    "--dealign",
    "--low-memory-unused",
    "-o",
];

/// Functions by their places, as `order` wrote them.
const REORDER: [&str; 3] = ["--debuginfo", "--reorder-functions-by-name", "-o"];

/// And then: names are of use to nobody who downloads it. Those that the glue needs become short, and are printed.
const STRIP: [&str; 5] =
    ["--strip-debug", "--strip-producers", "--strip-target-features", "--minify-imports-and-exports-and-modules", "-o"];

/// How cargo builds the standard library along.
const STD: [&str; 4] = ["-Z", "build-std=std,panic_abort", "-Z", "build-std-features=optimize_for_size"];

/// The compiler's flags. A panic ends in a trap at once, and neither its place nor what `{:?}` would say is in the module.
/// Loops, loads and conditions stay as they were written, since what makes them faster makes them longer. What does not fit
/// into a register is copied by one `memory.copy`: of a few bytes it takes a browser about as long as the loads and stores it
/// stands for, one nanosecond, and an older V8 seven. The stack has 512 KB: a hundred turns inside each other,
/// which the driver allows, take a fifth of it, and what stands behind it has addresses that are a byte shorter than behind a
/// whole MB.
const FLAGS: [&str; 11] = [
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
    "-Zfmt-debug=none",
    "-Zlocation-detail=none",
    "-Cllvm-args=-disable-lsr",
    "-Cllvm-args=-enable-load-pre=false",
    "-Cllvm-args=-jump-is-expensive",
    "-Cllvm-args=-max-store-memcpy=1",
    "-Cllvm-args=-max-store-memmove=1",
    "-Cllvm-args=-max-store-memset=1",
    "-Clink-arg=-zstack-size=524288",
];

/// What wasm-bindgen calls the module of a crate named syncline.
const WASM_FILE: &str = "syncline_bg.wasm";

/// The module and the JavaScript that loads it.
pub struct Module {
    pub glue: PathBuf,
    pub wasm: PathBuf,
}

/// Builds the module with these cargo features; what it needs on the way goes into `room`.
pub fn build(features: Option<&str>, room: &Path) -> Done<Module> {
    rust::std_sources()?;
    let bindgen = rust::wasm_bindgen()?;
    // A folder of its own: with other flags in a shared one, each build would throw away what the others had made.
    let target = project::target().join("pack/cargo");
    let mut cargo = child::cargo();
    // As a cdylib and nothing else: where Rust can use it too, cargo leaves out optimising all crates as one.
    cargo.args(["rustc", "--quiet", "--lib", "--crate-type", "cdylib", "--target", WASM_TARGET, "--profile", "wasm"]).args(STD);
    cargo.arg("--target-dir").arg(&target);
    // This variable stands above all other places that flags may come from; the other one lets a stable compiler take them.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f")).env("RUSTC_BOOTSTRAP", "1");
    if let Some(features) = features {
        cargo.args(["--features", features]);
    }
    child::run(&mut cargo)?;
    let compiled = target.join(WASM_TARGET).join("wasm/syncline.wasm");
    bind(&bindgen, &compiled, room)
}

/// The module as wasm-bindgen left it, with the names of its functions.
pub fn named(room: &Path) -> PathBuf {
    room.join("bound").join(WASM_FILE)
}

/// Binds and shrinks a compiled module, unless that was done with the same one before.
fn bind(bindgen: &Path, compiled: &Path, room: &Path) -> Done<Module> {
    let (bound, small) = (room.join("bound"), room.join("small"));
    let module = Module { glue: small.join("syncline.js"), wasm: small.join(WASM_FILE) };
    let stamp = Stamp::at(room.join("module.stamp"));
    let digest = || {
        let mut digest = Digest::default();
        digest.add_file(&project::root().join("xtask/node/package-lock.json"));
        project::files_below(&project::root().join("xtask/src/pack")).iter().for_each(|file| digest.add_file(file));
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
    let still_named = bound.join("small.wasm");
    child::run(child::command(npm::program("wasm-opt")).arg(named(room)).args(OPTIMIZE).arg(&still_named))?;
    let (placed, ordered) = (bound.join("placed.wasm"), bound.join("ordered.wasm"));
    let optimized = fs::read(&still_named).map_err(Failure::at(&still_named))?;
    let weighed = bound.join("weighed");
    let weigh = |bytes: &[u8]| {
        fs::write(&weighed, bytes).map_err(Failure::at(&weighed))?;
        child::run(child::command("gzip").args(["-9", "-n", "-f"]).arg(&weighed))?;
        let packed = weighed.with_extension("gz");
        fs::metadata(&packed).map(|packed| packed.len()).map_err(Failure::at(&packed))
    };
    let places = order::with_places(&optimized, weigh)?.ok_or_else(|| Failure::new("what wasm-opt wrote is no module"))?;
    fs::write(&placed, places).map_err(Failure::at(&placed))?;
    child::run(child::command(npm::program("wasm-opt")).arg(&placed).args(REORDER).arg(&ordered))?;
    let names = child::capture(child::command(npm::program("wasm-opt")).arg(&ordered).args(STRIP).arg(&module.wasm))?;
    let glue = glue::quickened(&Names::read(&names)?.put_into(&project::read(&bound.join("syncline.js"))?)?)?;
    fs::write(&module.glue, glue).map_err(Failure::at(&module.glue))?;
    stamp.set(&digest())?;
    Ok(module)
}
