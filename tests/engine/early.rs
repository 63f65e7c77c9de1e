//! A server that was restored acknowledges a write that was made on what this client has read since, or never: what the document
//! has become only a pull can say (fault H18).

use serde_json::json;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Ask, Reply};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::Ending;
use syncline::protocol::Call;

use crate::harness::*;

/// An answer of the server in one of its lives.
fn said(generation: &str, members: &str) -> Reply {
    json(200, &format!(r#"{{"generation":"{generation}","scope":"{}",{members}}}"#, config().scope))
}

/// The pull that is on its way, or has to be, is answered with these changes.
fn page(client: &mut Client, generation: &str, changes: &str) {
    if !client.sent.iter().any(|(_, call)| matches!(call, Call::Pull { .. })) {
        client.ask(Ask::Pull);
    }
    let at = client.sent.iter().position(|(_, call)| matches!(call, Call::Pull { .. })).expect("a pull");
    let Some((request, Call::Pull { request: echo, cursor, .. })) = client.sent.remove(at) else { unreachable!("found above") };
    let reset = cursor.is_some_and(|cursor| !cursor.starts_with(generation));
    let members = format!(r#""request":"{echo}","changes":[{changes}],"cursor":"{generation}.c","more":false,"reset":{reset}"#);
    client.reply(request, said(generation, &members));
}

fn changed(version: &str, seq: u64, value: &str) -> String {
    format!(r#"{{"collection":"c","key":"k","version":"{version}","seq":{seq},"value":{value}}}"#)
}

/// A client whose write of "k" was made on its first text, and is sent a second time: by then the client has read the second
/// text, and the server was restored to the first, and has carried the write out on that.
fn acknowledged_early(mutation: Mutation) -> (Client, MutationId) {
    let mut client = opened(&mut Server::new());
    page(&mut client, "g1", &changed("g1.5", 5, r#"{"t":"first"}"#));
    let id = client.mutate(mutation).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    client.reply(request, said("g1", r#""outcomes":[]"#));
    page(&mut client, "g1", &changed("g1.9", 9, r#"{"t":"second"}"#));
    while !client.has_push() {
        client.pass(100);
    }
    let (request, ids, _) = client.take_push();
    client.reply(request, said("g2", &format!(r#""outcomes":[{{"id":"{}","outcome":"ok","version":"g2.6","seq":6}}]"#, ids[0])));
    (client, id)
}

#[test]
fn h18_an_acknowledgement_made_on_what_was_lost_waits_for_a_pull_and_nothing_is_made_on_a_guess() {
    let (mut client, id) = acknowledged_early(merge("k", r#"{"m":1}"#));
    assert_eq!((client.ending(&id), client.view("k")), (None, Some(json!({"t":"second","m":1}))));
    client.mutate(put("k", r#"{"all":"new"}"#)).unwrap();
    client.pass(1_000);
    assert!(!client.has_push(), "on top of what nobody knows nothing is sent");
    page(&mut client, "g2", &changed("g2.6", 6, r#"{"t":"first","m":1}"#));
    assert!(matches!(client.ending(&id), Some(Ending::Applied { version: Some(version) }) if version == "g2.6"));
    client.pass(1_000);
    let (_, _, body) = client.take_push();
    assert!(body.contains(r#""base":"g2.6""#), "{body}");
}

#[test]
fn h18_an_acknowledgement_is_taken_with_the_page_that_brings_what_it_was_made_on() {
    let (mut client, id) = acknowledged_early(merge("k", r#"{"m":1}"#));
    page(&mut client, "g2", &changed("g1.5", 5, r#"{"t":"first"}"#));
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    assert_eq!(client.view("k"), Some(json!({"t":"first","m":1})));
}

#[test]
fn h18_an_acknowledgement_of_a_document_that_no_pull_brings_is_taken_when_all_was_pulled() {
    let (mut client, id) = acknowledged_early(merge("k", r#"{"m":1}"#));
    page(&mut client, "g2", "");
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    assert_eq!((client.view("k"), client.status().pending_mutations), (None, 0), "it is in no feed");
}

#[test]
fn h18_a_server_that_is_restored_once_more_is_sent_it_again() {
    let (mut client, id) = acknowledged_early(merge("k", r#"{"m":1}"#));
    page(&mut client, "g3", &changed("g1.2", 2, r#"{"t":"zero"}"#));
    page(&mut client, "g3", &changed("g1.2", 2, r#"{"t":"zero"}"#));
    assert_eq!((client.ending(&id), client.view("k")), (None, Some(json!({"t":"zero","m":1}))));
    client.pass(1_000);
    let (request, ids, _) = client.take_push();
    let conflict = r#""outcome":"conflict","collection":"c","key":"k","version":"g1.2","valueSeq":2,"value":{"t":"zero"},"seq":3"#;
    client.reply(request, said("g3", &format!(r#""outcomes":[{{"id":"{}",{conflict}}}]"#, ids[0])));
    assert!(matches!(client.ending(&id), Some(Ending::Merged { .. })));
}

#[test]
fn h18_what_makes_the_whole_document_needs_no_pull() {
    let (client, id) = acknowledged_early(put("k", r#"{"all":"new"}"#));
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
}

#[test]
fn h18_a_crash_while_an_acknowledgement_waits_sends_the_same_again() {
    let (client, id) = acknowledged_early(merge("k", r#"{"m":1}"#));
    let mut client = client.crash();
    client.pass(1_000);
    let (_, ids, body) = client.take_push();
    assert_eq!((&ids[0], body.contains(r#""base":"g1.5""#)), (&id.0.to_string(), true), "{body}");
}
