//! What a server says of single entries and of whole batches, word by word, and when.

use serde_json::json;
use syncline::engine::config::{Config, TransportKind};
use syncline::engine::error::Code;
use syncline::engine::ident::{MutationId, RequestId};
use syncline::engine::input::{Ask, Reply};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice, Phase};
use syncline::protocol::Call;

use crate::harness::*;

/// An answer about a push, with these members beside who answers.
fn said(generation: &str, members: &str) -> Reply {
    json(200, &format!(r#"{{"generation":"{generation}","scope":"{}",{members}}}"#, config().scope))
}

/// An answer about one entry.
fn outcome(id: &str, members: &str) -> Reply {
    said("g1", &format!(r#""outcomes":[{{"id":"{id}",{members}}}]"#))
}

/// A page of changes for the pull that is on its way.
fn page(client: &mut Client, changes: &str) -> (RequestId, Reply) {
    let at = client.sent.iter().position(|(_, call)| matches!(call, Call::Pull { .. })).expect("a pull");
    let Some((request, Call::Pull { request: echo, .. })) = client.sent.remove(at) else { unreachable!("found above") };
    let members = format!(r#""request":"{echo}","changes":[{changes}],"cursor":"c","more":false"#);
    (request, said("g1", &members))
}

#[test]
fn h7_an_entry_that_is_too_large_and_one_that_is_expired_go_to_the_inbox() {
    let mut client = opened(&mut Server::new());
    for (word, code) in [("tooLarge", Code::TooLarge), ("expired", Code::Protocol)] {
        let id = client.mutate(put(word, "1")).unwrap();
        client.pass(100);
        let (request, ids, _) = client.take_push();
        client.reply(request, outcome(&ids[0], &format!(r#""outcome":"{word}""#)));
        match client.ending(&id) {
            Some(Ending::Rejected { error }) => assert_eq!((word, error.code), ("tooLarge", code)),
            Some(Ending::Unknown { error }) => assert_eq!((word, error.code), ("expired", code)),
            other => panic!("{word}: {other:?}"),
        }
        assert_eq!(client.view(word), None, "it is taken back");
    }
    assert_eq!((client.status().inbox, client.status().pending_mutations), (2, 0));
}

#[test]
fn h8_a_whole_batch_that_is_to_be_tried_again_waits_as_long_as_it_is_asked_to() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ids, _) = client.take_push();
    client.reply(request, said("g1", r#""outcome":"retry","afterMs":7000"#));
    client.mutate(put("other", "1")).unwrap();
    client.ask(Ask::Push { timeout_ms: None });
    client.pass(6_999);
    assert!(client.sent.is_empty(), "nobody is asked before that, for whatever: {:?}", client.sent);
    client.pass(1_001);
    let (_, again, _) = client.take_push();
    assert_eq!(again[0], ids[0], "7 s, and up to 1 s of its own");
}

#[test]
fn i26_a_conflict_of_a_group_that_names_no_document_of_it_ends_as_unknown() {
    let mut client = opened(&mut Server::new());
    let id = client.mutate(Mutation::group(vec![put("a", "1"), put("b", "1")]).unwrap()).unwrap();
    client.pass(100);
    let (request, ids, _) = client.take_push();
    client.reply(request, outcome(&ids[0], r#""outcome":"conflict","collection":"c","key":"elsewhere","version":"9","value":1"#));
    let Some(Ending::Unknown { error }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    assert_eq!((error.code, client.view("a"), client.status().inbox), (Code::Protocol, None, 1));
}

#[test]
fn h18_an_answer_from_before_a_restore_that_is_known_of_is_no_answer() {
    let mut client = opened(&mut Server::new());
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    client.ask(Ask::Pull);
    let (pull, page) = page(&mut client, "");
    let text = String::from_utf8(page.body.0.to_vec()).unwrap().replace("\"g1\"", "\"g2\"").replace("\"more\"", "\"reset\":true,\"more\"");
    client.reply(pull, json(200, &text));
    client.reply(request, outcome(&ids[0], r#""outcome":"ok","version":"g1.1","seq":1"#));
    assert_eq!(client.ending(&id), None, "what the restored server never had is not applied");
    let (request, again, same) = client.take_push();
    assert_eq!((again, same), (ids.clone(), body), "it is asked the same again");
    client.reply(request, said("g2", &format!(r#""outcomes":[{{"id":"{}","outcome":"ok","version":"g2.1","seq":1}}]"#, ids[0])));
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
}

/// A client whose push of one write of `k` is still on its way when a pull brings a change of `k`, made of the write's id.
fn pulled_before_its_answer(mutation: Mutation, change: impl FnOnce(&str) -> String) -> (Client, RequestId, MutationId) {
    let mut client = opened(&mut Server::new());
    let id = client.mutate(mutation).unwrap();
    client.pass(100);
    let (push, ..) = client.take_push();
    client.ask(Ask::Pull);
    let (pull, page) = page(&mut client, &format!(r#"{{"collection":"c","key":"k",{}}}"#, change(&id.0)));
    client.reply(pull, page);
    (client, push, id)
}

#[test]
fn p8_a_page_that_names_the_entry_of_a_change_acknowledges_it() {
    let (mut client, push, id) = pulled_before_its_answer(put("k", r#"{"n":1}"#), |id| {
        format!(r#""version":"g1.7","seq":7,"entryId":"{id}","value":{{"n":1,"by":"server"}}"#)
    });
    assert_eq!(client.ending(&id), Some(Ending::Applied { version: Some("g1.7".into()) }));
    assert_eq!(client.view("k"), Some(json!({"n":1,"by":"server"})));
    // The push's own answer comes late: it is old news, and nothing is told twice.
    client.reply(push, outcome(&id.0, r#""outcome":"ok","version":"g1.6","seq":6"#));
    assert_eq!(client.notices.iter().filter(|notice| matches!(notice, Notice::Settled { .. })).count(), 1);
    assert_eq!((client.view("k"), client.status().pending_mutations), (Some(json!({"n":1,"by":"server"})), 0));
}

#[test]
fn p8_a_page_that_names_a_group_acknowledges_it_and_brings_its_documents() {
    let mut client = opened(&mut Server::new());
    let id = client.mutate(Mutation::group(vec![put("a", "1"), put("b", "1")]).unwrap()).unwrap();
    client.pass(100);
    let (_, ids, _) = client.take_push();
    client.ask(Ask::Pull);
    let change =
        |key: &str| format!(r#"{{"collection":"c","key":"{key}","version":"g1.7","seq":7,"entryId":"{}","value":"{key} there"}}"#, ids[0]);
    let changes = [change("a"), change("b")].join(",");
    let (pull, page) = page(&mut client, &changes);
    client.reply(pull, page);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    assert_eq!((client.view("a"), client.view("b")), (Some(json!("a there")), Some(json!("b there"))));
}

#[test]
fn i10_a_late_acknowledgement_takes_no_base_back() {
    let change = |_: &str| r#""version":"g1.9","seq":9,"value":{"n":9}"#.to_owned();
    let (mut client, push, id) = pulled_before_its_answer(put("k", r#"{"n":1}"#), change);
    client.reply(push, outcome(&id.0, r#""outcome":"ok","version":"g1.3","seq":3"#));
    assert_eq!(client.view("k"), Some(json!({"n":9})), "somebody wrote after it");
}

#[test]
fn i10_a_late_conflict_where_nothing_was_takes_nothing_away_that_a_pull_has_shown() {
    let change = |_: &str| r#""version":"g1.4","seq":4,"value":{"t":2}"#.to_owned();
    let (mut client, push, id) = pulled_before_its_answer(merge("k", r#"{"n":1}"#), change);
    client.reply(push, outcome(&id.0, r#""outcome":"conflict","seq":3,"collection":"c","key":"k","value":null"#));
    assert!(matches!(client.ending(&id), Some(Ending::Merged { .. })), "{:?}", client.ending(&id));
    assert_eq!(client.view("k"), Some(json!({"t":2,"n":1})), "somebody made it after that was answered");
    client.pass(100);
    assert!(client.take_push().2.contains(r#""base":"g1.4""#), "it is made again on what was pulled");
}

#[test]
fn an_answer_that_says_what_the_document_has_become_is_believed() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.pass(100);
    let (push, ids, _) = client.take_push();
    client.reply(push, outcome(&ids[0], r#""outcome":"ok","version":"g1.3","seq":3,"value":{"n":1,"id":77}"#));
    assert_eq!(client.view("k"), Some(json!({"n":1,"id":77})));
}

#[test]
fn n17_an_answer_without_an_echo_is_none() {
    let mut client = opened(&mut Server::new());
    let ask = client.ask(Ask::Pull);
    let (request, _) = client.take_sent();
    client.reply(request, said("g1", r#""changes":[],"cursor":"c","more":false"#));
    assert_eq!(client.answered(ask).flatten().map(|error| error.code), Some(Code::Protocol));
}

#[test]
fn i20_what_is_awaited_ends_when_the_server_acts_for_somebody_else() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let awaited = client.ask(Ask::Push { timeout_ms: None });
    let (request, ids, _) = client.take_push();
    let outcomes = format!(r#"{{"generation":"g1","scope":"another","outcomes":[{{"id":"{}","outcome":"ok"}}]}}"#, ids[0]);
    client.reply(request, json(200, &outcomes));
    assert_eq!(client.answered(awaited).flatten().map(|error| error.code), Some(Code::WrongScope));
    assert_eq!((client.status().phase, client.status().pending_mutations), (Phase::Paused, 1));
}

#[test]
fn functions_of_the_app_that_say_nothing_but_the_outcome_are_believed() {
    let mut client = Client::with(Config { transport: TransportKind::Functions, ..config() }, Disk::default(), 1);
    client.turn();
    client.sent.clear();
    let id = client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.pass(100);
    let (push, ids, _) = client.take_push();
    client.reply(push, json(200, &format!(r#"{{"outcomes":[{{"id":"{}","outcome":"ok"}}]}}"#, ids[0])));
    assert_eq!(client.ending(&id), Some(Ending::Applied { version: None }));
}

#[test]
fn what_a_group_has_become_at_the_server_is_seen_though_its_own_answer_came_first() {
    let mut client = opened(&mut Server::new());
    let group = |value: &str| Mutation::group(vec![put("a", value), put("b", value)]).unwrap();
    for (seq, value) in [(7, "1"), (9, "2")] {
        client.mutate(group(value)).unwrap();
        client.pass(100);
        let (push, ids, _) = client.take_push();
        client.reply(push, outcome(&ids[0], &format!(r#""outcome":"ok","version":"g1.{seq}","seq":{seq}"#)));
        client.ask(Ask::Pull);
        let change =
            format!(r#"{{"collection":"c","key":"a","version":"g1.{seq}","seq":{seq},"entryId":"{}","value":"there {value}"}}"#, ids[0]);
        let (pull, page) = page(&mut client, &change);
        client.reply(pull, page);
        assert_eq!(
            (client.view("a"), client.view("b")),
            (Some(json!(format!("there {value}"))), Some(serde_json::from_str(value).unwrap()))
        );
    }
}
