//! Acting on feeds: asking, and laying what comes over the base. An answer and its cursor are applied in one step.

use std::sync::Arc;

use super::Engine;
use super::awaiting::bit;
use super::clock::Timestamp;
use super::config::TransportKind;
use super::effect::Sink;
use super::error::{Code, Fault};
use super::ident::{AskId, MutationId};
use super::input::Reply;
use super::link::{AWAITED_FAILURES, Tried};
use super::outcome;
use super::queued::Queued;
use super::replica::Base;
use super::retry;
use super::sending::{asked_wait, read_body};
use super::settling::Acknowledged;
use crate::protocol::{Change, ChangeBody, PullReply};

impl Engine {
    /// Every feed is pulled as soon as it may be: something happened that may have changed the world.
    pub(super) fn ask_soon(&mut self, now: Timestamp) {
        self.feeds.iter_mut().for_each(|feed| feed.hasten(now));
    }

    /// Whether all that is in any feed was pulled after the request of this number.
    pub(super) fn is_pulled_since(&self, number: u64) -> bool {
        self.feeds.iter().all(|feed| feed.pulled > number)
    }

    /// The app asks for one feed, or for all, and waits so long at most.
    pub(super) fn on_pull_asked(
        &mut self,
        now: Timestamp,
        ask: AskId,
        name: Option<&str>,
        until: Option<Timestamp>,
        effects: &mut impl Sink,
    ) {
        if let Some(error) = self.check_askable().err().or_else(|| self.pause_for_good()) {
            return self.answer(ask, Some(error), effects);
        }
        let mut feeds = 0;
        for (index, feed) in self.feeds.iter_mut().enumerate() {
            if name.is_none_or(|name| feed.name == name) {
                feeds |= bit(index);
                if feed.failures == 0 {
                    feed.due = now;
                }
            }
        }
        if feeds == 0 {
            return self.answer(ask, Some(Fault::new(Code::Validation, "there is no such feed")), effects);
        }
        if matches!(self.pause, Some(super::Pause::Auth(_))) {
            // Perhaps there is a token by now.
            self.pause = None;
        }
        self.await_pull(ask, feeds, until, effects);
    }

    /// When the next feed is due; `None` where something else has to happen first.
    pub(super) fn next_pull(&self, now: Timestamp) -> Option<Timestamp> {
        let yields = self.link.yields(Tried::Pull) && self.push_ready(now).is_some_and(|due| due <= now);
        if yields { None } else { self.pull_ready(now) }
    }

