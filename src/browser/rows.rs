//! What stands in the object stores, and the requests of one transaction over them. `docs/storage.md` says the same for
//! readers without this module.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, JSON, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbKeyRange, IdbObjectStore, IdbObjectStoreParameters, IdbRequest, IdbTransaction};

use super::value::{joined, member};
use crate::engine::effect::{Guard, Wanted, Write};
use crate::engine::input::{Bytes, Collections, Found, Meta, StoreFailure, Versions};
use crate::protocol::member::{Member, text_of};

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
pub fn create(db: &IdbDatabase) -> Result<(), JsValue> {
    let numbered = IdbObjectStoreParameters::new();
    numbered.set_auto_increment(true);
    db.create_object_store_with_optional_parameters(LOG, &numbered)?;
    db.create_object_store(PAGES)?.create_index_with_str(FOLDED_TO, FOLDED_TO)?;
    db.create_object_store(META)?;
    Ok(())
}

/// Names of all object stores, for a transaction over them.
pub fn stores() -> JsValue {
    Array::of3(&LOG.into(), &PAGES.into(), &META.into()).into()
}

/// The requests of a reading.
pub enum Reading {
    /// All that is needed to begin.
    Boot {
        /// The store's description.
        meta: IdbRequest,
        /// The directory.
        directory: IdbRequest,
        /// Positions of the commits.
        positions: IdbRequest,
        /// The commits, in the order of their positions.
        commits: IdbRequest,
    },
    /// Pages by number.
    Pages(Vec<(u32, IdbRequest)>),
}

impl Reading {
    /// Asks for what is wanted.
    pub fn issue(tx: &IdbTransaction, what: &Wanted) -> Result<Reading, JsValue> {
        let pages = tx.object_store(PAGES)?;
        match what {
            Wanted::Boot => {
                let log = tx.object_store(LOG)?;
                // Only numbers are positions: what somebody put under another kind of key is not ours.
                let numbers = IdbKeyRange::bound_with_lower_open_and_upper_open(&0.into(), &f64::INFINITY.into(), true, true)?;
                Ok(Reading::Boot {
                    meta: tx.object_store(META)?.get(&META_KEY.into())?,
                    directory: pages.get(&DIRECTORY_KEY.into())?,
                    positions: log.get_all_keys_with_key(&numbers)?,
                    commits: log.get_all_with_key(&numbers)?,
                })
            }
            Wanted::Pages(numbers) => {
                let asked = numbers.iter().map(|number| Ok((*number, pages.get(&(*number).into())?)));
                Ok(Reading::Pages(asked.collect::<Result<_, JsValue>>()?))
            }
        }
    }

    /// The request that is answered first.
    pub fn first(&self) -> Option<&IdbRequest> {
        match self {
            Reading::Boot { meta, .. } => Some(meta),
            Reading::Pages(asked) => asked.first().map(|(_, request)| request),
        }
    }

    /// What was found, once the transaction is complete.
    pub fn found(&self) -> Result<Found, JsValue> {
        match self {
            Reading::Boot { meta, directory, positions, commits } => {
                let (positions, commits): (Array, Array) = (positions.result()?.unchecked_into(), commits.result()?.unchecked_into());
                let position = |at| positions.get(at).as_f64().filter(|position| position.fract() == 0.0);
                let log = (0..commits.length()).filter_map(|at| Some((position(at)? as u64, bytes_of(&commits.get(at)))));
                let directory = directory.result()?;
                Ok(Found::Boot {
                    meta: meta_of(&meta.result()?),
                    directory: (!directory.is_undefined()).then(|| page_bytes(&directory)),
                    log: log.collect(),
                })
            }
            Reading::Pages(asked) => {
                let mut pages = Vec::with_capacity(asked.len());
                for (number, request) in asked {
                    let page = request.result()?;
                    if !page.is_undefined() {
                        pages.push((*number, page_bytes(&page)));
                    }
                }
                Ok(Found::Pages { pages })
            }
        }
    }
}

/// The requests of a write.
pub struct Writing {
    added: Option<IdbRequest>,
    refused: Rc<RefCell<Option<StoreFailure>>>,
}

impl Writing {
    /// Asks for all of it in one burst. The first request reads the description; should it not be what the guard says,
    /// its answer aborts everything behind it.
    pub fn issue(tx: &IdbTransaction, write: &Write) -> Result<Writing, JsValue> {
        let (log, pages, meta) = (tx.object_store(LOG)?, tx.object_store(PAGES)?, tx.object_store(META)?);
        let refused = Rc::new(RefCell::new(None));
        guard(tx, &meta.get(&META_KEY.into())?, write.guard.clone(), refused.clone());

        let added = write.append.as_ref().map(|commit| log.add(&array(commit))).transpose()?;
        for (position, commit) in &write.rewrite {
            put(&log, &(*position as f64).into(), commit.as_ref().map(|commit| array(commit)))?;
        }
        let folded_to = write.meta.as_ref().map_or(0, |meta| meta.folded_to);
        for (number, page) in &write.pages {
            put(&pages, &(*number).into(), page.as_ref().map(|page| page_object(folded_to, page)))?;
        }
        if let Some(directory) = &write.directory {
            put(&pages, &DIRECTORY_KEY.into(), Some(page_object(folded_to, directory)))?;
        }
        if let Some(description) = &write.meta {
            put(&meta, &META_KEY.into(), Some(meta_object(description)))?;
        }
        Ok(Writing { added, refused })
    }

