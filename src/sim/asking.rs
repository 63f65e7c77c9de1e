//! What an app does beside writing: it asks for things, waits, sees to its inbox, stops and goes on. Every question must be
//! answered, and truly.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::action::Action;
use super::common::{Common, Halt};
use super::device::{Device, address};
use super::fault::Fault;
use super::oracle::Violation;
use crate::engine::Engine;
use crate::engine::clock::Wall;
use crate::engine::ident::MutationId;
use crate::engine::input::{Ask, Input};
use crate::engine::notice::Notice;

/// What a tab's app has asked, and what it has heard of its inbox.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// Questions that end when these writes have ended.
    awaited: BTreeMap<u64, Vec<String>>,
    /// The items, by the names of their entries: header and body.
    inbox: BTreeMap<String, (Value, Value)>,
    /// The item that is being made anew, and with which document instead.
    retrying: Option<(String, Option<Value>)>,
    /// Whether the app wants nothing to be sent.
    pub is_stopped: bool,
}

/// The longest that a call waits.
const TIMEOUT_MS: u64 = 100_000;

impl Device {
    /// What the app does, where it does not write.
    pub fn draw_question(&mut self) -> Action {
        let rng = &mut self.ask_rng;
        let names = self.app.names();
        let one = names[rng.up_to(names.len() as u64 - 1) as usize].clone();
        let timeout_ms = (rng.up_to(2) > 0).then(|| 1 + rng.up_to(TIMEOUT_MS));
        let item = rng.up_to(20) as usize;
        match rng.up_to(20) {
            0..4 => Action::Retry(item, None),
            4 => Action::Retry(item, Some(json!({ "text": format!("again {}", self.app.sign()), "n": rng.up_to(9) }))),
            5..7 => Action::Discard(item),
            7 => Action::Export,
            8 => Action::RollBack(1 + rng.up_to(2) as usize),
            9..11 => Action::SyncNow { name: None, timeout_ms },
            11..13 => Action::SyncNow { name: Some(one), timeout_ms },
            13..15 => Action::Wait(rng.up_to(TIMEOUT_MS)),
            15 => Action::Mark(one),
            16 => Action::Stop(true),
            17..19 => Action::Stop(false),
            _ => {
                let feeds = &self.config.feeds;
                let feed = rng.up_to(feeds.len() as u64) as usize;
                Action::PullFeed(feeds.get(feed).cloned().unwrap_or_else(|| "no such feed".into()))
            }
        }
    }

    /// Does it.
    pub fn put_question(&mut self, common: &mut Common, action: Action) -> Halt {
        match action {
            Action::Retry(item, edited) => {
                let Some((entry, fits)) = self.item(item).map(|(entry, header, body)| (entry, self.oracle.fits_again(&header, &body)))
                else {
                    return Ok(());
                };
                if edited.is_none() && !fits {
                    return Ok(());
                }
                self.tab.asking.retrying = Some((entry.clone(), edited.clone()));
                let edited = edited.map(|value| value.to_string());
                let asked = self.ask(common, Ask::Retry { entry: MutationId(entry.as_str().into()), edited });
                self.tab.asking.retrying = None;
                asked
            }
            Action::Discard(item) => match self.item(item) {
                Some((entry, ..)) => self.ask(common, Ask::Discard { entry: MutationId(entry.as_str().into()) }),
                None => Ok(()),
            },
            Action::Export => {
                let Some(engine) = &self.tab.engine else { return Ok(()) };
                let items: Vec<Value> =
                    engine.inbox_records().map(|(header, _)| serde_json::from_str(header).unwrap_or_default()).collect();
                let told: Vec<&Value> = self.tab.asking.inbox.values().map(|(header, _)| header).collect();
                if !items.iter().eq(told.iter().copied()) {
                    let what = format!("device {} has {items:?} in its inbox, and told of {told:?}", self.number);
                    return Err(Violation { law: "I24", what });
                }
                items.iter().try_for_each(|item| self.oracle.is_aside(item))
            }
            Action::RollBack(writes) => (0..writes).try_for_each(|back| self.take_back(common, back)),
            Action::SyncNow { name, timeout_ms } => {
                let pending = self.pending_of(name.as_deref());
                let what = match name {
                    Some(name) => Ask::Sync { address: address(&name), timeout_ms },
                    None => Ask::Push { timeout_ms },
                };
                self.tab.asking.awaited.insert(self.next_ask(), pending);
                self.ask(common, what)
            }
            Action::Wait(timeout_ms) => {
                let pending = self.pending_of(None);
                self.tab.asking.awaited.insert(self.next_ask(), pending);
                self.ask(common, Ask::Wait { timeout_ms })
            }
            Action::Mark(name) => self.tell(common, Input::Marked { address: address(&name) }),
            Action::Stop(stopped) => {
                self.tab.asking.is_stopped = stopped;
                self.tell(common, Input::Stopped { stopped })
            }
            Action::PullFeed(feed) => self.ask(common, Ask::PullFeed { feed: feed.as_str().into() }),
            _ => Ok(()),
        }
    }

