//! What of the log is still needed. A commit is rewritten with its live records at its own key, or goes when none is
//! left; nothing is ever renumbered.

use std::ops::Range;
use std::sync::Arc;

use super::ident::MutationId;
use super::record::Kind;
use crate::ordered::Ordered;
use crate::protocol::digits;

/// So few commits are not worth looking through.
const TIDIES_AT_MIN: usize = 256;

/// What a live record is about. Of two records about the same thing only the later one is needed.
#[derive(Clone, Debug)]
pub struct About {
    kind: Kind,
    /// The mutation, the entry or the feed.
    name: Arc<str>,
    /// Of a text that was kept for one operation: which. Of a row of the history: its place.
    operation: u32,
}

impl About {
    /// A mutation or an entry, or something about it that there is once.
    pub fn of(kind: Kind, id: &MutationId) -> About {
        About::named(kind, id.0.clone(), 0)
    }

    /// A text kept for an operation of a mutation.
    pub fn before(id: &MutationId, operation: u32) -> About {
        About::named(Kind::Before, id.0.clone(), operation)
    }

    /// A feed's cursor.
    pub fn cursor(feed: &str) -> About {
        About::named(Kind::Cursor, feed.into(), 0)
    }

    /// A row of the history, by its place.
    pub fn row(slot: u32) -> About {
        About::named(Kind::History, "".into(), slot)
    }

    /// What could not be read, by its text: the same comes again and again.
    pub fn quarantine(body: &str) -> About {
        let hash = digits::hash(xxhash_rust::xxh64::xxh64(body.as_bytes(), 0));
        About::named(Kind::Quarantine, hash.as_str().into(), 0)
    }

    /// What a record of this kind with this name, for this operation, is about.
    pub fn named(kind: Kind, name: Arc<str>, operation: u32) -> About {
        About { kind, name, operation }
    }
}

/// A commit: being made, on its way, or in the log.
#[derive(Debug, Default)]
struct Commit {
    /// Where it is in the log, once it is.
    position: u64,
    /// Its bytes, once it is in the log and as long as a record in it lives.
    bytes: Vec<u8>,
    /// Where its records are that can live on; nothing is left of one that is dead.
    records: Vec<Range<usize>>,
    /// Bytes of records that live.
    live: usize,
    /// Bytes it takes in the store...
    stored: usize,
    /// ...and what that becomes when the transaction that folds the log is done.
    folded: Option<usize>,
}

/// Where a live record is.
#[derive(Debug)]
struct Live {
    kind: Kind,
    operation: u32,
    /// In which commit, by number, and which of its records.
    commit: u64,
    record: usize,
}

/// The commits in the log, and those that will be, as this client knows them.
#[derive(Debug, Default)]
pub struct Log {
    /// By number, in the order in which they were begun.
    commits: Ordered<u64, Commit>,
    /// Where the records about each mutation, entry and feed are.
    places: Ordered<Arc<str>, Vec<Live>>,
    /// Bytes of what could not be read.
    set_aside: usize,
    /// The number of the commit that is being made, and of the next one.
    making: u64,
    next: u64,
    last: u64,
    /// With more commits than this, what is dead goes from memory.
    tidies_at: usize,
}

impl Log {
    /// A record that can live on is part of the commit that is being made: where in its bytes, and what it is about. One
    /// that is about nothing lives for ever.
    pub fn keep(&mut self, range: Range<usize>, about: Option<About>) {
        if let Some(About { kind, name, operation }) = &about {
            self.kill(name, Some((*kind, *operation)));
        }
        if matches!(about, Some(About { kind: Kind::Quarantine, .. })) {
            self.set_aside += range.len();
        }
        let commit = self.commits.get_or_insert_with(self.making, Commit::default);
        commit.live += range.len();
        commit.records.push(range);
        if let Some(About { kind, name, operation }) = about {
            let live = Live { kind, operation, commit: self.making, record: commit.records.len() - 1 };
            // Most have one: nothing to spare.
            self.places.get_or_insert_with(name, || Vec::with_capacity(1)).push(live);
        }
    }

    /// The commit that was being made is complete; says its number.
    pub fn close(&mut self) -> u64 {
        self.next += 1;
        std::mem::replace(&mut self.making, self.next)
    }

