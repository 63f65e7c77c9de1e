//! Acting on the network: which entries go next, freezing them, requests and their deadlines, and what the answer to a
//! whole request means.

use std::sync::Arc;

use super::clock::Timestamp;
use super::config::TransportKind;
use super::effect::{Effect, Sink};
use super::error::{Code, Fault};
use super::fitting::Fitting;
use super::header;
use super::ident::{MutationId, RequestId};
use super::input::{Reply, SendFailure};
use super::link::Tried;
use super::log::About;
use super::notice::Ending;
use super::outbox::Chosen;
use super::outcome::{self, Class};
use super::push::{Batch, BatchId, OUTLIVING_BYTES_MAX};
use super::queued::{Entry, Queued, State};
use super::record::Kind;
use super::retry;
use super::settling::Ended;
use super::store::Taken;
use super::tabs::Reads;
use super::{Engine, Pause};
use crate::protocol::member::{Fields, Wrong};
use crate::protocol::{self, Address, Call, MessageError, Part, PushReply, Seen, Whole};
use crate::protocol::{digits, words};

/// A request on its way.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: RequestId,
    what: What,
    /// Entries in it, and bytes of its body.
    items: u32,
    bytes: u64,
    /// The server's generation as it was known when the request left.
    generation: Arc<str>,
    /// Which token it left with.
    token: u32,
    /// Whether it goes on without the page.
    outlives_page: bool,
    /// It is aborted then, unless there is progress...
    stalls: Timestamp,
    /// ...and then in any case.
    ends: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Push(BatchId),
    /// By the feed's place in the list.
    Pull(usize),
    Ping,
}

impl Request {
    pub(super) fn is_push(&self) -> bool {
        matches!(self.what, What::Push(_))
    }

    /// What the history says of its direction and bytes; `None` of a probe.
    pub(super) fn traffic(&self, received: u64) -> Option<(&'static str, u64)> {
        match self.what {
            What::Push(_) => Some(("push", self.bytes)),
            What::Pull(_) => Some(("pull", received)),
            What::Ping => None,
        }
    }
}

/// The JSON of an answer about a whole request, or why it is none.
fn body_of(reply: &Reply) -> Result<&str, Fault> {
    let nonsense = |why: &str| Fault::of_status(Code::Protocol, why, reply.status);
    if reply.redirected {
        return Err(nonsense("the server's answer came from another address"));
    }
    let content_type = reply.headers.get("content-type").map(String::as_str).unwrap_or_default();
    let end = content_type.as_bytes().iter().position(|byte| *byte == b';').unwrap_or(content_type.len());
    if !content_type[..end].trim_ascii().eq_ignore_ascii_case("application/json") {
        return Err(nonsense("the server's answer is not JSON by its content type"));
    }
    std::str::from_utf8(&reply.body.0).map_err(|_| nonsense("the server's answer is not UTF-8"))
}

/// What an answer about a whole request says, as `take_up` finds it; an error as [`Engine::check_reply`] gives one.
pub(super) fn read_body(reply: &Reply, take_up: &mut dyn FnMut(&str) -> Result<(), Wrong>) -> Result<(), Option<Fault>> {
    let text = body_of(reply)?;
    take_up(text).map_err(|wrong| Some(Fault::new(Code::Protocol, MessageError(wrong).said())))
}

/// The wait that a server asks for, in milliseconds.
pub(super) fn asked_wait(reply: &Reply) -> Option<u64> {
    let header = |name: &str| reply.headers.get(name).map(String::as_str);
    retry::retry_after(header("retry-after"), header("date"))
}

/// The wait that a server's quotas suggest, in milliseconds, where it does not ask for one outright.
fn suggested_wait(reply: &Reply) -> Option<u64> {
    let header = |name: &str| reply.headers.get(name).map(String::as_str);
    let hint = retry::rate_limit(header("ratelimit"), header("ratelimit-remaining"), header("ratelimit-reset"));
    hint.filter(|_| asked_wait(reply).is_none())
}

impl Engine {
    /// When the next batch is due; `None` where something else has to happen first.
    pub(super) fn push_due(&self, now: Timestamp) -> Option<Timestamp> {
        let yields = self.link.yields(Tried::Push) && self.pull_ready(now).is_some_and(|due| due <= now);
        if yields { None } else { self.push_ready(now) }
    }

