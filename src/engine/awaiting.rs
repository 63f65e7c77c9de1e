//! Acting on calls that wait for writes to end, and on what the app wants to be sent soon.

use super::clock::Timestamp;
use super::config::TransportKind;
use super::effect::Sink;
use super::error::{Code, Fault};
use super::ident::AskId;
use super::link::{AWAITED_FAILURES, Tried};
use super::message::Errand;
use super::{Engine, Life, Pause};
use crate::protocol::Address;

/// Most calls that wait at once; one more is `QUEUE_FULL`.
pub(super) const WAITERS_MAX: usize = 10_000;

/// A call that waits until all that was queued when it came has ended, or until feeds were pulled.
#[derive(Debug)]
pub(super) struct Waiter {
    ask: AskId,
    /// The document it is about; `None`: all.
    address: Option<Address>,
    /// The last place in the order of the outbox when it came. What carries on a write stands in the write's place, so
    /// that nothing with a place up to this one is left when all of them have ended.
    last: u64,
    /// It ends then in any case.
    until: Option<Timestamp>,
    /// Whether it is told what is in the way of sending. A call that only waits is not.
    sends: bool,
    /// Failures in a row of the link that it has seen.
    failures: u32,
    /// The feeds that it waits for, and for nothing else.
    feeds: u64,
}

/// One feed among others: the first 64 are told apart.
pub(super) fn bit(feed: usize) -> u64 {
    1 << (feed % 64)
}

impl Engine {
    /// The app waits for what is pending, for so long at most.
    pub(super) fn on_wait_asked(&mut self, now: Timestamp, ask: AskId, timeout_ms: u64, effects: &mut impl Sink) {
        let until = Some(now.after(timeout_ms));
        self.await_writes(Waiter { ask, address: None, last: 0, until, sends: false, failures: 0, feeds: 0 }, effects);
    }

    /// The app wants what is pending, of one document or of all, to be sent now: without the window, and without the
    /// waits that this client drew. What the server asked for stands. A document with nothing pending is asked for.
    pub(super) fn on_push_asked(
        &mut self,
        now: Timestamp,
        ask: AskId,
        address: Option<Address>,
        timeout_ms: Option<u64>,
        effects: &mut impl Sink,
    ) {
        if let Err(error) = self.check_askable() {
            return self.answer(ask, Some(error), effects);
        }
        if address.is_some() && self.outbox.first(address.as_ref()).is_none() {
            self.link.on_awaited(now, Tried::Pull);
            let until = timeout_ms.map(|ms| now.after(ms));
            return self.on_pull_asked(now, ask, None, until, effects);
        }
        self.link.on_awaited(now, Tried::Push);
        self.outbox.hasten(address.as_ref(), now);
        self.window = self.window.map(|since| since.min(now));
        let until = timeout_ms.map(|ms| now.after(ms));
        self.await_writes(Waiter { ask, address, last: 0, until, sends: true, failures: self.link.failures(), feeds: 0 }, effects);
    }

    /// The app wants a document to be looked at soon: its entries wait no longer than until the next poll would come,
    /// unless the server asked for more; where nothing of it is pending, the server is asked.
    pub(super) fn on_marked(&mut self, now: Timestamp, address: &Address) {
        if self.outbox.first(Some(address)).is_none() {
            return self.ask_soon(now);
        }
        self.outbox.hasten(Some(address), now.after(self.config.poll_base_ms));
    }

    /// Whether there is anybody who could be asked, some time.
    pub(super) fn check_askable(&self) -> Result<(), Fault> {
        self.check_open()?;
        match self.config.transport {
            TransportKind::None => Err(Fault::new(Code::Closed, "there is nobody to ask")),
            _ => Ok(()),
        }
    }

    fn await_writes(&mut self, waiter: Waiter, effects: &mut impl Sink) {
        if self.waiters.len() >= WAITERS_MAX {
            let error = Fault::new(Code::QueueFull, "too many calls are waiting");
            return self.answer(waiter.ask, Some(error), effects);
        }
        self.waiters.push(Waiter { last: self.outbox.last_order(), ..waiter });
    }

    /// The app waits for these feeds.
    pub(super) fn await_pull(&mut self, ask: AskId, feeds: u64, until: Option<Timestamp>, effects: &mut impl Sink) {
        self.await_writes(Waiter { ask, address: None, last: 0, until, sends: false, failures: 0, feeds }, effects);
    }

