//! One device: its tabs, each an engine and its shell as the simulator has it. The shell carries out effects, wakes
//! the engine at its deadline, and when the tab is killed begins again from the disk alone. Disk, network, clock, user and
//! judge are the device's own. One tab acts at a time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::action::{Edit, Name};
use super::app;
use super::asking::Asking;
use super::asleep::Sleep;
use super::common::{Common, Event, Halt};
use super::disk::{Disk, Done, Fate};
use super::facade::Stream;
use super::fault::{Dice, Fault};
use super::mirrors::Mirrors;
use super::net::Net;
use super::oracle::{Known, Look, Oracle, Violation};
use super::plan::{Plan, User};
use super::spoiling::Front;
use super::tabs::Tabs;
use super::words::{kind, told_effect};
use crate::engine::clock::{Timestamp, Wall};
use crate::engine::config::Config;
use crate::engine::effect::Effect;
use crate::engine::error::Code;
use crate::engine::ident::{AskId, MutationId, RequestId};
use crate::engine::input::{Ask, Input, SendFailure, StoreFailure};
use crate::engine::mutation::Mutation;
use crate::engine::notice::{Notice, Status, StorageKind};
use crate::engine::rng::Rng;
use crate::engine::{Engine, View};
use crate::protocol::{Address, Call};

/// One device.
pub(super) struct Device {
    pub number: usize,
    /// Whose it is.
    pub user: usize,
    pub config: Config,
    /// The one that acts.
    pub tab: Tab,
    /// The others.
    pub tabs: Tabs,
    pub disk: Disk,
    pub mirrors: Mirrors,
    disk_is_busy: bool,
    pub disk_full_until: u64,
    pub clock_skew: i64,
    pub net: Net,
    pub front: Front,
    /// What crossed what, and how often.
    pub seen: BTreeMap<&'static str, u64>,
    pub dice: Dice,
    pub rng: Rng,
    pub app_rng: Rng,
    pub ask_rng: Rng,
    pub app: app::User,
    pub oracle: Oracle,
    pub requests: u64,
    transactions: u64,
    pub is_acting: bool,
    /// Whether the last write was refused for want of room.
    pub is_refused: bool,
    pub came_later: u32,
    /// Its user's writes, in order, and in which life of which tab.
    written: Vec<(u64, MutationId)>,
    steps: u64,
    /// Where its app's half in JavaScript hears of everything, if it does.
    pub stream: Option<Box<Stream>>,
}

/// A tab: all that goes when it is killed.
#[derive(Default)]
pub(super) struct Tab {
    /// Which of the device's tabs it is.
    pub slot: usize,
    pub engine: Option<Engine>,
    /// Which life of the tab this is; what belongs to another one does not reach it.
    pub life: u64,
    born_at: u64,
    pub is_open: bool,
    pub frozen_until: u64,
    pub sleep: Sleep,
    pub asking: Asking,
    /// What was asked, and what was known then.
    pub outstanding: BTreeMap<RequestId, (Call, Known)>,
    /// Until when the server asked for peace.
    pub asked_to_wait: u64,
    asks: u64,
    open_asks: BTreeSet<u64>,
    wake_at: Option<u64>,
    /// When the app answers the question for a token.
    pub token_comes: u64,
    status: Option<Status>,
}

impl Tab {
    /// The device's tab of this number, in a life of its own, before it opens.
    pub fn of(slot: usize, life: u64) -> Tab {
        Tab { slot, life, ..Tab::default() }
    }
}

/// Turns without a pause after which a device counts as running in circles.
const TURNS_MAX: u32 = 300;
/// When the world began, by the wall.
const EPOCH_MS: i64 = 1_790_000_000_000;
/// Everything is compared after so many steps, and what has changed after each turn.
const LOOK_AT_ALL: u64 = 256;

/// The address of a document.
pub(super) fn address(name: &str) -> Address {
    let (collection, key) = name.split_once('/').unwrap_or((name, ""));
    Address::of(collection, key)
}

