//! One device with one tab: an engine, and its shell as the simulator has it. The shell carries out effects, wakes the
//! engine at its deadline, and when the tab is killed begins again from the disk alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::action::{Edit, Name};
use super::disk::{Done, Fate};
use super::fault::Fault;
use super::oracle::{Look, Violation};
use super::world::{Event, Halt, World};
use crate::engine::clock::{Timestamp, Wall};
use crate::engine::effect::Effect;
use crate::engine::error::Code;
use crate::engine::ident::{AskId, RequestId};
use crate::engine::input::{Ask, Input, SendFailure};
use crate::engine::mutation::Mutation;
use crate::engine::notice::{Notice, Status};
use crate::engine::{Engine, View, record};
use crate::protocol::{Address, Call};

/// The tab.
#[derive(Default)]
pub(super) struct Device {
    pub engine: Option<Engine>,
    /// Which life of the tab this is; what belongs to another one does not reach it.
    pub life: u64,
    born_at: u64,
    pub is_open: bool,
    pub frozen_until: u64,
    pub outstanding: BTreeMap<RequestId, Call>,
    pub requests: u64,
    asks: u64,
    pub open_asks: BTreeSet<u64>,
    held: BTreeSet<Name>,
    wake_at: Option<u64>,
    pub status: Option<Status>,
    pub disk_full_until: u64,
    pub clock_skew: i64,
}

/// Turns without a pause after which a device counts as running in circles.
const TURNS_MAX: u32 = 300;
/// When the world began, by the wall.
const EPOCH_MS: i64 = 1_790_000_000_000;

/// The address of a document.
pub(super) fn address(name: &str) -> Address {
    let (collection, key) = name.split_once('/').unwrap_or((name, ""));
    Address::of(collection, key)
}

impl World {
    /// A new tab opens on what the disk has.
    pub(super) fn boot(&mut self, life: u64) -> Halt {
        if life != self.device.life || self.device.engine.is_some() {
            return Ok(());
        }
        self.device.born_at = self.now;
        let seed = [self.plan.seed, life];
        let mut engine = Engine::new(self.plan.config.clone(), seed, self.engine_time(), self.wall());
        if let Some(bug) = self.bug {
            engine.plant(bug);
        }
        self.device.engine = Some(engine);
        self.tell(Input::Started)
    }

    fn engine_time(&self) -> Timestamp {
        Timestamp(self.now - self.device.born_at + 1)
    }

    pub(super) fn wall(&self) -> Wall {
        Wall(u64::try_from(EPOCH_MS + self.now as i64 + self.device.clock_skew).unwrap_or(0))
    }

    /// Tells the engine, and does all that follows within the turn.
    pub(super) fn tell(&mut self, input: Input) -> Halt {
        self.put(input)?;
        self.end_turn()
    }

    fn put(&mut self, input: Input) -> Halt {
        let now = self.engine_time();
        let told = self.tells().then(|| format!("{input:?}"));
        let Some(engine) = &mut self.device.engine else { return Ok(()) };
        let kind = kind(&input);
        let mut effects = Vec::new();
        engine.handle(now, input, &mut effects);
        self.trace.event(kind, self.now, self.device.life, effects.len());
        self.say(|| format!("engine <- {}", told.unwrap_or_default()));
        self.carry_out(effects)
    }

    /// A deadline that has come when a turn ends is due at once; one that lies ahead is armed.
    pub(super) fn end_turn(&mut self) -> Halt {
        for _ in 0..TURNS_MAX {
            let Some(engine) = &self.device.engine else { return Ok(()) };
            match engine.deadline() {
                Some((at, _)) if at <= self.engine_time() => self.put(Input::Woke)?,
                deadline => {
                    self.arm(deadline.map(|(at, _)| at.0 + self.device.born_at - 1));
                    return self.look(false);
                }
            }
        }
        let deadline = self.device.engine.as_ref().and_then(Engine::deadline);
        self.violated("V4", format!("woken {TURNS_MAX} times at one moment, and it still wants {deadline:?}"))
    }

    fn arm(&mut self, at: Option<u64>) {
        if self.device.wake_at == at {
            return;
        }
        self.device.wake_at = at;
        if let Some(at) = at {
            let life = self.device.life;
            let late = if self.dice.strikes(Fault::TimersLate) { self.dice.size(Fault::TimersLate, 0, 60_000) } else { 0 };
            self.schedule(at + late, Event::Wake { life, at });
            if late > 0 {
                // It also fires when nobody asked.
                let early = self.now + self.dice.size(Fault::TimersLate, 1, 1_000);
                self.schedule(early, Event::Tell { life, input: Box::new(Input::Woke) });
            }
        }
    }

