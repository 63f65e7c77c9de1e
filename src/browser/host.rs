//! The JavaScript object a client is opened with: who hears its notices, and what the app gave to reach its server.

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

use super::value::{call, member};

#[wasm_bindgen]
extern "C" {
    /// The client's counterpart in JavaScript. It has `headers` (the app's, for one request, or a promise of them) and
    /// `fetch` where there is a server, or the app's own `push` (entries in, outcomes out), `pull` and `ping` in its place.
    #[derive(Clone, Debug, PartialEq)]
    pub type Host;
}

impl Host {
    /// Takes the notices of one turn, as the text of one JSON array.
    pub fn notify(&self, notices: &str) -> Result<JsValue, JsValue> {
        call(self, "notify", &[&notices.into()])
    }

    /// Whether other tabs may drain the outbox, and a lock says which.
    pub fn shares(&self) -> bool {
        member(self, "shares").is_truthy()
    }

    /// Tells the other tabs.
    pub fn post(&self, message: &str) {
        // What is not heard is looked for.
        let _ = call(self, "post", &[&message.into()]);
    }

    /// Is told how many writes of a store have not ended, where it was asked for just that.
    pub fn counted(&self, count: JsValue) {
        let _ = call(self, "counted", &[&count]);
    }

    /// What the app makes of a document that an earlier version of it has stored; `None` where it cannot.
    pub fn migrate(&self, collection: &str, from: u32, text: &str) -> Option<String> {
        call(self, "migrate", &[&collection.into(), &from.into(), &text.into()]).ok()?.as_string()
    }

    /// Takes the lock from whoever has it.
    pub fn steal(&self) {
        let _ = call(self, "steal", &[]);
    }

    /// Is told that the module ended in a panic or a trap.
    pub fn panicked(&self) -> Function {
        member(self, "panicked").unchecked_into()
    }

    /// Aborted by whoever ends the client first: by the client itself, or in its place when the module has ended. What
    /// listens to the page for it then no longer does.
    pub fn life(&self) -> AbortController {
        member(self, "life").unchecked_into()
    }
}
