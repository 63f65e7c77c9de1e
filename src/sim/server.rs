//! The server: the reference authority with its store in memory, every commit written down for the oracle, and another
//! client of the same user that writes straight into it.

use std::convert::Infallible;
use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::action::Edit;
use super::horizon::{Horizon, Place};
use crate::authority::{
    Authority, Client, Commit, Ending, Feed, Head, Life, MemoryStore, PullAsk, RefuseMarked, Remembered, Revision, Store,
};
use crate::protocol::{Address, Applied, Call, Identity, Whole};

/// What a commit was, for the oracle.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The user it was done for.
    pub scope: String,
    /// The client that sent it.
    pub client: String,
    /// The entry.
    pub entry: String,
    /// Its position.
    pub seq: u64,
    /// The documents it made; `None` where it was refused.
    pub documents: Option<Vec<(Address, Option<Value>)>>,
}

/// What the server answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

/// The server.
pub struct Server {
    authority: Authority<RefuseMarked>,
    store: Recording,
    writes_elsewhere: u64,
    /// A copy of its data, and how often one was taken back.
    backup: Option<(MemoryStore, Horizon)>,
    restored: u64,
}

/// The generation that its data begins in.
pub(super) const GENERATION: &str = "g";

/// The client that writes elsewhere.
const ELSEWHERE: &str = "elsewhere";

impl Server {
    /// An empty one.
    pub fn new() -> Server {
        let store = Recording { store: MemoryStore::new(GENERATION), commits: Vec::new(), horizon: Horizon::default() };
        Server { authority: Authority::default(), store, writes_elsewhere: 0, backup: None, restored: 0 }
    }

    /// Does what a call asks for.
    pub fn answer(&mut self, identity: &Identity, call: &Call) -> Answer {
        let store = &mut self.store;
        let reply = match call {
            Call::Push { body, .. } => match self.authority.read_push(body) {
                Err(crate::authority::PushBodyError::TooLarge) => return Answer { status: 413, body: "{}".into() },
                Err(crate::authority::PushBodyError::Malformed(why)) => {
                    return Answer { status: 400, body: json!({ "error": why }).to_string() };
                }
                Ok(body) => {
                    let reply = sure(self.authority.push(store, identity, &body));
                    if reply.whole == Some(Whole::Fenced) {
                        return Answer { status: 409, body: json!(reply).to_string() };
                    }
                    serde_json::to_string(&reply)
                }
            },
            Call::Pull { feed, cursor, limit, request } => {
                let Ok(feed) = Feed::parse(feed) else { return Answer { status: 404, body: "{}".into() } };
                let generation = sure(store.head()).generation;
                let cursor = match cursor.as_ref().map(|cursor| store.horizon.read(cursor, &generation)) {
                    Some(Place::Gone) => return Answer { status: 410, body: "{}".into() },
                    Some(Place::Start) => Some(String::new()),
                    Some(Place::At(cursor)) => Some(cursor),
                    None => None,
                };
                let ask = PullAsk { feed, cursor, limit: Some(*limit as usize), request: Some(request.clone()) };
                let mut page = sure(self.authority.pull(store, identity, &ask));
                page.cursor = store.horizon.sign(page.cursor);
                serde_json::to_string(&page)
            }
            Call::Outcome { id } => serde_json::to_string(&sure(self.authority.outcome(store, &identity.scope, id))),
            Call::Ping => serde_json::to_string(&sure(self.authority.ping(store))),
        };
        Answer { status: 200, body: reply.expect("replies are plain data") }
    }

