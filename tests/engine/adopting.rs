//! A client without its store takes it up again when it is back, with all that was written meanwhile.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::effect::Effect;
use syncline::engine::error::Code;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Ask, Input, StoreFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Durability, Ending, Notice, StorageKind};
use syncline::protocol::Call;

use crate::harness::*;
use crate::tabs::Device;

mod shared;

/// The longest wait until a store is tried for the first time, and for any other.
const FIRST_MS: u64 = 5_000;
const ANY_MS: u64 = 300_000;

fn full() -> Option<StoreFailure> {
    Some(StoreFailure::Quota)
}

fn hangs() -> Option<StoreFailure> {
    Some(StoreFailure::Unavailable { why: "opening had no answer for 5 s".into() })
}

/// How often the app was told of each, and how.
fn told(client: &Client, id: &MutationId) -> (Vec<Durability>, Vec<Ending>) {
    let (mut durabilities, mut endings) = (Vec::new(), Vec::new());
    for notice in &client.notices {
        match notice {
            Notice::Durable { mutations, durability } if mutations.contains(id) => durabilities.push(*durability),
            Notice::Settled { mutation, ending } if mutation == id => endings.push(ending.clone()),
            _ => {}
        }
    }
    (durabilities, endings)
}

fn storage(client: &Client) -> (StorageKind, Option<Code>) {
    let is_of_storage = |code: &Code| !matches!(code, Code::Timeout | Code::Network);
    (client.status().storage, client.status().error.map(|error| error.code).filter(is_of_storage))
}

const STORED: (StorageKind, Option<Code>) = (StorageKind::IndexedDb, None);

