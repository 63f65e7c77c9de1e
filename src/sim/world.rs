//! The world of one run: virtual time, a queue of events, and one step an event. Nothing in it hangs on anything but the
//! plan, so the same plan is the same run.

use std::collections::BTreeMap;

use super::common::{Common, Event, Halt};
use super::device::Device;
use super::facade::{Out, Stream};
use super::fault::Fault;
use super::oracle::Violation;
use super::plan::{KINDS, Plan, Step, Strike, User};
use crate::engine::planted::Bug;

/// What a run has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// How many events there were.
    pub events: u64,
    /// How many writes of users were taken.
    pub mutations: u64,
    /// How often a tab was killed or lost its power.
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
        self.mutations >= u64::from(super::plan::MUTATIONS)
            && Fault::ALL.iter().filter(|fault| self.struck.contains_key(fault.id())).count() >= KINDS
    }
}

/// What was done in a run, and where faults struck.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What users and the world did.
    pub lines: Vec<Step>,
    /// Where faults struck.
    pub strikes: Vec<Strike>,
}

/// The world of one run.
pub struct World {
    common: Common,
    devices: Vec<Device>,
}

/// Everything must have come to rest this long after the last fault: the longest wait of an entry, the longest that the
/// server asks for, and time for as many rounds as conflicts may take.
const REST_MS: u64 = 30 * 60_000;
/// A reading is over after so many milliseconds.
const READ_MS: u64 = 1_000;
/// For how many polls the devices are watched when they should have nothing to do, each time.
const IDLE_POLLS: u64 = 10;
/// So long they are watched before one counts as restless.
const IDLE_MS: u64 = 10 * 60_000;

impl World {
    /// A world for a plan, with a planted bug or none.
    pub fn new(plan: Plan, bug: Option<Bug>) -> World {
        let devices = (0..plan.devices()).map(|number| Device::new(&plan, number)).collect();
        World { common: Common::new(plan, bug), devices }
    }

    /// The same world, that tells on the way what happens in it.
    pub fn telling(mut self) -> World {
        self.common.tells = true;
        self
    }

    /// The same world, each device of which tells `out` what its app hears.
    pub fn streaming(mut self, out: &Out) -> World {
        let seed = self.common.plan.seed;
        self.devices.iter_mut().for_each(|device| device.stream = Some(Box::new(Stream::new(out.clone(), seed, device.number))));
        self
    }

    /// Runs it to its end, or to the first law that does not hold.
    pub fn run(mut self) -> Outcome {
        let violation = self.live().err().map(|violation| (self.common.trace.events(), violation));
        let mut struck = BTreeMap::new();
        for device in &self.devices {
            for (fault, times) in device.dice.struck() {
                *struck.entry(fault).or_insert(0) += times;
            }
            for (id, times) in &device.seen {
                *struck.entry(*id).or_insert(0) += times;
            }
        }
        Outcome {
            seed: self.common.plan.seed,
            events: self.common.trace.events(),
            mutations: self.common.mutations,
            crashes: self.common.crashes,
            struck,
            digest: self.common.trace.digest(),
            ms: self.common.now,
            violation,
        }
    }

    /// Runs it to the law that does not hold, and writes down what was done up to there and where faults struck. `None`
    /// where all hold, or the engine panicked.
    pub fn record(mut self) -> Option<Recorded> {
        self.common.lines = Some(Vec::new());
        self.devices.iter_mut().for_each(|device| device.dice.note());
        let world = std::panic::AssertUnwindSafe(&mut self);
        std::panic::catch_unwind(|| { world }.live()).ok()?.err()?;
        let noted = |device: &Device| {
            let strike = |(fault, opportunity): &(Fault, u64)| Strike(device.number as u32, *fault, *opportunity);
            device.dice.noted().iter().map(strike).collect::<Vec<_>>()
        };
        let strikes = self.devices.iter().flat_map(noted).collect();
        Some(Recorded { lines: self.common.lines.unwrap_or_default(), strikes })
    }

    fn live(&mut self) -> Halt {
        for (number, device) in self.devices.iter_mut().enumerate() {
            device.each_tab(|device| {
                self.common.schedule(0, number, Event::Boot { life: device.tab.life });
                Ok(())
            })?;
        }
        match self.common.plan.user.clone() {
            User::Random { .. } => (0..self.devices.len()).for_each(|device| self.common.schedule(10, device, Event::Act)),
            User::Script(lines) => {
                for line in lines {
                    let device = (line.device as usize).min(self.devices.len() - 1);
                    self.common.schedule(line.at, device, Event::Line(line.tab as usize, line.action));
                }
            }
        }
        while self.is_acting() {
            self.step()?;
        }
        self.heal()?;
        self.rest()?;
        self.idle()?;
        self.settle()?;
        self.check_rest()?;
        // What is true now is true after a reload.
        self.devices.iter_mut().try_for_each(|device| device.each_tab(|device| device.crash(&mut self.common, false)))?;
        self.rest()
    }

