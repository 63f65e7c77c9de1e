//! The store keeps its word: crashes at any step, folding, faults, other people's bytes.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::effect::Effect;
use syncline::engine::error::Code;
use syncline::engine::input::{Ask, Collections, Input, StoreFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Durability, Notice, StorageKind};
use syncline::engine::record::{self, Kind};
use syncline::engine::{View, ident::MutationId};

use crate::harness::*;

fn small() -> Config {
    Config { compact_bytes_min: 1, page_bytes: 200, ..config() }
}

#[test]
fn folding_moves_documents_to_pages_and_keeps_what_lives() {
    let mut server = Server::new();
    let mut client = Client::with(small(), Disk::default(), 1);
    for n in 0..20 {
        client.mutate(put(&format!("k{n}"), &format!(r#"{{"n":{n}}}"#))).unwrap();
    }
    client.live(&mut server, 3_000);
    assert!(client.disk.pages.len() > 2 && client.disk.directory.is_some());
    let left: Vec<_> = client.disk.log.values().flat_map(|commit| record::decode(commit)).collect();
    let is_small =
        |found: &record::Found<'_>| matches!(found, record::Found::Record(record) if matches!(record.kind, Kind::Cursor | Kind::History));
    assert!(left.iter().all(is_small), "only the cursor and the history are left: {left:?}");
    assert!(client.disk.meta.as_ref().is_some_and(|meta| meta.folded_to > 0));
    client.tell(Input::WentOffline);
    let pending = client.mutate(put("k3", r#"{"n":"pending"}"#)).unwrap();
    client.pass(5_000);
    let mut client = client.crash();
    assert_eq!(client.engine.view(&at("k7")), View::NotLoaded);
    assert_eq!(client.view("k3"), Some(json!({"n":"pending"})), "a put needs no page");
    let ask = client.ask(Ask::Load { addresses: vec![at("k7")] });
    assert_eq!((client.answered(ask), client.view("k7")), (Some(None), Some(json!({"n":7}))));
    client.live(&mut server, 3_000);
    assert!(client.ending(&pending).is_some());
    let folded_to = client.disk.meta.as_ref().unwrap().folded_to;
    client.mutate(Mutation::delete(at("k7"))).unwrap();
    client.live(&mut server, 6_000);
    let mut client = client.crash();
    client.ask(Ask::Load { addresses: vec![at("k7")] });
    assert_eq!(client.view("k7"), None);
    assert!(client.disk.meta.as_ref().unwrap().folded_to >= folded_to);
}

#[test]
fn v4_what_lives_on_in_the_log_is_not_folded_again_and_again() {
    let mut server = Server::new();
    let mut client = Client::with(small(), Disk::default(), 1);
    client.live(&mut server, 10);
    client.mutate(put("refused", r#"{"reject":true}"#)).unwrap();
    client.live(&mut server, 5_000);
    client.tell(Input::WentOffline);
    client.mutate(put("waits", r#"{"n":1}"#)).unwrap();
    client.pass(5_000);
    client.storing = false;
    client.pass(60_000);
    assert_eq!(client.writes.len(), 0, "an item in the inbox and a write that waits, a minute long, and nothing changes");
}

#[test]
fn l1_a_crash_after_any_transaction_loses_nothing() {
    let script = |client: &mut Client, server: &mut Server, step: u32| match step % 5 {
        0 => drop(client.mutate(put(&format!("k{}", step % 3), r#"{"t":"text"}"#))),
        1 => drop(client.mutate(splice(&format!("k{}", (step - 1) % 3), 4, 0, "!"))),
        2 => client.live(server, 150),
        3 => drop(client.mutate(Mutation::merge(at(&format!("k{}", step % 3)), &format!(r#"{{"n":{step}}}"#)).unwrap())),
        _ => client.live(server, 1_500),
    };
    for crash_at in 0..40 {
        let mut server = Server::new();
        let mut client = Client::with(small(), Disk::default(), 1);
        let mut durable: Vec<MutationId> = Vec::new();
        for step in 0..40 {
            script(&mut client, &mut server, step);
            client.turn();
            if step == crash_at {
                durable = client
                    .notices
                    .iter()
                    .filter_map(|notice| if let Notice::Durable { mutations, .. } = notice { Some(mutations.clone()) } else { None })
                    .flatten()
                    .collect();
                let disk = client.disk.clone();
                client = Client::with(small(), disk, 900 + u64::from(step));
            }
        }
        client.live(&mut server, 120_000);
        for key in ["k0", "k1", "k2"] {
            client.ask(Ask::Load { addresses: vec![at(key)] });
            assert_eq!(client.view(key), server.document(key), "crash at {crash_at}, {key}");
        }
        assert_eq!((client.status().pending_mutations, client.status().inbox), (0, 0), "crash at {crash_at}, {durable:?}");
    }
}

#[test]
fn a_large_commit_of_bases_writes_pages_directly() {
    let mut server = Server::new();
    let mut writer = Client::open(Disk::default(), 50);
    for n in 0..300 {
        writer.mutate(put(&format!("k{n}"), &format!(r#"{{"n":{n},"pad":"{}"}}"#, "x".repeat(300)))).unwrap();
    }
    writer.live(&mut server, 100);
    let mut client = Client::open(Disk::default(), 1);
    client.live(&mut server, 100);
    assert!(!client.disk.pages.is_empty() && client.disk.directory.is_none(), "not folded yet");
    let mut client = client.crash();
    client.ask(Ask::Load { addresses: vec![at("k299")] });
    assert_eq!(client.view("k299").unwrap()["n"], 299);
    client.live(&mut server, 3_000);
    let mut client = client.crash();
    client.ask(Ask::Load { addresses: vec![at("k0")] });
    assert_eq!(client.view("k0").unwrap()["n"], 0);
}

#[test]
fn s1_when_the_store_is_full_the_app_is_told_and_nothing_is_lost() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.live(&mut server, 10);
    client.storing = false;
    let id = client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.turn();
    let write = client.writes.pop_front().unwrap();
    client.tell(Input::WriteFailed { write: write.write, why: StoreFailure::Quota });
    client.turn();
    assert!(
        client
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::Durable { mutations, durability: Durability::Memory } if mutations.contains(&id)))
    );
    assert_eq!((client.status().storage, client.status().error.map(|error| error.code)), (StorageKind::Memory, Some(Code::QuotaExceeded)));
    client.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({"n":1})));
    client.mutate(put("l", "1")).unwrap();
    client.live(&mut server, 1_000);
    assert_eq!((server.document("l"), client.writes.len()), (Some(json!(1)), 0));
}

#[test]
fn an_aborted_transaction_is_tried_again_in_order() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.live(&mut server, 10);
    client.storing = false;
    client.mutate(put("k", r#"{"t":"a"}"#)).unwrap();
    client.turn();
    client.mutate(splice("k", 1, 0, "b")).unwrap();
    for _ in 0..3 {
        let write = client.writes.pop_front().expect("it is tried again");
        client.tell(Input::WriteFailed { write: write.write, why: StoreFailure::Aborted { why: "busy".into() } });
        client.pass(800);
    }
    client.storing = true;
    client.store();
    client.live(&mut server, 1_000);
    assert_eq!((server.document("k"), client.status().storage), (Some(json!({"t":"ab"})), StorageKind::IndexedDb));
}

#[test]
fn a_page_that_could_not_be_read_once_is_read_again() {
    let mut server = Server::new();
    let mut client = Client::with(small(), Disk::default(), 1);
    client.mutate(put("k", "7")).unwrap();
    client.live(&mut server, 3_000);
    let mut client = client.crash();
    client.storing = false;
    let ask = client.ask(Ask::Load { addresses: vec![at("k")] });
    for _ in 0..3 {
        let Some(Effect::Load { load, .. }) = client.loads.pop_front() else { panic!("it is read again") };
        client.tell(Input::LoadFailed { load, why: StoreFailure::Aborted { why: "busy".into() } });
    }
    assert_eq!((client.answered(ask), client.engine.view(&at("k"))), (None, View::NotLoaded));
    client.storing = true;
    client.store();
    assert_eq!((client.answered(ask), client.view("k")), (Some(None), Some(json!(7))));
}

#[test]
fn pages_that_are_wanted_while_one_is_read_are_read_together() {
    let mut server = Server::new();
    let mut client = Client::with(small(), Disk::default(), 1);
    for n in 0..30 {
        client.mutate(put(&format!("k{n}"), &format!(r#"{{"n":{n}}}"#))).unwrap();
    }
    client.live(&mut server, 3_000);
    let mut client = client.crash();
    client.storing = false;
    let asks: Vec<_> = (0..30).map(|n| client.ask(Ask::Load { addresses: vec![at(&format!("k{n}"))] })).collect();
    let mut readings = Vec::new();
    while let Some(Effect::Load { load, what }) = client.loads.pop_front() {
        if !what.pages.is_empty() {
            readings.push(what.pages.len());
        }
        let found = client.disk.load(&what);
        client.tell(Input::Loaded { load, found });
    }
    assert!(matches!(readings[..], [1, rest] if rest > 5), "{readings:?}");
    assert!(asks.iter().all(|ask| client.answered(*ask) == Some(None)));
    assert_eq!(client.view("k29"), Some(json!({"n":29})));
}

/// A disk with `k` in a page, and on it an entry that was sent and a splice that was not.
fn pending_on_a_page(server: &mut Server) -> Disk {
    let mut client = Client::with(small(), Disk::default(), 1);
    client.mutate(put("k", r#"{"t":"text"}"#)).unwrap();
    client.live(server, 3_000);
    client.mutate(splice("k", 4, 0, " sent")).unwrap();
    client.pass(200);
    client.take_push();
    client.mutate(splice("k", 0, 0, "> ")).unwrap();
    client.turn();
    assert!(!client.disk.pages.is_empty());
    client.disk
}

#[test]
fn i5_nobody_is_asked_before_the_pages_of_what_is_pending_are_read() {
    let mut server = Server::new();
    let disk = pending_on_a_page(&mut server);
    let mut client = Client::without_a_store(small(), 2);
    client.disk = disk;
    let Some(Effect::Load { load, what }) = client.loads.pop_front() else { panic!("it reads the log") };
    client.tell(Input::Loaded { load, found: client.disk.load(&what) });
    let write = client.writes.pop_front();
    client.turn();
    for write in write.into_iter().chain(client.writes.pop_front()) {
        let position = client.disk.apply(&write).unwrap();
        client.tell(Input::Written { write: write.write, position });
    }
    client.pass(5_000);
    assert!(client.sent.is_empty(), "an answer could not be laid under what was made on it: {:?}", client.sent);
    client.storing = true;
    client.store();
    assert_eq!(client.text("k"), "> text sent");
    client.live(&mut server, 120_000);
    assert_eq!(client.view("k"), server.document("k"));
    assert_eq!((client.text("k"), client.status().inbox), ("> text sent".to_owned(), 0));
}

#[test]
fn what_the_server_told_of_waits_for_no_page() {
    let mut server = Server::new();
    let mut other = Client::open(Disk::default(), 1);
    let mut client = Client::with(small(), Disk::default(), 50);
    other.mutate(put("k", r#"{"n":1}"#)).unwrap();
    other.live(&mut server, 1_000);
    client.live(&mut server, 8_000);
    assert!(!client.disk.pages.is_empty());
    let mut client = Client::with(small(), client.disk, 51);
    client.turn();
    let (pull, call) = client.take_sent();
    client.storing = false;
    client.mutate(put("k", r#"{"n":2}"#)).unwrap();
    other.mutate(put("k", r#"{"n":3}"#)).unwrap();
    other.live(&mut server, 1_000);
    // The page is never read; all else goes its way.
    let store = |client: &mut Client| {
        client.pass(200);
        while let Some(write) = client.writes.pop_front() {
            let position = client.disk.apply(&write).unwrap();
            client.tell(Input::Written { write: write.write, position });
            client.turn();
        }
    };
    store(&mut client);
    assert!(!client.loads.is_empty() && !client.has_push());
    let reply = server.answer(&client.engine.identity(), &call);
    client.reply(pull, reply);
    store(&mut client);
    assert!(client.has_push(), "its base is known");
}

#[test]
fn s9_without_a_store_the_client_works_from_memory_and_says_so() {
    let mut server = Server::new();
    let mut fresh = Client::without_a_store(config(), 2);
    let Some(Effect::Load { load, .. }) = fresh.loads.pop_back() else { panic!() };
    fresh.tell(Input::LoadFailed { load, why: StoreFailure::Unavailable { why: "blocked".into() } });
    assert!(fresh.notices.iter().any(|notice| matches!(notice, Notice::Opened { .. })));
    assert_eq!(fresh.status().error.map(|error| error.code), Some(Code::StorageUnavailable));
    let id = fresh.mutate(put("k", "1")).unwrap();
    fresh.live(&mut server, 1_000);
    assert!(fresh.is_durable(&id) && fresh.ending(&id).is_some());
    assert_eq!(server.document("k"), Some(json!(1)));
}

/// A client that has read this disk, and waits for its first transaction.
fn reading(disk: &Disk) -> Client {
    reading_as(2, disk)
}

fn reading_as(seed: u64, disk: &Disk) -> Client {
    let mut client = Client::without_a_store(config(), seed);
    client.disk = disk.clone();
    while let Some(Effect::Load { load, what }) = client.loads.pop_front() {
        let found = client.disk.load(&what);
        client.tell(Input::Loaded { load, found });
    }
    client
}

#[test]
fn i9_i15_a_session_that_could_not_be_stored_is_not_announced() {
    let mut server = Server::new();
    let mut first = opened(&mut server);
    first.mutate(put("k", "1")).unwrap();
    first.live(&mut server, 1_000);
    // The next one cannot take the store over, and goes on in memory. What it sends is long on its way.
    let mut unstored = reading(&first.disk);
    unstored.turn();
    let write = unstored.writes.pop_front().expect("the store is taken over").write;
    unstored.tell(Input::WriteFailed { write, why: StoreFailure::Quota });
    unstored.mutate(put("late", "1")).unwrap();
    unstored.pass(100);
    let (_, _, body) = unstored.take_push();
    let late = unstored.engine.identity();
    // The one after it does, and writes the same document.
    let mut next = Client::open(first.disk.clone(), 3);
    for text in ["2", "3"] {
        next.mutate(put("late", text)).unwrap();
        next.live(&mut server, 1_000);
    }
    next.mutate(Mutation::delete(at("late"))).unwrap();
    next.live(&mut server, 1_000);
    assert_eq!(next.status().pending_mutations, 0);
    server.push(&late, &body);
    assert_eq!(server.document("late"), None, "a session that is over is fenced off");
}

#[test]
fn i9_i12_what_a_life_without_a_store_sent_late_does_not_undo_what_the_next_one_did() {
    let mut server = Server::new();
    let mut first = opened(&mut server);
    first.mutate(put("k", "1")).unwrap();
    first.live(&mut server, 1_000);
    // Two lives in a row cannot take the store over: both are parts of the first one's session.
    let unstored = |seed| {
        let mut client = reading_as(seed, &first.disk);
        client.turn();
        let write = client.writes.pop_front().expect("the store is taken over").write;
        client.tell(Input::WriteFailed { write, why: StoreFailure::Quota });
        client
    };
    let mut late = unstored(2);
    late.mutate(put("made", "1")).unwrap();
    late.pass(100);
    let (_, _, body) = late.take_push();
    let mut next = unstored(3);
    next.mutate(put("made", "2")).unwrap();
    next.live(&mut server, 1_000);
    next.mutate(Mutation::delete(at("made"))).unwrap();
    next.live(&mut server, 1_000);
    assert_eq!((next.status().pending_mutations, late.engine.identity()), (0, next.engine.identity()));
    server.push(&late.engine.identity(), &body);
    assert_eq!(server.document("made"), None, "it was made before the delete, and comes behind it");
}

#[test]
fn i15_s10_a_session_that_the_server_has_heard_of_outlasts_a_loss_of_power() {
    // A push of what was frozen before needs no other write that would keep it.
    let mut first = Client::open(Disk::default(), 1);
    first.mutate(put("k", "1")).unwrap();
    first.pass(100);
    first.take_push();
    let mut client = reading(&first.disk);
    client.turn();
    let took_over = client.writes.front().expect("the store is taken over");
    assert!(took_over.meta.is_some() && took_over.strict);
    assert!(client.sent.is_empty(), "nothing is asked before that is stored");
    client.store();
    client.pass(100);
    assert!(client.has_push());
}

#[test]
fn s15_boot_succeeds_on_any_bytes_and_reports_what_it_cannot_read() {
    let mut server = Server::new();
    let mut client = Client::with(small(), Disk::default(), 1);
    for n in 0..6 {
        client.mutate(put(&format!("k{n}"), &format!(r#"{{"n":{n}}}"#))).unwrap();
    }
    client.live(&mut server, 8_000);
    client.tell(Input::WentOffline);
    client.mutate(put("pending", "1")).unwrap();
    client.pass(200);
    let good = client.disk.clone();
    let spots: Vec<(u8, u64, usize)> = [(0, 0, good.directory.as_ref().unwrap().len())]
        .into_iter()
        .chain(good.log.iter().map(|(position, bytes)| (1, *position, bytes.len())))
        .chain(good.pages.iter().map(|(page, bytes)| (2, u64::from(*page), bytes.len())))
        .flat_map(|(part, name, length)| (0..length).step_by(7).map(move |at| (part, name, at)))
        .collect();
    for (part, name, byte) in spots {
        let mut disk = good.clone();
        let bytes = match part {
            0 => disk.directory.as_mut().unwrap(),
            1 => disk.log.get_mut(&name).unwrap(),
            _ => disk.pages.get_mut(&(name as u32)).unwrap(),
        };
        bytes[byte] ^= 0x55;
        let mut client = Client::with(small(), disk, 77);
        client.live(&mut server, 20_000);
        for n in 0..6 {
            client.ask(Ask::Load { addresses: vec![at(&format!("k{n}"))] });
            client.live(&mut server, 6_000);
            assert_eq!(client.view(&format!("k{n}")), Some(json!({"n":n})), "part {part} {name}, byte {byte}");
        }
        assert!(
            client.notices.iter().any(|notice| matches!(notice, Notice::Troubled { error } if error.code == Code::StorageCorrupt)),
            "part {part} {name}, byte {byte}"
        );
        assert!(client.mutate(put("more", "1")).is_ok());
    }
}

#[test]
fn a_record_of_a_later_build_survives_folding() {
    let mut server = Server::new();
    let mut client = Client::with(small(), Disk::default(), 1);
    client.live(&mut server, 10);
    let mut later = Vec::new();
    record::encode(&mut later, Kind::Event, 0, r#"{"id":"from a later build"}"#, "[]");
    let mut disk = client.disk.clone();
    disk.last += 1;
    disk.log.insert(disk.last, later.clone());
    let mut client = Client::with(small(), disk, 2);
    client.mutate(put("k", "1")).unwrap();
    client.live(&mut server, 5_000);
    assert!(client.disk.meta.as_ref().unwrap().folded_to > 0);
    assert!(client.disk.log.values().any(|commit| *commit == later));
}

#[test]
fn s8_a_later_builds_store_is_refused_and_left_alone() {
    let mut client = Client::open(Disk::default(), 1);
    client.turn();
    let mut disk = client.disk.clone();
    disk.meta.as_mut().unwrap().versions.layout = 2;
    let mut client = Client::open(disk.clone(), 2);
    assert!(client.notices.iter().any(|notice| matches!(notice, Notice::OpenFailed { error } if error.code == Code::VersionTooNew)));
    assert_eq!(client.mutate(put("k", "1")).unwrap_err().code, Code::Closed);
    assert!(client.disk.log == disk.log && client.disk.meta == disk.meta);
}

#[test]
fn p6_what_is_in_a_page_and_does_not_come_again_is_gone_too() {
    let mut server = Server::new();
    let mut client = Client::with(small(), Disk::default(), 1);
    for n in 0..6 {
        client.mutate(put(&format!("k{n}"), &format!(r#"{{"n":{n}}}"#))).unwrap();
    }
    client.live(&mut server, 3_000);
    let mut client = client.crash();
    client.turn();
    assert_eq!(client.engine.view(&at("k3")), View::NotLoaded);
    let (request, call) = client.take_sent();
    let syncline::protocol::Call::Pull { request: echo, .. } = call else { panic!("a pull: {call:?}") };
    let only = r#"{"collection":"c","key":"k1","version":"g2.1","seq":1,"value":"kept"}"#;
    let reply = json!({"generation": "g2", "scope": config().scope, "request": echo, "cursor": "1", "more": false, "reset": true});
    let text = reply.to_string().replace(r#""cursor""#, &format!(r#""changes":[{only}],"cursor""#));
    client.reply(request, crate::harness::json(200, &text));
    for _ in 0..2 {
        for (n, left) in [(0, None), (1, Some(json!("kept"))), (5, None)] {
            client.ask(Ask::Load { addresses: vec![at(&format!("k{n}"))] });
            assert_eq!(client.view(&format!("k{n}")), left, "k{n}");
        }
        client.pass(5_000);
        client = client.crash();
    }
}

#[test]
fn s15_records_that_are_whole_but_make_no_sense_are_set_aside_and_said() {
    let mut server = Server::new();
    let mut client = Client::with(small(), Disk::default(), 1);
    client.mutate(put("k", "7")).unwrap();
    client.live(&mut server, 3_000);
    let id = MutationId("018bcfe5-699a-7e7e-918c-79c715d575d0".into());
    let mutation = syncline::engine::header::mutation(&id, WALL, &config().scope, &[at("k")], &Collections::default(), &None, None);
    let before = syncline::engine::header::before(&id, 0, &syncline::protocol::Pointer::parse("/t").unwrap(), false);
    let senseless: [(Kind, &str, &str, bool); 4] = [
        (Kind::Directory, "{}", "[]", true),
        (Kind::Mutation, &mutation, "[]", true),
        (Kind::Mutation, &mutation, r#"[{"op":"dance"}]"#, true),
        // A text of a write that has ended is no more than old.
        (Kind::Before, &before, r#""text""#, false),
    ];
    for (kind, header, body, is_said) in senseless {
        let mut disk = client.disk.clone();
        let mut bytes = Vec::new();
        record::encode(&mut bytes, kind, 0, header, body);
        disk.last += 1;
        disk.log.insert(disk.last, bytes);
        let mut next = Client::with(small(), disk, 2);
        let said = next.notices.iter().any(|notice| matches!(notice, Notice::Troubled { error } if error.code == Code::StorageCorrupt));
        assert_eq!((said, next.status().pending_mutations), (is_said, 0), "{kind:?}");
        next.ask(Ask::Load { addresses: vec![at("k")] });
        assert_eq!(next.view("k"), Some(json!(7)));
    }
    let mut disk = client.disk.clone();
    let page = disk.pages.values_mut().next().expect("a page");
    record::encode(page, Kind::Cancel, 9, &syncline::engine::header::cancel(&id), "");
    let mut next = Client::with(small(), disk, 2);
    next.ask(Ask::Load { addresses: vec![at("k")] });
    assert!(next.notices.iter().any(|notice| matches!(notice, Notice::Troubled { error } if error.code == Code::StorageCorrupt)));
    assert_eq!(next.view("k"), Some(json!(7)), "what does belong there is read");
}

#[test]
fn a_page_that_is_lost_while_a_pull_is_on_its_way_is_pulled_again() {
    let mut server = Server::new();
    let mut client = Client::with(small(), Disk::default(), 1);
    client.mutate(put("k", "7")).unwrap();
    client.live(&mut server, 8_000);
    let mut client = client.crash();
    client.turn();
    assert_eq!(client.sent.len(), 1, "it asks what came after what it has");
    client.storing = false;
    let ask = client.ask(Ask::Load { addresses: vec![at("k")] });
    let Some(Effect::Load { load, .. }) = client.loads.pop_front() else { panic!("it reads the page") };
    client.tell(Input::LoadFailed { load, why: StoreFailure::Unavailable { why: "closed".into() } });
    assert_eq!(client.answered(ask), Some(None), "it need not be waited for");
    client.tell(Input::LoadFailed { load, why: StoreFailure::Unavailable { why: "once more".into() } });
    client.storing = true;
    client.live(&mut server, 1_000);
    assert_eq!(client.view("k"), Some(json!(7)));
}

/// A client of two feeds, each with a document in a page, over again.
fn of_two_feeds() -> Client {
    let two = Config { feeds: vec!["a".into(), "b".into()], ..small() };
    let mut client = Client::with(two.clone(), Disk::default(), 1);
    client.turn();
    answer_feeds(&mut client, &[("a", "g1", "ka", false), ("b", "g1", "kb", false)]);
    client.pass(3_000);
    assert!(!client.disk.pages.is_empty());
    let mut client = Client::with(two, client.disk, 2);
    client.turn();
    assert_eq!((client.engine.view(&at("ka")), client.engine.view(&at("kb"))), (View::NotLoaded, View::NotLoaded));
    client
}

/// Answers the pull of each of these feeds, once: generation, the one document in the page if any, and whether it begins anew.
fn answer_feeds(client: &mut Client, pages: &[(&str, &str, &str, bool)]) {
    for (name, generation, key, reset) in pages {
        let is_of = |call: &syncline::protocol::Call| matches!(call, syncline::protocol::Call::Pull { feed, .. } if feed == name);
        let place = client.sent.iter().position(|(_, call)| is_of(call)).expect("a pull of the feed");
        let Some((request, syncline::protocol::Call::Pull { request: echo, .. })) = client.sent.remove(place) else { unreachable!() };
        let change = json!({"collection": "c", "key": key, "version": format!("{generation}.1"), "seq": 1, "value": *generation});
        let changes: Vec<_> = Some(change).into_iter().filter(|_| !key.is_empty()).collect();
        let page = json!({"generation": generation, "scope": config().scope, "request": echo, "changes": changes, "cursor": "1", "more": false, "reset": reset});
        client.reply(request, crate::harness::json(200, &page.to_string()));
    }
}

fn loaded(client: &mut Client, key: &str) -> Option<serde_json::Value> {
    client.ask(Ask::Load { addresses: vec![at(key)] });
    client.view(key)
}

#[test]
fn p6_one_of_two_feeds_that_begins_again_takes_nothing_of_the_other_away() {
    let mut client = of_two_feeds();
    answer_feeds(&mut client, &[("a", "g1", "", true), ("b", "g1", "", false)]);
    assert_eq!(loaded(&mut client, "kb"), Some(json!("g1")), "nobody said that it is gone");
}

#[test]
fn p6_what_no_feed_of_a_restored_server_brings_is_gone() {
    for loads in [false, true] {
        let mut client = of_two_feeds();
        if loads {
            assert_eq!((loaded(&mut client, "ka"), loaded(&mut client, "kb")), (Some(json!("g1")), Some(json!("g1"))));
        }
        answer_feeds(&mut client, &[("a", "g2", "", true)]);
        // What was asked of the server as it was is asked again.
        answer_feeds(&mut client, &[("b", "g2", "", false)]);
        client.pass(1_000);
        answer_feeds(&mut client, &[("b", "g2", "kb", false)]);
        assert_eq!((loaded(&mut client, "ka"), loaded(&mut client, "kb")), (None, Some(json!("g2"))), "loaded: {loads}");
    }
}
