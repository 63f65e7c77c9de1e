//! The log without its store: it goes on in memory as it would have in the store, so that it can be made up for there.

use super::{Mode, Staged, Store};
use crate::engine::mirror::{Commits, shifted};
use crate::engine::record::{self, Found, Kind, Place, Record, names};
use crate::ordered::OrderedSet;
use crate::protocol::Address;

impl Store {
    /// The last position of the log that is in the store.
    pub fn stored_to(&self) -> u64 {
        if self.mode == Mode::Memory { self.stored_to } else { self.restores().unwrap_or(self.log.last()) }
    }

    /// Whether the store has what is at this place.
    pub fn has(&self, place: Option<Place>) -> bool {
        place.is_some_and(|(position, _)| position <= self.stored_to())
    }

    /// The store is another one: it has nothing of this log.
    pub fn forget_stored(&mut self) {
        self.stored_to = 0;
    }

    /// The documents whose bases have moved since the log goes on without the store.
    pub fn moved(&self) -> impl Iterator<Item = &Address> {
        self.moved.keys()
    }

    /// The same, which are none from here on.
    pub fn take_moved(&mut self) -> OrderedSet<Address> {
        std::mem::take(&mut self.moved)
    }

    /// The log goes on with this, though it is in no store.
    pub(super) fn put_aside(&mut self, staged: &mut Staged) {
        for address in staged.bases.keys() {
            self.moved.insert(address.clone(), ());
        }
        // Commits that were to be restored are in the log, but for what they end: that is over, if not in the store.
        let mut ended = Vec::new();
        for (_, bytes) in &staged.restored {
            for found in record::decode(bytes) {
                if matches!(&found, Found::Record(record) if is_ending(record)) {
                    ended.extend_from_slice(found.raw());
                }
            }
        }
        if !ended.is_empty() {
            let commit = self.log.close();
            self.add_aside(commit, &ended);
        }
        if staged.records > 0 {
            staged.aside = self.add_aside(staged.commit, &staged.bytes);
        }
        self.log.tidy();
    }

    /// Says where it stands.
    fn add_aside(&mut self, commit: u64, bytes: &[u8]) -> u64 {
        let mut end = 0;
        for found in record::decode(bytes) {
            let start = end;
            end += found.raw().len();
            if matches!(&found, Found::Record(record) if is_ending(record) && self.ends_stored(record)) {
                self.log.keep_of(commit, start..end);
            }
        }
        let position = self.log.last() + 1;
        self.log.add(commit, position, bytes, bytes.len());
        position
    }

    /// Whether the store may have something of what ends.
    fn ends_stored(&mut self, record: &Record<'_>) -> bool {
        let (mut is_stored, log, unstored) = (false, &self.log, &mut self.unstored);
        let read = names(record, &mut |id| {
            is_stored |= !unstored.contains_key(&id);
            if !log.names(&id) {
                unstored.remove(&id);
            }
        });
        is_stored || read.is_err()
    }

    /// What the log has besides the store, as commits behind its position `on`: those records of it that are wanted.
    pub fn put_behind(&self, on: u64, is_wanted: &mut dyn FnMut(&Record<'_>) -> bool) -> Commits {
        let (mut commits, by) = (Vec::new(), on.wrapping_sub(self.stored_to));
        for (position, records) in self.log.living().from(&(self.stored_to + 1)) {
            let mut kept = Vec::with_capacity(records.len());
            for found in record::decode(records) {
                if let Found::Record(record) = &found
                    && is_wanted(record)
                {
                    kept.extend_from_slice(found.raw());
                }
            }
            if !kept.is_empty() {
                commits.push((position.wrapping_add(by), shifted(&kept, self.stored_to, by)));
            }
        }
        commits
    }
}

/// Whether it ends something, and so is not needed where nothing of that is stored.
fn is_ending(record: &Record<'_>) -> bool {
    matches!(record.kind, Kind::Settlement | Kind::Cancel)
}