/// What the app sees of a document.
pub(super) fn seen(engine: &mut Option<Engine>, name: &str) -> Look {
    match engine.as_mut()?.view(&address(name)) {
        View::NotLoaded => None,
        View::Absent => Some(None),
        View::Document(json) => Some(serde_json::from_str::<Value>(json.as_str()).ok()),
    }
}

impl Device {
    /// The device of this number, before its first tab.
    pub fn new(plan: &Plan, number: usize) -> Device {
        let keys = if let User::Random { keys, .. } = plan.user { keys } else { 1 };
        let (user, apart) = (number % plan.users(), (number as u64) << 32);
        let dice = Dice::new(plan.seed ^ apart, plan.faults.clone());
        Device {
            number,
            user,
            config: Config { scope: plan.scope(user), ..plan.config.clone() },
            tab: Tab::default(),
            tabs: Tabs::of(plan.tabs(), plan.locks, Rng::new([plan.seed, 4 + apart])),
            disk: Disk::default(),
            mirrors: Mirrors::new(Rng::new([plan.seed, 5 + apart])),
            disk_is_busy: false,
            disk_full_until: 0,
            clock_skew: 0,
            net: Net::default(),
            front: Front::new(plan.conditional),
            seen: BTreeMap::new(),
            dice: match &plan.strikes {
                Some(strikes) => {
                    let own = strikes.iter().filter(|strike| strike.0 as usize == number);
                    dice.only(own.map(|strike| (strike.1, strike.2)).collect())
                }
                None => dice,
            },
            rng: Rng::new([plan.seed, 1 + apart]),
            app_rng: Rng::new([plan.seed, 2 + apart]),
            ask_rng: Rng::new([plan.seed, 3 + apart]),
            app: app::User::new(keys, user, number).ruled(plan.config.merge.of_collection(app::RULED).is_some()),
            oracle: Oracle::of(user, plan.config.level, plan.config.feeds.clone(), plan.config.merge.clone(), plan.tabs() > 1),
            requests: 0,
            transactions: 0,
            is_acting: true,
            is_refused: false,
            came_later: 0,
            written: Vec::new(),
            steps: 0,
            stream: None,
        }
    }

    /// One event. `is_hard`, of what the user does: enough was written, and enough has gone wrong.
    pub fn step(&mut self, common: &mut Common, event: Event, is_hard: bool) -> Halt {
        self.steps += 1;
        if self.steps.is_multiple_of(LOOK_AT_ALL) {
            self.look(common, true)?;
        }
        if self.dice.strikes(Fault::Crash) {
            self.crash(common, false)?;
        } else if self.dice.strikes(Fault::PowerLost) {
            self.lose_power(common)?;
        } else if self.dice.strikes(Fault::Reset) {
            self.reset(common)?;
        }
        match &event {
            Event::Boot { life } | Event::Wake { life, .. } | Event::Tell { life, .. } if !self.turn_to_life(*life) => return Ok(()),
            Event::Reply(letter) if !self.turn_to_life(letter.life) => return Ok(()),
            Event::Act => self.turn_to_any(common.now),
            Event::Line(tab, _) => self.turn_to_slot(*tab),
            _ => {}
        }
        let thaws_at = self.tab.frozen_until;
        let is_awake = common.now >= thaws_at;
        match event {
            Event::Arrive(parcel) => self.arrive(common, *parcel),
            Event::Disk => self.finish_disk(common),
            Event::Flushed { life } => {
                self.mirror_flushed(common, life);
                Ok(())
            }
            Event::Line(_, action) => self.perform(common, action),
            Event::Act if is_awake => self.act(common, is_hard),
            Event::Boot { .. } => self.boot(common),
            Event::Wake { .. } | Event::Tell { .. } | Event::Reply(_) if is_awake && self.tab.sleep.is_unnoticed() => {
                self.notice_sleep(common)?;
                common.schedule(common.now, self.number, event);
                Ok(())
            }
            Event::Wake { at, .. } if is_awake => self.wake(common, at),
            // The answer to a question that was given up is nobody's.
            Event::Tell { input, .. } if matches!(*input, Input::TokenGiven { .. }) && common.now < self.tab.token_comes => Ok(()),
            Event::Tell { input, .. } if is_awake => {
                let is_lost = matches!(*input, Input::LockLost);
                self.tell(common, *input)?;
                if is_lost {
                    self.wait_for_lock(common);
                }
                Ok(())
            }
            Event::Reply(letter) if is_awake => self.deliver(common, *letter),
            frozen => {
                common.schedule(thaws_at, self.number, frozen);
                Ok(())
            }
        }
    }

