//! Acting on feeds: asking, and laying what comes over the base. An answer and its cursor are applied in one step.

use std::sync::Arc;

use super::clock::Timestamp;
use super::config::TransportKind;
use super::effect::Sink;
use super::error::{Code, Fault};
use super::ident::{AskId, MutationId};
use super::input::Reply;
use super::link::Tried;
use super::outcome::{self, Class};
use super::replica::Base;
use super::sending::body_of;
use super::{Engine, retry};
use crate::protocol::{Change, ChangeBody, PullReply};

impl Engine {
    /// Every feed is pulled as soon as it may be: something happened that may have changed the world.
    pub(super) fn ask_soon(&mut self, now: Timestamp) {
        self.feeds.iter_mut().for_each(|feed| feed.hasten(now));
    }

    pub(super) fn on_pull_asked(&mut self, now: Timestamp, ask: AskId, effects: &mut impl Sink) {
        if self.config.transport == TransportKind::None || self.check_open().is_err() {
            let error = Fault::new(Code::Closed, "there is nobody to ask");
            return self.answer(ask, Some(error), effects);
        }
        if let Some(feed) = self.feeds.first_mut() {
            feed.asks.push(ask);
            if feed.failures == 0 {
                feed.due = now;
            }
        }
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
        if self.auth_pause().is_some_and(|until| until <= now) {
            self.pause = None;
        }
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
        let Some((_, echo)) = self.feeds[feed].request.take() else { return };
        let refused = outcome::refusal(reply.status);
        match outcome::classify(reply.status) {
            Class::Body if reply.status == 200 => {
                let parsed =
                    body_of(reply).and_then(|text| PullReply::parse(text).map_err(|error| Fault::new(Code::Protocol, error.said())));
                match parsed.and_then(|page| self.check_page(now, &echo, page, sent_under)) {
                    Ok(Some(page)) => self.apply_page(now, feed, page, effects),
                    Ok(None) => self.feeds[feed].due = now,
                    Err(error) => self.on_no_pull(now, feed, error, effects),
                }
            }
            Class::Auth => {
                self.link.on_answer();
                self.feeds[feed].due = now;
                self.pause_for_auth(now, refused.clone());
                self.answer_pull(feed, Some(refused.as_kind(Code::Unauthorized)), effects);
            }
            _ => {
                self.link.on_answer();
                let header = |name: &str| reply.headers.get(name).map(String::as_str);
                let asked = retry::retry_after(header("retry-after"), header("date"));
                self.feeds[feed].on_retry(now, asked, &mut self.rng);
                asked.into_iter().for_each(|asked| self.link.on_asked_to_wait(now.after(asked)));
                self.troubles.network = Some(refused.clone());
                self.answer_pull(feed, Some(refused), effects);
            }
        }
    }

    /// Nonsense is no answer: cache and cursor stay (MISSION 14).
    fn on_no_pull(&mut self, now: Timestamp, feed: usize, error: Fault, effects: &mut impl Sink) {
        self.link.on_no_answer(now, &mut self.rng);
        self.feeds[feed].due = now;
        self.troubles.network = Some(error.clone());
        self.answer_pull(feed, Some(error), effects);
    }

