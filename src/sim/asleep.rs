//! A machine that sleeps (fault T2): the world goes on, the wall clock with it, and the monotonic clock of the page stands
//! still. As in the shell of a browser, whatever comes first after a sleep, the engine hears of the sleep before it.

use super::common::{Common, Halt};
use super::device::Device;
use super::oracle::Violation;
use crate::engine::Engine;
use crate::engine::input::Input;

/// The sleeps of a tab.
#[derive(Debug, Default)]
pub(super) struct Sleep {
    /// The last one: from when, until when.
    last: (u64, u64),
    /// How long all before it were.
    before: u64,
    /// Whether the engine has yet to hear of it.
    is_unnoticed: bool,
}

/// No wait is longer than this: the longest of an entry, the longest that the server asks for, and some.
const WAIT_MS_MAX: u64 = 15 * 60_000;

impl Sleep {
    /// For how long the monotonic clock has stood still by now.
    pub fn slept(&self, now: u64) -> u64 {
        self.before + now.clamp(self.last.0, self.last.1) - self.last.0
    }

    /// The same, when the last sleep is over.
    pub fn all(&self) -> u64 {
        self.slept(self.last.1)
    }

    /// Whether the engine has yet to hear of it.
    pub fn is_unnoticed(&self) -> bool {
        self.is_unnoticed
    }

    fn begin(&mut self, now: u64, ms: u64) {
        self.before = self.slept(now);
        self.last = (now, now + ms);
        self.is_unnoticed = true;
    }
}

impl Device {
    /// The machine sleeps.
    pub fn sleep(&mut self, common: &mut Common, ms: u64) -> Halt {
        // A machine sleeps with all its tabs.
        let is_frozen = common.now < self.tab.frozen_until && !self.tabs.are_several();
        if self.tab.engine.is_none() || is_frozen {
            return Ok(());
        }
        self.tab.sleep.begin(common.now, ms);
        self.tab.frozen_until = self.tab.frozen_until.max(common.now + ms);
        // Timers go by the clock that stands still.
        let deadline = self.tab.engine.as_ref().and_then(Engine::deadline).map(|(at, _)| self.common_time(at));
        self.arm(common, deadline);
        match ms % 3 {
            0 => self.tell_later(common, ms, Input::BecameVisible),
            1 => self.tell_later(common, ms, Input::WentOnline),
            _ => {}
        }
        Ok(())
    }

    /// The engine hears that the machine slept, or at least what time it is. No wait that was over in its sleep is a wait still
    /// (law V1, bug B28).
    pub fn notice_sleep(&mut self, common: &mut Common) -> Halt {
        let (from, until) = self.tab.sleep.last;
        let is_long = self.tab.sleep.is_unnoticed && until - from > WAIT_MS_MAX && common.now >= until;
        // Of what is left of it the engine hears at its end.
        self.tab.sleep.is_unnoticed &= common.now < until;
        let is_quiet = self.tab.outstanding.is_empty();
        let wall = self.wall(common);
        self.tell(common, Input::Resumed { wall })?;
        let Some(engine) = self.tab.engine.as_ref().filter(|_| is_long && is_quiet) else { return Ok(()) };
        match engine.status().retry_at {
            Some(at) if at > wall && self.tab.asked_to_wait <= common.now => {
                let what = format!("device {} slept for {} ms, and at {wall:?} it still waits until {at:?}", self.number, until - from);
                Err(Violation { law: "V1", what })
            }
            _ => Ok(()),
        }
    }
}