    /// A new tab opens on what the disk has.
    fn boot(&mut self, common: &mut Common) -> Halt {
        if self.tab.engine.is_some() {
            return Ok(());
        }
        self.tab.born_at = common.now;
        if self.dice.strikes(Fault::ClocksDiffer) && self.tabs.are_asleep() {
            let year = 365 * 86_400_000;
            self.clock_skew = self.dice.size(Fault::ClocksDiffer, 0, 2 * year) as i64 - year as i64;
        }
        let seed = [common.plan.seed, self.place()];
        let mut engine = Engine::new(self.config.clone(), seed, self.engine_time(common), self.wall(common));
        if let Some(bug) = common.bug {
            engine.plant(bug);
        }
        self.tab.engine = Some(engine);
        self.stream_birth();
        self.enter_among_tabs(common)?;
        self.tell(common, Input::Started)
    }

    fn engine_time(&self, common: &Common) -> Timestamp {
        Timestamp(common.now - self.tab.born_at - self.tab.sleep.slept(common.now) + 1)
    }

    pub fn wall(&self, common: &Common) -> Wall {
        Wall(u64::try_from(EPOCH_MS + common.now as i64 + self.clock_skew).unwrap_or(0))
    }

    /// Tells the engine, and does all that follows within the turn.
    pub fn tell(&mut self, common: &mut Common, input: Input) -> Halt {
        self.put(common, input)?;
        self.end_turn(common)?;
        self.stream_looks(common)
    }

    pub fn put(&mut self, common: &mut Common, input: Input) -> Halt {
        let now = self.engine_time(common);
        let told = common.tells.then(|| format!("{input:?}"));
        // The clock is read when it happens.
        let wall = self.wall(common);
        let input = if matches!(input, Input::Resumed { .. }) { Input::Resumed { wall } } else { input };
        let Some(engine) = &mut self.tab.engine else { return Ok(()) };
        let kind = kind(&input);
        let mut effects = Vec::new();
        engine.handle(now, input, &mut effects);
        common.trace.event(kind, common.now, self.place(), effects.len());
        common.say(self.place_of_tab(), || format!("engine <- {}", told.unwrap_or_default()));
        self.carry_out(common, effects)
    }

    /// Which life of which device this is.
    fn place(&self) -> u64 {
        self.tab.life + ((self.number as u64) << 32)
    }

    /// A deadline that has come when a turn ends is due at once; one that lies ahead is armed.
    pub fn end_turn(&mut self, common: &mut Common) -> Halt {
        for _ in 0..TURNS_MAX {
            let Some(engine) = &self.tab.engine else { return Ok(()) };
            match engine.deadline() {
                Some((at, _)) if at <= self.engine_time(common) => self.put(common, Input::Woke)?,
                deadline => {
                    self.arm(common, deadline.map(|(at, _)| self.common_time(at)));
                    return self.look(common, false);
                }
            }
        }
        let deadline = self.tab.engine.as_ref().and_then(Engine::deadline);
        self.violated(common, "V4", format!("woken {TURNS_MAX} times at one moment, and it still wants {deadline:?}"))
    }

    /// When that is, for everybody.
    pub fn common_time(&self, at: Timestamp) -> u64 {
        at.0 + self.tab.born_at + self.tab.sleep.all() - 1
    }

    pub fn arm(&mut self, common: &mut Common, at: Option<u64>) {
        if self.tab.wake_at == at {
            return;
        }
        self.tab.wake_at = at;
        if let Some(at) = at {
            let life = self.tab.life;
            let late = if self.dice.strikes(Fault::TimersLate) { self.dice.size(Fault::TimersLate, 0, 60_000) } else { 0 };
            common.schedule(at + late, self.number, Event::Wake { life, at });
            if late > 0 {
                // It also fires when nobody asked.
                let early = common.now + self.dice.size(Fault::TimersLate, 1, 1_000);
                common.schedule(early, self.number, Event::Tell { life, input: Box::new(Input::Woke) });
            }
        }
    }

