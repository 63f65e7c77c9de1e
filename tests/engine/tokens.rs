//! Tokens: asked for once, one question at a time; without one everything waits, and nothing is dropped.

use syncline::engine::auth::TokenReason::{self, Expired, Initial, Unauthorized};
use syncline::engine::clock::Wall;
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::input::{Ask, Input};
use syncline::engine::notice::{Ending, Notice, Phase};
use syncline::protocol::Call;

use crate::harness::*;

fn started() -> Client {
    let mut client = Client::with(Config { auth: true, ..config() }, Disk::default(), 1);
    client.turn();
    client
}

/// One whose first token was taken.
fn signed_in(server: &mut Server) -> Client {
    let mut client = started();
    give(&mut client, None);
    client.live(server, 1_000);
    client.notices.clear();
    client
}

fn give(client: &mut Client, expires_at: Option<u64>) {
    client.tell(Input::TokenGiven { present: true, expires_at: expires_at.map(Wall) });
    client.turn();
}

fn give_none(client: &mut Client) {
    client.tell(Input::TokenGiven { present: false, expires_at: None });
    client.turn();
}

/// What was asked for since this was last looked at.
fn wanted(client: &mut Client) -> Vec<TokenReason> {
    let wanted = client.notices.iter().filter_map(|notice| if let Notice::TokenWanted { reason } = notice { Some(*reason) } else { None });
    let wanted = wanted.collect();
    client.notices.retain(|notice| !matches!(notice, Notice::TokenWanted { .. }));
    wanted
}

fn refuse(client: &mut Client) {
    let (request, _) = client.take_sent();
    client.reply(request, json(401, ""));
}

#[test]
fn h3_nothing_goes_out_before_there_is_a_token() {
    let mut server = Server::new();
    let mut client = started();
    assert_eq!(wanted(&mut client), [Initial]);
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(29_999);
    assert!(client.sent.is_empty() && wanted(&mut client).is_empty(), "one question at a time");
    assert!(client.is_durable(&id));
    give(&mut client, None);
    client.live(&mut server, 1_000);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
    assert_eq!((wanted(&mut client), client.status().phase), (vec![], Phase::Idle));
}

#[test]
fn h3_on_401_the_app_is_asked_once_and_everything_goes_again() {
    let mut server = Server::new();
    let mut client = signed_in(&mut server);
    let ids: Vec<_> = (0..3).map(|n| client.mutate(put(&format!("k{n}"), "1")).unwrap()).collect();
    client.pass(100);
    let (request, sent, body) = client.take_push();
    client.reply(request, json(401, ""));
    assert_eq!(wanted(&mut client), [Unauthorized]);
    let asked = client.ask(Ask::Pull);
    client.pass(20_000);
    assert!(client.sent.is_empty() && wanted(&mut client).is_empty());
    give(&mut client, None);
    client.pass(0);
    let (request, again, same) = client.take_push();
    assert_eq!((again, same), (sent, body.clone()), "the same entries, byte for byte, at once");
    let reply = server.answer(&client.engine.identity(), &Call::Push { ids: vec![], body, attempt: 0 });
    client.reply(request, reply);
    client.live(&mut server, 1_000);
    assert!(ids.iter().all(|id| matches!(client.ending(id), Some(Ending::Applied { .. }))));
    assert_eq!((client.answered(asked), client.status().error), (Some(None), None));
}

#[test]
fn b21_requests_that_left_with_the_old_token_say_nothing_of_the_other() {
    let mut server = Server::new();
    let mut client = signed_in(&mut server);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    client.ask(Ask::Pull);
    assert_eq!(client.sent.len(), 2, "a push and a pull are on their way");
    refuse(&mut client);
    assert_eq!(wanted(&mut client), [Unauthorized]);
    give(&mut client, None);
    let (late, _) = client.take_sent();
    client.reply(late, json(401, ""));
    assert_eq!(wanted(&mut client), []);
    assert_ne!(client.status().phase, Phase::NeedsAuth);
    client.live(&mut server, 1_000);
    assert_eq!((client.status().pending_mutations, wanted(&mut client)), (0, vec![]));
}

