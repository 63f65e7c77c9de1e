//! What the page says about itself: network, view, going away and coming back. All of it are hints.

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::value::{self, global, kind, listener, member, object};
use super::{Tell, clock};
use crate::engine::input::Input;

const OF_GLOBAL: [&str; 4] = ["online", "offline", "pagehide", "pageshow"];
const OF_DOCUMENT: [&str; 2] = ["visibilitychange", "resume"];

/// Passes the page's events on, until `life` aborts.
pub fn listen(tell: Tell, life: &AbortSignal) {
    let listener = listener(move |event| {
        if let Some(input) = meaning(&event) {
            tell(input);
        }
    });
    let options = object(&[("signal", life)]);
    let document = global("document");
    value::listen(&js_sys::global(), &OF_GLOBAL, &listener, &options);
    if !document.is_undefined() {
        value::listen(&document, &OF_DOCUMENT, &listener, &options);
    }
}

/// What the page says at this moment, where that is not what everybody expects.
pub fn at_start(mut tell: impl FnMut(Input)) {
    if member(&global("navigator"), "onLine") == JsValue::FALSE {
        tell(Input::WentOffline);
    }
    if is_hidden() {
        tell(Input::BecameHidden);
    }
}

fn meaning(event: &JsValue) -> Option<Input> {
    Some(match kind(event).as_str() {
        "online" => Input::WentOnline,
        "offline" => Input::WentOffline,
        "visibilitychange" if is_hidden() => Input::BecameHidden,
        "visibilitychange" => Input::BecameVisible,
        "pagehide" => Input::PageHid,
        "resume" => Input::Resumed { wall: clock::wall() },
        "pageshow" if member(event, "persisted").is_truthy() => Input::Resumed { wall: clock::wall() },
        _ => return None,
    })
}

fn is_hidden() -> bool {
    member(&global("document"), "hidden").is_truthy()
}