#[test]
fn s1_a_store_that_was_full_is_taken_up_again_with_all_that_was_written_meanwhile() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.tell(Input::WentOffline);
    client.mutate(put("before", "0")).unwrap();
    client.turn();
    client.full = full();
    let first = client.mutate(put("k", r#"{"t":"a"}"#)).unwrap();
    client.turn();
    let second = client.mutate(splice("k", 1, 0, "b")).unwrap();
    client.turn();
    assert_eq!(storage(&client), (StorageKind::Memory, Some(Code::QuotaExceeded)));
    assert_eq!(told(&client, &second).0, [Durability::Memory]);
    client.full = None;
    client.pass(FIRST_MS);
    assert_eq!(storage(&client), STORED);
    for id in [&first, &second] {
        assert_eq!(told(&client, id).0, [Durability::Memory, Durability::Strict]);
    }
    let mut client = client.crash();
    assert_eq!((client.text("k"), client.view("before"), client.status().pending_mutations), ("ab".into(), Some(json!(0)), 3));
    client.live(&mut server, 1_000);
    assert_eq!([server.document("k"), server.document("before")], [Some(json!({"t":"ab"})), Some(json!(0))]);
    assert_eq!(client.status().pending_mutations, 0);
}

#[test]
fn s6_a_store_that_opens_late_is_taken_up_with_all_that_was_written_meanwhile() {
    let mut server = Server::new();
    let mut first = opened(&mut server);
    first.mutate(put("stored", r#"{"t":"x"}"#)).unwrap();
    first.live(&mut server, 1_000);
    first.tell(Input::WentOffline);
    first.mutate(splice("stored", 1, 0, "y")).unwrap();
    first.turn();
    let mut client = Client::fresh(Config { poll_base_ms: 1 << 40, ..config() }, 50);
    (client.disk, client.storing, client.unreadable) = (first.disk, true, hangs());
    client.tell(Input::Started);
    client.store();
    let sent = client.mutate(put("sent", "1")).unwrap();
    client.live(&mut server, 1_000);
    assert_eq!((storage(&client).0, server.document("sent")), (StorageKind::Memory, Some(json!(1))));
    client.tell(Input::WentOffline);
    let unsent = client.mutate(put("unsent", "2")).unwrap();
    let edited = client.mutate(splice("stored", 0, 0, "> ")).unwrap();
    client.turn();
    client.unreadable = None;
    client.pass(ANY_MS);
    assert_eq!(storage(&client), STORED);
    assert_eq!(told(&client, &unsent).0, [Durability::Memory, Durability::Strict]);
    assert_eq!((told(&client, &sent).1.len(), client.view("sent")), (1, Some(json!(1))), "what ended has ended, and is seen");
    assert_eq!(client.text("stored"), "> xy", "the store's edits and those of memory");
    let mut client = client.crash();
    assert_eq!((client.text("stored"), client.view("unsent")), ("> xy".into(), Some(json!(2))));
    client.live(&mut server, 1_000);
    assert_eq!((server.document("stored"), server.document("unsent")), (Some(json!({"t":"> xy"})), Some(json!(2))));
    assert_eq!((client.status().pending_mutations, client.status().inbox, told(&client, &edited).1.len()), (0, 0, 1));
}

#[test]
fn i2_what_was_sent_blindly_ends_before_another_clients_store_is_taken_up() {
    let mut server = Server::new();
    let mut first = opened(&mut server);
    first.mutate(put("stored", "1")).unwrap();
    first.live(&mut server, 1_000);
    let mut client = Client::fresh(Config { poll_base_ms: 1 << 40, ..config() }, 50);
    (client.disk, client.storing, client.unreadable) = (first.disk, true, hangs());
    client.tell(Input::Started);
    client.store();
    client.mutate(put("blind", "1")).unwrap();
    client.pass(200);
    assert!(client.has_push());
    client.unreadable = None;
    client.pass(1_000_000);
    assert_eq!(storage(&client).0, StorageKind::Memory, "whether it was carried out hangs on whose it is");
    client.live(&mut server, 2 * ANY_MS);
    assert_eq!((storage(&client), server.document("blind")), (STORED, Some(json!(1))));
}

#[test]
fn s6_a_store_that_is_made_late_goes_on_as_the_client_that_makes_it() {
    let mut server = Server::new();
    let mut client = Client::fresh(Config { poll_base_ms: 1 << 40, ..config() }, 50);
    (client.storing, client.unreadable) = (true, hangs());
    client.tell(Input::Started);
    client.store();
    client.mutate(put("k", "1")).unwrap();
    client.live(&mut server, 1_000);
    let name = client.engine.identity().client;
    client.unreadable = None;
    client.live(&mut server, ANY_MS);
    assert_eq!((storage(&client), client.engine.identity().client), (STORED, name.clone()));
    assert_eq!(client.disk.meta.as_ref().map(|meta| (meta.client_id.clone(), meta.session_epoch)), Some((name, 2)));
    client.tell(Input::WentOffline);
    let mut client = client.crash();
    assert_eq!(client.view("k"), Some(json!(1)), "what was acknowledged in memory is stored");
}

#[test]
fn i28_what_was_frozen_without_the_store_is_sent_in_the_same_bytes_ever_after() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.full = full();
    let ids: Vec<_> = ["a", "ab"].map(|text| client.mutate(put("k", &format!(r#"{{"t":"{text}"}}"#))).unwrap()).into();
    client.pass(200);
    let (request, _, body) = client.take_push();
    client.fail(request);
    client.mutate(splice("k", 2, 0, "c")).unwrap();
    client.full = None;
    client.storing = false;
    client.pass(FIRST_MS);
    client.sent.clear();
    client.store();
    client.pass(1);
    client.store();
    assert!(client.disk.meta.is_some());
    let mut client = client.crash();
    client.pass(100);
    let (request, _, again) = client.take_push();
    assert_eq!(again, body);
    let reply = server.push(&client.engine.identity(), &again);
    client.reply(request, reply);
    client.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({"t":"abc"})));
    assert!(ids.iter().all(|id| told(&client, id).1.len() == 1));
}

#[test]
fn i1_i17_what_ended_without_the_store_does_not_come_back() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    for key in ["applied", "refused", "waits", "cancelled"] {
        let text = if key == "refused" { r#"{"reject":true}"# } else { "1" };
        client.mutate(put(key, text)).unwrap();
        if key == "refused" {
            client.pass(200);
        }
    }
    let (request, _, body) = client.take_push();
    client.turn();
    // The store has an entry that is on its way, and writes that are not.
    client.tell(Input::WentOffline);
    client.tell(Input::WentOnline);
    client.full = full();
    client.mutate(put("other", "1")).unwrap();
    client.turn();
    assert_eq!(storage(&client).0, StorageKind::Memory);
    let cancelled = client.engine.pending_mutations()[3].clone();
    client.tell(Input::CancelAsked { mutation: cancelled });
    let reply = server.push(&client.engine.identity(), &body);
    client.reply(request, reply);
    client.live(&mut server, 1_000);
    let before = client.notices.iter().filter(|notice| matches!(notice, Notice::Settled { .. })).count();
    assert_eq!((before, client.status().inbox), (4, 1), "applied, refused, cancelled, and what memory had alone");
    client.full = None;
    client.pass(ANY_MS);
    assert_eq!(storage(&client), STORED);
    let pending = client.engine.pending_mutations();
    assert_eq!((pending.len(), client.status().inbox), (1, 1), "{pending:?}");
    let mut again = Client::open(client.disk.clone(), 77);
    assert_eq!((again.engine.pending_mutations(), again.status().inbox), (pending, 1));
    assert_eq!((again.view("applied"), again.view("cancelled"), again.view("other")), (Some(json!(1)), None, Some(json!(1))));
    client.live(&mut server, 60_000);
    assert_eq!((client.status().pending_mutations, server.document("waits")), (0, Some(json!(1))));
    let after = client.notices.iter().filter(|notice| matches!(notice, Notice::Settled { .. })).count();
    assert_eq!(after, before + 1, "nothing ends twice");
}

#[test]
fn i18_a_wait_that_began_without_the_store_goes_on_behind_a_crash() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.full = full();
    client.mutate(put("k", "1")).unwrap();
    client.pass(200);
    let (request, ids, _) = client.take_push();
    let asked = format!(
        r#"{{"scope":"{}","generation":"g1","outcomes":[{{"id":"{}","outcome":"retry","retryAfterMs":600000}}]}}"#,
        client.engine.identity().scope,
        ids[0]
    );
    client.reply(request, json(200, &asked));
    client.full = None;
    client.pass(ANY_MS);
    assert_eq!(storage(&client), STORED);
    let mut client = client.crash();
    client.pass(1_000);
    assert!(!client.has_push(), "it was asked to wait");
    client.live(&mut server, 600_000);
    assert_eq!(server.document("k"), Some(json!(1)));
}

#[test]
fn s1_a_store_that_stays_full_is_tried_less_and_less_and_memory_goes_on_meanwhile() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.full = full();
    client.mutate(put("k0", "1")).unwrap();
    client.live(&mut server, 1_000);
    for n in 1..40 {
        client.mutate(put(&format!("k{n}"), "1")).unwrap();
        client.live(&mut server, 100_000);
        assert_eq!(storage(&client), (StorageKind::Memory, Some(Code::QuotaExceeded)));
        assert_eq!(server.document(&format!("k{n}")), Some(json!(1)), "it is sent from memory");
    }
    let troubles = client.notices.iter().filter(|notice| matches!(notice, Notice::Troubled { .. })).count();
    assert_eq!((troubles, client.status().pending_mutations), (1, 0), "the app is told once");
    client.full = None;
    client.live(&mut server, ANY_MS);
    assert_eq!(storage(&client), STORED);
    let mut client = client.crash();
    assert_eq!(client.view("k39"), Some(json!(1)));
}

#[test]
fn s3_a_store_that_was_deleted_is_made_again_with_what_the_client_knows() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("known", "1")).unwrap();
    client.live(&mut server, 1_000);
    client.tell(Input::WentOffline);
    let stored = client.mutate(put("stored", "2")).unwrap();
    client.turn();
    client.disk = Disk::default();
    client.mutate(put("k", "3")).unwrap();
    client.turn();
    assert_eq!(storage(&client), (StorageKind::Memory, Some(Code::StorageLost)));
    client.pass(FIRST_MS);
    assert_eq!(storage(&client), STORED);
    assert_eq!(told(&client, &stored).0, [Durability::Strict, Durability::Strict]);
    let mut client = client.crash();
    assert_eq!(["known", "stored", "k"].map(|key| client.view(key)), [Some(json!(1)), Some(json!(2)), Some(json!(3))]);
    client.live(&mut server, 1_000);
    assert_eq!(["known", "stored", "k"].map(|key| server.document(key)), [Some(json!(1)), Some(json!(2)), Some(json!(3))]);
    assert_eq!(client.status().pending_mutations, 0);
}

