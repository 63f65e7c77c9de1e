//! Which way a device goes along the server's log: only forward, and not past anything that it does not have (laws I10,
//! I11, I16). What one user writes never reaches another (law I20).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::found::Durable;
use super::replica::Replica;
use super::truth::Truth;
use super::{Oracle, Verdict, broken};
use crate::engine::record::{self, Found};
use crate::sim::app::MARKS;
use crate::sim::disk::Image;

/// How far a device has come.
#[derive(Debug, Default)]
pub struct Course {
    feeds: Vec<String>,
    /// In which of the server's lives each feed was last pulled to its end: the position at which that began.
    caught_up: BTreeMap<String, u64>,
    /// How far each feed had come then.
    ends: BTreeMap<String, u64>,
    /// Where each feed's next pull may not fall behind.
    cursors: BTreeMap<String, u64>,
    /// The feeds that have brought a page since they began.
    begun: BTreeSet<String>,
    /// What was found on the disk at the last crash.
    durable: Durable,
    /// Whether feeds have begun again since.
    has_begun_again: bool,
}

impl Course {
    /// That of a device with these feeds.
    pub fn of(feeds: Vec<String>) -> Course {
        Course { feeds, ..Course::default() }
    }

    /// Every feed is pulled from the beginning.
    pub fn begin_again(&mut self) {
        self.cursors.clear();
        self.caught_up.clear();
        self.begun.clear();
        self.has_begun_again = true;
    }

    /// A feed is pulled from the beginning. Whether others go on from somewhere, and documents are known: of what was deleted
    /// before, the server may say nothing. Where none goes on, what does not come is gone when all have come.
    pub fn is_blind(&mut self, replica: &Replica) -> bool {
        let goes_on = !self.begun.is_empty();
        let is_blind = goes_on && !self.has_begun_again && replica.has_bases();
        self.has_begun_again |= !goes_on;
        is_blind
    }

    /// A tab is gone, and this is what the next one finds. A loss of power may take the disk back.
    pub fn restarted(&mut self, durable: Durable, truth: &Truth, power: bool) -> Verdict {
        if !power {
            for (name, stood) in &self.durable.stands {
                // Where it was found not to be there, nobody says where it stands.
                let stands = durable.bases.get(name).and_then(|_| durable.stands.get(name).or(Some(stood))).copied().unwrap_or(0);
                if stands < *stood {
                    return broken("I10", format!("{name} stood at {stood} on the disk, and now stands at {stands}"));
                }
            }
            for (feed, cursor) in &self.durable.cursors {
                let there = durable.cursors.get(feed).copied().unwrap_or(0);
                if there < *cursor && !(there == 0 && self.has_begun_again) {
                    return broken("I10", format!("the cursor of {feed} stood at {cursor} on the disk, and now stands at {there}"));
                }
            }
        }
        self.cursors = durable.cursors.clone();
        self.begun = durable.begun.clone();
        self.caught_up = durable.cursors.iter().filter(|(_, at)| **at > 0).map(|(feed, at)| (feed.clone(), truth.birth_of(*at))).collect();
        self.ends = durable.cursors.clone();
        self.durable = durable;
        self.has_begun_again = false;
        Ok(())
    }

    /// When all feeds have come to their ends, what none of them brought is gone: deletes among it of which the server itself
    /// no longer knows (law I12).
    fn forget_deleted(&self, birth: u64, replica: &mut Replica, truth: &Truth) {
        if truth.forgotten() == 0 || !self.feeds.iter().all(|feed| self.caught_up.get(feed) == Some(&birth)) {
            return;
        }
        for feed in &self.feeds {
            let end = self.ends.get(feed).copied().unwrap_or(0);
            for (name, _) in truth.latest_of(feed) {
                if let Some(state) = truth.at(name, end).filter(|state| state.value.is_none() && state.seq <= truth.forgotten()) {
                    replica.deliver(name, state);
                }
            }
        }
    }

