//! JavaScript values that may be anything: members, errors in words, promises, bytes.

use std::sync::Arc;

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::engine::input::Bytes;

/// A member; `undefined` where there is none, or nothing that could have one.
pub(super) fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or_default()
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
pub(super) async fn settled(value: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(value)).await
}

/// The bytes of these arrays, one after the other, copied once.
pub(super) fn joined(arrays: &[Uint8Array]) -> Bytes {
    let length = arrays.iter().map(|array| array.length() as usize).sum();
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
    let mut rest = Arc::get_mut(&mut bytes).expect("nobody else has seen it yet");
    for array in arrays {
        let (here, after) = rest.split_at_mut(array.length() as usize);
        array.copy_to(here);
        rest = after;
    }
    Bytes(bytes)
}
