//! Everything is pulled again: the server no longer knows what came after a cursor, or was restored, or says that it begins again. What
//! no page brings by the end is gone; and meanwhile writes go on.

use super::Engine;
use super::clock::Timestamp;
use super::replica::Base;
use crate::ordered::OrderedSet;
use crate::protocol::Address;

/// What is known while everything is pulled again.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The documents that pages have brought.
    brought: OrderedSet<Address>,
    /// Those of which something else has told.
    heard: Vec<Heard>,
    /// Whether all has been pulled, and only what was heard of is waited for.
    is_swept: bool,
}

/// A document of which something else than a page has told.
#[derive(Debug)]
struct Heard {
    address: Address,
    /// Where that put it; nothing where that is not known, or is of several documents.
    seq: Option<u64>,
    /// A pull that was asked for under this number or an earlier one may have missed it.
    since: u64,
}

impl Again {
    /// A page tells that a write was applied there: its document comes with this pull, or is gone.
    pub(super) fn forget(&mut self, seq: u64) {
        self.heard.retain(|heard| heard.seq != Some(seq));
    }

    /// These are documents of one write: of several feeds, one may bring some, and say that it was applied, before another one brings
    /// the others.
    pub(super) fn part(&mut self, addresses: &[Address]) {
        for heard in self.heard.iter_mut().filter(|heard| addresses.contains(&heard.address)) {
            heard.seq = None;
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
        // What was heard of before is older than what will be asked for; not than a page that has come already.
        let heard = if with.is_some() { std::mem::take(&mut self.again.heard) } else { Vec::new() };
        self.again = Again { heard, ..Again::default() };
        for feed in 0..self.feeds.len() {
            if with == Some(feed) {
                self.feeds[feed].is_blind = false;
            } else {
                self.feeds[feed].restart(now, true);
            }
        }
        self.stage_cursors();
    }

    /// A feed is asked from the beginning, and documents are known: those of which no page came, and that a server has forgotten
    /// since, would stay (P6). So everything is pulled again; what was pulled before, when this feed has an answer.
    pub(super) fn look_for_deletes(&mut self, feed: usize) {
        let knows = || self.replica.known().next().is_some() || self.store.pages.addresses().next().is_some();
        if self.feeds[feed].cursor.is_some() || self.feeds[feed].resyncs || !knows() {
            return;
        }
        if self.feeds.iter().all(|other| other.cursor.is_none()) {
            self.feeds.iter_mut().for_each(|feed| feed.resyncs = true);
            if self.feeds.iter().any(|other| other.request.is_some()) {
                // That was asked for when nothing was known; what has become known since may not be in the answer.
                for (address, base) in self.replica.known() {
                    self.again.heard.push(Heard { address: address.clone(), seq: base.seq, since: self.last_id });
                }
            }
        } else {
            // What is acknowledged from here on may not be in the answer.
            self.feeds[feed].resyncs = true;
            self.feeds[feed].is_blind = true;
        }
    }

    /// Whether everything is being pulled again.
    fn resyncs(&self) -> bool {
        self.feeds.iter().any(|feed| feed.resyncs)
    }

    /// A page brings a document.
    pub(super) fn note_brought(&mut self, address: &Address) {
        if self.resyncs() {
            self.again.brought.insert(address.clone(), ());
        }
    }

    /// Something else than a page tells of a document. It may be older than what is pulled, and the document gone; or newer.
    pub(super) fn note_heard(&mut self, address: &Address, seq: Option<u64>) {
        if !self.resyncs() {
            return;
        }
        let since = self.last_id;
        if let Some(heard) = self.again.heard.iter_mut().find(|heard| heard.address == *address) {
            (heard.seq, heard.since) = (seq, since);
        } else if !self.again.is_swept {
            self.again.heard.push(Heard { address: address.clone(), seq, since });
        }
    }

    /// A feed has come to its end. When all have that began again, what did not come is gone. Says whether that is all.
    pub(super) fn sweep(&mut self, now: Timestamp, feed: usize) -> bool {
        if !std::mem::take(&mut self.feeds[feed].resyncs) || self.resyncs() {
            return false;
        }
        let Again { mut brought, mut heard, is_swept } = std::mem::take(&mut self.again);
        // What was heard of since a feed's pull began comes with its next one, or is gone, too.
        let mut gone = Vec::new();
        heard.retain(|heard| {
            let (is_here, is_open) = (brought.contains_key(&heard.address), !self.is_pulled_since(heard.since));
            if is_swept && !is_here && !is_open {
                gone.push(heard.address.clone());
            }
            !is_here && is_open
        });
        if let Some(last) = heard.iter().map(|heard| heard.since).max() {
            self.feeds.iter_mut().for_each(|feed| feed.resyncs = feed.pulled <= last);
            self.ask_soon(now);
        }
        if !is_swept {
            heard.iter().for_each(|heard| {
                brought.insert(heard.address.clone(), ());
            });
            for (address, base) in self.replica.known() {
                if base.value.is_some() && !brought.contains_key(address) {
                    gone.push(address.clone());
                }
            }
            for address in self.store.pages.addresses() {
                if !self.replica.is_resident(address) && !brought.contains_key(address) {
                    gone.push(address.clone());
                }
            }
        }
        let is_all = !self.resyncs();
        self.again = Again { heard, is_swept: !is_all, ..Again::default() };
        for address in &gone {
            self.touch(address);
            let nothing = Box::new(Base { version: "".into(), seq: None, generation: self.generation.clone(), value: None });
            self.rebase(address, Some(nothing), &[]);
        }
        is_all
    }
}