#[test]
fn s11_a_crash_while_a_store_is_taken_up_finds_all_of_it_or_nothing() {
    for is_stored in [false, true] {
        let mut server = Server::new();
        let mut client = opened(&mut server);
        client.tell(Input::WentOffline);
        client.mutate(put("stored", "1")).unwrap();
        client.turn();
        client.full = full();
        client.mutate(put("k", "2")).unwrap();
        client.turn();
        (client.full, client.storing) = (None, false);
        client.pass(FIRST_MS);
        let Some(Effect::Load { load, what }) = client.loads.pop_front() else { panic!("it looks whether the store is back") };
        client.tell(Input::Loaded { load, found: client.disk.load(&what) });
        client.turn();
        assert_eq!(storage(&client).0, StorageKind::Memory, "nothing is promised before it is stored");
        let write = client.writes.pop_front().expect("one transaction");
        assert!(write.strict && client.writes.is_empty());
        if is_stored {
            client.disk.apply(&write).unwrap();
        }
        let mut client = client.crash();
        assert_eq!((client.view("stored"), client.view("k")), (Some(json!(1)), is_stored.then(|| json!(2))));
    }
}

#[test]
fn s8_i20_the_store_of_another_user_or_of_a_later_build_is_left_alone() {
    for (is_later, scope) in [(true, config().scope), (false, "another".into())] {
        let mut server = Server::new();
        let mut client = opened(&mut server);
        client.full = full();
        client.mutate(put("k", "1")).unwrap();
        client.turn();
        client.full = None;
        let meta = client.disk.meta.as_mut().unwrap();
        meta.scope = scope;
        meta.versions.layout += u32::from(is_later);
        let disk = client.disk.clone();
        client.pass(10 * ANY_MS);
        assert_eq!((storage(&client).0, client.disk.log == disk.log && client.disk.meta == disk.meta), (StorageKind::Memory, true));
    }
}

