//! Calls that wait for writes to end, and what the app wants to be sent soon.

use syncline::engine::config::{Config, TransportKind};
use syncline::engine::error::Code;
use syncline::engine::ident::AskId;
use syncline::engine::input::{Ask, Input, Reply};
use syncline::engine::notice::{Ending, Phase};

use crate::harness::*;

fn push(client: &mut Client) -> AskId {
    client.ask(Ask::Push { timeout_ms: None })
}

fn sync(client: &mut Client, key: &str) -> AskId {
    client.ask(Ask::Sync { address: at(key), timeout_ms: None })
}

fn code(client: &Client, ask: AskId) -> Option<Code> {
    client.answered(ask).expect("an answer").map(|error| error.code)
}

fn retry(after: Option<&str>) -> Reply {
    let mut reply = json(503, "{}");
    reply.headers.0.extend(after.map(|after| ("retry-after".to_owned(), after.to_owned())));
    reply
}

#[test]
fn waiting_ends_with_the_last_write_of_the_moment_of_the_call() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("a", "1")).unwrap();
    client.mutate(put("b", "1")).unwrap();
    client.pass(100);
    let wait = client.ask(Ask::Wait { timeout_ms: 30_000 });
    client.mutate(put("c", "1")).unwrap();
    assert_eq!(client.answered(wait), None);
    client.answer(&mut server);
    assert_eq!(client.answered(wait), Some(None));
    assert_eq!(client.status().pending_mutations, 1, "what was written after the call is not waited for");
    let nothing = opened(&mut server).ask(Ask::Wait { timeout_ms: 0 });
    assert!(nothing.0 > 0);
}

#[test]
fn waiting_is_for_what_an_earlier_run_left_too_and_ends_at_its_deadline() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("a", "1")).unwrap();
    client.turn();
    let mut client = client.crash();
    client.turn();
    let short = client.ask(Ask::Wait { timeout_ms: 30 });
    client.pass(29);
    assert_eq!(client.answered(short), None);
    client.pass(1);
    assert_eq!(code(&client, short), Some(Code::Timeout));
    let wait = client.ask(Ask::Wait { timeout_ms: 30_000 });
    client.live(&mut server, 200);
    assert_eq!(client.answered(wait), Some(None));
}

#[test]
fn a_refused_write_counts_as_settled_and_a_merged_one_as_its_follow_up() {
    let mut server = Server::new();
    let mut other = another(&mut server);
    let mut client = opened(&mut server);
    other.mutate(put("k", r#"{"by":"other"}"#)).unwrap();
    other.live(&mut server, 200);
    let refused = client.mutate(put("r", r#"{"reject":true}"#)).unwrap();
    let merged = client.mutate(put("k", r#"{"by":"me"}"#)).unwrap();
    let wait = client.ask(Ask::Wait { timeout_ms: 30_000 });
    client.pass(100);
    let (request, ids, body) = client.take_push();
    let call = syncline::protocol::Call::Push { ids, body, attempt: 0 };
    let reply = server.answer(&client.engine.identity(), &call);
    client.reply(request, reply);
    assert!(matches!(client.ending(&refused), Some(Ending::Rejected { .. })));
    assert!(matches!(client.ending(&merged), Some(Ending::Merged { .. })));
    assert_eq!(client.answered(wait), None, "the follow-up stands in the write's place");
    client.live(&mut server, 200);
    assert_eq!(client.answered(wait), Some(None));
}

#[test]
fn a_push_that_is_awaited_needs_no_window() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("a", "1")).unwrap();
    let all = push(&mut client);
    assert!(client.has_push(), "it leaves in the turn in which it is stored");
    client.answer(&mut server);
    assert_eq!(client.answered(all), Some(None));
    client.mutate(put("b", "1")).unwrap();
    client.pass(99);
    assert!(!client.has_push(), "later writes collect as ever");
    let item = sync(&mut client, "b");
    client.answer(&mut server);
    assert_eq!(client.answered(item), Some(None));
    let nothing = push(&mut client);
    assert_eq!(client.answered(nothing), Some(None));
}

#[test]
fn it_joins_what_is_in_flight_and_sends_nothing_twice() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    let joined = [sync(&mut client, "k"), push(&mut client)];
    assert!(!client.has_push());
    let reply = server.answer(&client.engine.identity(), &syncline::protocol::Call::Push { ids, body, attempt: 0 });
    client.reply(request, reply);
    for ask in joined {
        assert_eq!(client.answered(ask), Some(None));
    }
    assert_eq!(server.pushes, 1);
}

#[test]
fn i19_it_cuts_short_the_waits_drawn_here_but_none_that_the_server_asked_for() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    client.reply(request, retry(None));
    assert!(!client.has_push());
    sync(&mut client, "other");
    assert!(!client.has_push(), "another document's wait is another matter");
    sync(&mut client, "k");
    let (request, ..) = client.take_push();
    client.reply(request, retry(Some("20")));
    let item = sync(&mut client, "k");
    client.pass(19_999);
    assert!(!client.has_push());
    client.pass(1);
    assert!(client.has_push(), "and not a millisecond longer than it asked");
    assert_eq!(client.answered(item), None);
}

#[test]
fn i19_what_the_server_asked_for_stands_after_a_restart() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ids, _) = client.take_push();
    let scope = &config().scope;
    let outcome =
        format!(r#"{{"generation":"g1","scope":"{scope}","outcomes":[{{"id":"{}","outcome":"retry","afterMs":30000}}]}}"#, ids[0]);
    client.reply(request, json(200, &outcome));
    client.pass(1);
    let mut client = client.crash();
    client.turn();
    push(&mut client);
    client.answer(&mut server);
    while client.now.0 < 29_999 {
        client.pass(1);
        client.answer(&mut server);
    }
    assert_eq!(server.pushes, 0);
    client.pass(1);
    client.answer(&mut server);
    assert_eq!(server.pushes, 1);
}

#[test]
fn without_an_answer_it_tries_at_once_and_ends_after_the_fifth() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    client.fail(request);
    let first = sync(&mut client, "k");
    for failures in 2..=5 {
        assert_eq!(client.answered(first), None, "after {} failures", failures - 1);
        let wait = client.status().retry_at.map_or(0, |at| (at.0 - WALL.0).saturating_sub(client.now.0));
        assert!(failures > 2 || wait == 0, "the wait that was drawn is over");
        client.pass(wait);
        let (request, ..) = client.take_push();
        client.fail(request);
    }
    assert_eq!(code(&client, first), Some(Code::Network));
    let second = push(&mut client);
    assert_eq!(client.answered(second), None, "each call gets a try of its own");
    let (request, ..) = client.take_push();
    client.fail(request);
    assert_eq!(code(&client, second), Some(Code::Network));
    assert_eq!(client.status().pending_mutations, 1, "and nothing is dropped");
}

