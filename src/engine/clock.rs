//! Time as the engine is told it, and the table of what it wants to be woken for.

use serde::{Deserialize, Serialize};

use crate::protocol::member::Member;

/// Milliseconds on a monotonic clock of this run. Never stored: another run has another zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// `ms` later.
    pub fn after(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this; 0 where it is not earlier.
    pub fn since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Milliseconds since 1970, as the machine believes. For people and for waits across a restart; no decision of
/// correctness hangs on it (T1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wall(pub u64);

impl Member for Wall {
    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        self.0.fill(raw)
    }
    fn blank() -> Self {
        Wall(0)
    }
}

/// What the engine wants to be woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timer {
    /// What this turn staged is written: due when the turn ends, or when a failed write may be tried again.
    Commit,
    /// A window of collecting writes ends, or an entry may be tried again.
    Push,
    /// The next pull is due.
    Pull,
    /// The link may be tried again.
    Link,
    /// A request has made no progress for too long.
    Progress,
    /// A call has waited long enough.
    Wait,
    /// The app's token is waited for no longer, or asked for again.
    Token,
    /// The log is folded into pages.
    Compact,
    /// A tab that drains has not answered, or is to be asked.
    Tabs,
    /// The mirror has not answered.
    Mirror,
    /// A store that is given up is tried again.
    Adoption,
    /// The safety net: whatever is due and was missed.
    Sweep,
}

const TIMERS: [Timer; 12] = [
    Timer::Commit,
    Timer::Push,
    Timer::Pull,
    Timer::Link,
    Timer::Progress,
    Timer::Wait,
    Timer::Token,
    Timer::Compact,
    Timer::Tabs,
    Timer::Mirror,
    Timer::Adoption,
    Timer::Sweep,
];

/// When each timer is due.
#[derive(Clone, Debug, Default)]
pub struct TimerTable {
    due: [Option<Timestamp>; TIMERS.len()],
}

impl TimerTable {
    /// Sets `timer` to `at`, earlier or later than it was; `None` stops it.
    pub fn set(&mut self, timer: Timer, at: Option<Timestamp>) {
        self.due[timer as usize] = at;
    }

    /// Sets `timer` to `at` unless it is due earlier.
    pub fn set_earlier(&mut self, timer: Timer, at: Timestamp) {
        let due = &mut self.due[timer as usize];
        *due = Some(due.map_or(at, |due| due.min(at)));
    }

    /// Whether `timer` is running.
    pub fn is_set(&self, timer: Timer) -> bool {
        self.due[timer as usize].is_some()
    }

    /// The earliest, and what it is for.
    pub fn next(&self) -> Option<(Timestamp, Timer)> {
        let mut next: Option<(Timestamp, Timer)> = None;
        for timer in TIMERS {
            if let Some(at) = self.due[timer as usize]
                && next.is_none_or(|(earliest, _)| at < earliest)
            {
                next = Some((at, timer));
            }
        }
        next
    }

    /// Takes one timer that is due at `now`, the earliest first.
    pub fn expire(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = self.next()?;
        if at > now {
            return None;
        }
        self.set(timer, None);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_expire_in_order_and_once() {
        let mut timers = TimerTable::default();
        timers.set(Timer::Pull, Some(Timestamp(20)));
        timers.set(Timer::Push, Some(Timestamp(10)));
        timers.set_earlier(Timer::Pull, Timestamp(30));
        assert_eq!(timers.next(), Some((Timestamp(10), Timer::Push)));
        assert_eq!(timers.expire(Timestamp(9)), None);
        assert_eq!(timers.expire(Timestamp(25)), Some(Timer::Push));
        assert_eq!(timers.expire(Timestamp(25)), Some(Timer::Pull));
        assert_eq!(timers.expire(Timestamp(u64::MAX)), None);
    }
}