    /// A timer fires; one that was armed anew since then is nothing.
    fn wake(&mut self, common: &mut Common, at: u64) -> Halt {
        if self.tab.wake_at != Some(at) {
            return Ok(());
        }
        self.tab.wake_at = None;
        self.tell(common, Input::Woke)
    }

    fn carry_out(&mut self, common: &mut Common, effects: Vec<Effect>) -> Halt {
        self.stream_turn(&effects);
        if let Some(engine) = &self.tab.engine {
            self.oracle.concluded(&common.truths[self.user], engine.endings_under_way())?;
        }
        for effect in effects {
            common.say(self.place_of_tab(), || format!("engine -> {}", told_effect(&effect)));
            match effect {
                Effect::Load { load, what } => {
                    self.disk.load(self.tab.life, load, what);
                    self.start_disk(common);
                }
                Effect::Write(write) => {
                    self.transactions += 1;
                    self.oracle.ordered(&common.truths[self.user], &write)?;
                    common.trace.mark("write", common.now, write.write.0, write.append.as_ref().map_or(0, Vec::len));
                    self.disk.write(self.tab.life, write);
                    self.start_disk(common);
                }
                Effect::Send { request, call, .. } => self.send(common, request, call)?,
                Effect::Cancel { request } => {
                    self.tab.outstanding.remove(&request);
                    self.tell_later(common, 0, Input::SendFailed { request, why: SendFailure::Cancelled });
                }
                Effect::Notify(notice) => self.hear(common, notice)?,
                Effect::Post(message) => self.post(common, &message),
                Effect::Steal => self.steal(common),
                about_mirrors => self.mirror(common, about_mirrors)?,
            }
        }
        Ok(())
    }

    fn hear(&mut self, common: &mut Common, notice: Notice) -> Halt {
        self.oracle.noticed(&common.truths[self.user], &notice)?;
        self.hear_answer(&notice)?;
        match notice {
            Notice::Opened { .. } => {
                self.tab.is_open = true;
                self.look(common, true)?;
            }
            Notice::Answered { ask, .. } => drop(self.tab.open_asks.remove(&ask.0)),
            Notice::Status(status) => self.tab.status = Some(status),
            Notice::TokenWanted { .. } => return self.ask_for_token(common),
            Notice::TokenGivenUp => self.tab.token_comes = 0,
            Notice::OpenFailed { error } => return self.violated(common, "V5", format!("it cannot be opened: {error}")),
            _ => {}
        }
        Ok(())
    }

    /// Tells the engine something after so many milliseconds, if the tab lives that long.
    pub fn tell_later(&self, common: &mut Common, ms: u64, input: Input) {
        let life = self.tab.life;
        common.schedule(common.now + ms, self.number, Event::Tell { life, input: Box::new(input) });
    }

    pub fn ask(&mut self, common: &mut Common, what: Ask) -> Halt {
        if self.stream.is_some() { self.stream_ask(common, what) } else { self.ask_engine(common, what) }
    }

    /// The number of the next question.
    pub fn next_ask(&self) -> u64 {
        self.tab.asks + 1
    }

    pub fn ask_engine(&mut self, common: &mut Common, what: Ask) -> Halt {
        self.tab.asks += 1;
        self.tab.open_asks.insert(self.tab.asks);
        self.tell(common, Input::Asked { ask: AskId(self.tab.asks), what })
    }

    pub fn hold(&mut self, common: &mut Common, name: Name, held: bool) -> Halt {
        match self.stream {
            None => self.hold_engine(common, name, held),
            Some(_) if name.ends_with('/') => Ok(()),
            Some(_) => self.stream_hold(common, &name, held),
        }
    }

