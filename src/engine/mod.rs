//! The engine: a deterministic state machine without I/O. It is told what happened and says what to do.
//!
//! The parts beside this file are plain data with verdicts; they do not drive each other. The files that act turn verdicts
//! into effects: `storing`, `sending`, `settling`, `pulling`, and for what the app asks and is told `awaiting`, `inbox`,
//! `item`, `history`.

mod awaiting;
mod boot;
pub mod clock;
mod coalesce;
pub mod config;
pub mod effect;
pub mod error;
pub mod header;
pub mod history;
pub mod ident;
mod inbox;
pub mod input;
mod item;
mod link;
mod log;
mod merge;
pub mod mutation;
pub mod notice;
mod outbox;
pub mod outcome;
mod pages;
#[cfg(feature = "sim")]
pub mod planted;
mod pull;
mod pulling;
mod push;
pub mod record;
mod replica;
pub mod retry;
pub mod rng;
mod sending;
mod settling;
mod store;
mod storing;
mod watch;

use std::sync::Arc;

use clock::{Timer, TimerTable, Timestamp, Wall};
use config::{Config, TransportKind};
use effect::{Effect, Sink};
use error::{Code, Fault};
use ident::{AskId, LoadId, MutationId};
use inbox::{Again, Inbox};
use input::{Ask, Input};
use link::Link;
use log::About;
use mutation::Mutation;
use notice::{Ending, Notice, Phase, Status, StorageKind, ViewChange};
use outbox::{Outbox, Queued, State};
use pull::Feed;
use push::{Batch, BatchSize};
use record::{Kind, Lineage};
use replica::Replica;
use rng::Rng;
use sending::Request;
use store::{Mode, Store, Taken};
use watch::Watch;

use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::member::text_of;
use crate::protocol::{Address, Identity, Json, KeyedOperation, Operation, Part, Parts, Seen, Splice, TextMark};
use crate::protocol::{digits, words};

/// What a reader of a document sees: the server's truth with everything pending laid over it.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// Nobody knows yet: the document is not in memory. `Ask::Load` brings it.
    NotLoaded,
    /// There is no such document.
    Absent,
    /// This one.
    Document(Json),
}

/// One client's engine.
pub struct Engine {
    config: Config,
    rng: Rng,
    /// The wall clock when it was last read, and when that was.
    wall: (Wall, Timestamp),
    timers: TimerTable,
    store: Store,
    replica: Replica,
    outbox: Outbox,
    /// Entries that were refused, or of which nobody knows.
    inbox: Inbox,
    history: history::History,
    /// What the app looks at on its way to the server.
    items: item::Items,
    /// Who waits for writes to end.
    waiters: Vec<awaiting::Waiter>,
    watch: Watch,
    link: Link,
    feeds: Vec<Feed>,
    /// A handful, like the requests.
    batches: Vec<Batch>,
    size: BatchSize,
    /// Since when something waits for a batch.
    window: Option<Timestamp>,
    requests: Vec<Request>,
    /// The reading on its way.
    loading: Option<(LoadId, storing::Loading)>,
    /// Pages that are to be read.
    wanted: OrderedSet<u64>,
    /// Who waits for which page.
    waiting: OrderedSet<(u64, u64)>,
    /// Documents with something pending whose page is to be read. Meanwhile nobody is asked: an answer about such a
    /// document could not be laid under what was made on it.
    ungrounded: OrderedSet<Address>,
    client: String,
    session_epoch: u64,
    /// The server's generation, and how much of its log is applied.
    seen: Seen,
    generation: Arc<str>,
    pause: Option<Pause>,
    /// The app wants nothing to be sent.
    stopped: bool,
    hidden: bool,
    life: Life,
    troubles: Troubles,
    counters: Counters,
    /// The status that the app was last told of, as text.
    told: String,
    last_id: u64,
    #[cfg(feature = "sim")]
    planted: Option<planted::Bug>,
}

/// Why nothing is sent although there is a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    /// A token is missing; it is tried again then.
    Auth(Timestamp),
    /// The server acts for another user.
    Scope,
    /// Another client holds the session.
    Fenced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Fresh,
    Open,
    Closing(AskId),
    Closed,
}

/// What last went wrong and still stands.
#[derive(Debug, Default)]
struct Troubles {
    storage: Option<Fault>,
    network: Option<Fault>,
}

#[derive(Debug, Default)]
struct Counters {
    sent: u64,
    resent: u64,
    acknowledged: u64,
    requests: u64,
    last_push: Option<Wall>,
    last_pull: Option<Wall>,
}

