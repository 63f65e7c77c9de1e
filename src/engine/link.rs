//! What is believed about the network, and when it may be tried again. The browser's signals are hints; the truth is
//! whether requests are answered.

use super::clock::Timestamp;
use super::retry;
use super::rng::Rng;

/// Between two probes of a network that is believed to be away.
pub const PROBE_MS: u64 = 30_000;
/// `online` spreads its clients over this long (O1).
const ONLINE_SPREAD_MS: u64 = 5_000;
/// How many failures in a row cost nothing but their own waits.
const BURST: u64 = 10;
/// Behind those, one request may fail in this long...
const FLOOR_MS: u64 = 10_000;
/// ...and one more for each ten that do not (O2).
const EARNED_MS: u64 = FLOOR_MS / 10;
/// A call that somebody awaits ends with an error after this many failures in a row.
pub const AWAITED_FAILURES: u32 = 5;

/// What a request over the link was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tried {
    /// To send, or only to see whether anybody is there.
    #[default]
    Push,
    /// To ask.
    Pull,
}

/// The link to the server.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// The browser said that there is no network, and nothing has been heard since.
    offline: bool,
    failures: u32,
    /// What was tried last.
    tried: Tried,
    retry_at: Option<Timestamp>,
    /// The server asked for peace until then, or the budget of retries is used up; nothing cuts that short.
    held_until: Option<Timestamp>,
    /// The budget of retries: failures so far are paid for by then.
    paid: Timestamp,
}

impl Link {
    /// Whether the network is believed to be there.
    pub fn is_online(&self) -> bool {
        !self.offline
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether requests may be sent; with failures behind it, one at a time.
    pub fn is_open(&self, now: Timestamp, in_flight: usize) -> bool {
        !self.offline && self.retry_at().is_none_or(|at| at <= now) && (self.failures == 0 || in_flight == 0)
    }

    /// When something is to be done about a closed link: a probe while offline, else a try.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.retry_at.max(self.held_until)
    }

    /// Whether it is time to ask a network that is believed to be away.
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        self.offline && self.retry_at().is_some_and(|at| at <= now)
    }

    /// Whether it is the other half's turn. With failures behind it, a link carries one request at a time, and pushes
    /// and pulls take turns: neither waits for ever for an answer that only the other one does not get.
    pub fn yields(&self, half: Tried) -> bool {
        self.failures > 0 && self.tried == half
    }

    /// A request leaves.
    pub fn on_try(&mut self, half: Tried) {
        self.tried = half;
    }

    /// Somebody awaits an answer: a wait that was drawn here ends, and it is this half's turn. What the server asked for
    /// stands.
    pub fn on_awaited(&mut self, now: Timestamp, half: Tried) {
        self.retry_at = self.retry_at.map(|at| at.min(now));
        self.tried = if half == Tried::Push { Tried::Pull } else { Tried::Push };
    }

    /// A request was answered, with whatever.
    pub fn on_answer(&mut self) {
        *self = Link { held_until: self.held_until, paid: self.paid, ..Link::default() };
    }

    /// A request did what it was for: it earns part of a retry.
    pub fn on_success(&mut self) {
        self.paid = Timestamp(self.paid.0.saturating_sub(EARNED_MS));
    }

    /// A request will have to be made once more. However many entries and feeds wait, each with a time of its own: where too
    /// many fail, the next request waits until there is a retry to be spent (law I19).
    pub fn on_retry(&mut self, now: Timestamp) {
        self.paid = self.paid.max(now).after(FLOOR_MS);
        let open = Timestamp(self.paid.0.saturating_sub(BURST * FLOOR_MS));
        if open > now {
            self.on_asked_to_wait(open);
        }
    }

    /// A server asked not to be asked before then.
    pub fn on_asked_to_wait(&mut self, until: Timestamp) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// Forgets a time that has passed.
    pub fn end_hold(&mut self, now: Timestamp) {
        self.held_until = self.held_until.filter(|until| *until > now);
    }

    /// A request was not answered.
    pub fn on_no_answer(&mut self, now: Timestamp, rng: &mut Rng) {
        self.on_retry(now);
        self.failures = self.failures.saturating_add(1);
        let wait = if self.offline { PROBE_MS } else { retry::LINK.draw(self.failures, rng) };
        self.retry_at = Some(now.after(wait));
    }

    /// The browser says that there is a network: a wait that runs ends early, but not everybody's at once.
    pub fn on_online(&mut self, now: Timestamp, rng: &mut Rng) {
        let was_offline = std::mem::take(&mut self.offline);
        if self.failures == 0 {
            self.retry_at = None;
        } else {
            let spread = now.after(rng.up_to(ONLINE_SPREAD_MS));
            self.retry_at = self.retry_at.filter(|at| !was_offline && *at < spread).or(Some(spread));
        }
    }

    /// The browser says that there is none. It may be wrong (N12): it is probed.
    pub fn on_offline(&mut self, now: Timestamp) {
        if !self.offline {
            self.offline = true;
            self.retry_at = Some(now.after(PROBE_MS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n12_offline_is_a_hint_and_is_probed() {
        let mut link = Link::default();
        let mut rng = Rng::new([1, 2]);
        link.on_offline(Timestamp(0));
        link.on_offline(Timestamp(20_000));
        assert!(!link.is_open(Timestamp(29_999), 0) && !link.is_probe_due(Timestamp(29_999)));
        assert!(link.is_probe_due(Timestamp(30_000)));
        link.on_no_answer(Timestamp(30_000), &mut rng);
        assert_eq!(link.retry_at(), Some(Timestamp(60_000)));
        link.on_answer();
        assert!(link.is_online() && link.is_open(Timestamp(60_000), 3));
    }

    #[test]
    fn h11_after_a_failure_one_request_at_a_time() {
        let mut link = Link::default();
        let mut rng = Rng::new([3, 4]);
        for _ in 0..9 {
            link.on_no_answer(Timestamp(0), &mut rng);
            let at = link.retry_at().unwrap();
            assert!(at <= Timestamp(30_000));
            assert!(link.is_open(at, 0) && !link.is_open(at, 1));
        }
    }

    #[test]
    fn h8_nothing_cuts_short_what_the_server_asked_for() {
        let mut link = Link::default();
        link.on_asked_to_wait(Timestamp(60_000));
        link.on_answer();
        link.on_online(Timestamp(10), &mut Rng::new([7, 8]));
        assert!(!link.is_open(Timestamp(59_999), 0) && link.is_open(Timestamp(60_000), 0));
    }

    #[test]
    fn o1_online_cuts_a_wait_short_with_a_spread() {
        let mut rng = Rng::new([5, 6]);
        let tries: Vec<u64> = (0..300)
            .map(|_| {
                let mut link = Link { failures: 5, retry_at: Some(Timestamp(30_000)), ..Link::default() };
                link.on_online(Timestamp(1_000), &mut rng);
                link.retry_at().unwrap().0
            })
            .collect();
        assert!(tries.iter().all(|at| (1_000..=6_000).contains(at)));
        assert!(tries.iter().any(|at| *at < 2_000) && tries.iter().any(|at| *at > 5_000));
        let mut fresh = Link::default();
        fresh.on_offline(Timestamp(0));
        fresh.on_online(Timestamp(10), &mut rng);
        assert!(fresh.is_open(Timestamp(10), 2), "waiting offline counts as no failure");
    }
}
