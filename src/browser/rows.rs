//! What stands in the object stores, and the requests of one transaction over them. `docs/storage.md` says the same for
//! readers without this module.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use super::value::{Calls, call, global, joined, length, list, member, object, parse, stringify};
use crate::engine::effect::{Guard, Wanted, Write};
use crate::engine::input::{Bytes, Found, Meta, StoreFailure, Versions};
use crate::protocol::member::{Fields, text_of};

/// The commits: byte arrays under rising numbers.
pub const LOG: &str = "log";
/// Pages and, under [`DIRECTORY_KEY`], the directory: objects `{ folded_to, bytes }`.
pub const PAGES: &str = "pages";
/// The store's description, under [`META_KEY`].
pub const META: &str = "meta";
/// The only key of [`META`].
pub const META_KEY: &str = "meta";
/// The directory's key in [`PAGES`]; pages have numbers from 1 on.
pub const DIRECTORY_KEY: u32 = 0;

const FOLDED_TO: &str = "folded_to";

/// Makes the object stores of an empty database.
pub fn create(db: &JsValue) -> Result<(), JsValue> {
    let make = |name: &str, is_numbered: bool| {
        let options = object(&[("autoIncrement", &is_numbered.into())]);
        call(db, "createObjectStore", &[&name.into(), &options])
    };
    make(LOG, true)?;
    call(&make(PAGES, false)?, "createIndex", &[&FOLDED_TO.into(), &FOLDED_TO.into()])?;
    make(META, false)?;
    Ok(())
}

/// Names of all object stores, for a transaction over them.
pub fn stores() -> JsValue {
    list(&[&LOG.into(), &PAGES.into(), &META.into()]).into()
}

/// The requests of one transaction, issued in one go.
pub struct Requests<'a> {
    tx: &'a JsValue,
    calls: Calls,
    issued: Vec<JsValue>,
}

