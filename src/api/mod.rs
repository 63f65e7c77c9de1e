//! What JavaScript sees of the module. A call takes `&self`: the app may call back in from a notice. Bad calls
//! throw a fault, `{ code, message, status? }`.

mod convert;
#[cfg(feature = "planted")]
mod planted;

use std::rc::Rc;
use std::sync::Arc;

use wasm_bindgen::prelude::*;

use crate::browser::host::Host;
use crate::browser::{Driver, count, idb};
use crate::engine::View;
use crate::engine::clock::Wall;
use crate::engine::error::Fault;
use crate::engine::ident::MutationId;
use crate::engine::input::{Ask, Input};
use crate::engine::message::Message;
use crate::engine::mutation::Mutation;
use crate::engine::notice::Notice;
use crate::merge::text;
use crate::protocol::member::{Member, text_of};
use crate::protocol::{Address, digits};
use convert::Options;

const PAGE_BYTES: f64 = 65_536.0;

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

    /// Everything that is asked of a client: `operation` says what, of the document of this collection and key where it is
    /// about one; empty texts stand for what it does not need. There is one export of them all, since each costs code on
    /// both sides.
    ///
    /// | operation | text | gives |
    /// | --- | --- | --- |
    /// | `put` | the document becomes this | ids |
    /// | `merge` | an RFC 7396 patch | ids |
    /// | `patch` | `{ set, remove, object }` | ids |
    /// | `increment` | `{ path, by }`: the integer there grows by an integer | ids |
    /// | `append` | `{ path, items }`: the list or string there grows at its end | ids |
    /// | `splice` | `{ path, at, remove, insert }`: so many units of the string there are replaced | ids |
    /// | `delete` | | ids |
    /// | `putAll` | documents by key, one mutation each, in one turn | ids |
    /// | `mutate` | `{ writes: [{ op, collection, key, value }], reads?, after?, atomic? }`: the writes together, `op` and `value` as above; a group unless `atomic` is `false`; made of these documents, to go after these mutations | ids |
    /// | `cancel` | | nothing: the mutation whose id stands for the key is taken back, unless it is sent |
    /// | `view` | | what a reader sees: the document's text, `null` where there is none, `undefined` where it is not in memory |
    /// | `hold` | a list of keys, in which an empty one stands for all of the collection | nothing: the app looks at these documents, and hears of each change of them |
    /// | `release` | the same | nothing: it no longer looks |
    /// | `observe` | | nothing: the app looks at how far the document's writes have come, or without one at which are pending |
    /// | `unobserve` | | nothing: it no longer looks |
    /// | `load` | the same | a number, and behind it these are in memory; the app looks at them |
    /// | `pull` | | a number, and behind it the server was asked: for all feeds, or for the one whose name stands for the key |
    /// | `push` | for how long at most, in milliseconds, or nothing | a number, and behind it all that was pending has ended |
    /// | `sync` | the same | a number, and behind it what was pending of the document has ended |
    /// | `wait` | for how long at most, in milliseconds | the same as `push`, though nothing is hurried |
    /// | `isPending` | | whether there are writes that have not ended |
    /// | `mark` | | nothing: the document is looked at soon |
    /// | `lock` | `gained` or `lost` | nothing: this tab is to drain the outbox, or another one may |
    /// | `heard` | a message of another tab | nothing |
    /// | `mirrored` | the number of an order to the mirror, or `parted`, or nothing | nothing: it was carried out, its file was let go, or none can be carried out any more |
    /// | `start`, `stop` | | nothing: something is sent, or nothing more |
    /// | `token` | `none`, or `token`, or when it expires in milliseconds since 1970 | nothing: the app's answer to `tokenWanted` |
    /// | `close` | | a number, and behind it nothing more happens |
    /// | `status` | | what is going on, as the text of a turn's notices |
    /// | `retry` | the text of the document instead, or nothing | a number, and behind it the write in the inbox of which `key` is the name is queued anew |
    /// | `discard` | | a number, and behind it that write is given up |
    /// | `resolve` | `{ digest, take, value }`: `take` is `mine`, `theirs`, `value` (which may be missing) or `defer` | a number, and behind it the conflict in the document is resolved |
    /// | `history` | | the last syncs, as the text of a list |
    /// | `memory` | | bytes of the module's memory |
    ///
    /// All of a write is checked before anything of it is staged; the ids are those of its mutations, as the text of a list. The
    /// `answered` notice names the number that was given.
    pub fn call(&self, operation: &str, collection: &str, key: &str, text: &str) -> Result<JsValue, JsValue> {
        self.perform(operation, Address::of(collection, key), text).map_err(convert::fault)
    }

    fn perform(&self, operation: &str, address: Address, text: &str) -> Result<JsValue, Fault> {
        self.0.check_depth()?;
        match operation {
            "view" => Ok(match self.0.look(|engine| engine.view(&address)) {
                View::Document(document) => document.as_str().into(),
                View::Absent => JsValue::NULL,
                View::NotLoaded => JsValue::UNDEFINED,
            }),
            "hold" | "release" => self.tell(Input::Held { addresses: keys(&address, text), held: operation == "hold" }),
            "observe" | "unobserve" => self.tell(observed(address, operation == "observe")),
            "cancel" => self.tell(Input::CancelAsked { mutation: MutationId(address.key.clone()) }),
            "load" => {
                let addresses = keys(&address, text);
                self.tell(Input::Held { addresses: addresses.clone(), held: true })?;
                self.ask(Ask::Load { addresses })
            }
            "pull" if address.key.is_empty() => self.ask(Ask::Pull),
            "pull" => self.ask(Ask::PullFeed { feed: address.key.clone() }),
            "push" => self.ask(Ask::Push { timeout_ms: digits::read(text) }),
            "sync" => self.ask(Ask::Sync { address, timeout_ms: digits::read(text) }),
            "wait" => self.ask(Ask::Wait { timeout_ms: digits::read(text).unwrap_or_default() }),
            "isPending" => Ok(self.0.look(|engine| engine.status().pending_mutations > 0).into()),
            "lock" => self.tell(if text == "gained" { Input::LockGained } else { Input::LockLost }),
            "heard" => match Message::read(text) {
                Some(message) => self.tell(Input::Heard { message }),
                // Of a build that says more.
                None => Ok(JsValue::UNDEFINED),
            },
            "mirrored" if text == "parted" => self.tell(Input::MirrorParted),
            "mirrored" => self.tell(digits::read(text).map_or(Input::MirrorFailed, |order| Input::Mirrored { order })),
            "mark" => self.tell(Input::Marked { address }),
            "start" | "stop" => self.tell(Input::Stopped { stopped: operation == "stop" }),
            "token" => {
                let given = Input::TokenGiven { present: text != "none", expires_at: digits::read(text).map(Wall) };
                self.0.tell(given).map(|()| JsValue::UNDEFINED)
            }
            "close" => self.ask(Ask::Close),
            "status" => Ok(Notice::list(&[Notice::Status(self.0.look(|engine| engine.status()))]).into()),
            "retry" => {
                let edited = if text.is_empty() { None } else { Some(text.into()) };
                self.ask(Ask::Retry { entry: MutationId(address.key.clone()), edited })
            }
            "discard" => self.ask(Ask::Discard { entry: MutationId(address.key.clone()) }),
            "resolve" => {
                let (digest, decision) = convert::decision(text);
                self.ask(Ask::Resolve { address, digest, decision })
            }
            "history" => Ok(self.0.look(|engine| text_of(engine.history())).into()),
            "memory" => Ok((core::arch::wasm32::memory_size(0) as f64 * PAGE_BYTES).into()),
            _ => self.write(convert::mutations(operation, address, text)?),
        }
    }

    fn write(&self, mut mutations: Vec<Mutation>) -> Result<JsValue, Fault> {
        let mut staged = Ok(Vec::new());
        self.0.act(&mut |engine, now, effects| staged = engine.mutate_all(now, std::mem::take(&mut mutations), effects))?;
        Ok(text_of(&staged?).into())
    }

    fn tell(&self, input: Input) -> Result<JsValue, Fault> {
        self.0.tell(input).map(|()| JsValue::UNDEFINED)
    }

    fn ask(&self, what: Ask) -> Result<JsValue, Fault> {
        Ok(convert::number(self.0.ask(what)?.0))
    }
}

