//! Known bugs of others in a store over IndexedDB, planted on purpose: a check that has never failed is not trusted. In no build that
//! is shipped.

use wasm_bindgen::prelude::*;

use super::idb::Store;
use super::rows::Requests;
use super::value::{listener, member, set_timeout};
use crate::engine::effect::Write;

/// A bug of RELIABILITY's museum. What is known in two forms has a name for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A connection is kept for ever, though the browser has closed it.
    B22,
    /// An open that is blocked is waited for, for ever.
    B23,
    /// A connection does not make way for who wants to upgrade or delete the database, and blocks him.
    B23InTheWay,
    /// Of a transaction that is aborted nothing is heard, since no request of it failed.
    B24,
    /// A request that succeeded is taken for a transaction that did.
    B24TooEarly,
    /// A reading without an answer is waited for, for ever.
    B25,
    /// Something is awaited between the requests of a transaction: it ends meanwhile, with half of them.
    B26,
}

/// B26: how long the pause is; a transaction without a request ends sooner.
const PAUSE_MS: u32 = 100;

impl Store {
    /// Plants a bug.
    pub fn plant(&self, bug: Bug) {
        self.planted.set(Some(bug));
    }

    /// Whether this bug is planted.
    pub(super) fn has(&self, bug: Bug) -> bool {
        self.planted.get() == Some(bug)
    }

    /// What a store with a bug takes an event for, where it hears it at all.
    pub(super) fn misheard(&self, kind: String, target: JsValue, is_opening: bool) -> Option<(String, JsValue)> {
        match (self.planted.get(), kind.as_str()) {
            (Some(Bug::B23), "late") if is_opening => None,
            (Some(Bug::B23InTheWay), "versionchange") | (Some(Bug::B24), "abort") => None,
            (Some(Bug::B24TooEarly), "success") if !is_opening => Some(("complete".into(), member(&target, "transaction"))),
            (Some(Bug::B25), "late") if !is_opening => None,
            _ => Some((kind, target)),
        }
    }
}

/// B26: issues the requests for the log, and after a pause those for what was folded of it.
pub(super) fn write_with_a_pause(tx: &JsValue, requests: &mut Requests, write: &Write) {
    let log = Write { pages: Vec::new(), directory: None, meta: None, ..write.clone() };
    let folded = Write { rewrite: Vec::new(), append: None, ..write.clone() };
    requests.write(&log);
    let tx = tx.clone();
    let task = listener(move |_| {
        let mut late = Requests::of(&tx);
        late.write(&folded);
        // It fails, and nobody looks: that is the bug.
        let _ = late.issued();
    });
    set_timeout(&task, PAUSE_MS, &JsValue::UNDEFINED);
}
