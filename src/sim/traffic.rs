//! Requests and replies on their way, and what the world makes of them.

use serde_json::{Value, json};

use super::common::{Common, Event, Halt};
use super::device::Device;
use super::fault::Fault;
use super::net::Way;
use super::oracle::Violation;
use super::server::Answer;
use crate::engine::ident::RequestId;
use crate::engine::input::{Bytes, Input, Reply, SendFailure};
use crate::engine::notice::StorageKind;
use crate::protocol::{Address, Call, Identity};

/// A request that is on its way to the server.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub life: u64,
    pub request: RequestId,
    pub call: Call,
    pub identity: Identity,
    /// Whether anybody waits for what the server says to this copy.
    pub is_answered: bool,
}

/// A reply that is on its way to the device.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub life: u64,
    pub request: RequestId,
    pub reply: Reply,
    /// Whether it is the server's own, so that the engine must believe it.
    pub is_genuine: bool,
}

/// The longest wait that the server asks for.
const RETRY_AFTER_MAX_S: u64 = 120;
/// How often a reply on a slow link makes progress.
const SLOW_PROGRESS_MS: usize = 1_000;

impl Device {
    /// The engine sends a request.
    pub fn send(&mut self, common: &mut Common, request: RequestId, call: Call) -> Halt {
        let Some(engine) = self.tab.engine.as_ref() else { return Ok(()) };
        let identity = engine.identity();
        self.requests += 1;
        if common.now < self.tab.asked_to_wait {
            let what = format!("the server asked for peace until {} ms, and at {} ms comes {call:?}", self.tab.asked_to_wait, common.now);
            return Err(Violation { law: "I19", what });
        }
        if common.now < self.tab.token_comes {
            let what = format!("without a token, and with a question for one open, comes {call:?}");
            return Err(Violation { law: "I19", what });
        }
        if self.tab.asking.is_stopped {
            return Err(Violation { law: "I19", what: format!("the app wants nothing to be sent, and there comes {call:?}") });
        }
        common.trace.mark(name(&call), common.now, request.0, size(&call));
        if let Call::Push { body, .. } = &call {
            let is_stored = engine.status().storage == StorageKind::IndexedDb;
            if !is_stored {
                // No record says what is frozen.
                self.oracle.frozen(&common.truths[self.user], engine.frozen())?;
            }
            self.oracle.sent(body, is_stored)?;
        }
        if let Call::Pull { feed, cursor, .. } = &call {
            self.oracle.pulls(&common.truths[self.user], feed, cursor.as_deref())?;
        }
        let had_cursor = matches!(&call, Call::Pull { cursor: Some(_), .. });
        self.tab.outstanding.insert(request, (call.clone(), self.oracle.known(had_cursor, matches!(&call, Call::Pull { .. }))));
        if let Some(reply) = self.intercept() {
            let letter = Letter { life: self.tab.life, request, reply, is_genuine: false };
            let ms = 5 + self.rng.up_to(200);
            common.schedule(common.now + ms, self.number, Event::Reply(Box::new(letter)));
            return Ok(());
        }
        let silent = self.dice.strikes(Fault::NoAnswer);
        if silent && self.dice.size(Fault::NoAnswer, 0, 1) == 0 {
            return Ok(());
        }
        let arrivals = self.net.carry(Way::Up, common.now, &mut self.dice, &mut self.rng);
        if arrivals.is_empty() {
            self.fail(common, request);
        }
        for (copy, ms) in arrivals.into_iter().enumerate() {
            let ms = ms + self.front.delay(common.now, size(&call));
            let parcel =
                Parcel { life: self.tab.life, request, call: call.clone(), identity: identity.clone(), is_answered: copy == 0 && !silent };
            common.schedule(common.now + ms, self.number, Event::Arrive(Box::new(parcel)));
        }
        Ok(())
    }

