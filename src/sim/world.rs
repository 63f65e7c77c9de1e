//! The world of one run: virtual time, a queue of events, and one step an event. Nothing in it hangs on anything but the
//! plan, so the same plan is the same run.

use std::collections::BTreeMap;

use serde_json::json;

use super::action::Action;
use super::app;
use super::device::{Device, address};
use super::disk::Disk;
use super::fault::{Dice, Fault};
use super::net::Net;
use super::oracle::{Oracle, Verdict, Violation};
use super::plan::{KINDS, Plan, User};
use super::server::Server;
use super::trace::Trace;
use super::traffic::{Letter, Parcel};
use crate::engine::input::{Ask, Input};
use crate::engine::notice::StorageKind;
use crate::engine::planted::Bug;
use crate::engine::rng::Rng;

/// What a run has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// How many events there were.
    pub events: u64,
    /// How many writes of the user were taken.
    pub mutations: u64,
    /// How often the tab was killed or lost its power.
    pub crashes: u64,
    /// Which faults struck, by id, and how often.
    pub struck: BTreeMap<&'static str, u64>,
    /// Over all events.
    pub digest: u64,
    /// How long it took, in virtual milliseconds.
    pub ms: u64,
    /// The first law that did not hold, and the number of the event at which it was seen.
    pub violation: Option<(u64, Violation)>,
}

impl Outcome {
    /// Whether the run was hard enough to count.
    pub fn counts(&self) -> bool {
        self.mutations >= u64::from(super::plan::MUTATIONS) && self.struck.len() >= KINDS
    }
}

/// Whether the run goes on.
pub(super) type Halt = Result<(), Violation>;

/// What is going to happen.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The user does something.
    Act,
    /// A line of the script.
    Line(Action),
    /// A new tab opens.
    Boot { life: u64 },
    /// A timer fires that was armed for `at`.
    Wake { life: u64, at: u64 },
    /// The engine is told something.
    Tell { life: u64, input: Box<Input> },
    /// The disk ends its oldest job.
    Disk,
    /// A request reaches the server.
    Arrive(Box<Parcel>),
    /// A reply reaches the device.
    Reply(Box<Letter>),
}

/// The world of one run.
pub struct World {
    pub(super) plan: Plan,
    pub(super) bug: Option<Bug>,
    pub(super) now: u64,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    pub(super) dice: Dice,
    pub(super) rng: Rng,
    app_rng: Rng,
    user: app::User,
    pub(super) device: Device,
    pub(super) disk: Disk,
    pub(super) disk_is_busy: bool,
    pub(super) net: Net,
    pub(super) server: Server,
    pub(super) oracle: Oracle,
    pub(super) trace: Trace,
    pub(super) mutations: u64,
    pub(super) crashes: u64,
    acting: bool,
    came_later: u32,
    steps: u64,
    tells: bool,
}

/// Everything must have come to rest this long after the last fault: the longest wait of an entry, the longest that the
/// server asks for, and time for as many rounds as conflicts may take.
const REST_MS: u64 = 30 * 60_000;
/// For how long the device is watched when it should have nothing to do.
const IDLE_MS: u64 = 60_000;
/// So often the user comes back when it has written enough, and so often at the most, however few faults have struck.
const LATER: std::ops::RangeInclusive<u32> = 20..=2_000;
/// With pauses of up to this long.
const LATER_MS: u64 = 1_000;
/// Everything is compared after so many steps, and what has changed after each turn.
const LOOK_AT_ALL: u64 = 128;

impl World {
    /// A world for a plan, with a planted bug or none.
    pub fn new(plan: Plan, bug: Option<Bug>) -> World {
        let keys = if let User::Random { keys, .. } = plan.user { keys } else { 1 };
        World {
            bug,
            now: 0,
            queue: BTreeMap::new(),
            scheduled: 0,
            dice: Dice::new(plan.seed, plan.faults.clone()),
            rng: Rng::new([plan.seed, 1]),
            app_rng: Rng::new([plan.seed, 2]),
            user: app::User::new(keys),
            device: Device::default(),
            disk: Disk::default(),
            disk_is_busy: false,
            net: Net::default(),
            server: Server::new(),
            oracle: Oracle::default(),
            trace: Trace::new(),
            mutations: 0,
            crashes: 0,
            acting: true,
            came_later: 0,
            steps: 0,
            tells: false,
            plan,
        }
    }

