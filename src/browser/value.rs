//! JavaScript values that may be anything: members, objects, errors in words, promises, events, bytes.

use std::sync::Arc;

use js_sys::{Array, Function, JSON, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::engine::input::Bytes;

/// A member; `undefined` where there is none, or nothing that could have one.
pub(super) fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or_default()
}

/// Calls a method that takes nothing.
pub(super) fn call(object: &JsValue, method: &str) -> Result<JsValue, JsValue> {
    member(object, method).dyn_into::<Function>()?.call0(object)
}

/// Sets a member of an object of our own.
pub(super) fn set(object: &JsValue, name: &str, value: &JsValue) {
    // It fails only for what is no object, or a frozen one.
    let _ = Reflect::set(object, &name.into(), value);
}

/// An object with these members.
pub(super) fn object(members: &[(&str, &JsValue)]) -> JsValue {
    let object = Object::new().into();
    members.iter().for_each(|(name, value)| set(&object, name, value));
    object
}

/// The value of a JSON text of our own.
pub fn parse(text: &str) -> JsValue {
    JSON::parse(text).unwrap_or_default()
}

/// The JSON text of a value, where it has one.
pub(super) fn stringify(value: &JsValue) -> Option<String> {
    JSON::stringify(value).ok()?.as_string()
}

/// An error's name; empty where it has none.
pub(super) fn name_of(error: &JsValue) -> String {
    member(error, "name").as_string().unwrap_or_default()
}

/// An error in words: its name and message, or itself where it is a text.
pub(super) fn words(error: &JsValue) -> String {
    let message = error.as_string().or_else(|| member(error, "message").as_string()).unwrap_or_default();
    match name_of(error) {
        name if name.is_empty() && message.is_empty() => "the browser gave no reason".into(),
        name if name.is_empty() => message,
        name => name + ": " + &message,
    }
}

/// What a value, or a promise of it, comes to.
pub(super) fn settled(value: &JsValue) -> JsFuture {
    JsFuture::from(Promise::resolve(value))
}

/// The bytes of these arrays, `length` in all, one behind the other, copied once.
pub(super) fn joined(arrays: &Array, length: usize) -> Bytes {
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
    let mut rest = Arc::get_mut(&mut bytes).expect("nobody else has seen it yet");
    for at in 0..arrays.length() {
        let array: Uint8Array = arrays.get(at).unchecked_into();
        let (here, after) = rest.split_at_mut(array.length() as usize);
        array.copy_to(here);
        rest = after;
    }
    Bytes(bytes)
}

/// A function for JavaScript that takes events. There is one kind of them all, since each kind costs code.
pub(super) fn listener(hear: impl FnMut(Event) + 'static) -> Function {
    Closure::<dyn FnMut(Event)>::new(hear).into_js_value().unchecked_into()
}

/// Lets `listener` hear the events of these names.
pub(super) fn listen(target: &JsValue, names: &[&str], listener: &Function, options: &JsValue) {
    names.iter().for_each(|name| target.unchecked_ref::<EventTarget>().listen(name, listener, options));
}

#[wasm_bindgen]
extern "C" {
    /// An event, or an object that stands for one.
    pub(super) type Event;
    #[wasm_bindgen(method, getter, js_name = type)]
    pub(super) fn kind(this: &Event) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn target(this: &Event) -> JsValue;

    type EventTarget;
    #[wasm_bindgen(method, js_name = addEventListener)]
    fn listen(this: &EventTarget, name: &str, listener: &Function, options: &JsValue);

    #[wasm_bindgen(js_name = setTimeout)]
    pub(super) fn set_timeout(task: &Function, delay_ms: u32, given: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    pub(super) fn clear_timeout(timer: &JsValue);
}