    /// When there is something to be pushed and a way to do it.
    pub(super) fn push_ready(&self, now: Timestamp) -> Option<Timestamp> {
        let room = self.batches.len() < self.config.batches_in_flight_max.max(1) as usize;
        if !self.may_ask() || !room || !self.link.is_open(now, self.requests.len()) {
            return None;
        }
        if self.outbox.has_ready() || self.outbox.fills(self.size.items(), self.config.batch_bytes_max) {
            return Some(now);
        }
        let wait = self.outbox.next_wait();
        if !self.outbox.has_heads() {
            return wait;
        }
        let window =
            self.window.unwrap_or(now).after(if self.hastens || self.is_window_awaited() { 0 } else { self.config.batch_window_ms });
        Some(wait.map_or(window, |wait| wait.min(window)))
    }

    /// Sends what may go.
    pub(super) fn push(&mut self, now: Timestamp, effects: &mut impl Sink) {
        self.outbox.end_waits(now);
        if self.push_due(now).is_none_or(|due| due > now) {
            return;
        }
        let Chosen { mut entries, mut heads } = self.outbox.choose(self.size.items(), self.config.batch_bytes_max);
        let refused = entries.iter().position(|id| self.refused(id).is_some());
        if let Some(at) = refused {
            // It is asked about by itself.
            (entries, heads) = (vec![entries.swap_remove(at)], Vec::new());
        }
        let batch = BatchId(self.next_id());
        let sent_before = entries.len();
        for head in &heads {
            if let Some(frozen) = self.freeze(now, head, effects) {
                entries.push(frozen);
            }
        }
        self.window = self.outbox.has_heads().then_some(now);
        self.hastens &= self.window.is_some();
        if entries.is_empty() {
            return;
        }
        for id in &entries {
            self.outbox.set_state(id, State::InBatch);
        }
        let is_frozen_already = entries.len() == sent_before;
        self.batches.push(Batch { id: batch, entries, is_question: refused.is_some() });
        if is_frozen_already {
            self.send_batch(now, batch, effects);
        } else {
            self.store.stage_batch(batch);
            self.commit(effects);
        }
    }

    /// Makes an entry of the kept mutations of one document, or of a group. Nothing that could change it happens after this.
    fn freeze(&mut self, now: Timestamp, head: &MutationId, effects: &mut impl Sink) -> Option<MutationId> {
        let first = self.outbox.queued(head)?;
        let (id, line, addresses) = (head.clone(), first.line(first.round()), first.addresses.clone());
        let (members, fitting) = self.fit(head, &addresses)?;
        let Fitting { parts, lowered, conflicts } = match fitting {
            Ok(fitting) => fitting,
            Err(error) => {
                self.give_up_unplaceable(now, &addresses, &members, error, effects);
                return None;
            }
        };
        if self.leaves(&addresses, &conflicts) {
            return None;
        }
        self.tell_conflicts(conflicts, effects);
        let text: Arc<str> = protocol::Entry::text(&id.0, &self.seen, lowered.as_deref().unwrap_or(&parts)).into();
        let meant = if lowered.is_some() { &parts[..] } else { &[] };
        let root = Some(line.root).filter(|root| *root != id);
        let names = self.outbox.names(&members);
        let versions = self.config.versions_of(&addresses);
        let header = header::freeze(&id, &names, line.place, line.round, &root, meant, &versions);
        names.iter().for_each(|name| self.store.log.retire(name));
        self.store.stage(Kind::Freeze, &header, &text, Some(About::of(Kind::Freeze, &id)));
        let order = self.outbox.order(&id).unwrap_or_default();
        let mut bases = Vec::with_capacity(parts.len());
        for Part { address, operations, base } in parts {
            let befores = self.replica.replace(&address, &members, order, id.clone(), operations);
            self.keep_befores(&address, &befores);
            bases.push(base);
        }
        let has_others = names.len() > 1;
        self.outbox.freeze(Box::new(Entry::new(names, bases, text, lowered.is_some())));
        if has_others {
            // What waits for one of the others waits for the entry from here on.
            self.keep_dependencies(&self.outbox.dependents(order));
        }
        Some(id)
    }

