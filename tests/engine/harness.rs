//! One client and its surroundings, moved by hand: a disk, a server, a clock.

use std::collections::{BTreeMap, VecDeque};

use syncline::authority::{Authority, Feed, MemoryStore, PullAsk, RefuseMarked};
use syncline::engine::clock::{Timestamp, Wall};
use syncline::engine::config::Config;
use syncline::engine::effect::{Effect, Write};
use syncline::engine::error::Fault;
use syncline::engine::ident::{AskId, MutationId, RequestId};
use syncline::engine::input::{Ask, Bytes, Input, Reply, SendFailure, StoreFailure};
use syncline::engine::message::Message;
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice, Status};
use syncline::engine::{Engine, View};
use syncline::protocol::http::scope_hash;
use syncline::protocol::{Address, Call, Identity};

pub use crate::store::memory::Disk;

pub const WALL: Wall = Wall(1_700_000_000_000);

/// A server that two clients can share.
pub struct Server {
    pub authority: Authority<RefuseMarked>,
    pub store: MemoryStore,
    pub pushes: u32,
    pub pulls: u32,
}

impl Server {
    pub fn new() -> Server {
        Server {
            authority: Authority { limits: Default::default(), rules: RefuseMarked, outcomes_kept: None },
            store: MemoryStore::new("g1"),
            pushes: 0,
            pulls: 0,
        }
    }

    pub fn answer(&mut self, asker: &Identity, call: &Call) -> Reply {
        let body = match call {
            Call::Push { body, .. } => {
                self.pushes += 1;
                let body = self.authority.read_push(body).expect("the engine's pushes are good");
                serde_json::to_string(&self.authority.push(&mut self.store, asker, &body).unwrap())
            }
            Call::Pull { feed, cursor, limit, request } => {
                self.pulls += 1;
                let ask = PullAsk {
                    feed: Feed::parse(feed).unwrap(),
                    cursor: cursor.clone(),
                    limit: Some(*limit as usize),
                    request: Some(request.clone()),
                };
                serde_json::to_string(&self.authority.pull(&self.store, asker, &ask).unwrap())
            }
            Call::Ping => serde_json::to_string(&self.authority.ping(&self.store).unwrap()),
            Call::Outcome { id } => serde_json::to_string(&self.authority.outcome(&self.store, &asker.scope, id).unwrap()),
        };
        json(200, &body.unwrap())
    }

    /// Answers a push with this body.
    pub fn push(&mut self, asker: &Identity, body: &str) -> Reply {
        self.answer(asker, &Call::Push { ids: Vec::new(), body: body.to_owned(), attempt: 0 })
    }

    /// The document at `key` of collection `c`.
    pub fn document(&self, key: &str) -> Option<serde_json::Value> {
        let found = self.store.documents(&scope_hash("user")).find(|revision| *revision.address.key == *key);
        found.and_then(|revision| revision.value.as_ref().map(|value| value.to_value()))
    }
}

/// A reply with a JSON body.
pub fn json(status: u16, body: &str) -> Reply {
    let headers = [("content-type", "application/json".into())].into();
    Reply { status, redirected: false, headers, body: Bytes(body.as_bytes().into()) }
}

/// One client.
pub struct Client {
    pub engine: Engine,
    pub now: Timestamp,
    pub disk: Disk,
    /// Whether transactions complete by themselves.
    pub storing: bool,
    /// Why none does, if so: as soon as it is ordered.
    pub full: Option<StoreFailure>,
    /// Why nothing can be read, if so.
    pub unreadable: Option<StoreFailure>,
    pub writes: VecDeque<Write>,
    pub loads: VecDeque<Effect>,
    pub sent: VecDeque<(RequestId, Call)>,
    /// Requests that go on without the page.
    pub outliving: Vec<RequestId>,
    pub cancelled: Vec<RequestId>,
    pub notices: Vec<Notice>,
    /// What other tabs would hear.
    pub posted: Vec<Message>,
    /// How often the lock was to be taken from whoever holds it.
    pub steals: u32,
    /// The mirror files of this device, and which of them is this tab's.
    pub files: BTreeMap<String, Vec<u8>>,
    file: (String, u32),
    /// Whether orders to the mirror are carried out by themselves.
    pub mirroring: bool,
    pub mirror_orders: VecDeque<Effect>,
    /// What another witness says of a store.
    pub witness: Option<String>,
    seed: u64,
}

pub fn config() -> Config {
    Config { scope: scope_hash("user"), ..Config::default() }
}

pub fn at(key: &str) -> Address {
    Address::of("c", key)
}

pub fn put(key: &str, text: &str) -> Mutation {
    Mutation::put(at(key), text).unwrap()
}

pub fn merge(key: &str, text: &str) -> Mutation {
    Mutation::merge(at(key), text).unwrap()
}

/// A client that pulled once and then leaves the network to its pushes.
pub fn opened(server: &mut Server) -> Client {
    pulled_once(server, 1)
}

