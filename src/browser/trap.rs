//! When the module itself breaks: a panic or a trap leaves borrowed what was borrowed, so nothing of this instance may
//! run again. The app is told, and listeners are taken away, by JavaScript functions that were prepared before, not by
//! the broken module (L11).

use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, AbortSignal};

use super::host::Host;

thread_local! {
    static DEAD: Cell<bool> = const { Cell::new(false) };
    static HOOKED: Cell<bool> = const { Cell::new(false) };
    static LIVES: RefCell<Vec<Life>> = const { RefCell::new(Vec::new()) };
}

/// The life of a client, as far as the browser must know of it.
#[derive(Clone)]
pub struct Life {
    host: Host,
    controller: AbortController,
    /// Aborts the controller.
    end: Function,
    /// Listens for that, as long as only a trap can be the reason, and tells the host.
    tell: Function,
}

/// Whether a panic ended this instance of the module.
pub fn is_dead() -> bool {
    DEAD.get()
}

impl Life {
    /// Begins a client's life: its host is told when the module breaks. The first call installs the panic hook.
    pub fn begin(host: &Host) -> Result<Life, JsValue> {
        if !HOOKED.replace(true) {
            let other = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                on_panic(panic);
                other(panic);
            }));
        }
        let controller = AbortController::new()?;
        let abort: Function = super::value::member(&controller, "abort").unchecked_into();
        let end = abort.bind0(&controller).unchecked_into();
        let tell: Function = host.panicked().bind1(host, &"the module trapped".into()).unchecked_into();
        controller.signal().add_event_listener_with_callback("abort", &tell)?;
        let life = Life { host: host.clone(), controller, end, tell };
        LIVES.with_borrow_mut(|lives| lives.push(life.clone()));
        Ok(life)
    }

    /// Aborts when it ends, in whatever way: what listens under it then no longer does.
    pub fn signal(&self) -> AbortSignal {
        self.controller.signal()
    }

    /// Ends it in the ordinary way.
    pub fn end(&self) {
        LIVES.with_borrow_mut(|lives| lives.retain(|life| life.controller != self.controller));
        self.release();
    }

    fn release(&self) {
        // It fails only for an object that is no listener, and this one was taken as one.
        let _ = self.controller.signal().remove_event_listener_with_callback("abort", &self.tell);
        self.controller.abort();
    }
}

/// Does `work` that the browser called for. Should it trap in a way that no panic hook sees (a full stack, no memory
/// left), a timer that nobody stopped ends all lives. In what the app calls, the app sees the trap itself.
pub fn watched(work: impl FnOnce()) {
    let timers: Vec<JsValue> = LIVES.with_borrow(|lives| lives.iter().map(|life| set_timeout(&life.end, 0)).collect());
    work();
    timers.iter().for_each(clear_timeout);
}

fn on_panic(panic: &PanicHookInfo<'_>) {
    if DEAD.replace(true) {
        return;
    }
    let mut message = panic.payload_as_str().unwrap_or_default().to_owned();
    if let Some(place) = panic.location() {
        message = format!("{}:{}: {message}", place.file(), place.line());
    }
    LIVES.with(|lives| {
        // A panic while the list was in use must not become a second one.
        let Ok(lives) = lives.try_borrow() else { return };
        for life in lives.iter() {
            life.release();
            queue_microtask(&life.host.panicked().bind1(&life.host, &message.as_str().into()).unchecked_into());
        }
    });
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(task: &Function);

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(task: &Function, delay_ms: i32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}
