//! A client takes up again a store in which other tabs have written meanwhile.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Ask, Input, StoreFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice, StorageKind};

use crate::harness::*;
use crate::tabs::Device;

const ANY_MS: u64 = 300_000;

/// A device of two tabs, of which the first drains, and a document that both have.
fn settled(config: Config, document: &str) -> (Server, Device) {
    let (mut server, mut device) = (Server::new(), Device::of(Config { poll_base_ms: 1 << 40, ..config }, 1));
    device.live(&mut server, 1_000);
    device.at(0, |tab| tab.mutate(put("k", document)).unwrap());
    device.live(&mut server, 1_000);
    (server, device)
}

/// The store has no room for this tab from here on.
fn loses_store(device: &mut Device, tab: usize) {
    device.tabs[tab].full = Some(StoreFailure::Quota);
    device.at(tab, |tab| tab.mutate(put("alone", "1")).unwrap());
    assert_eq!(device.tabs[tab].status().storage, StorageKind::Memory);
}

fn takes_it_up(device: &mut Device, server: &mut Server, tab: usize) {
    device.tabs[tab].full = None;
    device.live(server, ANY_MS);
    assert_eq!(device.tabs[tab].status().storage, StorageKind::IndexedDb);
    device.check(&["k", "alone"]);
}

fn offline(device: &mut Device) {
    (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOffline)));
}

fn count(by: i64) -> Mutation {
    Mutation::increment(at("k"), "/n", by).unwrap()
}

