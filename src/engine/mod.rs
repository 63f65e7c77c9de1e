//! The engine: a deterministic state machine without I/O. It is told what happened and says what to do.
//!
//! The parts beside this file are plain data with verdicts; they do not drive each other. The files that act turn verdicts
//! into effects: `writing`, `storing`, `sending`, `settling`, `pulling`, and for what the app asks and is told `awaiting`, `inbox`,
//! `resolving`, `item`, `history`.

mod adopting;
mod again;
pub mod auth;
mod awaiting;
mod boot;
mod catching_up;
pub mod clock;
mod coalesce;
mod conditional;
pub mod config;
mod early;
pub mod effect;
pub mod error;
mod fitting;
mod folding;
pub mod header;
pub mod history;
pub mod ident;
mod inbox;
pub mod input;
mod item;
mod link;
mod log;
mod lowering;
pub mod merging;
pub mod message;
pub mod migrating;
pub mod mirror;
mod mirroring;
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
mod queued;
pub mod record;
mod replica;
mod residence;
pub mod resolving;
pub mod retry;
mod revived;
pub mod rng;
mod sending;
mod settling;
mod shadows;
#[cfg(feature = "sim")]
mod sight;
mod store;
mod storing;
mod tabs;
mod watch;
mod writing;

use std::sync::Arc;

use auth::Auth;
use clock::{Timer, TimerTable, Timestamp, Wall};
use config::{Config, TransportKind};
use effect::{Effect, Sink};
use error::{Code, Fault};
use ident::{AskId, LoadId, MutationId};
use inbox::{Again, Inbox};
use input::{Ask, Input};
use link::Link;
use message::Errand;
use notice::{Notice, Phase, Status, StorageKind, ViewChange};
use outbox::Outbox;
use pull::Feed;
use push::{Batch, BatchSize};
use replica::Replica;
use rng::Rng;
use sending::Request;
use store::{Mode, Store};
use watch::Watch;