    /// The writes that a call waits for: those that are pending as far as the tab knows.
    fn pending_of(&self, name: Option<&str>) -> Vec<String> {
        let mut pending = self.oracle.pending_of(name);
        if self.tabs.are_several() {
            let known = self.tab.engine.as_ref().map(Engine::pending_mutations).unwrap_or_default();
            pending.retain(|id| known.iter().any(|known| *known.0 == **id));
        }
        pending
    }

    fn item(&self, number: usize) -> Option<(String, Value, Value)> {
        let inbox = &self.tab.asking.inbox;
        let (entry, (header, body)) = inbox.iter().nth(number.checked_rem(inbox.len())?)?;
        Some((entry.clone(), header.clone(), body.clone()))
    }

    /// The app hears of an answer, or of its inbox.
    pub fn hear_answer(&mut self, notice: &Notice) -> Halt {
        let asking = &mut self.tab.asking;
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        match notice {
            Notice::InboxAdded { item, write } => {
                let (header, body) = (parsed(item), parsed(write));
                let entry = header["entry"].as_str().unwrap_or_default().to_owned();
                asking.inbox.insert(entry, (header, body));
                Ok(())
            }
            Notice::InboxRemoved { entry } => {
                let item = asking.inbox.remove(&*entry.0);
                let Some((_, edited)) = asking.retrying.take_if(|(retrying, _)| *retrying == *entry.0) else { return Ok(()) };
                let id = self.tab.engine.as_ref().and_then(|engine| engine.last_queued());
                match (item, id) {
                    (Some((header, body)), Some(id)) => self.oracle.made_anew(&header, &body, edited, &id.0),
                    (item, id) => Err(Violation { law: "I1", what: format!("{item:?} was made anew as {id:?}") }),
                }
            }
            Notice::Answered { ask, error } => {
                let awaited = asking.awaited.remove(&ask.0).filter(|_| error.is_none()).unwrap_or_default();
                match awaited.iter().find(|id| !self.oracle.is_over(id)) {
                    Some(id) => {
                        Err(Violation { law: "I3", what: format!("{id} was awaited and has not ended, and the answer is that it has") })
                    }
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// The app is asked for a token: it gives one that lasts for ever or a while, or says that it has none, or nothing.
    pub fn ask_for_token(&mut self, common: &mut Common) -> Halt {
        if common.now < self.tab.token_comes {
            return self.violated(common, "I19", "a second question for a token, and the first one is open".into());
        }
        self.tab.token_comes = u64::MAX;
        let present = !self.dice.strikes(Fault::TokenMissing);
        if !present && self.dice.size(Fault::TokenMissing, 0, 2) == 0 {
            return Ok(());
        }
        let lasts_ms = 10_000 + self.rng.up_to(600_000);
        let expires_at = (self.rng.up_to(1) == 0).then(|| Wall(self.wall(common).0 + lasts_ms));
        let ms = self.rng.up_to(2_000);
        self.tab.token_comes = common.now + ms;
        self.tell_later(common, ms, Input::TokenGiven { present, expires_at });
        Ok(())
    }

    /// Nobody waits for an answer any more.
    pub fn check_answers(&self) -> Halt {
        if self.has_answers() {
            return Ok(());
        }
        let what = format!("these questions have no answer: {:?}", self.open_asks());
        Err(Violation { law: "V1", what })
    }
}
