//! A write is seen at once, kept when it says so, and sent when it is kept.

use serde_json::json;
use syncline::engine::error::Code;
use syncline::engine::input::Input;
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice, ViewChange};
use syncline::protocol::Address;

use crate::harness::*;

#[test]
fn i6_a_write_is_seen_in_the_same_turn() {
    let mut client = Client::open(Disk::default(), 1);
    client.storing = false;
    client.tell(Input::Held { addresses: vec![at("k")], held: true });
    client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    assert_eq!(client.view("k"), Some(json!({"n":1})));
    client.mutate(Mutation::merge(at("k"), r#"{"m":2}"#).unwrap()).unwrap();
    client.mutate(Mutation::delete(at("l"))).unwrap();
    assert_eq!(client.view("k"), Some(json!({"n":1,"m":2})));
    let changes: Vec<&ViewChange> =
        client.notices.iter().filter_map(|notice| if let Notice::Changed { change, .. } = notice { Some(change) } else { None }).collect();
    assert!(
        matches!(changes[..], [ViewChange::Value { value: None }, ViewChange::Value { value: Some(_) }, ViewChange::Operations { .. }]),
        "{changes:?}"
    );
}

#[test]
fn nothing_is_sent_before_it_is_durable() {
    let mut client = Client::open(Disk::default(), 1);
    client.pass(0);
    client.storing = false;
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(5_000);
    assert!(!client.is_durable(&id) && !client.has_push());
    client.store();
    assert!(client.is_durable(&id));
    client.pass(100);
    assert!(!client.has_push(), "its freezing is not stored yet");
    assert!(client.writes.front().is_some_and(|write| write.strict));
    client.store();
    assert!(client.has_push());
}

#[test]
fn one_turn_is_one_transaction() {
    let mut client = Client::open(Disk::default(), 1);
    client.pass(0);
    client.storing = false;
    for n in 0..500 {
        client.mutate(put(&format!("k{n}"), "{}")).unwrap();
    }
    client.turn();
    assert_eq!(client.writes.len(), 1);
}

#[test]
fn i1_a_durable_write_survives_a_crash_and_goes_out_once() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    let id = client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.turn();
    assert!(client.is_durable(&id));
    let mut client = client.crash();
    assert_eq!(client.view("k"), Some(json!({"n":1})));
    client.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({"n":1})));
    assert_eq!(client.ending(&id), Some(Ending::Applied { version: Some("g1.1".into()) }));
    let mut client = client.crash();
    client.live(&mut server, 1_000);
    assert_eq!(server.pushes, 1);
    assert_eq!((client.status().pending_mutations, client.view("k")), (0, Some(json!({"n":1}))));
}

#[test]
fn i8_a_refused_write_is_taken_back_and_kept_in_the_inbox() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.live(&mut server, 1_000);
    let refused = client.mutate(Mutation::merge(at("k"), r#"{"reject":true}"#).unwrap()).unwrap();
    client.pass(150);
    let later = client.mutate(Mutation::merge(at("k"), r#"{"m":2}"#).unwrap()).unwrap();
    client.live(&mut server, 1_000);
    let Some(Ending::Rejected { error }) = client.ending(&refused) else { panic!("{:?}", client.ending(&refused)) };
    assert_eq!(error.code, Code::Rejected);
    assert!(matches!(client.ending(&later), Some(Ending::Applied { .. })));
    assert_eq!(client.view("k"), Some(json!({"n":1,"m":2})));
    assert_eq!(server.document("k"), Some(json!({"n":1,"m":2})));
    assert_eq!(client.crash().status().inbox, 1);
}

#[test]
fn what_is_taken_back_before_it_is_sent_was_never_there() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"t":"a"}"#)).unwrap();
    let id = client.mutate(splice("k", 1, 0, "b")).unwrap();
    client.mutate(splice("k", 2, 0, "c")).unwrap();
    client.turn();
    client.tell(Input::CancelAsked { mutation: id.clone() });
    client.turn();
    assert_eq!((client.text("k"), client.ending(&id)), ("ac".into(), Some(Ending::Cancelled)));
    let mut client = client.crash();
    assert_eq!(client.text("k"), "ac");
    client.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({"t":"ac"})));
}

#[test]
fn o3_at_its_limit_the_outbox_says_so_and_changes_nothing() {
    let mut client = Client::with(syncline::engine::config::Config { outbox_entries_max: 2, ..config() }, Disk::default(), 1);
    client.mutate(put("a", "1")).unwrap();
    client.mutate(put("b", "1")).unwrap();
    assert_eq!(client.mutate(put("c", "1")).unwrap_err().code, Code::QueueFull);
    assert_eq!((client.view("c"), client.status().pending_mutations), (None, 2));
    let small = syncline::engine::config::Config { mutation_bytes_max: 100, ..config() };
    let mut client = Client::with(small, Disk::default(), 1);
    assert_eq!(client.mutate(put("a", &format!("\"{}\"", "x".repeat(100)))).unwrap_err().code, Code::TooLarge);
}

#[test]
fn a_splice_that_does_not_fit_changes_nothing() {
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("k", r#"{"t":"a😀"}"#)).unwrap();
    for (mutation, code) in [
        (splice("k", 2, 0, "x"), Code::Validation),
        (splice("k", 4, 0, "x"), Code::Validation),
        (splice("l", 0, 0, "x"), Code::Validation),
        (Mutation::splice(at("k"), "/u", 0, 0, "x").unwrap(), Code::Validation),
        (Mutation::delete(Address::of("c", "")), Code::Validation),
    ] {
        assert_eq!(client.mutate(mutation).unwrap_err().code, code);
    }
    assert_eq!((client.text("k"), client.status().pending_mutations), ("a😀".into(), 1));
}

#[test]
fn after_close_nothing_is_taken_and_nothing_happens() {
    use syncline::engine::input::Ask;
    let mut client = Client::open(Disk::default(), 1);
    client.turn();
    let id = client.mutate(put("k", "1")).unwrap();
    let ask = client.ask(Ask::Close);
    assert_eq!(client.answered(ask), Some(None));
    assert!(client.is_durable(&id), "what was staged is stored first");
    assert_eq!(client.mutate(put("k", "2")).unwrap_err().code, Code::Closed);
    assert_eq!(client.engine.deadline(), None);
    let notices = client.notices.len();
    client.tell(Input::WentOnline);
    assert_eq!(client.notices.len(), notices);
}