    pub fn hold_engine(&mut self, common: &mut Common, name: Name, held: bool) -> Halt {
        let addresses = vec![address(&name)];
        self.oracle.held(name, held);
        self.tell(common, Input::Held { addresses, held })
    }

    /// The app writes, and its turn is not over. Says whether the tab is still there.
    pub fn write(&mut self, common: &mut Common, edits: Vec<(Name, Edit)>) -> Result<bool, Violation> {
        for one in edits {
            let Some(mutation) = one.1.on(address(&one.0)) else { continue };
            if !self.mutate(common, mutation, &[one], &[], &[])? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The app writes several documents at once.
    pub fn write_group(
        &mut self,
        common: &mut Common,
        edits: Vec<(Name, Edit)>,
        reads: &[Name],
        after: &[usize],
    ) -> Result<bool, Violation> {
        let mutations = edits.iter().filter_map(|(name, edit)| edit.on(address(name))).collect();
        let Ok(group) = Mutation::group(mutations) else { return Ok(true) };
        let after: Vec<MutationId> = after.iter().filter_map(|back| self.written(*back)).collect();
        let group = group.after(after.clone()).reading(reads.iter().map(|name| address(name)).collect());
        self.mutate(common, group, &edits, &after, reads)
    }

    /// The app takes a write back. What is not frozen leaves the view at once; the app is told when that is stored.
    pub fn take_back(&mut self, common: &mut Common, back: usize) -> Halt {
        let (Some(mutation), Some(engine)) = (self.written(back), &self.tab.engine) else { return Ok(()) };
        self.oracle.frozen(&common.truths[self.user], engine.frozen())?;
        self.oracle.folded(engine.folded())?;
        self.oracle.taken_back(&mutation.0);
        self.stream_call(|| json!(["cancel", mutation.0]));
        self.tell(common, Input::CancelAsked { mutation })
    }

    /// One of the last writes, counted back from the last. A tab does not know of what others have written.
    fn written(&self, back: usize) -> Option<MutationId> {
        let is_known = |(life, _): &&(u64, MutationId)| !self.tabs.are_several() || *life == self.tab.life;
        self.written.iter().rev().filter(is_known).nth(back).map(|(_, id)| id.clone())
    }

    fn mutate(
        &mut self,
        common: &mut Common,
        mutation: Mutation,
        edits: &[(Name, Edit)],
        after: &[MutationId],
        reads: &[Name],
    ) -> Result<bool, Violation> {
        // What a splice means hangs on what its user saw.
        let is_splice = |edit: &Edit| matches!(edit, Edit::Splice { .. });
        let before = edits.iter().map(|(name, edit)| if is_splice(edit) { seen(&mut self.tab.engine, name) } else { None });
        let before: Vec<Look> = before.collect();
        let now = self.engine_time(common);
        let Some(engine) = &mut self.tab.engine else { return Ok(false) };
        let mut effects = Vec::new();
        common.tried += 1;
        self.is_refused = false;
        match engine.mutate(now, mutation, &mut effects) {
            Ok(id) => {
                common.say(self.place_of_tab(), || format!("{id} = {edits:?} after {after:?}, of {reads:?}"));
                common.mutations += 1;
                common.trace.event("mutate", common.now, common.mutations, effects.len());
                let parts: Vec<_> = edits.iter().zip(before).map(|((name, edit), seen)| (name.as_str(), edit, seen.flatten())).collect();
                self.oracle.invoked(&id.0, &parts)?;
                let after: Vec<String> = after.iter().map(MutationId::to_string).collect();
                self.oracle.depends(&id.0, &after, reads);
                self.stream_write(&id, edits, &after, reads);
                self.written.push((self.tab.life, id));
                self.carry_out(common, effects)?;
                self.look(common, false)?;
                if self.dice.strikes(Fault::ClosedAtOnce) {
                    self.crash(common, false)?;
                    return Ok(false);
                }
            }
            Err(fault) if fault.code == Code::NotLoaded => {
                for (name, _) in edits {
                    self.ask(common, Ask::Load { addresses: vec![address(name)] })?;
                }
            }
            Err(fault) if matches!(fault.code, Code::QueueFull | Code::TooLarge | Code::Rejected) || common.is_scripted() => {
                self.is_refused = fault.code == Code::QueueFull;
                common.trace.mark("refused", common.now, self.place(), fault.message.len());
            }
            Err(fault) => {
                let seen: Vec<Look> = edits.iter().map(|(name, _)| seen(&mut self.tab.engine, name)).collect();
                return self.violated(common, "I22", format!("{edits:?} on {seen:?} was not taken: {fault}")).map(|()| false);
            }
        }
        Ok(true)
    }

    /// The oracle looks at what has changed, or at everything.
    fn look(&mut self, common: &Common, all: bool) -> Halt {
        if !self.tab.is_open {
            return Ok(());
        }
        let engine = &mut self.tab.engine;
        let truth = &common.truths[self.user];
        let evicted = engine.as_mut().map(Engine::take_evicted).unwrap_or_default();
        self.oracle.evicted(evicted.iter().map(|address| format!("{}/{}", address.collection, address.key)).collect())?;
        if self.tabs.are_several() {
            return self.look_among_tabs(common, all);
        }
        if let Err(violation) = self.oracle.looked(truth, all, |name| seen(engine, name)) {
            // What was frozen while the disk was busy is not ordered yet, and is known to the engine alone. The view must
            // be what that makes, or it is wrong.
            let frozen = engine.as_ref().map(Engine::frozen).unwrap_or_default();
            if !self.oracle.frozen(truth, frozen)? {
                return Err(violation);
            }
            self.oracle.looked(truth, true, |name| seen(engine, name))?;
        }
        if !all {
            return Ok(());
        }
        let (said, must) = (engine.as_ref().map(|engine| engine.status().pending_mutations as usize), self.oracle.pending());
        if said.is_some_and(|said| said != must) {
            return self.violated(common, "I1", format!("the device says that {said:?} writes are pending, and {must} are"));
        }
        Ok(())
    }

    /// The tab is gone; a new one comes.
    pub fn crash(&mut self, common: &mut Common, power: bool) -> Halt {
        if self.tab.engine.is_none() {
            return Ok(());
        }
        common.crashes += 1;
        common.say(self.place_of_tab(), || format!("crash, power {power}"));
        common.trace.event("crash", common.now, self.place(), self.disk.waiting());
        let truth = &common.truths[self.user];
        let waiting = self.disk.waiting_of(self.tab.life) as u64;
        let kept = self.dice.size(Fault::Crash, 0, waiting) as usize;
        if power {
            let kept = self.dice.size(Fault::PowerLost, 0, self.disk.unflushed() as u64) as usize;
            self.disk.lose_power(kept);
        } else if self.tabs.are_several() {
            self.disk.abandon(self.tab.life, kept);
        } else {
            for (write, position) in self.disk.crash(kept) {
                self.oracle.committed(truth, &write, position)?;
            }
        }
        self.kill_worker();
        self.leave_tabs(common);
        let found = self.found();
        let truth = &common.truths[self.user];
        let life = self.tabs.next_life();
        self.stream_death();
        self.tab = Tab::of(self.tab.slot, life);
        self.oracle.crashed(truth, &found, power)?;
        let pause = 50 + self.rng.up_to(5_000);
        common.schedule(common.now + pause, self.number, Event::Boot { life });
        Ok(())
    }

    /// The power goes: every tab is gone at once, and what was not flushed.
    pub fn lose_power(&mut self, common: &mut Common) -> Halt {
        self.each_tab(|device| device.crash(common, true))
    }

    fn start_disk(&mut self, common: &mut Common) {
        if self.disk.waiting() > 0 && !self.disk_is_busy {
            self.disk_is_busy = true;
            let slow = if self.dice.strikes(Fault::SlowDisk) { self.dice.size(Fault::SlowDisk, 0, 5_000) } else { 0 };
            let ms = self.rng.up_to(3) + slow;
            common.schedule(common.now + ms, self.number, Event::Disk);
        }
    }

    /// The oldest job of the disk has come to its end.
    fn finish_disk(&mut self, common: &mut Common) -> Halt {
        self.disk_is_busy = false;
        let fate = match self.disk.is_write_next() {
            true if common.now < self.disk_full_until => Fate::Full,
            true if self.dice.strikes(Fault::WriteAborts) => Fate::Aborts,
            _ => Fate::Completes,
        };
        let Some((life, done)) = self.disk.finish(fate) else { return Ok(()) };
        let input = match done {
            Done::Loaded(load, found) => Input::Loaded { load, found },
            Done::Failed(write, why) => {
                let row = match why {
                    StoreFailure::Fenced { .. } => "C2",
                    StoreFailure::Behind => "C6",
                    _ => Fault::WriteAborts.id(),
                };
                if row != Fault::WriteAborts.id() && self.tabs.are_several() {
                    *self.seen.entry(row).or_insert(0) += 1;
                }
                Input::WriteFailed { write, why }
            }
            Done::Written { write, position } => {
                common.trace.event("stored", common.now, position, self.number);
                self.oracle.committed(&common.truths[self.user], &write, position)?;
                Input::Written { write: write.write, position }
            }
        };
        self.start_disk(common);
        common.schedule(common.now, self.number, Event::Tell { life, input: Box::new(input) });
        Ok(())
    }

    /// How many requests and transactions there were.
    pub fn effort(&self) -> (u64, u64) {
        (self.requests, self.transactions)
    }

    /// Whether the tab has given its store up.
    pub fn is_without_store(&self) -> bool {
        self.tab.status.as_ref().is_some_and(|status| status.storage == StorageKind::Memory)
    }

    /// The app wants all documents there are.
    pub fn load_all(&mut self, common: &mut Common) -> Halt {
        let mut names = self.app.names();
        names.extend(common.truths[self.user].names().cloned());
        names.into_iter().try_for_each(|name| self.ask(common, Ask::Load { addresses: vec![address(&name)] }))
    }

    /// The numbers of questions without an answer.
    pub fn open_asks(&self) -> &BTreeSet<u64> {
        &self.tab.open_asks
    }

    /// Whether everything that was asked is answered.
    pub fn has_answers(&self) -> bool {
        self.tab.open_asks.is_empty()
    }

    pub fn is_at_rest(&self, common: &Common) -> bool {
        self.tab.is_open
            && self.disk.waiting() == 0
            && !self.is_without_store()
            && (!self.tabs.are_several() || self.knows_all())
            && self.oracle.is_at_rest(&common.truths[self.user])
    }

    /// Everything must have ended, and the device show what the server has.
    pub fn check_rest(&mut self, common: &Common) -> Halt {
        if self.tabs.are_several() && !self.knows_all() {
            return self.violated(common, "V1", "everything is at rest, and the tab does not know all that is stored".into());
        }
        if self.is_without_store() {
            return self.violated(common, "V1", "everything is at rest, and the tab has not taken its store up again".into());
        }
        let engine = &mut self.tab.engine;
        let verdict = self.oracle.rested(&common.truths[self.user], |name| seen(engine, name));
        verdict.map_err(|violation| self.with_state(common, violation))?;
        match &self.tab.status {
            Some(status) if status.pending_mutations == 0 => Ok(()),
            other => self.violated(common, "V1", format!("everything is at rest, and the status says {other:?}")),
        }
    }

    pub fn violated(&self, common: &Common, law: &'static str, what: String) -> Halt {
        Err(self.with_state(common, Violation { law, what }))
    }

    /// What is stuck, and what the device says about it.
    fn with_state(&self, common: &Common, violation: Violation) -> Violation {
        let engine = self.tab.engine.as_ref();
        let status = engine.map(|engine| json!(engine.status()).to_string()).unwrap_or_else(|| "no tab".into());
        let deadline = engine.and_then(|engine| engine.deadline());
        let what = format!(
            "{}; device {} at {} ms, disk jobs {}, requests out {:?}, deadline {deadline:?}, status {status}",
            violation.what,
            self.number,
            common.now,
            self.disk.waiting(),
            self.tab.outstanding.keys().collect::<Vec<_>>(),
        );
        Violation { what, ..violation }
    }
}
