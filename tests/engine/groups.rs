//! Writes to several documents at once, and writes that come after others.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Input, StoreFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::Ending;
use syncline::engine::record::{self, Found, Kind};

use crate::harness::*;

/// Puts `value` under each of these keys, all or nothing.
fn group(keys: &[&str], value: &str) -> Mutation {
    Mutation::group(keys.iter().map(|key| put(key, value)).collect()).unwrap()
}

/// The entries of the next push.
fn pushed(client: &mut Client, server: &mut Server) -> Vec<String> {
    let (request, ids, body) = client.take_push();
    let reply = server.push(&client.engine.identity(), &body);
    client.reply(request, reply);
    ids
}

fn names(ids: &[&MutationId]) -> Vec<String> {
    ids.iter().map(|id| id.to_string()).collect()
}

/// How the inbox says that these ended, in the order of the log.
fn in_the_inbox(client: &Client) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for commit in client.disk.log.values() {
        for one in record::decode(commit) {
            if let Found::Record(record) = one
                && record.kind == Kind::Inbox
            {
                let header: serde_json::Value = serde_json::from_str(record.header).unwrap();
                found.push((header["entry"].as_str().unwrap().to_owned(), header["ending"].as_str().unwrap().to_owned()));
            }
        }
    }
    found
}

