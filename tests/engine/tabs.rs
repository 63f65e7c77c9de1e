//! Several tabs over one store: any of them writes, one drains, and every one sees every change.

use serde_json::{Value, json};
use syncline::engine::View;
use syncline::engine::clock::Timestamp;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::ident::AskId;
use syncline::engine::input::{Ask, Input, StoreFailure};
use syncline::engine::message::Message;
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice, Phase};

use crate::harness::*;

mod random;

/// A device: its disk, its tabs, and what they say to each other.
pub struct Device {
    pub disk: Disk,
    pub tabs: Vec<Client>,
    /// Whether what they say is heard.
    pub hears: bool,
    seeds: u64,
}

impl Device {
    /// With one tab, which has the lock, and so many more.
    pub fn with(others: usize) -> Device {
        Device::of(Config { poll_base_ms: 1 << 40, ..config() }, others)
    }

    pub fn of(config: Config, others: usize) -> Device {
        let mut device = Device { disk: Disk::default(), tabs: Vec::new(), hears: true, seeds: 0 };
        device.open(config.clone());
        device.at(0, |tab| tab.tell(Input::LockGained));
        for _ in 0..others {
            device.open(config.clone());
        }
        device
    }

    fn open(&mut self, config: Config) -> usize {
        self.seeds += 1;
        let mut tab = Client::fresh(config, self.seeds);
        tab.now = self.tabs.first().map_or(Timestamp(0), |tab| tab.now);
        tab.storing = true;
        self.tabs.push(tab);
        let last = self.tabs.len() - 1;
        self.at(last, |tab| {
            tab.tell(Input::LockLost);
            tab.tell(Input::Started);
            tab.turn();
        });
        last
    }

    /// Something happens in one tab; the others hear what it says, and say.
    pub fn at<R>(&mut self, tab: usize, act: impl FnOnce(&mut Client) -> R) -> R {
        let result = self.quietly(tab, act);
        let mut said = 0;
        while let Some(from) = self.tabs.iter().position(|tab| !tab.posted.is_empty()) {
            said += 1;
            assert!(said < 1_000, "they talk for ever: {:?}", self.tabs[from].posted);
            let message = self.tabs[from].posted.remove(0);
            let others = (0..self.tabs.len()).filter(|to| *to != from);
            for to in others.take(if self.hears { usize::MAX } else { 0 }) {
                self.quietly(to, |tab| tab.tell(Input::Heard { message: message.clone() }));
            }
        }
        result
    }

    fn quietly<R>(&mut self, tab: usize, act: impl FnOnce(&mut Client) -> R) -> R {
        let tab = &mut self.tabs[tab];
        std::mem::swap(&mut tab.disk, &mut self.disk);
        let result = act(tab);
        tab.turn();
        std::mem::swap(&mut tab.disk, &mut self.disk);
        result
    }

    /// Time passes in all tabs, and the server answers.
    pub fn live(&mut self, server: &mut Server, ms: u64) {
        for _ in 0..ms.div_ceil(50) {
            for tab in 0..self.tabs.len() {
                self.at(tab, |tab| tab.live(server, 50));
            }
        }
    }

    pub fn drains(&self) -> Vec<bool> {
        self.tabs.iter().map(|tab| tab.status().drainer).collect()
    }

    /// What each tab sees of a document.
    pub fn views(&mut self, key: &str) -> Vec<Option<Value>> {
        (0..self.tabs.len()).map(|tab| self.at(tab, |tab| loaded(tab, key))).collect()
    }

    /// A tab that knows all there is knows what one that opens now would.
    pub fn check(&mut self, keys: &[&str]) {
        let last = self.disk.log.last_key_value().map_or(0, |(position, _)| *position);
        let mut fresh = Client::fresh(config(), 99);
        (fresh.storing, fresh.disk) = (true, self.disk.clone());
        fresh.tell(Input::LockLost);
        fresh.tell(Input::Started);
        for (number, tab) in self.tabs.iter_mut().enumerate() {
            if tab.engine.known_log() != (last, false) {
                continue;
            }
            assert_eq!(tab.engine.pending_mutations(), fresh.engine.pending_mutations());
            assert!(tab.engine.inbox_records().eq(fresh.engine.inbox_records()));
            std::mem::swap(&mut tab.disk, &mut self.disk);
            for key in keys {
                assert_eq!(loaded(tab, key), loaded(&mut fresh, key), "{key}, in tab {number}; drainer: {}", tab.status().drainer);
            }
            std::mem::swap(&mut tab.disk, &mut self.disk);
        }
    }
}

