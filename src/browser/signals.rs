//! What the page says about itself: network, view, going away and coming back. All of it are hints.

use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, Event};

use super::value::member;
use super::{Tell, clock};
use crate::engine::input::Input;

const OF_GLOBAL: [&str; 4] = ["online", "offline", "pagehide", "pageshow"];
const OF_DOCUMENT: [&str; 3] = ["visibilitychange", "freeze", "resume"];

/// Passes the page's events on, until `life` aborts.
pub fn listen(tell: Tell, life: &AbortSignal) {
    let listener = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        if let Some(input) = meaning(&event) {
            tell(input);
        }
    });
    let listener = listener.into_js_value();
    let options = Options::new();
    options.set_signal(life);
    let global: JsValue = js_sys::global().into();
    let document = member(&global, "document");
    for (target, names) in [(global, &OF_GLOBAL[..]), (document, &OF_DOCUMENT)] {
        if let Some(target) = target.dyn_ref::<EventTarget>() {
            names.iter().for_each(|name| target.listen(name, &listener, &options));
        }
    }
}

/// What the page says at this moment, where that is not what everybody expects.
pub fn at_start() -> impl Iterator<Item = Input> {
    let offline = member(&member(&js_sys::global(), "navigator"), "onLine") == JsValue::FALSE;
    [offline.then_some(Input::WentOffline), is_hidden().then_some(Input::BecameHidden)].into_iter().flatten()
}

fn meaning(event: &Event) -> Option<Input> {
    Some(match event.type_().as_str() {
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

#[wasm_bindgen]
extern "C" {
    type EventTarget;
    #[wasm_bindgen(method, js_name = addEventListener)]
    fn listen(this: &EventTarget, name: &str, listener: &JsValue, options: &Options);

    #[wasm_bindgen(js_name = Object)]
    type Options;
    #[wasm_bindgen(constructor, js_class = "Object")]
    fn new() -> Options;
    #[wasm_bindgen(method, setter)]
    fn set_signal(this: &Options, signal: &AbortSignal);
}
