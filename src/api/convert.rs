//! What crosses between JavaScript and the engine: options and writes in, ids and faults out.

use wasm_bindgen::prelude::*;

use crate::browser::value;
use crate::engine::config::Config;
use crate::engine::error::{Code, Fault};
use crate::engine::ident::MutationId;
use crate::engine::mutation::Mutation;
use crate::protocol::Address;
use crate::protocol::http::scope_hash;
use crate::protocol::member::{Fields, text_of};
use crate::protocol::words;

/// What a client is opened with.
pub struct Options {
    /// The engine's options.
    pub config: Box<Config>,
    /// The app's name.
    pub name: String,
    /// The server's address; empty where the app's functions answer.
    pub url: String,
}

/// The options of `open`, an object's text, checked. A fault names the first that is not what it must be.
pub fn options(text: &str) -> Result<Options, Fault> {
    let given = Fields::of(text);
    given.finish().map_err(|_| wrong("options"))?;
    let name: String = given.read("name").map_err(wrong)?;
    let scope: String = given.read("scope").map_err(wrong)?;
    let url: String = given.read("url").map_err(wrong)?;
    let mut config = Box::new(Config::read(given.raw("config").unwrap_or("{}")).map_err(|name| wrong(&name))?);
    config.scope = scope_hash(&scope);
    if name.is_empty() {
        return Err(wrong("name"));
    }
    Ok(Options { config, name, url })
}

/// What a write says, as `Client::call` has it.
pub fn mutations(operation: &str, address: Address, text: &str) -> Result<Vec<Mutation>, Fault> {
    let mutation = match operation {
        "put" => Mutation::put(address, text)?,
        "merge" => Mutation::merge(address, text)?,
        "patch" => Mutation::patch(address, text)?,
        "splice" => splice(address, text).map_err(wrong)??,
        "delete" => Mutation::delete(address),
        "putAll" => {
            let documents = Fields::of(text);
            documents.finish().map_err(|error| Fault::new(Code::InvalidDocument, error.said()))?;
            let mut mutations = Vec::new();
            for (key, text) in documents.iter() {
                mutations.push(Mutation::put(Address::of(&address.collection, key), text)?);
            }
            return Ok(mutations);
        }
        _ => return Err(wrong(operation)),
    };
    Ok(vec![mutation])
}

fn splice(address: Address, text: &str) -> Result<Result<Mutation, Fault>, &'static str> {
    let given = Fields::of(text);
    given.finish().map_err(|_| "splice")?;
    let (path, insert): (String, String) = (given.read("path")?, given.read("insert")?);
    let (at, remove): (u32, u32) = (given.read("at")?, given.read("remove")?);
    Ok(Mutation::splice(address, &path, at.into(), remove.into(), &insert))
}

fn wrong(name: &str) -> Fault {
    Fault::new(Code::Validation, words::join(&["`", name, "` is not known here, or cannot be this"]))
}

/// The ids of mutations, as a list.
pub fn ids(ids: &[MutationId]) -> JsValue {
    // A list of texts always has a JavaScript value.
    serde_wasm_bindgen::to_value(ids).unwrap_or_default()
}

/// A fault as an object.
pub fn fault(fault: Fault) -> JsValue {
    value::parse(&text_of(&fault))
}
