//! How much waits in a store. Its records are read as at a start, by an engine whose orders nobody carries out: nothing is
//! stored, sent, taken over or made.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::host::Host;
use super::idb::Store;
use super::{Tell, clock, trap};
use crate::engine::Engine;
use crate::engine::config::Config;
use crate::engine::effect::Effect;
use crate::engine::input::{Found, Input};
use crate::engine::notice::{Phase, StorageKind};

/// Tells the host how many writes of this database have not ended; `null` where it cannot be read, or is of another scope
/// than its name says.
pub fn pending(database: String, scope: String, host: Host) {
    let mut engine = Engine::new(Config { scope, ..Config::default() }, clock::seed(), clock::now(), clock::wall());
    let mut orders = Vec::new();
    engine.handle(clock::now(), Input::Started, &mut orders);
    let engine = RefCell::new(engine);
    // It lives until it has answered.
    let kept = Rc::new(RefCell::new(None));
    let holder = Rc::clone(&kept);
    let tell: Tell = Rc::new(move |input| {
        trap::watched(&host, || {
            let _answered: Option<Rc<Store>> = holder.take();
            let mut engine = engine.borrow_mut();
            if let Input::Loaded { found: Found { meta: Some(meta), .. }, .. } = &input {
                engine.be_of(&meta.versions.collections);
            }
            engine.handle(clock::now(), input, &mut Vec::new());
            let status = engine.status();
            let is_read = status.storage == StorageKind::IndexedDb && status.phase != Phase::Closed;
            host.counted(if is_read { f64::from(status.pending_mutations).into() } else { JsValue::NULL });
        });
    });
    let store = Store::existing(database, tell);
    kept.replace(Some(Rc::clone(&store)));
    for order in orders {
        if let Effect::Load { load, what } = order {
            store.load(load, what);
        }
    }
}