#[test]
fn i1_i5_a_splice_on_what_was_taken_back_without_the_store_stays() {
    for page_directly_bytes in [1, 1 << 20] {
        let (mut server, mut device) = settled(Config { page_directly_bytes, ..config() }, r#"{"t":"one"}"#);
        offline(&mut device);
        let back = device.at(0, |tab| tab.mutate(merge("k", r#"{"t":"one two"}"#)).unwrap());
        device.live(&mut server, 100);
        loses_store(&mut device, 1);
        device.at(0, |tab| tab.mutate(splice("k", 7, 0, " three")).unwrap());
        device.at(1, |tab| tab.tell(Input::CancelAsked { mutation: back.clone() }));
        takes_it_up(&mut device, &mut server, 1);
        assert_eq!(device.tabs[0].ending(&back), Some(Ending::Cancelled));
        (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOnline)));
        device.live(&mut server, 10_000);
        assert_eq!(server.document("k"), Some(json!({"t":"one three"})));
    }
}

#[test]
fn i7_what_was_acknowledged_without_the_store_is_seen_when_others_have_written_meanwhile() {
    let (mut server, mut device) = settled(Config { page_directly_bytes: 1, ..config() }, r#"{"n":0}"#);
    let counted = device.at(0, |tab| tab.mutate(count(1)).unwrap());
    device.at(0, |tab| tab.pass(200));
    let (request, _, body) = device.tabs[0].take_push();
    loses_store(&mut device, 0);
    let reply = server.push(&device.tabs[0].engine.identity(), &body);
    device.at(0, |tab| tab.reply(request, reply));
    assert!(matches!(device.tabs[0].ending(&counted), Some(Ending::Applied { .. })));
    offline(&mut device);
    device.at(1, |tab| tab.mutate(count(2)).unwrap());
    takes_it_up(&mut device, &mut server, 0);
    assert_eq!(device.views("k"), vec![Some(json!({"n": 3})); 2]);
    (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOnline)));
    device.live(&mut server, 10_000);
    assert_eq!((server.document("k"), device.tabs[0].status().pending_mutations), (Some(json!({"n": 3})), 0));
}

#[test]
fn i7_what_was_acknowledged_as_the_store_filled_up_is_seen_when_others_have_written_meanwhile() {
    let (mut server, mut device) = settled(Config { page_directly_bytes: 1, ..config() }, r#"{"n":0}"#);
    let counted = device.at(0, |tab| tab.mutate(count(1)).unwrap());
    device.at(0, |tab| tab.pass(200));
    let (request, _, body) = device.tabs[0].take_push();
    let reply = server.push(&device.tabs[0].engine.identity(), &body);
    device.tabs[0].full = Some(StoreFailure::Quota);
    device.at(0, |tab| tab.reply(request, reply));
    device.at(0, |tab| tab.pass(200));
    assert_eq!(device.tabs[0].status().storage, StorageKind::Memory);
    assert!(matches!(device.tabs[0].ending(&counted), Some(Ending::Applied { .. })));
    offline(&mut device);
    device.at(1, |tab| tab.mutate(put("l", "1")).unwrap());
    device.tabs[0].full = None;
    while device.tabs[0].status().storage == StorageKind::Memory {
        device.at(0, |tab| tab.pass(50));
    }
    assert_eq!(device.views("k"), vec![Some(json!({"n": 1})); 2]);
}

#[test]
fn i2_i12_a_conflict_that_two_tabs_met_without_each_other_is_settled_once() {
    let (mut server, mut device) = settled(config(), r#"{"n":0}"#);
    let counted = device.at(0, |tab| tab.mutate(count(1)).unwrap());
    device.at(0, |tab| tab.pass(200));
    let (request, _, body) = device.tabs[0].take_push();
    let mut other = another(&mut server);
    other.live(&mut server, 100);
    other.mutate(count(10)).unwrap();
    other.live(&mut server, 1_000);
    loses_store(&mut device, 0);
    let reply = server.push(&device.tabs[0].engine.identity(), &body);
    device.at(0, |tab| tab.reply(request, reply));
    let Some(Ending::Merged { by, .. }) = device.tabs[0].ending(&counted) else { panic!("somebody else was first") };
    // The other tab drains, and carries it on, too.
    device.at(0, |tab| tab.tell(Input::LockLost));
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({"n": 11})));
    device.at(1, |tab| tab.ask(Ask::Pull));
    device.tabs[0].full = None;
    device.live(&mut server, ANY_MS);
    device.check(&["k", "alone"]);
    assert_eq!((server.document("k"), device.tabs[0].status().pending_mutations), (Some(json!({"n": 11})), 0));
    assert!(device.tabs[0].ending(&by).is_some(), "whoever waits for it hears that");
}

#[test]
fn i8_what_others_wrote_behind_what_was_refused_without_the_store_is_refused_with_it() {
    let (mut server, mut device) = settled(config(), r#"{"n":0}"#);
    let refused = device.at(0, |tab| tab.mutate(put("k", r#"{"reject":true}"#)).unwrap());
    device.at(0, |tab| tab.pass(200));
    let (request, _, body) = device.tabs[0].take_push();
    loses_store(&mut device, 0);
    let behind = device.at(1, |tab| tab.mutate(put("l", "1").after(vec![refused.clone()])).unwrap());
    let reply = server.push(&device.tabs[0].engine.identity(), &body);
    device.at(0, |tab| tab.reply(request, reply));
    takes_it_up(&mut device, &mut server, 0);
    assert!(matches!(device.tabs[1].ending(&behind), Some(Ending::Rejected { .. })));
    assert_eq!(device.tabs[1].status().inbox, 2);
    assert_eq!(server.document("l"), None);
}

#[test]
fn i1_c6_what_was_frozen_behind_others_and_meets_a_conflict_is_told_of_in_all_tabs() {
    let (mut server, mut device) = settled(config(), r#"{"n":0}"#);
    let mut other = another(&mut server);
    other.mutate(merge("l", r#"{"o":1}"#)).unwrap();
    other.live(&mut server, 1_000);
    loses_store(&mut device, 1);
    let sent = device.at(1, |tab| tab.mutate(merge("l", r#"{"a":1}"#)).unwrap());
    device.at(1, |tab| tab.pass(200));
    let (request, ..) = device.tabs[1].take_push();
    device.at(1, |tab| tab.fail(request));
    offline(&mut device);
    device.at(0, |tab| tab.mutate(merge("l", r#"{"b":1}"#)).unwrap());
    takes_it_up(&mut device, &mut server, 1);
    (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOnline)));
    device.live(&mut server, 10_000);
    assert_eq!(server.document("l"), Some(json!({"o":1,"a":1,"b":1})));
    assert!(matches!(device.tabs[1].ending(&sent), Some(Ending::Merged { .. })), "{:?}", device.tabs[1].ending(&sent));
    assert!((0..2).all(|tab| device.tabs[tab].status().pending_mutations == 0));
}

#[test]
fn i1_i5_a_splice_that_goes_on_where_a_stored_one_was_is_known_though_another_write_was_frozen_without_the_store() {
    let (mut server, mut device) = settled(config(), r#"{"t":"one","n":0}"#);
    offline(&mut device);
    device.at(0, |tab| tab.mutate(count(1)).unwrap());
    device.at(0, |tab| tab.mutate(splice("k", 3, 0, " two")).unwrap());
    device.live(&mut server, 100);
    // What it freezes goes before what is stored, and is not.
    device.tabs[0].full = Some(StoreFailure::Quota);
    device.at(0, |tab| tab.tell(Input::WentOnline));
    device.at(0, |tab| tab.mutate(splice("k", 7, 0, " three")).unwrap());
    device.at(0, |tab| tab.pass(1_000));
    assert_eq!(device.tabs[0].status().storage, StorageKind::Memory);
    device.at(0, |tab| tab.tell(Input::WentOffline));
    device.live(&mut server, ANY_MS);
    assert_eq!((device.tabs[0].status().storage, device.at(0, |tab| tab.text("k"))), (StorageKind::Memory, "one two three".into()));
    device.at(1, |tab| tab.mutate(splice("k", 0, 0, "> ")).unwrap());
    takes_it_up(&mut device, &mut server, 0);
    (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOnline)));
    device.live(&mut server, 10_000);
    assert_eq!(server.document("k"), Some(json!({"t":"> one two three","n":1})));
}

#[test]
fn i9_i13_a_splice_that_was_frozen_behind_others_and_meets_a_conflict_is_not_lost() {
    let (mut server, mut device) = settled(config(), r#"{"t":"aaa bbb ccc"}"#);
    let mut other = another(&mut server);
    other.mutate(splice("k", 4, 3, "BBB")).unwrap();
    other.live(&mut server, 1_000);
    loses_store(&mut device, 1);
    device.at(1, |tab| tab.mutate(splice("k", 11, 0, " ddd")).unwrap());
    device.at(1, |tab| tab.pass(200));
    let (request, ..) = device.tabs[1].take_push();
    device.at(1, |tab| tab.fail(request));
    offline(&mut device);
    device.at(0, |tab| tab.mutate(splice("k", 0, 0, "> ")).unwrap());
    device.tabs[1].full = None;
    while device.tabs[1].status().storage == StorageKind::Memory {
        device.at(1, |tab| tab.pass(50));
    }
    device.at(0, |tab| tab.tell(Input::WentOnline));
    device.at(0, |tab| tab.pass(200));
    eprintln!("{:?}", device.tabs[0].sent);
    (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOnline)));
    device.live(&mut server, 10_000);
    assert_eq!(server.document("k"), Some(json!({"t":"> aaa BBB ccc ddd"})));
}

#[test]
fn i1_i8_what_was_refused_without_the_store_with_what_it_came_after_ends_once() {
    for is_full_before in [true, false] {
        let (mut server, mut device) = settled(config(), r#"{"n":0}"#);
        let refused = device.at(0, |tab| tab.mutate(put("k", r#"{"reject":true}"#)).unwrap());
        let behind = device.at(0, |tab| tab.mutate(put("l", "1").after(vec![refused.clone()])).unwrap());
        device.at(0, |tab| tab.pass(200));
        let (request, _, body) = device.tabs[0].take_push();
        if is_full_before {
            loses_store(&mut device, 0);
        }
        device.tabs[0].full = Some(StoreFailure::Quota);
        let reply = server.push(&device.tabs[0].engine.identity(), &body);
        device.at(0, |tab| tab.reply(request, reply));
        device.at(1, |tab| tab.mutate(put("m", "1")).unwrap());
        takes_it_up(&mut device, &mut server, 0);
        let count =
            |tab: usize, is: fn(&Notice, &MutationId) -> bool| device.tabs[tab].notices.iter().filter(|notice| is(notice, &behind)).count();
        for tab in 0..2 {
            let is_added = |notice: &Notice, _: &MutationId| matches!(notice, Notice::InboxAdded { .. });
            let is_told = |notice: &Notice, id: &MutationId| matches!(notice, Notice::Settled { mutation, .. } if mutation == id);
            assert_eq!((count(tab, is_added), count(tab, is_told)), (2, 1), "in tab {tab}, {is_full_before}");
        }
    }
}

#[test]
fn i24_what_two_tabs_have_set_aside_without_each_other_is_told_of_as_it_is_stored() {
    let (mut server, mut device) = settled(config(), r#"{"n":0}"#);
    device.at(0, |tab| tab.mutate(put("k", r#"{"reject":true}"#)).unwrap());
    device.at(0, |tab| tab.pass(200));
    let (request, _, body) = device.tabs[0].take_push();
    loses_store(&mut device, 0);
    let reply = server.push(&device.tabs[0].engine.identity(), &body);
    device.at(0, |tab| tab.reply(request, reply));
    device.at(0, |tab| tab.tell(Input::LockLost));
    device.at(1, |tab| tab.tell(Input::LockGained));
    device.live(&mut server, 1_000);
    takes_it_up(&mut device, &mut server, 0);
    let mut told = None;
    for notice in &device.tabs[0].notices {
        if let Notice::InboxAdded { item, .. } = notice {
            told = Some(item.clone());
        }
    }
    assert_eq!(told.as_ref(), device.tabs[0].engine.inbox_records().next().map(|(header, _)| header));
}

#[test]
fn i1_what_was_refused_without_the_store_and_given_up_ends_in_all_tabs() {
    let (mut server, mut device) = settled(config(), r#"{"n":0}"#);
    let refused = device.at(1, |tab| tab.mutate(put("k", r#"{"reject":true}"#)).unwrap());
    device.at(0, |tab| tab.pass(200));
    let (request, _, body) = device.tabs[0].take_push();
    loses_store(&mut device, 0);
    let reply = server.push(&device.tabs[0].engine.identity(), &body);
    device.at(0, |tab| tab.reply(request, reply));
    device.at(0, |tab| tab.ask(Ask::Discard { entry: refused.clone() }));
    device.at(1, |tab| tab.mutate(put("m", "1")).unwrap());
    takes_it_up(&mut device, &mut server, 0);
    assert!(matches!(device.tabs[1].ending(&refused), Some(Ending::Rejected { .. })), "{:?}", device.tabs[1].ending(&refused));
}
