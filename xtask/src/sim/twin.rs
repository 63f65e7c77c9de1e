//! Native equals wasm: the digests of seeds, computed by the module as browsers have it, run in Node.

use crate::child;
use crate::failure::{Done, Failure};
use crate::project::WASM_TARGET;
use crate::say::say;
use crate::tools::{npm, rust};

/// Runs so many seeds from `seed` on in both, and fails where they differ.
pub fn compare(runs: &str, seed: &str) -> Done {
    rust::wasm_target()?;
    npm::tools()?;
    child::run(child::cargo().args(["build", "--quiet", "--release", "--lib", "--features", "sim", "--target", WASM_TARGET]))?;
    let native = child::capture(super::command().args(["--digests", "--runs", runs, "--seed", seed]))?;
    let module = format!("target/{WASM_TARGET}/release/syncline.wasm");
    let wasm = child::capture(child::command("node").args(["xtask/node/digests.mjs", &module, runs, seed]))?;
    let differ: Vec<String> = native
        .lines()
        .zip(wasm.lines())
        .filter(|(one, other)| one != other)
        .map(|(one, other)| format!("{one} natively, {other} as wasm"))
        .collect();
    if native.lines().count() == 0 || native.lines().count() != wasm.lines().count() {
        return Err(Failure::new(format!("{runs} seeds were asked for; natively came\n{native}and as wasm\n{wasm}")));
    }
    if let Some(first) = differ.first() {
        return Err(Failure::new(format!("{} of {runs} seeds differ: {first}", differ.len())));
    }
    say(format!("{} seeds from {seed} on have the same digest natively and as wasm", native.lines().count()));
    Ok(())
}
