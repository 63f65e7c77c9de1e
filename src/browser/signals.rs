//! What the page says about itself: network, view, going away and coming back. All of it are hints.

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::value::{self, Event, listener, member, object};
use super::{Tell, clock};
use crate::engine::input::Input;

const OF_GLOBAL: [&str; 4] = ["online", "offline", "pagehide", "pageshow"];
const OF_DOCUMENT: [&str; 3] = ["visibilitychange", "freeze", "resume"];

/// Passes the page's events on, until `life` aborts.
pub fn listen(tell: Tell, life: &AbortSignal) {
    let listener = listener(move |event| {
        if let Some(input) = meaning(&event) {
            tell(input);
        }
    });
    let options = object(&[("signal", life)]);
    let global = js_sys::global();
    let document = member(&global, "document");
    value::listen(&global, &OF_GLOBAL, &listener, &options);
    if !document.is_undefined() {
        value::listen(&document, &OF_DOCUMENT, &listener, &options);
    }
}

/// What the page says at this moment, where that is not what everybody expects.
pub fn at_start(mut tell: impl FnMut(Input)) {
    if member(&member(&js_sys::global(), "navigator"), "onLine") == JsValue::FALSE {
        tell(Input::WentOffline);
    }
    if is_hidden() {
        tell(Input::BecameHidden);
    }
}

fn meaning(event: &Event) -> Option<Input> {
    Some(match event.kind().as_str() {
        "online" => Input::WentOnline,
        "offline" => Input::WentOffline,
        "visibilitychange" if is_hidden() => Input::BecameHidden,
        "visibilitychange" => Input::BecameVisible,
        "pagehide" | "freeze" => Input::PageHid,
        "resume" => Input::Resumed { wall: clock::wall() },
        "pageshow" if member(event, "persisted").is_truthy() => Input::Resumed { wall: clock::wall() },
        _ => return None,
    })
}

fn is_hidden() -> bool {
    member(&member(&js_sys::global(), "document"), "hidden").is_truthy()
}
