//! What crosses between JavaScript and the engine: options and counts in, status and faults out.

use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use crate::browser::value;
use crate::engine::config::Config;
use crate::engine::error::{Code, Fault};
use crate::engine::notice::Status;
use crate::protocol::http::scope_hash;
use crate::protocol::member::{Fields, text_of};

/// What a client is opened with.
pub struct Options {
    /// The engine's options.
    pub config: Config,
    /// The app's name.
    pub name: String,
    /// The server's address; empty where the app's functions answer.
    pub url: String,
}

/// The options of `open`, an object's text, checked. A fault names the first that is not what it must be.
pub fn options(text: &str) -> Result<Options, Fault> {
    let wrong = |name: &str| Fault::new(Code::Validation, format!("`{name}` is no option, or cannot be this"));
    let given = Fields::parse(text).map_err(|_| wrong("options"))?;
    let name: String = given.read("name").map_err(wrong)?;
    let scope: String = given.read("scope").map_err(wrong)?;
    let url: String = given.read("url").map_err(wrong)?;
    let config = Config::read(given.raw("config").unwrap_or("{}")).map_err(|name| wrong(&name))?;
    if name.is_empty() {
        return Err(wrong("name"));
    }
    Ok(Options { config: Config { scope: scope_hash(&scope), ..config }, name, url })
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
    value::parse(&text_of(&fault))
}
