//! Where many writes of one document wait, the oldest become one: what waits stays small, each still has its own ending, and what
//! is seen, sent and found after a restart is the same as without.

use std::collections::BTreeMap;

use syncline::engine::config::Config;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Ask, Input};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice};
use syncline::engine::record::{self, Found, Kind};
use syncline::protocol::Call;

use crate::harness::*;

/// Few are kept singly, and nothing leaves by itself.
fn few(members_max: u32) -> Config {
    Config { members_max, batch_window_ms: 1 << 40, poll_base_ms: 1 << 40, ..config() }
}

fn opened_with(server: &mut Server, config: Config) -> Client {
    let mut client = Client::with(config, Disk::default(), 1);
    client.live(server, 10);
    client
}

/// Writes one after the other, each stored before the next.
fn write(client: &mut Client, mutations: impl IntoIterator<Item = Mutation>) -> Vec<MutationId> {
    let mut ids = Vec::new();
    for mutation in mutations {
        ids.push(client.mutate(mutation).unwrap());
        client.pass(1);
    }
    ids
}

fn count(key: &str, by: i64) -> Mutation {
    Mutation::increment(at(key), "/n", by).unwrap()
}

/// Records of mutations in the log.
fn stored(client: &Client) -> usize {
    let records = client.disk.log.values().flat_map(|commit| record::decode(commit));
    records.filter(|found| matches!(found, Found::Record(record) if record.kind == Kind::Mutation)).count()
}

/// Each has ended, and once.
fn all_ended_once(client: &Client, ids: &[MutationId]) {
    let mut endings = BTreeMap::new();
    for notice in &client.notices {
        if let Notice::Settled { mutation, .. } = notice {
            *endings.entry(mutation).or_insert(0) += 1;
        }
    }
    assert!(ids.iter().all(|id| endings.get(id) == Some(&1)), "{endings:?}");
}

/// What is sent until nothing is left: how often, and how many bytes.
fn send(client: &mut Client, server: &mut Server) -> (u32, usize) {
    let (mut pushes, mut bytes) = (0, 0);
    client.ask(Ask::Push { timeout_ms: None });
    client.live_with(60_000, &mut |asker, call| {
        if let Call::Push { body, .. } = call {
            (pushes, bytes) = (pushes + 1, bytes + body.len());
        }
        server.answer(asker, call)
    });
    assert_eq!(client.status().pending_mutations, 0);
    (pushes, bytes)
}