    /// A timer fires; one that was armed anew since then is nothing.
    pub(super) fn wake(&mut self, at: u64) -> Halt {
        if self.device.wake_at != Some(at) {
            return Ok(());
        }
        self.device.wake_at = None;
        self.tell(Input::Woke)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Halt {
        for effect in effects {
            self.say(|| format!("engine -> {}", told_effect(&effect)));
            match effect {
                Effect::Load { load, what } => {
                    self.disk.load(load, what);
                    self.start_disk();
                }
                Effect::Write(write) => {
                    self.judge(|oracle| oracle.ordered(&write))?;
                    self.trace.mark("write", self.now, write.write.0, write.append.as_ref().map_or(0, Vec::len));
                    self.disk.write(write);
                    self.start_disk();
                }
                Effect::Send { request, call, .. } => self.send(request, call)?,
                Effect::Cancel { request } => {
                    self.device.outstanding.remove(&request);
                    self.tell_later(0, Input::SendFailed { request, why: SendFailure::Cancelled });
                }
                Effect::Notify(notice) => self.hear(notice)?,
            }
        }
        Ok(())
    }

    fn hear(&mut self, notice: Notice) -> Halt {
        self.judge(|oracle| oracle.noticed(&notice))?;
        match notice {
            Notice::Opened { .. } => {
                self.device.is_open = true;
                self.look(true)?;
            }
            Notice::Answered { ask, .. } => drop(self.device.open_asks.remove(&ask.0)),
            Notice::Status(status) => self.device.status = Some(status),
            Notice::OpenFailed { error } => return self.violated("V5", format!("it cannot be opened: {error}")),
            _ => {}
        }
        Ok(())
    }

    /// Tells the engine something after so many milliseconds, if the tab lives that long.
    pub(super) fn tell_later(&mut self, ms: u64, input: Input) {
        let life = self.device.life;
        self.schedule(self.now + ms, Event::Tell { life, input: Box::new(input) });
    }

    pub(super) fn ask(&mut self, what: Ask) -> Halt {
        self.device.asks += 1;
        self.device.open_asks.insert(self.device.asks);
        self.tell(Input::Asked { ask: AskId(self.device.asks), what })
    }

    pub(super) fn hold(&mut self, name: Name, held: bool) -> Halt {
        let address = address(&name);
        if held {
            self.device.held.insert(name);
        } else {
            self.device.held.remove(&name);
            self.oracle.no_longer_shown(&name);
        }
        self.tell(Input::Held { address, held })
    }

    /// The app writes, and its turn is not over. Says whether the tab is still there.
    pub(super) fn write(&mut self, edits: Vec<(Name, Edit)>) -> Result<bool, Violation> {
        for (name, edit) in edits {
            let seen = self.seen(&name);
            let now = self.engine_time();
            let Some(engine) = &mut self.device.engine else { return Ok(false) };
            let Some(mutation) = mutation(&name, &edit) else { continue };
            let mut effects = Vec::new();
            match engine.mutate(now, mutation, &mut effects) {
                Ok(id) => {
                    self.say(|| format!("{id} = {edit:?} on {name}"));
                    self.mutations += 1;
                    self.trace.event("mutate", self.now, self.mutations, effects.len());
                    self.judge(|oracle| oracle.invoked(&id.0, &name, &edit, seen.flatten().as_ref()))?;
                    self.carry_out(effects)?;
                    self.look(false)?;
                    if self.dice.strikes(Fault::ClosedAtOnce) {
                        self.crash(false)?;
                        return Ok(false);
                    }
                }
                Err(fault) if fault.code == Code::NotLoaded => {
                    self.ask(Ask::Load { address: address(&name) })?;
                }
                Err(fault) if matches!(fault.code, Code::QueueFull | Code::TooLarge) || self.is_scripted() => {
                    self.trace.mark("refused", self.now, 0, fault.message.len());
                }
                Err(fault) => return self.violated("I22", format!("{edit:?} on {seen:?} was not taken: {fault}")).map(|()| false),
            }
        }
        Ok(true)
    }

    /// What the app sees of a document.
    pub(super) fn seen(&mut self, name: &str) -> Look {
        match self.device.engine.as_mut()?.view(&address(name)) {
            View::NotLoaded => None,
            View::Absent => Some(None),
            View::Document(json) => Some(serde_json::from_str::<Value>(json.as_str()).ok()),
        }
    }

    /// The oracle looks at what has changed, or at everything.
    pub(super) fn look(&mut self, all: bool) -> Halt {
        if !self.device.is_open {
            return Ok(());
        }
        let mut oracle = std::mem::take(&mut self.oracle);
        let verdict = oracle.looked(all, |name| self.seen(name));
        self.oracle = oracle;
        verdict?;
        let (said, must) = (self.device.engine.as_ref().map(|engine| engine.status().pending_mutations as usize), self.oracle.pending());
        if all && said.is_some_and(|said| said != must) {
            return self.violated("I1", format!("the device says that {said:?} writes are pending, and {must} are"));
        }
        Ok(())
    }

    /// The tab is gone; a new one comes.
    pub(super) fn crash(&mut self, power: bool) -> Halt {
        if self.device.engine.is_none() {
            return Ok(());
        }
        self.crashes += 1;
        self.say(|| format!("crash, power {power}"));
        self.trace.event("crash", self.now, self.device.life, self.disk.waiting());
        let kept = self.dice.size(Fault::Crash, 0, self.disk.waiting() as u64) as usize;
        if power {
            let kept = self.dice.size(Fault::PowerLost, 0, self.disk.unflushed() as u64) as usize;
            self.disk.lose_power(kept);
        } else {
            for (write, position) in self.disk.crash(kept) {
                self.judge(|oracle| oracle.committed(&write, position))?;
            }
        }
        let (disk_full_until, clock_skew) = (self.device.disk_full_until, self.device.clock_skew);
        let (life, requests) = (self.device.life + 1, self.device.requests);
        self.device = Device { life, requests, disk_full_until, clock_skew, ..Device::default() };
        let image = self.disk.image().clone();
        self.judge(|oracle| oracle.crashed(&image, power))?;
        let pause = 50 + self.rng.up_to(5_000);
        self.schedule(self.now + pause, Event::Boot { life });
        Ok(())
    }

    pub(super) fn start_disk(&mut self) {
        if self.disk.waiting() > 0 && !self.disk_is_busy {
            self.disk_is_busy = true;
            let slow = if self.dice.strikes(Fault::SlowDisk) { self.dice.size(Fault::SlowDisk, 0, 5_000) } else { 0 };
            let ms = self.rng.up_to(3) + slow;
            self.schedule(self.now + ms, Event::Disk);
        }
    }

    /// The oldest job of the disk has come to its end.
    pub(super) fn finish_disk(&mut self) -> Halt {
        self.disk_is_busy = false;
        let fate = match self.disk.is_write_next() {
            true if self.now < self.device.disk_full_until => Fate::Full,
            true if self.dice.strikes(Fault::WriteAborts) => Fate::Aborts,
            _ => Fate::Completes,
        };
        let input = match self.disk.finish(fate) {
            None => return Ok(()),
            Some(Done::Loaded(load, found)) => Input::Loaded { load, found },
            Some(Done::Failed(write, why)) => Input::WriteFailed { write, why },
            Some(Done::Written { write, position }) => {
                self.trace.event("stored", self.now, position, 0);
                self.judge(|oracle| oracle.committed(&write, position))?;
                Input::Written { write: write.write, position }
            }
        };
        self.start_disk();
        self.tell_later(0, input);
        Ok(())
    }
}

fn mutation(name: &str, edit: &Edit) -> Option<Mutation> {
    let address = address(name);
    match edit {
        Edit::Put(value) => Mutation::put(address, &value.to_string()),
        Edit::Merge(value) => Mutation::merge(address, &value.to_string()),
        Edit::Patch { set, remove } => {
            let set: serde_json::Map<String, Value> = set.iter().cloned().collect();
            Mutation::patch(address, &serde_json::json!({ "set": set, "remove": remove }).to_string())
        }
        Edit::Delete => Ok(Mutation::delete(address)),
        Edit::Increment { path, by } => Mutation::increment(address, path, *by),
        Edit::Append { path, items } => Mutation::append(address, path, &items.to_string()),
        Edit::Splice { path, at, remove, insert } => Mutation::splice(address, path, *at, *remove, insert),
    }
    .ok()
}

/// An effect in words; bytes as the records they are.
fn told_effect(effect: &Effect) -> String {
    let Effect::Write(write) = effect else { return format!("{effect:?}") };
    let records = |bytes: &[u8]| {
        let found = record::decode(bytes).map(|found| match found {
            record::Found::Record(record) => format!("{:?} {} {}", record.kind, record.header, record.body),
            other => format!("{other:?}"),
        });
        found.collect::<Vec<_>>().join("\n      ")
    };
    let rewritten: Vec<_> = write.rewrite.iter().map(|(at, bytes)| (at, bytes.as_deref().map(records))).collect();
    let pages: Vec<_> = write.pages.iter().map(|(at, bytes)| (at, bytes.as_deref().map(records))).collect();
    let appended = write.append.as_deref().map(records).unwrap_or_default();
    format!("{:?} strict {} rewrite {rewritten:?} pages {pages:?}\n      {appended}", write.write, write.strict)
}

fn kind(input: &Input) -> &'static str {
    match input {
        Input::Started => "started",
        Input::Loaded { .. } => "loaded",
        Input::LoadFailed { .. } => "loadFailed",
        Input::Written { .. } => "written",
        Input::WriteFailed { .. } => "writeFailed",
        Input::Progressed { .. } => "progressed",
        Input::Replied { .. } => "replied",
        Input::SendFailed { .. } => "sendFailed",
        Input::Woke => "woke",
        _ => "told",
    }
}
