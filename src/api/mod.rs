//! What JavaScript sees of the module. Every method takes `&self`: the app may call back in from a notice. Bad calls
//! throw a fault, `{ code, message, status?, retryable }`.

mod convert;
#[cfg(feature = "planted")]
mod planted;

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::browser::host::Host;
use crate::browser::{Driver, idb};
use crate::engine::View;
use crate::engine::input::{Ask, Input};
use crate::protocol::Address;
use convert::Options;

/// One client of one app and one user.
#[wasm_bindgen]
pub struct Client(Rc<Driver>);

#[wasm_bindgen]
impl Client {
    /// A client that is opening, of the options whose text this is; its first notices say how that went. Throws where the
    /// options are not what they must be.
    pub fn open(options: &str, host: Host) -> Result<Client, JsValue> {
        let Options { config, name, url } = convert::options(options).map_err(convert::fault)?;
        let database = idb::database_name(&name, &config.scope);
        Ok(Client(Driver::start(config, database, url, host)))
    }

    /// Writes: `operation` says how, `text` says what, as JSON.
    ///
    /// | operation | text |
    /// | --- | --- |
    /// | `put` | the document becomes this |
    /// | `merge` | an RFC 7396 patch |
    /// | `patch` | `{ set, remove, object }` |
    /// | `splice` | `{ path, at, remove, insert }`: so many units of the string there are replaced |
    /// | `delete` | nothing |
    /// | `putAll` | documents by key, one mutation each, in one turn; `key` is empty |
    ///
    /// All is checked before anything is staged. Gives the mutations' ids, with spaces between them.
    pub fn write(&self, operation: &str, collection: &str, key: &str, text: &str) -> Result<JsValue, JsValue> {
        let (mut mutations, mut ids) = (convert::mutations(operation, collection, key, text).map_err(convert::fault)?, String::new());
        let mut staged = Ok(());
        let acted = self.0.act(&mut |engine, now, effects| {
            staged = engine.mutate_all(now, std::mem::take(&mut mutations), effects).map(|staged| {
                for id in staged {
                    ids.push_str(if ids.is_empty() { "" } else { " " });
                    ids.push_str(&id.0);
                }
            });
        });
        acted.and(staged).map_err(convert::fault)?;
        Ok(ids.into())
    }

    /// What a reader sees: the document's text, `null` where there is none, `undefined` where it is not in memory.
    pub fn view(&self, collection: &str, key: &str) -> JsValue {
        match self.0.look(|engine| engine.view(&Address::of(collection, key))) {
            View::Document(document) => document.as_str().into(),
            View::Absent => JsValue::NULL,
            View::NotLoaded => JsValue::UNDEFINED,
        }
    }

    /// The app looks at a document, or no longer does: while it is held, each change of it is noticed.
    pub fn hold(&self, collection: &str, key: &str, held: bool) -> Result<(), JsValue> {
        let address = Address::of(collection, key);
        self.0.tell(Input::Held { address, held }).map_err(convert::fault)
    }

    /// Asks that a document be in memory. The `answered` notice names the number that this gives.
    pub fn load(&self, collection: &str, key: &str) -> Result<f64, JsValue> {
        self.ask(Ask::Load { address: Address::of(collection, key) })
    }

    /// Asks the server now.
    pub fn pull(&self) -> Result<f64, JsValue> {
        self.ask(Ask::Pull)
    }

    /// Ends the client. Behind the `answered` notice nothing more happens.
    pub fn close(&self) -> Result<f64, JsValue> {
        self.ask(Ask::Close)
    }

    /// What is going on.
    pub fn status(&self) -> Result<JsValue, JsValue> {
        convert::status(&self.0.look(|engine| engine.status()))
    }

    /// Bytes of the module's memory.
    pub fn memory(&self) -> f64 {
        const PAGE_BYTES: f64 = 65_536.0;
        core::arch::wasm32::memory_size(0) as f64 * PAGE_BYTES
    }

    fn ask(&self, what: Ask) -> Result<f64, JsValue> {
        self.0.ask(what).map(|ask| ask.0 as f64).map_err(convert::fault)
    }
}