impl<'a> Requests<'a> {
    /// None yet.
    pub fn of(tx: &'a JsValue) -> Requests<'a> {
        Requests { tx, calls: Calls::default(), issued: Vec::new() }
    }

    fn ask(&mut self, store: &str, method: &str, arguments: &[&JsValue]) {
        let store = self.calls.call(self.tx, "objectStore", &[&store.into()]);
        self.issued.push(self.calls.call(&store, method, arguments));
    }

    /// All that were issued, in their order, or why one could not be. None was issued after it.
    pub fn issued(self) -> Result<Vec<JsValue>, JsValue> {
        self.calls.failed.map_or(Ok(self.issued), Err)
    }

    fn get(&mut self, store: &str, key: JsValue) {
        self.ask(store, "get", &[&key]);
    }

    fn put(&mut self, store: &str, key: JsValue, value: Option<JsValue>) {
        match value {
            Some(value) => self.ask(store, "put", &[&value, &key]),
            None => self.ask(store, "delete", &[&key]),
        }
    }

    /// Those of a reading: of the description, the commits' positions, the commits, the pages, and the directory.
    pub fn read(&mut self, what: &Wanted) {
        self.get(META, META_KEY.into());
        let behind = self.behind(what.after);
        self.ask(LOG, "getAllKeys", &[&behind]);
        self.ask(LOG, "getAll", &[&behind]);
        for number in &what.pages {
            self.get(PAGES, (*number).into());
        }
        if what.directory {
            self.get(PAGES, DIRECTORY_KEY.into());
        }
    }

    /// All positions of the log behind this one.
    fn behind(&mut self, position: u64) -> JsValue {
        let bounds = [&(position as f64).into(), &f64::INFINITY.into(), &JsValue::TRUE];
        self.calls.call(&global("IDBKeyRange"), "bound", &bounds)
    }

    /// Those of a write. The first two read the description and what the log has besides what is known, for the guard; then commits are
    /// written whose positions are given, and then one is appended, where there is one.
    pub fn write(&mut self, write: &Write) {
        self.get(META, META_KEY.into());
        let behind = self.behind(if let Guard::Known { last, .. } = write.guard { last } else { 0 });
        self.ask(LOG, "getAllKeys", &[&behind]);
        for (position, commit) in &write.rewrite {
            self.put(LOG, (*position as f64).into(), commit.as_ref().map(|commit| array(commit)));
        }
        // Behind those whose position is given, so that it gets a later one.
        if let Some(commit) = &write.append {
            self.ask(LOG, "add", &[&array(commit)]);
        }
        let folded_to = write.meta.as_ref().map_or(0, |meta| meta.folded_to);
        for (number, page) in &write.pages {
            self.put(PAGES, (*number).into(), page.as_ref().map(|page| page_object(folded_to, page)));
        }
        if let Some(directory) = &write.directory {
            self.put(PAGES, DIRECTORY_KEY.into(), Some(page_object(folded_to, directory)));
        }
        if let Some(description) = &write.meta {
            self.put(META, META_KEY.into(), Some(parse(&text_of(&**description))));
        }
    }
}

/// What a reading found, once its transaction is complete.
pub fn found(what: &Wanted, requests: &[JsValue]) -> Found {
    let commits: Array = result(&requests[2]).unchecked_into();
    let mut found = Found { meta: meta_of(&result(&requests[0])), ..Found::default() };
    for (position, at) in positions(&requests[1]) {
        found.log.push((position, bytes_of(&commits.get(at))));
    }
    for (number, request) in what.pages.iter().zip(&requests[3..]) {
        if let Some(page) = page_of(&result(request)) {
            found.pages.push((*number, page));
        }
    }
    if what.directory {
        found.directory = requests.last().and_then(|request| page_of(&result(request)));
    }
    found
}

/// The positions among keys of the log, and where among them each stands. Only whole numbers from 1 on are positions: what somebody
/// put under another kind of key is not ours.
fn positions(keys: &JsValue) -> Vec<(u64, u32)> {
    let keys: Array = result(keys).unchecked_into();
    let mut positions = Vec::new();
    for at in 0..length(&keys) as u32 {
        if let Some(position) = keys.get(at).as_f64().filter(|position| *position > 0.0 && position.fract() == 0.0) {
            positions.push((position as u64, at));
        }
    }
    positions
}

/// Where the appended commit stands; 0 where there was none. Known once the transaction is complete.
pub fn position(write: &Write, requests: &[JsValue]) -> u64 {
    let added = requests.get(2 + write.rewrite.len()).filter(|_| write.append.is_some());
    added.and_then(|added| result(added).as_f64()).unwrap_or_default() as u64
}

/// Why the guard aborts the write, if it does: the store is not what it says.
pub fn mismatch(guard: &Guard, requests: &[JsValue]) -> Option<StoreFailure> {
    let last = positions(&requests[1]).last().map_or(0, |(position, _)| *position);
    guard.refuses(meta_of(&result(&requests[0])).as_ref(), last)
}

/// What came of a request, once it is answered.
fn result(request: &JsValue) -> JsValue {
    member(request, "result")
}

fn array(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// The bytes of a commit or page. What is no byte array is not ours: its JSON text stands in, which the engine finds
/// broken and keeps in quarantine.
fn bytes_of(value: &JsValue) -> Bytes {
    match value.dyn_ref::<Uint8Array>() {
        Some(array) => joined(&list(&[array]), length(array)),
        None => Bytes(stringify(value).unwrap_or_else(|| "?".into()).into_bytes().into()),
    }
}

fn page_of(page: &JsValue) -> Option<Bytes> {
    let bytes = member(page, "bytes");
    (!page.is_undefined()).then(|| bytes_of(if bytes.is_undefined() { page } else { &bytes }))
}

fn page_object(folded_to: u64, bytes: &[u8]) -> JsValue {
    object(&[(FOLDED_TO, &(folded_to as f64).into()), ("bytes", &array(bytes))])
}

/// The description, if there is one. A member that is missing or of another type counts as empty or 0, so that no
/// description keeps a store from being opened.
fn meta_of(value: &JsValue) -> Option<Meta> {
    if value.is_undefined() {
        return None;
    }
    let text = stringify(value).unwrap_or_default();
    let meta = fields_of(&text);
    let versions = fields_of(meta.raw("versions").unwrap_or_default());
    let (text, number) = (|name| meta.read::<String>(name).unwrap_or_default(), |name| meta.read::<u64>(name).unwrap_or_default());
    Some(Meta {
        store_id: text("store_id"),
        store_epoch: number("store_epoch"),
        folded_to: number(FOLDED_TO),
        scope: text("scope"),
        versions: Versions {
            layout: versions.read("layout").unwrap_or_default(),
            collections: versions.read("collections").unwrap_or_default(),
        },
        client_id: text("client_id"),
        session_epoch: number("session_epoch"),
    })
}

/// The members of an object's text; none where it is no object's.
fn fields_of(text: &str) -> Fields<'_> {
    Fields::of(text)
}