    /// `Ok(None)`: a cached or outdated reply; the question is asked again.
    fn check_page(&mut self, now: Timestamp, echo: &str, page: PullReply, sent_under: &Arc<str>) -> Result<Option<PullReply>, Fault> {
        if self.config.transport == TransportKind::Protocol {
            match &page.request {
                None => return Err(Fault::new(Code::Protocol, "the server's answer echoes no request")),
                Some(request) if request != echo => return Err(Fault::new(Code::Protocol, "a cache answered in the server's place")),
                Some(_) => {}
            }
        }
        let before = self.generation.clone();
        match self.check_reply(now, page.generation.as_deref(), page.scope.as_deref(), sent_under) {
            // The first page of another generation goes on from the old one's cursor, unless the server noticed.
            Ok(()) if !before.is_empty() && before != self.generation && !page.reset => Ok(None),
            Ok(()) => Ok(Some(page)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    fn apply_page(&mut self, now: Timestamp, feed: usize, page: PullReply, effects: &mut impl Sink) {
        self.link.on_answer();
        self.troubles.network = None;
        if page.reset && self.feeds[feed].cursor.is_some() {
            self.feeds[feed].restart(now, true);
        }
        for applied in page.applied {
            let id = MutationId(applied.id.into());
            self.seen.seq = self.seen.seq.max(applied.seq);
            self.forget_in_batches(&id);
            self.settle_ok(now, &id, Some(applied.version), Some(applied.seq), None, effects);
        }
        for change in page.changes {
            self.apply_change(now, feed, change, effects);
        }
        for (_, raw, why) in page.unreadable {
            self.quarantine(now, "pull", &why, &raw, effects);
        }
        let moved = self.feeds[feed].cursor.as_ref() != Some(&page.cursor);
        self.feeds[feed].cursor = Some(page.cursor);
        self.feeds[feed].failures = 0;
        let interval = if self.hidden { self.config.poll_max_ms } else { self.config.poll_base_ms };
        self.feeds[feed].due = if page.more { now } else { now.after(interval) };
        let mut swept = false;
        if !page.more {
            swept = self.sweep(feed);
            self.counters.last_pull = Some(self.wall_at(now));
            self.answer_pull(feed, None, effects);
        }
        if moved || swept {
            self.stage_cursor(feed);
        }
    }

    fn apply_change(&mut self, now: Timestamp, feed: usize, change: Change, effects: &mut impl Sink) {
        let Change { address, version, seq, entry_id, body } = change;
        if let Some(seen) = &mut self.feeds[feed].resync {
            seen.insert(address.clone(), ());
        }
        if let Some(seq) = seq {
            self.seen.seq = self.seen.seq.max(seq);
        }
        // A change that names one of our entries is its acknowledgement too, whoever says it first (P8).
        let own = entry_id.map(|id| MutationId(id.into())).filter(|id| self.outbox.entry(id).is_some_and(|entry| entry.address == address));
        let value = match body {
            ChangeBody::Value(value) => Some(value),
            ChangeBody::Deleted | ChangeBody::Gone => None,
        };
        if let Some(id) = own {
            self.forget_in_batches(&id);
            return self.settle_ok(now, &id, Some(version), seq, value, effects);
        }
        let theirs = Box::new(Base { version: version.into(), seq, generation: self.generation.clone(), value });
        if self.is_news(&address, &theirs) {
            self.touch(&address);
            self.rebase(&address, Some(theirs), &[]);
        }
    }

    /// After everything was pulled again: what did not come is gone.
    fn sweep(&mut self, feed: usize) -> bool {
        let Some(seen) = self.feeds[feed].resync.take() else { return false };
        let mut gone = Vec::new();
        // Which feed a document came by is not known: where there are several, only another generation's are surely gone.
        let is_alone = self.feeds.len() == 1;
        for (address, base) in self.replica.known() {
            let is_old = is_alone || base.generation != self.generation;
            if is_old && base.value.is_some() && !seen.contains_key(address) {
                gone.push(address.clone());
            }
        }
        for address in self.store.pages.addresses() {
            if !self.replica.is_resident(address) && !seen.contains_key(address) {
                gone.push(address.clone());
            }
        }
        for address in &gone {
            self.touch(address);
            let nothing = Box::new(Base { version: "".into(), seq: None, generation: self.generation.clone(), value: None });
            self.rebase(address, Some(nothing), &[]);
        }
        true
    }

    /// A pull settled an entry whose push is still on its way.
    fn forget_in_batches(&mut self, id: &MutationId) {
        for batch in &mut self.batches {
            batch.entries.retain(|entry| entry != id);
        }
    }

    pub(super) fn answer_pull(&mut self, feed: usize, error: Option<Fault>, effects: &mut impl Sink) {
        for ask in std::mem::take(&mut self.feeds[feed].asks) {
            self.answer(ask, error.clone(), effects);
        }
    }
}