/// Has the host told (`counted`) how many writes in a database have not ended; `null` where it cannot be read. `scope` is the
/// hash of the user's scope. Nothing is changed by it, and no database is made.
#[wasm_bindgen(js_name = countPending)]
pub fn count_pending(database: String, scope: String, host: Host) {
    count::pending(database, scope, host);
}

/// Two texts that were `base` as one, with what either side wrote and without what either side removed. Where both wrote at one place,
/// what was begun further in front comes first, and of what was begun at one place remote's. They come as UTF-8, which a browser makes
/// of a long text faster than the glue does.
#[wasm_bindgen(js_name = mergeTexts)]
pub fn merge_texts(base: &[u8], local: &[u8], remote: &[u8]) -> String {
    let [base, local, remote] = [base, local, remote].map(|text| str::from_utf8(text).unwrap_or_default());
    text::merge(base, local, remote).text
}

/// The documents of a collection with the keys in a list.
fn keys(of: &Address, list: &str) -> Vec<Address> {
    let keys = Vec::<Arc<str>>::read(list).unwrap_or_default();
    keys.into_iter().map(|key| Address::new(of.collection.clone(), key)).collect()
}

fn observed(address: Address, observed: bool) -> Input {
    if address.collection.is_empty() { Input::PendingObserved { observed } } else { Input::ItemObserved { address, observed } }
}
