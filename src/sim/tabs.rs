//! The tabs of one device: one of them acts at a time, and around them are the lock that says which one drains and the
//! channel on which they talk, as a browser has them. Nothing of both is to be relied upon.

use std::collections::{BTreeSet, VecDeque};

use super::common::{Common, Event, Halt};
use super::device::{Device, Tab, seen};
use super::fault::Fault;
use crate::engine::Engine;
use crate::engine::input::Input;
use crate::engine::message::Message;
use crate::engine::notice::StorageKind;
use crate::engine::rng::Rng;

/// A message is there after so many milliseconds at the most, and so is what becomes of the lock.
const HEARD_MS: u64 = 20;

/// The tabs of a device that do not act at this moment, and what is between all of them.
pub(super) struct Tabs {
    parked: Vec<Tab>,
    /// Lives of tabs that there have been.
    lives: u64,
    has_locks: bool,
    /// The life that has the lock.
    holder: Option<u64>,
    /// Those that wait for it, in order.
    waiting: VecDeque<u64>,
    pub rng: Rng,
}

impl Tabs {
    /// All but the first of so many tabs, with a lock or without.
    pub fn of(number: usize, has_locks: bool, rng: Rng) -> Tabs {
        let parked = (1..number).map(|slot| Tab::of(slot, slot as u64)).collect();
        Tabs { parked, lives: number as u64, has_locks, holder: None, waiting: VecDeque::new(), rng }
    }

    /// Whether there are several.
    pub fn are_several(&self) -> bool {
        !self.parked.is_empty()
    }

    /// How many there are.
    pub fn number(&self) -> usize {
        self.parked.len() + 1
    }

    /// Whether none but the one that acts is open.
    pub fn are_asleep(&self) -> bool {
        self.parked.iter().all(|tab| tab.engine.is_none())
    }

    /// A life that never was.
    pub fn next_life(&mut self) -> u64 {
        self.lives += 1;
        self.lives - 1
    }
}

impl Device {
    /// The tab that is meant acts from here on. Says whether there is one.
    fn turn_to(&mut self, is_meant: impl Fn(&Tab) -> bool) -> bool {
        if !is_meant(&self.tab) {
            let Some(at) = self.tabs.parked.iter().position(is_meant) else { return false };
            std::mem::swap(&mut self.tab, &mut self.tabs.parked[at]);
            self.oracle.turn_to(self.tab.slot);
        }
        true
    }

    /// The tab with this life acts from here on, if it lives.
    pub fn turn_to_life(&mut self, life: u64) -> bool {
        self.turn_to(|tab| tab.life == life)
    }

    /// The tab of this number acts from here on.
    pub fn turn_to_slot(&mut self, slot: usize) {
        self.turn_to(|tab| tab.slot == slot);
    }

    /// A tab is drawn for what the user does next: one that is not frozen, if there is one.
    pub fn turn_to_any(&mut self, now: u64) {
        if self.tabs.are_several() {
            let slot = self.tabs.rng.up_to(self.tabs.number() as u64 - 1) as usize;
            self.turn_to_slot(slot);
            if now < self.tab.frozen_until {
                self.turn_to(|tab| now >= tab.frozen_until);
            }
        }
    }

    /// Something is done in each tab.
    pub fn each_tab(&mut self, mut act: impl FnMut(&mut Device) -> Halt) -> Halt {
        (0..self.tabs.number()).try_for_each(|slot| {
            self.turn_to_slot(slot);
            act(self)
        })
    }

    /// Whether something is so in all tabs.
    pub fn all_tabs(&mut self, is_so: impl Fn(&Device) -> bool) -> bool {
        (0..self.tabs.number()).all(|slot| {
            self.turn_to_slot(slot);
            is_so(self)
        })
    }

    /// Until when the one that is frozen the longest is.
    pub fn frozen_until(&self) -> u64 {
        self.tabs.parked.iter().map(|tab| tab.frozen_until).fold(self.tab.frozen_until, u64::max)
    }

    /// Which device, and which of its tabs.
    pub fn place_of_tab(&self) -> (usize, usize) {
        (self.number, self.tab.slot)
    }

