//! The JavaScript object a client is opened with: who hears its notices, and what the app gave to reach its server.

use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The client's counterpart in JavaScript.
    #[derive(Clone, Debug, PartialEq)]
    pub type Host;

    /// Takes the notices of one turn, as the text of one JSON array.
    #[wasm_bindgen(method, catch)]
    pub fn notify(this: &Host, notices: &str) -> Result<(), JsValue>;

    /// Is told, once, that the module ended in a panic or a trap.
    #[wasm_bindgen(method, getter)]
    pub fn panicked(this: &Host) -> Function;

    /// The app's headers for one request, or a promise of them.
    #[wasm_bindgen(method, getter)]
    pub fn headers(this: &Host) -> Option<Function>;

    /// The app's own `fetch`.
    #[wasm_bindgen(method, getter)]
    pub fn fetch(this: &Host) -> Option<Function>;

    /// The app's own push: entries in, outcomes out.
    #[wasm_bindgen(method, getter)]
    pub fn push(this: &Host) -> Option<Function>;

    /// The app's own pull.
    #[wasm_bindgen(method, getter)]
    pub fn pull(this: &Host) -> Option<Function>;

    /// The app's own ping.
    #[wasm_bindgen(method, getter)]
    pub fn ping(this: &Host) -> Option<Function>;
}