/// Without a token nothing is tried for this long, unless one comes.
const AUTH_PAUSE_MS: u64 = 60_000;
/// The safety net's mesh.
const SWEEP_MS: u64 = 60_000;

impl Engine {
    /// An engine that has been told nothing yet. `seed` is fresh crypto bits in a browser, a number in a test.
    pub fn new(config: Config, seed: [u64; 2], now: Timestamp, wall: Wall) -> Engine {
        let mut feeds = Vec::new();
        for name in &config.feeds {
            feeds.push(Feed::new(name.clone(), now));
        }
        Engine {
            size: BatchSize::new(&config),
            feeds,
            config,
            rng: Rng::new(seed),
            wall: (wall, now),
            timers: TimerTable::default(),
            store: Store::new(),
            replica: Replica::default(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            history: history::History::default(),
            items: item::Items::default(),
            waiters: Vec::new(),
            watch: Watch::default(),
            link: Link::default(),
            batches: Vec::new(),
            window: None,
            requests: Vec::new(),
            loading: None,
            wanted: Ordered::default(),
            waiting: Ordered::default(),
            ungrounded: Ordered::default(),
            client: String::new(),
            session_epoch: 0,
            seen: Seen::default(),
            generation: "".into(),
            pause: None,
            stopped: false,
            hidden: false,
            life: Life::Fresh,
            troubles: Troubles::default(),
            counters: Counters::default(),
            told: String::new(),
            last_id: 0,
            #[cfg(feature = "sim")]
            planted: None,
        }
    }

    /// The app changes a document. The view has changed when this returns; the write is kept when `Durable` says so.
    ///
    /// Fails, with nothing changed, as `CLOSED`, `FENCED`, `QUEUE_FULL`, `TOO_LARGE`, `VALIDATION`, or, for a splice of
    /// a document that is not in memory, `NOT_LOADED`.
    pub fn mutate(&mut self, now: Timestamp, mutation: Mutation, effects: &mut impl Sink) -> Result<MutationId, Fault> {
        Ok(self.mutate_all(now, vec![mutation], effects)?.remove(0))
    }

    /// The app changes several documents, one mutation each. All are checked, on the documents as they are, before the
    /// first is staged: where one fails, as with [`Engine::mutate`], nothing has changed.
    pub fn mutate_all(&mut self, now: Timestamp, mut mutations: Vec<Mutation>, effects: &mut impl Sink) -> Result<Vec<MutationId>, Fault> {
        self.check_open()?;
        let mut bodies = Vec::with_capacity(mutations.len());
        let mut bytes = 0;
        for mutation in &mut mutations {
            let body = self.check(mutation)?;
            bytes += body.len();
            bodies.push(body);
        }
        self.check_room(bodies.len(), bytes)?;
        let mut ids = Vec::with_capacity(bodies.len());
        for (index, body) in bodies.iter().enumerate() {
            ids.push(self.stage(now, &mutations[index], body, effects));
        }
        Ok(ids)
    }

    /// The body of the mutation's record. A splice says what it was made on from here on.
    fn check(&mut self, mutation: &mut Mutation) -> Result<String, Fault> {
        mutation.check_names()?;
        let is_single = self.check_group(mutation)?;
        for Part { address, operations, .. } in &mut mutation.parts {
            for operation in operations {
                if let Operation::Splice(splice) = operation {
                    if !is_single {
                        return Err(Fault::new(Code::Validation, "a splice cannot be part of a group"));
                    }
                    splice.on = Some(self.check_splice(address, splice)?);
                }
            }
        }
        let body = text_of(&Parts(&mutation.parts));
        if body.len() as u64 > self.config.mutation_bytes_max {
            let limit = self.config.mutation_bytes_max;
            return Err(Fault::new(
                Code::TooLarge,
                words::join(&["a write has at most ", &digits::text(limit), " bytes, this one ", &digits::text(body.len() as u64)]),
            ));
        }
        Ok(body)
    }

    /// Whether the mutation is one operation on one document. Fails where what it comes after was refused, and where the
    /// server takes no groups and it is one.
    fn check_group(&self, mutation: &Mutation) -> Result<bool, Fault> {
        if mutation.after.iter().any(|id| self.inbox.has(id)) {
            return Err(Fault::new(Code::Rejected, "what it comes after was refused"));
        }
        if mutation.parts.len() > 1 && !self.config.groups {
            return Err(Fault::new(Code::Validation, "the server takes no groups: say `atomic: false`, or write one document"));
        }
        Ok(mutation.parts.len() == 1 && mutation.parts[0].operations.len() == 1)
    }

    fn stage(&mut self, now: Timestamp, mutation: &Mutation, body: &str, effects: &mut impl Sink) -> MutationId {
        let mut addresses = Vec::with_capacity(mutation.parts.len());
        for part in &mutation.parts {
            addresses.push(part.address.clone());
        }
        let (id, order) = self.queue(now, addresses, body, None, None);
        if self.outbox.depend(order, &mutation.after, &mutation.reads) {
            self.keep_dependencies(&self.outbox.dependencies(&[order]));
        }
        for Part { address, operations, .. } in &mutation.parts {
            let unloaded = self.is_paged(address);
            self.replica.lay(address, unloaded, order, id.clone(), operations.clone());
            if unloaded && !self.replica.is_resident(address) {
                self.load_page_of(address, None, effects);
            }
            self.tell_own_change(address, operations, effects);
        }
        self.tell_items(now, effects);
        self.window.get_or_insert(now);
        self.arm(now);
        id
    }

    /// Stages what these wait for, by the names that has by now.
    fn keep_dependencies(&mut self, dependencies: &[(MutationId, Vec<MutationId>)]) {
        for (id, after) in dependencies {
            self.store.stage(Kind::After, &header::after(id, after), "", Some(About::of(Kind::After, id)));
        }
    }

    /// Queues a write and stages its record: a new one at the end, a follow-up at its line's place in the order. Says its
    /// id and place.
    fn queue(
        &mut self,
        now: Timestamp,
        addresses: Vec<Address>,
        body: &str,
        lineage: Option<Lineage>,
        order: Option<u64>,
    ) -> (MutationId, u64) {
        let wall = self.wall_at(now);
        let id = MutationId(self.rng.uuid(wall.0).into());
        let header = header::mutation(&id, wall, &self.config.scope, &addresses, &lineage);
        self.store.stage_mutation(&id, &header, body, self.config.strict);
        let bytes = (body.len() + id.0.len()) as u64;
        let queued = Queued { id: id.clone(), addresses, bytes, place: None, lineage, after: Vec::new(), state: State::New, entry: None };
        (id, self.outbox.stage(Box::new(queued), order))
    }

    /// Something happened.
    pub fn handle(&mut self, now: Timestamp, input: Input, effects: &mut impl Sink) {
        if self.life == Life::Closed {
            return;
        }
        match input {
            Input::Started => self.on_started(effects),
            Input::Loaded { load, found } => self.on_loaded(now, load, found, effects),
            Input::LoadFailed { load, why } => self.on_load_failed(now, load, why, effects),
            Input::Written { write, position } => self.on_written(now, write, position, effects),
            Input::WriteFailed { write, why } => self.on_write_failed(now, write, why, effects),
            Input::Progressed { request, .. } => self.on_progressed(now, request),
            Input::Replied { request, reply } => self.on_replied(now, request, reply, effects),
            Input::SendFailed { request, why } => self.on_send_failed(now, request, why, effects),
            Input::WentOnline => {
                self.link.on_online(now, &mut self.rng);
                self.ask_soon(now);
            }
            Input::WentOffline => self.link.on_offline(now),
            Input::BecameVisible => {
                self.hidden = false;
                self.ask_soon(now);
            }
            Input::BecameHidden => self.hidden = true,
            Input::Resumed { wall } => {
                self.wall = (wall, now);
                self.ask_soon(now);
            }
            Input::ClockRead { wall } => self.wall = (wall, now),
            Input::PageHid | Input::Woke => {}
            Input::Held { address, held } => self.on_held(address, held, effects),
            Input::Asked { ask, what } => self.on_asked(now, ask, what, effects),
            Input::ItemObserved { address, observed } => self.on_item_observed(address, observed, effects),
            Input::PendingObserved { observed } => self.on_pending_observed(observed, effects),
            Input::Marked { address } => self.on_marked(now, &address),
            Input::Stopped { stopped } => self.stopped = stopped,
            Input::CancelAsked { mutation } => self.on_cancel_asked(now, &mutation, effects),
            Input::TokenGiven { present } => self.on_token(now, present),
        }
        self.end_turn(now, effects);
    }

    /// When to be woken, and what for. A deadline that has come when a turn ends is due at once: the shell tells `Woke`
    /// before it lets other work in, and what was staged in one turn becomes one write.
    pub fn deadline(&self) -> Option<(Timestamp, Timer)> {
        self.timers.next()
    }

    /// What a reader of this document sees.
    pub fn view(&mut self, address: &Address) -> View {
        match self.replica.view(address, self.is_paged(address)) {
            Err(()) => View::NotLoaded,
            Ok(None) => View::Absent,
            Ok(Some(json)) => View::Document(json),
        }
    }

    /// Who asks, for the headers of a request.
    pub fn identity(&self) -> Identity {
        Identity { scope: self.config.scope.clone(), client: self.client.clone(), session_epoch: self.session_epoch }
    }

    /// What is going on.
    pub fn status(&self) -> Status {
        let retry_at = if self.outbox.len() == 0 { None } else { self.link.retry_at().max(self.outbox.next_wait()) };
        Status {
            phase: self.phase(),
            online: self.link.is_online() && self.link.failures() == 0,
            pending_items: self.outbox.items() as u32,
            pending_mutations: self.outbox.mutations() as u32,
            pending_bytes: self.outbox.bytes(),
            inbox: self.inbox.len() as u32,
            entries_sent: self.counters.sent,
            entries_resent: self.counters.resent,
            entries_acknowledged: self.counters.acknowledged,
            requests: self.counters.requests,
            retry_at: retry_at.map(|at| self.wall_at(at)),
            last_push_at: self.counters.last_push,
            last_pull_at: self.counters.last_pull,
            storage: if self.store.mode() == Mode::Memory { StorageKind::Memory } else { StorageKind::IndexedDb },
            error: self.troubles.storage.clone().or_else(|| self.troubles.network.clone()),
        }
    }

    fn phase(&self) -> Phase {
        let pushing = self.requests.iter().any(Request::is_push);
        match (self.life, self.store.mode(), self.pause) {
            (Life::Closed, ..) => Phase::Closed,
            (_, Mode::Opening, _) => Phase::Opening,
            (_, Mode::Fenced, _) | (.., Some(Pause::Fenced)) => Phase::Fenced,
            (.., Some(Pause::Scope)) => Phase::Paused,
            (.., Some(Pause::Auth(_))) => Phase::NeedsAuth,
            _ if self.stopped => Phase::Paused,
            _ if !self.link.is_online() => Phase::Offline,
            _ if pushing => Phase::Pushing,
            _ if self.link.retry_at().is_some() || self.outbox.next_wait().is_some() => Phase::Waiting,
            _ if !self.batches.is_empty() || self.outbox.len() > 0 => Phase::Pushing,
            _ if !self.requests.is_empty() => Phase::Pulling,
            _ => Phase::Idle,
        }
    }

    fn check_open(&self) -> Result<(), Fault> {
        match (self.life, self.store.mode()) {
            (Life::Closed | Life::Closing(_), _) => Err(Fault::new(Code::Closed, "the client is closed")),
            (Life::Fresh, _) | (_, Mode::Opening) => Err(Fault::new(Code::Closed, "the client is not open yet")),
            (_, Mode::Fenced) => Err(Fault::new(Code::Fenced, "another client holds the store")),
            (Life::Open, _) => Ok(()),
        }
    }

    /// Whether there is room for so many mutations of so many bytes.
    fn check_room(&self, mutations: usize, bytes: usize) -> Result<(), Fault> {
        if self.inbox.len() >= self.config.inbox_max as usize || self.inbox.bytes() >= self.config.inbox_bytes_max {
            return Err(Fault::new(Code::QueueFull, "the inbox is full"));
        }
        self.check_outbox(mutations, bytes)
    }

    fn check_outbox(&self, mutations: usize, bytes: usize) -> Result<(), Fault> {
        let config = &self.config;
        let too_many = self.outbox.len() + mutations > config.outbox_entries_max as usize;
        if too_many || self.outbox.bytes() + bytes as u64 > config.outbox_bytes_max {
            return Err(Fault::new(Code::QueueFull, "the outbox is full"));
        }
        Ok(())
    }

    /// The mark of the text that a splice is made on.
    fn check_splice(&mut self, address: &Address, splice: &Splice) -> Result<TextMark, Fault> {
        if !self.replica.is_known(address, self.is_paged(address)) {
            return Err(Fault::new(Code::NotLoaded, "the document is not in memory yet; load it first"));
        }
        match self.replica.check_splice(address, splice) {
            Ok(Some(on)) => Ok(on),
            Ok(None) => Err(Fault::new(Code::Validation, "there is no string at the path")),
            Err(why) => Err(Fault::new(Code::Validation, why.said())),
        }
    }

    /// A held document's watchers hear of the app's own write in the same tick.
    fn tell_own_change(&mut self, address: &Address, operations: &[Operation], effects: &mut impl Sink) {
        if !self.watch.is_held(address) {
            return;
        }
        let address = address.clone();
        let change = match operations {
            [Operation::Put(value)] => ViewChange::Value { value: Some(value.clone()) },
            [Operation::Delete] => ViewChange::Value { value: None },
            _ if !self.replica.is_known(&address, self.is_paged(&address)) => return,
            [operation] => {
                let keyed = KeyedOperation { address: address.clone(), operation: operation.clone(), base: None };
                ViewChange::Operations { operations: vec![keyed] }
            }
            _ => match self.view(&address) {
                View::Document(json) => ViewChange::Value { value: Some(json) },
                _ => ViewChange::Value { value: None },
            },
        };
        effects.push(Effect::Notify(Notice::Changed { address, change }));
    }

    fn on_held(&mut self, address: Address, held: bool, effects: &mut impl Sink) {
        if !self.watch.hold(address.clone(), held) || !held {
            return;
        }
        match self.view(&address) {
            View::NotLoaded => self.load_page_of(&address, None, effects),
            View::Absent => effects.push(Effect::Notify(Notice::Changed { address, change: ViewChange::Value { value: None } })),
            View::Document(json) => {
                effects.push(Effect::Notify(Notice::Changed { address, change: ViewChange::Value { value: Some(json) } }))
            }
        }
    }

    fn on_asked(&mut self, now: Timestamp, ask: AskId, what: Ask, effects: &mut impl Sink) {
        match what {
            Ask::Load { address } => {
                if self.view(&address) == View::NotLoaded {
                    self.load_page_of(&address, Some(ask), effects);
                } else {
                    effects.push(Effect::Notify(Notice::Answered { ask, error: None }));
                }
            }
            Ask::Pull => self.on_pull_asked(now, ask, effects),
            Ask::Wait { timeout_ms } => self.on_wait_asked(now, ask, timeout_ms, effects),
            Ask::Push { timeout_ms } => self.on_push_asked(now, ask, None, timeout_ms, effects),
            Ask::Sync { address, timeout_ms } => self.on_push_asked(now, ask, Some(address), timeout_ms, effects),
            Ask::Retry { entry, edited } => {
                let again = edited.map_or(Again::AsItWas, Again::Edited);
                self.on_inbox_asked(now, ask, &entry, Some(again), effects);
            }
            Ask::Discard { entry } => self.on_inbox_asked(now, ask, &entry, None, effects),
            Ask::Close => self.on_close_asked(ask, effects),
        }
    }

    /// The app takes a mutation back. What is frozen cannot be.
    fn on_cancel_asked(&mut self, now: Timestamp, id: &MutationId, effects: &mut impl Sink) {
        // Where nothing can be stored any more, what is stored cannot be taken back.
        let is_lasting = self.store.mode() != Mode::Durable && self.outbox.queued(id).is_some_and(|queued| queued.place.is_some());
        if is_lasting {
            return;
        }
        let (Some(order), Some(queued)) = (self.outbox.order(id), self.outbox.take(id)) else { return };
        self.store.stage(Kind::Cancel, &header::cancel(id), "", None);
        self.store.log.retire(id);
        self.take_off(&queued.addresses, std::slice::from_ref(id));
        if !self.store.stage_taken(Taken { id: id.clone(), addresses: queued.addresses, is_cancelled: true }) {
            settling::tell_settled(std::slice::from_ref(id), &Ending::Cancelled, effects);
        }
        self.block_dependents(now, order, effects);
        self.arm(now);
    }

    fn on_token(&mut self, now: Timestamp, present: bool) {
        if present && self.pause != Some(Pause::Fenced) {
            self.pause = None;
            self.troubles.network = None;
            self.ask_soon(now);
        }
    }

    fn on_close_asked(&mut self, ask: AskId, effects: &mut impl Sink) {
        self.life = Life::Closing(ask);
        self.cancel_all(Fault::new(Code::Closed, "the client was closed"), effects);
    }

    /// Nothing that is on its way is waited for.
    fn cancel_all(&mut self, why: Fault, effects: &mut impl Sink) {
        self.items.touch_all();
        for feed in 0..self.feeds.len() {
            self.answer_pull(feed, Some(why.clone()), effects);
        }
        for request in &std::mem::take(&mut self.requests) {
            effects.push(Effect::Cancel { request: request.id });
        }
    }

    /// Everything that follows from a turn, in one place: what was touched is told, what is due is armed.
    fn end_turn(&mut self, now: Timestamp, effects: &mut impl Sink) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Commit => self.commit(effects),
                Timer::Push => self.push(now, effects),
                Timer::Pull => self.pull_due(now, effects),
                Timer::Link => self.probe(now, effects),
                Timer::Progress => self.give_up_stalled(now, effects),
                Timer::Compact => self.fold(effects),
                Timer::Wait | Timer::Sweep => {}
            }
        }
        self.keep_in_memory(now, effects);
        self.tell_touched(effects);
        self.tell_items(now, effects);
        self.tell_inbox(effects);
        self.answer_waiters(now, effects);
        let is_storing = self.store.is_writing() || self.store.is_staged() && self.store.mode() == Mode::Durable;
        if let (Life::Closing(ask), false) = (self.life, is_storing) {
            self.life = Life::Closed;
            self.answer(ask, None, effects);
        }
        self.arm(now);
        let status = Notice::Status(self.status());
        let text = Notice::list(std::slice::from_ref(&status));
        if self.told != text {
            self.told = text;
            effects.push(Effect::Notify(status));
        }
    }

    /// Sets each timer to when its work is due, from the state as it is: no deadline is ever carried along.
    fn arm(&mut self, now: Timestamp) {
        if self.life == Life::Closed {
            self.timers = TimerTable::default();
            return;
        }
        let is_written = matches!(self.store.mode(), Mode::Durable | Mode::Memory);
        if self.store.is_staged() && !self.store.is_writing() && is_written && !self.timers.is_set(Timer::Commit) {
            self.timers.set(Timer::Commit, Some(now));
        }
        self.link.end_hold(now);
        if self.outbox.has_heads() {
            self.window.get_or_insert(now);
        }
        self.timers.set(Timer::Push, self.push_due(now));
        self.timers.set(Timer::Pull, self.next_pull(now));
        self.timers.set(Timer::Link, self.next_try(now));
        self.timers.set(Timer::Progress, self.next_stall());
        self.timers.set(Timer::Wait, self.next_waiter());
        if self.outbox.len() == 0 {
            self.timers.set(Timer::Sweep, None);
        } else {
            self.timers.set_earlier(Timer::Sweep, now.after(SWEEP_MS));
        }
    }

    /// When a closed link is to be tried again.
    fn next_try(&self, now: Timestamp) -> Option<Timestamp> {
        let is_due = self.link.is_probe_due(now) && self.requests.is_empty();
        self.link.retry_at().filter(|at| self.may_ask() && (*at > now || is_due))
    }

    /// Whether a stored page holds this document.
    fn is_paged(&self, address: &Address) -> bool {
        self.store.pages.page_of(address).is_some()
    }

    fn touch(&mut self, address: &Address) {
        let (unloaded, replica) = (self.is_paged(address), &mut self.replica);
        self.watch.touch(address, || replica.view(address, unloaded).ok());
    }

    /// Takes the layers of mutations that have ended off their documents.
    fn take_off(&mut self, addresses: &[Address], ids: &[MutationId]) {
        for address in addresses {
            self.touch(address);
            self.rebase(address, None, ids);
        }
    }

    fn tell_touched(&mut self, effects: &mut impl Sink) {
        for (address, before) in self.watch.take_touched().iter() {
            let value = match self.view(address) {
                View::NotLoaded => continue,
                View::Absent => None,
                View::Document(json) => Some(json),
            };
            if before.as_ref() != Some(&value) {
                effects.push(Effect::Notify(Notice::Changed { address: address.clone(), change: ViewChange::Value { value } }));
            }
        }
    }

    fn answer(&self, ask: AskId, error: Option<Fault>, effects: &mut impl Sink) {
        effects.push(Effect::Notify(Notice::Answered { ask, error }));
    }

    fn wall_at(&self, at: Timestamp) -> Wall {
        let (wall, read) = self.wall;
        Wall((wall.0 + at.since(read)).saturating_sub(read.since(at)))
    }

    /// Whether requests of any kind may go out, the link aside.
    fn may_ask(&self) -> bool {
        let open = self.life == Life::Open && self.store.is_held() && self.store.mode() != Mode::Fenced;
        open && self.pause.is_none() && !self.stopped && self.ungrounded.is_empty() && self.config.transport != TransportKind::None
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
