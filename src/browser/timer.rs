//! The alarm: one timer, set to the engine's next deadline after each turn.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::engine::clock::Timestamp;

/// Browsers keep a timeout in 31 bits; a longer one would fire at once (T4).
const TIMEOUT_MS_MAX: u64 = i32::MAX as u64;

/// After this many wakes in one go the page gets a breath: a deadline that stays due never hangs it.
const MICROTASKS_MAX: u32 = 32;

/// Wakes the engine.
pub struct Alarm {
    inner: Rc<Inner>,
    microtask: Function,
}

struct Inner {
    ring: Box<dyn Fn()>,
    set: RefCell<Set>,
    in_a_row: Cell<u32>,
    ringing: Cell<bool>,
}

enum Set {
    Off,
    /// A microtask is queued.
    Soon,
    At(Timestamp, #[expect(dead_code, reason = "dropping it stops it")] Timeout),
}

impl Alarm {
    /// An alarm that calls `ring`.
    pub fn new(ring: impl Fn() + 'static) -> Alarm {
        let inner = Rc::new(Inner { ring: Box::new(ring), set: RefCell::new(Set::Off), in_a_row: Cell::new(0), ringing: Cell::new(false) });
        let soon = inner.clone();
        let microtask = Closure::<dyn FnMut()>::new(move || {
            if matches!(*soon.set.borrow(), Set::Soon) {
                soon.ring();
            }
        });
        Alarm { inner, microtask: microtask.into_js_value().unchecked_into() }
    }

    /// Sets it to `deadline`, or off. What is due already rings before the browser does other work, so that all that
    /// was staged in one turn becomes one write.
    pub fn set(&self, deadline: Option<Timestamp>, now: Timestamp) {
        if !self.inner.ringing.get() {
            self.inner.in_a_row.set(0);
        }
        let mut set = self.inner.set.borrow_mut();
        match (deadline, &*set) {
            (None, _) => *set = Set::Off,
            (Some(_), Set::Soon) => {}
            (Some(at), _) if at <= now && self.inner.in_a_row.get() < MICROTASKS_MAX => {
                *set = Set::Soon;
                queue_microtask(&self.microtask);
            }
            (Some(at), Set::At(set_to, _)) if *set_to == at => {}
            (Some(at), _) => {
                let inner = self.inner.clone();
                let delay = at.since(now).min(TIMEOUT_MS_MAX) as u32;
                *set = Set::At(at, Timeout::new(delay, move || inner.ring()));
            }
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        *self.inner.set.borrow_mut() = Set::Off;
    }
}

impl Inner {
    fn ring(&self) {
        let rang = self.set.replace(Set::Off);
        self.in_a_row.set(if matches!(rang, Set::Soon) { self.in_a_row.get() + 1 } else { 0 });
        self.ringing.set(true);
        (self.ring)();
        self.ringing.set(false);
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(task: &Function);
}
