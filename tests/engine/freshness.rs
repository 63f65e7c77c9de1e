//! What the app is told of how fresh its reads are, and pulls of several feeds.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::input::{Ask, Input, Reply};
use syncline::engine::notice::{Notice, Phase};
use syncline::protocol::Call;

use crate::harness::*;

/// A client that has a document, and is asked to pull once more.
fn asking(server: &mut Server, config: Config) -> Client {
    let mut writer = Client::open(Disk::default(), 50);
    writer.mutate(put("k", r#"{"n":1}"#)).unwrap();
    writer.live(server, 1_000);
    let mut client = Client::with(config, Disk::default(), 1);
    client.turn();
    if client.notices.iter().any(|notice| matches!(notice, Notice::TokenWanted { .. })) {
        client.tell(Input::TokenGiven { present: true, expires_at: None });
    }
    client.live(server, 10);
    assert_eq!(client.status().stale, None);
    client
}

/// It hears this in the place of an answer, and goes on with what it has; the next good answer ends it.
fn goes_stale(server: &mut Server, hear: impl FnOnce(&mut Client), code: Code) {
    let mut client = asking(server, config());
    client.ask(Ask::Pull);
    hear(&mut client);
    assert_eq!((client.status().stale, client.view("k")), (Some(code), Some(json!({"n":1}))));
    client.live(server, 300_000);
    assert_eq!((client.status().stale, client.status().error), (None, None));
}

#[test]
fn cached_documents_are_served_and_marked_where_a_pull_gets_no_good_answer() {
    let mut server = Server::new();
    let answered = |reply: fn() -> Reply| {
        move |client: &mut Client| {
            let (request, _) = client.take_sent();
            client.reply(request, reply());
        }
    };
    goes_stale(
        &mut server,
        |client| {
            let (request, _) = client.take_sent();
            client.fail(request);
        },
        Code::Network,
    );
    goes_stale(&mut server, |client| client.pass(10_000), Code::Timeout);
    goes_stale(&mut server, answered(|| json(200, r#"{"changes":7}"#)), Code::Protocol);
    goes_stale(&mut server, answered(|| json(503, "{}")), Code::Http);
    goes_stale(&mut server, answered(|| json(404, "{}")), Code::Http);
    goes_stale(&mut server, answered(|| json(401, "{}")), Code::Unauthorized);
    goes_stale(
        &mut server,
        |client| {
            client.tell(Input::WentOffline);
            client.turn();
            client.sent.clear();
            client.tell(Input::WentOnline);
        },
        Code::Network,
    );
}

#[test]
fn cached_documents_are_marked_where_a_token_is_lacking_until_one_has_brought_an_answer() {
    let mut server = Server::new();
    let mut client = asking(&mut server, Config { auth: true, ..config() });
    client.ask(Ask::Pull);
    let (request, _) = client.take_sent();
    client.reply(request, json(401, "{}"));
    client.tell(Input::TokenGiven { present: false, expires_at: None });
    client.turn();
    assert_eq!((client.status().phase, client.status().stale), (Phase::NeedsAuth, Some(Code::Unauthorized)));
    assert_eq!(client.view("k"), Some(json!({"n":1})));
    client.tell(Input::TokenGiven { present: true, expires_at: None });
    assert_eq!(client.status().stale, Some(Code::Unauthorized), "a token is no answer yet");
    client.live(&mut server, 2_000);
    assert_eq!(client.status().stale, None);
}

#[test]
fn a_push_that_fails_says_nothing_of_what_was_pulled() {
    let mut server = Server::new();
    let mut client = asking(&mut server, config());
    client.mutate(put("k", r#"{"n":2}"#)).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    client.fail(request);
    assert_eq!((client.status().stale, client.status().error.map(|error| error.code)), (None, Some(Code::Network)));
}

fn two_feeds() -> Config {
    Config { feeds: vec!["collection:c".into(), "collection:d".into()], ..config() }
}

fn feeds(client: &Client) -> Vec<&str> {
    let pulls = client.sent.iter().filter_map(|(_, call)| if let Call::Pull { feed, .. } = call { Some(feed) } else { None });
    pulls.map(String::as_str).collect()
}

#[test]
fn a_pull_of_one_feed_asks_for_that_one_and_a_pull_for_all() {
    let mut server = Server::new();
    let mut client = asking(&mut server, two_feeds());
    let one = client.ask(Ask::PullFeed { feed: "collection:d".into() });
    assert_eq!(feeds(&client), ["collection:d"]);
    client.answer(&mut server);
    assert_eq!(client.answered(one), Some(None));
    let all = client.ask(Ask::Pull);
    assert_eq!(feeds(&client), ["collection:c", "collection:d"]);
    let (request, call) = client.take_sent();
    let reply = server.answer(&client.engine.identity(), &call);
    client.reply(request, reply);
    assert_eq!(client.answered(all), None, "half of it is not all");
    client.answer(&mut server);
    assert_eq!(client.answered(all), Some(None));
    let unknown = client.ask(Ask::PullFeed { feed: "collection:e".into() });
    assert_eq!(client.answered(unknown).flatten().map(|error| error.code), Some(Code::Validation));
}

#[test]
fn a_pull_for_all_ends_with_the_first_feed_that_fails_and_the_mark_stays_until_none_does() {
    let mut server = Server::new();
    let mut client = asking(&mut server, two_feeds());
    let all = client.ask(Ask::Pull);
    let (first, _) = client.take_sent();
    client.reply(first, json(404, "{}"));
    assert_eq!(client.answered(all).flatten().map(|error| error.code), Some(Code::Http));
    client.answer(&mut server);
    assert_eq!(client.status().stale, Some(Code::Http), "the other one's answer is no answer for this one");
    let answers = client.notices.len();
    client.live(&mut server, 300_000);
    assert_eq!(client.status().stale, None);
    let again = client.notices[answers..].iter().any(|notice| matches!(notice, Notice::Answered { .. }));
    assert!(!again, "a question is answered once");
}

#[test]
fn who_has_a_document_looked_at_waits_no_longer_than_said_though_nothing_of_it_is_pending() {
    let mut server = Server::new();
    let mut client = asking(&mut server, config());
    let ask = client.ask(Ask::Sync { address: at("k"), timeout_ms: Some(700) });
    client.pass(699);
    assert_eq!(client.answered(ask), None);
    client.pass(1);
    assert_eq!(client.answered(ask).flatten().map(|error| error.code), Some(Code::Timeout));
    // The request itself goes on.
    client.answer(&mut server);
    assert_eq!(client.status().stale, None);
}