/// A server, and a device of so many more tabs than one, which has pulled.
fn settled(others: usize) -> (Server, Device) {
    let (mut server, mut device) = (Server::new(), Device::with(others));
    device.live(&mut server, 100);
    (server, device)
}

fn loaded(tab: &mut Client, key: &str) -> Option<Value> {
    if tab.engine.view(&at(key)) == View::NotLoaded {
        tab.ask(Ask::Load { addresses: vec![at(key)] });
    }
    tab.view(key)
}

#[test]
fn c6_any_tab_writes_and_one_sends() {
    let (mut server, mut device) = settled(2);
    assert_eq!(device.drains(), [true, false, false]);
    let ids: Vec<_> = (0..3).map(|tab| device.at(tab, |it| it.mutate(put(&format!("k{tab}"), "1")).unwrap())).collect();
    for (tab, id) in ids.iter().enumerate() {
        assert!(device.tabs[tab].is_durable(id));
    }
    assert_eq!(device.views("k2"), vec![Some(json!(1)); 3]);
    assert_eq!(device.tabs.iter().map(|tab| tab.status().pending_mutations).collect::<Vec<_>>(), [3, 3, 3]);
    device.live(&mut server, 200);
    assert_eq!(server.pushes, 1, "all of it in one request");
    for (tab, id) in ids.iter().enumerate() {
        assert!(matches!(device.tabs[tab].ending(id), Some(Ending::Applied { .. })), "{tab}");
        assert_eq!(device.tabs[tab].status().pending_mutations, 0);
    }
}

#[test]
fn l6_a_hidden_drainer_whose_timers_are_late_sends_at_once_what_another_tab_wrote() {
    let (_, mut device) = settled(1);
    device.at(0, |tab| tab.tell(Input::BecameHidden));
    device.at(1, |tab| tab.mutate(put("k", "1")).unwrap());
    assert!(device.tabs[0].has_push());
}