use crate::ordered::{Ordered, OrderedSet};
use crate::protocol::{Address, Identity, Json, Seen};

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
    /// How long the monotonic clock has stood still while the machine slept. It is added to what that clock says: inside the
    /// engine, time asleep is time (T2).
    slept: u64,
    timers: TimerTable,
    store: Store,
    replica: Replica,
    outbox: Outbox,
    /// With more bytes of documents in memory, it is tried again to have fewer.
    evicts_at: u64,
    /// Entries that were refused, or of which nobody knows.
    inbox: Inbox,
    history: history::History,
    /// Conflicts that are not a rule's to settle.
    conflicts: resolving::Conflicts,
    /// What the app looks at on its way to the server.
    items: item::Items,
    /// Acknowledged writes that no pull has shown yet.
    shadows: Vec<shadows::Shadow>,
    /// Who waits for writes to end.
    waiters: Vec<awaiting::Waiter>,
    watch: Watch,
    link: Link,
    feeds: Vec<Feed>,
    /// What has come and was heard of while everything is pulled again.
    again: again::Again,
    /// Entries that wait for a pull.
    unsaid: Vec<conditional::Unsaid>,
    /// Entries whose acknowledgement waits for a pull.
    early: Vec<early::Early>,
    /// A handful, like the requests.
    batches: Vec<Batch>,
    size: BatchSize,
    /// Since when something waits for a batch.
    window: Option<Timestamp>,
    /// Whether that goes without waiting for the window to end.
    hastens: bool,
    requests: Vec<Request>,
    /// The reading on its way.
    loading: Option<(LoadId, storing::Loading)>,
    /// Pages that are to be read.
    wanted: OrderedSet<u64>,
    /// Who waits for which page, and for what in it.
    waiting: Ordered<(u64, u64), Vec<Address>>,
    /// For how many pages each of them waits.
    loads: Ordered<u64, u32>,
    /// Documents with something pending whose page is to be read. Meanwhile nobody is asked: an answer about such a
    /// document could not be laid under what was made on it.
    ungrounded: OrderedSet<Address>,
    /// Documents with something salvaged whose base is to be pulled.
    unpulled: OrderedSet<Address>,
    client: String,
    session_epoch: u64,
    /// The server's generation, and how much of its log is applied.
    seen: Seen,
    generation: Arc<str>,
    /// How often in a row that has become another one, without a pull that came to its end.
    turns: u32,
    pause: Option<Pause>,
    /// The app wants nothing to be sent.
    stopped: bool,
    auth: Auth,
    hidden: bool,
    tabs: tabs::Tabs,
    mirror: mirroring::Mirror,
    adoption: adopting::Adoption,
    migrating: migrating::Migrating,
    /// What was read is in part of a later version of the app.
    meets_later: bool,
    life: Life,
    troubles: Troubles,
    counters: Counters,
    /// The status that the app was last told of, as text.
    told: String,
    last_id: u64,
    #[cfg(feature = "sim")]
    evicted: Vec<Address>,
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
    conflicts: u64,
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
            unsaid: Vec::new(),
            again: again::Again::default(),
            early: Vec::new(),
            auth: Auth::new(config.auth),
            outbox: Outbox::keeping(config.members_max as usize, config.merge.leave()),
            evicts_at: 0,
            mirror: mirroring::Mirror::new(config.mirror),
            adoption: adopting::Adoption::default(),
            replica: Replica::by(config.merge.clone()),
            config,
            rng: Rng::new(seed),
            wall: (wall, now),
            slept: 0,
            timers: TimerTable::default(),
            store: Store::new(),
            inbox: Inbox::default(),
            history: history::History::default(),
            conflicts: resolving::Conflicts::default(),
            items: item::Items::default(),
            shadows: Vec::new(),
            waiters: Vec::new(),
            watch: Watch::default(),
            link: Link::default(),
            batches: Vec::new(),
            window: None,
            hastens: false,
            requests: Vec::new(),
            loading: None,
            wanted: Ordered::default(),
            waiting: Ordered::default(),
            loads: Ordered::default(),
            ungrounded: Ordered::default(),
            unpulled: Ordered::default(),
            client: String::new(),
            session_epoch: 0,
            seen: Seen::default(),
            generation: "".into(),
            turns: 0,
            pause: None,
            stopped: false,
            hidden: false,
            tabs: tabs::Tabs::default(),
            migrating: migrating::Migrating::default(),
            meets_later: false,
            life: Life::Fresh,
            troubles: Troubles::default(),
            counters: Counters::default(),
            told: String::new(),
            last_id: 0,
            #[cfg(feature = "sim")]
            evicted: Vec::new(),
            #[cfg(feature = "sim")]
            planted: None,
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Timestamp, input: Input, effects: &mut impl Sink) {
        if self.life == Life::Closed {
            return;
        }
        let mut now = now.after(self.slept);
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
            Input::WentOffline => {
                self.link.on_offline(now);
                self.feeds.iter_mut().for_each(|feed| feed.stale = Some(Code::Network));
            }
            Input::BecameVisible => {
                self.hidden = false;
                self.ask_soon(now);
                self.read_news();
                self.adopt_soon(now);
            }
            Input::BecameHidden => {
                self.hidden = true;
                self.hasten_window();
            }
            Input::PageHid => self.hasten_window(),
            Input::Resumed { wall } => {
                now = self.awake(now, wall);
                self.ask_soon(now);
                self.read_news();
                self.adopt_soon(now);
            }
            Input::ClockRead { wall } => self.wall = (wall, now),
            Input::LockLost => self.on_lock_lost(now, effects),
            Input::LockGained => self.on_lock_gained(),
            Input::Heard { message } => self.on_heard(now, message, effects),
            Input::Mirrored { order } => self.on_mirrored(now, order, effects),
            Input::MirrorParted => self.mirror.part(),
            Input::MirrorFailed => self.give_up_mirror(now, effects),
            Input::MirrorsListed { names } => self.on_mirrors_listed(now, names, effects),
            Input::MirrorsRead { files } => self.on_mirrors_read(now, files, effects),
            Input::Woke => {}
            Input::Held { addresses, held } => self.on_held(&addresses, held, effects),
            Input::Asked { ask, what } => self.on_asked(now, ask, what, effects),
            Input::ItemObserved { address, observed } => self.on_item_observed(address, observed, effects),
            Input::PendingObserved { observed } => self.on_pending_observed(observed, effects),
            Input::Marked { address } => self.on_marked(now, &address),
            Input::Stopped { stopped } => self.stopped = stopped,
            Input::CancelAsked { mutation } => self.on_cancel_asked(now, &mutation, effects),
            Input::TokenGiven { present, expires_at } => self.on_token(now, present, expires_at, effects),
        }
        self.end_turn(now, effects);
    }

    /// When to be woken, and what for. A deadline that has come when a turn ends is due at once: the shell tells `Woke`
    /// before it lets other work in, and what was staged in one turn becomes one write.
    pub fn deadline(&self) -> Option<(Timestamp, Timer)> {
        let (at, timer) = self.timers.next()?;
        Some((Timestamp(at.0.saturating_sub(self.slept)), timer))
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
            drainer: self.store.is_held(),
            online: self.link.is_online() && self.link.failures() == 0,
            pending_items: self.outbox.items() as u32,
            pending_mutations: self.outbox.mutations() as u32,
            pending_bytes: self.outbox.bytes(),
            memory_bytes: self.replica.bytes(),
            inbox: self.inbox.len() as u32,
            conflicts: self.conflicts.len() as u32,
            entries_sent: self.counters.sent,
            entries_resent: self.counters.resent,
            entries_acknowledged: self.counters.acknowledged,
            conflicts_settled: self.counters.conflicts,
            requests: self.counters.requests,
            level: self.config.level,
            retry_at: retry_at.map(|at| self.wall_at(at)),
            last_push_at: self.counters.last_push,
            last_pull_at: self.counters.last_pull,
            stale: self.feeds.iter().find_map(|feed| feed.stale),
            storage: if self.is_without_store() { StorageKind::Memory } else { StorageKind::IndexedDb },
            mirror: self.is_mirrored(),
            error: self.troubles.storage.clone().or_else(|| self.troubles.network.clone()),
        }
    }

    fn phase(&self) -> Phase {
        let pushing = self.requests.iter().any(Request::is_push);
        match (self.life, self.store.mode(), self.pause) {
            (Life::Closed, ..) => Phase::Closed,
            (_, Mode::Opening, _) => Phase::Opening,
            _ if self.follows() => self.phase_of_drainer(),
            (.., Some(Pause::Fenced)) => Phase::Fenced,
            (.., Some(Pause::Scope)) => Phase::Paused,
            (.., Some(Pause::Auth(_))) => Phase::NeedsAuth,
            _ if self.stopped => Phase::Paused,
            _ if !self.link.is_online() => Phase::Offline,
            _ if pushing => Phase::Pushing,
            _ if self.link.retry_at().is_some() || self.outbox.next_wait().is_some() => Phase::Waiting,
            _ if !self.batches.is_empty() || self.outbox.len() > 0 && !self.is_all_parked(None) => Phase::Pushing,
            _ if !self.requests.is_empty() => Phase::Pulling,
            _ => Phase::Idle,
        }
    }

    fn check_open(&self) -> Result<(), Fault> {
        match (self.life, self.store.mode()) {
            (Life::Closed | Life::Closing(_), _) => Err(Fault::new(Code::Closed, "the client is closed")),
            (Life::Fresh, _) | (_, Mode::Opening) => Err(Fault::new(Code::Closed, "the client is not open yet")),
            (Life::Open, _) => Ok(()),
        }
    }

    fn on_held(&mut self, addresses: &[Address], held: bool, effects: &mut impl Sink) {
        for address in addresses {
            if !self.watch.hold(address, held) || !held {
                continue;
            }
            for document in &self.documents(std::slice::from_ref(address)) {
                if !self.tell_value(document, effects) {
                    self.want_page_of(document);
                }
            }
        }
        self.load_wanted(effects);
    }

    /// These documents; an address without a key stands for all of its collection that anything is known of.
    fn documents(&self, addresses: &[Address]) -> Vec<Address> {
        let mut documents = Vec::with_capacity(addresses.len());
        for address in addresses {
            if !address.key.is_empty() {
                documents.push(address.clone());
                continue;
            }
            let is_of = |other: &&Address| other.collection == address.collection;
            documents.extend(self.store.pages.from(address).take_while(is_of).cloned());
            let in_memory = self.replica.from(address).take_while(is_of);
            documents.extend(in_memory.filter(|other| !self.is_paged(other)).cloned());
        }
        documents
    }

    /// Tells what a document is, where that is known.
    fn tell_value(&mut self, address: &Address, effects: &mut impl Sink) -> bool {
        let value = match self.view(address) {
            View::NotLoaded => return false,
            View::Absent => None,
            View::Document(json) => Some(json),
        };
        effects.push(Effect::Notify(Notice::Changed { address: address.clone(), change: ViewChange::Value { value } }));
        true
    }

    fn on_asked(&mut self, now: Timestamp, ask: AskId, what: Ask, effects: &mut impl Sink) {
        let until = |timeout_ms: Option<u64>| timeout_ms.map(|ms| now.after(ms));
        match what {
            Ask::Pull if self.follows() => self.send_errand(ask, Errand::Pull { feed: None }, None, effects),
            Ask::PullFeed { feed } if self.follows() => {
                self.send_errand(ask, Errand::Pull { feed: Some(String::from(&*feed)) }, None, effects);
            }
            Ask::Push { timeout_ms } if self.follows() => self.send_errand(ask, Errand::Push { address: None }, until(timeout_ms), effects),
            Ask::Sync { address, timeout_ms } if self.follows() => {
                self.send_errand(ask, Errand::Push { address: Some(address) }, until(timeout_ms), effects);
            }
            Ask::Load { addresses } => self.on_load_asked(ask, &addresses, effects),
            Ask::Pull => self.on_pull_asked(now, ask, None, None, effects),
            Ask::PullFeed { feed } => self.on_pull_asked(now, ask, Some(&feed), None, effects),
            Ask::Wait { timeout_ms } => self.on_wait_asked(now, ask, timeout_ms, effects),
            Ask::Push { timeout_ms } => self.on_push_asked(now, ask, None, timeout_ms, effects),
            Ask::Sync { address, timeout_ms } => self.on_push_asked(now, ask, Some(address), timeout_ms, effects),
            Ask::Retry { entry, edited } => {
                let again = edited.map_or(Again::AsItWas, Again::Edited);
                self.on_inbox_asked(now, ask, &entry, Some(again), effects);
            }
            Ask::Resolve { address, digest, decision } => self.on_resolve_asked(now, ask, &address, &digest, decision, effects),
            Ask::Discard { entry } => self.on_inbox_asked(now, ask, &entry, None, effects),
            Ask::Close => self.on_close_asked(ask, effects),
        }
    }

    fn on_close_asked(&mut self, ask: AskId, effects: &mut impl Sink) {
        self.life = Life::Closing(ask);
        self.cancel_all(Fault::new(Code::Closed, "the client was closed"), effects);
    }

    /// Nothing that is on its way is waited for.
    fn cancel_all(&mut self, why: Fault, effects: &mut impl Sink) {
        self.items.touch_all();
        self.give_up_errands(&why, effects);
        for feed in 0..self.feeds.len() {
            self.answer_pull(feed, Some(why.clone()), effects);
        }
        for request in &std::mem::take(&mut self.requests) {
            effects.push(Effect::Cancel { request: request.id });
        }
    }

    /// Everything that follows from a turn, in one place: what was touched is told, what is due is armed.
    fn end_turn(&mut self, now: Timestamp, effects: &mut impl Sink) {
        if self.meets_later && self.life != Life::Closed {
            self.refuse(storing::too_new(), effects);
        }
        if self.life != Life::Closed {
            self.work(now, effects);
        }
        let status = Notice::Status(self.status());
        let text = Notice::list(std::slice::from_ref(&status));
        if self.told != text {
            self.told = text;
            effects.push(Effect::Notify(status));
        }
    }

    /// Does what is due.
    fn work(&mut self, now: Timestamp, effects: &mut impl Sink) {
        self.check_token(now, effects);
        if self.store.is_held() {
            self.keep_migrated(now);
            self.fold_crowded(now);
        }
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Commit => self.commit(effects),
                Timer::Push => self.push(now, effects),
                Timer::Pull => self.pull_due(now, effects),
                Timer::Link => self.probe(now, effects),
                Timer::Progress => self.give_up_stalled(now, effects),
                Timer::Compact => self.fold(effects),
                Timer::Token => self.end_auth_pause(now),
                Timer::Sweep => self.read_news(),
                Timer::Mirror => self.on_mirror_late(now, effects),
                Timer::Adoption => self.try_store(now, effects),
                Timer::Wait | Timer::Tabs => {}
            }
        }
        self.review_conflicts(now, effects);
        self.read_on(effects);
        self.want_token(now, effects);
        self.keep_in_memory(now, effects);
        self.tell_touched(effects);
        self.evict();
        self.tell_items(now, effects);
        self.tell_inbox(effects);
        self.answer_waiters(now, effects);
        self.act_among_tabs(now, effects);
        self.post_mirror(now, effects);
        let is_storing = self.store.is_writing() || self.store.is_staged() && self.store.mode() == Mode::Durable;
        if let (Life::Closing(ask), false) = (self.life, is_storing || self.mirror.holds_word()) {
            self.life = Life::Closed;
            self.answer(ask, None, effects);
        }
        self.arm(now);
    }

    /// Sets each timer to when its work is due, from the state as it is: no deadline is ever carried along.
    fn arm(&mut self, now: Timestamp) {
        if self.life == Life::Closed {
            self.timers = TimerTable::default();
            return;
        }
        let is_written = matches!(self.store.mode(), Mode::Durable | Mode::Memory);
        let may_write = is_written && !self.store.is_writing() && !self.is_reading_on();
        if self.store.is_staged() && may_write && !self.timers.is_set(Timer::Commit) {
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
        self.timers.set(Timer::Wait, self.next_waiter().into_iter().chain(self.conflicts.due()).min());
        self.timers.set(Timer::Token, self.token_due());
        self.timers.set(Timer::Tabs, self.next_among_tabs());
        self.timers.set(Timer::Mirror, self.mirror.deadline());
        self.timers.set(Timer::Adoption, self.adoption.due());
        // One that drains may have missed that another one does.
        let may_miss = self.store.mode() == Mode::Durable && (self.store.is_held() || !self.hidden || self.outbox.len() > 0);
        if !may_miss {
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
        if self.answer_elsewhere(ask, &error, effects) {
            return;
        }
        effects.push(Effect::Notify(Notice::Answered { ask, error }));
    }

    /// What the time is after a sleep: later by as much as the wall clock has run ahead of the monotonic one. Waits that are
    /// over by then do not begin anew.
    fn awake(&mut self, now: Timestamp, wall: Wall) -> Timestamp {
        let slept = wall.0.saturating_sub(self.wall_at(now).0);
        #[cfg(feature = "sim")]
        let slept = if self.has(planted::Bug::B28) { 0 } else { slept };
        self.slept = self.slept.saturating_add(slept);
        let now = now.after(slept);
        self.wall = (wall, now);
        now
    }

    // It is asked in many places: a call is less code than the sums.
    #[inline(never)]
    fn wall_at(&self, at: Timestamp) -> Wall {
        let (wall, read) = self.wall;
        Wall((wall.0 + at.since(read)).saturating_sub(read.since(at)))
    }

    /// Whether requests of any kind may go out, the link aside.
    fn may_ask(&self) -> bool {
        self.is_free() && self.auth.is_good()
    }

    /// Whether they may, but for a token.
    fn is_free(&self) -> bool {
        let open = self.life == Life::Open && self.store.is_held() && !self.is_reading_on();
        open && self.pause.is_none() && !self.stopped && self.ungrounded.is_empty() && self.config.transport != TransportKind::None
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
