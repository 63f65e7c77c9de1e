//! Backends that promise less than ours: writes are said in what they take, and end as what is known.

use serde_json::json;
use syncline::engine::config::Level;
use syncline::engine::error::Code;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Ask, Input, SendFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::Ending;
use syncline::protocol::Call;

use crate::backend::{Backend, config, opened};
use crate::harness::{Client, Server, at, json as reply_json, merge, put, splice};

const PLAIN: [&str; 2] = ["put", "delete"];

fn increment(key: &str, by: i64) -> Mutation {
    Mutation::increment(at(key), "/n", by).unwrap()
}

/// The operations of the last push that reached the backend, without their documents.
fn last_pushed(backend: &Backend) -> Vec<serde_json::Value> {
    let mut operations = backend.pushed.last().expect("a push").as_array().unwrap().clone();
    for operation in &mut operations {
        let operation = operation.as_object_mut().unwrap();
        operation.retain(|name, _| !["collection", "key", "base"].contains(&name.as_str()));
    }
    operations
}

/// The backend carries out what is sent next, and the answer is lost.
fn lose_the_answer(client: &mut Client, backend: &mut Backend) {
    client.pass(100);
    let (request, _, body) = client.take_push();
    backend.answer(&Call::Push { ids: Vec::new(), body, attempt: 0 });
    client.fail(request);
}

fn is_unknown(client: &Client, id: &MutationId) -> bool {
    matches!(client.ending(id), Some(Ending::Unknown { .. }))
}

#[test]
fn what_a_backend_does_not_take_is_said_in_the_largest_operation_that_it_does() {
    for (accepts, expected) in [
        (&PLAIN[..], json!({ "op": "put", "value": { "t": "abcd", "n": 3, "l": [1, 2], "m": 1 } })),
        (&["put", "delete", "patch"], json!({ "op": "patch", "set": { "/l": [1, 2], "/m": 1, "/n": 3, "/t": "abcd" }, "remove": [] })),
    ] {
        let mut backend = Backend::new(true);
        backend.write("k", Some(json!({ "t": "ab", "n": 1, "l": [1] })));
        let mut client = opened(&mut backend, config(Level::A, accepts));
        client.mutate(splice("k", 2, 0, "c")).unwrap();
        client.mutate(Mutation::append(at("k"), "/t", r#""d""#).unwrap()).unwrap();
        client.mutate(increment("k", 2)).unwrap();
        client.mutate(Mutation::append(at("k"), "/l", "[2]").unwrap()).unwrap();
        let id = client.mutate(merge("k", r#"{"m":1}"#)).unwrap();
        backend.live(&mut client, 100);
        assert_eq!(last_pushed(&backend), [expected]);
        assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })), "{:?}", client.ending(&id));
        assert_eq!(client.view("k"), backend.document("k"));
    }
}

#[test]
fn what_a_backend_takes_goes_as_it_is() {
    let mut backend = Backend::new(true);
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(&mut backend, config(Level::A, &["put", "delete", "increment"]));
    client.mutate(increment("k", 2)).unwrap();
    client.mutate(put("l", "[1]")).unwrap();
    backend.live(&mut client, 100);
    assert_eq!(backend.pushed.iter().map(|entry| entry[0]["op"].as_str().unwrap()).collect::<Vec<_>>(), ["increment", "put"]);
    client.mutate(Mutation::delete(at("l"))).unwrap();
    backend.live(&mut client, 100);
    assert_eq!((last_pushed(&backend), backend.document("k")), (vec![json!({ "op": "delete" })], Some(json!({ "n": 3 }))));
}

#[test]
fn at_level_b_what_grows_is_said_as_a_value_whatever_the_backend_takes() {
    let mut backend = Backend::new(true);
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(&mut backend, config(Level::B, &["put", "delete", "patch", "increment"]));
    client.mutate(increment("k", 2)).unwrap();
    backend.live(&mut client, 100);
    assert_eq!(last_pushed(&backend), [json!({ "op": "patch", "set": { "/n": 3 }, "remove": [] })]);
}

