//! A backend without positions: what it acknowledged stays in view until a pull shows it.

use serde_json::json;
use syncline::engine::config::{Config, Level};
use syncline::engine::input::{Ask, Input};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, ItemState, Notice};
use syncline::protocol::Call;

use crate::backend::{Backend, config, opened};
use crate::harness::{Client, at, merge, put};

fn options() -> Config {
    config(Level::B, &["put", "delete", "patch"])
}

/// A client with a document, `{"n":1}`, that has written 2 into it; the pull that left before is still on its way.
fn acknowledged(backend: &mut Backend) -> (Client, syncline::engine::ident::RequestId, syncline::engine::input::Reply) {
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(backend, options());
    // Somebody else touches the document, so that the slow answer says something of it.
    backend.write("k", Some(json!({ "n": 1, "other": true })));
    client.ask(Ask::Pull);
    let (pull, call) = client.take_sent();
    let slow = backend.answer(&call);
    let id = client.mutate(merge("k", r#"{"n":2}"#)).unwrap();
    client.pass(100);
    let (request, _, body) = client.take_push();
    // The first attempt is in conflict, the second one is not.
    let reply = backend.answer(&Call::Push { ids: Vec::new(), body, attempt: 0 });
    client.reply(request, reply);
    let Some(Ending::Merged { by, .. }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    client.pass(100);
    let (request, _, body) = client.take_push();
    let reply = backend.answer(&Call::Push { ids: Vec::new(), body, attempt: 0 });
    client.reply(request, reply);
    assert!(matches!(client.ending(&by), Some(Ending::Applied { .. })));
    (client, pull, slow)
}

fn pull(client: &mut Client, backend: &mut Backend) {
    client.ask(Ask::Pull);
    backend.live(client, 1_000);
}

/// How many records of shadows the disk would show the next start.
fn views_after_a_crash(client: Client, key: &str) -> Option<serde_json::Value> {
    client.crash_with(options()).view(key)
}

#[test]
fn b5_p8_a_pull_from_before_does_not_take_back_what_was_acknowledged() {
    let mut backend = Backend::new(true);
    let (mut client, request, slow) = acknowledged(&mut backend);
    let seen = Some(json!({ "n": 2, "other": true }));
    assert_eq!((client.view("k"), backend.document("k")), (seen.clone(), seen.clone()));
    client.notices.clear();
    client.reply(request, slow);
    assert_eq!(client.view("k"), seen, "what it brings lies below");
    pull(&mut client, &mut backend);
    assert_eq!(client.view("k"), seen);
    let changed = client.notices.iter().any(|notice| matches!(notice, Notice::Changed { .. } | Notice::Troubled { .. }));
    assert!(!changed, "{:?}", client.notices);
    // Once it is shown it covers nothing any more.
    backend.write("k", Some(json!({ "n": 9 })));
    pull(&mut client, &mut backend);
    assert_eq!(client.view("k"), Some(json!({ "n": 9 })));
}

#[test]
fn what_comes_next_is_made_on_what_was_acknowledged() {
    let mut backend = Backend::new(true);
    let (mut client, request, slow) = acknowledged(&mut backend);
    client.reply(request, slow);
    let id = client.mutate(Mutation::increment(at("k"), "/n", 1).unwrap()).unwrap();
    backend.live(&mut client, 100);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })), "the version that it made was the base: {:?}", client.ending(&id));
    assert_eq!(backend.document("k"), Some(json!({ "n": 3, "other": true })));
    // What is gone is not there for what comes next.
    client.mutate(Mutation::delete(at("k"))).unwrap();
    backend.live(&mut client, 100);
    client.mutate(put("k", "[1]")).unwrap();
    backend.live(&mut client, 100);
    assert_eq!((backend.document("k"), client.view("k")), (Some(json!([1])), Some(json!([1]))));
    pull(&mut client, &mut backend);
    assert_eq!((client.view("k"), client.status().inbox), (Some(json!([1])), 0));
}

#[test]
fn i6_what_was_acknowledged_is_seen_after_a_crash() {
    let mut backend = Backend::new(true);
    let (client, ..) = acknowledged(&mut backend);
    let mut client = client.crash_with(options());
    assert_eq!(client.view("k"), Some(json!({ "n": 2, "other": true })));
    pull(&mut client, &mut backend);
    backend.write("k", None);
    pull(&mut client, &mut backend);
    assert_eq!(client.view("k"), None, "it is shown, and no longer in the way");
    assert_eq!(views_after_a_crash(client, "k"), None);
}

