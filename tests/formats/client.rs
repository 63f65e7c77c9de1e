//! A client over a store that stands in memory: what the engine orders is done at once, and time passes when told.

use std::collections::{BTreeMap, VecDeque};

use syncline::engine::clock::{Timestamp, Wall};
use syncline::engine::config::Config;
use syncline::engine::effect::{Effect, Wanted, Write};
use syncline::engine::ident::RequestId;
use syncline::engine::input::{Bytes, Found, Input, Meta, Reply};
use syncline::engine::notice::Notice;
use syncline::engine::{Engine, View};
use syncline::protocol::{Address, Call};

/// What is stored.
#[derive(Default)]
pub struct Stored {
    pub meta: Option<Meta>,
    pub directory: Option<Vec<u8>>,
    pub log: BTreeMap<u64, Vec<u8>>,
    pub pages: BTreeMap<u32, Vec<u8>>,
}

/// A client.
pub struct Client {
    pub engine: Engine,
    pub now: Timestamp,
    pub stored: Stored,
    pub writes: Vec<Write>,
    pub sent: VecDeque<(RequestId, Call)>,
    pub cancelled: Vec<RequestId>,
    pub notices: Vec<Notice>,
}

impl Client {
    /// A client that has opened this store.
    pub fn open(config: Config, stored: Stored, wall: Wall) -> Client {
        let engine = Engine::new(config, [3, 5], Timestamp(0), wall);
        let (writes, sent, cancelled, notices) = (Vec::new(), VecDeque::new(), Vec::new(), Vec::new());
        let mut client = Client { engine, now: Timestamp(0), stored, writes, sent, cancelled, notices };
        client.tell(Input::Started);
        client
    }

    /// Something happened; all that follows at once is done.
    pub fn tell(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut effects = Vec::new();
            self.engine.handle(self.now, input, &mut effects);
            inputs.extend(effects.into_iter().filter_map(|effect| self.carry_out(effect)));
            let is_due = self.engine.deadline().is_some_and(|(at, _)| at <= self.now);
            if is_due && inputs.is_empty() {
                inputs.push_back(Input::Woke);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Load { load, what } => return Some(Input::Loaded { load, found: self.stored.find(&what) }),
            Effect::Write(write) => {
                let position = self.stored.apply(&write);
                let write_id = write.write;
                self.writes.push(*write);
                return Some(Input::Written { write: write_id, position });
            }
            Effect::Send { request, call, .. } => self.sent.push_back((request, call)),
            Effect::Cancel { request } => self.cancelled.push(request),
            Effect::Notify(notice) => self.notices.push(notice),
            // Nobody else is here.
            Effect::Post(_) | Effect::Steal | Effect::Witness { .. } => {}
            Effect::Mirror { .. }
            | Effect::DropMirror
            | Effect::ListMirrors
            | Effect::ReadMirrors { .. }
            | Effect::RemoveMirrors { .. } => {}
        }
        None
    }

    /// Time passes, and every deadline on the way is met.
    pub fn pass(&mut self, ms: u64) {
        let end = self.now.after(ms);
        while let Some((at, _)) = self.engine.deadline().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.tell(Input::Woke);
        }
        self.now = end;
    }

    /// A reply came, as JSON.
    pub fn reply(&mut self, request: RequestId, status: u16, body: &str) {
        let headers = [("content-type", "application/json".into())].into();
        let reply = Reply { status, redirected: false, headers, body: Bytes(body.as_bytes().into()) };
        self.tell(Input::Replied { request, reply });
    }

    /// The document's text; `None` where there is none.
    pub fn view(&mut self, collection: &str, key: &str) -> Result<Option<String>, &'static str> {
        match self.engine.view(&Address::of(collection, key)) {
            View::NotLoaded => Err("not loaded"),
            View::Absent => Ok(None),
            View::Document(json) => Ok(Some(json.as_str().to_owned())),
        }
    }
}

impl Stored {
    fn find(&self, what: &Wanted) -> Found {
        let bytes = |bytes: &Vec<u8>| Bytes(bytes.as_slice().into());
        Found {
            meta: self.meta.clone(),
            directory: self.directory.as_ref().filter(|_| what.directory).map(bytes),
            log: self.log.range(what.after + 1..).map(|(position, commit)| (*position, bytes(commit))).collect(),
            pages: what.pages.iter().filter_map(|page| Some((*page, bytes(self.pages.get(page)?)))).collect(),
        }
    }

    fn apply(&mut self, write: &Write) -> u64 {
        let last = self.log.keys().last().copied().max(self.meta.as_ref().map(|meta| meta.folded_to)).unwrap_or_default();
        change(&mut self.log, &write.rewrite);
        let last = last.max(self.log.keys().last().copied().unwrap_or_default());
        change(&mut self.pages, &write.pages);
        self.directory = write.directory.clone().or(self.directory.take());
        self.meta = write.meta.as_deref().cloned().or(self.meta.take());
        let Some(commit) = &write.append else { return 0 };
        self.log.insert(last + 1, commit.clone());
        last + 1
    }
}

fn change<K: Ord + Copy>(values: &mut BTreeMap<K, Vec<u8>>, changes: &[(K, Option<Vec<u8>>)]) {
    for (key, bytes) in changes {
        match bytes {
            Some(bytes) => drop(values.insert(*key, bytes.clone())),
            None => drop(values.remove(key)),
        }
    }
}
