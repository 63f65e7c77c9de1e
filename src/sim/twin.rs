//! The simulator inside the wasm module: digests of seeds, computed by the code that is compiled for browsers, must be
//! those of the native one (law I25). `cargo xtask sim --wasm N` compares them.

use wasm_bindgen::prelude::wasm_bindgen;

use super::{Plan, World};

/// The digest of a seed's run.
#[wasm_bindgen]
pub fn digest(seed: u64) -> u64 {
    World::new(Plan::draw(seed), None).run().digest
}