    /// Another client of `scope` writes, over whatever is there.
    pub fn write_elsewhere(&mut self, scope: &str, address: &Address, edit: &Edit) {
        let current = sure(self.store.document(scope, address)).and_then(|revision| Some(revision.value?.to_value()));
        let Some(operation) = operation(address, edit, current.as_ref()) else { return };
        self.writes_elsewhere += 1;
        let identity = Identity { scope: scope.to_owned(), client: ELSEWHERE.into(), session_epoch: 1 };
        let entry = json!({ "id": format!("elsewhere-{}", self.writes_elsewhere), "operations": [operation] });
        let body = json!({ "entries": [entry] }).to_string();
        self.answer(&identity, &Call::Push { ids: Vec::new(), body, attempt: 0 });
    }

    /// Copies its data.
    pub fn back_up(&mut self) {
        self.backup = Some((self.store.store.clone(), self.store.horizon.clone()));
    }

    /// Whether there is a copy.
    pub fn has_backup(&self) -> bool {
        self.backup.is_some()
    }

    /// Goes back to the copy, in a life of its own: the name of that, the position it begins at, and the one that the life
    /// before had come to. `None` where there is no copy.
    pub fn restore(&mut self) -> Option<(String, u64, u64)> {
        let ended_at = sure(self.store.head()).seq;
        (self.store.store, self.store.horizon) = self.backup.take()?;
        self.restored += 1;
        let generation = format!("{GENERATION}{}", self.restored);
        sure(self.store.begin_life(&generation));
        Some((generation, sure(self.store.head()).seq, ended_at))
    }

    /// Up to which position deletes are forgotten, and outcomes.
    pub fn forgotten(&self) -> (u64, u64) {
        (self.store.horizon.through(), sure(self.store.head()).horizon)
    }

    /// Forgets all deletes but those of the last positions. Up to which position they are forgotten then.
    pub fn forget_deletes(&mut self, keep: u64) -> u64 {
        self.store.horizon.raise(sure(self.store.head()).seq.saturating_sub(keep));
        self.store.horizon.through()
    }

    /// Forgets all outcomes but those of the last positions. Up to which position they are forgotten then.
    pub fn forget_outcomes(&mut self, keep: u64) -> u64 {
        let head = sure(self.store.head());
        let through = head.seq.saturating_sub(keep).max(head.horizon);
        sure(self.store.forget_outcomes(through));
        through
    }

    /// A document as it is.
    pub fn document(&self, scope: &str, address: &Address) -> Option<Value> {
        sure(self.store.document(scope, address)).and_then(|revision| Some(revision.value?.to_value()))
    }

    /// The commits since this was last asked.
    pub fn take_commits(&mut self) -> Vec<Committed> {
        std::mem::take(&mut self.store.commits)
    }
}

impl Default for Server {
    fn default() -> Self {
        Server::new()
    }
}

impl Committed {
    /// Whether the other client wrote it.
    pub fn is_from_elsewhere(&self) -> bool {
        self.client == ELSEWHERE
    }
}

fn sure<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

/// The wire form of an edit; `None` for a splice that does not fit.
fn operation(address: &Address, edit: &Edit, current: Option<&Value>) -> Option<Value> {
    let mut operation = match edit {
        Edit::Put(value) => json!({ "op": "put", "value": value }),
        Edit::Merge(Value::Object(patch)) => {
            let set: serde_json::Map<String, Value> =
                patch.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (format!("/{name}"), value.clone())).collect();
            let remove: Vec<String> = patch.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| format!("/{name}")).collect();
            json!({ "op": "patch", "set": set, "remove": remove })
        }
        Edit::Merge(other) => json!({ "op": "put", "value": other }),
        Edit::Patch { set, remove } => {
            let set: serde_json::Map<String, Value> = set.iter().cloned().collect();
            json!({ "op": "patch", "set": set, "remove": remove })
        }
        Edit::Delete => json!({ "op": "delete" }),
        Edit::Increment { path, by } => json!({ "op": "increment", "path": path, "by": by }),
        Edit::Append { path, items } => json!({ "op": "append", "path": path, "items": items }),
        Edit::Splice { path, at, remove, insert } => {
            current?.pointer(path)?.as_str()?;
            json!({ "op": "splice", "path": path, "at": at, "remove": remove, "insert": insert })
        }
    };
    operation["collection"] = json!(address.collection);
    operation["key"] = json!(address.key);
    Some(operation)
}