    /// When there is a feed to be pulled and a way to do it.
    pub(super) fn pull_ready(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.link.is_open(now, self.requests.len()) || self.auth_pause().is_none() && !self.may_ask() {
            return None;
        }
        let mut next: Option<Timestamp> = None;
        for feed in self.feeds.iter().filter(|feed| feed.request.is_none()) {
            let due = feed.due.max(self.auth_pause().unwrap_or_default());
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        next
    }

    /// Until when nothing is tried for want of a token. The pull that comes then is the try.
    fn auth_pause(&self) -> Option<Timestamp> {
        match self.pause {
            Some(super::Pause::Auth(until)) if self.life == super::Life::Open && self.store.is_held() => Some(until),
            _ => None,
        }
    }

    pub(super) fn pull_due(&mut self, now: Timestamp, effects: &mut impl Sink) {
        self.end_auth_pause(now);
        while self.may_ask() && self.link.is_open(now, self.requests.len()) {
            // Where only one may ask, it is the one that has waited longest.
            let mut longest: Option<usize> = None;
            for (index, feed) in self.feeds.iter().enumerate() {
                let is_due = feed.request.is_none() && feed.due <= now;
                if is_due && longest.is_none_or(|longest| feed.asked < self.feeds[longest].asked) {
                    longest = Some(index);
                }
            }
            let Some(feed) = longest else { return };
            self.send_pull(now, feed, effects);
        }
    }

    pub(super) fn on_pull_reply(&mut self, now: Timestamp, feed: usize, sent_under: &Arc<str>, reply: &Reply, effects: &mut impl Sink) {
        let Some((request, echo)) = self.feeds[feed].request.take() else { return };
        self.feeds[feed].answered = request.0;
        if echo.is_empty() && reply.status == 200 {
            // The feed has begun again since it was asked, and this goes on from somewhere else.
            return self.link.on_answer();
        }
        if reply.status == 200 {
            let mut page = PullReply::default();
            let read = read_body(reply, &mut |text| page.take_up(text));
            return match read.and_then(|()| self.check_page(now, &echo, &page, sent_under)) {
                Ok(()) if let Err(error) = self.check_brought(&page) => {
                    self.link.on_answer();
                    self.put_off(now, feed, error, None, effects);
                }
                Ok(()) => {
                    self.apply_page(now, feed, page, effects);
                    self.end_unsaid(now, effects);
                    self.end_early(now);
                }
                Err(None) => self.on_outdated(feed, effects),
                Err(Some(error)) => self.on_no_pull(now, feed, error, effects),
            };
        }
        self.link.on_answer();
        if reply.status == 410 && self.feeds[feed].cursor.is_some() {
            // The server no longer knows what came after it (H6). Without a cursor there is nothing to begin again.
            self.history.note(Code::Http.as_str());
            self.restart_feeds(now, None);
            return self.feeds[feed].on_retry(now, None, &mut self.rng);
        }
        let asked = asked_wait(reply);
        self.link.on_retry(now);
        asked.into_iter().for_each(|asked| self.link.on_asked_to_wait(now.after(asked)));
        self.put_off(now, feed, outcome::refusal(reply.status), asked, effects);
    }

    /// The feed stays where it is, and is tried again later.
    fn put_off(&mut self, now: Timestamp, feed: usize, error: Fault, asked: Option<u64>, effects: &mut impl Sink) {
        self.history.note(error.code.as_str());
        self.feeds[feed].on_retry(now, asked, &mut self.rng);
        self.troubles.network = Some(error.clone());
        self.note_stale(feed, &error);
        self.answer_pull(feed, Some(error), effects);
    }

    /// A page of another generation than it was asked for: everything is pulled again, when that is due. Who waits hears of it
    /// where that has been so too often.
    fn on_outdated(&mut self, feed: usize, effects: &mut impl Sink) {
        self.history.note(Code::Protocol.as_str());
        if self.turns >= AWAITED_FAILURES {
            let error = Fault::new(Code::Protocol, "servers with different histories answer in turn");
            self.troubles.network = Some(error.clone());
            self.answer_pull(feed, Some(error), effects);
        }
    }

    /// The server is another one, its history was restored, or it found no meaning in a cursor: everything is pulled again. The
    /// first time at once; servers that answer in turn are not asked without pause (law V4).
    pub(super) fn on_generation(&mut self, now: Timestamp) {
        let wait = retry::ENTRY.draw(self.turns, &mut self.rng);
        self.turns = self.turns.saturating_add(1);
        self.restart_feeds(now.after(wait), None);
    }

    /// Nonsense is no answer: cache and cursor stay (MISSION 14).
    fn on_no_pull(&mut self, now: Timestamp, feed: usize, error: Fault, effects: &mut impl Sink) {
        #[cfg(feature = "sim")]
        if self.has(super::planted::Bug::B14) {
            self.skip_one(feed);
        }
        self.link.on_no_answer(now, &mut self.rng);
        self.history.note(error.code.as_str());
        self.feeds[feed].due = now;
        self.troubles.network = Some(error.clone());
        self.note_stale(feed, &error);
        self.answer_pull(feed, Some(error), effects);
    }

    /// Whether a page may be believed. `Err(None)`: it is outdated, and the question is asked again.
    fn check_page(&mut self, now: Timestamp, echo: &str, page: &PullReply, sent_under: &Arc<str>) -> Result<(), Option<Fault>> {
        if self.config.transport == TransportKind::Protocol {
            let wrong = match &page.request {
                None => Some("the server's answer echoes no request"),
                Some(request) if request != echo => Some("a cache answered in the server's place"),
                Some(_) => None,
            };
            if let Some(wrong) = wrong {
                return Err(Some(Fault::new(Code::Protocol, wrong)));
            }
        }
        let before = self.generation.clone();
        self.check_reply(now, &page.generation, &page.scope, sent_under)?;
        // The first page of another generation goes on from the old one's cursor, unless the server noticed.
        let goes_on = before.is_empty() || before == self.generation || page.reset;
        if goes_on { Ok(()) } else { Err(None) }
    }

    /// Whether there is room for the documents that a page brings.
    fn check_brought(&self, page: &PullReply) -> Result<(), Fault> {
        let mut brought = Vec::with_capacity(page.changes.len());
        for change in &page.changes {
            if matches!(change.body, ChangeBody::Value(_)) {
                brought.push(&change.address);
            }
        }
        self.check_documents(&brought)
    }

    fn apply_page(&mut self, now: Timestamp, feed: usize, page: PullReply, effects: &mut impl Sink) {
        self.on_good_answer();
        let begins_again = page.reset && self.feeds[feed].cursor.is_some();
        #[cfg(feature = "sim")]
        let begins_again = begins_again && !self.has(super::planted::Bug::B15);
        if begins_again {
            // What was acknowledged since it was asked for is not in it, and must not count as gone: it is asked for again.
            return self.on_generation(now);
        }
        #[cfg(feature = "sim")]
        let mut page = page;
        #[cfg(feature = "sim")]
        if self.has(super::planted::Bug::B10) {
            self.keep_cursor_first(feed, &page, effects);
        } else if self.has(super::planted::Bug::B13) && page.more || self.has(super::planted::Bug::B9) && self.is_pushing() {
            page.changes.clear();
        }
        #[cfg(feature = "sim")]
        let page = PullReply { cursor: self.larger_cursor(feed, page.cursor), ..page };
        self.history.count(page.changes.len());
        if self.feeds[feed].is_blind {
            self.restart_feeds(now, Some(feed));
        }
        for applied in &page.applied {
            let id = MutationId(applied.id.as_str().into());
            self.seen.seq = self.seen.seq.max(applied.seq);
            self.forget_in_batches(&id);
            let said = Acknowledged { version: Some(applied.version.clone()), seq: Some(applied.seq), value: None };
            self.settle_ok(now, &id, said);
        }
        let answered = self.feeds[feed].answered;
        let began = *self.feeds[feed].began.get_or_insert(answered);
        self.again.note_applied(&page.applied, feed, began);
        for change in &page.changes {
            self.apply_change(now, feed, change);
            self.note_brought(&change.address);
        }
        for (_, raw, why) in &page.unreadable {
            self.quarantine(now, "pull", why, raw, effects);
        }
        let moved = self.feeds[feed].cursor.as_ref() != Some(&page.cursor);
        self.feeds[feed].cursor = Some(page.cursor);
        self.feeds[feed].failures = 0;
        let interval = if self.hidden { self.config.poll_max_ms } else { self.config.poll_base_ms };
        self.feeds[feed].due = if page.more { now } else { now.after(interval) };
        // Whether a crash begins again is then said of all feeds, and may have changed.
        let (mut swept, is_first) = (false, self.again.is_first);
        if !page.more {
            self.feeds[feed].began = None;
            self.feeds[feed].pulled = began;
            self.end_missing();
            self.turns = 0;
            self.expire_shadows(now, effects);
            swept = self.sweep(now, feed);
            self.counters.last_pull = Some(self.wall_at(now));
            self.feeds[feed].stale = None;
            self.answer_pull(feed, None, effects);
        }
        if swept || moved && is_first {
            self.stage_cursors();
        } else if moved {
            self.stage_cursor(feed);
        }
    }

    fn apply_change(&mut self, now: Timestamp, feed: usize, change: &Change) {
        let Change { address, version, seq, entry_id, body } = change;
        if let Some(seq) = *seq {
            self.seen.seq = self.seen.seq.max(seq);
        }
        // A change that names one of our entries is its acknowledgement too, whoever says it first (P8).
        let own = entry_id.as_deref().map(|id| MutationId(id.into()));
        let value = match body {
            ChangeBody::Value(value) => Some(value.clone()),
            ChangeBody::Deleted | ChangeBody::Gone => None,
        };
        let entry = own.as_ref().and_then(|id| self.outbox.entry(id)).filter(|entry| entry.addresses.contains(address));
        if let (Some(id), Some(is_group)) = (&own, entry.map(Queued::is_group)) {
            self.forget_in_batches(id);
            self.end_all_shadows(address);
            let said = Acknowledged { version: Some(version.clone()), seq: *seq, value: value.clone() };
            self.settle_ok(now, id, said);
            if !is_group {
                return;
            }
        }
        let (version, generation) = (version.as_str().into(), self.generation.clone());
        let theirs = Box::new(Base { version, seq: *seq, generation, value });
        #[cfg(feature = "sim")]
        let theirs = self.without_tombstone(theirs);
        #[cfg(feature = "sim")]
        if self.has(super::planted::Bug::B4) && self.is_news(address, &theirs) {
            self.touch(address);
            self.uncover(address);
        }
        self.lay_under(address, theirs, own.as_ref(), self.feeds[feed].answered);
    }

    /// A pull settled an entry whose push is still on its way.
    fn forget_in_batches(&mut self, id: &MutationId) {
        for batch in &mut self.batches {
            if let Some(at) = batch.entries.iter().position(|entry| entry == id) {
                batch.entries.remove(at);
            }
        }
    }

    /// A question got no good answer: what is cached is served, and marked as such.
    pub(super) fn note_stale(&mut self, feed: usize, error: &Fault) {
        self.feeds[feed].stale = Some(error.code);
    }
}
