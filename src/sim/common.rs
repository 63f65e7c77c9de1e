//! What all devices of a run share: virtual time, the queue of what is going to happen, the server, and what is true
//! there for each user.

use std::collections::BTreeMap;

use super::action::Action;
use super::oracle::{Truth, Violation};
use super::plan::{Plan, Step, User};
use super::server::Server;
use super::trace::Trace;
use super::traffic::{Letter, Parcel};
use crate::engine::input::Input;
use crate::engine::planted::Bug;

/// Whether the run goes on.
pub(super) type Halt = Result<(), Violation>;

/// What is going to happen at a device.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The user does something.
    Act,
    /// A line of the script, in the tab of this number.
    Line(usize, Action),
    /// A new tab opens.
    Boot { life: u64 },
    /// A timer fires that was armed for `at`.
    Wake { life: u64, at: u64 },
    /// The engine is told something.
    Tell { life: u64, input: Box<Input> },
    /// The disk ends its oldest job.
    Disk,
    /// A tab's worker has flushed what was to be mirrored.
    Flushed { life: u64 },
    /// A request reaches the server.
    Arrive(Box<Parcel>),
    /// A reply reaches the device.
    Reply(Box<Letter>),
}

/// So often a user tries for each write that is asked for.
const TRIES: u64 = 100;

/// What all devices share.
pub(super) struct Common {
    pub plan: Plan,
    pub bug: Option<Bug>,
    pub now: u64,
    queue: BTreeMap<(u64, u64), (usize, Event)>,
    scheduled: u64,
    pub server: Server,
    /// What is true at the server, by user.
    pub truths: Vec<Truth>,
    pub trace: Trace,
    /// Writes that were taken.
    pub mutations: u64,
    /// Writes that were tried.
    pub tried: u64,
    pub crashes: u64,
    pub tells: bool,
    /// What users and the world have done, where somebody writes it down.
    pub lines: Option<Vec<Step>>,
}

impl Common {
    pub fn new(plan: Plan, bug: Option<Bug>) -> Common {
        Common {
            bug,
            now: 0,
            queue: BTreeMap::new(),
            scheduled: 0,
            server: Server::new(),
            truths: (0..plan.users()).map(|_| Truth::default()).collect(),
            trace: Trace::new(),
            mutations: 0,
            tried: 0,
            crashes: 0,
            tells: false,
            lines: None,
            plan,
        }
    }

    /// Says what happens, where somebody listens.
    pub fn say(&self, (device, tab): (usize, usize), what: impl FnOnce() -> String) {
        if self.tells {
            eprintln!("{:>6} {:>9} ms  {device}.{tab}: {}", self.trace.events(), self.now, what());
        }
    }

    /// Writes down what was done in a tab of a device.
    pub fn note(&mut self, (device, tab): (usize, usize), action: impl FnOnce() -> Action) {
        if let Some(lines) = &mut self.lines {
            lines.push(Step { at: self.now, device: device as u32, tab: tab as u32, action: action() });
        }
    }

    /// `event` happens at `device`, at `at` or now.
    pub fn schedule(&mut self, at: u64, device: usize, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at.max(self.now), self.scheduled), (device, event));
    }

    /// The next event, and where; time goes on to it.
    pub fn next(&mut self) -> Option<(usize, Event)> {
        let ((at, _), next) = self.queue.pop_first()?;
        self.now = self.now.max(at);
        Some(next)
    }

    /// When the next event is.
    pub fn next_at(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Whether a line of the script is still to come.
    pub fn has_lines(&self) -> bool {
        self.queue.values().any(|(_, event)| matches!(event, Event::Line(..)))
    }

    pub fn is_scripted(&self) -> bool {
        matches!(self.plan.user, User::Script(_))
    }

    /// Whether as much was written as the plan asks for, or so much was tried that no more will be taken.
    pub fn has_written(&self) -> bool {
        let User::Random { mutations, .. } = self.plan.user else { return false };
        self.mutations >= u64::from(mutations) || self.tried >= u64::from(mutations) * TRIES
    }
}