    /// A request fails after a while, or nobody ever hears of it again.
    fn fail(&mut self, common: &mut Common, request: RequestId) {
        if self.rng.up_to(2) > 0 {
            let ms = 1 + self.rng.up_to(2_000);
            self.tell_later(common, ms, Input::SendFailed { request, why: SendFailure::NoAnswer });
        }
    }

    /// Something between answers in the server's place.
    fn intercept(&mut self) -> Option<Reply> {
        let html =
            |status, redirected| Reply { status, redirected, ..reply(status, "text/html", "<html><body>Welcome</body></html>".into()) };
        if self.dice.strikes(Fault::CaptivePage) {
            return Some(html(200, false));
        }
        self.dice.strikes(Fault::Redirected).then(|| html(200, true))
    }

    /// A request reaches the server.
    pub fn arrive(&mut self, common: &mut Common, parcel: Parcel) -> Halt {
        let Parcel { life, request, call, identity, is_answered } = parcel;
        let call = self.blur(call);
        let mut genuine = true;
        let reply = match self.refuse_unread(&call) {
            Some(reply) => {
                genuine = false;
                reply
            }
            None => {
                let Answer { status, body } = common.server.answer(&identity, &call);
                common.say(self.place_of_tab(), || format!("server: {call:?} -> {status} {body}"));
                self.judge_commits(common)?;
                common.trace.event("answer", common.now, u64::from(status), body.len());
                let mut answer = reply(status, "application/json", body);
                if self.dice.strikes(Fault::RetryAfter) {
                    let seconds = self.dice.size(Fault::RetryAfter, 0, RETRY_AFTER_MAX_S);
                    answer.headers.0.push(("ratelimit".to_owned(), format!("\"quota\";r=0;t={seconds}")));
                }
                match self.spoil(&answer, &call).or_else(|| self.spoil_good(&answer, &call)) {
                    Some((spoilt, is_genuine)) => {
                        genuine = is_genuine;
                        spoilt
                    }
                    None => answer,
                }
            }
        };
        if !is_answered {
            return Ok(());
        }
        if self.dice.strikes(Fault::ReplyTruncated) {
            return self.break_off(common, life, request, SendFailure::Truncated);
        }
        if self.dice.strikes(Fault::ReplyStalls) {
            common.schedule(
                common.now + 20,
                self.number,
                Event::Tell { life, input: Box::new(Input::Progressed { request, received: 0 }) },
            );
            return Ok(());
        }
        let arrivals = self.net.carry(Way::Down, common.now, &mut self.dice, &mut self.rng);
        if arrivals.is_empty() && self.rng.up_to(2) > 0 {
            return self.break_off(common, life, request, SendFailure::NoAnswer);
        }
        let slow = self.front.delay(common.now, reply.body.0.len());
        for ms in arrivals {
            if ms > 5_000 {
                let progress = Input::Progressed { request, received: 1 };
                common.schedule(common.now + ms / 2, self.number, Event::Tell { life, input: Box::new(progress) });
            }
            for at in (0..slow).step_by(SLOW_PROGRESS_MS) {
                let progress = Input::Progressed { request, received: at };
                common.schedule(common.now + ms + at, self.number, Event::Tell { life, input: Box::new(progress) });
            }
            let ms = ms + slow;
            let letter = Letter { life, request, reply: reply.clone(), is_genuine: genuine && reply.status == 200 };
            common.schedule(common.now + ms, self.number, Event::Reply(Box::new(letter)));
        }
        Ok(())
    }

    fn break_off(&mut self, common: &mut Common, life: u64, request: RequestId, why: SendFailure) -> Halt {
        let ms = 1 + self.rng.up_to(100);
        common.schedule(common.now + ms, self.number, Event::Tell { life, input: Box::new(Input::SendFailed { request, why }) });
        Ok(())
    }