    /// A feed is pulled from `cursor` on: no earlier place than before, and none behind which something is missing.
    pub fn pulls(&mut self, feed: &str, cursor: Option<&str>, replica: &Replica, truth: &Truth) -> Verdict {
        let at = cursor.and_then(|cursor| truth.position(cursor)).unwrap_or(0);
        let before = self.cursors.insert(feed.to_owned(), at).unwrap_or(0);
        if at < before {
            return broken("I10", format!("{feed} was pulled from {before} on, and then from {cursor:?}"));
        }
        for (name, latest) in truth.latest_of(feed) {
            if latest.seq <= at && replica.base_seq(name) < latest.seq && !truth.is_forgotten(latest) {
                let has = replica.base_seq(name);
                return broken("I16", format!("{feed} is pulled from {cursor:?}, and {name} came to {has} instead of {}", latest.seq));
            }
        }
        Ok(())
    }

    /// All feeds.
    pub fn feeds(&self) -> &[String] {
        &self.feeds
    }

    /// A page of a feed came.
    pub fn goes_on(&mut self, feed: &str) {
        self.begun.insert(feed.to_owned());
    }

    /// The last page of a feed came. Whoever sees what somebody wrote sees all that the writer had seen: there is nothing
    /// up to the page's end that a document lags behind.
    pub fn caught_up(&mut self, feed: &str, cursor: &str, replica: &mut Replica, truth: &Truth) -> Verdict {
        let Some(through) = truth.position(cursor) else { return Ok(()) };
        let birth = truth.birth_of(through);
        self.caught_up.insert(feed.to_owned(), birth);
        self.ends.insert(feed.to_owned(), through);
        self.forget_deleted(birth, replica, truth);
        if birth > 0 && self.feeds.iter().all(|feed| self.caught_up.get(feed) == Some(&birth)) {
            // All that the server still knows of has come: what did not is not there.
            for name in truth.names() {
                if let Some(state) = truth.at(name, birth).filter(|state| state.seq == birth) {
                    replica.deliver(name, state);
                }
            }
        }
        for (name, _) in truth.latest_of(feed) {
            let must = truth.at(name, through).filter(|state| state.seq > birth && !truth.is_forgotten(state)).map_or(0, |state| state.seq);
            if replica.base_seq(name) < must {
                let has = replica.base_seq(name);
                return broken("I11", format!("{feed} has come to {cursor}, and {name} to {has} instead of {must}"));
            }
        }
        Ok(())
    }
}

impl Oracle {
    /// A request or a reply of the device, as text: there is nothing in it that another user wrote.
    pub fn carried(&self, text: &str) -> Verdict {
        match self.foreign_in(text) {
            Some(mark) => broken("I20", format!("what user {} sends or gets holds the mark {mark} of another: {text}", self.user)),
            None => Ok(()),
        }
    }

    /// What another user wrote is nowhere on the disk.
    pub(super) fn has_nothing_foreign(&self, image: &Image) -> Verdict {
        for found in image.log.values().chain(image.pages.values()).flat_map(|bytes| record::decode(bytes)) {
            let Found::Record(record) = found else { continue };
            if let Some(mark) = self.foreign_in(record.body).or_else(|| self.foreign_in(record.header)) {
                return broken("I20", format!("the disk of user {} holds the mark {mark} of another", self.user));
            }
        }
        Ok(())
    }

    /// Which law a document breaks that is not what it must be: what shows another user's text is worse than wrong, and so is
    /// what was deleted and is there again.
    pub(super) fn law_of(&self, name: &str, seen: &Option<Value>, is_gone: bool, truth: &Truth) -> &'static str {
        let is_foreign = seen.as_ref().is_some_and(|value| self.foreign_in(&value.to_string()).is_some());
        let is_deleted = is_gone && seen.is_some() && truth.latest(name).is_some_and(|latest| latest.value.is_none());
        match (is_foreign, is_deleted) {
            (true, _) => "I20",
            (_, true) => "I12",
            _ => "I5",
        }
    }

    fn foreign_in(&self, text: &str) -> Option<char> {
        MARKS.into_iter().enumerate().find(|(user, mark)| *user != self.user && text.contains(*mark)).map(|(_, mark)| mark)
    }
}