#[test]
fn i26_a_group_is_seen_sent_and_applied_whole() {
    let (mut client, mut server) = (Client::open(Disk::default(), 1), Server::new());
    let id = client.mutate(group(&["a", "b"], r#"{"n":1}"#)).unwrap();
    assert_eq!((client.view("a"), client.view("b")), (Some(json!({"n":1})), Some(json!({"n":1}))), "in the same turn");
    client.answer(&mut server);
    client.pass(100);
    assert_eq!(pushed(&mut client, &mut server), names(&[&id]));
    assert_eq!((server.document("a"), server.document("b")), (Some(json!({"n":1})), Some(json!({"n":1}))));
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    assert_eq!((client.status().pending_mutations, client.status().pending_items), (0, 0));
}

#[test]
fn i26_i8_a_refused_group_is_taken_back_whole() {
    let (mut client, mut server) = (Client::open(Disk::default(), 1), Server::new());
    client.mutate(put("a", r#"{"n":0}"#)).unwrap();
    client.live(&mut server, 200);
    let refused = Mutation::group(vec![put("a", r#"{"n":1}"#), put("b", r#"{"reject":true}"#)]).unwrap();
    let id = client.mutate(refused).unwrap();
    client.live(&mut server, 200);
    assert!(matches!(client.ending(&id), Some(Ending::Rejected { .. })));
    assert_eq!((client.view("a"), client.view("b")), (Some(json!({"n":0})), None));
    assert_eq!((server.document("a"), server.document("b")), (Some(json!({"n":0})), None));
    assert_eq!(in_the_inbox(&client), [(id.to_string(), "rejected".to_owned())]);
}

#[test]
fn i13_i9_a_group_waits_until_it_heads_its_documents_and_is_composed_with_nothing() {
    let (mut client, mut server) = (Client::open(Disk::default(), 1), Server::new());
    client.answer(&mut server);
    let earlier = client.mutate(put("b", "1")).unwrap();
    let both = client.mutate(group(&["a", "b"], "2")).unwrap();
    let later = client.mutate(put("a", "3")).unwrap();
    let other = client.mutate(put("c", "4")).unwrap();
    client.pass(100);
    assert_eq!(pushed(&mut client, &mut server), names(&[&earlier, &other]), "what does not depend passes");
    client.pass(100);
    assert_eq!(pushed(&mut client, &mut server), names(&[&both]));
    client.pass(100);
    assert_eq!(pushed(&mut client, &mut server), names(&[&later]));
    assert_eq!((server.document("a"), server.document("b")), (Some(json!(3)), Some(json!(2))));
}

#[test]
fn h2_i26_a_conflict_on_one_document_makes_the_whole_group_again() {
    let (mut a, mut b, mut server) = (Client::open(Disk::default(), 1), Client::open(Disk::default(), 100), Server::new());
    a.mutate(put("x", r#"{"n":1}"#)).unwrap();
    a.mutate(put("y", r#"{"n":1}"#)).unwrap();
    a.live(&mut server, 200);
    b.live(&mut server, 200);
    a.mutate(Mutation::merge(at("y"), r#"{"theirs":true}"#).unwrap()).unwrap();
    a.live(&mut server, 200);
    let merge = |key| Mutation::merge(at(key), r#"{"mine":true}"#).unwrap();
    let id = b.mutate(Mutation::group(vec![merge("x"), merge("y")]).unwrap()).unwrap();
    b.live(&mut server, 110);
    let Some(Ending::Merged { by, .. }) = b.ending(&id) else { panic!("{:?}", b.ending(&id)) };
    assert_eq!(server.document("x"), Some(json!({"n":1})), "nothing of the group is there");
    assert_eq!(b.view("y"), Some(json!({"n":1,"theirs":true,"mine":true})));
    b.live(&mut server, 200);
    assert!(matches!(b.ending(&by), Some(Ending::Applied { .. })));
    assert_eq!(server.document("x"), Some(json!({"n":1,"mine":true})));
    assert_eq!(server.document("y"), Some(json!({"n":1,"theirs":true,"mine":true})));
}

#[test]
fn n2_i28_a_group_outlives_a_crash_and_a_lost_reply() {
    let (mut client, mut server) = (Client::open(Disk::default(), 1), Server::new());
    client.answer(&mut server);
    let id = client.mutate(group(&["a", "b"], "1")).unwrap();
    client.turn();
    let mut client = client.crash();
    assert_eq!((client.view("a"), client.view("b")), (Some(json!(1)), Some(json!(1))));
    client.answer(&mut server);
    client.pass(100);
    let (_, ids, first) = client.take_push();
    server.push(&client.engine.identity(), &first);
    let mut client = client.crash();
    assert_eq!((client.view("a"), client.view("b")), (Some(json!(1)), Some(json!(1))));
    client.turn();
    let (_, again, second) = client.take_push();
    assert_eq!((ids, first), (again, second), "byte for byte");
    client.live(&mut server, 100);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })), "the pull says that it is there");
    assert_eq!((client.view("a"), client.view("b")), (Some(json!(1)), Some(json!(1))));
    assert_eq!(client.status().pending_items, 0);
}

#[test]
fn h7_a_batch_that_is_too_large_is_cut_and_a_group_in_it_is_not() {
    let (mut client, mut server) = (Client::open(Disk::default(), 1), Server::new());
    client.answer(&mut server);
    let both = client.mutate(group(&["a", "b"], "1")).unwrap();
    let other = client.mutate(put("c", "2")).unwrap();
    client.pass(100);
    let (request, ids, _) = client.take_push();
    assert_eq!(ids, names(&[&both, &other]));
    client.reply(request, json(413, "{}"));
    let (request, ids, _) = client.take_push();
    assert_eq!(ids, names(&[&both]));
    client.reply(request, json(413, "{}"));
    let Some(Ending::Rejected { error }) = client.ending(&both) else { panic!("{:?}", client.ending(&both)) };
    assert_eq!((error.code, client.view("a"), client.view("b")), (Code::TooLarge, None, None));
    client.live(&mut server, 100);
    assert!(matches!(client.ending(&other), Some(Ending::Applied { .. })));
}

#[test]
fn without_groups_at_the_server_a_group_is_refused_and_changes_nothing() {
    let mut client = Client::with(Config { groups: false, ..config() }, Disk::default(), 1);
    let fault = client.mutate(group(&["a", "b"], "1")).unwrap_err();
    assert_eq!((fault.code, client.view("a"), client.status().pending_mutations), (Code::Validation, None, 0));
    client.mutate(group(&["a", "a"], "2")).unwrap();
    assert_eq!(client.view("a"), Some(json!(2)), "several writes of one document are no group");
}

#[test]
fn i9_what_comes_after_another_write_goes_when_that_is_applied() {
    let (mut client, mut server) = (Client::open(Disk::default(), 1), Server::new());
    client.answer(&mut server);
    let first = client.mutate(put("a", "1")).unwrap();
    let second = client.mutate(put("b", "2").after(vec![first.clone()])).unwrap();
    let third = client.mutate(put("c", "3")).unwrap();
    client.pass(100);
    let (request, ids, _) = client.take_push();
    assert_eq!(ids, names(&[&first, &third]));
    client.fail(request);
    client.live(&mut server, 60_000);
    assert!(matches!(client.ending(&second), Some(Ending::Applied { .. })));
    let order = |id: &MutationId| match client.ending(id) {
        Some(Ending::Applied { version: Some(version) }) => version,
        other => panic!("{other:?}"),
    };
    assert!(order(&first) < order(&second));
}

#[test]
fn i8_what_comes_after_a_refused_write_goes_to_the_inbox_with_it() {
    let (mut client, mut server) = (Client::open(Disk::default(), 1), Server::new());
    client.answer(&mut server);
    let first = client.mutate(put("a", r#"{"reject":true}"#)).unwrap();
    let second = client.mutate(put("b", "2").after(vec![first.clone()])).unwrap();
    let third = client.mutate(put("c", "3").after(vec![second.clone()])).unwrap();
    let later = client.mutate(put("b", "4")).unwrap();
    client.pass(100);
    let before = client.disk.log.len();
    assert_eq!(pushed(&mut client, &mut server), names(&[&first]));
    assert_eq!(client.disk.log.len(), before + 1, "one commit holds all of it");
    for id in [&first, &second, &third] {
        assert!(matches!(client.ending(id), Some(Ending::Rejected { .. })), "{:?}", client.ending(id));
    }
    let ending = |id: &MutationId, ending: &str| (id.to_string(), ending.to_owned());
    assert_eq!(in_the_inbox(&client), [ending(&first, "rejected"), ending(&second, "blockedBy"), ending(&third, "blockedBy")]);
    assert_eq!((client.view("a"), client.view("b"), client.view("c")), (None, Some(json!(4)), None));
    client.live(&mut server, 200);
    assert!(matches!(client.ending(&later), Some(Ending::Applied { .. })), "the same document is no dependence");
    assert_eq!(client.mutate(put("d", "5").after(vec![first])).unwrap_err().code, Code::Rejected);
    let client = client.crash();
    assert_eq!((client.status().pending_mutations, client.status().inbox), (0, 3));
}

#[test]
fn i9_what_was_made_of_a_document_comes_after_what_is_pending_of_it() {
    let (mut client, mut server) = (Client::open(Disk::default(), 1), Server::new());
    client.answer(&mut server);
    let first = client.mutate(put("a", r#"{"reject":true}"#)).unwrap();
    let made_of_it = client.mutate(put("b", "2").reading(vec![at("a")])).unwrap();
    let made_of_nothing = client.mutate(put("c", "3").reading(vec![at("z")])).unwrap();
    client.pass(100);
    assert_eq!(pushed(&mut client, &mut server), names(&[&first, &made_of_nothing]));
    assert!(matches!(client.ending(&made_of_it), Some(Ending::Rejected { .. })));
    assert!(matches!(client.ending(&made_of_nothing), Some(Ending::Applied { .. })));
}

#[test]
fn what_comes_after_a_write_that_is_taken_back_is_blocked() {
    let mut client = Client::open(Disk::default(), 1);
    let first = client.mutate(put("a", "1")).unwrap();
    let second = client.mutate(put("b", "2").after(vec![first.clone()])).unwrap();
    client.turn();
    client.tell(Input::CancelAsked { mutation: first.clone() });
    client.turn();
    assert_eq!(client.ending(&first), Some(Ending::Cancelled));
    assert!(matches!(client.ending(&second), Some(Ending::Rejected { .. })));
    assert_eq!((client.view("b"), client.status().inbox), (None, 1));
}

#[test]
fn i9_dependences_outlive_a_crash_a_freeze_and_a_conflict() {
    let (mut a, mut b, mut server) = (Client::open(Disk::default(), 1), Client::open(Disk::default(), 100), Server::new());
    a.mutate(put("x", r#"{"n":1}"#)).unwrap();
    a.live(&mut server, 200);
    b.live(&mut server, 200);
    a.mutate(Mutation::merge(at("x"), r#"{"theirs":true}"#).unwrap()).unwrap();
    a.live(&mut server, 200);
    let merge = |text| Mutation::merge(at("x"), text).unwrap();
    let head = b.mutate(merge(r#"{"m":1}"#)).unwrap();
    let member = b.mutate(merge(r#"{"n":2}"#)).unwrap();
    let after = b.mutate(put("y", "1").after(vec![member.clone()])).unwrap();
    b.pass(100);
    let (_, ids, body) = b.take_push();
    assert_eq!(ids, names(&[&head]), "one entry holds both");
    // The reply with the conflict is lost with the tab; the next one hears of it, and dies before the follow-up is sent.
    server.push(&b.engine.identity(), &body);
    let mut b = b.crash();
    b.turn();
    assert_eq!(pushed(&mut b, &mut server), names(&[&head]));
    let Some(Ending::Merged { by, .. }) = b.ending(&member) else { panic!("{:?}", b.ending(&member)) };
    let mut b = b.crash();
    b.answer(&mut server);
    b.pass(100);
    let (request, ids, body) = b.take_push();
    assert_eq!(ids, names(&[&by]), "what waited for a member waits for what carries it on");
    let reply = server.push(&b.engine.identity(), &body);
    b.reply(request, reply);
    b.live(&mut server, 200);
    assert!(matches!(b.ending(&after), Some(Ending::Applied { .. })));
    assert_eq!(server.document("x"), Some(json!({"n":2,"theirs":true,"m":1})));
}

#[test]
fn s1_what_cannot_be_taken_back_for_good_is_not_said_to_be() {
    let mut client = Client::open(Disk::default(), 1);
    client.storing = true;
    let stored = client.mutate(put("a", "1")).unwrap();
    client.turn();
    client.storing = false;
    client.tell(Input::CancelAsked { mutation: stored.clone() });
    client.turn();
    assert_eq!((client.view("a"), client.ending(&stored)), (None, None), "gone at once, and told when it is stored");
    let write = client.writes.pop_front().expect("the cancel is on its way").write;
    client.tell(Input::WriteFailed { write, why: StoreFailure::Quota });
    let Some(Ending::Unknown { error }) = client.ending(&stored) else { panic!("{:?}", client.ending(&stored)) };
    assert_eq!(error.code, Code::StorageUnavailable);
    client.sent.clear();
    client.mutate(put("a", "2")).unwrap();
    client.pass(1_000);
    assert!(!client.has_push(), "the next start finds the first one, which goes before");
    assert_eq!(client.crash().view("a"), Some(json!(1)));
}