/// A store that writes down what is committed to it.
struct Recording {
    store: MemoryStore,
    commits: Vec<Committed>,
    horizon: Horizon,
}

impl Store for Recording {
    type Error = Infallible;

    fn head(&self) -> Result<Head, Infallible> {
        self.store.head()
    }

    fn life(&self, generation: &str) -> Result<Option<Life>, Infallible> {
        self.store.life(generation)
    }

    fn client(&self, scope: &str, client: &str) -> Result<Option<Client>, Infallible> {
        self.store.client(scope, client)
    }

    fn remembered(&self, scope: &str, id: &str) -> Result<Option<Remembered>, Infallible> {
        self.store.remembered(scope, id)
    }

    fn document(&self, scope: &str, address: &Address) -> Result<Option<Revision>, Infallible> {
        Ok(self.store.document(scope, address)?.map(|revision| self.horizon.blur(revision)))
    }

    fn changes(&self, scope: &str, feed: &Feed, after: u64, visit: &mut dyn FnMut(Revision) -> ControlFlow<()>) -> Result<(), Infallible> {
        let mut visit_known = |revision| if self.horizon.hides(&revision) { ControlFlow::Continue(()) } else { visit(revision) };
        self.store.changes(scope, feed, after, &mut visit_known)
    }

    fn applied(&self, scope: &str, client: &str, feed: &Feed, after: u64, through: u64, limit: usize) -> Result<Vec<Applied>, Infallible> {
        self.store.applied(scope, client, feed, after, through, limit)
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), Infallible> {
        let documents = || commit.documents.iter().map(|(address, value)| (address.clone(), value.as_ref().map(|value| value.to_value())));
        self.commits.push(Committed {
            scope: commit.scope.to_owned(),
            client: commit.client.to_owned(),
            entry: commit.id.to_owned(),
            seq: commit.remembered.seq,
            documents: matches!(commit.remembered.ending, Ending::Ok { .. }).then(|| documents().collect()),
        });
        self.store.commit(commit)
    }

    fn put_client(&mut self, scope: &str, client: &str, known: Client) -> Result<(), Infallible> {
        self.store.put_client(scope, client, known)
    }

    fn forget_outcomes(&mut self, through: u64) -> Result<(), Infallible> {
        self.store.forget_outcomes(through)
    }

    fn begin_life(&mut self, generation: &str) -> Result<(), Infallible> {
        self.store.begin_life(generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h2_who_writes_elsewhere_is_seen_and_written_down() {
        let mut server = Server::new();
        let address = Address::of("c", "k");
        server.write_elsewhere("s", &address, &Edit::Put(json!({"t":"ab"})));
        server.write_elsewhere("s", &address, &Edit::Splice { path: "/t".into(), at: 1, remove: 0, insert: "X".into() });
        server.write_elsewhere("s", &address, &Edit::Merge(json!({"n":1,"reject":true})));
        assert_eq!(server.document("s", &address), Some(json!({"t":"aXb"})));
        let commits = server.take_commits();
        assert_eq!(
            commits.iter().map(|commit| (commit.seq, commit.documents.is_some())).collect::<Vec<_>>(),
            [(1, true), (2, true), (3, false)]
        );
        assert!(commits.iter().all(Committed::is_from_elsewhere));
        let identity = Identity { scope: "s".into(), client: "me".into(), session_epoch: 1 };
        let pulled = server.answer(&identity, &Call::Pull { feed: "main".into(), cursor: None, limit: 10, request: "1".into() });
        assert!(pulled.status == 200 && pulled.body.contains("aXb"));
        assert_eq!(server.answer(&identity, &Call::Push { ids: Vec::new(), body: "{".into(), attempt: 0 }).status, 400);
    }
}
