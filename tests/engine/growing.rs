//! Numbers, lists and texts grow in place: at once in the view, exactly at the server, and never silently lost.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Ask, Input};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice, ViewChange};
use syncline::protocol::{Call, Operation};

use crate::harness::*;

fn increment(key: &str, by: i64) -> Mutation {
    Mutation::increment(at(key), "/n", by).unwrap()
}

fn append(key: &str, path: &str, items: &str) -> Mutation {
    Mutation::append(at(key), path, items).unwrap()
}

/// What a push has: the operations of each entry, as kinds.
fn kinds(body: &str) -> Vec<Vec<String>> {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let operations = |entry: &serde_json::Value| entry["operations"].as_array().unwrap().clone();
    let kind = |operation: &serde_json::Value| operation["op"].as_str().unwrap().to_owned();
    body["entries"].as_array().unwrap().iter().map(|entry| operations(entry).iter().map(kind).collect()).collect()
}

/// Whether it, or what carries it on, ended so.
fn is_refused(client: &Client, id: &MutationId) -> bool {
    match client.ending(id) {
        Some(Ending::Merged { by, .. }) => is_refused(client, &by),
        Some(Ending::Rejected { error }) => error.message.starts_with("not_applicable"),
        _ => false,
    }
}

/// Another client of the same user writes.
fn elsewhere(server: &mut Server, key: &str, text: &str) {
    let mut other = Client::open(Disk::default(), 99);
    other.mutate(put(key, text)).unwrap();
    other.live(server, 1_000);
}

/// The client hears what is there, and no more.
fn pull(client: &mut Client, server: &mut Server) {
    client.ask(Ask::Pull);
    let (request, call) = client.take_sent();
    let reply = server.answer(&client.engine.identity(), &call);
    client.reply(request, reply);
}