    /// The server has troubles of its own, before it has done anything.
    fn refuse_unread(&mut self, call: &Call) -> Option<Reply> {
        if self.dice.strikes(Fault::ServerError) {
            let status = [500, 502, 503, 504][self.dice.size(Fault::ServerError, 0, 3) as usize];
            let body = ["<html>", "<html>The service behind this one answered 401"][self.dice.size(Fault::ServerError, 1, 1) as usize];
            return Some(reply(status, "text/html", body.into()));
        }
        if self.config.auth && self.dice.strikes(Fault::TokenRefused) {
            return Some(reply(401, "text/plain", "who are you?".into()));
        }
        let asks_to_wait = |status, header: String| Reply {
            headers: [("date", "Fri, 20 Nov 2026 10:00:00 GMT".into()), ("retry-after", header)].into(),
            ..reply(status, "text/plain", String::new())
        };
        if self.dice.strikes(Fault::RetryAfter) {
            let seconds = self.dice.size(Fault::RetryAfter, 0, RETRY_AFTER_MAX_S);
            let status = [429, 503][self.dice.size(Fault::RetryAfter, 1, 1) as usize];
            let date = format!("Fri, 20 Nov 2026 10:{:02}:{:02} GMT", seconds / 60, seconds % 60);
            let header = if self.dice.size(Fault::RetryAfter, 2, 1) == 0 { seconds.to_string() } else { date };
            return Some(asks_to_wait(status, header));
        }
        if self.dice.strikes(Fault::RetryAfterGarbage) {
            let garbage = ["-5", "NaN", "", "1e3", "soon", "Fri, 99 Nov 2026 10:00:00 GMT"];
            let which = self.dice.size(Fault::RetryAfterGarbage, 0, garbage.len() as u64 - 1) as usize;
            return Some(asks_to_wait(429, garbage[which].into()));
        }
        if matches!(call, Call::Pull { cursor: Some(_), .. }) && self.dice.strikes(Fault::CursorGone) {
            return Some(reply(410, "text/plain", String::new()));
        }
        if self.dice.strikes(Fault::OddStatus) {
            let odd = [100, 204, 206, 300, 302, 304, 407, 418, 451, 599];
            return Some(reply(odd[self.dice.size(Fault::OddStatus, 0, odd.len() as u64 - 1) as usize], "text/plain", "?".into()));
        }
        self.refuse_push(call)
    }

    /// What becomes of a good answer on the server's side of the network, and whether it is still to be believed.
    fn spoil(&mut self, answer: &Reply, call: &Call) -> Option<(Reply, bool)> {
        if self.dice.strikes(Fault::ServerError) {
            return Some((reply(502, "text/html", "<html>".into()), false));
        }
        if self.dice.strikes(Fault::BodyEmpty) {
            return Some((Reply { body: Bytes::default(), ..answer.clone() }, false));
        }
        let is_push = matches!(call, Call::Push { .. });
        if !is_push || answer.status != 200 {
            return None;
        }
        let is_missing = self.dice.strikes(Fault::OutcomesMissing);
        if !is_missing && !self.dice.strikes(Fault::OutcomesStrange) {
            return None;
        }
        let mut body: Value = serde_json::from_slice(&answer.body.0).ok()?;
        let outcomes = body["outcomes"].as_array_mut()?;
        if is_missing {
            let from = self.dice.size(Fault::OutcomesMissing, 0, outcomes.len() as u64 - 1) as usize;
            outcomes.truncate(from);
            return Some((reply(200, "application/json", body.to_string()), true));
        }
        outcomes.reverse();
        outcomes.extend(outcomes.first().cloned());
        outcomes.insert(0, json!({ "id": "somebody-else", "outcome": "ok", "seq": 1, "version": "g.1" }));
        outcomes.push(json!({ "id": 7, "outcome": 7 }));
        outcomes.push(json!({ "id": "somebody-else", "outcome": "perhaps" }));
        outcomes.retain(|outcome| outcome["id"].is_string());
        Some((reply(200, "application/json; charset=utf-8", body.to_string()), true))
    }

