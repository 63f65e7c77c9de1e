//! What crosses between JavaScript and the engine: options and writes in, ids and faults out.

use wasm_bindgen::prelude::*;

use crate::browser::value;
use crate::engine::config::Config;
use crate::engine::error::{Code, Fault};
use crate::engine::ident::MutationId;
use crate::engine::input::Decision;
use crate::engine::mutation::Mutation;
use crate::protocol::Address;
use crate::protocol::http::scope_hash;
use crate::protocol::member::{Fields, Wrong, list, text_of};
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
    let mut given = Fields::of(text);
    let (mut name, mut scope, mut url) = (String::new(), String::new(), String::new());
    given.take("name", &mut name);
    given.take("scope", &mut scope);
    given.take("url", &mut url);
    taken(&given, "options")?;
    let mut config = Box::new(Config::read(given.raw("config").unwrap_or("{}")).map_err(|name| wrong(&name))?);
    config.scope = scope_hash(&scope);
    if name.is_empty() {
        return Err(wrong("name"));
    }
    Ok(Options { config, name, url })
}

/// What becomes of a conflict, and what it is about.
pub fn decision(text: &str) -> (String, Decision) {
    let given = Fields::of(text);
    let word = |name| given.read::<String>(name).unwrap_or_default();
    let decision = match &*word("take") {
        "mine" => Decision::Mine,
        "theirs" => Decision::Theirs,
        "value" => Decision::Value(given.raw("value").map(str::to_owned)),
        _ => Decision::Defer,
    };
    (word("digest"), decision)
}

/// A number that a call gives back; JavaScript has it exactly up to 2^53.
pub fn number(number: u64) -> JsValue {
    serde_wasm_bindgen::to_value(&(number as f64)).unwrap_or_default()
}

/// What a write says, as `Client::call` has it.
pub fn mutations(operation: &str, address: Address, text: &str) -> Result<Vec<Mutation>, Fault> {
    let mutation = match operation {
        "put" => Mutation::put(address, text),
        "merge" => Mutation::merge(address, text),
        "patch" => Mutation::patch(address, text),
        "increment" => increment(address, text),
        "append" => append(address, text),
        "splice" => splice(address, text),
        "delete" => Ok(Mutation::delete(address)),
        "putAll" => return put_all(&address.collection, text),
        "mutate" => return mutate(text),
        _ => Err(wrong(operation)),
    };
    Ok(vec![mutation?])
}

fn put_all(collection: &str, text: &str) -> Result<Vec<Mutation>, Fault> {
    let documents = Fields::of(text);
    documents.finish().map_err(|error| Fault::new(Code::InvalidDocument, error.said()))?;
    let mut mutations = Vec::new();
    for (key, text) in documents.iter() {
        mutations.push(Mutation::put(Address::of(collection, key), text)?);
    }
    Ok(mutations)
}

fn increment(address: Address, text: &str) -> Result<Mutation, Fault> {
    let (mut given, mut path, mut by) = (Fields::of(text), String::new(), 0_i64);
    given.take("path", &mut path);
    given.take("by", &mut by);
    taken(&given, "increment")?;
    Mutation::increment(address, &path, by)
}

fn append(address: Address, text: &str) -> Result<Mutation, Fault> {
    let (mut given, mut path) = (Fields::of(text), String::new());
    given.take("path", &mut path);
    taken(&given, "append")?;
    Mutation::append(address, &path, given.raw("items").unwrap_or_default())
}

/// Writes of one call: one group, or `atomic` is `false` and each is by itself.
fn mutate(text: &str) -> Result<Vec<Mutation>, Fault> {
    let mut given = Fields::of(text);
    let (mut after, mut reads, mut is_atomic) = (Vec::<MutationId>::new(), Vec::<Address>::new(), None::<bool>);
    given.take("after", &mut after);
    given.take("reads", &mut reads);
    given.take("atomic", &mut is_atomic);
    taken(&given, "mutate")?;
    let mut all = Vec::new();
    for write in list(given.raw("writes").unwrap_or_default()).unwrap_or_default() {
        let mut write = Fields::of(write);
        let mut operation = String::new();
        write.take("op", &mut operation);
        let address = Address::take_up(&mut write);
        taken(&write, "writes")?;
        all.append(&mut mutations(&operation, address, write.raw("value").unwrap_or_default())?);
    }
    if all.is_empty() || is_atomic != Some(false) {
        all = vec![Mutation::group(all)?];
    }
    for one in &mut all {
        one.after.extend_from_slice(&after);
        one.reads.extend_from_slice(&reads);
    }
    Ok(all)
}

fn splice(address: Address, text: &str) -> Result<Mutation, Fault> {
    let mut given = Fields::of(text);
    let (mut path, mut insert) = (String::new(), String::new());
    let (mut at, mut remove) = (0u32, 0u32);
    given.take("path", &mut path);
    given.take("insert", &mut insert);
    given.take("at", &mut at);
    given.take("remove", &mut remove);
    taken(&given, "splice")?;
    Mutation::splice(address, &path, at.into(), remove.into(), &insert)
}

/// A fault names the member that is not what it must be, or `whole` where that is no object.
fn taken(given: &Fields<'_>, whole: &str) -> Result<(), Fault> {
    given.finish().map_err(|why| wrong(if let Wrong::Member(name) = why { name } else { whole }))
}

fn wrong(name: &str) -> Fault {
    Fault::new(Code::Validation, words::join(&["`", name, "` is not known here, or cannot be this"]))
}

/// A fault as an object.
pub fn fault(fault: Fault) -> JsValue {
    value::parse(&text_of(&fault))
}