/// Another client of the same user.
pub fn another(server: &mut Server) -> Client {
    pulled_once(server, 100)
}

fn pulled_once(server: &mut Server, seed: u64) -> Client {
    let mut client = Client::with(Config { poll_base_ms: 1 << 40, ..config() }, Disk::default(), seed);
    client.live(server, 10);
    client
}

pub fn splice(key: &str, from: u64, remove: u64, insert: &str) -> Mutation {
    Mutation::splice(at(key), "/t", from, remove, insert).unwrap()
}

impl Client {
    /// A client over this disk, told that it started.
    pub fn open(disk: Disk, seed: u64) -> Client {
        Client::with(config(), disk, seed)
    }

    pub fn with(config: Config, disk: Disk, seed: u64) -> Client {
        let mut client = Client { disk, storing: true, ..Client::without_a_store(config, seed) };
        client.store();
        client
    }

    /// A client whose store does not answer by itself.
    pub fn without_a_store(config: Config, seed: u64) -> Client {
        let mut client = Client::fresh(config, seed);
        client.tell(Input::Started);
        client
    }

    /// One that was told nothing yet.
    pub fn fresh(config: Config, seed: u64) -> Client {
        Client {
            engine: Engine::new(config, [seed, 7], Timestamp(0), WALL),
            now: Timestamp(0),
            disk: Disk::default(),
            storing: false,
            full: None,
            unreadable: None,
            writes: VecDeque::new(),
            loads: VecDeque::new(),
            sent: VecDeque::new(),
            outliving: Vec::new(),
            cancelled: Vec::new(),
            notices: Vec::new(),
            posted: Vec::new(),
            steals: 0,
            files: BTreeMap::new(),
            file: (format!("tab{seed}"), 0),
            mirroring: true,
            mirror_orders: VecDeque::new(),
            witness: None,
            seed,
        }
    }

    /// The page is gone at once; another opens what is stored.
    pub fn crash(self) -> Client {
        self.crash_with(config())
    }

    /// The same with options of its own.
    pub fn crash_with(self, config: Config) -> Client {
        Client::with(config, self.disk, self.seed + 1)
    }

    pub fn tell(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        self.carry_out(effects);
    }