#[test]
fn a_pull_that_waits_offline_ends_after_the_fifth_probe() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.tell(Input::WentOffline);
    let asked = client.ask(Ask::Pull);
    for probes in 1..=5 {
        assert_eq!(client.answered(asked), None, "after {} probes", probes - 1);
        client.pass(30_000);
        let (request, call) = client.take_sent();
        assert!(matches!(call, syncline::protocol::Call::Ping), "{call:?}");
        // What a captive portal answers is no answer either.
        let portal = Reply { headers: [("content-type", "text/html".into())].into(), ..json(200, "<html>") };
        if probes == 5 { client.reply(request, portal) } else { client.fail(request) }
    }
    assert_eq!(code(&client, asked), Some(Code::Protocol));
    let again = client.ask(Ask::Pull);
    client.pass(30_000);
    let (request, _) = client.take_sent();
    client.reply(request, json(503, ""));
    assert_eq!(code(&client, again), Some(Code::Http), "each call gets a try of its own");
    let good = client.ask(Ask::Pull);
    client.live(&mut server, 30_000);
    assert_eq!(client.answered(good), Some(None), "and the link that is back brings what was asked for");
}

#[test]
fn what_is_in_the_way_is_said_at_once() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    let item = sync(&mut client, "k");
    client.reply(request, json(401, "{}"));
    assert_eq!(code(&client, item), Some(Code::Unauthorized));
    let again = push(&mut client);
    assert_eq!(code(&client, again), Some(Code::Unauthorized));
    client.tell(Input::TokenGiven { present: true, expires_at: None });
    client.live(&mut server, 1_000);
    assert_eq!(client.status().pending_mutations, 0);
    client.mutate(put("k", "2")).unwrap();
    let closing = push(&mut client);
    client.ask(Ask::Close);
    assert_eq!(code(&client, closing), Some(Code::Closed));
    let mut alone = Client::with(Config { transport: TransportKind::None, ..config() }, Disk::default(), 1);
    let nobody = push(&mut alone);
    assert_eq!(code(&alone, nobody), Some(Code::Closed));
}

#[test]
fn a_document_with_nothing_pending_is_asked_for() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let before = server.pulls;
    let item = sync(&mut client, "k");
    client.answer(&mut server);
    assert_eq!((client.answered(item), server.pulls), (Some(None), before + 1));
}

#[test]
fn a_call_has_its_own_time() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    let item = client.ask(Ask::Sync { address: at("k"), timeout_ms: Some(50) });
    client.pass(49);
    assert_eq!(client.answered(item), None);
    client.pass(1);
    assert_eq!(code(&client, item), Some(Code::Timeout));
}

#[test]
fn a_marked_document_waits_no_longer_than_a_poll() {
    let mut server = Server::new();
    let mut client = Client::with(Config { poll_base_ms: 5_000, ..config() }, Disk::default(), 1);
    client.live(&mut server, 10);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ids, _) = client.take_push();
    let scope = &config().scope;
    client.reply(
        request,
        json(200, &format!(r#"{{"generation":"g1","scope":"{scope}","outcomes":[{{"id":"{}","outcome":"retry"}}]}}"#, ids[0])),
    );
    client.tell(Input::Marked { address: at("k") });
    client.pass(4_999);
    assert!(!client.has_push());
    client.pass(1);
    assert!(client.has_push(), "not after the 60 s that it would have waited");
    client.answer(&mut server);
    client.pass(1_000);
    client.sent.clear();
    let pulls = |client: &Client| client.sent.iter().filter(|(_, call)| matches!(call, syncline::protocol::Call::Pull { .. })).count();
    assert_eq!(pulls(&client), 0);
    client.tell(Input::Marked { address: at("other") });
    client.turn();
    assert_eq!(pulls(&client), 1, "where nothing is pending the server is asked");
}

#[test]
fn stopped_it_keeps_the_queue_and_sends_nothing_new() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("a", "1")).unwrap();
    client.pass(100);
    let before = client.mutate(put("b", "1")).unwrap();
    for stopped in [true, true] {
        client.tell(Input::Stopped { stopped });
    }
    client.answer(&mut server);
    assert_eq!(client.status().pending_mutations, 1, "what is on its way is waited for");
    assert_eq!(client.status().phase, Phase::Paused);
    let waits = push(&mut client);
    client.pass(600_000);
    assert!(client.sent.is_empty());
    assert_eq!(client.answered(waits), None);
    for stopped in [false, false] {
        client.tell(Input::Stopped { stopped });
    }
    client.live(&mut server, 1_000);
    assert_eq!(client.answered(waits), Some(None));
    assert!(matches!(client.ending(&before), Some(Ending::Applied { .. })));
}
