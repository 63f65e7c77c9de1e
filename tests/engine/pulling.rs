//! Fresh reads: pages, deletes, cached and outdated answers, a server restored from a copy.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::input::{Ask, Input, Reply};
use syncline::engine::mutation::Mutation;
use syncline::protocol::Call;

use crate::harness::*;

fn filled(server: &mut Server, documents: u32) -> Client {
    let mut writer = Client::open(Disk::default(), 50);
    for n in 0..documents {
        writer.mutate(put(&format!("k{n}"), &format!(r#"{{"n":{n}}}"#))).unwrap();
    }
    writer.live(server, 1_000);
    writer
}

#[test]
fn p1_pages_are_applied_with_their_cursor() {
    let mut server = Server::new();
    filled(&mut server, 25);
    let mut client = Client::with(Config { pull_limit: 10, ..config() }, Disk::default(), 1);
    client.turn();
    let (request, call) = client.take_sent();
    let reply = server.answer(&client.engine.identity(), &call);
    client.reply(request, reply);
    assert_eq!((client.view("k9"), client.view("k10")), (Some(json!({"n":9})), None));
    // The second page is lost, and the page with it: the next run goes on behind the first.
    let mut client = client.crash();
    client.turn();
    let Call::Pull { cursor, .. } = &client.sent[0].1 else { panic!() };
    assert_eq!(cursor.as_deref(), Some("g1.10"));
    client.live(&mut server, 100);
    assert_eq!(client.view("k24"), Some(json!({"n":24})));
}

#[test]
fn deletes_come_and_stay() {
    let mut server = Server::new();
    let mut writer = filled(&mut server, 2);
    let mut client = Client::open(Disk::default(), 1);
    client.live(&mut server, 100);
    writer.mutate(Mutation::delete(at("k0"))).unwrap();
    writer.live(&mut server, 1_000);
    client.live(&mut server, 6_000);
    assert_eq!(client.view("k0"), None);
    let mut client = client.crash();
    client.live(&mut server, 6_000);
    assert_eq!((client.view("k0"), client.view("k1")), (None, Some(json!({"n":1}))));
}

#[test]
fn the_server_is_asked_every_5_s_in_view_and_every_60_s_out_of_view() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.live(&mut server, 0);
    assert_eq!(server.pulls, 1);
    client.live(&mut server, 4_999);
    assert_eq!(server.pulls, 1);
    client.live(&mut server, 1);
    assert_eq!(server.pulls, 2);
    client.tell(Input::BecameHidden);
    client.live(&mut server, 5_000);
    client.live(&mut server, 59_999);
    assert_eq!(server.pulls, 3);
    client.tell(Input::BecameVisible);
    client.live(&mut server, 0);
    assert_eq!(server.pulls, 4);
}

#[test]
fn n13_a_flapping_network_is_not_a_storm() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.live(&mut server, 0);
    for _ in 0..100 {
        client.tell(Input::WentOffline);
        client.live(&mut server, 25);
        client.tell(Input::WentOnline);
        client.live(&mut server, 25);
    }
    assert!(server.pulls <= 7, "{} pulls in 5 s", server.pulls);
}

#[test]
fn n17_a_cached_answer_is_not_taken_for_a_fresh_one() {
    let mut server = Server::new();
    filled(&mut server, 1);
    let mut client = Client::open(Disk::default(), 1);
    client.turn();
    let (request, call) = client.take_sent();
    let stale = server.answer(&client.engine.identity(), &call);
    client.reply(request, stale.clone());
    let ask = client.ask(Ask::Pull);
    let (request, _) = client.take_sent();
    client.reply(request, stale);
    assert_eq!(client.answered(ask).flatten().map(|error| error.code), Some(Code::Protocol));
    assert_eq!(client.view("k0"), Some(json!({"n":0})));
    client.live(&mut server, 10_000);
    assert_eq!(client.status().error, None);
}

#[test]
fn h18_a_restored_server_is_noticed_and_everything_is_pulled_again() {
    let mut server = Server::new();
    let mut client = filled(&mut server, 2);
    let backup = server.store.clone();
    client.mutate(put("k0", r#"{"n":"lost by the server"}"#)).unwrap();
    client.mutate(put("k9", r#"{"n":"lost by the server"}"#)).unwrap();
    client.live(&mut server, 1_000);
    server.store = restored(backup, "g2");
    let pending = client.mutate(put("k1", r#"{"n":"pending"}"#)).unwrap();
    client.live(&mut server, 20_000);
    assert!(client.ending(&pending).is_some());
    for key in ["k0", "k1", "k9"] {
        assert_eq!(client.view(key), server.document(key), "{key}");
    }
    assert_eq!((client.view("k0"), client.view("k9")), (Some(json!({"n":0})), None));
    let mut client = client.crash();
    client.live(&mut server, 10_000);
    assert_eq!((client.view("k9"), client.status().pending_mutations), (None, 0));
}

/// A page with nothing in it of a server that does not notice whose cursor it was asked with.
fn careless(generation: &str, call: &Call) -> Reply {
    let Call::Pull { request, .. } = call else { panic!("a pull: {call:?}") };
    let scope = &config().scope;
    json(200, &format!(r#"{{"generation":"{generation}","scope":"{scope}","request":"{request}","changes":[],"cursor":"c","more":false}}"#))
}

#[test]
fn h18_two_servers_that_answer_in_turn_are_not_asked_without_pause() {
    let mut client = Client::open(Disk::default(), 1);
    client.turn();
    let (request, call) = client.take_sent();
    client.reply(request, careless("g1", &call));
    let ask = client.ask(Ask::Pull);
    let (mut asked, mut told) = (0_u32, false);
    while client.now.0 < 600_000 {
        client.turn();
        while let Some((request, call)) = client.sent.pop_front() {
            asked += 1;
            assert!(asked < 1_000, "{asked} requests in {} ms", client.now.0);
            client.reply(request, careless(["g1", "g2"][asked as usize % 2], &call));
        }
        told |= client.status().error.is_some_and(|error| error.code == Code::Protocol);
        client.now = client.engine.deadline().map_or(client.now, |(at, _)| at);
        client.tell(Input::Woke);
    }
    assert!((8..20).contains(&asked), "{asked} in ten minutes");
    assert!(told, "and it is said");
    let answer = client.answered(ask).expect("an answer");
    assert_eq!(answer.map(|error| error.code), Some(Code::Protocol), "who waits is not kept waiting for ever");
    client.live(&mut Server::new(), 600_000);
    assert_eq!(client.status().error, None, "one of them alone is a server like any other");
}

#[test]
fn h18_a_server_that_was_restored_once_is_asked_again_at_once() {
    let mut client = Client::open(Disk::default(), 1);
    client.turn();
    let (request, call) = client.take_sent();
    client.reply(request, careless("g1", &call));
    let ask = client.ask(Ask::Pull);
    let (request, call) = client.take_sent();
    client.reply(request, careless("g2", &call));
    let (request, call) = client.take_sent();
    assert!(matches!(call, Call::Pull { cursor: None, .. }), "from the beginning: {call:?}");
    client.reply(request, careless("g2", &call));
    assert_eq!(client.answered(ask), Some(None));
}

#[test]
fn h18_of_several_feeds_none_takes_what_another_one_has_yet_to_bring() {
    let mut server = Server::new();
    let feeds = vec!["collection:c".to_owned(), "collection:d".to_owned()];
    let d = syncline::protocol::Address::of("d", "k");
    let mut client = Client::with(Config { feeds, ..config() }, Disk::default(), 1);
    client.mutate(put("k", "1")).unwrap();
    client.mutate(Mutation::put(d.clone(), "2").unwrap()).unwrap();
    client.live(&mut server, 1_000);
    server.store = restored(server.store.clone(), "g2");
    client.ask(Ask::Pull);
    for _ in 0..2 {
        // The first feed to its end, while the second one has heard nothing.
        while let Some(at) = client.sent.iter().position(|(_, call)| matches!(call, Call::Pull { feed, .. } if feed == "collection:c")) {
            let (request, call) = client.sent.remove(at).unwrap();
            let reply = server.answer(&client.engine.identity(), &call);
            client.reply(request, reply);
        }
    }
    assert!(matches!(client.engine.view(&d), syncline::engine::View::Document(_)), "{:?}", client.engine.view(&d));
    client.live(&mut server, 20_000);
    assert!(matches!(client.engine.view(&d), syncline::engine::View::Document(_)));
}

#[test]
fn h18_a_device_that_never_pulled_knows_of_which_life_its_bases_are() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    let backup = server.store.clone();
    client.mutate(put("k", "1")).unwrap();
    client.pass(200);
    while let Some((request, call)) = client.sent.pop_front() {
        // Pushes are answered, and pulls are not.
        if matches!(call, Call::Push { .. }) {
            let reply = server.answer(&client.engine.identity(), &call);
            client.reply(request, reply);
        }
    }
    assert_eq!(server.document("k"), Some(json!(1)));
    client.pass(1_000);
    let mut client = client.crash();
    server.store = restored(backup, "g2");
    client.live(&mut server, 20_000);
    let ask = client.ask(Ask::Load { addresses: vec![at("k")] });
    assert!(client.answered(ask).is_some());
    assert_eq!(client.view("k"), None, "the server has lost it");
}

fn restored(mut store: syncline::authority::MemoryStore, generation: &str) -> syncline::authority::MemoryStore {
    use syncline::authority::Store as _;
    store.begin_life(generation).unwrap();
    store
}

#[test]
fn p5_p6_a_page_that_begins_again_takes_nothing_away_that_was_acknowledged_since_it_was_asked_for() {
    let mut server = Server::new();
    let mut client = filled(&mut server, 1);
    client.ask(Ask::Pull);
    let (asked, call) = client.take_sent();
    let Call::Pull { feed, limit, request, .. } = call else { panic!("a pull: {call:?}") };
    let page = server.answer(&client.engine.identity(), &Call::Pull { feed, cursor: Some("nonsense".into()), limit, request });
    client.mutate(put("new", "7")).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    let reply = server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 0 });
    client.reply(request, reply);
    client.reply(asked, page);
    assert_eq!(client.view("new"), Some(json!(7)), "the server has it");
    let Some((_, Call::Pull { cursor: None, .. })) = client.sent.front() else { panic!("from the beginning: {:?}", client.sent) };
    client.live(&mut server, 1_000);
    assert_eq!((client.view("new"), client.view("k0")), (Some(json!(7)), Some(json!({"n":0}))));
}

#[test]
fn p6_what_was_known_before_the_first_pull_and_does_not_come_with_it_is_gone() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.mutate(put("mine", "7")).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    let reply = server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 0 });
    client.reply(request, reply);
    // It is stored before any page has come. Another client deletes it, and the server forgets that it ever was.
    let mut client = client.crash();
    let mut server = Server::new();
    client.live_with(1_000, &mut |asker, call| server.answer(asker, call));
    assert_eq!((client.view("mine"), client.status().pending_mutations), (None, 0));
}

#[test]
fn p6_a_feed_that_comes_late_has_the_others_begin_again_once_it_answers() {
    let mut server = Server::new();
    let feeds: Vec<String> = ["c", "d"].map(|name| format!("collection:{name}")).into();
    let config = || Config { feeds: feeds.clone(), ..config() };
    let mut client = Client::with(config(), Disk::default(), 1);
    client.mutate(put("mine", "7")).unwrap();
    let is_late = |call: &Call| matches!(call, Call::Pull { feed, .. } if feed == "collection:c");
    client.live_with(1_000, &mut |asker, call| if is_late(call) { json(503, "{}") } else { server.answer(asker, call) });
    assert_eq!((client.view("mine"), client.status().pending_mutations), (Some(json!(7)), 0));
    // The document is deleted, and the server forgets that it ever was.
    let mut client = client.crash_with(config());
    let mut server = Server::new();
    let mut asked = Vec::new();
    client.live_with(4_000, &mut |asker, call| {
        if let Call::Pull { feed, cursor, .. } = call {
            asked.push((feed.clone(), cursor.is_some()));
        }
        if is_late(call) { json(503, "{}") } else { server.answer(asker, call) }
    });
    assert!(asked.iter().all(|(feed, goes_on)| feed == "collection:c" || *goes_on), "one that gets no answer costs nothing: {asked:?}");
    client.live(&mut server, 30_000);
    assert_eq!(client.view("mine"), None);
}

#[test]
fn p6_what_is_acknowledged_while_a_late_feed_is_asked_stays() {
    let mut server = Server::new();
    let feeds: Vec<String> = ["c", "d"].map(|name| format!("collection:{name}")).into();
    let mut client = Client::with(Config { feeds, ..config() }, Disk::default(), 1);
    client.mutate(put("first", "1")).unwrap();
    let is_late = |call: &Call| matches!(call, Call::Pull { feed, .. } if feed == "collection:c");
    client.live_with(1_000, &mut |asker, call| if is_late(call) { json(503, "{}") } else { server.answer(asker, call) });
    client.mutate(put("second", "2")).unwrap();
    client.ask(Ask::Pull);
    while !(client.has_push() && client.sent.iter().any(|(_, call)| is_late(call))) {
        client.pass(100);
    }
    let at = client.sent.iter().position(|(_, call)| is_late(call)).unwrap();
    let (asked, call) = client.sent.remove(at).unwrap();
    let page = server.answer(&client.engine.identity(), &call);
    let (request, ids, body) = client.take_push();
    let reply = server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 0 });
    client.reply(request, reply);
    client.reply(asked, page);
    // The other feed begins again, and comes to its end before this one is asked once more.
    for _ in 0..3 {
        for (request, call) in client.sent.drain(..).collect::<Vec<_>>() {
            let reply = server.answer(&client.engine.identity(), &call);
            client.reply(request, reply);
        }
        client.turn();
        assert_eq!((client.view("first"), client.view("second")), (Some(json!(1)), Some(json!(2))));
    }
    client.live(&mut server, 30_000);
    assert_eq!((client.view("first"), client.view("second")), (Some(json!(1)), Some(json!(2))));
}

#[test]
fn p6_what_does_not_come_again_after_a_reset_is_gone_and_what_is_written_meanwhile_stays() {
    let mut server = Server::new();
    let mut client = filled(&mut server, 3);
    let page = |changes: &str, more: bool, reset: bool, echo: &str| {
        json(
            200,
            &format!(
                r#"{{"generation":"g1","scope":"{}","request":"{echo}","changes":[{changes}],"cursor":"c","more":{more},"reset":{reset}}}"#,
                syncline::protocol::http::scope_hash("user")
            ),
        )
    };
    let pull = |client: &mut Client| {
        let (request, call) = client.take_sent();
        let Call::Pull { request: echo, .. } = call else { panic!("a pull: {call:?}") };
        (request, echo)
    };
    client.ask(Ask::Pull);
    let (request, echo) = pull(&mut client);
    client.reply(request, page("", true, true, &echo));
    let (request, echo) = pull(&mut client);
    client.reply(request, page(r#"{"collection":"c","key":"k1","version":"g1.9","seq":9,"value":1}"#, true, false, &echo));
    let (last, echo) = pull(&mut client);
    client.mutate(put("new", "7")).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    let reply = server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 0 });
    client.reply(request, reply);
    client.reply(last, page("", false, false, &echo));
    assert_eq!((client.view("k0"), client.view("k2")), (None, None), "what the server no longer has is gone");
    assert_eq!((client.view("k1"), client.view("new")), (Some(serde_json::json!(1)), Some(serde_json::json!(7))));
}