    /// Where the appended commit stands; 0 where there was none. Known once the transaction is complete.
    pub fn position(&self) -> u64 {
        let key = self.added.as_ref().and_then(|added| added.result().ok()?.as_f64());
        key.unwrap_or_default() as u64
    }

    /// Why the guard aborted it, if it did.
    pub fn refused(&self) -> Option<StoreFailure> {
        self.refused.take()
    }
}

fn guard(tx: &IdbTransaction, asked: &IdbRequest, guard: Guard, refused: Rc<RefCell<Option<StoreFailure>>>) {
    let (tx, request) = (tx.clone(), asked.clone());
    let compare = Closure::once_into_js(move || {
        let found = request.result().ok().and_then(|meta| meta_of(&meta));
        if let Some(failure) = mismatch(&guard, found.as_ref()) {
            refused.replace(Some(failure));
            // It fails only where the transaction has ended already, and then nothing is stored either.
            let _ = tx.abort();
        }
    });
    asked.set_onsuccess(Some(compare.unchecked_ref()));
}

fn mismatch(guard: &Guard, found: Option<&Meta>) -> Option<StoreFailure> {
    match (guard, found) {
        (Guard::Fresh, None) => None,
        (Guard::Fresh, Some(found)) => Some(StoreFailure::Fenced { epoch: found.store_epoch }),
        (Guard::Held { store_id, epoch }, Some(found)) if found.store_id == *store_id => {
            (found.store_epoch != *epoch).then_some(StoreFailure::Fenced { epoch: found.store_epoch })
        }
        _ => Some(StoreFailure::Replaced),
    }
}

fn put(store: &IdbObjectStore, key: &JsValue, value: Option<JsValue>) -> Result<(), JsValue> {
    match value {
        Some(value) => store.put_with_key(&value, key)?,
        None => store.delete(key)?,
    };
    Ok(())
}

fn array(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// The bytes of a commit or page. What is no byte array is not ours: its JSON text stands in, which the engine finds
/// broken and keeps in quarantine.
fn bytes_of(value: &JsValue) -> Bytes {
    let Some(array) = value.dyn_ref::<Uint8Array>() else {
        let text = JSON::stringify(value).ok().and_then(|text| text.as_string());
        return Bytes(text.unwrap_or_else(|| "?".into()).into_bytes().into());
    };
    joined(std::slice::from_ref(array))
}

fn page_bytes(page: &JsValue) -> Bytes {
    let bytes = member(page, "bytes");
    bytes_of(if bytes.is_undefined() { page } else { &bytes })
}

fn page_object(folded_to: u64, bytes: &[u8]) -> JsValue {
    let page = StoredPage::new();
    page.set_folded_to(folded_to as f64);
    page.set_bytes(&array(bytes));
    page.into()
}

fn meta_object(meta: &Meta) -> JsValue {
    JSON::parse(&text_of(meta)).expect("text_of writes JSON")
}

/// The description, if there is one. A member that is missing or of another type counts as empty or 0, so that no
/// description keeps a store from being opened.
fn meta_of(value: &JsValue) -> Option<Meta> {
    if value.is_undefined() {
        return None;
    }
    let text = |name| member(value, name).as_string().unwrap_or_default();
    let number = |name| member(value, name).as_f64().unwrap_or_default() as u64;
    let versions = member(value, "versions");
    Some(Meta {
        store_id: text("store_id"),
        store_epoch: number("store_epoch"),
        folded_to: number(FOLDED_TO),
        scope: text("scope"),
        versions: Versions {
            layout: member(&versions, "layout").as_f64().unwrap_or_default() as u32,
            collections: collections(&member(&versions, "collections")),
        },
        client_id: text("client_id"),
        session_epoch: number("session_epoch"),
    })
}

fn collections(versions: &JsValue) -> Collections {
    let text = JSON::stringify(versions).ok().and_then(|text| text.as_string());
    text.and_then(|text| Collections::read(&text)).unwrap_or_default()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Object)]
    type StoredPage;
    #[wasm_bindgen(constructor, js_class = "Object")]
    fn new() -> StoredPage;
    #[wasm_bindgen(method, setter)]
    fn set_folded_to(this: &StoredPage, folded_to: f64);
    #[wasm_bindgen(method, setter)]
    fn set_bytes(this: &StoredPage, bytes: &JsValue);
}