    /// Whether the tab has a store, knows all that is in it, and has nothing to store itself.
    pub fn knows_all(&self) -> bool {
        let folded_to = self.disk.image().meta.as_ref().map_or(0, |meta| meta.folded_to);
        let last = self.disk.last_position().max(folded_to);
        self.tab.engine.as_ref().is_some_and(|engine| {
            let (known, waits) = engine.known_log();
            engine.status().storage == StorageKind::IndexedDb && known >= last && !waits
        })
    }

    /// The oracle looks at what has changed for the tab, or at everything.
    pub fn look_among_tabs(&mut self, common: &Common, all: bool) -> Halt {
        if !self.knows_all() {
            return Ok(());
        }
        let engine = &mut self.tab.engine;
        self.oracle.tab_looked(&common.truths[self.user], all, |name| seen(engine, name))?;
        let said: BTreeSet<String> = engine.iter().flat_map(Engine::pending_mutations).map(|id| id.to_string()).collect();
        let (only, missing) = self.oracle.pending_unlike(&said);
        if !only.is_empty() || !missing.is_empty() {
            let what = format!("the tab says that {only:?} are pending, which are not, and not that {missing:?} are");
            return self.violated(common, "I1", what);
        }
        Ok(())
    }

    /// A tab opens, and takes part in what the others do. Without a lock, or others, it does what it would do alone.
    pub fn enter_among_tabs(&mut self, common: &mut Common) -> Halt {
        if self.tabs.are_several() && self.tabs.has_locks {
            self.put(common, Input::LockLost)?;
            self.wait_for_lock(common);
        }
        Ok(())
    }

    /// A tab is gone.
    pub fn leave_tabs(&mut self, common: &mut Common) {
        let life = self.tab.life;
        self.tabs.waiting.retain(|waiting| *waiting != life);
        if self.tabs.holder == Some(life) {
            self.tabs.holder = None;
            self.grant(common);
        }
    }

    /// The tab asks for the lock.
    pub fn wait_for_lock(&mut self, common: &mut Common) {
        let life = self.tab.life;
        if self.tabs.has_locks && self.tabs.holder != Some(life) && !self.tabs.waiting.contains(&life) {
            self.tabs.waiting.push_back(life);
            if self.tabs.holder.is_none() {
                self.grant(common);
            }
        }
    }

    fn grant(&mut self, common: &mut Common) {
        let Some(life) = self.tabs.waiting.pop_front() else { return };
        self.tabs.holder = Some(life);
        self.say_to(common, life, Input::LockGained);
        if self.dice.strikes(Fault::TwoHolders) {
            let others = self.lives().filter(|other| *other != life).collect::<Vec<_>>();
            let which = self.dice.size(Fault::TwoHolders, 0, others.len() as u64 - 1) as usize;
            self.say_to(common, others[which], Input::LockGained);
        }
    }

    /// The tab takes the lock from whoever has it.
    pub fn steal(&mut self, common: &mut Common) {
        let life = self.tab.life;
        if self.tabs.has_locks {
            *self.seen.entry("C1").or_insert(0) += 1;
            self.tabs.waiting.retain(|waiting| *waiting != life);
            if let Some(former) = self.tabs.holder.replace(life).filter(|former| *former != life) {
                self.say_to(common, former, Input::LockLost);
            }
        }
        self.say_to(common, life, Input::LockGained);
    }

    /// The tab tells the others something.
    pub fn post(&mut self, common: &mut Common, message: &Message) {
        if !self.tabs.are_several() {
            return;
        }
        let others: Vec<u64> = self.tabs.parked.iter().filter(|tab| tab.engine.is_some()).map(|tab| tab.life).collect();
        for life in others {
            if !self.dice.strikes(Fault::MessageLost) {
                self.say_to(common, life, Input::Heard { message: message.clone() });
            }
        }
    }

    fn say_to(&mut self, common: &mut Common, life: u64, input: Input) {
        let ms = self.tabs.rng.up_to(HEARD_MS);
        common.schedule(common.now + ms, self.number, Event::Tell { life, input: Box::new(input) });
    }

    fn lives(&self) -> impl Iterator<Item = u64> {
        self.tabs.parked.iter().map(|tab| tab.life).chain([self.tab.life])
    }
}
