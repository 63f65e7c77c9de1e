//! What else a server says, and what it costs to ask it again.

use serde_json::json;
use syncline::engine::config::{Config, TransportKind};
use syncline::engine::error::Code;
use syncline::engine::input::{Ask, Input, Reply};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::Ending;
use syncline::protocol::Call;

use crate::harness::*;

#[test]
fn h8_a_quota_that_is_used_up_is_not_overdrawn() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let first = client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, call) = client.take_sent();
    let good = server.answer(&client.engine.identity(), &call);
    let headers = [("content-type", "application/json".into()), ("ratelimit", r#""default";r=0;t=30"#.into())].into();
    client.reply(request, Reply { headers, ..good });
    assert!(matches!(client.ending(&first), Some(Ending::Applied { .. })), "it is a hint about what comes next");
    client.mutate(put("k", "2")).unwrap();
    client.tell(Input::WentOnline);
    client.pass(29_999);
    assert!(client.sent.is_empty());
    client.pass(1);
    assert!(client.has_push());
}

#[test]
fn h8_what_is_asked_for_outright_counts_more_than_a_quota() {
    let mut client = opened(&mut Server::new());
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    let headers = [("retry-after", "2".into()), ("ratelimit-remaining", "0".into()), ("ratelimit-reset", "90".into())].into();
    client.reply(request, Reply { headers, ..json(429, "") });
    client.sent.clear();
    client.pass(1_999);
    assert!(client.sent.is_empty());
    client.pass(1_001);
    assert!(client.has_push(), "2 s, and up to 1 s of its own");
}

#[test]
fn h6_410_on_a_cursor_starts_the_feed_again() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", "1")).unwrap();
    client.live(&mut server, 10_000);
    let asked = client.ask(Ask::Pull);
    let (request, Call::Pull { cursor: Some(_), .. }) = client.take_sent() else { panic!("it goes on from where it was") };
    client.reply(request, json(410, ""));
    client.pass(1_000);
    let Some((_, Call::Pull { cursor: None, .. })) = client.sent.front() else { panic!("from the beginning: {:?}", client.sent) };
    client.live(&mut server, 1_000);
    assert_eq!((client.answered(asked), client.view("k")), (Some(None), Some(json!(1))));
    assert_eq!(client.status().error, None);
    client.ask(Ask::Pull);
    let (request, _) = client.take_sent();
    client.reply(request, json(410, ""));
    client.pass(5_000);
    let (request, _) = client.take_sent();
    client.reply(request, json(410, ""));
    assert!(client.sent.is_empty(), "there is nothing to begin again: it waits like any failure");
}

