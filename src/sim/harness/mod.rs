//! For an app's own tests: several clients and a server in one process, without a browser, a network or a disk. Time is
//! virtual and moves when the test says so; all that is drawn (how long a message is on its way) comes from a seed, so the
//! same test is the same run.
//!
//! The engine is the very one that ships and the server is the reference [`crate::authority`]; the disks and the network
//! are the simulator's, without its faults, but for what a test does itself: [`Harness::disconnect`], [`Harness::restart`].
//!
//! ```
//! use serde_json::json;
//! use syncline::sim::harness::Harness;
//!
//! let mut harness = Harness::new(1);
//! let (ann, ben) = (harness.create_client("team"), harness.create_client("team"));
//! harness.put(ann, "threads/1", json!({ "messages": ["hello"] }))?;
//! harness.wait_for_sync()?;
//! assert_eq!(harness.read(ben, "threads/1")?, Some(json!({ "messages": ["hello"] })));
//!
//! harness.disconnect(ben);
//! harness.append(ben, "threads/1", "/messages", json!(["are you there?"]))?;
//! harness.advance(60_000);
//! assert_eq!(harness.pending_items(ben), ["threads/1"]);
//!
//! harness.connect(ben);
//! harness.wait_for_sync()?;
//! assert!(harness.pending_mutations(ben).is_empty());
//! assert_eq!(harness.read(ann, "threads/1")?, harness.on_server("team", "threads/1"));
//! # Ok::<(), syncline::engine::error::Fault>(())
//! ```

mod steps;
mod tab;

use std::collections::BTreeMap;

use serde_json::Value;

use super::action::Edit;
use super::device::address;
use super::fault::Dice;
use super::net::Way;
use super::server::Server;
use crate::engine::config::Config;
use crate::engine::error::{Code, Fault};
use crate::engine::ident::{MutationId, RequestId};
use crate::engine::input::{Ask, Input, SendFailure};
use crate::engine::mutation::Mutation;
use crate::engine::notice::{Ending, Status};
use crate::engine::rng::Rng;
use crate::protocol::http::scope_hash;
use crate::protocol::{Call, Identity};
use tab::Tab;

/// A client of a harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client(usize);

/// Clients, their server, and the time that they share. Documents are named `collection/key`.
pub struct Harness {
    seed: u64,
    now: u64,
    server: Server,
    tabs: Vec<Tab>,
    queue: BTreeMap<(u64, u64), (usize, Event)>,
    scheduled: u64,
    rng: Rng,
    /// Strikes never: there is no fault.
    dice: Dice,
    /// How many entries the server has committed.
    commits: usize,
}

/// What is going to happen at a client.
enum Event {
    /// A timer fires that was armed for then.
    Wake { life: u64, at: u64 },
    /// The disk ends its oldest job.
    Disk { life: u64 },
    /// The engine is told something.
    Tell { life: u64, input: Input },
    /// A request reaches the server.
    Arrive { life: u64, request: RequestId, identity: Identity, call: Call },
    /// Its reply reaches the client.
    Return { life: u64, request: RequestId, input: Input },
}

/// So long [`Harness::wait_for_sync`] and calls that are answered later wait, in virtual milliseconds: longer than any wait
/// of the engine.
const WAIT_MS: u64 = 30 * 60_000;

impl Harness {
    /// A server that has nothing, and nobody there yet.
    pub fn new(seed: u64) -> Harness {
        Harness {
            seed,
            now: 0,
            server: Server::new(),
            tabs: Vec::new(),
            queue: BTreeMap::new(),
            scheduled: 0,
            rng: Rng::new([seed, 0x6861_726e]),
            dice: Dice::new(seed, BTreeMap::new()),
            commits: 0,
        }
    }

    /// A client of this user with the options that an app has unless it says otherwise, connected and open.
    pub fn create_client(&mut self, user: &str) -> Client {
        self.create_client_with(user, Config::default())
    }

    /// A client of this user with these options; its scope is the user's. One with `auth` gets each token that it asks for.
    pub fn create_client_with(&mut self, user: &str, config: Config) -> Client {
        let client = self.tabs.len();
        let config = Config { scope: scope_hash(user), ..config };
        self.tabs.push(Tab::new(config, [self.seed, client as u64 + 1], self.now));
        self.start(client);
        Client(client)
    }

    /// The network is back, and the browser says so.
    pub fn connect(&mut self, client: Client) {
        self.tabs[client.0].is_connected = true;
        self.happen(client.0, Input::WentOnline);
    }

    /// The network is gone, and the browser says so. What is on its way does not arrive.
    pub fn disconnect(&mut self, client: Client) {
        self.tabs[client.0].is_connected = false;
        self.happen(client.0, Input::WentOffline);
    }

    /// The tab is closed, whatever it was about, and opened again on what is stored.
    pub fn restart(&mut self, client: Client) {
        self.tabs[client.0].restart(self.now);
        self.start(client.0);
    }

    /// How much virtual time has gone by, in milliseconds.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// So many milliseconds go by.
    pub fn advance(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.step(until) {}
        self.now = until;
    }

