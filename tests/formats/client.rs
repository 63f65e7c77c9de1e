//! A client over a store that stands in memory: what the engine orders is done at once, and time passes when told.

use std::collections::VecDeque;

use syncline::engine::clock::{Timestamp, Wall};
use syncline::engine::config::Config;
use syncline::engine::effect::{Effect, Write};
use syncline::engine::ident::RequestId;
use syncline::engine::input::{Bytes, Input, Reply};
use syncline::engine::notice::Notice;
use syncline::engine::{Engine, View};
use syncline::protocol::{Address, Call};

use crate::contract::memory::Disk;

/// A client.
pub struct Client {
    pub engine: Engine,
    pub now: Timestamp,
    pub stored: Disk,
    pub writes: Vec<Write>,
    pub sent: VecDeque<(RequestId, Call)>,
    pub cancelled: Vec<RequestId>,
    pub notices: Vec<Notice>,
}

impl Client {
    /// A client that has opened this store.
    pub fn open(config: Config, stored: Disk, wall: Wall) -> Client {
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
            Effect::Load { load, what } => return Some(Input::Loaded { load, found: self.stored.load(&what) }),
            Effect::Write(write) => {
                let (id, applied) = (write.write, self.stored.apply(&write));
                self.writes.push(*write);
                return Some(match applied {
                    Ok(position) => Input::Written { write: id, position },
                    Err(why) => Input::WriteFailed { write: id, why },
                });
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