    /// Who waits for this feed hears of it: at once where it failed, otherwise when it was the last one.
    pub(super) fn answer_pull(&mut self, feed: usize, error: Option<Fault>, effects: &mut impl Sink) {
        let mut at = 0;
        while let Some(waiter) = self.waiters.get_mut(at) {
            let is_waiting = waiter.feeds & bit(feed) != 0;
            let others = waiter.feeds & !bit(feed);
            if is_waiting && (error.is_some() || others == 0) {
                let waiter = self.waiters.remove(at);
                self.answer(waiter.ask, error.clone(), effects);
            } else {
                waiter.feeds = others;
                at += 1;
            }
        }
    }

    /// Whether a call waits for something that collects in a window.
    pub(super) fn is_window_awaited(&self) -> bool {
        let awaits = |waiter: &Waiter| waiter.sends && self.outbox.head(waiter.address.as_ref()).is_some_and(|head| head <= waiter.last);
        self.waiters.iter().any(awaits)
    }

    /// Calls end: what they wait for has ended, or will not for now.
    pub(super) fn answer_waiters(&mut self, now: Timestamp, effects: &mut impl Sink) {
        let failures = self.link.failures();
        let mut at = 0;
        while let Some(waiter) = self.waiters.get(at) {
            // The app hears first how what it waits for has ended.
            let is_over = waiter.feeds == 0
                && !self.store.has_endings()
                && self.outbox.first(waiter.address.as_ref()).is_none_or(|first| first > waiter.last);
            let obstacle = if is_over { None } else { self.obstacle(now, waiter) };
            if is_over || obstacle.is_some() {
                let waiter = self.waiters.remove(at);
                self.answer(waiter.ask, obstacle, effects);
            } else {
                let waiter = &mut self.waiters[at];
                waiter.failures = waiter.failures.min(failures);
                at += 1;
            }
        }
    }

    /// What is pending has other places in the order: what waits for writes waits for all that is pending now.
    pub(super) fn await_all(&mut self) {
        for waiter in &mut self.waiters {
            waiter.last = self.outbox.last_order();
        }
    }

    /// Calls that only a tab that drains can answer, as errands for one.
    pub(super) fn take_errands(&mut self) -> Vec<(AskId, Errand, Option<Timestamp>)> {
        let mut errands = Vec::new();
        while let Some(at) = self.waiters.iter().position(|waiter| waiter.sends || waiter.feeds != 0) {
            let Waiter { ask, address, until, feeds, .. } = self.waiters.remove(at);
            let mut named = self.feeds.iter().enumerate().filter(|(index, _)| feeds & bit(*index) != 0).map(|(_, feed)| feed.name.clone());
            let errand = match (feeds, named.next(), named.next()) {
                (0, ..) => Errand::Push { address },
                (_, feed, None) => Errand::Pull { feed },
                _ => Errand::Pull { feed: None },
            };
            errands.push((ask, errand, until));
        }
        errands
    }

    /// Whether a call of this number waits.
    pub(super) fn is_awaited(&self, ask: AskId) -> bool {
        self.waiters.iter().any(|waiter| waiter.ask == ask)
    }

    /// When the first call has waited long enough.
    pub(super) fn next_waiter(&self) -> Option<Timestamp> {
        self.waiters.iter().filter_map(|waiter| waiter.until).min()
    }

    /// Why a call is not waited for any longer.
    fn obstacle(&self, now: Timestamp, waiter: &Waiter) -> Option<Fault> {
        if self.life != Life::Open {
            return self.check_open().err();
        }
        if waiter.until.is_some_and(|until| until <= now) {
            return Some(Fault::new(Code::Timeout, "not all of it has ended in time"));
        }
        if !waiter.sends {
            return None;
        }
        let failures = self.link.failures();
        if failures >= AWAITED_FAILURES && failures > waiter.failures {
            let error = self.troubles.network.clone();
            return Some(error.unwrap_or_else(|| Fault::new(Code::Network, "no answer from the server")));
        }
        if self.outbox.has_sealed(waiter.address.as_ref()) {
            return Some(Fault::new(Code::StorageUnavailable, "the store was lost, and with it the right to send what is in it"));
        }
        if self.is_all_parked(waiter.address.as_ref()) {
            return Some(Fault::new(Code::Rejected, "a conflict waits until somebody decides"));
        }
        match self.pause? {
            Pause::Auth(_) => Some(Fault::new(Code::Unauthorized, "a token is missing or no longer good")),
            _ => self.pause_for_good(),
        }
    }

    /// Why nothing is sent or asked until the app does something about it.
    pub(super) fn pause_for_good(&self) -> Option<Fault> {
        match self.pause? {
            Pause::Auth(_) => None,
            Pause::Scope => Some(Fault::new(Code::WrongScope, "the server acts for another user")),
            Pause::Fenced => Some(Fault::new(Code::Fenced, "another client holds the session")),
        }
    }
}
