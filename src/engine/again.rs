//! Everything is pulled again: the server no longer knows what came after a cursor, or was restored, or says that it begins again. What
//! no page brings by the end is gone; and meanwhile writes go on.

use super::Engine;
use super::clock::Timestamp;
use super::replica::Base;
use crate::ordered::Ordered;
use crate::protocol::{Address, Applied};

/// What is known while everything is pulled again.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The documents that something has told of.
    told: Ordered<Address, Told>,
    /// Nothing was known before: what else than pages has told of is all that may be gone by the end.
    pub(super) is_first: bool,
    /// Whether all has been pulled, and only what else has told of is waited for.
    is_swept: bool,
}

/// What has told of a document.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// A page has brought it.
    Brought,
    /// Something else.
    Heard {
        /// Where that put it; nothing where that is not known, or is of several documents.
        seq: Option<u64>,
        /// A pull that was asked for under this number or an earlier one may have missed it.
        since: u64,
        /// The feed that has said so, and brings it, if any does; nothing where that is not known.
        by: Option<usize>,
    },
}

impl Again {
    /// A page tells that these writes were applied: their documents come with the pull that it is of, which `began` under this number,
    /// or are gone.
    pub(super) fn note_applied(&mut self, applied: &[Applied], feed: usize, began: u64) {
        let mut positions: Vec<u64> = applied.iter().map(|applied| applied.seq).collect();
        positions.sort_unstable();
        for told in self.told.values_mut() {
            if let Told::Heard { seq: Some(seq), since, by } = told
                && positions.binary_search(seq).is_ok()
            {
                (*since, *by) = (began.saturating_sub(1), Some(feed));
            }
        }
    }

    /// These are documents of one write: of several feeds, one may bring some, and say that it was applied, before another one brings
    /// the others.
    pub(super) fn part(&mut self, addresses: &[Address]) {
        for address in addresses {
            if let Some(Told::Heard { seq, .. }) = self.told.get_mut(address) {
                *seq = None;
            }
        }
    }
}

impl Engine {
    /// Every feed begins again. Which feed a document came by is not known, so only what comes by none of them is gone.
    /// `with`: the feed whose first page has come already.
    pub(super) fn restart_feeds(&mut self, now: Timestamp, with: Option<usize>) {
        #[cfg(feature = "sim")]
        if self.has(super::planted::Bug::B15) {
            return;
        }
        // What was told before is older than what will be asked for; what was heard of, not than a page that has come already.
        let again = std::mem::take(&mut self.again);
        for (address, told) in again.told.iter().filter(|(_, told)| with.is_some() && matches!(told, Told::Heard { .. })) {
            self.again.told.insert(address.clone(), *told);
        }
        for feed in 0..self.feeds.len() {
            if with == Some(feed) {
                self.feeds[feed].is_blind = false;
            } else {
                self.feeds[feed].restart(now, true);
            }
        }
        self.stage_cursors();
    }

    /// A feed is asked from the beginning. Of documents that are known by then no page may come, since the server has forgotten that
    /// they were deleted, and they would stay (P6): so it counts as pulling again. What was pulled before, when this feed has an
    /// answer.
    pub(super) fn look_for_deletes(&mut self, feed: usize) {
        if self.feeds[feed].cursor.is_some() || self.feeds[feed].resyncs {
            return;
        }
        let is_known = self.replica.known().next().is_some() || self.store.pages.addresses().next().is_some();
        if self.feeds.iter().all(|other| other.cursor.is_none()) {
            self.feeds.iter_mut().for_each(|feed| feed.resyncs = true);
            self.again.is_first = !is_known;
        } else if is_known {
            // What is acknowledged from here on may not be in the answer.
            self.feeds[feed].resyncs = true;
            self.feeds[feed].is_blind = true;
        }
    }

    /// Whether a crash starts pulling all over. Where nothing was known before, only what may be applied by now may be something of
    /// which no page comes; and a feed that never came has all others begin again once it does.
    pub(super) fn begins_again(&self) -> bool {
        let may_stay = || {
            let is_applied = !self.again.told.is_empty() || self.outbox.has_frozen();
            is_applied && self.feeds.iter().all(|feed| feed.cursor.is_some())
        };
        self.feeds.iter().any(|feed| feed.resyncs && !feed.is_blind) && (!self.again.is_first || may_stay())
    }

    /// Whether everything is being pulled again.
    fn resyncs(&self) -> bool {
        self.feeds.iter().any(|feed| feed.resyncs)
    }

    /// A page has brought a document.
    pub(super) fn note_brought(&mut self, address: &Address) {
        if self.again.is_first || self.again.is_swept {
            self.again.told.remove(address);
        } else if self.resyncs() {
            self.again.told.insert(address.clone(), Told::Brought);
        }
    }

    /// Something else than a page tells of a document. It may be older than what is pulled, and the document gone; or newer.
    pub(super) fn note_heard(&mut self, address: &Address, seq: Option<u64>) {
        let is_waited_for = match self.again.told.get(address) {
            Some(Told::Brought) => false,
            Some(Told::Heard { .. }) => true,
            None if self.again.is_first => self.replica.base(address).is_none() && !self.is_paged(address),
            None => !self.again.is_swept,
        };
        if is_waited_for && self.resyncs() {
            let is_stored = self.begins_again();
            self.again.told.insert(address.clone(), Told::Heard { seq, since: self.last_id, by: None });
            if !is_stored {
                self.stage_cursors();
            }
        }
    }

    /// A feed has come to its end. When all have that began again, what did not come is gone. Says whether that is all.
    pub(super) fn sweep(&mut self, now: Timestamp, feed: usize) -> bool {
        if !std::mem::take(&mut self.feeds[feed].resyncs) || self.resyncs() {
            return false;
        }
        let Again { told, is_first, is_swept } = std::mem::take(&mut self.again);
        // What was heard of since a feed's pull began comes with its next one, or is gone, too.
        let (mut gone, mut open) = (Vec::new(), Ordered::default());
        for (address, told) in told.iter() {
            let Told::Heard { since, by, .. } = *told else { continue };
            let mut is_open = false;
            for (index, feed) in self.feeds.iter_mut().enumerate() {
                let waits = feed.pulled <= since && by.is_none_or(|by| by == index);
                feed.resyncs |= waits;
                is_open |= waits;
            }
            if is_open {
                open.insert(address.clone(), *told);
            } else if is_first || is_swept {
                gone.push(address.clone());
            }
        }
        if !open.is_empty() {
            self.ask_soon(now);
        }
        if !is_first && !is_swept {
            let is_gone = |address: &Address| !matches!(told.get(address), Some(Told::Brought)) && !open.contains_key(address);
            for (address, base) in self.replica.known() {
                if base.value.is_some() && is_gone(address) {
                    gone.push(address.clone());
                }
            }
            for address in self.store.pages.addresses() {
                if !self.replica.is_resident(address) && is_gone(address) {
                    gone.push(address.clone());
                }
            }
        }
        let is_all = !self.resyncs();
        self.again = Again { told: open, is_swept: !is_all, ..Again::default() };
        for address in &gone {
            self.touch(address);
            let nothing = Box::new(Base { version: "".into(), seq: None, generation: self.generation.clone(), value: None });
            self.rebase(address, Some(nothing), &[]);
        }
        is_all
    }
}