#[test]
fn h4_a_second_401_in_a_row_waits_60_s_and_drops_nothing() {
    let mut server = Server::new();
    let mut client = signed_in(&mut server);
    let id = client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    refuse(&mut client);
    for _ in 0..3 {
        assert_eq!(wanted(&mut client), [Unauthorized]);
        client.sent.clear();
        give(&mut client, None);
        while !client.sent.is_empty() {
            refuse(&mut client);
        }
        let error = client.status().error.unwrap();
        assert_eq!((client.status().phase, error.code, error.status), (Phase::NeedsAuth, Code::Unauthorized, Some(401)));
        client.pass(59_999);
        assert!(client.sent.is_empty() && wanted(&mut client).is_empty());
        client.pass(1);
    }
    assert_eq!(wanted(&mut client), [Unauthorized]);
    assert_eq!((client.status().pending_mutations, client.ending(&id)), (1, None));
    give(&mut client, None);
    client.live(&mut server, 1_000);
    assert!(matches!(client.ending(&id), Some(Ending::Applied { .. })));
}

#[test]
fn h4_without_a_token_the_client_needs_auth_until_the_app_asks() {
    let mut server = Server::new();
    let mut client = started();
    let asked = client.ask(Ask::Pull);
    wanted(&mut client);
    give_none(&mut client);
    assert_eq!(client.status().phase, Phase::NeedsAuth);
    assert_eq!(client.answered(asked).flatten().map(|error| error.code), Some(Code::Unauthorized));
    client.pass(10_000);
    assert_eq!(wanted(&mut client), []);
    let asked = client.ask(Ask::Pull);
    assert_eq!(wanted(&mut client), [Initial], "the app has signed in, and says so by asking");
    give(&mut client, None);
    client.live(&mut server, 100);
    assert_eq!(client.answered(asked), Some(None));
}

#[test]
fn h4_a_provider_that_hangs_has_no_token_after_30_s() {
    let mut client = started();
    wanted(&mut client);
    client.pass(29_999);
    assert!(!client.notices.contains(&Notice::TokenGivenUp));
    client.pass(1);
    assert!(client.notices.contains(&Notice::TokenGivenUp));
    assert_eq!(client.status().phase, Phase::NeedsAuth);
    client.pass(59_999);
    assert_eq!(wanted(&mut client), []);
    client.pass(1);
    assert_eq!(wanted(&mut client), [Initial]);
}

#[test]
fn h3_a_token_that_expires_is_renewed_before_anything_goes_out_with_it() {
    let mut server = Server::new();
    let mut client = started();
    let until = WALL.0 + 12_000;
    give(&mut client, Some(until));
    client.live(&mut server, 11_999);
    assert_eq!(wanted(&mut client), [Initial]);
    let pulls = server.pulls;
    client.live(&mut server, 10_000);
    assert_eq!((wanted(&mut client), server.pulls), (vec![Expired], pulls));
    give(&mut client, None);
    client.live(&mut server, 1_000);
    assert!(server.pulls > pulls);
}

#[test]
fn an_answer_auth_for_the_whole_request_is_a_401() {
    let mut server = Server::new();
    let mut client = signed_in(&mut server);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (request, ..) = client.take_push();
    let scope = client.engine.identity().scope;
    client.reply(request, json(200, &format!(r#"{{"generation":"g1","scope":"{scope}","outcome":"auth","outcomes":[]}}"#)));
    assert_eq!(wanted(&mut client), [Unauthorized]);
    give(&mut client, None);
    client.live(&mut server, 1_000);
    assert_eq!(client.status().pending_mutations, 0);
}

#[test]
fn n12_a_token_is_asked_for_where_the_network_is_wrongly_called_away() {
    let mut server = Server::new();
    let mut client = Client::with(Config { auth: true, ..config() }, Disk::default(), 1);
    client.tell(Input::WentOffline);
    client.turn();
    assert_eq!(wanted(&mut client), []);
    client.pass(29_999);
    assert_eq!(wanted(&mut client), []);
    client.pass(1);
    assert_eq!(wanted(&mut client), [Initial], "in time for the probe");
    give(&mut client, None);
    assert!(matches!(client.sent.front(), Some((_, Call::Ping))));
    refuse(&mut client);
    assert_eq!(wanted(&mut client), [Unauthorized], "a server that refuses is there");
    give(&mut client, None);
    client.live(&mut server, 1_000);
    assert_eq!(client.status().phase, Phase::Idle);
}