#[test]
fn c6_two_tabs_that_edit_one_text_lose_nothing() {
    let mut server = Server::new();
    let mut device = Device::with(1);
    device.at(0, |tab| tab.mutate(put("k", r#"{"t":"one two"}"#)).unwrap());
    device.live(&mut server, 200);
    // Neither hears of the other before it has written.
    device.hears = false;
    device.at(0, |tab| tab.mutate(splice("k", 0, 3, "ONE")).unwrap());
    assert_eq!(device.views("k"), [Some(json!({"t":"ONE two"})), Some(json!({"t":"one two"}))]);
    device.at(1, |tab| tab.mutate(splice("k", 7, 0, "!")).unwrap());
    assert_eq!(device.views("k")[1], Some(json!({"t":"ONE two!"})), "what is stored was made on what was stored before it");
    device.hears = true;
    device.live(&mut server, 400);
    assert_eq!(server.document("k"), Some(json!({"t":"ONE two!"})));
    assert_eq!(device.views("k"), vec![Some(json!({"t":"ONE two!"})); 2]);
}

#[test]
fn every_tab_sees_what_one_pulls() {
    let mut server = Server::new();
    let mut other = another(&mut server);
    let mut device = Device::with(1);
    device.at(1, |tab| tab.tell(Input::Held { addresses: vec![at("k")], held: true }));
    device.live(&mut server, 100);
    other.mutate(put("k", "5")).unwrap();
    other.live(&mut server, 200);
    let ask = device.at(1, |tab| tab.ask(Ask::Pull));
    device.live(&mut server, 100);
    assert_eq!(device.tabs[1].answered(ask), Some(None), "the tab that drains has pulled for it");
    assert_eq!(device.views("k"), vec![Some(json!(5)); 2]);
    assert!(device.tabs[1].notices.iter().any(|notice| matches!(notice, Notice::Changed { .. })));
}

#[test]
fn c1_a_drainer_that_does_not_answer_is_replaced_and_harms_nothing_when_it_wakes() {
    let (mut server, mut device) = settled(1);
    let stuck = device.at(0, |tab| tab.mutate(put("a", "1")).unwrap());
    device.quietly(0, |tab| tab.pass(100));
    // It is frozen with a request on its way, and does not hear.
    let mut frozen = device.tabs.remove(0);
    let id = device.at(0, |tab| tab.mutate(put("b", "1")).unwrap());
    device.live(&mut server, 7_800);
    assert_eq!(device.tabs[0].steals, 0);
    device.live(&mut server, 200);
    assert_eq!(device.tabs[0].steals, 1, "it was asked after 5 s without a word, and has not answered for 3");
    device.at(0, |tab| tab.tell(Input::LockGained));
    device.live(&mut server, 300);
    assert_eq!(device.drains(), [true]);
    assert!(device.tabs[0].ending(&id).is_some() && server.document("a") == Some(json!(1)), "it sends what the other one had");
    let pushes = server.pushes;
    // The old one wakes: its answer comes, and it writes.
    frozen.now = device.tabs[0].now;
    device.tabs.push(frozen);
    device.at(1, |tab| tab.answer(&mut server));
    let late = device.at(1, |tab| tab.mutate(put("c", "1")).unwrap());
    device.at(1, |tab| tab.tell(Input::LockLost));
    assert_eq!(device.drains(), [true, false]);
    device.live(&mut server, 300);
    assert!(device.tabs[1].ending(&stuck).is_some() && device.tabs[1].ending(&late).is_some());
    assert_eq!(server.document("c"), Some(json!(1)));
    assert!(server.pushes <= pushes + 2);
    assert_eq!(device.tabs[1].status().pending_mutations, 0);
}

#[test]
fn a_call_outlives_the_role_of_its_tab() {
    let (mut server, mut device) = settled(1);
    // The tab that drains is asked, and is replaced before its request is answered.
    let pull = device.quietly(0, |tab| tab.ask(Ask::Pull));
    device.quietly(0, |tab| tab.mutate(put("k", "1")).unwrap());
    let push = device.quietly(0, |tab| tab.ask(Ask::Push { timeout_ms: None }));
    device.at(0, |tab| tab.tell(Input::LockLost));
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.live(&mut server, 500);
    assert_eq!(device.drains(), [false, true]);
    assert_eq!((device.tabs[0].answered(pull), device.tabs[0].answered(push)), (Some(None), Some(None)), "the other one does it");
    assert_eq!(server.document("k"), Some(json!(1)));
}

#[test]
fn s3_a_tab_that_loses_its_store_does_itself_what_it_asked_of_another() {
    let (mut server, mut device) = settled(1);
    device.hears = false;
    let pull = device.at(1, |tab| tab.ask(Ask::Pull));
    device.tabs[1].storing = false;
    device.at(1, |tab| tab.mutate(put("k", "1")).unwrap());
    let write = device.tabs[1].writes.pop_front().expect("it is to be stored").write;
    device.at(1, |tab| tab.tell(Input::WriteFailed { write, why: StoreFailure::Quota }));
    device.live(&mut server, 500);
    assert_eq!(device.tabs[1].answered(pull), Some(None));
}

#[test]
fn i8_what_comes_after_another_write_does_so_when_both_are_made_on_more_than_was_known() {
    let (mut server, mut device) = settled(1);
    device.hears = false;
    device.tabs[0].storing = false;
    let first = device.quietly(0, |tab| tab.mutate(put("a", r#"{"reject":true}"#)).unwrap());
    let second = device.quietly(0, |tab| tab.mutate(put("b", "1").after(vec![first.clone()])).unwrap());
    device.at(1, |tab| tab.mutate(put("c", "1")).unwrap());
    device.tabs[0].storing = true;
    device.quietly(0, |tab| tab.store());
    device.live(&mut server, 500);
    assert!(matches!(device.tabs[0].ending(&first), Some(Ending::Rejected { .. })));
    assert!(matches!(device.tabs[0].ending(&second), Some(Ending::Rejected { .. })), "{:?}", device.tabs[0].ending(&second));
    assert_eq!(server.document("b"), None);
}

#[test]
fn v1_what_comes_after_a_write_that_was_applied_before_it_was_stored_goes_out() {
    let (mut server, mut device) = settled(1);
    let first = device.at(0, |tab| tab.mutate(put("a", "1")).unwrap());
    device.hears = false;
    device.tabs[1].storing = false;
    device.quietly(1, |tab| tab.mutate(put("b", "1").after(vec![first.clone()])).unwrap());
    device.at(0, |tab| tab.live(&mut server, 500));
    device.at(0, |tab| tab.tell(Input::LockLost));
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.tabs[1].storing = true;
    device.quietly(1, |tab| tab.store());
    device.live(&mut server, 500);
    assert_eq!((server.document("a"), server.document("b")), (Some(json!(1)), Some(json!(1))));
}

#[test]
fn i8_what_comes_after_a_follow_up_that_was_never_stored_comes_after_what_that_carried_on() {
    let (mut server, mut device) = settled(1);
    let mut other = another(&mut server);
    device.at(0, |tab| tab.mutate(put("a", "1")).unwrap());
    device.live(&mut server, 200);
    other.live(&mut server, 60_000);
    other.mutate(put("a", "2")).unwrap();
    other.live(&mut server, 200);
    let first = device.at(0, |tab| tab.mutate(put("a", r#"{"reject":true}"#)).unwrap());
    device.quietly(0, |tab| tab.pass(100));
    device.tabs[0].storing = false;
    device.quietly(0, |tab| tab.answer(&mut server));
    let second = device.quietly(0, |tab| tab.mutate(put("b", "1").after(vec![first.clone()])).unwrap());
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.at(0, |tab| tab.tell(Input::LockLost));
    device.tabs[0].storing = true;
    device.quietly(0, |tab| tab.store());
    device.live(&mut server, 1_000);
    assert_eq!(device.tabs[0].status().pending_mutations, 0);
    assert!(matches!(device.tabs[0].ending(&second), Some(Ending::Rejected { .. })), "{:?}", device.tabs[0].ending(&second));
    assert_eq!(server.document("b"), None);
}

#[test]
fn i8_what_comes_after_a_write_that_was_not_frozen_after_all_comes_after_that_write() {
    let (mut server, mut device) = settled(1);
    device.at(0, |tab| tab.mutate(put("a", r#"{"n":0}"#)).unwrap());
    let first = device.at(0, |tab| tab.mutate(merge("a", r#"{"m":1}"#)).unwrap());
    device.tabs[0].storing = false;
    device.quietly(0, |tab| tab.pass(100));
    let second = device.quietly(0, |tab| tab.mutate(put("b", "1").after(vec![first.clone()])).unwrap());
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.at(0, |tab| tab.tell(Input::LockLost));
    device.tabs[0].storing = true;
    device.quietly(0, |tab| tab.store());
    device.at(0, |tab| tab.tell(Input::CancelAsked { mutation: first.clone() }));
    device.live(&mut server, 1_000);
    assert_eq!(device.tabs[0].ending(&first), Some(Ending::Cancelled));
    assert!(matches!(device.tabs[0].ending(&second), Some(Ending::Rejected { .. })), "{:?}", device.tabs[0].ending(&second));
    assert_eq!((server.document("a"), server.document("b")), (Some(json!({"n":0})), None));
}

#[test]
fn c6_a_write_is_made_on_what_was_folded_meanwhile_too() {
    let mut server = Server::new();
    let config = Config { compact_bytes_min: 1, compact_idle_ms: 20, poll_base_ms: 1 << 40, ..config() };
    let mut device = Device::of(config, 1);
    device.live(&mut server, 300);
    device.hears = false;
    device.at(0, |tab| tab.mutate(put("k", "1")).unwrap());
    device.live(&mut server, 300);
    assert!(!device.disk.pages.is_empty(), "it was folded");
    device.at(1, |tab| tab.mutate(put("other", "1")).unwrap());
    assert_eq!(device.views("k"), vec![Some(json!(1)); 2], "it knows what its own write is made on");
    device.check(&["k", "other"]);
}

#[test]
fn c5_what_is_asked_of_the_one_that_drains_is_asked_again_where_it_was_not_heard() {
    let (mut server, mut device) = settled(1);
    device.hears = false;
    let pull = device.at(1, |tab| tab.ask(Ask::Pull));
    device.live(&mut server, 500);
    assert_eq!(device.tabs[1].answered(pull), None);
    device.hears = true;
    device.live(&mut server, 11_000);
    assert_eq!(device.tabs[1].answered(pull), Some(None));
    assert_eq!(device.drains(), [true, false]);
}

#[test]
fn c5_calls_for_the_same_are_asked_for_once_and_once_more_for_those_that_came_later() {
    let (mut server, mut device) = settled(1);
    let said = |device: &Device| device.tabs[1].posted.iter().filter(|message| matches!(message, Message::Wanted { .. })).count();
    let calls = 1..1_000;
    for call in calls.clone() {
        device.quietly(1, |tab| tab.tell(Input::Asked { ask: AskId(call), what: Ask::Pull }));
    }
    assert_eq!(said(&device), 1);
    device.tabs[1].posted.clear();
    device.quietly(1, |tab| tab.pass(3_000));
    device.quietly(1, |tab| tab.tell(Input::Heard { message: Message::Turned }));
    assert_eq!(said(&device), 1, "another one may drain");
    let (pulls, asked) = (server.pulls, |device: &Device, call| device.tabs[1].answered(AskId(call)).is_some());
    device.at(1, |_| ());
    device.live(&mut server, 50);
    assert_eq!((server.pulls, asked(&device, 1), asked(&device, 2)), (pulls + 1, true, false), "that one may have been older than these");
    device.live(&mut server, 500);
    assert_eq!(server.pulls, pulls + 2);
    assert!(calls.clone().all(|call| asked(&device, call)));
}

#[test]
fn i3_a_tab_hears_how_its_writes_ended_before_it_hears_that_all_have() {
    let (mut server, mut device) = settled(1);
    let id = device.at(1, |tab| tab.mutate(put("k", "1")).unwrap());
    let push = device.at(1, |tab| tab.ask(Ask::Push { timeout_ms: None }));
    for _ in 0..100 {
        device.live(&mut server, 50);
        let (answer, ending) = (device.tabs[1].answered(push), device.tabs[1].ending(&id));
        assert!(answer.is_none() || ending.is_some());
    }
    assert_eq!(device.tabs[1].answered(push), Some(None));
}

#[test]
fn c3_a_tab_that_drains_in_vain_finds_out_though_it_hears_nothing() {
    let (mut server, mut device) = settled(1);
    device.hears = false;
    device.at(1, |tab| tab.tell(Input::LockGained));
    assert_eq!(device.drains(), [true, true], "it was not told");
    device.live(&mut server, 61_000);
    assert_eq!(device.drains(), [false, true]);
}

#[test]
fn c3_who_has_the_lock_drains_again_when_the_other_one_that_did_is_gone() {
    let (mut server, mut device) = settled(1);
    device.at(1, |tab| tab.tell(Input::LockGained));
    assert_eq!(device.drains(), [false, true], "they are two, and the store is the last one's");
    device.live(&mut server, 20_000);
    assert_eq!(device.tabs[0].steals, 0, "it answers");
    device.tabs.pop();
    device.live(&mut server, 9_000);
    assert_ne!(device.tabs[0].steals, 0, "nobody else would be given the lock, though there is nothing to send");
    device.at(0, |tab| tab.tell(Input::LockGained));
    assert_eq!(device.drains(), [true]);
}

#[test]
fn i1_how_a_write_ended_is_told_when_it_is_stored() {
    let (mut server, mut device) = settled(1);
    let id = device.at(0, |tab| tab.mutate(put("k", "1")).unwrap());
    device.tabs[0].storing = false;
    device.quietly(0, |tab| tab.live(&mut server, 200));
    device.quietly(0, |tab| tab.live(&mut server, 200));
    assert_eq!((server.document("k"), device.tabs[0].ending(&id)), (None, None), "it is frozen first");
    device.tabs[0].storing = true;
    device.quietly(0, |tab| tab.store());
    device.tabs[0].storing = false;
    device.quietly(0, |tab| tab.live(&mut server, 500));
    assert_eq!((server.document("k"), device.tabs[0].ending(&id)), (Some(json!(1)), None), "a crash would take it back");
    device.tabs[0].storing = true;
    device.quietly(0, |tab| tab.store());
    assert!(matches!(device.tabs[0].ending(&id), Some(Ending::Applied { .. })));
}

#[test]
fn i1_what_was_blocked_and_not_stored_is_in_the_inbox_when_everything_is_read_anew() {
    let (mut server, mut device) = settled(1);
    let first = device.at(0, |tab| tab.mutate(put("a", r#"{"reject":true}"#)).unwrap());
    device.quietly(0, |tab| tab.pass(100));
    device.tabs[0].storing = false;
    let second = device.quietly(0, |tab| tab.mutate(put("b", "1").after(vec![first.clone()])).unwrap());
    device.quietly(0, |tab| tab.live(&mut server, 300));
    device.tabs[0].storing = true;
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.quietly(0, |tab| tab.store());
    device.live(&mut server, 1_000);
    for id in [&first, &second] {
        assert!(matches!(device.tabs[0].ending(id), Some(Ending::Rejected { .. })), "{:?}", device.tabs[0].ending(id));
    }
    assert_eq!(device.tabs[0].engine.inbox_records().count(), 2);
    assert_eq!(server.document("b"), None);
}

#[test]
fn what_one_tab_takes_back_another_does_not_send() {
    let (mut server, mut device) = settled(1);
    let id = device.at(1, |tab| tab.mutate(put("k", "1")).unwrap());
    device.at(1, |tab| tab.tell(Input::CancelAsked { mutation: id.clone() }));
    assert_eq!(device.tabs[1].ending(&id), Some(Ending::Cancelled));
    device.live(&mut server, 300);
    assert_eq!((server.pushes, device.views("k")), (0, vec![None, None]));
}

#[test]
fn what_was_taken_back_while_it_was_being_frozen_is_not_sent() {
    let (mut server, mut device) = settled(1);
    let id = device.at(1, |tab| tab.mutate(put("k", "1")).unwrap());
    // The drainer freezes it, and its transaction has not begun when the other tab's cancel is stored.
    device.tabs[0].storing = false;
    device.quietly(0, |tab| tab.pass(100));
    assert!(!device.tabs[0].writes.is_empty());
    device.quietly(1, |tab| tab.tell(Input::CancelAsked { mutation: id.clone() }));
    assert_eq!(device.tabs[1].ending(&id), Some(Ending::Cancelled));
    device.tabs[0].storing = true;
    device.quietly(0, |tab| tab.store());
    device.live(&mut server, 300);
    assert_eq!((server.document("k"), device.views("k")), (None, vec![None, None]));
}

#[test]
fn s1_a_tab_that_was_fenced_keeps_what_it_writes() {
    let mut server = Server::new();
    let mut first = Client::open(Disk::default(), 1);
    first.live(&mut server, 10);
    let mut second = Client::open(first.disk.clone(), 2);
    second.live(&mut server, 10);
    first.disk = second.disk.clone();
    let id = first.mutate(put("k", "1")).unwrap();
    first.turn();
    assert!(first.is_durable(&id));
    assert!(!first.status().drainer && first.sent.is_empty(), "the other one sends it");
    second.disk = first.disk.clone();
    second.tell(Input::Heard { message: Message::Grew { position: first.disk.last } });
    second.live(&mut server, 200);
    assert_eq!(server.document("k"), Some(json!(1)));
}

#[test]
fn a_tab_that_does_not_drain_says_what_the_one_that_does_is_about() {
    let (_, mut device) = settled(1);
    device.at(0, |tab| tab.tell(Input::Stopped { stopped: true }));
    assert_eq!(device.tabs[1].status().phase, Phase::Paused);
    device.at(0, |tab| tab.tell(Input::Stopped { stopped: false }));
    assert_eq!(device.tabs[1].status().phase, Phase::Idle);
}

#[test]
fn c5_what_was_not_heard_is_seen_when_the_tab_is_looked_at() {
    let (mut server, mut device) = settled(1);
    device.at(1, |tab| tab.tell(Input::BecameHidden));
    device.at(0, |tab| tab.mutate(put("k", "1")).unwrap());
    assert_eq!(device.tabs[1].view("k"), None, "a hidden tab does not read");
    device.at(1, |tab| tab.tell(Input::BecameVisible));
    assert_eq!(device.views("k"), vec![Some(json!(1)); 2]);
    device.hears = false;
    device.at(0, |tab| tab.mutate(put("k", "2")).unwrap());
    device.live(&mut server, 61_000);
    assert_eq!(device.views("k")[1], Some(json!(2)), "in time it looks by itself");
}

#[test]
fn a_fold_of_the_drainer_leaves_the_others_what_they_know() {
    let mut server = Server::new();
    let mut device = Device::of(Config { compact_bytes_min: 1, compact_idle_ms: 20, poll_base_ms: 1 << 40, ..config() }, 1);
    device.at(1, |tab| tab.tell(Input::Held { addresses: vec![at("k")], held: true }));
    device.at(1, |tab| tab.mutate(put("k", r#"{"t":"a"}"#)).unwrap());
    device.live(&mut server, 300);
    assert!(!device.disk.pages.is_empty(), "it was folded");
    assert_eq!(device.tabs[1].view("k"), Some(json!({"t":"a"})), "without reading a page");
    let id = device.at(1, |tab| tab.mutate(splice("k", 1, 0, "b")).unwrap());
    device.live(&mut server, 300);
    assert!(device.tabs[1].ending(&id).is_some());
    assert_eq!(device.views("k"), vec![Some(json!({"t":"ab"})); 2]);
    device.check(&["k"]);
}

#[test]
fn a_fold_of_the_drainer_refuses_nothing_that_another_tab_has_yet_to_store() {
    let mut server = Server::new();
    let mut device = Device::of(Config { compact_bytes_min: 1, compact_idle_ms: 60_000, poll_base_ms: 1 << 40, ..config() }, 1);
    let refused = device.at(1, |tab| tab.mutate(put("k", r#"{"reject":true}"#)).unwrap());
    device.at(1, |tab| tab.mutate(put("other", "1")).unwrap());
    device.live(&mut server, 300);
    device.tabs[1].storing = false;
    let discard = device.quietly(1, |tab| tab.ask(Ask::Discard { entry: refused }));
    let write = device.tabs[1].writes.pop_front().expect("it is to be stored").write;
    device.quietly(1, |tab| tab.tell(Input::WriteFailed { write, why: StoreFailure::Aborted { why: String::new() } }));
    device.quietly(0, |tab| tab.pass(60_000));
    assert!(!device.disk.pages.is_empty(), "it was folded");
    device.tabs[1].storing = true;
    device.quietly(1, |tab| tab.tell(Input::Heard { message: Message::Turned }));
    device.quietly(1, |tab| tab.pass(1_000));
    assert_eq!(device.tabs[1].answered(discard), Some(None));
    device.check(&["k", "other"]);
    // It has learned where the documents are, too.
    device.quietly(0, |tab| tab.mutate(put("other", "2")).unwrap());
    device.quietly(1, |tab| tab.tell(Input::Heard { message: Message::Grew { position: u64::MAX } }));
    device.check(&["k", "other"]);
}

#[test]
fn a_page_that_came_with_news_for_a_tab_that_was_writing_is_read_again() {
    let mut server = Server::new();
    let config = Config { compact_bytes_min: 1, compact_idle_ms: 20, poll_base_ms: 1 << 40, ..config() };
    let mut device = Device::of(config.clone(), 0);
    device.at(0, |tab| tab.mutate(put("k", "1")).unwrap());
    device.live(&mut server, 300);
    device.open(config);
    device.tabs[1].storing = false;
    let ask = device.quietly(1, |tab| tab.ask(Ask::Load { addresses: vec![at("k")] }));
    device.quietly(1, |tab| tab.mutate(put("mine", "1")).unwrap());
    device.quietly(0, |tab| tab.mutate(put("other", "1")).unwrap());
    device.tabs[1].storing = true;
    device.quietly(1, |tab| tab.store());
    assert_eq!(device.tabs[1].answered(ask), Some(None));
    assert_eq!(device.views("k")[1], Some(json!(1)));
}

#[test]
fn i9_s1_a_splice_that_was_laid_anew_between_two_attempts_is_stored_with_its_text() {
    let (mut server, mut device) = settled(1);
    device.at(0, |tab| tab.mutate(put("k", r#"{"t":"one two"}"#)).unwrap());
    device.live(&mut server, 200);
    device.hears = false;
    device.tabs[1].storing = false;
    device.quietly(1, |tab| tab.mutate(splice("k", 7, 0, "!")).unwrap());
    let write = device.tabs[1].writes.pop_front().expect("it is to be stored").write;
    device.quietly(1, |tab| tab.tell(Input::WriteFailed { write, why: StoreFailure::Aborted { why: String::new() } }));
    device.at(0, |tab| tab.mutate(put("k", r#"{"t":"another"}"#)).unwrap());
    let position = device.disk.last;
    device.quietly(1, |tab| tab.tell(Input::Heard { message: Message::Grew { position } }));
    device.quietly(1, |tab| tab.store());
    assert_eq!(device.views("k")[1], Some(json!({"t":"another!"})));
    device.quietly(1, |tab| tab.pass(1_000));
    let write = device.tabs[1].writes.pop_front().expect("it is tried again");
    let position = device.disk.apply(&write).unwrap();
    device.quietly(1, |tab| tab.tell(Input::Written { write: write.write, position }));
    let fresh = device.open(config());
    assert_eq!(device.views("k")[fresh], Some(json!({"t":"another!"})));
}

#[test]
fn i3_what_ends_unsent_with_others_ends_in_every_tab() {
    let mut server = Server::new();
    let mut other = another(&mut server);
    let accepts = vec!["put".to_owned(), "delete".to_owned()];
    let mut device = Device::of(Config { accepts, poll_base_ms: 1 << 40, ..config() }, 1);
    device.at(0, |tab| tab.mutate(put("k", r#"{"n":1,"t":"abc"}"#)).unwrap());
    device.live(&mut server, 300);
    let edits = [merge("k", r#"{"reject":true}"#), Mutation::increment(at("k"), "/n", 1).unwrap(), splice("k", 3, 0, "!")];
    let [entry, ..] = edits.map(|edit| device.at(1, |tab| tab.mutate(edit).unwrap()));
    device.live(&mut server, 300);
    assert!(matches!(device.tabs[1].ending(&entry), Some(Ending::Rejected { .. })));
    other.ask(Ask::Pull);
    other.live(&mut server, 300);
    other.mutate(put("k", r#"{"t":"xyz"}"#)).unwrap();
    other.live(&mut server, 300);
    // What goes on with the text of what cannot be applied goes with it.
    device.at(1, |tab| tab.ask(Ask::Retry { entry, edited: None }));
    let second = device.at(1, |tab| tab.mutate(splice("k", 4, 0, "?")).unwrap());
    device.at(0, |tab| tab.ask(Ask::Pull));
    device.at(0, |tab| tab.answer(&mut server));
    device.live(&mut server, 1_000);
    assert!(matches!(device.tabs[1].ending(&second), Some(Ending::Rejected { .. })), "{:?}", device.tabs[1].ending(&second));
    assert_eq!(device.tabs.iter().map(|tab| tab.status().pending_mutations).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(device.views("k"), vec![Some(json!({"t":"xyz"})); 2]);
}

#[test]
fn i8_what_comes_after_a_write_that_was_made_anew_does_so_when_all_was_read_anew_since() {
    let (mut server, mut device) = settled(1);
    let first = device.at(0, |tab| tab.mutate(put("a", r#"{"reject":true}"#)).unwrap());
    device.live(&mut server, 300);
    device.at(0, |tab| tab.ask(Ask::Retry { entry: first.clone(), edited: None }));
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.at(0, |tab| tab.tell(Input::LockLost));
    let second = device.at(0, |tab| tab.mutate(put("b", "1").after(vec![first.clone()])).unwrap());
    device.live(&mut server, 1_000);
    assert!(matches!(device.tabs[0].ending(&second), Some(Ending::Rejected { .. })), "{:?}", device.tabs[0].ending(&second));
    assert_eq!(server.document("b"), None);
    // The same of what has been refused once more.
    device.at(0, |tab| tab.tell(Input::LockGained));
    device.at(1, |tab| tab.tell(Input::LockLost));
    device.live(&mut server, 300);
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.at(0, |tab| tab.tell(Input::LockLost));
    let third = device.at(0, |tab| tab.mutate(put("b", "1").after(vec![first])));
    assert_eq!(third.map_err(|error| error.code), Err(Code::Rejected));
}

#[test]
fn i1_what_two_tabs_take_back_ends_in_both_with_what_comes_after_it() {
    let (mut server, mut device) = settled(1);
    let first = device.at(1, |tab| tab.mutate(put("a", "1")).unwrap());
    let second = device.at(1, |tab| tab.mutate(put("b", "1").after(vec![first.clone()])).unwrap());
    device.tabs[1].storing = false;
    device.quietly(1, |tab| tab.tell(Input::CancelAsked { mutation: first.clone() }));
    device.at(0, |tab| tab.tell(Input::CancelAsked { mutation: first.clone() }));
    device.tabs[1].storing = true;
    device.quietly(1, |tab| tab.store());
    device.live(&mut server, 1_000);
    for tab in &device.tabs {
        assert_eq!(tab.ending(&first), Some(Ending::Cancelled));
        assert!(matches!(tab.ending(&second), Some(Ending::Rejected { .. })), "{:?}", tab.ending(&second));
    }
}