    /// What is kept of the commit that is being made is part of this one instead, behind so many bytes.
    pub fn join(&mut self, number: u64, bytes: usize) {
        let Some(later) = self.commits.remove(&self.making) else { return };
        let commit = self.commits.get_or_insert_with(number, Commit::default);
        let first = commit.records.len();
        commit.live += later.live;
        for range in later.records {
            commit.records.push(if range.is_empty() { range } else { range.start + bytes..range.end + bytes });
        }
        for live in self.places.values_mut().flatten().filter(|live| live.commit == self.making) {
            (live.commit, live.record) = (number, live.record + first);
        }
    }

    /// What is kept from here on is part of a commit of somebody else. Gives what [`Log::end_other`] takes.
    pub fn begin_other(&mut self) -> u64 {
        self.close()
    }

    /// That commit is complete; says its number. The one that was being made before it goes on.
    pub fn end_other(&mut self, own: u64) -> u64 {
        std::mem::replace(&mut self.making, own)
    }

    /// A record of a commit that is complete lives for ever, though it is about nothing.
    pub fn keep_of(&mut self, number: u64, range: Range<usize>) {
        let own = std::mem::replace(&mut self.making, number);
        self.keep(range, None);
        self.making = own;
    }

    /// Whether a live record is about something of this name.
    pub fn names(&self, name: &Arc<str>) -> bool {
        self.places.contains_key(name)
    }

    /// All that is dead goes from memory, once there is as much of it as there was of all when that was last done. For a log that
    /// is stored nowhere.
    pub fn tidy(&mut self) {
        if self.commits.len() > self.tidies_at.max(TIDIES_AT_MIN) {
            self.fold();
            self.folded();
            self.tidies_at = 2 * self.commits.len();
        }
    }

    /// The log went on to this position, whatever is left of it.
    pub fn went_to(&mut self, position: u64) {
        self.last = self.last.max(position);
    }

    /// A commit is in the log at `position`, with `bytes` of records that can live on, and takes so many bytes.
    pub fn add(&mut self, number: u64, position: u64, bytes: &[u8], stored: usize) {
        self.last = self.last.max(position);
        let commit = self.commits.get_or_insert_with(number, Commit::default);
        (commit.position, commit.stored) = (position, stored);
        if commit.live > 0 {
            commit.bytes = bytes.to_vec();
        }
    }

    /// A mutation or an entry has ended, or is part of an entry from here on: what was stored of it, or will be, is not
    /// needed any more, but for what is in the inbox.
    pub fn retire(&mut self, id: &MutationId) {
        self.kill(&id.0, None);
    }

    /// What this is about is over, whatever it is.
    pub fn forget(&mut self, about: &About) {
        self.kill(&about.name, Some((about.kind, about.operation)));
    }

    /// What dies is about this operation, or is whatever is not in the inbox.
    fn kill(&mut self, name: &Arc<str>, about: Option<(Kind, u32)>) {
        let Some(lives) = self.places.get_mut(name) else { return };
        let is_over = |live: &Live| about.map_or(live.kind != Kind::Inbox, |about| about == (live.kind, live.operation));
        while let Some(at) = lives.iter().position(is_over) {
            let live = lives.swap_remove(at);
            if let Some(commit) = self.commits.get_mut(&live.commit) {
                let bytes = std::mem::take(&mut commit.records[live.record]).len();
                if live.kind == Kind::Quarantine {
                    self.set_aside -= bytes;
                }
                commit.live -= bytes;
                if commit.live == 0 {
                    commit.bytes = Vec::new();
                }
            }
        }
        if lives.is_empty() {
            self.places.remove(name);
        }
    }

    /// Bytes of the records with what could not be read.
    pub fn set_aside(&self) -> usize {
        self.set_aside
    }

    /// The last position.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Bytes of the commits in the log that a fold would take away.
    pub fn dead(&self) -> u64 {
        let mut dead = 0;
        for (_, commit) in self.commits.iter() {
            dead += commit.stored.saturating_sub(commit.live) as u64;
        }
        dead
    }

