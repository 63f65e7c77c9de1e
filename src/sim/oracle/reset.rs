//! What must come back after a reset of the store: whatever a mirror was said to have, and what was sent (laws I1, I28). The
//! rest of what was called durable is lost, and the app is told so.

use std::collections::BTreeSet;

use super::{Oracle, Truth, Verdict, broken};
use crate::engine::record::{self, Found, Kind};
use crate::sim::disk::Image;

/// What mirrors have, and what a reset took.
#[derive(Debug, Default)]
pub(super) struct Mirrored {
    /// The writes that some mirror was flushed with, since one was last dropped.
    ids: BTreeSet<String>,
    /// Whether a mirror has failed since the store was made.
    has_failed: bool,
    /// How many writes came back with the last reset and how many were lost, until the app is told.
    untold: Option<(usize, usize)>,
    /// The feeds that have not come to their ends since. Until then documents are not known.
    unpulled: BTreeSet<String>,
}

impl Oracle {
    /// A mirror was flushed with these bytes.
    pub fn mirrored(&mut self, bytes: &[u8]) {
        for found in record::decode(bytes) {
            if let Found::Record(record) = found
                && record.kind == Kind::Mutation
                && let Ok(id) = record.header().and_then(|mut header| header.read::<String>("id"))
            {
                self.mirrored.ids.insert(id);
            }
        }
    }

    /// A tab has given its mirror up.
    pub fn mirror_dropped(&mut self) {
        self.mirrored.ids.clear();
        self.mirrored.has_failed = true;
    }

    /// The store is gone, and this is what mirrors make of it. Says whether they have something else than it had.
    pub fn reset(&mut self, image: &Image, is_awaited: bool) -> Result<bool, super::Violation> {
        let had: BTreeSet<String> = self.stored.pending().cloned().collect();
        let mut there = self.stored.clone();
        there.restore(image.log.iter().map(|(at, bytes)| (*at, bytes)));
        let has: BTreeSet<String> = there.pending().cloned().collect();
        let is_promised = |id: &&String| self.told.get(*id).is_some_and(|told| told.promise.is_some());
        let lost: Vec<String> = had.iter().filter(|id| !there.has(id)).filter(is_promised).cloned().collect();
        if let Some(id) = lost.iter().find(|id| self.mirrored.ids.contains(*id)) {
            return broken("I1", format!("{id} was in a mirror, and does not come back"));
        }
        if let Some(id) = lost.first().filter(|_| is_awaited && !self.mirrored.has_failed) {
            return broken("I1", format!("{id} was called durable when the mirror had it, and does not come back"));
        }
        for id in &lost {
            self.told.entry(id.clone()).or_default().promise = None;
        }
        if self.mirrored.has_failed {
            self.sent.retain(|entry| there.frozen(entry).is_some() || there.ending(entry).is_some());
        }
        self.mirrored = Mirrored {
            untold: Some((has.len(), lost.len())),
            unpulled: self.course.feeds().iter().cloned().collect(),
            ids: self.mirrored.ids.clone(),
            ..Mirrored::default()
        };
        Ok(had != has)
    }

    /// The app was told of a reset.
    pub(super) fn told_of_reset(&mut self, recovered: u32, lost: Option<u32>) -> Verdict {
        match self.mirrored.untold.take() {
            None => broken("I1", format!("a reset is reported with {recovered} and {lost:?}, and there was none")),
            Some((_, missing)) if lost.is_some_and(|lost| lost as usize != missing) => {
                broken("I1", format!("a reset is reported with {lost:?} lost, and {missing} are"))
            }
            Some((has, _)) if has != recovered as usize => {
                broken("I1", format!("a reset is reported with {recovered} back, and {has} are"))
            }
            Some(_) => Ok(()),
        }
    }

    /// A feed has come to its end.
    pub(super) fn is_pulled(&mut self, feed: &str) {
        self.mirrored.unpulled.remove(feed);
    }

    /// Whether the device may say that it does not know a document since its store was lost.
    pub(super) fn is_unpulled(&self) -> bool {
        !self.mirrored.unpulled.is_empty()
    }

    /// Whether a device that hears of nothing but that an entry was applied can tell what it made of a document: not where the
    /// server was restored since the device read that, unless it is what the entry was made on.
    pub(super) fn can_tell(&self, truth: &Truth, entry: &str, name: &str, seq: u64) -> bool {
        let had = self.replica.base_seq(name);
        let value_at = |seq| truth.at(name, seq).and_then(|state| state.value.as_ref());
        let said = self.said.get(entry).and_then(|said| said.get(name));
        let is_told = said.is_some_and(|said| said.is_whole || said.base.as_ref() == value_at(had));
        // What went with the store is not known either.
        let is_gone = had == 0 && self.is_unpulled();
        is_told || !is_gone && truth.birth_of(had) == truth.birth_of(seq)
    }
}
