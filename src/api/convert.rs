//! What crosses between JavaScript and the engine: options and writes in, status and faults out.

use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use crate::browser::value;
use crate::engine::config::Config;
use crate::engine::error::{Code, Fault};
use crate::engine::mutation::Mutation;
use crate::engine::notice::Status;
use crate::protocol::Address;
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

/// What a write says, as `Client::write` has it.
pub fn mutations(operation: &str, collection: &str, key: &str, text: &str) -> Result<Vec<Mutation>, Fault> {
    let address = |key: &str| Address::of(collection, key);
    let mut mutations = Vec::new();
    match operation {
        "put" => mutations.push(Mutation::put(address(key), text)?),
        "merge" => mutations.push(Mutation::merge(address(key), text)?),
        "patch" => mutations.push(Mutation::patch(address(key), text)?),
        "splice" => mutations.push(splice(address(key), text).map_err(wrong)??),
        "delete" => mutations.push(Mutation::delete(address(key))),
        "putAll" => {
            let documents = Fields::parse(text).map_err(|error| Fault::new(Code::InvalidDocument, error.to_string()))?;
            for (key, text) in documents.iter() {
                mutations.push(Mutation::put(address(key), text)?);
            }
        }
        _ => return Err(wrong(operation)),
    }
    Ok(mutations)
}

fn splice(address: Address, text: &str) -> Result<Result<Mutation, Fault>, &'static str> {
    let given = Fields::parse(text).map_err(|_| "splice")?;
    let (path, insert): (String, String) = (given.read("path")?, given.read("insert")?);
    let (at, remove): (u32, u32) = (given.read("at")?, given.read("remove")?);
    Ok(Mutation::splice(address, &path, at.into(), remove.into(), &insert))
}

fn wrong(name: &str) -> Fault {
    Fault::new(Code::Validation, format!("`{name}` is not known here, or cannot be this"))
}

/// A status as an object of the same shape.
pub fn status(status: &Status) -> Result<JsValue, JsValue> {
    Ok(status.serialize(&Serializer::json_compatible())?)
}

/// A fault as an object.
pub fn fault(fault: Fault) -> JsValue {
    value::parse(&text_of(&fault))
}