#[test]
fn h2_a_conflict_says_what_is_there_whatever_was_acknowledged_before() {
    let mut backend = Backend::new(true);
    let mut client = opened(&mut backend, config(Level::B, &["put", "delete"]));
    client.mutate(put("k", r#"{"n":2}"#)).unwrap();
    backend.live(&mut client, 100);
    backend.write("k", Some(json!({ "n": 5 })));
    client.mutate(merge("k", r#"{"m":1}"#)).unwrap();
    backend.live(&mut client, 1_000);
    let both = Some(json!({ "n": 5, "m": 1 }));
    assert_eq!((backend.document("k"), client.view("k")), (both.clone(), both));
}

#[test]
fn what_was_acknowledged_is_in_sync() {
    let mut backend = Backend::new(true);
    let mut client = opened(&mut backend, options());
    client.tell(Input::ItemObserved { address: at("k"), observed: true });
    client.mutate(put("k", "1")).unwrap();
    backend.live(&mut client, 100);
    let told = client.notices.iter().rev().find_map(|notice| match notice {
        Notice::Item { status, .. } => Some(*status),
        _ => None,
    });
    let status = told.expect("a status");
    assert_eq!((status.state, status.last_sync.is_some()), (ItemState::Synced, true));
}

#[test]
fn a_version_or_an_entry_that_is_shown_ends_it_whenever_the_pull_began() {
    for by_entry in [false, true] {
        let mut backend = Backend::new(true);
        let mut client = opened(&mut backend, options());
        client.ask(Ask::Pull);
        let (request, _) = client.take_sent();
        let id = client.mutate(put("k", "1")).unwrap();
        client.pass(100);
        let (push, _, body) = client.take_push();
        let reply = backend.answer(&Call::Push { ids: Vec::new(), body, attempt: 0 });
        client.reply(push, reply);
        let named = if by_entry { format!(r#""version":"x","entryId":"{id}""#) } else { r#""version":"1""#.to_owned() };
        // The backend has made something else of it.
        let change = format!(r#"{{"collection":"c","key":"k",{named},"value":"made of it"}}"#);
        let page = format!(r#"{{"changes":[{change}],"cursor":"1","more":false}}"#);
        client.reply(request, crate::harness::json(200, &page));
        assert_eq!(client.view("k"), Some(json!("made of it")));
    }
}

#[test]
fn what_was_acknowledged_and_is_shown_by_no_pull_goes_after_30_s_with_a_notice() {
    let mut backend = Backend::new(true);
    let mut client = opened(&mut backend, options());
    client.mutate(put("k", "1")).unwrap();
    backend.live(&mut client, 100);
    backend.documents.clear();
    let goes = |client: &Client| client.notices.iter().any(|notice| matches!(notice, Notice::Troubled { .. }));
    // Without a pull nobody knows, however long that takes.
    client.pass(40_000);
    assert_eq!((client.view("k"), goes(&client)), (Some(json!(1)), false));
    pull(&mut client, &mut backend);
    assert_eq!((client.view("k"), goes(&client)), (None, true));

    client.notices.clear();
    client.mutate(put("l", "1")).unwrap();
    backend.live(&mut client, 100);
    backend.documents.clear();
    client.pass(29_000);
    pull(&mut client, &mut backend);
    assert_eq!((client.view("l"), goes(&client)), (Some(json!(1)), false), "it may still come");
    assert_eq!(views_after_a_crash(client, "l"), Some(json!(1)));
}

#[test]
fn several_in_a_row_go_when_nothing_is_seen_of_their_going() {
    let mut backend = Backend::new(true);
    backend.tells = false;
    backend.checks = false;
    let mut client = opened(&mut backend, options());
    for n in 1..=3 {
        client.mutate(put("k", &format!(r#"{{"n":{n}}}"#))).unwrap();
        backend.live(&mut client, 100);
    }
    // A copy that lags shows the second; the third is still to come.
    let page = |n: u64| {
        let change = format!(r#"{{"collection":"c","key":"k","version":"{n}","value":{{"n":{n}}}}}"#);
        crate::harness::json(200, &format!(r#"{{"changes":[{change}],"cursor":"{n}","more":false}}"#))
    };
    for (shown, seen) in [(1, 3), (2, 3), (3, 3), (8, 8)] {
        client.ask(Ask::Pull);
        let (request, _) = client.take_sent();
        client.reply(request, page(shown));
        assert_eq!(client.view("k"), Some(json!({ "n": seen })), "{shown} is shown");
    }
}

#[test]
fn i18_shadows_are_bounded_and_what_is_more_moves_the_base() {
    let mut backend = Backend::new(true);
    let mut client = opened(&mut backend, options());
    for n in 0..1_100 {
        client.mutate(put(&format!("k{n}"), "1")).unwrap();
    }
    backend.live(&mut client, 10_000);
    assert_eq!(backend.documents.len(), 1_100);
    assert_eq!((client.view("k1099"), client.view("k0")), (Some(json!(1)), Some(json!(1))));
    pull(&mut client, &mut backend);
    assert_eq!((client.view("k1099"), client.view("k0"), client.status().pending_items), (Some(json!(1)), Some(json!(1)), 0));
}