#[test]
fn c2_a_tab_that_lost_the_store_follows_whoever_drains_it_by_now() {
    let mut server = Server::new();
    let mut device = Device::with(1);
    device.live(&mut server, 1_000);
    device.at(0, |tab| tab.mutate(put("stored", r#"{"t":"a"}"#)).unwrap());
    device.live(&mut server, 1_000);
    device.tabs[0].full = full();
    let alone = device.at(0, |tab| tab.mutate(put("alone", "1")).unwrap());
    device.live(&mut server, 1_000);
    device.at(0, |tab| tab.tell(Input::WentOffline));
    let unsent = device.at(0, |tab| tab.mutate(splice("stored", 0, 0, "> ")).unwrap());
    assert_eq!(storage(&device.tabs[0]).0, StorageKind::Memory);
    // The other one has work, hears nothing, and takes the lock.
    device.at(1, |tab| tab.mutate(splice("stored", 1, 0, "b")).unwrap());
    device.live(&mut server, 10_000);
    if device.tabs[1].steals > 0 {
        device.at(0, |tab| tab.tell(Input::LockLost));
        device.at(1, |tab| tab.tell(Input::LockGained));
    }
    device.live(&mut server, 10_000);
    assert_eq!(server.document("stored"), Some(json!({"t":"ab"})));
    device.tabs[0].full = None;
    device.live(&mut server, ANY_MS);
    assert_eq!((device.drains(), storage(&device.tabs[0])), (vec![false, true], STORED));
    assert_eq!(told(&device.tabs[0], &unsent).0, [Durability::Memory, Durability::Strict]);
    device.live(&mut server, 10_000);
    assert_eq!((server.document("stored"), server.document("alone")), (Some(json!({"t":"> ab"})), Some(json!(1))));
    assert_eq!(device.views("stored"), vec![Some(json!({"t":"> ab"})); 2]);
    assert_eq!((told(&device.tabs[0], &unsent).1.len(), told(&device.tabs[0], &alone).1.len()), (1, 1));
    device.check(&["stored", "alone"]);
}

#[test]
fn c6_what_another_tab_writes_while_a_store_is_taken_up_comes_before_it() {
    let mut server = Server::new();
    let mut device = Device::with(1);
    device.live(&mut server, 1_000);
    device.tabs[0].full = full();
    device.at(0, |tab| {
        tab.tell(Input::WentOffline);
        tab.mutate(put("mine", "1")).unwrap();
    });
    device.tabs[0].full = None;
    device.tabs[0].storing = false;
    device.at(0, |tab| tab.pass(FIRST_MS));
    device.at(0, |tab| {
        let Some(Effect::Load { load, what }) = tab.loads.pop_front() else { panic!("it looks whether the store is back") };
        let found = tab.disk.load(&what);
        tab.tell(Input::Loaded { load, found });
    });
    assert_eq!(device.tabs[0].writes.len(), 1);
    device.at(1, |tab| tab.mutate(put("theirs", "2")).unwrap());
    device.tabs[0].storing = true;
    device.at(0, |tab| tab.store());
    device.at(0, |tab| tab.pass(1_000));
    assert_eq!(storage(&device.tabs[0]), STORED);
    device.at(1, |tab| tab.pass(1_000));
    device.check(&["mine", "theirs"]);
    let (mine, theirs) = (device.views("mine"), device.views("theirs"));
    assert_eq!((mine, theirs), (vec![Some(json!(1)); 2], vec![Some(json!(2)); 2]));
}

#[test]
fn i12_a_write_that_is_merged_without_the_store_is_carried_on_once() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", r#"{"n":0}"#)).unwrap();
    client.live(&mut server, 1_000);
    client.mutate(merge("k", r#"{"a":1}"#)).unwrap();
    client.pass(200);
    let (request, _, body) = client.take_push();
    let mut other = another(&mut server);
    other.live(&mut server, 100);
    other.mutate(merge("k", r#"{"b":2}"#)).unwrap();
    other.live(&mut server, 1_000);
    client.full = full();
    client.mutate(Mutation::delete(at("x"))).unwrap();
    client.turn();
    let reply = server.push(&client.engine.identity(), &body);
    client.reply(request, reply);
    assert_eq!(client.engine.pending_mutations().len(), 2, "the follow-up, and the delete");
    client.full = None;
    client.live(&mut server, ANY_MS);
    assert_eq!((storage(&client), client.status().pending_mutations), (STORED, 0));
    assert_eq!(server.document("k"), Some(json!({"n":0,"a":1,"b":2})));
    let mut client = client.crash();
    client.live(&mut server, 1_000);
    assert_eq!((client.view("k"), client.status().inbox), (Some(json!({"n":0,"a":1,"b":2})), 0));
}

#[test]
fn i5_what_a_stored_splice_was_made_on_is_known_when_others_have_written_to_the_store_meanwhile() {
    let mut server = Server::new();
    // Documents go into pages, which a store that is taken up has not read.
    let mut device = Device::of(Config { page_directly_bytes: 1, poll_base_ms: 1 << 40, ..config() }, 1);
    device.live(&mut server, 1_000);
    device.at(0, |tab| tab.mutate(put("k", r#"{"t":"one"}"#)).unwrap());
    device.live(&mut server, 1_000);
    device.at(0, |tab| tab.tell(Input::WentOffline));
    device.at(0, |tab| tab.mutate(splice("k", 3, 0, " two")).unwrap());
    let mut other = another(&mut server);
    other.mutate(splice("k", 0, 0, "> ")).unwrap();
    other.live(&mut server, 1_000);
    device.tabs[0].full = full();
    device.at(0, |tab| tab.mutate(put("alone", "1")).unwrap());
    device.at(0, |tab| tab.tell(Input::WentOnline));
    device.at(0, |tab| tab.ask(Ask::Pull));
    device.at(0, |tab| tab.live(&mut server, 6_000));
    assert_eq!((storage(&device.tabs[0]).0, device.at(0, |tab| tab.view("k"))), (StorageKind::Memory, Some(json!({"t":"> one two"}))));
    device.at(1, |tab| tab.mutate(put("theirs", "1")).unwrap());
    device.tabs[0].full = None;
    device.live(&mut server, ANY_MS);
    assert_eq!(storage(&device.tabs[0]), STORED);
    assert_eq!(server.document("k"), Some(json!({"t":"> one two"})));
    device.check(&["k", "alone", "theirs"]);
}

#[test]
fn i1_i13_what_was_taken_back_without_the_store_stays_where_it_has_become_one_with_others_there() {
    for which in [0, 1] {
        let mut server = Server::new();
        let mut device = Device::of(Config { members_max: 2, poll_base_ms: 1 << 40, ..config() }, 1);
        device.live(&mut server, 1_000);
        device.at(0, |tab| tab.mutate(put("k", r#"{"n":0}"#)).unwrap());
        device.live(&mut server, 1_000);
        (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOffline)));
        let count = |by| Mutation::increment(at("k"), "/n", by).unwrap();
        let write = |device: &mut Device, by| device.at(0, |tab| tab.mutate(count(by)).unwrap());
        let early: Vec<_> = [1, 2, 4].map(|by| write(&mut device, by)).into();
        device.live(&mut server, 100);
        device.tabs[1].full = full();
        device.at(1, |tab| tab.mutate(put("alone", "1")).unwrap());
        assert_eq!((storage(&device.tabs[1]).0, device.at(1, |tab| tab.view("k"))), (StorageKind::Memory, Some(json!({"n": 7}))));
        let late: Vec<_> = [8, 16, 32].map(|by| write(&mut device, by)).into();
        device.live(&mut server, 100);
        assert!(device.tabs[0].engine.folded().iter().any(|folded| folded.contains(&early[which])));
        device.at(1, |tab| tab.tell(Input::CancelAsked { mutation: early[which].clone() }));
        assert!(matches!(told(&device.tabs[1], &early[which]).1[..], [Ending::Unknown { .. }]));
        device.tabs[1].full = None;
        device.live(&mut server, ANY_MS);
        assert_eq!(storage(&device.tabs[1]), STORED);
        device.check(&["k", "alone"]);
        (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOnline)));
        device.live(&mut server, 10_000);
        assert_eq!(server.document("k"), Some(json!({"n": 63})));
        let ended = early.iter().chain(&late).all(|id| matches!(told(&device.tabs[0], id).1[..], [Ending::Applied { .. }]));
        assert!(ended && device.tabs[0].status().pending_mutations == 0);
    }
}

#[test]
fn i1_i5_a_splice_that_goes_on_where_a_stored_one_was_is_known_when_another_tab_has_come_between() {
    let mut server = Server::new();
    let mut device = Device::with(1);
    device.live(&mut server, 1_000);
    device.at(0, |tab| tab.mutate(put("k", r#"{"t":"one"}"#)).unwrap());
    device.live(&mut server, 1_000);
    (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOffline)));
    device.at(0, |tab| tab.mutate(splice("k", 3, 0, " two")).unwrap());
    device.live(&mut server, 100);
    device.tabs[0].full = full();
    device.at(0, |tab| tab.mutate(splice("k", 7, 0, " three")).unwrap());
    assert_eq!((storage(&device.tabs[0]).0, device.at(0, |tab| tab.text("k"))), (StorageKind::Memory, "one two three".into()));
    device.at(1, |tab| tab.mutate(splice("k", 0, 0, "> ")).unwrap());
    device.tabs[0].full = None;
    device.live(&mut server, ANY_MS);
    assert_eq!(storage(&device.tabs[0]), STORED);
    device.check(&["k"]);
    (0..2).for_each(|tab| device.at(tab, |tab| tab.tell(Input::WentOnline)));
    device.live(&mut server, 10_000);
    assert_eq!(server.document("k"), Some(json!({"t":"> one two three"})));
    assert_eq!(device.views("k"), vec![Some(json!({"t":"> one two three"})); 2]);
}

#[test]
fn i5_a_document_that_another_tab_has_stored_since_does_not_become_an_older_one() {
    let mut server = Server::new();
    let mut other = another(&mut server);
    other.mutate(put("k", r#""first""#)).unwrap();
    other.live(&mut server, 1_000);
    let mut device = Device::of(Config { page_directly_bytes: 1, poll_base_ms: 1 << 40, ..config() }, 1);
    device.live(&mut server, 1_000);
    other.mutate(put("k", r#""old""#)).unwrap();
    other.live(&mut server, 1_000);
    device.tabs[1].full = full();
    device.at(1, |tab| tab.mutate(put("alone", "1")).unwrap());
    device.at(1, |tab| tab.ask(Ask::Pull));
    device.at(1, |tab| tab.live(&mut server, 1_000));
    assert_eq!((storage(&device.tabs[1]).0, device.at(1, |tab| tab.view("k"))), (StorageKind::Memory, Some(json!("old"))));
    // Nothing more is pulled into the store, which hears of the document by what the server says of a write.
    let mut without_pulls = |asker: &_, call: &Call| match call {
        Call::Pull { .. } => crate::harness::json(503, "{}"),
        call => server.answer(asker, call),
    };
    device.at(0, |tab| tab.mutate(put("k", r#""new""#)).unwrap());
    device.at(0, |tab| tab.live_with(10_000, &mut without_pulls));
    device.tabs[1].full = None;
    device.at(1, |tab| tab.live_with(ANY_MS, &mut without_pulls));
    assert_eq!((storage(&device.tabs[1]).0, server.document("k")), (StorageKind::IndexedDb, Some(json!("new"))));
    assert_eq!(device.views("k"), vec![Some(json!("new")); 2]);
}