    /// What the commits become when all that is dead goes: the rewriting for a transaction.
    pub fn fold(&mut self) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut rewrite = Vec::new();
        for commit in self.commits.values_mut() {
            if commit.live == commit.stored || commit.stored == 0 {
                continue;
            }
            let mut bytes = Vec::with_capacity(commit.live);
            for range in &mut commit.records {
                if range.start < range.end {
                    let start = bytes.len();
                    bytes.extend_from_slice(&commit.bytes[range.clone()]);
                    *range = start..bytes.len();
                }
            }
            commit.folded = Some(bytes.len());
            commit.bytes.clone_from(&bytes);
            rewrite.push((commit.position, if bytes.is_empty() { None } else { Some(bytes) }));
        }
        rewrite
    }

    /// What lives of each commit in the log, in the order of their positions: one that was begun early may have come late.
    pub fn living(&self) -> Ordered<u64, Vec<u8>> {
        let mut living = Ordered::default();
        for (_, commit) in self.commits.iter().filter(|(_, commit)| commit.position > 0 && commit.live > 0) {
            let mut bytes = Vec::with_capacity(commit.live);
            commit.records.iter().for_each(|range| bytes.extend_from_slice(&commit.bytes[range.clone()]));
            living.insert(commit.position, bytes);
        }
        living
    }

    /// The transaction with [`Log::fold`]'s rewriting is done.
    pub fn folded(&mut self) {
        let mut gone = Vec::new();
        for commit in self.commits.values_mut() {
            commit.stored = commit.folded.take().unwrap_or(commit.stored);
        }
        for (number, commit) in self.commits.iter() {
            if commit.stored + commit.live == 0 {
                gone.push(*number);
            }
        }
        for number in &gone {
            self.commits.remove(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{header, record};
    use super::*;

    fn id(name: &str) -> MutationId {
        MutationId(name.into())
    }

    fn about(name: &str) -> About {
        About::of(Kind::Mutation, &id(name))
    }

    /// A commit of records about these; about nothing that can live on where there is no name.
    fn commit(log: &mut Log, position: u64, names: &[&str]) {
        let mut bytes = Vec::new();
        for (ordinal, name) in names.iter().enumerate() {
            let start = bytes.len();
            record::encode(&mut bytes, Kind::Cancel, ordinal as u32, &header::cancel(&MutationId((*name).into())), "");
            if !name.is_empty() {
                log.keep(start..bytes.len(), Some(about(name)));
            }
        }
        let number = log.close();
        log.add(number, position, &bytes, bytes.len());
    }

    /// What a fold writes: the ordinals that each commit keeps.
    fn fold(log: &mut Log) -> Vec<(u64, Option<Vec<u32>>)> {
        let ordinals = |bytes: Vec<u8>| record::decode(&bytes).filter_map(|found| found.ordinal()).collect();
        log.fold().into_iter().map(|(position, bytes)| (position, bytes.map(ordinals))).collect()
    }

    #[test]
    fn i17_what_lives_keeps_its_position_and_its_ordinal() {
        let mut log = Log::default();
        for (position, names) in [(1, vec!["a", "b", "c"]), (2, vec!["", ""]), (3, vec!["d"])] {
            commit(&mut log, position, &names);
        }
        let dead = log.dead();
        log.retire(&id("b"));
        assert!(log.dead() > dead);
        assert_eq!(fold(&mut log), [(1, Some(vec![0, 2])), (2, None)]);
        log.retire(&id("a"));
        log.folded();
        assert_eq!(fold(&mut log), [(1, Some(vec![2]))]);
        log.folded();
        assert_eq!(log.dead(), 0, "what lives is not folded again");
        assert_eq!(log.last(), 3);
    }

    #[test]
    fn a_fold_that_did_not_happen_happens_again() {
        let mut log = Log::default();
        commit(&mut log, 1, &["a", "b", "c"]);
        log.retire(&id("a"));
        assert_eq!(fold(&mut log), [(1, Some(vec![1, 2]))]);
        log.retire(&id("c"));
        assert_eq!(fold(&mut log), [(1, Some(vec![1]))]);
        log.retire(&id("b"));
        assert_eq!(fold(&mut log), [(1, None)]);
        log.folded();
        assert_eq!(fold(&mut log), []);
    }

    #[test]
    fn what_is_retired_while_it_is_on_its_way_stays_so() {
        let mut log = Log::default();
        log.keep(0..20, Some(about("a")));
        log.keep(20..40, Some(about("b")));
        let number = log.close();
        log.retire(&id("a"));
        log.keep(0..20, Some(about("b")));
        log.add(number, 1, &[0; 40], 40);
        assert_eq!(log.fold(), [(1, None)]);
    }

    #[test]
    fn the_later_record_about_a_thing_stands() {
        let mut log = Log::default();
        commit(&mut log, 1, &["a", "b", "a"]);
        commit(&mut log, 2, &["b"]);
        assert_eq!(fold(&mut log), [(1, Some(vec![2]))]);
    }
}
