//! Somebody else was there first.

use serde_json::json;
use syncline::engine::error::Code;
use syncline::engine::ident::MutationId;
use syncline::engine::input::Input;
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::Ending;
use syncline::engine::record::{self, Found, Kind};

use crate::harness::*;

/// Two clients of one user who both have the text "one two".
fn two(server: &mut Server) -> (Client, Client) {
    let mut a = Client::open(Disk::default(), 1);
    let mut b = Client::open(Disk::default(), 100);
    a.mutate(put("k", r#"{"t":"one two","n":0}"#)).unwrap();
    a.live(server, 1_000);
    b.live(server, 6_000);
    assert_eq!(b.text("k"), "one two");
    (a, b)
}

/// Two clients, of whom the second has a splice that waits, and under which the base has moved: a pull came without a push.
fn moved_under_a_splice(server: &mut Server) -> (Client, Client, MutationId) {
    let (mut a, mut b) = two(server);
    b.tell(Input::WentOffline);
    let id = b.mutate(splice("k", 7, 0, "?")).unwrap();
    b.turn();
    a.mutate(splice("k", 0, 3, "1")).unwrap();
    a.live(server, 1_000);
    b.tell(Input::WentOnline);
    b.turn();
    b.answer(server);
    b.pass(50);
    assert_eq!(b.text("k"), "1 two?");
    (a, b, id)
}

fn meet(server: &mut Server, a: &mut Client, b: &mut Client) {
    for _ in 0..3 {
        a.live(server, 6_000);
        b.live(server, 6_000);
    }
    assert_eq!(a.view("k"), b.view("k"));
    assert_eq!(a.view("k"), server.document("k"));
    assert_eq!((a.status().pending_mutations, b.status().pending_mutations), (0, 0));
}

#[test]
fn both_sides_of_a_text_are_kept() {
    let mut server = Server::new();
    let (mut a, mut b) = two(&mut server);
    a.mutate(splice("k", 3, 0, "!")).unwrap();
    let second = b.mutate(splice("k", 7, 0, "?")).unwrap();
    b.mutate(splice("k", 8, 0, "?")).unwrap();
    a.live(&mut server, 200);
    b.live(&mut server, 200);
    assert!(matches!(b.ending(&second), Some(Ending::Merged { .. })), "{:?}", b.ending(&second));
    meet(&mut server, &mut a, &mut b);
    assert_eq!(a.text("k"), "one! two??");
}

#[test]
fn where_both_wrote_remote_comes_first_and_nothing_is_dropped() {
    let mut server = Server::new();
    let (mut a, mut b) = two(&mut server);
    a.mutate(splice("k", 0, 3, "ONE")).unwrap();
    b.mutate(splice("k", 0, 3, "eins")).unwrap();
    meet(&mut server, &mut a, &mut b);
    assert_eq!(a.text("k"), "ONEeins two");
}

#[test]
fn i27_what_two_write_at_several_places_of_a_text_stays_where_it_was_written() {
    let mut server = Server::new();
    let (mut a, mut b) = two(&mut server);
    a.mutate(splice("k", 7, 0, ", three")).unwrap();
    a.mutate(splice("k", 0, 0, "zero, ")).unwrap();
    b.mutate(splice("k", 3, 1, " and ")).unwrap();
    b.mutate(splice("k", 0, 1, "O")).unwrap();
    b.mutate(splice("k", 8, 3, "2")).unwrap();
    meet(&mut server, &mut a, &mut b);
    assert_eq!(a.text("k"), "zero, One and 2, three");
}

#[test]
fn i27_a_splice_follows_its_text_though_others_write_on_both_sides_of_it() {
    let mut server = Server::new();
    let (mut a, mut b, _) = moved_under_a_splice(&mut server);
    a.mutate(splice("k", 2, 3, "two, then three")).unwrap();
    a.live(&mut server, 1_000);
    b.mutate(splice("k", 2, 0, "e\u{301} ")).unwrap();
    meet(&mut server, &mut a, &mut b);
    assert_eq!(a.text("k"), "1 e\u{301} two, then three?");
}

#[test]
fn i5_what_is_typed_on_a_merged_text_that_is_as_its_author_left_it_stays_whole() {
    let mut server = Server::new();
    let (mut client, _) = two(&mut server);
    client.tell(Input::WentOffline);
    let appended = client.mutate(Mutation::append(at("k"), "/t", r#""bc""#).unwrap()).unwrap();
    client.mutate(splice("k", 0, 7, "1a")).unwrap();
    client.mutate(splice("k", 3, 1, "")).unwrap();
    client.turn();
    assert_eq!(client.text("k"), "1ab");
    client.tell(Input::CancelAsked { mutation: appended });
    assert_eq!(client.text("k"), "1ab", "what was appended was rewritten");
    client.mutate(splice("k", 3, 0, " 2c")).unwrap();
    assert_eq!(client.text("k"), "1ab 2c");
    client.turn();
    let mut client = client.crash();
    client.live(&mut server, 10_000);
    assert_eq!((client.text("k"), client.status().pending_mutations), ("1ab 2c".to_owned(), 0));
}

#[test]
fn put_patch_and_delete_are_applied_on_top() {
    let mut server = Server::new();
    let (mut a, mut b) = two(&mut server);
    a.mutate(Mutation::merge(at("k"), r#"{"n":1,"a":true}"#).unwrap()).unwrap();
    b.mutate(Mutation::merge(at("k"), r#"{"n":2,"b":true}"#).unwrap()).unwrap();
    meet(&mut server, &mut a, &mut b);
    assert_eq!(a.view("k"), Some(json!({"t":"one two","n":2,"a":true,"b":true})));
    a.mutate(put("k", r#"{"t":"new"}"#)).unwrap();
    b.mutate(Mutation::delete(at("k"))).unwrap();
    meet(&mut server, &mut a, &mut b);
    assert_eq!(a.view("k"), None);
}

#[test]
fn a_splice_of_what_was_deleted_brings_its_text_back() {
    let mut server = Server::new();
    let (mut a, mut b) = two(&mut server);
    a.mutate(Mutation::delete(at("k"))).unwrap();
    b.mutate(splice("k", 7, 0, "!")).unwrap();
    meet(&mut server, &mut a, &mut b);
    assert_eq!(a.view("k"), Some(json!({"t":"one two!"})));
}

#[test]
fn p7_what_waits_follows_the_text_across_a_restart() {
    let mut server = Server::new();
    let (mut a, b, _) = moved_under_a_splice(&mut server);
    let mut b = b.crash();
    assert_eq!(b.text("k"), "1 two?");
    meet(&mut server, &mut a, &mut b);
    assert_eq!(a.text("k"), "1 two?");
}

/// Two clients; the second has written `?` at the end of a text, and what `more` writes, before it hears that the text has
/// moved, and has sent nothing. Both go on until they have the same.
fn moved_under(server: &mut Server, more: impl FnOnce(&mut Client, MutationId) -> Vec<MutationId>) -> (Client, Client) {
    let (mut a, mut b) = two(server);
    b.tell(Input::WentOffline);
    let first = b.mutate(splice("k", 7, 0, "?")).unwrap();
    let mut ids = more(&mut b, first.clone());
    ids.push(first);
    a.mutate(splice("k", 0, 3, "1")).unwrap();
    a.live(server, 1_000);
    b.tell(Input::WentOnline);
    let pulls: Vec<_> = std::iter::from_fn(|| b.sent.pop_front()).collect();
    for (request, call) in pulls {
        let reply = server.answer(&b.engine.identity(), &call);
        b.reply(request, reply);
    }
    assert!(!b.text("k").starts_with("one"), "the text has moved: {}", b.text("k"));
    meet(server, &mut a, &mut b);
    for id in ids {
        assert!(matches!(b.ending(&id), Some(Ending::Applied { .. })), "{:?}", b.ending(&id));
    }
    (a, b)
}

#[test]
fn a_splice_that_comes_after_the_one_before_it_goes_with_it() {
    let mut server = Server::new();
    let (mut a, _) = moved_under(&mut server, |b, first| vec![b.mutate(splice("k", 8, 0, "!").after(vec![first])).unwrap()]);
    assert_eq!(a.text("k"), "1 two?!");
}

#[test]
fn a_splice_that_also_comes_after_another_document_keeps_the_one_before_it_waiting() {
    let mut server = Server::new();
    let (mut a, _) = moved_under(&mut server, |b, first| {
        let other = b.mutate(put("l", "1")).unwrap();
        let second = b.mutate(splice("k", 8, 0, "!").after(vec![first, other.clone()])).unwrap();
        vec![other, second]
    });
    assert_eq!((a.text("k"), server.document("l")), ("1 two?!".to_owned(), Some(json!(1))));
}

#[test]
fn splices_that_wait_for_each_other_through_another_document_go_one_by_one() {
    let mut server = Server::new();
    let (mut a, _) = moved_under(&mut server, |b, first| {
        let other = b.mutate(put("l", "1").after(vec![first])).unwrap();
        let between = b.mutate(put("l", "2")).unwrap();
        let second = b.mutate(splice("k", 8, 0, "!").after(vec![between.clone()])).unwrap();
        vec![other, between, second]
    });
    assert_eq!((a.text("k"), server.document("l")), ("1 two?!".to_owned(), Some(json!(2))));
}

#[test]
fn a_follow_up_goes_before_what_was_written_later() {
    let mut server = Server::new();
    let (mut a, mut b) = two(&mut server);
    b.mutate(put("k", r#"{"t":"first"}"#)).unwrap();
    b.pass(150);
    a.mutate(Mutation::merge(at("k"), r#"{"n":5}"#).unwrap()).unwrap();
    a.live(&mut server, 1_000);
    b.mutate(Mutation::merge(at("k"), r#"{"later":1}"#).unwrap()).unwrap();
    b.answer(&mut server);
    // Its page is gone between the follow-up's record and its freezing.
    let mut b = b.crash();
    meet(&mut server, &mut a, &mut b);
    assert_eq!(a.view("k"), Some(json!({"t":"first","later":1})));
}

#[test]
fn i17_a_splice_whose_text_is_lost_with_its_record_ends_in_the_inbox_once() {
    let mut server = Server::new();
    let (_, mut b, id) = moved_under_a_splice(&mut server);
    for commit in b.disk.log.values_mut() {
        for found in record::decode(&commit.clone()) {
            if let Found::Record(record) = found
                && record.kind == Kind::Before
            {
                let body = record.body.as_bytes();
                let at = commit.windows(body.len()).position(|bytes| bytes == body).unwrap();
                commit[at] ^= 1;
            }
        }
    }
    let mut b = b.crash();
    b.live(&mut server, 10_000);
    assert!(matches!(b.ending(&id), Some(Ending::Unknown { error }) if error.code == Code::StorageCorrupt));
    assert_eq!((b.text("k"), b.status().inbox), ("1 two".to_owned(), 1));
    let kept = b
        .disk
        .log
        .values()
        .flat_map(|commit| record::decode(commit))
        .any(|found| matches!(found, Found::Record(record) if record.kind == Kind::Inbox && record.body.contains(r#""insert":"?""#)));
    assert!(kept, "what was typed is in the inbox");
    let mut b = b.crash();
    b.live(&mut server, 10_000);
    assert_eq!(b.ending(&id), None, "it has ended already");
    assert_eq!((b.text("k"), b.status().inbox, b.status().pending_mutations), ("1 two".to_owned(), 1, 0));
    assert_eq!(server.document("k").unwrap()["t"], "1 two");
}
