//! How writes go out: windows, batches, retries, each to the millisecond.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::input::{Bytes, Input, Reply, SendFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Phase};
use syncline::protocol::Call;

use crate::harness::*;

#[test]
fn writes_collect_for_a_window_of_100_ms() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("a", "1")).unwrap();
    client.pass(60);
    client.mutate(put("b", "1")).unwrap();
    client.pass(39);
    assert!(!client.has_push());
    client.pass(1);
    let (_, ids, _) = client.take_push();
    assert_eq!(ids.len(), 2);
}

#[test]
fn a_full_batch_does_not_wait() {
    let mut server = Server::new();
    let mut client = Client::with(Config { batch_items_max: 3, ..config() }, Disk::default(), 1);
    client.live(&mut server, 10);
    for key in ["a", "b", "c", "d"] {
        client.mutate(put(key, "1")).unwrap();
    }
    client.turn();
    assert_eq!(client.take_push().1.len(), 3);
    assert!(!client.has_push());
}

#[test]
fn i13_what_is_not_frozen_goes_as_one_entry() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", r#"{"t":"hello","n":1}"#)).unwrap();
    client.mutate(splice("k", 5, 0, "!")).unwrap();
    client.mutate(Mutation::merge(at("k"), r#"{"n":null}"#).unwrap()).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    assert_eq!(ids.len(), 1);
    assert!(body.contains(r#""operations":[{"op":"put","collection":"c","key":"k","base":null,"value":{"t":"hello!"}}]"#), "{body}");
    let reply = server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 0 });
    client.reply(request, reply);
    assert_eq!(client.status().pending_mutations, 0);
    assert_eq!(client.notices.iter().filter(|notice| matches!(notice, syncline::engine::notice::Notice::Settled { .. })).count(), 3);
}

#[test]
fn h7_what_is_composed_stays_below_what_a_server_takes() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", &format!(r#"{{"t":"{}"}}"#, "-".repeat(9_000)))).unwrap();
    client.live(&mut server, 1_000);
    client.tell(Input::WentOffline);
    let writes: Vec<_> = (0..2_001).map(|n| client.mutate(splice("k", 8_800 - 4 * n, 0, "x")).unwrap()).collect();
    client.pass(5_000);
    client.tell(Input::WentOnline);
    client.live(&mut server, 20_000);
    assert!(writes.iter().all(|id| matches!(client.ending(id), Some(Ending::Applied { .. }))));
    assert_eq!(server.document("k"), client.view("k"));
    assert!(server.pushes < 20, "and yet they go together: {}", server.pushes);
}

#[test]
fn i28_a_lost_reply_is_asked_for_again_with_the_same_bytes() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let id = client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    server.answer(&client.engine.identity(), &Call::Push { ids: ids.clone(), body: body.clone(), attempt: 0 });
    client.fail(request);
    // More is written to the key meanwhile: it waits, and the frozen entry does not change.
    client.mutate(put("k", r#"{"n":2}"#)).unwrap();
    client.turn();
    let mut client = client.crash();
    client.turn();
    let (request, again, same) = client.take_push();
    assert_eq!((again, &same), (ids.clone(), &body));
    let reply = server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 1 });
    client.reply(request, reply);
    assert_eq!(client.ending(&id), Some(Ending::Applied { version: Some("g1.1".into()) }));
    client.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({"n":2})));
    assert_eq!(client.status().pending_mutations, 0);
}

#[test]
fn i19_without_an_answer_the_link_backs_off_and_nothing_is_dropped() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    for longest in [1_000, 2_000, 5_000, 10_000, 30_000, 30_000] {
        let (request, ..) = client.take_push();
        client.fail(request);
        let wait = client.status().retry_at.expect("a wait").0 - WALL.0 - client.now.0;
        assert!(wait <= longest, "{wait} of {longest}");
        assert!(!client.has_push() || wait == 0);
        client.pass(wait.saturating_sub(1));
        assert!(!client.has_push() || wait <= 1);
        client.pass(1);
        assert!(client.has_push());
    }
    assert_eq!(client.status().pending_mutations, 1);
}

#[test]
fn h11_while_one_request_goes_at_a_time_pushes_and_pulls_take_turns() {
    for is_broken in [(|call| matches!(call, Call::Pull { .. })) as fn(&Call) -> bool, |call| matches!(call, Call::Push { .. })] {
        let mut client = Client::open(Disk::default(), 1);
        client.turn();
        client.mutate(put("k", "1")).unwrap();
        let mut answered = 0;
        for _ in 0..400 {
            while let Some((request, call)) = client.sent.pop_front() {
                if is_broken(&call) {
                    client.fail(request);
                } else {
                    // It is answered, and yet nothing is gained by it: there is always more to be asked.
                    answered += 1;
                    client.reply(request, Reply { status: 503, ..reply() });
                }
            }
            client.pass(1_000);
        }
        assert!(answered > 5, "the other half goes on: {answered}");
    }
}

fn reply() -> Reply {
    Reply { status: 200, redirected: false, headers: Default::default(), body: Bytes(Default::default()) }
}

#[test]
fn i19_an_answer_backs_off_the_entry_for_as_long_as_is_stored() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    client.reply(request, json(503, ""));
    let due = client.status().retry_at.expect("a wait").0 - WALL.0;
    assert!((client.now.0..=client.now.0 + 1_000).contains(&due), "{due}");
    let left = due - client.now.0;
    // After a restart at once, as much of the wait is left; the bytes are the same.
    let mut client = client.crash();
    client.pass(0);
    client.sent.clear();
    client.pass(1_000);
    let push = client.take_push();
    assert_eq!((push.1, push.2), (ids, body));
    assert!(left <= 1_000);
}

