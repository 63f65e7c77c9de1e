//! The two clocks of a page, and fresh random bits.

use std::cell::Cell;

use wasm_bindgen::prelude::*;

use crate::engine::clock::{Timestamp, Wall};

/// The wall clock ran ahead of the monotonic one by more than this: the machine slept, and where the monotonic clock
/// stops in sleep (T2, B28) nothing else tells.
const SLEPT_MS: u64 = 5_000;

/// What the monotonic clock says.
pub fn now() -> Timestamp {
    Timestamp(performance_now() as u64)
}

/// What the wall clock says.
pub fn wall() -> Wall {
    Wall(js_sys::Date::now() as u64)
}

/// A seed for the engine's random source. Where a page has no crypto source, time stands in: ids then are only as
/// unlikely to meet as two clients are to open in the same microsecond.
pub fn seed() -> [u64; 2] {
    let mut bytes = [0; 16];
    if random_values(&mut bytes).is_err() {
        return [js_sys::Date::now().to_bits(), performance_now().to_bits()];
    }
    let number = u128::from_le_bytes(bytes);
    [number as u64, (number >> 64) as u64]
}

/// Finds out by itself that the machine slept.
#[derive(Debug)]
pub struct SleepWatch {
    last: Cell<(Timestamp, Wall)>,
}

impl SleepWatch {
    /// Compares from this moment on.
    pub fn start() -> SleepWatch {
        SleepWatch { last: Cell::new((now(), wall())) }
    }

    /// The wall clock, where the machine slept since the last call.
    pub fn slept(&self) -> Option<Wall> {
        let (now, wall) = (now(), wall());
        let (then, wall_then) = self.last.replace((now, wall));
        (wall.0.saturating_sub(wall_then.0) > now.since(then) + SLEPT_MS).then_some(wall)
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    #[wasm_bindgen(catch, js_namespace = crypto, js_name = getRandomValues)]
    fn random_values(bytes: &mut [u8]) -> Result<JsValue, JsValue>;
}