#[test]
fn o3_ten_thousand_updates_of_one_document_are_one_request_and_little_memory() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.tell(Input::WentOffline);
    let mut ids = Vec::new();
    for n in 0..10_000 {
        ids.push(client.mutate(merge("k", &format!(r#"{{"n":{n}}}"#))).unwrap());
        client.pass(20);
    }
    assert_eq!(client.status().pending_mutations, 10_000);
    assert_eq!(client.view("k").unwrap()["n"], 9_999);
    client.pass(10_000);
    let log: usize = client.disk.log.values().map(Vec::len).sum();
    // The names of all, the records of some hundreds, and what is not yet worth a fold of the log.
    assert!(log < 10_000 * 40 + 512 * 300 + 256_000, "{log} bytes");
    let mut client = client.crash();
    assert_eq!((client.status().pending_mutations, client.view("k").unwrap()["n"].clone()), (10_000, 9_999.into()));
    let (pushes, bytes) = send(&mut client, &mut server);
    assert!(pushes <= 2 && bytes <= 700, "{pushes} requests of {bytes} bytes");
    all_ended_once(&client, &ids);
    assert_eq!((client.status().pending_bytes, server.document("k").unwrap()["n"].clone()), (0, 9_999.into()));
}

#[test]
fn i18_at_once_is_as_one_by_one() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let ids: Vec<MutationId> = (0..10_000).map(|n| client.mutate(merge("k", &format!(r#"{{"n":{n}}}"#))).unwrap()).collect();
    let (pushes, bytes) = send(&mut client, &mut server);
    assert!(pushes <= 2 && bytes <= 700, "{pushes} requests of {bytes} bytes");
    all_ended_once(&client, &ids);
}

#[test]
fn what_is_folded_cannot_be_taken_back_and_the_last_ones_can() {
    let mut server = Server::new();
    let mut client = opened_with(&mut server, few(3));
    write(&mut client, [put("k", r#"{"n":0}"#)]);
    send(&mut client, &mut server);
    let ids = write(&mut client, (0..7).map(|by| count("k", 10_i64.pow(by))));
    assert_eq!(client.view("k").unwrap()["n"], 1_111_111);
    for (at, is_single) in [(0, false), (1, false), (3, false), (5, true), (4, true)] {
        client.tell(Input::CancelAsked { mutation: ids[at].clone() });
        client.pass(1);
        assert_eq!(client.ending(&ids[at]).is_some(), is_single, "{at}");
    }
    assert_eq!(client.view("k").unwrap()["n"], 1_001_111);
    let mut client = client.crash_with(few(3));
    client.tell(Input::CancelAsked { mutation: ids[1].clone() });
    client.tell(Input::CancelAsked { mutation: ids[0].clone() });
    assert_eq!((client.view("k").unwrap()["n"].clone(), client.status().pending_mutations), (1_001_111.into(), 5));
    send(&mut client, &mut server);
    assert_eq!(server.document("k").unwrap()["n"], 1_001_111);
    assert!(ids[..4].iter().all(|id| matches!(client.ending(id), Some(Ending::Applied { .. }))));
}

#[test]
fn i1_a_crash_before_a_fold_is_stored_and_after_it_gives_the_same() {
    let mut server = Server::new();
    let mut client = opened_with(&mut server, few(2));
    write(&mut client, [put("k", r#"{"n":0}"#)]);
    send(&mut client, &mut server);
    let mut ids = write(&mut client, (0..4).map(|by| count("k", 10_i64.pow(by))));
    let before = client.disk.clone();
    client.storing = false;
    ids.push(client.mutate(count("k", 10_000)).unwrap());
    client.turn();
    let mut disks = vec![before];
    for _ in 0..2 {
        let write = client.writes.pop_front().expect("a write");
        let position = client.disk.apply(&write).unwrap();
        disks.push(client.disk.clone());
        client.tell(Input::Written { write: write.write, position });
        client.turn();
    }
    let folds = |disk: &Disk| {
        let records = disk.log.values().flat_map(|commit| record::decode(commit));
        records.filter(|found| matches!(found, Found::Record(record) if record.kind == Kind::Fold)).count()
    };
    assert_eq!(disks.iter().map(folds).collect::<Vec<_>>(), [0, 0, 1]);
    for (disk, (pending, n)) in disks.into_iter().zip([(4, 1_111), (5, 11_111), (5, 11_111)]) {
        let mut server = Server { store: server.store.clone(), ..Server::new() };
        let mut client = Client::with(few(2), disk, 7);
        assert_eq!((client.status().pending_mutations, client.view("k").unwrap()["n"].clone()), (pending, n.into()));
        send(&mut client, &mut server);
        all_ended_once(&client, &ids[..pending as usize]);
        assert_eq!(server.document("k").unwrap()["n"], n);
    }
}

#[test]
fn i17_folds_fold_again_and_the_log_forgets_what_they_replaced() {
    let mut server = Server::new();
    let config = Config { compact_bytes_min: 1, compact_idle_ms: 1, ..few(2) };
    let mut client = opened_with(&mut server, config.clone());
    let ids = write(&mut client, (0..50).map(|n| merge("k", &format!(r#"{{"n":{n}}}"#))));
    client.pass(100);
    assert!(stored(&client) <= 5, "{}", stored(&client));
    for (pending, key) in [(50, "l"), (60, "m")] {
        client = client.crash_with(config.clone());
        assert_eq!((client.status().pending_mutations, client.view("k").unwrap()["n"].clone()), (pending, 49.into()));
        write(&mut client, (0..10).map(|n| merge(key, &format!(r#"{{"n":{n}}}"#))));
    }
    assert_eq!(send(&mut client, &mut server).0, 1);
    all_ended_once(&client, &ids);
    client.pass(10_000);
    let bytes: usize = client.disk.log.values().map(Vec::len).sum();
    assert!(bytes < 3_000, "{bytes} bytes of it are left");
}

#[test]
fn i9_what_comes_after_a_folded_one_waits_for_it_and_ends_with_it() {
    let mut server = Server::new();
    let mut client = opened_with(&mut server, few(1));
    let mut ids = write(&mut client, [put("k", r#"{"n":0}"#), merge("k", r#"{"reject":true}"#)]);
    let mut after = put("other", "1");
    after.after = vec![ids[1].clone()];
    let after = client.mutate(after).unwrap();
    ids.extend(write(&mut client, (0..6).map(|n| merge("k", &format!(r#"{{"n":{n}}}"#)))));
    let mut client = client.crash_with(few(1));
    client.ask(Ask::Push { timeout_ms: None });
    client.live(&mut server, 10_000);
    assert!(ids[..2].iter().all(|id| matches!(client.ending(id), Some(Ending::Rejected { .. }))));
    assert!(matches!(client.ending(&after), Some(Ending::Rejected { .. })), "unsent");
    assert_eq!(server.document("other"), None);
    all_ended_once(&client, &ids);
}

#[test]
fn i13_what_may_not_be_composed_is_not_folded() {
    let mut server = Server::new();
    let mut client = opened_with(&mut server, Config { uncoalesced: vec!["c".into()], ..few(2) });
    write(&mut client, (0..20).map(|n| merge("k", &format!(r#"{{"n":{n}}}"#))));
    assert_eq!(stored(&client), 20, "each can be refused by itself");
    let mut client = opened_with(&mut server, few(2));
    let two = |n: i64| [count("k", n), Mutation::append(at("k"), "/l", "[1]").unwrap()];
    write(&mut client, [put("k", r#"{"n":0,"l":[]}"#)]);
    send(&mut client, &mut server);
    let before = stored(&client);
    write(&mut client, (1..11).flat_map(two));
    assert_eq!(stored(&client) - before, 20, "it would be no less");
    let group = Mutation::group(vec![merge("k", r#"{"g":1}"#), merge("other", "{}")]).unwrap();
    let ids = write(&mut client, (1..6).map(|n| count("k", n)).chain([group]).chain((1..6).map(|n| count("k", n))));
    assert_eq!(client.view("k").unwrap()["n"], 55 + 15 + 15);
    send(&mut client, &mut server);
    all_ended_once(&client, &ids);
    assert_eq!((server.document("k"), server.document("other")), (client.view("k"), Some(serde_json::json!({}))));
}

#[test]
fn p7_what_was_typed_is_merged_whether_it_was_folded_or_not() {
    let mut texts = Vec::new();
    for members_max in [2, 256] {
        let mut server = Server::new();
        let mut client = opened_with(&mut server, few(members_max));
        write(&mut client, [put("k", r#"{"t":"one two"}"#)]);
        send(&mut client, &mut server);
        write(&mut client, (0..9).map(|at| splice("k", 3 + at, 0, "!")));
        let mut other = Client::open(Disk::default(), 50);
        other.live(&mut server, 10);
        other.mutate(splice("k", 7, 0, "?")).unwrap();
        other.live(&mut server, 1_000);
        client.ask(Ask::Pull);
        client.live(&mut server, 10);
        assert_eq!(client.text("k"), "one!!!!!!!!! two?");
        write(&mut client, (0..9).map(|_| splice("k", 0, 0, "x")));
        let mut client = client.crash_with(few(members_max));
        texts.push(client.text("k"));
        send(&mut client, &mut server);
        assert_eq!(server.document("k"), client.view("k"));
    }
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn i18_an_entry_has_no_more_operations_than_a_server_takes() {
    let mut server = Server::new();
    let mut client = opened_with(&mut server, few(8));
    write(&mut client, [put("k", r#"{"n":0,"l":[]}"#)]);
    send(&mut client, &mut server);
    let one = Mutation::append(at("k"), "/l", "[1]").unwrap();
    let four = |n: i64| [count("k", n), count("k", n), one.clone(), one.clone()];
    let mut ids = Vec::new();
    for mutation in (1..=700).flat_map(four) {
        ids.push(client.mutate(mutation).unwrap());
    }
    client.pass(1);
    let mut most = 0;
    client.ask(Ask::Push { timeout_ms: None });
    client.live_with(60_000, &mut |asker, call| {
        if let Call::Push { body, .. } = call {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            let counts = body["entries"].as_array().unwrap().iter().map(|entry| entry["operations"].as_array().unwrap().len());
            most = counts.chain([most]).max().unwrap();
        }
        server.answer(asker, call)
    });
    assert!((500..=1_000).contains(&most), "{most}");
    assert!(ids.iter().all(|id| matches!(client.ending(id), Some(Ending::Applied { .. }))));
    assert_eq!(server.document("k").unwrap()["n"], 700 * 701);
}