#[test]
fn what_cannot_be_said_to_a_backend_is_refused_and_kept() {
    let mut backend = Backend::new(true);
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(&mut backend, config(Level::B, &PLAIN));
    // It is a number when it is written, and none when it goes.
    let id = client.mutate(increment("k", 2)).unwrap();
    let other = client.mutate(put("l", "1")).unwrap();
    backend.write("k", Some(json!({ "n": "no number" })));
    client.ask(Ask::Pull);
    backend.live(&mut client, 200);
    let Some(Ending::Rejected { error }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    assert_eq!((error.code, client.status().inbox, client.status().pending_items), (Code::Rejected, 1, 0));
    assert!(matches!(client.ending(&other), Some(Ending::Applied { .. })));
    let client = client.crash_with(config(Level::B, &PLAIN));
    assert_eq!((client.status().inbox, client.status().pending_mutations), (1, 0), "and so it is after a crash");
}

#[test]
fn a_delete_is_refused_at_once_where_the_backend_takes_none() {
    let mut backend = Backend::new(true);
    let mut client = opened(&mut backend, config(Level::C, &["put"]));
    assert_eq!(client.mutate(Mutation::delete(at("k"))).unwrap_err().code, Code::Validation);
    assert_eq!(client.status().pending_mutations, 0);
}

#[test]
fn n2_at_level_b_a_conflict_after_a_lost_answer_may_be_our_own_write() {
    for mutation in [put("k", r#"{"n":2}"#), increment("k", 1), merge("k", r#"{"n":2}"#)] {
        let mut backend = Backend::new(true);
        backend.write("k", Some(json!({ "n": 1 })));
        let mut client = opened(&mut backend, config(Level::B, &PLAIN));
        let id = client.mutate(mutation).unwrap();
        lose_the_answer(&mut client, &mut backend);
        backend.live(&mut client, 5_000);
        assert_eq!(client.ending(&id), Some(Ending::Applied { version: Some("2".into()) }), "what it meant is there");
        assert_eq!((client.view("k"), backend.version, client.status().pending_items), (Some(json!({ "n": 2 })), 2, 0));
        client.mutate(increment("k", 1)).unwrap();
        backend.live(&mut client, 5_000);
        assert_eq!(backend.document("k"), Some(json!({ "n": 3 })), "and what comes next is made on it");
    }
}

#[test]
fn n2_at_level_b_a_conflict_that_may_be_both_says_so() {
    let mut backend = Backend::new(true);
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(&mut backend, config(Level::B, &PLAIN));
    let id = client.mutate(merge("k", r#"{"m":5}"#)).unwrap();
    lose_the_answer(&mut client, &mut backend);
    backend.write("k", Some(json!({ "n": 7, "m": 0 })));
    backend.live(&mut client, 5_000);
    let Some(Ending::Merged { by, maybe_applied: Some(true) }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    assert!(matches!(client.ending(&by), Some(Ending::Applied { .. })));
    assert_eq!(backend.document("k"), Some(json!({ "n": 7, "m": 5 })));
}

#[test]
fn i2_at_level_b_what_grows_is_never_derived_again_in_doubt() {
    let mut backend = Backend::new(true);
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(&mut backend, config(Level::B, &PLAIN));
    let id = client.mutate(increment("k", 10)).unwrap();
    lose_the_answer(&mut client, &mut backend);
    backend.write("k", Some(json!({ "n": 111 })));
    backend.live(&mut client, 5_000);
    assert!(is_unknown(&client, &id), "{:?}", client.ending(&id));
    assert_eq!((backend.document("k"), client.status().inbox), (Some(json!({ "n": 111 })), 1));
    assert_eq!(client.view("k"), backend.document("k"));
}

#[test]
fn i3_what_is_taken_for_applied_stands_at_its_own_position_and_not_at_that_of_the_refusal() {
    let mut backend = Backend::new(true);
    let mut client = opened(&mut backend, config(Level::B, &PLAIN));
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    client.fail(request);
    client.pass(1_000);
    let (request, ..) = client.take_push();
    let conflict = r#""outcome":"conflict","version":"v5","value":1,"seq":9,"valueSeq":5"#;
    client.reply(request, reply_json(200, &format!(r#"{{"outcomes":[{{"id":"{id}",{conflict}}}]}}"#)));
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })), "{:?}", client.ending(&id));
    // What somebody else made of it between the two is news.
    client.ask(Ask::Pull);
    let (request, _) = client.take_sent();
    let change = r#"{"collection":"c","key":"k","version":"v7","seq":7,"value":2}"#;
    client.reply(request, reply_json(200, &format!(r#"{{"changes":[{change}],"cursor":"x","more":false}}"#)));
    assert_eq!(client.view("k"), Some(json!(2)));
}

#[test]
fn h2_at_level_b_a_conflict_at_the_first_attempt_is_derived_again() {
    let mut backend = Backend::new(true);
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(&mut backend, config(Level::B, &PLAIN));
    let id = client.mutate(increment("k", 10)).unwrap();
    backend.write("k", Some(json!({ "n": 100 })));
    backend.live(&mut client, 5_000);
    assert!(matches!(client.ending(&id), Some(Ending::Merged { maybe_applied: None, .. })), "{:?}", client.ending(&id));
    assert_eq!((backend.document("k"), client.view("k")), (Some(json!({ "n": 110 })), Some(json!({ "n": 110 }))));
}

#[test]
fn l1_what_a_lowered_write_means_survives_a_crash() {
    let mut backend = Backend::new(true);
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(&mut backend, config(Level::B, &PLAIN));
    client.mutate(merge("k", r#"{"m":5}"#)).unwrap();
    client.pass(100);
    let (_, _, body) = client.take_push();
    assert!(body.contains(r#""op":"put""#), "{body}");
    // It never arrives, and the page is gone. Somebody else changes another member.
    let mut client = client.crash_with(config(Level::B, &PLAIN));
    assert_eq!(client.view("k"), Some(json!({ "n": 1, "m": 5 })));
    client.turn();
    let (request, _, again) = client.take_push();
    assert_eq!(again, body, "byte for byte (I28)");
    backend.write("k", Some(json!({ "n": 2 })));
    let reply = backend.answer(&Call::Push { ids: Vec::new(), body, attempt: 1 });
    client.reply(request, reply);
    backend.live(&mut client, 5_000);
    assert_eq!(backend.document("k"), Some(json!({ "n": 2, "m": 5 })), "a patch it was, and the other member stays");
}

#[test]
fn i3_without_ids_a_refusal_after_a_lost_answer_is_unknown() {
    for (level, lost, expected) in
        [(Level::C, true, "unknown"), (Level::C, false, "rejected"), (Level::B, true, "unknown"), (Level::A, true, "rejected")]
    {
        let mut backend = Backend::new(false);
        let mut client = opened(&mut backend, config(level, &PLAIN));
        let id = client.mutate(put("k", r#"{"reject":true}"#)).unwrap();
        if lost {
            lose_the_answer(&mut client, &mut backend);
        } else {
            backend.write("k", Some(json!({ "reject": true })));
        }
        backend.live(&mut client, 5_000);
        assert_eq!(client.ending(&id).map(|ending| ending.name()), Some(expected), "{level:?} {lost}");
        assert_eq!(client.status().inbox, 1);
    }
}

#[test]
fn at_level_c_what_is_sent_again_is_the_same_value() {
    let mut backend = Backend::new(false);
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(&mut backend, config(Level::C, &PLAIN));
    let id = client.mutate(increment("k", 10)).unwrap();
    lose_the_answer(&mut client, &mut backend);
    backend.live(&mut client, 5_000);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    assert_eq!((backend.document("k"), backend.pushed.len()), (Some(json!({ "n": 11 })), 2));
}

#[test]
fn at_level_c_what_was_sent_is_what_is_there_though_somebody_else_was_heard_of_meanwhile() {
    let mut backend = Backend::new(false);
    backend.write("k", Some(json!({ "n": 1 })));
    let mut client = opened(&mut backend, config(Level::C, &PLAIN));
    client.mutate(merge("k", r#"{"m":1}"#)).unwrap();
    client.pass(100);
    let (push, ids, body) = client.take_push();
    assert!(body.contains(r#"{"n":1,"m":1}"#), "{body}");
    backend.write("k", Some(json!({ "n": 2 })));
    client.ask(Ask::Pull);
    backend.live(&mut client, 100);
    assert_eq!(client.view("k"), Some(json!({ "n": 2, "m": 1 })));
    // It is behind that in the backend's log, where there is one: the whole document, as it was sent.
    let ok = format!(r#"{{"outcomes":[{{"id":"{}","outcome":"ok","version":"3","seq":3}}]}}"#, ids[0]);
    client.reply(push, reply_json(200, &ok));
    assert_eq!(client.view("k"), Some(json!({ "n": 1, "m": 1 })));
}

/// A client of our own server whose first attempt was carried out, or not, and had no answer, and whose second one is refused as
/// a whole request.
fn refused_in_doubt(server: &mut Server, is_carried_out: bool) -> (Client, MutationId) {
    let mut client = crate::harness::opened(server);
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, _, body) = client.take_push();
    if is_carried_out {
        server.push(&client.engine.identity(), &body);
    }
    client.fail(request);
    client.pass(1_000);
    let (request, ..) = client.take_push();
    client.reply(request, reply_json(403, ""));
    assert_eq!(client.ending(&id), None, "nobody knows that yet");
    (client, id)
}

#[test]
fn i3_after_a_lost_answer_a_refused_request_does_not_say_how_its_write_ended() {
    for is_carried_out in [true, false] {
        let mut server = Server::new();
        let (mut client, id) = refused_in_doubt(&mut server, is_carried_out);
        let (request, call) = client.take_sent();
        assert_eq!(call, Call::Outcome { id: id.to_string() });
        // The question may fail, too, and is asked again.
        client.tell(Input::SendFailed { request, why: SendFailure::NoAnswer });
        client.pass(2_000);
        client.answer(&mut server);
        match (is_carried_out, client.ending(&id)) {
            (true, Some(Ending::Applied { .. })) => assert_eq!(client.status().inbox, 0),
            (false, Some(Ending::Rejected { error })) => assert_eq!((error.status, client.status().inbox), (Some(403), 1)),
            (_, ending) => panic!("{ending:?}"),
        }
        assert_eq!(client.view("k").is_some(), is_carried_out);
    }
}

#[test]
fn i3_what_came_too_early_or_too_often_was_not_carried_out_and_what_failed_may_have_been() {
    for (status, is_in_doubt) in [(425, false), (429, false), (408, true), (500, true), (503, true)] {
        let mut client = crate::harness::opened(&mut Server::new());
        let id = client.mutate(put("k", "1")).unwrap();
        client.pass(100);
        let (request, ..) = client.take_push();
        client.reply(request, reply_json(status, ""));
        client.pass(2_000);
        let (request, ..) = client.take_push();
        client.reply(request, reply_json(403, ""));
        if is_in_doubt {
            assert_eq!((client.ending(&id), client.take_sent().1), (None, Call::Outcome { id: id.to_string() }), "{status}");
        } else {
            assert!(matches!(client.ending(&id), Some(Ending::Rejected { .. })), "{status}");
        }
    }
}

#[test]
fn h2_a_412_waits_for_the_pull_that_tells_what_is_there() {
    let mut server = Server::new();
    let mut client = crate::harness::opened(&mut server);
    let first = client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.live(&mut server, 100);
    assert!(matches!(client.ending(&first), Some(Ending::Applied { .. })));
    let id = client.mutate(merge("k", r#"{"m":1}"#)).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    client.sent.clear();
    let mut other = crate::harness::another(&mut server);
    other.mutate(merge("k", r#"{"n":2}"#)).unwrap();
    other.live(&mut server, 100);
    client.reply(request, reply_json(412, ""));
    assert_eq!((client.ending(&id), client.has_push()), (None, false));
    client.live(&mut server, 5_000);
    let Some(Ending::Merged { by, .. }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    assert!(matches!(client.ending(&by), Some(Ending::Applied { .. })));
    assert_eq!(server.document("k"), Some(json!({ "n": 2, "m": 1 })));

    // Where a pull says that nothing has moved, it is refused.
    let id = client.mutate(merge("k", r#"{"m":2}"#)).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    client.reply(request, reply_json(412, ""));
    client.live(&mut server, 5_000);
    let Some(Ending::Rejected { error }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    assert_eq!(error.status, Some(412));
}

#[test]
fn i3_in_doubt_a_428_is_asked_about_before_it_is_made_again() {
    let mut server = Server::new();
    let mut client = crate::harness::opened(&mut server);
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, _, body) = client.take_push();
    server.push(&client.engine.identity(), &body);
    client.fail(request);
    client.pass(1_000);
    let (request, ..) = client.take_push();
    client.reply(request, reply_json(428, ""));
    client.live(&mut server, 5_000);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })), "{:?}", client.ending(&id));
}

#[test]
fn h16_i3_an_outcome_that_may_have_been_forgotten_is_unknown() {
    let mut server = Server::new();
    server.authority.outcomes_kept = Some(1);
    let (mut client, id) = refused_in_doubt(&mut server, true);
    let mut other = crate::harness::another(&mut server);
    for n in 0..3 {
        other.mutate(put("other", &n.to_string())).unwrap();
        other.live(&mut server, 100);
    }
    client.sent.retain(|(_, call)| matches!(call, Call::Outcome { .. }));
    client.answer(&mut server);
    assert!(is_unknown(&client, &id), "{:?}", client.ending(&id));
}

#[test]
fn i3_where_nobody_says_what_became_of_it_it_is_unknown() {
    let mut server = Server::new();
    let (mut client, id) = refused_in_doubt(&mut server, true);
    let (request, _) = client.take_sent();
    client.reply(request, reply_json(404, ""));
    assert!(is_unknown(&client, &id), "{:?}", client.ending(&id));
}

#[test]
fn i3_a_question_that_waits_for_its_answer_holds_up_nobody_else() {
    let mut server = Server::new();
    let (mut client, id) = refused_in_doubt(&mut server, true);
    let (question, _) = client.take_sent();
    let other = client.mutate(put("other", "1")).unwrap();
    client.pass(100);
    client.answer(&mut server);
    assert!(matches!(client.ending(&other), Some(Ending::Applied { .. })));
    // Without an answer it is asked by the next start, after the entry was sent and refused once more.
    client.fail(question);
    let mut client = client.crash();
    client.turn();
    let (request, ids, _) = client.take_push();
    assert_eq!(ids, [id.to_string()]);
    client.reply(request, reply_json(403, ""));
    client.live(&mut server, 10_000);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })), "{:?}", client.ending(&id));
}
