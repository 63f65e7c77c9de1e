//! The last syncs: what went over the wire, and what came of it.

use super::clock::{Timestamp, Wall};
use super::input::Named;
use super::log::About;
use super::record::Kind;
use super::store::Mode;
use super::{Engine, sending};
use crate::members;
use crate::protocol::member::text_of;

/// So many syncs are remembered.
pub const ROWS_MAX: usize = 100;

/// One push or pull that ended, however. Crosses to JavaScript, and is a record's header, as an object of the same shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// How many there were before.
    pub number: u64,
    /// Which of the places for rows it has; it took that of a row that was dropped for it.
    pub slot: u32,
    /// `push` or `pull`.
    pub direction: String,
    /// This installation's name at the server.
    pub client: String,
    /// Bytes of the request's body for a push, of the reply's for a pull.
    pub bytes: u64,
    /// Entries that were sent, or changes that came.
    pub items: u32,
    /// `ok`; or what the server said of the first entry that it did not apply, in the words of the wire; or the code of
    /// what went wrong with the request as a whole.
    pub outcome: String,
    /// When.
    pub at: Wall,
    /// How many places that two had changed were settled since the row before, by the names of the rules; missing where none was.
    pub conflicts: Option<Named<u32>>,
}

members! {
    Row {
        number = "number", slot = "slot", direction = "direction", client = "client", bytes = "bytes", items = "items",
        outcome = "outcome", at = "at",
        conflicts = "conflicts",
    }
}

/// The last syncs, oldest first.
#[derive(Debug, Default)]
pub struct History {
    rows: Vec<Row>,
    /// Rows from this number on are not stored.
    unstored: u64,
    next: u64,
    /// What has come of the request whose end is being taken in: its items, and the first thing that went wrong.
    items: u32,
    outcome: Option<String>,
    /// Places that were settled since the last row.
    conflicts: Option<Named<u32>>,
}

impl History {
    /// The end of a request with so many items is taken in from here on.
    pub fn begin(&mut self, items: u32) {
        (self.items, self.outcome) = (items, None);
    }

    /// Something else than the best has come of it; what is found first stands.
    pub fn note(&mut self, outcome: &str) {
        self.outcome.get_or_insert_with(|| outcome.to_owned());
    }

    /// A place that two had changed was settled by this rule.
    pub fn settle(&mut self, rule: &str) {
        let Named(counts) = self.conflicts.get_or_insert_default();
        match counts.iter_mut().find(|(name, _)| name == rule) {
            Some((_, count)) => *count += 1,
            None => counts.push((rule.to_owned(), 1)),
        }
    }

    /// So many items came with it.
    pub fn count(&mut self, items: usize) {
        self.items = items as u32;
    }

    /// The rows, oldest first.
    pub fn rows(&self) -> &Vec<Row> {
        &self.rows
    }

    /// When a push or a pull was last good.
    pub fn last(&self, direction: &str) -> Option<Wall> {
        self.rows.iter().rfind(|row| row.direction == direction && row.outcome == "ok").map(|row| row.at)
    }

    /// The request has ended. The oldest row goes where there are too many, but not the last good one of its direction.
    pub fn end(&mut self, direction: &str, client: &str, bytes: u64, at: Wall) {
        let mut slot = 0;
        if self.rows.len() >= ROWS_MAX {
            slot = self.rows.remove(self.oldest()).slot;
        }
        // Where a row could not be read, its place is free.
        while self.rows.iter().any(|row| row.slot == slot) {
            slot += 1;
        }
        let outcome = self.outcome.take().unwrap_or_else(|| "ok".to_owned());
        let (direction, client) = (direction.to_owned(), client.to_owned());
        self.rows.push(Row {
            number: self.next,
            slot,
            direction,
            client,
            bytes,
            items: self.items,
            outcome,
            at,
            conflicts: self.conflicts.take(),
        });
        self.next += 1;
    }