#[test]
fn what_must_say_what_it_was_made_on_is_made_again_once_that_is_known() {
    let mut client = Client::with(Config { transport: TransportKind::Functions, ..config() }, Disk::default(), 1);
    client.turn();
    // A backend that names no version...
    let page = |version: &str| {
        let change = format!(r#"{{"collection":"c","key":"k","version":"{version}","value":{{"n":1}}}}"#);
        json(200, &format!(r#"{{"changes":[{change}],"cursor":"{version}","more":false}}"#))
    };
    let (request, _) = client.take_sent();
    client.reply(request, page(""));
    let id = client.mutate(Mutation::merge(at("k"), r#"{"m":2}"#).unwrap()).unwrap();
    client.pass(100);
    let (request, _, body) = client.take_push();
    assert!(!body.contains(r#""base""#), "{body}");
    client.sent.clear();
    client.ask(Ask::Pull);
    let pull = client.sent.pop_front();
    client.reply(request, json(428, ""));
    assert_eq!(client.ending(&id), None);
    // ...but for now it does.
    client.reply(pull.expect("a pull").0, page("v1"));
    let Some(Ending::Merged { by, .. }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    client.pass(100);
    let (request, ids, body) = client.take_push();
    assert_eq!(ids, [by.to_string()]);
    assert!(body.contains(r#""base":"v1""#), "{body}");
    client.reply(request, json(428, ""));
    let Some(Ending::Rejected { error }) = client.ending(&by) else { panic!("{:?}", client.ending(&by)) };
    assert_eq!((error.code, error.status, client.status().inbox), (Code::Rejected, Some(428), 1));
}

/// A page of a backend of the app's own, with document `k` in this version.
fn page_of(version: &str) -> Reply {
    let change = format!(r#"{{"collection":"c","key":"k","version":"{version}","value":{{"n":1}}}}"#);
    json(200, &format!(r#"{{"changes":[{change}],"cursor":"c","more":false}}"#))
}

/// A client of such a backend, which named no version for `k`, and the push that it answered 428; no pull is under way.
fn asked_what_it_was_made_on() -> (Client, syncline::engine::ident::MutationId) {
    let config = Config { transport: TransportKind::Functions, poll_base_ms: 1 << 40, ..config() };
    let mut client = Client::with(config, Disk::default(), 1);
    client.turn();
    let (request, _) = client.take_sent();
    client.reply(request, page_of(""));
    client.pass(10_000);
    let id = client.mutate(Mutation::merge(at("k"), r#"{"m":2}"#).unwrap()).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    client.reply(request, json(428, ""));
    (client, id)
}

#[test]
fn h15_after_428_nothing_is_sent_before_the_pull_that_it_asks_for() {
    let (mut client, id) = asked_what_it_was_made_on();
    let (request, call) = client.take_sent();
    assert!(matches!(call, Call::Pull { .. }), "it asks at once: {call:?}");
    client.pass(9_000);
    assert!(client.sent.is_empty() && client.ending(&id).is_none(), "and waits: {:?}", client.sent);
    client.reply(request, page_of("v1"));
    let Some(Ending::Merged { by, .. }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    client.pass(100);
    let (request, ids, body) = client.take_push();
    assert_eq!(ids, [by.to_string()]);
    assert!(body.contains(r#""base":"v1""#), "{body}");
    client.reply(request, json(200, &format!(r#"{{"outcomes":[{{"id":"{by}","outcome":"ok"}}]}}"#)));
    assert!(matches!(client.ending(&by), Some(Ending::Applied { .. })));
}

#[test]
fn h15_after_428_a_pull_that_names_no_version_either_ends_it() {
    let (mut client, id) = asked_what_it_was_made_on();
    let (request, _) = client.take_sent();
    client.fail(request);
    client.pass(1_000);
    assert_eq!(client.ending(&id), None, "a pull that fails says nothing");
    let (request, call) = client.take_sent();
    assert!(matches!(call, Call::Pull { .. }), "{call:?}");
    client.reply(request, page_of(""));
    let Some(Ending::Rejected { error }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    assert_eq!((error.code, error.status, client.status().inbox), (Code::Rejected, Some(428), 1));
    client.pass(60_000);
    assert!(!client.has_push());
}

#[test]
fn h15_what_awaits_that_pull_is_sent_again_after_a_restart() {
    let (client, id) = asked_what_it_was_made_on();
    let config = Config { transport: TransportKind::Functions, ..config() };
    let mut client = Client::with(config, client.disk, 2);
    client.pass(100);
    let (request, ids, _) = client.take_push();
    assert_eq!(ids, [id.to_string()], "whether the answer came it does not know");
    client.reply(request, json(200, &format!(r#"{{"outcomes":[{{"id":"{id}","outcome":"ok"}}]}}"#)));
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
}

/// How many requests leave in so many milliseconds, all answered 503 at once.
fn asked_of_a_failing_server(client: &mut Client, ms: u64) -> usize {
    let end = client.now.after(ms);
    let mut asked = 0;
    loop {
        client.turn();
        while let Some((request, _)) = client.sent.pop_front() {
            asked += 1;
            client.reply(request, json(503, ""));
        }
        match client.engine.deadline() {
            Some((at, _)) if at <= end => {
                client.now = at;
                client.tell(Input::Woke);
            }
            _ => break,
        }
    }
    client.now = end;
    asked
}

#[test]
fn o2_many_entries_that_fail_share_one_budget_of_retries() {
    let mut server = Server::new();
    let config = Config { poll_base_ms: 1 << 40, batch_items_max: 1, batches_in_flight_max: 1, ..config() };
    let mut client = Client::with(config, Disk::default(), 1);
    client.live(&mut server, 10);
    let ids: Vec<_> = (0..40).map(|n| client.mutate(put(&format!("k{n}"), "1")).unwrap()).collect();
    // Ten and one more at once, and then one each 10 s, although each of the forty would have been tried some four times.
    assert_eq!(asked_of_a_failing_server(&mut client, 9_999), 11);
    assert_eq!(asked_of_a_failing_server(&mut client, 60_000), 6);
    assert_eq!(client.status().pending_mutations, 40);
    client.live(&mut server, 600_000);
    assert!(ids.iter().all(|id| matches!(client.ending(id), Some(Ending::Applied { .. }))), "nothing is lost by waiting");
}

#[test]
fn h1_h7_what_was_sent_with_others_is_not_refused_alone_though_a_pull_has_settled_the_others_meanwhile() {
    for status in [413, 422, 428] {
        let mut client = opened(&mut Server::new());
        let ids = ["j", "k"].map(|key| client.mutate(put(key, "1")).unwrap());
        client.pass(100);
        let (push, sent, _) = client.take_push();
        assert_eq!(sent.len(), 2);
        client.ask(Ask::Pull);
        let (request, Call::Pull { request: echo, .. }) = client.take_sent() else { panic!("a pull") };
        let applied = format!(r#"{{"id":"{}","version":"g1.5","seq":5}}"#, ids[0].0);
        let members = format!(r#""request":"{echo}","cursor":"g1.c","changes":[],"more":false,"applied":[{applied}]"#);
        client.reply(request, json(200, &format!(r#"{{"generation":"g1","scope":"{}",{members}}}"#, config().scope)));
        client.reply(push, json(status, "{}"));
        client.pass(2_000);
        assert_eq!(client.ending(&ids[1]), None, "two of them were too much");
        let (push, sent, _) = client.take_push();
        assert_eq!(sent, [ids[1].0.to_string()]);
        client.reply(push, json(status, "{}"));
        assert!(matches!(client.ending(&ids[1]), Some(Ending::Rejected { .. })), "it is refused alone: {status}");
    }
}
