//! The app's new version meets what an old one has stored: documents and queued writes become what the new one would have; and an
//! old one leaves alone what a new one has made.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use syncline::engine::View;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::input::{Ask, Input};
use syncline::engine::message::Message;
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice};
use syncline::protocol::Call;

use crate::harness::*;

/// What `migrate` was asked for: of a collection, from which version, what.
type Asked = Rc<RefCell<Vec<(String, u32, Value)>>>;

fn of_version(version: u32) -> Config {
    Config { versions: [("c", version)].into(), poll_base_ms: 1 << 40, ..config() }
}

/// The app of the second version over this disk. The first one called `title` what the second calls `name`; what has a `bad` member it
/// cannot migrate.
fn second(disk: Disk, config: Config, seed: u64) -> (Client, Asked) {
    second_with(disk, config, seed, |_| ())
}

/// The same on a device that `prepare` makes what it is.
fn second_with(disk: Disk, config: Config, seed: u64, prepare: impl FnOnce(&mut Client)) -> (Client, Asked) {
    let (mut client, asked) = (Client::fresh(config, seed), Asked::default());
    let hears = asked.clone();
    client.engine.migrate_with(Box::new(move |collection, from, text| {
        let mut value: Value = serde_json::from_str(text).unwrap();
        hears.borrow_mut().push((collection.to_owned(), from, value.clone()));
        let members = value.as_object_mut().filter(|members| !members.contains_key("bad"))?;
        let title = members.remove("title")?;
        members.insert("name".into(), title);
        Some(value.to_string())
    }));
    (client.disk, client.storing) = (disk, true);
    prepare(&mut client);
    client.tell(Input::Started);
    client.store();
    client.turn();
    (client, asked)
}

/// A server with these documents, and the app of the first version, which has pulled them.
fn first(documents: &[(&str, &str)]) -> (Server, Client) {
    let mut server = Server::new();
    let mut other = opened(&mut server);
    for (key, text) in documents {
        other.mutate(put(key, text)).unwrap();
    }
    other.live(&mut server, 1_000);
    let mut client = Client::with(of_version(0), Disk::default(), 200);
    client.live(&mut server, 10);
    (server, client)
}

fn error_of(client: &Client) -> Option<Code> {
    client.notices.iter().find_map(|notice| match notice {
        Notice::OpenFailed { error } => Some(error.code),
        _ => None,
    })
}

/// The operations of the entries that the client wants to send.
fn pushed(client: &mut Client) -> Vec<Value> {
    client.pass(1_000);
    let (_, _, body) = client.take_push();
    let body: Value = serde_json::from_str(&body).unwrap();
    body["entries"].as_array().unwrap().iter().flat_map(|entry| entry["operations"].as_array().unwrap().clone()).collect()
}

fn inbox(client: &Client) -> Vec<(Value, Value)> {
    let read = |text: &str| serde_json::from_str(text).unwrap();
    client.engine.inbox_records().map(|(header, body)| (read(header), read(body))).collect()
}