    fn oldest(&self) -> usize {
        let is_last_good = |at: &usize| {
            let row = &self.rows[*at];
            row.outcome == "ok" && self.last(&row.direction) == Some(row.at)
        };
        (0..self.rows.len()).find(|at| !is_last_good(at)).unwrap_or(0)
    }

    /// A row that was stored.
    pub fn restore(&mut self, row: Row) {
        self.next = self.next.max(row.number.saturating_add(1));
        self.unstored = self.next;
        if let Some(earlier) = self.rows.iter().position(|other| other.slot == row.slot) {
            self.rows.remove(earlier);
        }
        let at = self.rows.iter().position(|other| other.number > row.number).unwrap_or(self.rows.len());
        self.rows.insert(at, row);
    }

    /// Rows that are to be stored; they count as that from here on.
    fn take_unstored(&mut self) -> impl Iterator<Item = &Row> {
        let unstored = std::mem::replace(&mut self.unstored, self.next);
        self.rows.iter().filter(move |row| row.number >= unstored)
    }
}

impl Engine {
    /// The last syncs, oldest first.
    pub fn history(&self) -> &Vec<Row> {
        self.history.rows()
    }

    /// The last good push and pull are those that the history knows.
    pub(super) fn note_last_syncs(&mut self) {
        self.counters.last_push = self.history.last("push").max(self.counters.last_push);
        self.counters.last_pull = self.history.last("pull").max(self.counters.last_pull);
    }

    /// A request has ended, with so many bytes of a reply.
    pub(super) fn end_sync(&mut self, now: Timestamp, request: &sending::Request, received: usize) {
        if let Some((direction, bytes)) = request.traffic(received as u64) {
            let at = self.wall_at(now);
            self.history.end(direction, &self.client, bytes, at);
        }
    }

    /// Rows go with a commit that is made anyway: a poll that brings nothing costs no transaction.
    pub(super) fn stage_history(&mut self) {
        if self.store.is_collecting() || self.store.mode() == Mode::Memory {
            for row in self.history.take_unstored() {
                self.store.stage(Kind::History, &text_of(row), "", Some(About::row(row.slot)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(syncs: &[(&str, &str, u64)]) -> History {
        let mut history = History::default();
        for (direction, outcome, times) in syncs {
            for _ in 0..*times {
                history.begin(1);
                if *outcome != "ok" {
                    history.note(outcome);
                }
                history.end(direction, "c", 2, Wall(history.next));
            }
        }
        history
    }

    #[test]
    fn the_oldest_goes_but_the_last_good_push_and_pull_stay() {
        let history = after(&[("push", "ok", 2), ("push", "NETWORK", 1), ("pull", "ok", 300)]);
        assert_eq!(history.rows().len(), ROWS_MAX);
        assert_eq!(history.rows()[0].number, 1, "the last good push");
        assert_eq!((history.rows()[1].number, history.last("push"), history.last("pull")), (204, Some(Wall(1)), Some(Wall(302))));
        let mut slots: Vec<u32> = history.rows().iter().map(|row| row.slot).collect();
        slots.sort_unstable();
        assert_eq!(slots, (0..ROWS_MAX as u32).collect::<Vec<_>>(), "each has a place of its own");
    }

    #[test]
    fn what_was_stored_comes_back_in_order_and_is_not_stored_again() {
        let mut history = after(&[("push", "ok", 1), ("pull", "ok", 130)]);
        let stored: Vec<Row> = history.take_unstored().cloned().collect();
        assert_eq!((stored.len(), history.take_unstored().count()), (ROWS_MAX, 0));
        let mut again = History::default();
        for row in stored.iter().rev() {
            again.restore(row.clone());
        }
        assert_eq!(again.rows(), history.rows());
        assert_eq!(again.take_unstored().count(), 0);
        again.begin(0);
        again.end("pull", "c", 2, Wall(9));
        assert_eq!(again.take_unstored().map(|row| row.number).collect::<Vec<_>>(), [131]);
    }
}