    /// A reply reaches the device.
    pub fn deliver(&mut self, common: &mut Common, letter: Letter) -> Halt {
        let Letter { request, reply, is_genuine, .. } = letter;
        let (call, knew) = self.tab.outstanding.remove(&request).unzip();
        common.trace.mark("reply", common.now, request.0, reply.body.0.len());
        self.oracle.carried(&String::from_utf8_lossy(&reply.body.0))?;
        if matches!(call, Some(Call::Push { .. } | Call::Pull { .. })) {
            self.tab.asked_to_wait = self.tab.asked_to_wait.max(common.now + asked_ms(&reply));
        }
        let (truth, knew) = (&common.truths[self.user], knew.unwrap_or_default());
        if reply.status == 410 && !reply.redirected {
            self.oracle.refused_cursor(&knew);
        }
        let call = call.filter(|call| is_genuine && !matches!(call, Call::Ping));
        let body = call.as_ref().and_then(|_| serde_json::from_slice::<Value>(&reply.body.0).ok());
        if let (Some(call), Some(body)) = (&call, &body) {
            self.note_crossing(call, body);
            self.oracle.hears_of_conflicts(&common.truths[self.user], body);
        }
        match call.zip(body).filter(|(_, body)| self.oracle.believes(&knew, body)) {
            Some((Call::Push { ids, .. }, body)) => self.oracle.push_delivered(truth, &ids, &body),
            Some((Call::Pull { feed, .. }, body)) => self.oracle.pull_delivered(truth, &feed, &body)?,
            Some((Call::Outcome { id }, body)) => self.oracle.push_delivered(truth, &[id], &body),
            Some((Call::Ping, _)) | None => {}
        }
        self.tell(common, Input::Replied { request, reply })
    }

    /// What was committed at the server is part of the history from here on.
    pub fn judge_commits(&mut self, common: &mut Common) -> Halt {
        let truth = &mut common.truths[self.user];
        for commit in common.server.take_commits() {
            if commit.scope != self.config.scope {
                let what = format!("entry {} of device {} was committed for {}", commit.entry, self.number, commit.scope);
                return Err(Violation { law: "I20", what });
            }
            let Some(documents) = &commit.documents else {
                truth.refused(&commit.entry, commit.seq)?;
                continue;
            };
            let name = |address: &Address| format!("{}/{}", address.collection, address.key);
            let documents: Vec<_> = documents.iter().map(|(address, value)| (name(address), value.clone())).collect();
            if !commit.is_from_elsewhere() {
                self.oracle.applied(truth, &commit.entry, &documents)?;
            }
            truth.applied(&commit.entry, documents, commit.seq)?;
        }
        Ok(())
    }
}

/// For how long a reply asks for peace, as the dice above say it: by a quota, in seconds, or as a date in the hour of the
/// reply's own.
fn asked_ms(reply: &Reply) -> u64 {
    let quota = reply.headers.get("ratelimit").and_then(|quota| quota.rsplit_once("t=")?.1.parse::<u64>().ok());
    if let Some(seconds) = quota {
        return seconds * 1_000;
    }
    let Some(header) = reply.headers.get("retry-after").filter(|_| matches!(reply.status, 429 | 503)) else { return 0 };
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    let seconds = match header.strip_prefix("Fri, 20 Nov 2026 10:").and_then(|rest| rest.strip_suffix(" GMT")?.split_once(':')) {
        Some((minutes, seconds)) => number(minutes) * 60 + number(seconds),
        None => number(header),
    };
    seconds * 1_000
}

pub(super) fn reply(status: u16, content_type: &str, body: String) -> Reply {
    Reply { status, redirected: false, headers: [("content-type", content_type.into())].into(), body: Bytes(body.into_bytes().into()) }
}

fn name(call: &Call) -> &'static str {
    match call {
        Call::Push { .. } => "push",
        Call::Pull { .. } => "pull",
        Call::Outcome { .. } => "outcome",
        Call::Ping => "ping",
    }
}

fn size(call: &Call) -> usize {
    if let Call::Push { body, .. } = call { body.len() } else { 0 }
}
