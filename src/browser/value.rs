//! JavaScript values that may be anything: members, objects, errors in words, promises, events, bytes.

use std::sync::Arc;

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::engine::input::Bytes;

/// A member; `undefined` where there is none, or nothing that could have one.
pub(super) fn member(object: &JsValue, name: &str) -> JsValue {
    get(object, name).unwrap_or_default()
}

/// A member of the global object.
pub(super) fn global(name: &str) -> JsValue {
    member(&js_sys::global(), name)
}

/// Calls a method. Browser interfaces are called by name like this, since a binding of its own for each costs more code
/// on both sides than all its calls.
pub(super) fn call(object: &JsValue, method: &str, arguments: &[&JsValue]) -> Result<JsValue, JsValue> {
    Reflect::apply(&function(member(object, method))?, object, &list(arguments))
}

/// Calls one after the other, up to the first that throws: what that one threw is kept, and no other is made.
#[derive(Default)]
pub(super) struct Calls {
    /// What was thrown.
    pub(super) failed: Option<JsValue>,
}

impl Calls {
    /// Calls a method; `undefined` where that fails, or something failed before.
    pub(super) fn call(&mut self, object: &JsValue, method: &str, arguments: &[&JsValue]) -> JsValue {
        if self.failed.is_some() {
            return JsValue::UNDEFINED;
        }
        self.keep(call(object, method, arguments))
    }

    /// What came of a call; `undefined` where it failed.
    pub(super) fn keep(&mut self, came: Result<JsValue, JsValue>) -> JsValue {
        came.unwrap_or_else(|error| {
            self.fail(error);
            JsValue::UNDEFINED
        })
    }

    /// It fails for this.
    pub(super) fn fail(&mut self, error: JsValue) {
        self.failed.get_or_insert(error);
    }
}

/// A new object of the global class of this name.
pub(super) fn create(class: &str, arguments: &[&JsValue]) -> Result<JsValue, JsValue> {
    Reflect::construct(&function(global(class))?, &list(arguments))
}

fn function(value: JsValue) -> Result<Function, JsValue> {
    value.dyn_into().map_err(|_| "there is no such function".into())
}

/// A list of these.
pub(super) fn list(values: &[&JsValue]) -> Array {
    let list = Array::new();
    for value in values {
        list.push(value);
    }
    list
}

/// Its length, where it has one.
pub(super) fn length(list: &JsValue) -> usize {
    member(list, "length").as_f64().unwrap_or_default() as usize
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
    call(&global("JSON"), "parse", &[&text.into()]).unwrap_or_default()
}

/// The JSON text of a value, where it has one.
pub(super) fn stringify(value: &JsValue) -> Option<String> {
    call(&global("JSON"), "stringify", &[value]).ok()?.as_string()
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

/// The bytes of these arrays, so many in all, one behind the other, copied once.
pub(super) fn joined(arrays: &Array, bytes: usize) -> Bytes {
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, bytes).collect();
    let mut rest = Arc::get_mut(&mut bytes).expect("nobody else has seen it yet");
    for at in 0..length(arrays) {
        let array: Uint8Array = arrays.get(at as u32).unchecked_into();
        let (here, after) = rest.split_at_mut(length(&array));
        array.copy_to(here);
        rest = after;
    }
    Bytes(bytes)
}

/// A function for JavaScript that takes an event. There is one kind of them all, since each kind costs code.
pub(super) fn listener(hear: impl FnMut(JsValue) + 'static) -> Function {
    Closure::<dyn FnMut(JsValue)>::new(hear).into_js_value().unchecked_into()
}

/// Lets `listener` hear the events of these names.
pub(super) fn listen(target: &JsValue, names: &[&str], listener: &Function, options: &JsValue) {
    for name in names {
        // What takes no listeners has no events.
        let _ = call(target, "addEventListener", &[&(*name).into(), listener, options]);
    }
}

/// What kind of event it is.
pub(super) fn kind(event: &JsValue) -> String {
    member(event, "type").as_string().unwrap_or_default()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Reflect)]
    pub(super) fn get(object: &JsValue, name: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = setTimeout)]
    pub(super) fn set_timeout(task: &Function, delay_ms: u32, given: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    pub(super) fn clear_timeout(timer: &JsValue);
}