    /// These can be no entry: they go to the inbox.
    fn give_up_unplaceable(
        &mut self,
        now: Timestamp,
        addresses: &[Address],
        members: &[MutationId],
        error: Fault,
        effects: &mut impl Sink,
    ) {
        let names = self.outbox.names(members);
        let ended = Ended { addresses, layers: members, members: &names };
        let ending =
            if matches!(error.code, Code::Rejected | Code::Validation) { Ending::Rejected { error } } else { Ending::Unknown { error } };
        addresses.iter().for_each(|address| self.touch(address));
        self.set_aside(now, &ended, ending.name(), &ending, &None, None);
        self.conclude(&ended, Vec::new(), &ending, None);
        names.iter().for_each(|name| self.store.log.retire(name));
        for member in members {
            let order = self.outbox.order(member);
            self.outbox.take(member);
            self.store.stage_taken(Taken { id: member.clone(), addresses: addresses.to_vec(), ending: None });
            order.into_iter().for_each(|order| self.block_dependents(now, order, false, effects));
        }
    }

    fn refused(&self, id: &MutationId) -> Option<&Fault> {
        self.outbox.entry(id)?.entry.as_ref()?.refused.as_ref()
    }

    /// The entries of a batch are frozen: it goes.
    pub(super) fn send_batch(&mut self, now: Timestamp, batch: BatchId, effects: &mut impl Sink) {
        let Some(Batch { entries, is_question, .. }) = self.batch(batch).cloned() else { return };
        if let (true, [id]) = (is_question, &entries[..]) {
            self.outbox.set_state(id, State::Sent);
            self.send(now, What::Push(batch), Call::Outcome { id: String::from(&*id.0) }, effects);
            return;
        }
        #[cfg(feature = "sim")]
        self.give_up_tried(&entries);
        let is_open = self.may_ask() && self.link.is_open(now, self.requests.len());
        #[cfg(feature = "sim")]
        if self.has(super::planted::Bug::B8) && !is_open {
            entries.iter().for_each(|id| self.settle_ok(now, id, Default::default()));
        }
        let (mut ids, mut attempt) = (Vec::new(), 0);
        let mut body = String::from(r#"{"entries":["#);
        for id in &entries {
            let Some(Queued { addresses, entry: Some(entry), .. }) = self.outbox.queued(id) else { continue };
            if !is_open || self.outbox.is_sealed(addresses) {
                continue;
            }
            if !ids.is_empty() {
                body.push(',');
            }
            body.push_str(&entry.text);
            ids.push(String::from(&*id.0));
            attempt = attempt.max(entry.sent);
            self.counters.sent += 1;
            self.counters.resent += u64::from(entry.sent > 0);
            self.outbox.mark_sent(id);
        }
        body.push_str("]}");
        if ids.is_empty() {
            self.release(batch);
            return;
        }
        #[cfg(feature = "sim")]
        if self.planted == Some(super::planted::Bug::B17) {
            entries.iter().for_each(|id| self.stage_settlement(id, &[], "applied", None));
        }
        self.send(now, What::Push(batch), Call::Push { ids, body, attempt }, effects);
    }

    fn send(&mut self, now: Timestamp, what: What, call: Call, effects: &mut impl Sink) -> RequestId {
        let request = RequestId(self.next_id());
        let (items, bytes) = match &call {
            Call::Push { ids, body, .. } => (ids.len() as u32, body.len() as u64),
            _ => (0, 0),
        };
        let upload = bytes * 1_000 / self.config.upload_bytes_per_s.max(1);
        self.counters.requests += 1;
        match what {
            What::Push(_) => self.link.on_try(Tried::Push),
            What::Pull(_) => self.link.on_try(Tried::Pull),
            What::Ping => {}
        }
        let outlives_page = bytes > 0 && self.outliving() + bytes <= OUTLIVING_BYTES_MAX;
        self.requests.push(Request {
            id: request,
            what,
            items,
            bytes,
            generation: self.generation.clone(),
            token: self.auth.number(),
            outlives_page,
            stalls: now.after(self.config.progress_ms + upload),
            ends: now.after(self.config.request_ms_max.max(upload)),
        });
        effects.push(Effect::Send { request, call, reply_bytes_max: self.config.reply_bytes_max, outlives_page });
        request
    }

    /// Bytes under way that go on without the page.
    fn outliving(&self) -> u64 {
        let mut bytes = 0;
        for request in self.requests.iter().filter(|request| request.outlives_page) {
            bytes += request.bytes;
        }
        bytes
    }

    /// The page may be gone at any time without a word: what waits for its window to end goes now.
    pub(super) fn hasten_window(&mut self) {
        self.hastens = self.window.is_some();
    }

    pub(super) fn send_pull(&mut self, now: Timestamp, feed: usize, effects: &mut impl Sink) {
        self.look_for_deletes(feed);
        let echo = digits::hash(self.rng.bits());
        let call = Call::Pull {
            feed: self.feeds[feed].name.clone(),
            cursor: self.feeds[feed].cursor.clone(),
            limit: self.config.pull_limit,
            request: echo.clone(),
        };
        let request = self.send(now, What::Pull(feed), call, effects);
        self.feeds[feed].request = Some((request, echo));
        self.feeds[feed].asked = Some(now);
    }

    /// A network that is believed to be away is asked, slowly: the belief may be wrong.
    pub(super) fn probe(&mut self, now: Timestamp, effects: &mut impl Sink) {
        if self.may_ask() && self.link.is_probe_due(now) && self.requests.is_empty() {
            self.send(now, What::Ping, Call::Ping, effects);
        }
    }

    /// When the first request counts as stalled.
    pub(super) fn next_stall(&self) -> Option<Timestamp> {
        let mut next = None;
        for request in &self.requests {
            let stalls = request.stalls.min(request.ends);
            next = Some(next.map_or(stalls, |next: Timestamp| next.min(stalls)));
        }
        next
    }

    pub(super) fn on_progressed(&mut self, now: Timestamp, request: RequestId) {
        if let Some(request) = self.requests.iter_mut().find(|other| other.id == request) {
            request.stalls = now.after(self.config.progress_ms);
        }
    }

    pub(super) fn give_up_stalled(&mut self, now: Timestamp, effects: &mut impl Sink) {
        while let Some(at) = self.requests.iter().position(|request| request.stalls.min(request.ends) <= now) {
            let request = self.requests.remove(at);
            effects.push(Effect::Cancel { request: request.id });
            if let What::Push(batch) = request.what {
                let entries = self.batch(batch).map_or(0, |batch| batch.entries.len());
                self.size.halve(entries);
            }
            self.history.begin(request.items);
            self.on_no_answer(now, request.what, Fault::new(Code::Timeout, "the server made no progress"), effects);
            self.end_sync(now, &request, 0);
        }
    }

    pub(super) fn on_send_failed(&mut self, now: Timestamp, id: RequestId, why: SendFailure, effects: &mut impl Sink) {
        let Some(request) = self.take_request(id) else { return };
        let error = match why {
            SendFailure::NoAnswer | SendFailure::Cancelled => Fault::new(Code::Network, "no answer from the server"),
            SendFailure::Truncated => Fault::new(Code::Protocol, "the server's answer broke off"),
            SendFailure::TooLarge => Fault::new(
                Code::Protocol,
                words::join(&["the server's answer has more than ", &digits::text(self.config.reply_bytes_max), " bytes"]),
            ),
            SendFailure::Threw { message } => Fault::new(Code::Network, words::join(&["the app's own transport failed: ", &message])),
        };
        self.history.begin(request.items);
        self.on_no_answer(now, request.what, error, effects);
        self.end_sync(now, &request, 0);
    }

    /// Nobody knows what became of a request: its entries go again, under the same ids.
    fn on_no_answer(&mut self, now: Timestamp, what: What, error: Fault, effects: &mut impl Sink) {
        self.link.on_no_answer(now, &mut self.rng);
        self.history.note(error.code.as_str());
        self.troubles.network = Some(error.clone());
        match what {
            What::Push(batch) => {
                for id in &self.release(batch) {
                    self.outbox.mark_doubtful(id);
                }
            }
            What::Pull(feed) => {
                self.feeds[feed].request = None;
                self.feeds[feed].due = now;
                self.note_stale(feed, &error);
                self.give_up_pull(feed, &error, effects);
            }
            // While the network is believed to be away, a probe is all that is tried for those who wait.
            What::Ping => (0..self.feeds.len()).for_each(|feed| self.give_up_pull(feed, &error, effects)),
        }
    }

    /// Who awaits a feed hears that there is no answer, once that is so often enough in a row.
    fn give_up_pull(&mut self, feed: usize, error: &Fault, effects: &mut impl Sink) {
        if self.link.failures() >= super::link::AWAITED_FAILURES {
            self.answer_pull(feed, Some(error.clone()), effects);
        }
    }

    pub(super) fn on_replied(&mut self, now: Timestamp, id: RequestId, reply: Reply, effects: &mut impl Sink) {
        let Some(request) = self.take_request(id) else { return };
        #[cfg(feature = "sim")]
        let reply = self.without_dates(reply);
        self.history.begin(request.items);
        suggested_wait(&reply).into_iter().for_each(|ms| self.link.on_asked_to_wait(now.after(ms)));
        if outcome::classify(reply.status) == Class::Auth && !reply.redirected {
            self.on_auth(now, &request, &outcome::refusal(reply.status), effects);
            return self.end_sync(now, &request, reply.body.0.len());
        }
        match request.what {
            What::Push(batch) => self.on_push_reply(now, batch, &request, &reply, effects),
            What::Pull(feed) => self.on_pull_reply(now, feed, &request.generation, &reply, effects),
            What::Ping => match body_of(&reply) {
                Ok(_) if reply.status == 200 => self.on_good_answer(),
                Ok(_) => self.on_no_answer(now, What::Ping, outcome::refusal(reply.status), effects),
                Err(error) => self.on_no_answer(now, What::Ping, error, effects),
            },
        }
        self.end_sync(now, &request, reply.body.0.len());
    }

    fn on_push_reply(&mut self, now: Timestamp, batch: BatchId, request: &Request, reply: &Reply, effects: &mut impl Sink) {
        if self.batch(batch).is_none() {
            return;
        }
        // A pull may have settled some of them since.
        let count = request.items as usize;
        let class = outcome::classify(reply.status);
        if class == Class::Body || reply.redirected {
            let mut said = PushReply::default();
            let read = read_body(reply, &mut |text| said.take_up(text));
            return match read.and_then(|()| self.check_reply(now, &said.generation, &said.scope, &request.generation)) {
                Ok(()) if said.whole == Some(Whole::Auth) => {
                    self.on_auth(now, request, &Fault::new(Code::Unauthorized, "the server wants a token"), effects);
                }
                Ok(()) => self.on_outcomes(now, batch, &said, effects),
                Err(Some(error)) => self.on_no_answer(now, What::Push(batch), error, effects),
                Err(None) => drop(self.release(batch)),
            };
        }
        self.link.on_answer();
        let refused = outcome::refusal(reply.status);
        #[cfg(feature = "sim")]
        if self.has(super::planted::Bug::B3) && reply.body.0.windows(3).any(|text| text == b"401") {
            return self.take_batch(batch).iter().for_each(|id| self.drop_entry(id));
        }
        match class {
            Class::Retry | Class::Unknown => {
                self.history.note(refused.code.as_str());
                self.troubles.network = Some(refused);
                if !outcome::is_undone(reply.status) {
                    self.doubt(batch);
                }
                self.on_retry_later(now, batch, if class == Class::Retry { asked_wait(reply) } else { None });
            }
            Class::TooLarge | Class::Refused | Class::Precondition if count > 1 => {
                self.history.note(refused.code.as_str());
                self.size.halve(count);
                self.release(batch);
            }
            Class::Precondition => {
                for id in &self.release(batch) {
                    self.end_refused(now, id, refused.clone(), effects);
                }
            }
            class => {
                let code = if class == Class::TooLarge { Code::TooLarge } else { Code::Rejected };
                self.history.note(code.as_str());
                self.size.grow();
                for id in &self.release(batch) {
                    self.end_refused(now, id, refused.as_kind(code), effects);
                }
            }
        }
    }

    /// A request with nothing but this entry in it was refused. Where an earlier attempt had no answer, that does not say that
    /// the entry was not carried out: a server that knows it by its id is asked.
    fn end_refused(&mut self, now: Timestamp, id: &MutationId, error: Fault, effects: &mut impl Sink) {
        let Some(Queued { entry: Some(entry), .. }) = self.outbox.entry(id) else { return };
        if entry.refused.is_some() {
            return self.end_untold(now, id, effects);
        }
        if entry.is_doubtful && self.config.transport == TransportKind::Protocol {
            return self.outbox.mark_refused(id, error);
        }
        self.end_undone(now, id, error, effects);
    }

    /// An entry was refused, and nobody says whether an attempt before was carried out.
    fn end_untold(&mut self, now: Timestamp, id: &MutationId, effects: &mut impl Sink) {
        let error = Fault::new(Code::Protocol, "it was refused, and nobody says whether an earlier attempt was carried out");
        self.end(now, id, &Ending::Unknown { error }, &None, None, effects);
    }

    /// The position of the server's log behind which the entry was carried out, if it was.
    fn seen_by(&self, id: &MutationId, reply: &PushReply) -> u64 {
        let mut seen = Seen::default();
        if let Some(Queued { entry: Some(entry), .. }) = self.outbox.entry(id) {
            Fields::of(&entry.text).take("seen", &mut seen);
        }
        if Some(&seen.generation) == reply.generation.as_ref() { seen.seq } else { 0 }
    }

    /// An entry was refused, and never carried out.
    fn end_undone(&mut self, now: Timestamp, id: &MutationId, error: Fault, effects: &mut impl Sink) {
        if error.status.map(outcome::classify) == Some(Class::Precondition) {
            return self.make_conditional(now, id, &error, effects);
        }
        self.end(now, id, &Ending::Rejected { error }, &None, None, effects);
    }

    /// Whether the entries of a batch were carried out nobody knows.
    fn doubt(&mut self, batch: BatchId) {
        for id in &self.batch(batch).map_or_else(Vec::new, |batch| batch.entries.clone()) {
            self.outbox.mark_doubtful(id);
        }
    }

    /// The server answered that it should be tried again: each entry waits, and nobody else is asked before the time
    /// that the server named.
    fn on_retry_later(&mut self, now: Timestamp, batch: BatchId, asked: Option<u64>) {
        self.link.on_retry(now);
        let entries = self.take_batch(batch);
        entries.iter().for_each(|id| self.wait(now, id, asked));
        if let Some(asked) = asked {
            self.link.on_asked_to_wait(now.after(asked));
        }
    }

    /// A request came back for want of a token. It uses no attempt.
    fn on_auth(&mut self, now: Timestamp, request: &Request, error: &Fault, effects: &mut impl Sink) {
        self.link.on_answer();
        self.history.note(Code::Unauthorized.as_str());
        match request.what {
            What::Push(batch) => drop(self.release(batch)),
            What::Pull(feed) => {
                self.feeds[feed].request = None;
                self.feeds[feed].due = now;
            }
            What::Ping => {}
        }
        self.on_unauthorized(now, request.token, error, effects);
    }

    /// A request was answered as it should be.
    #[inline(never)]
    pub(super) fn on_good_answer(&mut self) {
        self.link.on_answer();
        self.link.on_success();
        self.auth.on_taken();
        self.troubles.network = None;
    }

    fn on_outcomes(&mut self, now: Timestamp, batch: BatchId, reply: &PushReply, effects: &mut impl Sink) {
        self.on_good_answer();
        match reply.whole {
            Some(Whole::Fenced) => {
                self.release(batch);
                self.history.note(Code::Fenced.as_str());
                self.pause = Some(Pause::Fenced);
                // Perhaps another tab has taken the store over.
                self.want(Reads::Tail);
                self.troubles.network = Some(Fault::new(Code::Fenced, "another client holds the session"));
                return;
            }
            Some(Whole::Retry { after_ms }) => {
                self.history.note("retry");
                return self.on_retry_later(now, batch, after_ms.map(|ms| ms.min(retry::RETRY_AFTER_MAX_MS)));
            }
            Some(Whole::Auth) | None => {}
        }
        self.size.grow();
        let is_question = self.batch(batch).is_some_and(|batch| batch.is_question);
        let mut entries = self.take_batch(batch);
        for outcome in &reply.outcomes {
            // Matched by id alone; what nobody asked about, or asked about once and hears of twice, is ignored (H13).
            let Some(at) = entries.iter().position(|id| *id.0 == *outcome.id) else { continue };
            let id = entries.swap_remove(at);
            self.settle(now, &id, outcome, effects);
        }
        #[cfg(feature = "sim")]
        if self.planted == Some(super::planted::Bug::B12) {
            for id in std::mem::take(&mut entries) {
                self.settle_ok(now, &id, Default::default());
            }
        }
        if let (true, [id]) = (is_question, &entries[..]) {
            if self.seen_by(id, reply) < reply.horizon.unwrap_or_default() {
                return self.end_untold(now, id, effects);
            }
            // It was never carried out, and will not be: it is not sent any more.
            let error = self.refused(id).cloned().unwrap_or_else(|| Fault::new(Code::Rejected, "refused"));
            return self.end_undone(now, id, error, effects);
        }
        // A missing outcome is unknown (H12).
        entries.iter().for_each(|id| self.outbox.mark_doubtful(id));
        if !entries.is_empty() {
            let missing =
                words::join(&["the server's answer does not say what became of ", &digits::text(entries.len() as u64), " entries"]);
            self.history.note(Code::Protocol.as_str());
            self.troubles.network = Some(Fault::new(Code::Protocol, missing));
        }
        entries.iter().for_each(|id| self.wait(now, id, None));
    }

    /// Whether a reply may be believed: from the server that is known, for the user this client is for. `Err(None)`: it is
    /// from before a restore that is known of already.
    pub(super) fn check_reply(
        &mut self,
        now: Timestamp,
        generation: &Option<String>,
        scope: &Option<String>,
        sent_under: &Arc<str>,
    ) -> Result<(), Option<Fault>> {
        if self.config.transport == TransportKind::Functions && generation.is_none() && scope.is_none() {
            return Ok(());
        }
        let (Some(generation), Some(scope)) = (generation, scope) else {
            return Err(Some(Fault::new(Code::Protocol, "the server's answer names no generation or no scope")));
        };
        if *scope != self.config.scope {
            self.pause = Some(Pause::Scope);
            return Err(Some(Fault::new(Code::WrongScope, "the server acted for another user")));
        }
        if **generation == *self.generation {
            return Ok(());
        }
        if !self.generation.is_empty() && *sent_under != self.generation {
            self.history.note(Code::Protocol.as_str());
            return Err(None);
        }
        let is_restored = !self.generation.is_empty();
        self.generation = (**generation).into();
        self.seen = protocol::Seen { generation: generation.clone(), seq: 0 };
        if is_restored {
            self.on_generation(now);
        } else {
            // A start must know it as soon as there is a base of it.
            self.stage_cursors();
        }
        Ok(())
    }

    /// An entry waits before it is tried again: at least as long as the server asked.
    pub(super) fn wait(&mut self, now: Timestamp, id: &MutationId, asked: Option<u64>) {
        let failures = self.outbox.mark_failed(id);
        let delay_ms = retry::ENTRY.draw(failures, &mut self.rng).saturating_add(asked.unwrap_or(0));
        self.outbox.mark_asked(id, now.after(asked.unwrap_or(0)));
        self.wait_for(now, id, failures, delay_ms, asked);
    }

    pub(super) fn wait_for(&mut self, now: Timestamp, id: &MutationId, failures: u32, delay_ms: u64, asked: Option<u64>) {
        self.outbox.set_state(id, State::Waiting(now.after(delay_ms)));
        let header = header::attempt(id, failures, self.wall_at(now), delay_ms, asked);
        self.store.stage(Kind::Attempt, &header, "", Some(About::of(Kind::Attempt, id)));
    }

    /// The batch is over, and its entries can be sent again.
    fn release(&mut self, batch: BatchId) -> Vec<MutationId> {
        let entries = self.take_batch(batch);
        entries.iter().for_each(|id| self.outbox.set_state(id, State::Ready));
        entries
    }

    fn batch(&self, batch: BatchId) -> Option<&Batch> {
        self.batches.iter().find(|other| other.id == batch)
    }

    fn take_batch(&mut self, batch: BatchId) -> Vec<MutationId> {
        let at = self.batches.iter().position(|other| other.id == batch);
        at.map(|at| self.batches.remove(at).entries).unwrap_or_default()
    }

    fn take_request(&mut self, id: RequestId) -> Option<Request> {
        let at = self.requests.iter().position(|request| request.id == id)?;
        Some(self.requests.remove(at))
    }
}