    pub fn mutate(&mut self, mutation: Mutation) -> Result<MutationId, Fault> {
        let mut effects = Vec::new();
        let id = self.engine.mutate(self.now, mutation, &mut effects);
        self.carry_out(effects);
        id
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Write(write) => self.writes.push_back(*write),
                Effect::Load { .. } => self.loads.push_back(effect),
                Effect::Send { request, call, outlives_page, .. } => {
                    if outlives_page {
                        self.outliving.push(request);
                    }
                    self.sent.push_back((request, call));
                }
                Effect::Cancel { request } => self.cancelled.push(request),
                Effect::Notify(notice) => self.notices.push(notice),
                Effect::Post(message) => self.posted.push(message),
                Effect::Steal => self.steals += 1,
                Effect::Witness { store_id } => self.witness = Some(store_id),
                Effect::Mirror { .. }
                | Effect::DropMirror
                | Effect::ListMirrors
                | Effect::ReadMirrors { .. }
                | Effect::RemoveMirrors { .. } => {
                    self.mirror_orders.push_back(effect);
                }
            }
        }
        if self.mirroring {
            self.mirror();
        }
        if self.storing {
            self.store();
        }
    }

    /// Carries out what is to be mirrored.
    pub fn mirror(&mut self) {
        while let Some(effect) = self.mirror_orders.pop_front() {
            if let Some(input) = self.keep_mirror(effect) {
                self.tell(input);
            }
        }
    }

    /// Carries out one order, and gives the answer.
    pub fn keep_mirror(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Mirror { order, anew, bytes } => {
                let (file, slot) = &mut self.file;
                let prefix =
                    anew.clone().or_else(|| self.files.keys().find(|name| name.contains(&**file)).map(|name| name[..36].to_owned()));
                let name = |slot: u32| format!("{}.{file}.{slot}", prefix.as_deref().expect("a file that was begun"));
                if anew.is_some() {
                    self.files.insert(name(*slot), Vec::new());
                    *slot = 1 - *slot;
                    self.files.insert(name(*slot), bytes);
                } else {
                    self.files.get_mut(&name(*slot)).expect("a file").extend(bytes);
                }
                Some(Input::Mirrored { order })
            }
            Effect::DropMirror => {
                self.files.retain(|name, _| !name.contains(&self.file.0));
                None
            }
            Effect::ListMirrors => Some(Input::MirrorsListed { names: self.files.keys().cloned().chain(self.witness.clone()).collect() }),
            Effect::ReadMirrors { names } => {
                let read = |name: String| self.files.get(&name).map(|bytes| (name, Bytes(bytes.as_slice().into())));
                Some(Input::MirrorsRead { files: names.into_iter().filter_map(read).collect() })
            }
            Effect::RemoveMirrors { names } => {
                self.files.retain(|name, _| !names.contains(name) || name.contains(&self.file.0));
                None
            }
            _ => None,
        }
    }

    /// Carries out what is to be read and written.
    pub fn store(&mut self) {
        while let Some(Effect::Load { load, what }) = self.loads.pop_front() {
            let input = match self.unreadable.clone() {
                Some(why) => Input::LoadFailed { load, why },
                None => Input::Loaded { load, found: self.disk.load(&what) },
            };
            self.tell(input);
        }
        while let Some(write) = self.writes.pop_front() {
            let input = match self.full.clone().map_or_else(|| self.disk.apply(&write), Err) {
                Ok(position) => Input::Written { write: write.write, position },
                Err(why) => Input::WriteFailed { write: write.write, why },
            };
            self.tell(input);
        }
    }

    /// Everything that is due now, until nothing is.
    pub fn turn(&mut self) {
        for _ in 0..1_000 {
            match self.engine.deadline() {
                Some((at, _)) if at <= self.now => self.tell(Input::Woke),
                _ => return,
            }
        }
        panic!("the engine wants to be woken at once, for ever: {:?}", self.engine.deadline());
    }

    /// Time passes, with every deadline on the way met.
    pub fn pass(&mut self, ms: u64) {
        let end = self.now.after(ms);
        self.turn();
        while let Some((at, _)) = self.engine.deadline().filter(|(at, _)| *at <= end) {
            self.now = at;
            self.tell(Input::Woke);
            self.turn();
        }
        self.now = end;
    }

    /// The next request, which must be there.
    pub fn take_sent(&mut self) -> (RequestId, Call) {
        self.sent.pop_front().expect("a request")
    }

    pub fn take_push(&mut self) -> (RequestId, Vec<String>, String) {
        let at = self.sent.iter().position(|(_, call)| matches!(call, Call::Push { .. })).expect("a push");
        match self.sent.remove(at) {
            Some((request, Call::Push { ids, body, .. })) => (request, ids, body),
            _ => unreachable!("found above"),
        }
    }

    pub fn has_push(&self) -> bool {
        self.sent.iter().any(|(_, call)| matches!(call, Call::Push { .. }))
    }

    /// Answers all requests there are, with the server's own answers.
    pub fn answer(&mut self, server: &mut Server) {
        self.answer_with(&mut |asker, call| server.answer(asker, call));
    }

    /// The same, with what somebody else answers.
    pub fn answer_with(&mut self, answer: &mut dyn FnMut(&Identity, &Call) -> Reply) {
        while let Some((request, call)) = self.sent.pop_front() {
            let reply = answer(&self.engine.identity(), &call);
            self.reply(request, reply);
        }
    }

    /// Time passes and the server answers at once.
    pub fn live(&mut self, server: &mut Server, ms: u64) {
        self.live_with(ms, &mut |asker, call| server.answer(asker, call));
    }

    /// The same, with what somebody else answers.
    pub fn live_with(&mut self, ms: u64, answer: &mut dyn FnMut(&Identity, &Call) -> Reply) {
        let end = self.now.after(ms);
        self.turn();
        self.answer_with(answer);
        while let Some((at, _)) = self.engine.deadline().filter(|(at, _)| *at <= end) {
            self.now = at;
            self.tell(Input::Woke);
            self.turn();
            self.answer_with(answer);
        }
        self.now = end;
    }

    pub fn fail(&mut self, request: RequestId) {
        self.tell(Input::SendFailed { request, why: SendFailure::NoAnswer });
        self.turn();
    }

    pub fn reply(&mut self, request: RequestId, reply: Reply) {
        self.tell(Input::Replied { request, reply });
        self.turn();
    }

    pub fn ask(&mut self, what: Ask) -> AskId {
        let ask = AskId(self.notices.len() as u64 + 1_000);
        self.tell(Input::Asked { ask, what });
        self.turn();
        ask
    }

    pub fn answered(&self, ask: AskId) -> Option<Option<Fault>> {
        self.notices.iter().find_map(|notice| match notice {
            Notice::Answered { ask: answered, error } if *answered == ask => Some(error.clone()),
            _ => None,
        })
    }

    pub fn view(&mut self, key: &str) -> Option<serde_json::Value> {
        match self.engine.view(&at(key)) {
            View::Document(json) => Some(json.to_value()),
            View::Absent => None,
            View::NotLoaded => panic!("{key} is not in memory"),
        }
    }

    pub fn text(&mut self, key: &str) -> String {
        self.view(key).expect("a document")["t"].as_str().expect("a text").to_owned()
    }

    pub fn ending(&self, id: &MutationId) -> Option<Ending> {
        self.notices.iter().find_map(|notice| match notice {
            Notice::Settled { mutation, ending } if mutation == id => Some(ending.clone()),
            _ => None,
        })
    }

    pub fn is_durable(&self, id: &MutationId) -> bool {
        self.notices.iter().any(|notice| matches!(notice, Notice::Durable { mutations, .. } if mutations.contains(id)))
    }

    pub fn status(&self) -> Status {
        self.engine.status()
    }
}
