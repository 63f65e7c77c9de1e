//! What happened in a run, as one number: the same seed gives the same number twice (law I25).

use xxhash_rust::xxh64::Xxh64;

/// The digest of a run: over kinds, ids, sizes and times of all events, and no values.
#[derive(Clone)]
pub struct Trace {
    hasher: Xxh64,
    events: u64,
}

impl Trace {
    /// An empty one.
    pub fn new() -> Trace {
        Trace { hasher: Xxh64::new(0), events: 0 }
    }

    /// One more event: what it was, when, which, and how large.
    pub fn event(&mut self, kind: &str, at: u64, id: u64, size: usize) {
        self.events += 1;
        self.mark(kind, at, id, size);
    }

    /// Something that follows from an event, and is none by itself.
    pub fn mark(&mut self, kind: &str, at: u64, id: u64, size: usize) {
        self.hasher.update(kind.as_bytes());
        let mut numbers = [0; 25];
        numbers[1..9].copy_from_slice(&at.to_le_bytes());
        numbers[9..17].copy_from_slice(&id.to_le_bytes());
        numbers[17..].copy_from_slice(&(size as u64).to_le_bytes());
        self.hasher.update(&numbers);
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The digest so far.
    pub fn digest(&self) -> u64 {
        self.hasher.digest()
    }
}

impl Default for Trace {
    fn default() -> Self {
        Trace::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_event_counts() {
        let digest = |kind, at, id, size| {
            let mut trace = Trace::new();
            trace.event(kind, at, id, size);
            trace.digest()
        };
        let one = digest("woke", 1, 2, 3);
        assert_eq!(one, digest("woke", 1, 2, 3));
        for other in [digest("wake", 1, 2, 3), digest("woke", 2, 2, 3), digest("woke", 1, 3, 3), digest("woke", 1, 2, 4)] {
            assert_ne!(one, other);
        }
    }
}