    /// The same world, that tells on the way what happens in it.
    pub fn telling(self) -> World {
        World { tells: true, ..self }
    }

    pub(super) fn tells(&self) -> bool {
        self.tells
    }

    /// Says what happens, where somebody listens.
    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        if self.tells {
            eprintln!("{:>6} {:>9} ms  {}", self.trace.events(), self.now, what());
        }
    }

    /// Runs it to its end, or to the first law that does not hold.
    pub fn run(mut self) -> Outcome {
        let violation = self.live().err().map(|violation| (self.trace.events(), violation));
        Outcome {
            seed: self.plan.seed,
            events: self.trace.events(),
            mutations: self.mutations,
            crashes: self.crashes,
            struck: self.dice.struck(),
            digest: self.trace.digest(),
            ms: self.now,
            violation,
        }
    }

    fn live(&mut self) -> Halt {
        self.schedule(0, Event::Boot { life: 0 });
        match self.plan.user.clone() {
            User::Random { .. } => self.schedule(10, Event::Act),
            User::Script(lines) => lines.into_iter().for_each(|line| self.schedule(line.at, Event::Line(line.action))),
        }
        while self.is_acting() {
            self.step()?;
        }
        self.heal()?;
        self.rest()?;
        // The last pages come one after the other.
        self.steps_until(self.now + IDLE_MS)?;
        let requests = self.device.requests;
        self.steps_until(self.now + IDLE_MS)?;
        self.check_rest()?;
        let polls = IDLE_MS / self.plan.config.poll_base_ms + 2;
        if self.device.requests - requests > polls {
            return self.violated("V4", format!("{} requests in an idle minute, where {polls} are due", self.device.requests - requests));
        }
        // What is true now is true after a reload.
        self.crash(false)?;
        self.rest()
    }

    fn is_acting(&self) -> bool {
        match self.plan.user {
            User::Random { .. } => self.acting,
            User::Script(_) => self.queue.values().any(|event| matches!(event, Event::Line(_))),
        }
    }

    pub(super) fn is_scripted(&self) -> bool {
        matches!(self.plan.user, User::Script(_))
    }

    /// No fault any more: the network is there, the tab is in view and awake, the disk has room.
    fn heal(&mut self) -> Halt {
        self.dice.heal();
        self.net.heal();
        self.device.disk_full_until = 0;
        if self.device.frozen_until > self.now {
            self.now = self.device.frozen_until;
        }
        if self.device.status.as_ref().is_some_and(|status| status.storage == StorageKind::Memory) {
            // A tab that has given its store up goes on in memory; the next one finds the store again.
            return self.crash(false);
        }
        self.tell(Input::Resumed { wall: self.wall() })?;
        self.tell(Input::BecameVisible)?;
        // A browser that never says `online` again must not keep the device from finding out.
        if self.plan.seed % 2 == 0 { self.tell(Input::WentOnline) } else { Ok(()) }
    }

    /// Lets everything come to rest, and holds it against the server.
    fn rest(&mut self) -> Halt {
        let until = self.now + REST_MS;
        while !self.is_at_rest() && self.now < until {
            self.step()?;
        }
        let mut names = self.user.names();
        names.extend(self.oracle.names());
        for name in names {
            self.ask(Ask::Load { address: address(&name) })?;
        }
        while !(self.device.open_asks.is_empty() && self.is_at_rest()) && self.now < until {
            self.step()?;
        }
        self.check_rest()
    }

    fn check_rest(&mut self) -> Halt {
        let mut oracle = std::mem::take(&mut self.oracle);
        let verdict = oracle.rested(|name| self.seen(name));
        self.oracle = oracle;
        verdict.map_err(|violation| self.with_state(violation))?;
        match &self.device.status {
            Some(status) if status.pending_mutations == 0 => Ok(()),
            other => self.violated("V1", format!("everything is at rest, and the status says {other:?}")),
        }
    }

    fn is_at_rest(&self) -> bool {
        self.device.is_open && self.disk.waiting() == 0 && self.oracle.is_at_rest()
    }

    fn steps_until(&mut self, until: u64) -> Halt {
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at < until) {
            self.step()?;
        }
        self.now = until;
        Ok(())
    }

    pub(super) fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at.max(self.now), self.scheduled), event);
    }

    /// One event.
    fn step(&mut self) -> Halt {
        let Some(((at, _), event)) = self.queue.pop_first() else {
            self.now += REST_MS;
            return Ok(());
        };
        self.now = self.now.max(at);
        self.steps += 1;
        if self.steps % LOOK_AT_ALL == 0 {
            self.look(true)?;
        }
        if self.dice.strikes(Fault::Crash) {
            self.crash(false)?;
        } else if self.dice.strikes(Fault::PowerLost) {
            self.crash(true)?;
        }
        let thaws_at = self.device.frozen_until;
        match event {
            Event::Arrive(parcel) => self.arrive(*parcel),
            Event::Disk => self.finish_disk(),
            Event::Line(action) => self.perform(action),
            Event::Act if self.now >= thaws_at => self.act(),
            Event::Boot { life } => self.boot(life),
            Event::Wake { life, .. } | Event::Tell { life, .. } if life != self.device.life => Ok(()),
            Event::Reply(letter) if letter.life != self.device.life => Ok(()),
            Event::Wake { at, .. } if self.now >= thaws_at => self.wake(at),
            Event::Tell { input, .. } if self.now >= thaws_at => self.tell(*input),
            Event::Reply(letter) if self.now >= thaws_at => self.deliver(*letter),
            frozen => {
                self.schedule(thaws_at, frozen);
                Ok(())
            }
        }
    }

    fn act(&mut self) -> Halt {
        let User::Random { mutations, pause_ms, .. } = self.plan.user else { return Ok(()) };
        let has_written = self.mutations >= u64::from(mutations);
        if has_written {
            self.came_later += 1;
            let is_hard = self.dice.struck().len() >= KINDS;
            if self.came_later >= if is_hard { *LATER.start() } else { *LATER.end() } {
                self.acting = false;
                return Ok(());
            }
        }
        let pause = 1 + self.app_rng.up_to(if has_written { LATER_MS } else { pause_ms });
        self.schedule(self.now + pause, Event::Act);
        self.strike()?;
        if !self.device.is_open {
            return Ok(());
        }
        let mut action = self.as_user(|user, rng, dice, world| user.act(rng, dice, |name| world.seen(name)));
        if has_written && matches!(action, Action::Write(_)) {
            action = Action::Pull;
        }
        while let Action::Write(edits) = action {
            let is_over = !self.write(edits)?;
            match self.as_user(|user, rng, dice, world| user.go_on(rng, dice, |name| world.seen(name))) {
                Some(next) if !is_over => action = Action::Write(vec![next]),
                _ => return self.end_turn(),
            }
        }
        self.perform(action)
    }

    /// The user, with the dice and the world in its hands.
    fn as_user<T>(&mut self, act: impl FnOnce(&mut app::User, &mut Rng, &mut Dice, &mut World) -> T) -> T {
        let mut user = std::mem::replace(&mut self.user, app::User::new(1));
        let (mut rng, mut dice) = (self.app_rng.clone(), self.dice.clone());
        let acted = act(&mut user, &mut rng, &mut dice, self);
        (self.user, self.app_rng, self.dice) = (user, rng, dice);
        acted
    }

    /// The faults that come with time.
    fn strike(&mut self) -> Halt {
        if self.dice.strikes(Fault::CutUnannounced) {
            let ms = self.dice.size(Fault::CutUnannounced, 0, 60_000);
            self.perform(Action::Cut { up: true, down: true, ms })?;
        }
        if self.dice.strikes(Fault::CutOneWay) {
            let ms = self.dice.size(Fault::CutOneWay, 0, 60_000);
            self.perform(Action::Cut { up: false, down: true, ms })?;
        }
        if self.dice.strikes(Fault::OfflineHintWrong) {
            self.perform(Action::GoOffline)?;
        }
        if self.dice.strikes(Fault::Flapping) {
            for flap in 0..10 {
                self.tell_later(flap * 100, Input::WentOffline);
                self.tell_later(flap * 100 + 50, Input::WentOnline);
            }
        }
        if self.dice.strikes(Fault::Frozen) {
            let longest = if self.dice.size(Fault::Frozen, 0, 3) == 0 { 3_600_000 } else { 10_000 };
            self.perform(Action::Freeze(1_000 + self.dice.size(Fault::Frozen, 1, longest)))?;
        }
        if self.dice.strikes(Fault::ClockJumps) {
            let years = 10 * 365 * 86_400_000;
            let by = self.dice.size(Fault::ClockJumps, 0, 2 * years) as i64 - years as i64;
            self.perform(Action::MoveClock(by))?;
        }
        if self.dice.strikes(Fault::DiskFull) {
            self.perform(Action::FillDisk(1_000 + self.dice.size(Fault::DiskFull, 0, 20_000)))?;
        }
        if self.dice.strikes(Fault::WrittenElsewhere) {
            let action = self.as_user(|user, rng, dice, world| {
                let scope = &world.plan.config.scope;
                user.act_elsewhere(rng, dice, |name| world.server.document(scope, &address(name)))
            });
            self.perform(action)?;
        }
        Ok(())
    }

    fn perform(&mut self, action: Action) -> Halt {
        self.say(|| format!("{action:?}"));
        match action {
            Action::WriteElsewhere(name, edit) => {
                self.server.write_elsewhere(&self.plan.config.scope, &address(&name), &edit);
                self.judge_commits()
            }
            Action::Cut { up, down, ms } => {
                self.net.cut(up, down, self.now + ms);
                Ok(())
            }
            Action::Crash => self.crash(false),
            Action::LosePower => self.crash(true),
            Action::Strike(fault, skip) => {
                self.dice.order(fault, skip);
                Ok(())
            }
            Action::FillDisk(ms) => {
                self.device.disk_full_until = self.now + ms;
                Ok(())
            }
            Action::Freeze(ms) => {
                self.device.frozen_until = self.now + ms;
                let wall = crate::engine::clock::Wall(self.wall().0 + ms);
                self.tell_later(ms, Input::Resumed { wall });
                Ok(())
            }
            Action::MoveClock(ms) => {
                self.device.clock_skew = ms;
                self.tell(Input::ClockRead { wall: self.wall() })
            }
            _ if !self.device.is_open => Ok(()),
            Action::Write(edits) => {
                self.write(edits)?;
                self.end_turn()
            }
            Action::Load(name) => self.ask(Ask::Load { address: address(&name) }),
            Action::Hold(name, held) => self.hold(name, held),
            Action::Pull => self.ask(Ask::Pull),
            Action::GoOnline => self.tell(Input::WentOnline),
            Action::GoOffline => self.tell(Input::WentOffline),
            Action::Show => self.tell(Input::BecameVisible),
            Action::Hide => self.tell(Input::BecameHidden),
            Action::HidePage => self.tell(Input::PageHid),
        }
    }

    /// Asks the oracle; what it says against the run ends it.
    pub(super) fn judge(&mut self, ask: impl FnOnce(&mut Oracle) -> Verdict) -> Halt {
        ask(&mut self.oracle)
    }

    pub(super) fn violated(&self, law: &'static str, what: String) -> Halt {
        Err(self.with_state(Violation { law, what }))
    }

    /// What is stuck, and what the device says about it.
    fn with_state(&self, violation: Violation) -> Violation {
        let engine = self.device.engine.as_ref();
        let status = engine.map(|engine| json!(engine.status()).to_string()).unwrap_or_else(|| "no tab".into());
        let deadline = engine.and_then(|engine| engine.deadline());
        let what = format!(
            "{}; at {} ms, disk jobs {}, requests out {:?}, deadline {deadline:?}, status {status}",
            violation.what,
            self.now,
            self.disk.waiting(),
            self.device.outstanding.keys().collect::<Vec<_>>(),
        );
        Violation { what, ..violation }
    }
}
