//! The server's side of the history of one user: what was committed, by which entry, and that it happened once (laws I2, I3)
//! in each of the server's lives.

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
    Refused {
        /// The position.
        seq: u64,
    },
}

impl Fate {
    fn seq(&self) -> u64 {
        match self {
            Fate::Applied { seq, .. } | Fate::Refused { seq } => *seq,
        }
    }

    fn at(&self, seq: u64) -> Fate {
        match self {
            Fate::Applied { names, .. } => Fate::Applied { seq, names: names.clone() },
            Fate::Refused { .. } => Fate::Refused { seq },
        }
    }
}

/// A life of the server's data: from one restoring to the next (fault H18). Positions of all lives are laid behind each
/// other, so that a later one is larger whatever the server calls it; what a life took over from the one before has a
/// place in both.
#[derive(Clone, Debug)]
struct Life {
    generation: String,
    /// What the server's position 0 is.
    start: u64,
}

/// All that ever happened to one user's documents at the server.
#[derive(Debug)]
pub struct Truth {
    lives: Vec<Life>,
    states: BTreeMap<String, Vec<State>>,
    /// In each life at the most one.
    entries: BTreeMap<String, Vec<Fate>>,
    /// Up to this position the server has forgotten deletes.
    forgotten: u64,
    /// Up to this one, outcomes.
    unremembered: u64,
}

impl Default for Truth {
    fn default() -> Self {
        let first = Life { generation: super::super::server::GENERATION.to_owned(), start: 0 };
        Truth { lives: vec![first], states: BTreeMap::new(), entries: BTreeMap::new(), forgotten: 0, unremembered: 0 }
    }
}

impl Truth {
    /// An entry was applied, and made these of its documents. The position is the server's.
    pub fn applied(&mut self, entry: &str, documents: Vec<(String, Option<Value>)>, seq: u64) -> Verdict {
        let names = documents.iter().map(|(name, _)| name.clone()).collect();
        let seq = self.born_at() + seq;
        for (name, value) in documents {
            let states = self.states.entry(name.clone()).or_default();
            if states.last().is_some_and(|last| last.seq >= seq) {
                return broken("I2", format!("{name} went from position {} to {seq}", states.last().map_or(0, |last| last.seq)));
            }
            states.push(State { seq, value });
        }
        self.first(entry, Fate::Applied { seq, names })
    }

    /// An entry was refused. The position is the server's.
    pub fn refused(&mut self, entry: &str, seq: u64) -> Verdict {
        self.first(entry, Fate::Refused { seq: self.born_at() + seq })
    }

    fn first(&mut self, entry: &str, fate: Fate) -> Verdict {
        let born_at = self.born_at();
        let fates = self.entries.entry(entry.to_owned()).or_default();
        if let Some(before) = fates.last().filter(|before| before.seq() > born_at) {
            return broken("I2", format!("entry {entry} has a second effect: {fate:?} after {before:?}"));
        }
        fates.push(fate);
        Ok(())
    }

    /// The server is what it was at one of its positions, in another generation. What it lost is the world's fault: it may
    /// happen again, and need not.
    /// `ended_at`: the position, of all users, that it had come to.
    pub fn restored(&mut self, generation: &str, through: u64, ended_at: u64) {
        let (former, start) = (self.born_at(), self.born_at() + ended_at + 1);
        let taken_over = |seq: u64| (former < seq && seq <= former + through).then(|| seq - former + start);
        for states in self.states.values_mut() {
            let kept: Vec<State> =
                states.iter().filter_map(|state| Some(State { seq: taken_over(state.seq)?, value: state.value.clone() })).collect();
            states.push(State { seq: start, value: None });
            states.extend(kept);
        }
        for fates in self.entries.values_mut() {
            if let Some(kept) = fates.last().and_then(|fate| Some(fate.at(taken_over(fate.seq())?))) {
                fates.push(kept);
            }
        }
        self.lives.push(Life { generation: generation.to_owned(), start });
    }

    /// The position at which the present life began.
    pub fn born_at(&self) -> u64 {
        self.lives.last().map_or(0, |life| life.start)
    }

    /// The position at which the life of a position began.
    pub fn birth_of(&self, seq: u64) -> u64 {
        self.lives.iter().rev().map(|life| life.start).find(|start| *start <= seq).unwrap_or(0)
    }

    /// The generation that the server is in.
    pub fn generation(&self) -> &str {
        self.lives.last().map_or("", |life| &life.generation)
    }

    /// All that became of an entry, in one life after the other.
    pub fn fates(&self, entry: &str) -> &[Fate] {
        self.entries.get(entry).map_or(&[], Vec::as_slice)
    }

    /// What became of an entry in the present life; `None` while it never arrived.
    pub fn fate(&self, entry: &str) -> Option<&Fate> {
        self.fates(entry).last().filter(|fate| fate.seq() > self.born_at())
    }

