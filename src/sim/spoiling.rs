//! What else a server, or what stands in front of it, makes of requests and of good answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::common::{Common, Halt};
use super::device::Device;
use super::fault::Fault;
use super::traffic::reply;
use crate::engine::config::Level;
use crate::engine::input::Reply;
use crate::protocol::Call;

/// What is in front of the server.
#[derive(Debug, Default)]
pub(super) struct Front {
    /// Whether it wants to know of each write what it was made on.
    wants_conditions: bool,
    /// With which status each entry that came is refused, whatever comes with it, if it is.
    refusals: BTreeMap<String, Option<u16>>,
    /// What a cache has of each feed.
    cached: BTreeMap<String, Reply>,
    /// The link carries a byte a millisecond until then.
    pub slow_until: u64,
}

impl Front {
    /// One that wants to know of each write what it was made on, or does not.
    pub fn new(wants_conditions: bool) -> Front {
        Front { wants_conditions, ..Front::default() }
    }

    /// How much longer so many bytes take.
    pub fn delay(&self, now: u64, bytes: usize) -> u64 {
        if now < self.slow_until { bytes as u64 } else { 0 }
    }
}

impl Device {
    /// What is answered before the server has seen the request. What is refused for good is refused whenever it comes.
    pub fn refuse_push(&mut self, call: &Call) -> Option<Reply> {
        let Call::Push { ids, body, .. } = call else { return None };
        let refused = |status| Some(reply(status, "text/plain", "no".into()));
        for id in ids {
            if !self.front.refusals.contains_key(id) {
                let statuses = [400, 403, 404, 405, 413, 422];
                let strikes = self.dice.strikes(Fault::PushRefused);
                let status = strikes.then(|| statuses[self.dice.size(Fault::PushRefused, 0, statuses.len() as u64 - 1) as usize]);
                self.front.refusals.insert(id.clone(), status);
            }
        }
        if let Some(status) = ids.iter().find_map(|id| self.front.refusals[id]) {
            return refused(status);
        }
        if ids.len() > 1 && self.dice.strikes(Fault::TooLarge) {
            return refused(413);
        }
        if self.front.wants_conditions && !is_conditional(body) {
            self.dice.count(Fault::OddStatus);
            return refused(428);
        }
        None
    }

    /// The request as the server reads it.
    pub fn blur(&mut self, call: Call) -> Call {
        match call {
            Call::Pull { feed, cursor: Some(_), limit, request } if self.dice.strikes(Fault::CursorMeaningless) => {
                Call::Pull { feed, cursor: Some("nonsense".into()), limit, request }
            }
            call => call,
        }
    }

    /// What becomes of a good answer, and whether it is still to be believed.
    pub fn spoil_good(&mut self, answer: &Reply, call: &Call) -> Option<(Reply, bool)> {
        if answer.status != 200 {
            return None;
        }
        let text = std::str::from_utf8(&answer.body.0).unwrap_or_default();
        if let Call::Pull { feed, request, .. } = call {
            if text.contains(r#""more":true"#) && self.dice.strikes(Fault::PageFails) {
                return Some((reply(500, "text/plain", String::new()), false));
            }
            if self.dice.strikes(Fault::CachedPage)
                && let Some(cached) = self.front.cached.get(feed).filter(|cached| !is_about(cached, request))
            {
                return Some((cached.clone(), false));
            }
            if self.dice.has(Fault::CachedPage) {
                self.front.cached.insert(feed.clone(), answer.clone());
            }
            if self.dice.strikes(Fault::StrangeChange) {
                let mut body: Value = serde_json::from_str(text).ok()?;
                let changes = body["changes"].as_array_mut()?;
                let at = self.dice.size(Fault::StrangeChange, 0, changes.len() as u64) as usize;
                let which = self.dice.size(Fault::StrangeChange, 1, 9);
                changes.insert(at, json!({ "collection": which, "key": ["?"], "seq": -1 }));
                return Some((reply(200, "application/json", body.to_string()), true));
            }
        }
        if self.front.wants_conditions && self.config.level == Level::B && is_conflict_of_one(call, text) {
            self.dice.count(Fault::OddStatus);
            return Some((reply(412, "application/json", "{}".into()), false));
        }
        if self.dice.strikes(Fault::NewMembers) {
            let mut body: Value = serde_json::from_str(text).ok()?;
            let news = json!({ "of": [1, { "later": null }] });
            for list in ["outcomes", "changes", "applied"] {
                body[list].as_array_mut().into_iter().flatten().for_each(|one| one["news"] = news.clone());
            }
            body.as_object_mut()?.retain(|_, value| !value.is_null());
            body["news"] = news;
            return Some((reply(200, "application/json", body.to_string()), true));
        }
        None
    }

    /// A reply comes while others are on their way: what crosses what.
    pub fn note_crossing(&mut self, call: &Call, body: &Value) {
        let Call::Pull { .. } = call else { return };
        let pushed =
            || self.tab.outstanding.values().filter_map(|(call, _)| if let Call::Push { ids, .. } = call { Some(ids) } else { None });
        if pushed().next().is_none() {
            return;
        }
        let named = |list: &str, id: &str| {
            body[list].as_array().into_iter().flatten().filter_map(|one| Some(one[id].as_str()?.to_owned())).collect::<Vec<_>>()
        };
        let says = [named("applied", "id"), named("changes", "entryId")].concat();
        let is_echo = pushed().any(|ids| ids.iter().any(|id| says.contains(id)));
        *self.seen.entry("P7").or_insert(0) += 1;
        if is_echo {
            *self.seen.entry("P8").or_insert(0) += 1;
        }
    }

    /// The server forgets what it has kept of all but the last positions.
    pub fn forget(&mut self, common: &mut Common, keep: u64, is_deletes: bool) -> Halt {
        if is_deletes {
            let through = common.server.forget_deletes(keep);
            common.truths.iter_mut().for_each(|truth| truth.forgot_deletes(through));
        } else {
            let through = common.server.forget_outcomes(keep);
            common.truths.iter_mut().for_each(|truth| truth.forgot_outcomes(through));
        }
        Ok(())
    }
}

/// Whether each operation of a push says what it was made on.
fn is_conditional(body: &str) -> bool {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let operations =
        body["entries"].as_array().into_iter().flatten().flat_map(|entry| entry["operations"].as_array().into_iter().flatten());
    operations.into_iter().all(|operation| operation.get("base").is_some())
}

/// Whether an answer echoes this request. Where two instances of a device have asked by the same number, nobody can tell.
fn is_about(answer: &Reply, request: &str) -> bool {
    let body: Value = serde_json::from_slice(&answer.body.0).unwrap_or_default();
    body["request"] == request
}

/// Whether the answer to a push of one entry is that what it was made on has moved.
fn is_conflict_of_one(call: &Call, answer: &str) -> bool {
    let is_one = matches!(call, Call::Push { ids, .. } if ids.len() == 1);
    is_one && serde_json::from_str::<Value>(answer).is_ok_and(|body| body["outcomes"][0]["outcome"] == "conflict")
}