#[test]
fn p10_documents_of_an_earlier_version_are_migrated_when_they_are_read() {
    let (_, client) = first(&[("a", r#"{"title":"one"}"#), ("b", r#"{"title":"two"}"#)]);
    let (mut client, asked) = second(client.disk, of_version(2), 300);
    assert_eq!((client.view("a"), client.view("b")), (Some(json!({"name": "one"})), Some(json!({"name": "two"}))));
    assert_eq!(asked.borrow()[0], ("c".into(), 0, json!({"title": "one"})));
}

#[test]
fn p10_so_are_those_in_pages_and_are_stored_as_they_became() {
    let (mut server, client) = first(&[("a", r#"{"title":"one"}"#), ("b", r#"{"title":"two"}"#)]);
    let folds = |version| Config { compact_bytes_min: 1, page_bytes: 1, ..of_version(version) };
    let mut client = client.crash_with(folds(0));
    client.live(&mut server, 5_000);
    assert_eq!(client.disk.pages.len(), 2, "in pages");
    let (mut client, asked) = second(client.disk, folds(2), 300);
    assert_eq!((client.engine.view(&at("a")), asked.borrow().len()), (View::NotLoaded, 0), "read as late as any other");
    client.ask(Ask::Load { addresses: vec![at("a")] });
    assert_eq!((client.view("a"), asked.borrow().len()), (Some(json!({"name": "one"})), 1));
    client.mutate(merge("a", r#"{"n":1}"#)).unwrap();
    client.live(&mut server, 10_000);
    let (mut client, asked) = second(client.disk, folds(2), 400);
    client.ask(Ask::Load { addresses: vec![at("a")] });
    assert_eq!((client.view("a"), asked.borrow().len()), (Some(json!({"name": "one", "n": 1})), 0), "it is of this version by now");
}

#[test]
fn p10_queued_writes_say_what_the_new_version_would() {
    let (mut server, mut client) = first(&[("a", r#"{"title":"one","n":1}"#), ("b", r#"{"title":"two"}"#), ("d", r#"{"title":"gone"}"#)]);
    client.mutate(put("new", r#"{"title":"made"}"#)).unwrap();
    client.mutate(merge("a", r#"{"title":"changed"}"#)).unwrap();
    client.mutate(Mutation::increment(at("a"), "/n", 2).unwrap()).unwrap();
    client.mutate(Mutation::delete(at("d"))).unwrap();
    client.turn();
    let (mut client, _) = second(client.disk, of_version(2), 300);
    assert_eq!((client.view("new"), client.view("d")), (Some(json!({"name": "made"})), None));
    assert_eq!(client.view("a"), Some(json!({"name": "changed", "n": 3})));
    client.sent.clear();
    let (mut client, _) = second(client.disk, of_version(2), 400);
    let mut operations = pushed(&mut client);
    operations.sort_by_key(|operation| operation["key"].to_string());
    let said: Vec<_> = operations.iter().map(|operation| (&operation["op"], &operation["set"], &operation["value"])).collect();
    let nothing = &Value::Null;
    assert_eq!(said[0], (&json!("patch"), &json!({"/n": 3, "/name": "changed"}), nothing), "two writes, as one patch");
    assert_eq!(said[1], (&json!("delete"), nothing, nothing));
    assert_eq!(said[2], (&json!("put"), nothing, &json!({"name": "made"})));
    let mut client = second(client.disk, of_version(2), 500).0;
    client.live(&mut server, 3_000);
    assert_eq!((client.status().pending_mutations, client.status().inbox), (0, 0));
    assert_eq!(server.document("new"), Some(json!({"name": "made"})));
}

#[test]
fn p10_what_was_migrated_needs_no_migrating_again() {
    let (_, mut client) = first(&[("a", r#"{"title":"one"}"#)]);
    client.mutate(merge("a", r#"{"title":"changed"}"#)).unwrap();
    client.turn();
    let (client, _) = second(client.disk, of_version(2), 300);
    let (mut client, asked) = second(client.disk, of_version(2), 400);
    assert_eq!(client.view("a"), Some(json!({"name": "changed"})));
    assert!(asked.borrow().iter().all(|(.., value)| *value == json!({"title": "one"})), "only what the server sent: {:?}", asked.borrow());
}

#[test]
fn p10_a_frozen_entry_goes_as_it_is() {
    let (mut server, mut client) = first(&[("a", r#"{"title":"one"}"#)]);
    let id = client.mutate(merge("a", r#"{"title":"changed"}"#)).unwrap();
    client.pass(1_000);
    let (_, _, sent) = client.take_push();
    let (mut client, _) = second(client.disk, of_version(2), 300);
    assert_eq!(client.view("a"), Some(json!({"name": "changed"})), "seen as the new version has it");
    client.pass(1_000);
    let (request, ids, again) = client.take_push();
    assert_eq!((ids, &again), (vec![id.0.to_string()], &sent), "byte for byte");
    let reply = server.push(&client.engine.identity(), &again);
    client.reply(request, reply);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    assert_eq!(client.view("a"), Some(json!({"name": "changed"})), "nor does the old shape come back with the answer");
}

#[test]
fn p10_a_write_that_cannot_be_migrated_is_kept_in_the_inbox_with_its_values() {
    let (mut server, mut client) = first(&[("a", r#"{"title":"one"}"#)]);
    let bad = client.mutate(merge("a", r#"{"bad":true}"#)).unwrap();
    client.mutate(merge("a", r#"{"bad":null,"title":"good"}"#)).unwrap();
    client.turn();
    let (mut client, _) = second(client.disk, of_version(2), 300);
    client.live(&mut server, 3_000);
    let kept = inbox(&client);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let (header, body) = &kept[0];
    assert_eq!((&header["entry"], &header["ending"], &header["error"]["code"]), (&json!(*bad.0), &json!("rejected"), &json!("VALIDATION")));
    assert_eq!(header.get("collection_versions"), Some(&json!({"c": 0})));
    let document = &body["documents"][0];
    assert_eq!((&document["base"], &document["local"]), (&json!({"title": "one"}), &json!({"title": "one", "bad": true})));
    assert_eq!((client.status().pending_mutations, server.document("a").unwrap()["name"].clone()), (0, json!("good")), "the others go");

    let ask = client.ask(Ask::Retry { entry: bad.clone(), edited: None });
    assert_eq!(client.answered(ask).flatten().map(|error| error.code), Some(Code::Validation), "as it was it is of no use");
    let ask = client.ask(Ask::Retry { entry: bad, edited: Some(r#"{"name":"edited"}"#.into()) });
    client.live(&mut server, 3_000);
    assert_eq!((client.answered(ask), client.status().inbox), (Some(None), 0));
    assert_eq!(server.document("a"), Some(json!({"name": "edited"})));
}

#[test]
fn p10_a_document_that_cannot_be_migrated_comes_from_the_server_once_more() {
    let (mut server, client) = first(&[("a", r#"{"title":"one","bad":1}"#), ("b", r#"{"title":"two"}"#)]);
    let (mut client, _) = second(client.disk, of_version(2), 300);
    assert_eq!((client.view("a"), client.view("b")), (None, Some(json!({"name": "two"}))));
    client.live(&mut server, 3_000);
    assert_eq!(client.view("a"), Some(json!({"title": "one", "bad": 1})), "as the server sends it");
}

#[test]
fn p10_without_migrate_nothing_of_an_earlier_version_is_shown_or_sent() {
    let (mut server, mut client) = first(&[("a", r#"{"title":"one"}"#)]);
    client.mutate(put("new", r#"{"title":"made"}"#)).unwrap();
    client.turn();
    let mut client = Client::with(of_version(2), client.disk, 300);
    assert_eq!((client.view("a"), client.view("new")), (None, None));
    client.live(&mut server, 3_000);
    assert_eq!((client.status().pending_mutations, client.status().inbox), (0, 1));
    assert_eq!((client.view("a"), server.document("new")), (Some(json!({"title": "one"})), None));
}

#[test]
fn p10_a_group_is_migrated_whole() {
    let (mut server, mut client) = first(&[("a", r#"{"title":"one"}"#)]);
    let group = Mutation::group(vec![merge("a", r#"{"title":"changed"}"#), put("b", r#"{"title":"two"}"#)]).unwrap();
    client.mutate(group).unwrap();
    let group = Mutation::group(vec![put("x", r#"{"title":"fine"}"#), put("y", r#"{"title":"","bad":1}"#)]).unwrap();
    client.mutate(group).unwrap();
    client.turn();
    let (mut client, _) = second(client.disk, of_version(2), 300);
    assert_eq!((client.view("a"), client.view("b")), (Some(json!({"name": "changed"})), Some(json!({"name": "two"}))));
    client.live(&mut server, 3_000);
    assert_eq!((client.status().pending_mutations, client.status().inbox), (0, 1));
    assert_eq!((server.document("b"), server.document("x")), (Some(json!({"name": "two"})), None), "or not at all");
    let mut keys: Vec<_> = inbox(&client)[0].1["documents"].as_array().unwrap().iter().map(|one| one["key"].clone()).collect();
    keys.sort_by_key(Value::to_string);
    assert_eq!(keys, [json!("x"), json!("y")]);
}

#[test]
fn p10_a_write_on_a_page_waits_for_it() {
    let (mut server, client) = first(&[("a", r#"{"title":"one"}"#), ("b", r#"{"title":"two"}"#)]);
    let folds = |version| Config { compact_bytes_min: 1, page_bytes: 1, ..of_version(version) };
    let mut client = client.crash_with(folds(0));
    client.live(&mut server, 5_000);
    client.ask(Ask::Load { addresses: vec![at("a")] });
    client.mutate(merge("a", r#"{"title":"changed"}"#)).unwrap();
    client.turn();
    let (mut client, _) = second(client.disk, folds(2), 300);
    assert_eq!(client.view("a"), Some(json!({"name": "changed"})));
    client.live(&mut server, 3_000);
    assert_eq!((client.status().pending_mutations, client.status().inbox), (0, 0));
    assert_eq!(
        server.document("a"),
        Some(json!({"title": "one", "name": "changed"})),
        "the server has its own shape, and is told what changed"
    );
}

#[test]
fn p10_what_comes_after_another_write_still_does() {
    let (_, mut client) = first(&[("a", r#"{"title":"one"}"#)]);
    let before = client.mutate(put("x", r#"{"title":"first"}"#)).unwrap();
    let mut later = put("y", r#"{"title":"second"}"#);
    later.after = vec![before];
    client.mutate(later).unwrap();
    client.turn();
    let (client, _) = second(client.disk, of_version(2), 300);
    let (mut client, _) = second(client.disk, of_version(2), 400);
    let keys: Vec<_> = pushed(&mut client).iter().map(|operation| operation["key"].clone()).collect();
    assert_eq!(keys, [json!("x")], "the other one waits");
}

#[test]
fn s8_p10_a_store_of_a_later_version_is_refused_and_left_alone() {
    let (mut server, client) = first(&[("a", r#"{"title":"one"}"#)]);
    let (mut client, _) = second(client.disk, of_version(2), 300);
    client.mutate(put("b", r#"{"name":"two"}"#)).unwrap();
    client.turn();
    let before = (client.disk.log.clone(), client.disk.pages.clone(), client.disk.meta.clone());
    assert_eq!(before.2.as_ref().map(|meta| meta.versions.collections.version_of("c")), Some(2), "the description says so");
    let mut old = Client::with(of_version(1), client.disk, 400);
    assert_eq!(error_of(&old), Some(Code::VersionTooNew));
    old.live(&mut server, 3_000);
    assert!(old.sent.is_empty() && old.mutate(put("c", "{}")).is_err());
    assert_eq!((old.disk.log.clone(), old.disk.pages.clone(), old.disk.meta.clone()), before, "nothing is changed");
    let (mut client, _) = second(old.disk, of_version(2), 500);
    client.live(&mut server, 3_000);
    assert_eq!(server.document("b"), Some(json!({"name": "two"})));
}

#[test]
fn c7_p10_an_open_tab_of_an_earlier_version_ends_when_a_later_one_has_written() {
    let (mut server, mut old) = first(&[("a", r#"{"title":"one"}"#)]);
    old.sent.clear();
    old.mutate(put("mine", r#"{"title":"mine"}"#)).unwrap();
    old.turn();
    // The new one drains from here on, or only writes: in either case the old one reads of it.
    for drains in [true, false] {
        let mut new = Client::fresh(of_version(2), 300);
        (new.disk, new.storing) = (old.disk.clone(), true);
        if !drains {
            new.tell(Input::LockLost);
        }
        new.tell(Input::Started);
        new.store();
        new.mutate(put("b", r#"{"name":"two"}"#)).unwrap();
        new.turn();
        let mut tab = Client::with(of_version(0), old.disk.clone(), 400);
        tab.mutate(put("other", r#"{"title":"other"}"#)).unwrap();
        tab.writes.clear();
        assert_eq!(error_of(&tab), None);
        let stored = (new.disk.log.clone(), new.disk.meta.clone());
        tab.disk = new.disk;
        tab.tell(Input::Heard { message: Message::Turned });
        tab.turn();
        assert_eq!(error_of(&tab), Some(Code::VersionTooNew), "{drains}");
        tab.live(&mut server, 5_000);
        assert!(tab.sent.iter().all(|(_, call)| !matches!(call, Call::Push { .. })));
        assert_eq!((tab.disk.log.clone(), tab.disk.meta.clone()), stored, "nor has it changed anything");
    }
}

#[test]
fn c7_a_later_tab_sees_what_an_earlier_one_goes_on_writing_in_its_own_shape() {
    let (mut server, mut old) = first(&[("a", r#"{"title":"one"}"#)]);
    let mut new = second(old.disk.clone(), of_version(2), 300).0;
    new.disk = old.disk.clone();
    new.tell(Input::LockLost);
    new.turn();
    for (mutation, key, seen) in [
        (put("late", r#"{"title":"late"}"#), "late", json!({"name": "late"})),
        (merge("a", r#"{"title":"changed"}"#), "a", json!({"name": "changed"})),
    ] {
        old.mutate(mutation).unwrap();
        old.turn();
        new.disk = old.disk.clone();
        new.tell(Input::Heard { message: Message::Grew { position: *old.disk.log.last_key_value().unwrap().0 } });
        new.turn();
        assert_eq!(new.view(key), Some(seen));
    }
    // When it drains, nothing of it is lost.
    new.tell(Input::LockGained);
    new.turn();
    new.live(&mut server, 3_000);
    assert_eq!((new.status().pending_mutations, server.document("late")), (0, Some(json!({"name": "late"}))));
    assert_eq!((new.status().inbox, server.document("a").unwrap()["name"].clone()), (0, json!("changed")));
}

#[test]
fn c7_p10_what_one_tab_has_migrated_another_one_takes_up() {
    let (_, mut old) = first(&[("a", r#"{"title":"one"}"#)]);
    old.mutate(merge("a", r#"{"title":"changed"}"#)).unwrap();
    old.turn();
    let mut writes = Client::fresh(of_version(2), 300);
    (writes.disk, writes.storing) = (old.disk.clone(), true);
    writes.tell(Input::LockLost);
    writes.tell(Input::Started);
    writes.store();
    let (drains, _) = second(old.disk, of_version(2), 400);
    let last = *drains.disk.log.last_key_value().unwrap().0;
    writes.disk = drains.disk;
    writes.tell(Input::Heard { message: Message::Grew { position: last } });
    writes.turn();
    // It has no `migrate` itself: what it sees is what the other one has stored. Of what the server sent it knows nothing.
    assert_eq!(writes.view("a"), Some(json!({"name": "changed"})));
    assert_eq!((writes.status().pending_mutations, error_of(&writes)), (1, None));
}

#[test]
fn s5_p10_a_change_of_a_document_that_was_lost_with_its_store_is_not_made_of_nothing() {
    let (mut server, client) = first(&[("a", r#"{"title":"one"}"#)]);
    let mirrored = |version| Config { mirror: true, witnessed: true, ..of_version(version) };
    let mut client = client.crash_with(mirrored(0));
    client.tell(Input::Stopped { stopped: true });
    client.mutate(merge("a", r#"{"title":"changed"}"#)).unwrap();
    client.mutate(put("b", r#"{"title":"two"}"#)).unwrap();
    client.turn();
    client.pass(2_000);
    let (files, witness) = (client.files, client.witness);
    let (mut client, _) = second_with(Disk::default(), mirrored(2), 300, |client| (client.files, client.witness) = (files, witness));
    assert_eq!(client.status().pending_mutations, 2, "they come back from the mirror");
    client.live(&mut server, 5_000);
    assert_eq!((client.status().pending_mutations, client.status().inbox), (0, 1));
    assert_eq!((server.document("a"), server.document("b")), (Some(json!({"title": "one"})), Some(json!({"name": "two"}))));
}
