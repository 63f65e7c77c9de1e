//! Where two things meet: a token and a fence, a group and a crash, the inbox and a full disk.

use serde_json::json;
use syncline::engine::clock::Timestamp;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::input::{Ask, Input, Reply, StoreFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::Ending;
use syncline::protocol::Call;

use crate::harness::*;

fn idle(config: Config, server: &mut Server) -> Client {
    let mut client = Client::with(config, Disk::default(), 1);
    client.live(server, 10);
    client.sent.clear();
    client
}

/// A client that has `x` as it was before another one wrote to it.
fn behind(server: &mut Server) -> Client {
    let (mut a, mut b) = (Client::open(Disk::default(), 1), Client::open(Disk::default(), 100));
    a.mutate(put("x", r#"{"n":1}"#)).unwrap();
    a.live(server, 200);
    b.live(server, 200);
    a.mutate(merge("x", r#"{"theirs":true}"#)).unwrap();
    a.live(server, 200);
    b
}

fn with(mut reply: Reply, name: &str, value: &str) -> Reply {
    reply.headers.0.push((name.into(), value.into()));
    reply
}

#[test]
fn after_401_with_a_used_up_quota_the_client_asks_again() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.pass(5_000);
    let (request, _) = client.take_sent();
    let reply = with(with(json(401, ""), "ratelimit-remaining", "0"), "ratelimit-reset", "30");
    client.reply(request, reply);
    assert!(client.engine.deadline().is_some(), "nothing is armed: {:?}", client.status());
    client.pass(3_600_000);
    assert!(!client.sent.is_empty());
}

#[test]
fn a_wrong_offline_while_a_token_is_missing_is_probed() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.pass(5_000);
    let (request, _) = client.take_sent();
    client.reply(request, json(401, ""));
    client.tell(Input::WentOffline);
    client.pass(3_600_000);
    assert!(!client.sent.is_empty(), "nothing is asked in an hour: {:?} {:?}", client.engine.deadline(), client.status());
}

#[test]
fn a_pull_that_is_asked_for_when_the_session_is_fenced_is_answered() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, _, _) = client.take_push();
    let who = client.engine.identity();
    let body = json!({"generation": "g1", "scope": who.scope, "outcome": "fenced"}).to_string();
    client.reply(request, json(409, &body));
    assert_eq!(client.status().phase, syncline::engine::notice::Phase::Fenced);
    let ask = client.ask(Ask::Pull);
    let sync = client.ask(Ask::Sync { address: at("other"), timeout_ms: Some(1_000) });
    client.pass(3_600_000);
    assert!(client.answered(ask).is_some(), "pull() is not answered in an hour");
    assert!(client.answered(sync).is_some());
}

#[test]
fn a_pull_that_is_asked_for_when_the_server_acts_for_another_user_is_answered() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    let first = client.ask(Ask::Pull);
    let (request, call) = client.take_sent();
    let mut other = client.engine.identity();
    other.scope = "another".into();
    let reply = server.answer(&other, &call);
    client.reply(request, reply);
    assert_eq!(client.answered(first).unwrap().unwrap().code, Code::WrongScope);
    let ask = client.ask(Ask::Pull);
    client.pass(3_600_000);
    assert!(client.answered(ask).is_some(), "not answered in an hour: {:?}", client.status());
}