    /// Whether an entry was applied, in whatever life.
    pub fn was_applied(&self, entry: &str) -> bool {
        self.fates(entry).iter().any(|fate| matches!(fate, Fate::Applied { .. }))
    }

    /// Whether an entry is applied and somebody may yet say that it was not: it never was, or in a life that is over.
    pub fn was_not_applied(&self, entry: &str) -> bool {
        !matches!(self.fate(entry), Some(Fate::Applied { .. })) || self.fates(entry).iter().any(|fate| matches!(fate, Fate::Refused { .. }))
    }

    /// Whether a document at this position has what an entry did, and the server says so with it.
    pub fn contains(&self, entry: &str, at: u64) -> bool {
        let since = self.birth_of(at).max(self.unremembered);
        self.fates(entry).iter().any(|fate| matches!(fate, Fate::Applied { seq, .. } if since < *seq && *seq <= at))
    }

    /// A document as it is.
    pub fn latest(&self, name: &str) -> Option<&State> {
        self.states.get(name)?.last()
    }

    /// Whether a document is as it is because the server forgot that it ever was there: no page says so, and only who has
    /// pulled everything knows.
    pub fn is_forgotten(&self, state: &State) -> bool {
        state.value.is_none() && (self.lives.len() > 1 && state.seq == self.born_at() || state.seq <= self.forgotten)
    }

    /// The server forgot the deletes up to this position of its own. No page brings them any more.
    pub fn forgot_deletes(&mut self, through: u64) {
        if through > 0 {
            self.forgotten = self.forgotten.max(self.born_at() + through);
        }
    }

    /// The server forgot the outcomes up to this position of its own. No page names their entries any more.
    pub fn forgot_outcomes(&mut self, through: u64) {
        if through > 0 {
            self.unremembered = self.unremembered.max(self.born_at() + through);
        }
    }

    /// Up to which position deletes are forgotten; 0 where none is.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The last time in a generation, before all of these positions that are in it, that a document was not there; `None`
    /// where it always was.
    pub fn last_absent(&self, name: &str, generation: &str, before: &[u64]) -> Option<&State> {
        let birth = self.position_in(generation, 0)?;
        let before = before.iter().filter(|seq| self.birth_of(**seq) == birth).min();
        let is_before = |state: &State| before.is_none_or(|before| state.seq < *before);
        let is_it = |state: &&State| state.value.is_none() && self.birth_of(state.seq) == birth && is_before(state);
        self.states.get(name)?.iter().rfind(is_it)
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
        let (life, seq) = cursor.rsplit_once('.')?;
        let generation = life.split_once('~').map_or(life, |(generation, _)| generation);
        self.position_in(generation, seq.parse().ok()?)
    }

    /// The position of `seq` in a generation; `None` where there was never such a generation.
    pub fn position_in(&self, generation: &str, seq: u64) -> Option<u64> {
        Some(self.lives.iter().find(|life| life.generation == generation)?.start + seq)
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
        assert!(truth.refused("f", 4).is_err());
        assert!(truth.applied("g", vec![("c/k".into(), None)], 2).is_err(), "positions only grow");
        assert_eq!(truth.at("c/k", 2).unwrap().value, Some(json!(1)));
        assert_eq!(truth.at("c/k", 0), None);
        assert!(truth.contains("f", 3) && !truth.contains("f", 2));
    }

    #[test]
    fn h18_what_a_restored_server_lost_may_happen_again_and_what_it_kept_may_not() {
        let mut truth = Truth::default();
        for (seq, entry) in ["a", "b"].into_iter().enumerate() {
            truth.applied(entry, vec![("c/k".into(), Some(json!(seq)))], seq as u64 + 1).unwrap();
        }
        truth.applied("new", vec![("c/l".into(), Some(json!(1)))], 3).unwrap();
        let lost = truth.latest("c/k").unwrap().seq;
        truth.restored("g2", 1, 3);
        assert_eq!(truth.latest("c/k").unwrap().value, Some(json!(0)));
        assert!(truth.latest("c/k").unwrap().seq > lost && truth.is_forgotten(truth.latest("c/l").unwrap()));
        assert!(truth.was_applied("b") && truth.fate("b").is_none() && truth.was_not_applied("b"));
        assert!(truth.contains("b", lost) && !truth.contains("b", truth.latest("c/k").unwrap().seq));
        assert_eq!(truth.applied("b", vec![("c/k".into(), Some(json!(2)))], 2), Ok(()));
        assert_eq!(truth.position("g2.2"), Some(truth.latest("c/k").unwrap().seq));
        assert_eq!(truth.position("g3.2"), None);
        assert!(truth.applied("a", vec![("c/k".into(), Some(json!(3)))], 3).is_err());
    }
}