    /// With nothing to do a device only polls: at some time soon, when the last wait of a feed is over and its pages have
    /// come.
    fn idle(&mut self) -> Halt {
        let config = &self.common.plan.config;
        let (ms, polls) = (IDLE_POLLS * config.poll_base_ms, (IDLE_POLLS + 2) * config.feeds.len() as u64);
        for _ in 0..IDLE_MS.div_ceil(ms) {
            let before: Vec<(u64, u64)> = self.devices.iter().map(Device::effort).collect();
            self.steps_until(self.common.now + ms)?;
            let is_idle = |(device, before): (&Device, (u64, u64))| {
                let (requests, transactions) = device.effort();
                requests - before.0 <= polls && transactions - before.1 <= polls
            };
            if self.devices.iter().zip(before).all(is_idle) {
                return Ok(());
            }
        }
        Err(Violation { law: "V4", what: format!("each time in {ms} idle ms more than {polls} requests or transactions of a device") })
    }

    fn is_acting(&self) -> bool {
        match self.common.plan.user {
            User::Random { .. } => self.devices.iter().any(|device| device.is_acting),
            User::Script(_) => self.common.has_lines(),
        }
    }

    /// No fault any more: the network is there, the tabs are in view and awake, the disks have room.
    fn heal(&mut self) -> Halt {
        let thawed = self.devices.iter().map(|device| device.frozen_until()).max();
        self.common.now = self.common.now.max(thawed.unwrap_or(0));
        self.devices.iter_mut().for_each(Device::heal);
        // What went wrong before is heard of before anybody looks which tabs have lost their store.
        self.steps_until(self.common.now + 1)?;
        self.devices.iter_mut().try_for_each(|device| device.each_tab(|device| device.heal_tab(&mut self.common)))
    }

    /// Lets everything come to rest.
    fn settle(&mut self) -> Halt {
        let until = self.common.now + REST_MS;
        while !self.is_at_rest() {
            // Who is reading is not judged.
            let is_reading = self.common.now < until + READ_MS && self.devices.iter().any(|device| device.disk.waiting() > 0);
            if self.common.now >= until && !is_reading {
                return self.check_rest();
            }
            self.step()?;
        }
        Ok(())
    }

    /// Lets everything come to rest, and holds it against the server.
    fn rest(&mut self) -> Halt {
        self.settle()?;
        let until = self.common.now + REST_MS;
        self.devices.iter_mut().try_for_each(|device| device.each_tab(|device| device.load_all(&mut self.common)))?;
        while !(self.devices.iter_mut().all(|device| device.all_tabs(|device| device.has_answers())) && self.is_at_rest())
            && self.common.now < until
        {
            self.step()?;
        }
        self.devices.iter_mut().try_for_each(|device| device.each_tab(|device| device.check_answers()))?;
        self.check_rest()
    }

    fn check_rest(&mut self) -> Halt {
        self.devices.iter_mut().try_for_each(|device| device.each_tab(|device| device.check_rest(&self.common)))
    }

    fn is_at_rest(&mut self) -> bool {
        self.devices.iter_mut().all(|device| device.all_tabs(|device| device.is_at_rest(&self.common)))
    }

    fn steps_until(&mut self, until: u64) -> Halt {
        while self.common.next_at().is_some_and(|at| at < until) {
            self.step()?;
        }
        self.common.now = until;
        Ok(())
    }

    /// One event.
    fn step(&mut self) -> Halt {
        let Some((at, event)) = self.common.next() else {
            self.common.now += REST_MS;
            return Ok(());
        };
        let is_hard = matches!(event, Event::Act) && self.common.has_written() && self.kinds_struck() >= KINDS;
        let common = &mut self.common;
        self.devices[at].step(common, event, is_hard)
    }

    /// How many kinds of fault have struck, at whatever device.
    fn kinds_struck(&self) -> usize {
        Fault::ALL.into_iter().filter(|fault| self.devices.iter().any(|device| device.dice.has_struck(*fault))).count()
    }
}