#[test]
fn h8_retry_after_is_obeyed_and_nothing_else_is_asked_meanwhile() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    let headers = [("retry-after", "120".into())].into();
    client.reply(request, Reply { status: 429, headers, ..Reply::default() });
    client.mutate(put("l", "1")).unwrap();
    client.tell(Input::WentOnline);
    client.sent.clear();
    client.pass(119_999);
    assert!(client.sent.is_empty());
    client.pass(1_001);
    assert!(client.has_push());
}

#[test]
fn h1_a_poisoned_entry_is_found_and_the_others_go() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let ids: Vec<_> = (0..9).map(|n| client.mutate(put(&format!("k{n}"), &n.to_string())).unwrap()).collect();
    client.pass(100);
    for _ in 0..60 {
        while let Some((request, call)) = client.sent.pop_front() {
            let poisoned = matches!(&call, Call::Push { body, .. } if body.contains(r#""value":4}"#));
            let reply = if poisoned { json(422, "{}") } else { server.answer(&client.engine.identity(), &call) };
            client.reply(request, reply);
        }
        client.pass(100);
    }
    let refused: Vec<usize> = (0..9).filter(|n| matches!(client.ending(&ids[*n]), Some(Ending::Rejected { .. }))).collect();
    assert_eq!(refused, [4]);
    assert_eq!((client.status().pending_mutations, client.status().inbox), (0, 1));
}

#[test]
fn h7_what_is_too_large_is_halved_and_alone_refused() {
    let mut client = opened(&mut Server::new());
    let ids: Vec<_> = (0..2).map(|n| client.mutate(put(&format!("k{n}"), "1")).unwrap()).collect();
    client.pass(100);
    let (request, both, _) = client.take_push();
    assert_eq!(both.len(), 2);
    client.reply(request, json(413, ""));
    let (request, one, _) = client.take_push();
    assert_eq!(one.len(), 1);
    client.reply(request, json(413, ""));
    let Some(Ending::Rejected { error }) = client.ending(&ids[0]) else { panic!() };
    assert_eq!((error.code, error.status), (Code::TooLarge, Some(413)));
    assert_eq!(client.ending(&ids[1]), None);
}

#[test]
fn h3_without_a_token_writes_queue_and_nothing_is_dropped() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    client.reply(request, json(401, ""));
    assert_eq!((client.status().phase, client.status().error.map(|error| error.code)), (Phase::NeedsAuth, Some(Code::Unauthorized)));
    client.sent.clear();
    client.pass(59_000);
    assert!(client.sent.is_empty());
    client.tell(Input::TokenGiven { present: true, expires_at: None });
    client.live(&mut server, 1_000);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
}

#[test]
fn a1_a_reply_for_another_user_is_not_believed() {
    let mut client = opened(&mut Server::new());
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ids, _) = client.take_push();
    client.reply(
        request,
        json(
            200,
            &format!(r#"{{"generation":"g1","scope":"other","outcomes":[{{"id":"{}","outcome":"ok","seq":1,"version":"1"}}]}}"#, ids[0]),
        ),
    );
    assert_eq!((client.ending(&id), client.status().phase), (None, Phase::Paused));
    assert_eq!(client.status().error.map(|error| error.code), Some(Code::WrongScope));
}

#[test]
fn n8_a_request_without_progress_is_given_up_and_its_batch_halved() {
    let mut client = opened(&mut Server::new());
    for n in 0..4 {
        client.mutate(put(&format!("k{n}"), "1")).unwrap();
    }
    client.pass(100);
    let (request, ids, body) = client.take_push();
    assert_eq!(ids.len(), 4);
    client.pass(10_000 + body.len() as u64 * 1_000 / 8_192 - 1);
    assert!(client.cancelled.is_empty());
    client.pass(1);
    assert_eq!(client.cancelled, [request]);
    assert_eq!(client.status().error.map(|error| error.code), Some(Code::Timeout));
    client.pass(1_000);
    assert_eq!(client.take_push().1.len(), 2);
}

#[test]
fn n7_progress_keeps_a_request_alive_but_not_for_ever() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    for received in 0..7 {
        assert!(client.cancelled.is_empty(), "after {received}");
        client.tell(Input::Progressed { request, received });
        client.pass(9_000);
    }
    assert_eq!(client.cancelled, [request]);
}

#[test]
fn waiting_offline_uses_no_attempt_and_ends_with_the_network() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.tell(Input::WentOffline);
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(29_000);
    assert!(client.sent.is_empty());
    assert_eq!(client.status().phase, Phase::Offline);
    client.tell(Input::WentOnline);
    client.live(&mut server, 100);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    client.tell(Input::WentOffline);
    client.pass(30_000);
    assert!(matches!(client.take_sent().1, Call::Ping), "the browser may be wrong");
}

#[test]
fn i2_a_pull_that_shows_an_entry_acknowledges_it() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let id = client.mutate(put("k", r#"{"t":"a"}"#)).unwrap();
    client.live(&mut server, 200);
    let spliced = client.mutate(splice("k", 1, 0, "b")).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 0 });
    client.ask(syncline::engine::input::Ask::Pull);
    client.answer(&mut server);
    assert!(matches!(client.ending(&spliced), Some(Ending::Applied { .. })), "{:?}", client.ending(&spliced));
    assert_eq!(client.text("k"), "ab");
    client.tell(Input::SendFailed { request, why: SendFailure::NoAnswer });
    client.live(&mut server, 60_000);
    assert_eq!((client.text("k"), server.document("k"), client.status().pending_mutations), ("ab".into(), Some(json!({"t":"ab"})), 0));
    assert!(client.ending(&id).is_some());
}
