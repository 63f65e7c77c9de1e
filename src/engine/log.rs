//! What of the log is still needed. A commit is rewritten with its live records at its own key, or goes when none is
//! left; nothing is ever renumbered.

use std::ops::Range;

use super::ident::MutationId;
use super::record::Place;
use crate::ordered::Ordered;

/// What a live record is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A mutation that is not frozen.
    Mutation(MutationId),
    /// A frozen entry.
    Freeze(MutationId),
    /// When an entry may be tried again.
    Attempt(MutationId),
    /// A refused or unknown write, by its entry.
    Inbox(MutationId),
    /// A feed's cursor.
    Cursor(String),
    /// A text kept for an operation of a mutation.
    Before(MutationId, u32),
    /// What this build cannot read, or has set aside: kept for one that can. Numbered as found.
    Kept(u64),
}

#[derive(Debug, Default)]
struct Commit {
    bytes: Vec<u8>,
    live: Ordered<u32, (Range<usize>, About)>,
    /// Whether something in it has died since it was written.
    stale: bool,
}

/// The commits in the log, as this client knows them.
#[derive(Debug, Default)]
pub struct Log {
    commits: Ordered<u64, Commit>,
    places: Ordered<About, Place>,
    bytes: u64,
    last: u64,
}

/// One record of a commit that is being made: its ordinal, where its bytes are, and what it is about if it can live on.
pub type Part = (u32, Range<usize>, Option<About>);

impl Log {
    /// A commit is in the log at `position`. A record about the same thing as an earlier one replaces it.
    pub fn add(&mut self, position: u64, bytes: Vec<u8>, parts: Vec<Part>) {
        self.last = self.last.max(position);
        self.bytes += bytes.len() as u64;
        let mut commit = Commit { bytes, live: Ordered::default(), stale: false };
        for (ordinal, range, about) in parts {
            match about {
                None => commit.stale = true,
                Some(about) => {
                    self.retire(&about);
                    if let Some((_, earlier)) = self.places.insert(about.clone(), (position, ordinal)).filter(|(at, _)| *at == position) {
                        commit.live.remove(&earlier);
                        commit.stale = true;
                    }
                    commit.live.insert(ordinal, (range, about));
                }
            }
        }
        if commit.live.is_empty() {
            commit.bytes = Vec::new();
        }
        self.commits.insert(position, commit);
    }

    /// What was stored about this is not needed any more.
    pub fn retire(&mut self, about: &About) {
        let Some((position, ordinal)) = self.places.get(about) else { return };
        if let Some(commit) = self.commits.get_mut(position) {
            commit.live.remove(ordinal);
            commit.stale = true;
            if commit.live.is_empty() {
                commit.bytes = Vec::new();
            }
            self.places.remove(about);
        }
    }

    /// Retires everything that `is_live` says is not.
    pub fn retain(&mut self, is_live: impl Fn(&About) -> bool) {
        let dead: Vec<About> = self.places.keys().filter(|about| !is_live(about)).cloned().collect();
        dead.iter().for_each(|about| self.retire(about));
    }

    /// What is live, from `about` on in order.
    pub fn abouts_from(&self, about: &About) -> impl Iterator<Item = &About> {
        self.places.from(about).map(|(about, _)| about)
    }

    /// The last position.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Bytes of all commits as they are stored.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the commits become when all that is dead goes: the rewriting for a transaction.
    pub fn fold(&self) -> Vec<(u64, Option<Vec<u8>>)> {
        let stale = self.commits.iter().filter(|(_, commit)| commit.stale);
        stale.map(|(position, commit)| (*position, (!commit.live.is_empty()).then(|| commit.alive()))).collect()
    }

    /// The transaction with [`Log::fold`]'s rewriting is done.
    pub fn folded(&mut self, rewritten: &[(u64, Option<Vec<u8>>)]) {
        for (position, bytes) in rewritten {
            match (bytes, self.commits.get_mut(position)) {
                (None, Some(commit)) if commit.live.is_empty() => drop(self.commits.remove(position)),
                (Some(bytes), Some(commit)) => {
                    let (mut at, mut records) = (0, 0);
                    let mut moved = Ordered::default();
                    for found in super::record::decode(bytes) {
                        let length = found.raw().len();
                        if let Some((_, about)) = found.ordinal().and_then(|ordinal| commit.live.get(&ordinal)) {
                            moved.insert(found.ordinal().unwrap_or_default(), (at..at + length, about.clone()));
                        }
                        at += length;
                        records += 1;
                    }
                    commit.stale = moved.len() != records;
                    commit.live = moved;
                    commit.bytes.clone_from(bytes);
                }
                _ => {}
            }
        }
        self.bytes = self.commits.values().map(|commit| commit.bytes.len() as u64).sum();
    }
}

impl Commit {
    fn alive(&self) -> Vec<u8> {
        self.live.values().flat_map(|(range, _)| &self.bytes[range.clone()]).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{self, CancelHeader, Kind};
    use super::*;

    fn commit(names: &[&str]) -> (Vec<u8>, Vec<Part>) {
        let (mut bytes, mut parts) = (Vec::new(), Vec::new());
        for (ordinal, name) in names.iter().enumerate() {
            let start = bytes.len();
            record::encode(&mut bytes, Kind::Cancel, ordinal as u32, &CancelHeader { id: MutationId((*name).into()) }, "");
            let about = (!name.is_empty()).then(|| About::Mutation(MutationId((*name).into())));
            parts.push((ordinal as u32, start..bytes.len(), about));
        }
        (bytes, parts)
    }

    fn ordinals(bytes: &[u8]) -> Vec<u32> {
        record::decode(bytes).filter_map(|found| found.ordinal()).collect()
    }

    #[test]
    fn i17_what_lives_keeps_its_position_and_its_ordinal() {
        let mut log = Log::default();
        for (position, names) in [(1, vec!["a", "b", "c"]), (2, vec!["", ""]), (3, vec!["d"])] {
            let (bytes, parts) = commit(&names);
            log.add(position, bytes, parts);
        }
        log.retire(&About::Mutation(MutationId("b".into())));
        let rewrite = log.fold();
        assert_eq!(
            rewrite.iter().map(|(position, bytes)| (*position, bytes.as_deref().map(ordinals))).collect::<Vec<_>>(),
            [(1, Some(vec![0, 2])), (2, None)]
        );
        log.retire(&About::Mutation(MutationId("a".into())));
        log.folded(&rewrite);
        assert_eq!(
            log.fold().iter().map(|(position, bytes)| (*position, bytes.as_deref().map(ordinals))).collect::<Vec<_>>(),
            [(1, Some(vec![2]))]
        );
        assert_eq!(log.last(), 3);
    }

    #[test]
    fn the_later_record_about_a_thing_stands() {
        let mut log = Log::default();
        let (bytes, parts) = commit(&["a", "b", "a"]);
        log.add(1, bytes, parts);
        let (bytes, parts) = commit(&["b"]);
        log.add(2, bytes, parts);
        assert_eq!(
            log.fold().iter().map(|(position, bytes)| (*position, bytes.as_deref().map(ordinals))).collect::<Vec<_>>(),
            [(1, Some(vec![2]))]
        );
    }
}