    /// Lets time go by until every connected client has sent what was pending and has what the server has. Fails with
    /// `TIMEOUT` where half an hour is not enough: the message says who still has what.
    pub fn wait_for_sync(&mut self) -> Result<(), Fault> {
        let until = self.now + WAIT_MS;
        let connected: Vec<usize> = (0..self.tabs.len()).filter(|client| self.tabs[*client].is_connected).collect();
        loop {
            while let Some(client) = connected.iter().find(|client| !self.pending_mutations(Client(**client)).is_empty()) {
                if !self.step(until) {
                    let status = self.status(Client(*client));
                    let what = format!("client {client} still has {} writes that are pending: {status:?}", status.pending_mutations);
                    return Err(Fault::new(Code::Timeout, &what));
                }
            }
            let commits = self.commits;
            for client in &connected {
                self.ask(Client(*client), Ask::Pull)?;
            }
            // A pull may have brought what a write has to be made again on, and another client may have written meanwhile.
            if commits == self.commits && connected.iter().all(|client| self.pending_mutations(Client(*client)).is_empty()) {
                return Ok(());
            }
        }
    }

    /// The documents with writes that have not ended.
    pub fn pending_items(&self, client: Client) -> Vec<String> {
        let documents = self.tabs[client.0].engine.pending_documents();
        documents.map(|address| format!("{}/{}", address.collection, address.key)).collect()
    }

    /// The writes that have not ended.
    pub fn pending_mutations(&self, client: Client) -> Vec<MutationId> {
        self.tabs[client.0].engine.pending_mutations()
    }

    /// What is going on at a client.
    pub fn status(&self, client: Client) -> Status {
        self.tabs[client.0].engine.status()
    }

    /// How a write of this client ended; `None` while it is pending, and for one that ended before a restart.
    pub fn ending(&self, client: Client, mutation: &MutationId) -> Option<&Ending> {
        self.tabs[client.0].endings.get(mutation)
    }

    /// What is in a client's inbox: the items as they are stored, each with its `entry`, `ending`, `error` and `documents`.
    pub fn inbox(&self, client: Client) -> Vec<Value> {
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let item = |(header, body): (&std::sync::Arc<str>, &std::sync::Arc<str>)| {
            let (mut item, body) = (parsed(header), parsed(body));
            if let (Value::Object(item), Value::Object(body)) = (&mut item, body) {
                item.extend(body);
            }
            item
        };
        self.tabs[client.0].engine.inbox_records().map(item).collect()
    }

    /// What a client sees of a document, with everything pending laid over it; `None` where there is none. It is brought into
    /// memory first, which may take a few milliseconds. Fails where it cannot be.
    pub fn read(&mut self, client: Client, name: &str) -> Result<Option<Value>, Fault> {
        self.ask(client, Ask::Load { addresses: vec![address(name)] })?;
        Ok(self.tabs[client.0].view(name))
    }

    /// What the server has of a user's document.
    pub fn on_server(&self, user: &str, name: &str) -> Option<Value> {
        self.server.document(&scope_hash(user), &address(name))
    }

    /// The server's own side, or a client that is none of these, changes a user's document.
    pub fn write_on_server(&mut self, user: &str, name: &str, edit: &Edit) {
        self.server.write_elsewhere(&scope_hash(user), &address(name), edit);
        self.commits += self.server.take_commits().len();
    }

    /// A client writes: anything that a [`Mutation`] can say, groups among them. It is seen at once. Fails, with nothing
    /// changed, as [`crate::engine::Engine::mutate`] does.
    pub fn write(&mut self, client: Client, mutation: Mutation) -> Result<MutationId, Fault> {
        let mut effects = Vec::new();
        let tab = &mut self.tabs[client.0];
        let id = tab.engine.mutate(tab.time(self.now), mutation, &mut effects)?;
        self.carry_out(client.0, effects);
        self.end_turn(client.0);
        Ok(id)
    }

    /// The document becomes this.
    pub fn put(&mut self, client: Client, name: &str, value: Value) -> Result<MutationId, Fault> {
        self.write(client, Mutation::put(address(name), &value.to_string())?)
    }

    /// The document is changed by an RFC 7396 patch.
    pub fn update(&mut self, client: Client, name: &str, patch: Value) -> Result<MutationId, Fault> {
        self.write(client, Mutation::merge(address(name), &patch.to_string())?)
    }

    /// The list or string at `path` grows at its end.
    pub fn append(&mut self, client: Client, name: &str, path: &str, items: Value) -> Result<MutationId, Fault> {
        self.write(client, Mutation::append(address(name), path, &items.to_string())?)
    }

    /// The document is deleted.
    pub fn delete(&mut self, client: Client, name: &str) -> Result<MutationId, Fault> {
        self.write(client, Mutation::delete(address(name)))
    }

    /// A client asks for something that is answered later, and time goes by until it is. Fails as the answer says, or with
    /// `TIMEOUT` where there is none within half an hour.
    pub fn ask(&mut self, client: Client, what: Ask) -> Result<(), Fault> {
        let until = self.now + WAIT_MS;
        let (ask, input) = self.tabs[client.0].question(what);
        self.happen(client.0, input);
        loop {
            if let Some(answer) = self.tabs[client.0].answers.remove(&ask) {
                return answer.map_or(Ok(()), Err);
            }
            if !self.step(until) {
                return Err(Fault::new(Code::Timeout, "it was not answered within half an hour"));
            }
        }
    }

    /// Tells a client's engine of anything else that may happen in a browser: that the page was hidden, for one.
    pub fn tell(&mut self, client: Client, input: Input) {
        self.happen(client.0, input);
    }
}
