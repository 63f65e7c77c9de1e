//! Faults on purpose, and what was counted meanwhile.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong. Everything is off by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Plan {
    /// Each sync request waits this long first.
    pub slow_ms: u64,
    /// How likely it is that a push is committed and then not answered.
    pub lose_replies: f64,
    /// So many pushes are committed and not answered, before dice are thrown.
    pub lose_next: u32,
    /// How likely it is that a sync request is answered 503, with nothing done.
    pub error_rate: f64,
    /// So many sync requests are answered 503, before dice are thrown.
    pub error_next: u32,
    /// Sent as Retry-After with each such 503, in seconds.
    pub retry_after_s: Option<u64>,
}

/// Decides about each request.
pub struct Faults(Mutex<(Plan, u64)>);

impl Faults {
    pub fn new(plan: Plan, seed: u64) -> Faults {
        Faults(Mutex::new((plan, seed)))
    }

    pub fn plan(&self) -> Plan {
        self.with(|plan, _| plan.clone())
    }

    pub fn set(&self, next: Plan) {
        self.with(|plan, _| *plan = next);
    }

    /// How long the next request waits.
    pub fn slowness(&self) -> Duration {
        Duration::from_millis(self.with(|plan, _| plan.slow_ms))
    }

    /// Whether the next request fails, and the Retry-After that goes with it.
    pub fn fails(&self) -> Option<Option<u64>> {
        self.with(|plan, seed| falls(&mut plan.error_next, plan.error_rate, seed).then_some(plan.retry_after_s))
    }

    /// Whether the next reply to a push is lost.
    pub fn loses_reply(&self) -> bool {
        self.with(|plan, seed| falls(&mut plan.lose_next, plan.lose_replies, seed))
    }

    fn with<T>(&self, decide: impl FnOnce(&mut Plan, &mut u64) -> T) -> T {
        let mut guard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (plan, seed) = &mut *guard;
        decide(plan, seed)
    }
}

fn falls(next: &mut u32, chance: f64, seed: &mut u64) -> bool {
    if *next > 0 {
        *next -= 1;
        return true;
    }
    chance > 0.0 && dice(seed) < chance
}

/// A number from 0 (included) to 1 (not included): splitmix64.
fn dice(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// What was counted since the start. Bytes are those of bodies.
#[derive(Default)]
pub struct Counters {
    pub requests: AtomicU64,
    pub pushes: AtomicU64,
    pub pulls: AtomicU64,
    pub entries: AtomicU64,
    pub replays: AtomicU64,
    pub replies_lost: AtomicU64,
    pub errors_injected: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// Sync requests of every kind, failed ones included.
    pub requests: u64,
    /// Pushes that were read.
    pub pushes: u64,
    /// Pulls that were answered.
    pub pulls: u64,
    /// Entries in those pushes.
    pub entries: u64,
    /// Entries among them that were answered from what was stored before.
    pub replays: u64,
    /// Pushes that were committed and not answered, on purpose.
    pub replies_lost: u64,
    /// Requests that were answered 503 on purpose.
    pub errors_injected: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

impl Counters {
    pub fn add(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub fn read(&self) -> Counted {
        let at = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            requests: at(&self.requests),
            pushes: at(&self.pushes),
            pulls: at(&self.pulls),
            entries: at(&self.entries),
            replays: at(&self.replays),
            replies_lost: at(&self.replies_lost),
            errors_injected: at(&self.errors_injected),
            bytes_in: at(&self.bytes_in),
            bytes_out: at(&self.bytes_out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_fall_as_often_as_they_should_and_the_same_for_the_same_seed() {
        let lost = |seed| {
            let faults = Faults::new(Plan { lose_replies: 0.25, ..Plan::default() }, seed);
            (0..4_000).map(|_| faults.loses_reply()).collect::<Vec<_>>()
        };
        let times = lost(1).iter().filter(|lost| **lost).count();
        assert!((900..1_100).contains(&times), "{times}");
        assert_eq!(lost(1), lost(1));
        assert_ne!(lost(1), lost(2));
    }

    #[test]
    fn the_next_ones_fail_and_no_more() {
        let faults = Faults::new(Plan { error_next: 2, retry_after_s: Some(7), ..Plan::default() }, 0);
        assert_eq!([faults.fails(), faults.fails(), faults.fails()], [Some(Some(7)), Some(Some(7)), None]);
    }
}