#[test]
fn what_grows_is_seen_at_once_and_goes_as_one_operation() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"n":1,"l":[],"t":"a"}"#)).unwrap();
    client.live(&mut server, 1_000);
    for step in 1..=3 {
        client.mutate(increment("k", step)).unwrap();
        assert_eq!(client.view("k").unwrap()["n"], json!(1 + step * (step + 1) / 2));
    }
    for item in ["[1]", "[[2],null]", "[]"] {
        client.mutate(append("k", "/l", item)).unwrap();
    }
    client.mutate(append("k", "/t", r#""b""#)).unwrap();
    client.mutate(append("k", "/t", r#""😀""#)).unwrap();
    assert_eq!(client.view("k"), Some(json!({"n":7,"l":[1,[2],null],"t":"ab😀"})));
    client.pass(100);
    let (_, _, body) = client.take_push();
    assert_eq!(kinds(&body), [["increment", "append", "append"]]);
    client.live(&mut server, 120_000);
    assert_eq!(server.document("k"), client.view("k"));
    assert_eq!(client.status().pending_mutations, 0);
}

#[test]
fn what_does_not_fit_what_is_seen_is_refused_and_changes_nothing() {
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"n":9223372036854775807,"t":"a","d":1.0}"#)).unwrap();
    let before = client.view("k");
    for mutation in [
        increment("k", 1),
        increment("none", 1),
        Mutation::increment(at("k"), "/t", 1).unwrap(),
        Mutation::increment(at("k"), "/d", 1).unwrap(),
        Mutation::increment(at("k"), "/no/where", 1).unwrap(),
        append("k", "/t", "[1]"),
        append("k", "/n", r#""a""#),
        append("none", "", "[]"),
    ] {
        let error = client.mutate(mutation).unwrap_err();
        assert_eq!(error.code, Code::Validation);
        assert!(error.message.starts_with("there is no"), "{error}");
    }
    assert_eq!((client.view("k"), client.status().pending_mutations), (before, 1));
}

#[test]
fn a_listener_gets_the_operation_or_where_doubles_would_err_the_value() {
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"n":9007199254740990}"#)).unwrap();
    client.tell(Input::Held { addresses: vec![at("k")], held: true });
    client.notices.clear();
    for by in [2, 1, -5] {
        client.mutate(increment("k", by)).unwrap();
    }
    let changes: Vec<_> =
        client.notices.iter().filter_map(|notice| if let Notice::Changed { change, .. } = notice { Some(change) } else { None }).collect();
    let [ViewChange::Operations { operations }, ViewChange::Value { value: Some(odd) }, ViewChange::Value { .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert!(matches!(operations[0].operation, Operation::Increment { by: 2, .. }));
    assert_eq!(odd.as_str(), r#"{"n":9007199254740993}"#);
}

#[test]
fn on_a_conflict_both_have_counted() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"n":1,"l":["a"]}"#)).unwrap();
    client.live(&mut server, 1_000);
    let ids = [client.mutate(increment("k", 10)).unwrap(), client.mutate(append("k", "/l", r#"["mine"]"#)).unwrap()];
    elsewhere(&mut server, "k", r#"{"n":5,"l":["a","theirs"]}"#);
    client.live(&mut server, 1_000);
    assert!(matches!(client.ending(&ids[0]), Some(Ending::Merged { .. })));
    assert_eq!(server.document("k"), Some(json!({"n":15,"l":["a","theirs","mine"]})));
    assert_eq!(client.view("k"), server.document("k"));
}

#[test]
fn i1_where_the_place_is_gone_the_write_goes_to_the_inbox_with_all_of_its_entry() {
    for gone in ["{}", r#"{"n":"a text"}"#, "7"] {
        let mut server = Server::new();
        let mut client = Client::open(Disk::default(), 1);
        client.mutate(put("k", r#"{"n":1}"#)).unwrap();
        client.live(&mut server, 1_000);
        let count = client.mutate(increment("k", 10)).unwrap();
        let title = client.mutate(Mutation::merge(at("k"), r#"{"title":"x"}"#).unwrap()).unwrap();
        client.pass(100);
        assert!(client.has_push(), "both are one entry on its way");
        elsewhere(&mut server, "k", gone);
        client.live(&mut server, 1_000);
        for id in [&count, &title] {
            assert!(is_refused(&client, id), "{gone}: {:?}", client.ending(id));
        }
        assert_eq!(client.view("k"), server.document("k"));
        assert_eq!((client.status().inbox, client.status().pending_mutations), (1, 0));
    }
}

#[test]
fn i8_what_cannot_be_applied_any_more_takes_nothing_with_it_that_was_not_sent() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.live(&mut server, 1_000);
    let (title, count, more) = (
        client.mutate(Mutation::merge(at("k"), r#"{"title":"x"}"#).unwrap()).unwrap(),
        client.mutate(increment("k", 10)).unwrap(),
        client.mutate(Mutation::merge(at("k"), r#"{"more":"y"}"#).unwrap()).unwrap(),
    );
    // The base moves under them before they are sent.
    elsewhere(&mut server, "k", r#"{"n":null}"#);
    pull(&mut client, &mut server);
    assert_eq!(client.view("k"), Some(json!({"n":null,"title":"x","more":"y"})), "it does nothing to what is there");
    let sent = server.pushes;
    client.live(&mut server, 1_000);
    assert_eq!(server.pushes - sent, 3, "what is refused goes alone");
    assert!(is_refused(&client, &count), "{:?}", client.ending(&count));
    for id in [&title, &more] {
        assert!(matches!(client.ending(id), Some(Ending::Applied { .. })));
    }
    assert_eq!(server.document("k"), Some(json!({"n":null,"title":"x","more":"y"})));
    assert_eq!((client.view("k"), client.status().inbox), (server.document("k"), 1));
}

#[test]
fn a_document_that_is_not_in_memory_grows_when_it_comes() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.mutate(put("l", r#"{"n":"none"}"#)).unwrap();
    client.live(&mut server, 10_000);
    let mut client = Client::with(Config { compact_bytes_min: 0, ..config() }, client.disk, 2);
    client.live(&mut server, 10_000);
    assert!(!client.disk.pages.is_empty(), "the documents are in pages");
    let mut client = client.crash();
    client.storing = false;
    let counted = client.mutate(increment("k", 1)).unwrap();
    let refused = client.mutate(increment("l", 1)).unwrap();
    client.storing = true;
    client.store();
    assert_eq!((client.view("k"), client.view("l")), (Some(json!({"n":2})), Some(json!({"n":"none"}))));
    client.live(&mut server, 1_000);
    assert!(matches!(client.ending(&counted), Some(Ending::Applied { .. })));
    assert!(is_refused(&client, &refused), "{:?}", client.ending(&refused));
    assert_eq!(server.document("k"), Some(json!({"n":2})));
}

#[test]
fn what_grows_survives_a_crash_and_counts_once() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"n":1,"l":[]}"#)).unwrap();
    client.live(&mut server, 1_000);
    client.mutate(increment("k", 1)).unwrap();
    client.mutate(append("k", "/l", "[1]")).unwrap();
    client.pass(100);
    let (_, call) = client.sent.iter().find(|(_, call)| matches!(call, Call::Push { .. })).cloned().unwrap();
    // The server has it, and its answer is lost.
    server.answer(&client.engine.identity(), &call);
    let mut client = client.crash();
    assert_eq!(client.view("k"), Some(json!({"n":2,"l":[1]})));
    client.live(&mut server, 1_000);
    assert_eq!((server.document("k"), client.view("k")), (Some(json!({"n":2,"l":[1]})), Some(json!({"n":2,"l":[1]}))));
    assert_eq!(client.status().pending_mutations, 0);
}

#[test]
fn h17_writes_of_an_uncoalesced_collection_are_entries_of_their_own() {
    let mut server = Server::new();
    let mut client = Client::with(Config { uncoalesced: vec!["c".into()], ..config() }, Disk::default(), 1);
    let mut ids = vec![client.mutate(put("k", r#"{"n":1}"#)).unwrap()];
    let refused = client.mutate(Mutation::merge(at("k"), r#"{"reject":true}"#).unwrap()).unwrap();
    ids.push(client.mutate(increment("k", 1)).unwrap());
    ids.push(client.mutate(increment("k", 1)).unwrap());
    client.live(&mut server, 1_000);
    assert_eq!(server.pushes, 4);
    assert!(matches!(client.ending(&refused), Some(Ending::Rejected { .. })));
    for id in &ids {
        assert!(matches!(client.ending(id), Some(Ending::Applied { .. })), "{id}: {:?}", client.ending(id));
    }
    assert_eq!((server.document("k"), client.view("k")), (Some(json!({"n":3})), Some(json!({"n":3}))));
}

#[test]
fn h17_a_moved_run_of_an_uncoalesced_collection_stays_one_change() {
    let mut server = Server::new();
    let mut client = Client::with(Config { uncoalesced: vec!["c".into()], ..config() }, Disk::default(), 1);
    client.mutate(put("k", r#"{"t":"one two"}"#)).unwrap();
    client.live(&mut server, 1_000);
    let ids = [
        client.mutate(splice("k", 3, 0, "!")).unwrap(),
        client.mutate(splice("k", 4, 0, "!")).unwrap(),
        client.mutate(append("k", "/t", r#""...""#)).unwrap(),
    ];
    elsewhere(&mut server, "k", r#"{"t":"one two?"}"#);
    pull(&mut client, &mut server);
    let (sent, seen) = (server.pushes, client.view("k"));
    assert_eq!(seen, Some(json!({"t":"one!! two?..."})));
    client.live(&mut server, 2_000);
    assert_eq!(server.pushes - sent, 2, "the splices, and the append");
    assert!(ids.iter().all(|id| matches!(client.ending(id), Some(Ending::Applied { .. }))));
    assert_eq!((server.document("k"), client.view("k")), (seen.clone(), seen));
}

#[test]
fn i26_what_grows_in_a_group_is_refused_with_all_of_it() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    let group = |mutations: Vec<Mutation>| Mutation::group(mutations).unwrap();
    // What an earlier write of the group makes counts.
    client.mutate(group(vec![put("a", r#"{"n":5}"#), increment("a", 2), put("b", r#"{"n":1}"#)])).unwrap();
    client.live(&mut server, 1_000);
    assert_eq!(server.document("a"), Some(json!({"n":7})));
    assert_eq!(client.mutate(group(vec![increment("a", 1), increment("none", 1)])).unwrap_err().code, Code::Validation);
    assert_eq!(client.view("a"), Some(json!({"n":7})), "nothing of it was made");
    let moved = client.mutate(group(vec![increment("a", -3), increment("b", 3)])).unwrap();
    assert_eq!((client.view("a"), client.view("b")), (Some(json!({"n":4})), Some(json!({"n":4}))));
    elsewhere(&mut server, "b", r#"{"n":"closed"}"#);
    client.live(&mut server, 2_000);
    assert!(is_refused(&client, &moved), "{:?}", client.ending(&moved));
    assert_eq!((client.view("a"), client.view("b")), (Some(json!({"n":7})), Some(json!({"n":"closed"}))));
    assert_eq!((server.document("a"), client.status().inbox), (Some(json!({"n":7})), 1));
}
