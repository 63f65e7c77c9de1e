//! The port to mirrors and other witnesses of the store, which `src/js/mirror.js` keeps.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::Tell;
use super::host::Host;
use super::value::{call, joined, length, list, member, settled};
use crate::engine::effect::Effect;
use crate::engine::input::Input;

/// One client's mirror.
pub struct Mirrors {
    host: Host,
    /// The database whose unsent writes are mirrored.
    database: JsValue,
    tell: Tell,
}

impl Mirrors {
    /// The mirror of this database; answers go to `tell`.
    pub fn new(host: Host, database: &str, tell: Tell) -> Mirrors {
        Mirrors { host, database: database.into(), tell }
    }

    /// Carries out what is about mirrors.
    pub fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Mirror { order, anew, bytes } => {
                let store = anew.map_or(JsValue::UNDEFINED, JsValue::from);
                self.ask("write", &[&self.database, &(order as f64).into(), &store, &Uint8Array::from(&*bytes)]);
            }
            Effect::DropMirror => drop(self.ask("drop", &[&self.database])),
            Effect::ListMirrors => self.look("list", None),
            Effect::ReadMirrors { names } => self.look("read", Some(names)),
            Effect::RemoveMirrors { names } => drop(self.ask("remove", &[&self.database, &texts(&names)])),
            Effect::Witness { store_id } => drop(self.ask("witness", &[&self.database, &store_id.into()])),
            // All others have ports of their own.
            _ => {}
        }
    }

    fn ask(&self, what: &str, arguments: &[&JsValue]) -> JsValue {
        // Where there is nobody who keeps mirrors, none is found, and what is ordered is given up in time.
        call(&member(&self.host, "mirror"), what, arguments).unwrap_or_default()
    }

    /// Looks for mirrors, or into those of these names.
    fn look(&self, what: &str, names: Option<Vec<String>>) {
        let found = self.ask(what, &[&self.database, &texts(names.as_deref().unwrap_or_default())]);
        let tell = self.tell.clone();
        spawn_local(async move {
            let found: Array = settled(&found).await.unwrap_or_default().unchecked_into();
            let (mut listed, mut files) = (Vec::new(), Vec::new());
            for at in 0..length(&found) as u32 {
                let file = found.get(at);
                let (name, bytes) = (member(&file, "name").as_string().unwrap_or_default(), member(&file, "bytes"));
                if names.is_some() {
                    files.push((name, joined(&list(&[&bytes]), length(&bytes))));
                } else {
                    listed.push(name);
                }
            }
            tell(if names.is_some() { Input::MirrorsRead { files } } else { Input::MirrorsListed { names: listed } });
        });
    }
}

fn texts(texts: &[String]) -> JsValue {
    let list = Array::new();
    for text in texts {
        list.push(&text.as_str().into());
    }
    list.into()
}