#[test]
fn what_comes_after_a_member_of_a_refused_entry_is_refused() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    let _first = client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    let second = client.mutate(merge("k", r#"{"reject":true}"#)).unwrap();
    client.live(&mut server, 200);
    assert!(matches!(client.ending(&second), Some(Ending::Rejected { .. })));
    let third = client.mutate(put("l", "3").after(vec![second.clone()]));
    client.live(&mut server, 200);
    assert_eq!(third.map_err(|error| error.code), Err(Code::Rejected), "the server has {:?}", server.document("l"));
}

#[test]
fn what_comes_after_a_merged_write_waits_for_what_carries_it_on() {
    let mut server = Server::new();
    let mut b = behind(&mut server);
    let first = b.mutate(merge("x", r#"{"reject":true}"#)).unwrap();
    b.pass(100);
    let (request, _, body) = b.take_push();
    // somebody else was first
    let reply = server.push(&b.engine.identity(), &body);
    b.reply(request, reply);
    let ending = b.ending(&first);
    assert!(matches!(ending, Some(Ending::Merged { .. })));
    let second = b.mutate(put("y", "2").after(vec![first.clone()])).unwrap();
    b.pass(100);
    let (_, ids, _) = b.take_push();
    assert!(!ids.contains(&second.to_string()), "it goes with, and without, what carries on the one it comes after");
}

#[test]
fn s1_what_is_taken_back_while_another_client_takes_the_store_over_is_taken_back() {
    let mut client = Client::open(Disk::default(), 1);
    let stored = client.mutate(put("a", "1")).unwrap();
    client.turn();
    client.storing = false;
    client.tell(Input::CancelAsked { mutation: stored.clone() });
    client.turn();
    let write = client.writes.pop_front().expect("the cancel is on its way").write;
    client.disk.meta.as_mut().unwrap().store_epoch = 9;
    client.tell(Input::WriteFailed { write, why: StoreFailure::Fenced { epoch: 9 } });
    client.storing = true;
    client.store();
    client.turn();
    assert_eq!(client.ending(&stored), Some(Ending::Cancelled), "rollback() waits for ever");
}

#[test]
fn i3_what_waits_for_a_write_that_is_taken_back_is_not_refused_before_that_is_stored() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.tell(Input::Stopped { stopped: true });
    let first = client.mutate(put("a", "1")).unwrap();
    let second = client.mutate(put("b", "2").after(vec![first.clone()])).unwrap();
    client.turn();
    client.storing = false;
    client.tell(Input::CancelAsked { mutation: first.clone() });
    client.turn();
    assert_eq!(client.ending(&first), None, "as it should be");
    let told = client.ending(&second);
    let mut next = client.crash();
    next.live(&mut server, 1_000);
    assert!(told.is_none(), "told {told:?}, and the server has {:?}", server.document("b"));
}

#[test]
fn i2_what_could_not_be_made_anew_for_good_is_not_sent_and_not_said_to_be() {
    let mut server = Server::new();
    let mut client = idle(Config { poll_base_ms: 1 << 40, ..config() }, &mut server);
    client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.live(&mut server, 200);
    let id = client.mutate(merge("k", r#"{"reject":true}"#)).unwrap();
    client.live(&mut server, 200);
    assert_eq!(client.status().inbox, 1);
    client.storing = false;
    let ask = client.ask(Ask::Retry { entry: id.clone(), edited: Some(r#"{"n":5}"#.into()) });
    let write = client.writes.pop_front().expect("it is being stored").write;
    client.tell(Input::WriteFailed { write, why: StoreFailure::Quota });
    client.live(&mut server, 1_000);
    let said = client.answered(ask);
    let next = client.crash();
    assert!(matches!(said, Some(Some(_))), "{said:?}");
    assert_eq!((server.document("k"), next.status().inbox), (Some(json!({"n":1})), 1));
}

#[test]
fn what_is_given_up_in_memory_is_not_said_to_be_stored() {
    let mut server = Server::new();
    let mut client = idle(Config { poll_base_ms: 1 << 40, ..config() }, &mut server);
    let id = client.mutate(put("k", r#"{"reject":true}"#)).unwrap();
    client.live(&mut server, 200);
    client.storing = false;
    let ask = client.ask(Ask::Discard { entry: id.clone() });
    let write = client.writes.pop_front().expect("it is being stored").write;
    client.tell(Input::WriteFailed { write, why: StoreFailure::Quota });
    client.live(&mut server, 1_000);
    let said = client.answered(ask).expect("an answer");
    let next = client.crash();
    assert!(said.is_some() || next.status().inbox == 0, "said to be stored, and there again");
}

/// Somebody else was first, ten times in a row.
fn dispute(client: &mut Client) {
    let who = client.engine.identity();
    client.mutate(merge("hot", r#"{"n":1}"#)).unwrap();
    for round in 0..10 {
        while !client.has_push() {
            client.pass(100);
        }
        let (request, ids, _) = client.take_push();
        let body = json!({"generation": "g1", "scope": who.scope, "outcomes": [
            {"id": ids[0], "outcome": "conflict", "seq": 10 + round, "version": format!("v{round}"), "value": {"r": round}, "valueSeq": 10 + round}]});
        client.reply(request, json(200, &body.to_string()));
    }
}

#[test]
fn v2_a_document_in_dispute_does_not_hold_back_the_others() {
    let mut server = Server::new();
    let mut client = idle(Config { poll_base_ms: 1 << 40, ..config() }, &mut server);
    dispute(&mut client);
    client.mutate(put("cold", "1")).unwrap();
    let began = client.now;
    while !client.has_push() && client.now < Timestamp(began.0 + 600_000) {
        client.pass(100);
    }
    let waited = client.now.0 - began.0;
    assert!(waited <= 1_000, "another document waited {waited} ms");
}

#[test]
fn push_does_not_wait_for_a_window_of_a_follow_up() {
    let mut server = Server::new();
    let mut client = idle(Config { poll_base_ms: 1 << 40, ..config() }, &mut server);
    dispute(&mut client);
    client.ask(Ask::Push { timeout_ms: None });
    client.pass(1_000);
    assert!(client.has_push(), "next: {:?}, now {:?}", client.engine.deadline(), client.now);
}

#[test]
fn h6_a_server_that_forgets_every_cursor_is_not_asked_without_pause() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.pass(5_000);
    let who = client.engine.identity();
    let began = client.now;
    let mut asked = 0;
    for _ in 0..300 {
        let Some((request, call)) = client.sent.pop_front() else { break };
        let Call::Pull { cursor, request: echo, .. } = call else { continue };
        asked += 1;
        let reply = match cursor {
            Some(_) => json(410, ""),
            None => json(
                200,
                &json!({"generation":"g1","scope":who.scope,"request":echo,"changes":[],"applied":[],"cursor":"c1","more":true})
                    .to_string(),
            ),
        };
        client.reply(request, reply);
    }
    assert!(
        asked < 50,
        "{asked} requests in {} ms; phase {:?} error {:?}",
        client.now.0 - began.0,
        client.status().phase,
        client.status().error
    );
}

#[test]
fn i18_reading_what_is_pending_costs_no_square() {
    let mut sizes = Vec::new();
    for count in [200, 400, 800] {
        let mut server = Server::new();
        let mut client = idle(Config { compact_bytes_min: 1 << 40, ..config() }, &mut server);
        client.tell(Input::Stopped { stopped: true });
        for n in 0..count {
            client.mutate(put("k", &n.to_string()).reading(vec![at("k")])).unwrap();
            client.turn();
        }
        let bytes: usize = client.disk.log.values().map(Vec::len).sum();
        sizes.push((count, bytes, client.status().pending_bytes));
    }
    assert!(sizes[2].1 < sizes[0].1 * 6, "{sizes:?}");
}

#[test]
fn pull_while_offline_ends_after_the_fifth_probe_or_stays_bounded() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.tell(Input::WentOffline);
    let ask = client.ask(Ask::Pull);
    client.mutate(put("k", "1")).unwrap();
    let push = client.ask(Ask::Push { timeout_ms: None });
    for _ in 0..20 {
        client.pass(30_000);
        while let Some((request, _)) = client.sent.pop_front() {
            client.fail(request);
        }
    }
    assert_eq!(client.answered(ask).is_some(), client.answered(push).is_some(), "one of them is answered");
}

#[test]
fn i15_a_fenced_client_stays_fenced_when_another_answer_wants_a_token() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (push, _, _) = client.take_push();
    client.pass(5_000);
    let (pull, call) = client.take_sent();
    assert!(matches!(call, Call::Pull { .. }));
    let who = client.engine.identity();
    client.reply(push, json(409, &json!({"generation": "g1", "scope": who.scope, "outcome": "fenced"}).to_string()));
    assert_eq!(client.status().phase, syncline::engine::notice::Phase::Fenced);
    client.reply(pull, json(401, ""));
    client.pass(600_000);
    assert!(
        client.sent.is_empty() && client.status().phase == syncline::engine::notice::Phase::Fenced,
        "{:?} {:?}",
        client.status().phase,
        client.sent
    );
}

#[test]
fn i15_a_fenced_client_stays_fenced_when_the_app_gives_no_token() {
    let mut server = Server::new();
    let mut client = Client::with(Config { auth: true, ..config() }, Disk::default(), 1);
    client.turn();
    let expires = syncline::engine::clock::Wall(WALL.0 + 6_000);
    client.tell(Input::TokenGiven { present: true, expires_at: Some(expires) });
    client.turn();
    client.live(&mut server, 100);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (push, _, _) = client.take_push();
    // It expires with the push on its way, and the app is asked.
    client.pass(6_500);
    client.tell(Input::Woke);
    let who = client.engine.identity();
    client.reply(push, json(409, &json!({"generation": "g1", "scope": who.scope, "outcome": "fenced"}).to_string()));
    assert_eq!(client.status().phase, syncline::engine::notice::Phase::Fenced);
    client.sent.clear();
    client.tell(Input::TokenGiven { present: false, expires_at: None });
    client.pass(61_000);
    client.tell(Input::TokenGiven { present: true, expires_at: None });
    client.pass(10_000);
    assert!(
        client.sent.is_empty(),
        "phase {:?} {:?}",
        client.status().phase,
        client.sent.front().map(|(_, call)| matches!(call, Call::Pull { .. }))
    );
}

#[test]
fn i20_a_client_of_another_user_stays_paused_when_another_answer_wants_a_token() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (push, _, _) = client.take_push();
    client.pass(5_000);
    let (pull, _) = client.take_sent();
    client.reply(push, json(200, &json!({"generation": "g1", "scope": "another", "outcomes": []}).to_string()));
    assert_eq!(client.status().phase, syncline::engine::notice::Phase::Paused);
    client.reply(pull, json(401, ""));
    client.pass(600_000);
    assert!(client.sent.is_empty(), "{:?} {:?}", client.status().phase, client.sent);
}

#[test]
fn i3_what_was_blocked_with_what_could_not_be_taken_back_is_unknown() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.tell(Input::Stopped { stopped: true });
    let first = client.mutate(put("a", "1")).unwrap();
    let second = client.mutate(put("b", "2").after(vec![first.clone()])).unwrap();
    client.turn();
    client.storing = false;
    client.tell(Input::CancelAsked { mutation: first.clone() });
    client.turn();
    let write = client.writes.pop_front().expect("the cancel is on its way").write;
    client.tell(Input::WriteFailed { write, why: StoreFailure::Quota });
    client.pass(1_000);
    for id in [&first, &second] {
        assert!(matches!(client.ending(id), Some(Ending::Unknown { .. })), "{:?}", client.ending(id));
    }
    let mut next = client.crash();
    next.live(&mut server, 1_000);
    assert_eq!(server.document("b"), Some(json!(2)), "the next start has found both");
}

#[test]
fn pulls_that_are_asked_for_while_stopped_are_bounded() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.tell(Input::Stopped { stopped: true });
    let mut last = None;
    for _ in 0..20_000 {
        let mut effects = Vec::new();
        let ask = syncline::engine::ident::AskId(5_000_000 + last.map_or(0, |last: syncline::engine::ident::AskId| last.0 - 4_999_999));
        client.engine.handle(client.now, Input::Asked { ask, what: Ask::Pull }, &mut effects);
        for effect in effects {
            if let syncline::engine::effect::Effect::Notify(notice) = effect {
                client.notices.push(notice);
            }
        }
        last = Some(ask);
    }
    assert!(client.answered(last.unwrap()).is_some(), "20,000 calls are kept");
}

#[test]
fn a_row_of_the_history_that_is_lost_costs_no_other() {
    let mut server = Server::new();
    let mut client = idle(Config { poll_base_ms: 1 << 40, ..config() }, &mut server);
    for n in 0..4 {
        client.mutate(put(&format!("k{n}"), "1")).unwrap();
        client.live(&mut server, 200);
    }
    // One of them cannot be read.
    let needle = br#""slot":1,"#;
    for commit in client.disk.log.values_mut() {
        if let Some(at) = commit.windows(needle.len()).position(|window| window == needle) {
            commit[at + 7] ^= 1;
            break;
        }
    }
    let mut client = client.crash();
    client.live(&mut server, 200);
    for n in 0..4 {
        client.mutate(put(&format!("l{n}"), "1")).unwrap();
        client.live(&mut server, 200);
    }
    client.mutate(put("last", "1")).unwrap();
    client.turn();
    let here = client.engine.history().clone();
    let mut slots: Vec<u32> = here.iter().map(|row| row.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    assert_eq!(slots.len(), here.len(), "each row has a place of its own: {here:?}");
}

#[test]
fn v4_a_server_that_refuses_the_token_for_pushes_only_is_not_asked_all_the_time() {
    use syncline::engine::notice::Notice;
    let mut server = Server::new();
    let mut client = Client::with(Config { auth: true, ..config() }, Disk::default(), 1);
    client.turn();
    client.tell(Input::TokenGiven { present: true, expires_at: None });
    client.live(&mut server, 1_000);
    client.notices.clear();
    client.mutate(put("k", "1")).unwrap();
    let (mut pushes, mut asked) = (0, 0);
    for _ in 0..600 {
        client.pass(100);
        while let Some(at) = client.sent.iter().position(|(_, call)| matches!(call, Call::Pull { .. })) {
            let (request, call) = client.sent.remove(at).unwrap();
            let reply = server.answer(&client.engine.identity(), &call);
            client.reply(request, reply);
        }
        while client.has_push() {
            let (request, _, _) = client.take_push();
            client.reply(request, json(401, ""));
            pushes += 1;
        }
        while let Some(at) = client.notices.iter().position(|notice| matches!(notice, Notice::TokenWanted { .. })) {
            client.notices.remove(at);
            asked += 1;
            client.tell(Input::TokenGiven { present: true, expires_at: None });
            client.turn();
        }
    }
    assert!(pushes <= 6, "{pushes} refused pushes and {asked} questions in a minute");
}

#[test]
fn h6_410_to_one_feed_takes_nothing_of_another_one() {
    let mut server = Server::new();
    let mut writer = Client::open(Disk::default(), 50);
    for n in 0..3 {
        writer.mutate(put(&format!("k{n}"), "1")).unwrap();
        writer.mutate(Mutation::put(syncline::protocol::Address::of("d", &format!("k{n}")), "2").unwrap()).unwrap();
    }
    writer.live(&mut server, 500);
    let feeds = vec!["collection:c".to_owned(), "collection:d".to_owned()];
    let config = Config { feeds, page_directly_bytes: 0, ..config() };
    let mut client = Client::with(config.clone(), Disk::default(), 1);
    client.live(&mut server, 500);
    // All is in pages, and nothing of it in memory after a restart.
    let mut client = Client::with(config, client.disk, 2);
    client.turn();
    for _ in 0..3 {
        while let Some((request, call)) = client.sent.pop_front() {
            let is_c = matches!(&call, Call::Pull { feed, cursor: Some(_), .. } if feed == "collection:c");
            let reply = if is_c { json(410, "") } else { server.answer(&client.engine.identity(), &call) };
            client.reply(request, reply);
        }
    }
    client.live(&mut server, 600_000);
    let d = syncline::protocol::Address::of("d", "k1");
    let ask = client.ask(Ask::Load { addresses: vec![d.clone()] });
    assert!(client.answered(ask).is_some());
    assert!(matches!(client.engine.view(&d), syncline::engine::View::Document(_)), "{:?}", client.engine.view(&d));
}

#[test]
fn v4_as_r29_with_the_pull_answered_first() {
    use syncline::engine::notice::Notice;
    let mut server = Server::new();
    let mut client = Client::with(Config { auth: true, ..config() }, Disk::default(), 1);
    client.turn();
    client.tell(Input::TokenGiven { present: true, expires_at: None });
    client.live(&mut server, 1_000);
    client.notices.clear();
    for n in 0..3 {
        client.mutate(put(&format!("k{n}"), "1")).unwrap();
    }
    let (mut pushes, mut asked) = (0, 0);
    // each answer takes 300 ms, pulls 100
    let mut due: Vec<(u64, syncline::engine::ident::RequestId, syncline::engine::input::Reply)> = Vec::new();
    for _ in 0..1200 {
        client.pass(50);
        while let Some((request, call)) = client.sent.pop_front() {
            match call {
                Call::Pull { .. } => {
                    let reply = server.answer(&client.engine.identity(), &call);
                    due.push((client.now.0 + 100, request, reply));
                }
                _ => {
                    pushes += 1;
                    due.push((client.now.0 + 300, request, json(401, "")));
                }
            }
        }
        while let Some(i) = due.iter().position(|(at, ..)| *at <= client.now.0) {
            let (_, request, reply) = due.remove(i);
            client.reply(request, reply);
        }
        while let Some(at) = client.notices.iter().position(|notice| matches!(notice, Notice::TokenWanted { .. })) {
            client.notices.remove(at);
            asked += 1;
            client.tell(Input::TokenGiven { present: true, expires_at: None });
            client.turn();
        }
    }
    assert!(pushes <= 6, "{pushes} refused pushes and {asked} questions in a minute");
}

#[test]
fn i9_what_comes_after_a_merged_write_is_not_applied_where_that_is_refused() {
    let mut server = Server::new();
    let mut b = behind(&mut server);
    let first = b.mutate(merge("x", r#"{"mine":true}"#)).unwrap();
    b.pass(100);
    let (request, _, body) = b.take_push();
    let reply = server.push(&b.engine.identity(), &body);
    b.reply(request, reply);
    let Some(Ending::Merged { by, .. }) = b.ending(&first) else { panic!("{:?}", b.ending(&first)) };
    let second = b.mutate(put("y", "2").after(vec![first.clone()])).unwrap();
    b.pass(100);
    let (request, ids, _) = b.take_push();
    let who = b.engine.identity();
    let outcomes: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| {
            if *id == by.to_string() {
                json!({"id": id, "outcome": "rejected", "seq": 90, "code": "no", "message": ""})
            } else {
                json!({"id": id, "outcome": "ok", "seq": 91 + n, "version": "v"})
            }
        })
        .collect();
    b.reply(request, json(200, &json!({"generation": "g1", "scope": who.scope, "outcomes": outcomes}).to_string()));
    assert!(!matches!(b.ending(&second), Some(Ending::Applied { .. })), "{:?}", b.ending(&second));
}

#[test]
fn s1_a_cancelled_write_in_memory_mode_is_told() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.tell(Input::Stopped { stopped: true });
    let stored = client.mutate(put("a", "1")).unwrap();
    client.turn();
    client.storing = false;
    client.mutate(put("b", "1")).unwrap();
    client.turn();
    let write = client.writes.pop_front().unwrap().write;
    client.tell(Input::WriteFailed { write, why: StoreFailure::Quota });
    client.tell(Input::CancelAsked { mutation: stored.clone() });
    client.pass(600_000);
    assert!(client.ending(&stored).is_some(), "rollback() is never answered, and nothing of it will be sent by this client");
}

#[test]
fn a_pull_that_was_refused_with_410_is_not_ok_in_the_history() {
    let mut server = Server::new();
    let mut client = idle(config(), &mut server);
    client.pass(5_000);
    let (request, _) = client.take_sent();
    client.reply(request, json(410, ""));
    assert_ne!(client.engine.history().last().unwrap().outcome, "ok");
}
