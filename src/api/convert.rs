//! JavaScript objects into options, and status and faults into JavaScript objects. No other file here looks into them.

use js_sys::{Object, Reflect};
use serde::{Deserialize, Serialize};
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use crate::browser::trap;
use crate::engine::config::{Config, TransportKind};
use crate::engine::error::{Code, Fault};
use crate::engine::notice::Status;
use crate::protocol::http::scope_hash;

/// What a client is opened with.
pub struct Options {
    /// The engine's options.
    pub config: Config,
    /// The app's name.
    pub name: String,
    /// The server's address; empty where the app's functions answer.
    pub url: String,
}

#[derive(Deserialize)]
struct Given {
    name: String,
    scope: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    config: Config,
}

/// The options of `open`, checked.
pub fn options(options: JsValue) -> Result<Options, Fault> {
    if trap::is_dead() {
        return Err(Fault::new(Code::WasmPanic, "the module ended in a panic"));
    }
    let invalid = |why: String| Fault::new(Code::Validation, why);
    check_names(&member(&options, "config")).map_err(|name| invalid(format!("there is no option `{name}`")))?;
    let given: Given = serde_wasm_bindgen::from_value(options).map_err(|error| invalid(error.to_string()))?;
    if given.name.is_empty() {
        return Err(invalid("a client needs the app's name".into()));
    }
    let cross_origin = given.config.transport == TransportKind::Protocol && is_cross_origin(&given.url)?;
    let config = Config { scope: scope_hash(&given.scope), cross_origin, ..given.config };
    Ok(Options { config, name: given.name, url: given.url })
}

/// A count of UTF-16 units.
pub fn units(number: f64) -> Result<u64, Fault> {
    let is_count = number >= 0.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX);
    if is_count { Ok(number as u64) } else { Err(Fault::new(Code::Validation, "a place in a text is a whole number from 0 on")) }
}

/// A status as an object of the same shape.
pub fn status(status: &Status) -> Result<JsValue, JsValue> {
    Ok(status.serialize(&Serializer::json_compatible())?)
}

/// A fault as an object.
pub fn fault(fault: Fault) -> JsValue {
    #[derive(Serialize)]
    struct Thrown {
        #[serde(flatten)]
        fault: Fault,
        retryable: bool,
    }
    let retryable = fault.code.is_retryable();
    Thrown { fault, retryable }.serialize(&Serializer::json_compatible()).unwrap_or_default()
}

/// A misspelt option must not pass for one that was left out.
fn check_names(given: &JsValue) -> Result<(), String> {
    let Some(given) = given.dyn_ref::<Object>() else { return Ok(()) };
    let known = Config::default().serialize(&Serializer::json_compatible()).unwrap_or_default();
    let unknown = Object::keys(given).iter().find(|name| !Reflect::has(&known, name).unwrap_or(false));
    unknown.map_or(Ok(()), |name| Err(name.as_string().unwrap_or_default()))
}

fn is_cross_origin(url: &str) -> Result<bool, Fault> {
    let url = Url::new(url).map_err(|_| Fault::new(Code::Validation, "the server's address must be an absolute URL"))?;
    Ok(member(&member(&js_sys::global(), "location"), "origin").as_string() != Some(url.origin()))
}

fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or_default()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = URL)]
    type Url;
    #[wasm_bindgen(constructor, catch, js_class = "URL")]
    fn new(url: &str) -> Result<Url, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn origin(this: &Url) -> String;
}
