//! Everything is pulled again, and meanwhile answers tell of documents: what no page brings is gone at the end, though a write of it
//! was acknowledged on the way (fault P6).

use serde_json::json;
use syncline::engine::ident::{MutationId, RequestId};
use syncline::engine::input::{Ask, Reply};
use syncline::engine::notice::Ending;
use syncline::protocol::Call;

use crate::harness::*;

/// An answer of the server.
fn said(members: &str) -> Reply {
    json(200, &format!(r#"{{"generation":"g1","scope":"{}",{members}}}"#, config().scope))
}

/// The pull that is on its way, or soon is.
fn take_pull(client: &mut Client) -> (RequestId, String, Option<String>) {
    client.pass(2_000);
    let at = client.sent.iter().position(|(_, call)| matches!(call, Call::Pull { .. })).expect("a pull");
    let Some((request, Call::Pull { request: echo, cursor, .. })) = client.sent.remove(at) else { unreachable!("found above") };
    (request, echo, cursor)
}

/// It is answered with these members.
fn page(client: &mut Client, members: &str) {
    let (request, echo, _) = take_pull(client);
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.c",{members}"#)));
}

/// A client that made a document, whose push has had no answer, and whose feed begins again. What the push asked for, and who.
fn beginning_again() -> (Client, RequestId, MutationId) {
    let mut client = opened(&mut Server::new());
    client.ask(Ask::Pull);
    page(&mut client, r#""changes":[],"more":false"#);
    let id = client.mutate(put("k", r#"{"t":"mine"}"#)).unwrap();
    client.pass(100);
    let (push, ..) = client.take_push();
    client.ask(Ask::Pull);
    let (request, ..) = take_pull(&mut client);
    client.reply(request, json(410, ""));
    (client, push, id)
}

fn acknowledged(client: &mut Client, push: RequestId, id: &MutationId) {
    client.reply(push, said(&format!(r#""outcomes":[{{"id":"{}","outcome":"ok","version":"g1.5","seq":5}}]"#, id.0)));
    assert!(matches!(client.ending(id), Some(Ending::Applied { .. })));
}

#[test]
fn p6_what_a_page_says_was_applied_and_no_page_brings_is_gone_when_all_was_pulled_again() {
    let (mut client, _, id) = beginning_again();
    page(&mut client, &format!(r#""changes":[],"more":true,"applied":[{{"id":"{}","version":"g1.5","seq":5}}]"#, id.0));
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})), "a later page may bring it");
    page(&mut client, r#""changes":[],"more":false"#);
    assert_eq!(client.view("k"), None, "somebody has deleted it, and the server has forgotten that");
}

#[test]
fn p6_what_is_acknowledged_while_all_is_pulled_again_stays_until_a_pull_that_is_asked_after_that() {
    let (mut client, push, id) = beginning_again();
    let (request, echo, cursor) = take_pull(&mut client);
    assert_eq!(cursor, None);
    acknowledged(&mut client, push, &id);
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.c","changes":[],"more":false"#)));
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})), "it may have been carried out after that answer was made");
    let (request, echo, cursor) = take_pull(&mut client);
    assert_eq!(cursor.as_deref(), Some("g1.c"), "nothing is pulled twice");
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.d","changes":[],"more":false"#)));
    assert_eq!(client.view("k"), None);
}

#[test]
fn p6_what_is_acknowledged_while_all_is_pulled_again_and_comes_with_the_next_pull_stays() {
    let (mut client, push, id) = beginning_again();
    let (request, echo, _) = take_pull(&mut client);
    acknowledged(&mut client, push, &id);
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.c","changes":[],"more":false"#)));
    let change = r#"{"collection":"c","key":"k","version":"g1.5","seq":5,"value":{"t":"mine"}}"#;
    page(&mut client, &format!(r#""changes":[{change}],"more":false"#));
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})));
    client.ask(Ask::Pull);
    page(&mut client, r#""changes":[],"more":false"#);
    assert_eq!(client.view("k"), Some(json!({"t":"mine"})));
}

#[test]
fn p6_what_is_acknowledged_last_keeps_nothing_that_was_acknowledged_before_the_pull_began() {
    let (mut client, push, id) = beginning_again();
    let other = client.mutate(put("other", "1")).unwrap();
    acknowledged(&mut client, push, &id);
    let (request, ..) = take_pull(&mut client);
    client.reply(request, json(503, "{}"));
    client.pass(5_000);
    let (push, ..) = client.take_push();
    let (request, echo, cursor) = take_pull(&mut client);
    assert_eq!(cursor, None);
    client.reply(push, said(&format!(r#""outcomes":[{{"id":"{}","outcome":"ok","version":"g1.8","seq":8}}]"#, other.0)));
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.c","changes":[],"more":false"#)));
    assert_eq!((client.view("k"), client.view("other")), (None, Some(json!(1))));
}

#[test]
fn p6_what_is_written_again_while_the_pull_is_on_its_way_that_tells_that_it_is_gone_stays() {
    let (mut client, push, id) = beginning_again();
    let (request, echo, _) = take_pull(&mut client);
    acknowledged(&mut client, push, &id);
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.c","changes":[],"more":false"#)));
    let (request, echo, _) = take_pull(&mut client);
    let id = client.mutate(put("k", r#"{"t":"again"}"#)).unwrap();
    client.pass(100);
    let (push, ..) = client.take_push();
    client.reply(push, said(&format!(r#""outcomes":[{{"id":"{}","outcome":"ok","version":"g1.9","seq":9}}]"#, id.0)));
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.d","changes":[],"more":false"#)));
    assert_eq!(client.view("k"), Some(json!({"t":"again"})), "it was made after that answer");
    page(&mut client, r#""changes":[],"more":false"#);
    assert_eq!(client.view("k"), None);
}

#[test]
fn p6_a_crash_before_the_pull_that_tells_pulls_all_again() {
    let (mut client, push, id) = beginning_again();
    let (request, echo, _) = take_pull(&mut client);
    acknowledged(&mut client, push, &id);
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.c","changes":[],"more":false"#)));
    let mut client = client.crash();
    let (request, echo, cursor) = take_pull(&mut client);
    assert_eq!((cursor, client.view("k")), (None, Some(json!({"t":"mine"}))));
    client.reply(request, said(&format!(r#""request":"{echo}","cursor":"g1.d","changes":[],"more":false"#)));
    assert_eq!(client.view("k"), None);
}
