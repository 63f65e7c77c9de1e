//! The server's side of the history of one user: what was committed, by which entry, and that it happened once (laws I2, I3).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Verdict, broken};

/// A document as it was from one position of the log on.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The position.
    pub seq: u64,
    /// The document; `None` where it was deleted.
    pub value: Option<Value>,
}

/// What became of an entry at the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It changed these documents, at this position.
    Applied {
        /// The position.
        seq: u64,
        /// The documents.
        names: Vec<String>,
    },
    /// It changed nothing.
    Refused,
}

/// All that ever happened to one user's documents at the server.
#[derive(Debug, Default)]
pub struct Truth {
    states: BTreeMap<String, Vec<State>>,
    entries: BTreeMap<String, Fate>,
}

impl Truth {
    /// An entry was applied, and made these of its documents.
    pub fn applied(&mut self, entry: &str, documents: Vec<(String, Option<Value>)>, seq: u64) -> Verdict {
        let names = documents.iter().map(|(name, _)| name.clone()).collect();
        for (name, value) in documents {
            let states = self.states.entry(name.clone()).or_default();
            if states.last().is_some_and(|last| last.seq >= seq) {
                return broken("I2", format!("{name} went from position {} to {seq}", states.last().map_or(0, |last| last.seq)));
            }
            states.push(State { seq, value });
        }
        self.first(entry, Fate::Applied { seq, names })
    }

    /// An entry was refused.
    pub fn refused(&mut self, entry: &str) -> Verdict {
        self.first(entry, Fate::Refused)
    }

    fn first(&mut self, entry: &str, fate: Fate) -> Verdict {
        if let Some(before) = self.entries.get(entry) {
            return broken("I2", format!("entry {entry} has a second effect: {fate:?} after {before:?}"));
        }
        self.entries.insert(entry.to_owned(), fate);
        Ok(())
    }

    /// What became of an entry; `None` while it never arrived.
    pub fn fate(&self, entry: &str) -> Option<&Fate> {
        self.entries.get(entry)
    }

    /// Where an entry was applied.
    pub fn applied_at(&self, entry: &str) -> Option<u64> {
        match self.entries.get(entry)? {
            Fate::Applied { seq, .. } => Some(*seq),
            Fate::Refused => None,
        }
    }

    /// A document as it is.
    pub fn latest(&self, name: &str) -> Option<&State> {
        self.states.get(name)?.last()
    }

    /// A document as it was at a position: the latest state not behind it.
    pub fn at(&self, name: &str, seq: u64) -> Option<&State> {
        let states = self.states.get(name)?;
        states.get(states.partition_point(|state| state.seq <= seq).checked_sub(1)?)
    }

    /// All documents of a feed there ever were, as they are.
    pub fn latest_of(&self, feed: &str) -> impl Iterator<Item = (&String, &State)> {
        let collection = feed.strip_prefix("collection:");
        let inside = move |name: &str| collection.is_none_or(|of| name.split_once('/').is_some_and(|(collection, _)| collection == of));
        self.states.iter().filter(move |(name, _)| inside(name)).filter_map(|(name, states)| Some((name, states.last()?)))
    }

    /// The position that a cursor or a version of the reference server stands for.
    pub fn position(&self, cursor: &str) -> Option<u64> {
        let (generation, seq) = cursor.rsplit_once('.')?;
        self.position_in(generation, seq.parse().ok()?)
    }

    /// The position of `seq` in a generation; `None` where there was never such a generation.
    pub fn position_in(&self, generation: &str, seq: u64) -> Option<u64> {
        let _ = generation;
        Some(seq)
    }

    /// Whether the store was ever restored.
    pub fn was_restored(&self) -> bool {
        false
    }

    /// All documents there ever were.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.states.keys()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn i2_a_second_effect_is_noticed() {
        let mut truth = Truth::default();
        assert_eq!(truth.applied("e", vec![("c/k".into(), Some(json!(1)))], 1), Ok(()));
        assert_eq!(truth.applied("f", vec![("c/k".into(), None)], 3), Ok(()));
        assert!(truth.applied("e", vec![("c/k".into(), Some(json!(1)))], 4).unwrap_err().what.contains("second effect"));
        assert!(truth.refused("f").is_err());
        assert!(truth.applied("g", vec![("c/k".into(), None)], 2).is_err(), "positions only grow");
        assert_eq!(truth.at("c/k", 2).unwrap().value, Some(json!(1)));
        assert_eq!(truth.at("c/k", 0), None);
        assert_eq!(truth.applied_at("f"), Some(3));
    }
}
