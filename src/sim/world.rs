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
    pub(super) app_rng: Rng,
    pub(super) user: app::User,
    pub(super) device: Device,
    pub(super) disk: Disk,
    pub(super) disk_is_busy: bool,
    pub(super) net: Net,
    pub(super) server: Server,
    pub(super) oracle: Oracle,
    pub(super) trace: Trace,
    pub(super) mutations: u64,
    pub(super) crashes: u64,
    pub(super) acting: bool,
    pub(super) came_later: u32,
    steps: u64,
    tells: bool,
}

/// Everything must have come to rest this long after the last fault: the longest wait of an entry, the longest that the
/// server asks for, and time for as many rounds as conflicts may take.
const REST_MS: u64 = 30 * 60_000;
/// For how long the device is watched when it should have nothing to do, each time.
const IDLE_MS: u64 = 60_000;
/// So often it is watched before it counts as restless.
const IDLE_MINUTES: u64 = 10;
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
        self.idle()?;
        self.check_rest()?;
        // What is true now is true after a reload.
        self.crash(false)?;
        self.rest()
    }

    /// With nothing to do the device only polls: in some minute soon, when the last wait of a feed is over and its pages
    /// have come.
    fn idle(&mut self) -> Halt {
        let polls = IDLE_MS / self.plan.config.poll_base_ms + 2;
        for _ in 0..IDLE_MINUTES {
            let before = self.device.requests;
            self.steps_until(self.now + IDLE_MS)?;
            if self.device.requests - before <= polls {
                return Ok(());
            }
        }
        self.violated("V4", format!("in each of {IDLE_MINUTES} idle minutes more than {polls} requests"))
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
        if self.plan.seed.is_multiple_of(2) { self.tell(Input::WentOnline) } else { Ok(()) }
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
        if self.steps.is_multiple_of(LOOK_AT_ALL) {
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
