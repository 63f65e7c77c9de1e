//! The last syncs, and when they are durable.

use syncline::engine::clock::Wall;
use syncline::engine::config::Config;
use syncline::engine::history::Row;
use syncline::engine::input::Input;
use syncline::protocol::Call;

use crate::harness::*;

/// Direction, items and outcome of each row.
fn rows(client: &Client) -> Vec<(&str, u32, &str)> {
    client.engine.history().iter().map(|row| (&*row.direction, row.items, &*row.outcome)).collect()
}

#[test]
fn a_push_counts_what_it_sent_and_a_pull_what_came() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let mut other = another(&mut server);
    other.mutate(put("o", "1")).unwrap();
    other.live(&mut server, 200);
    client.mutate(put("a", "1")).unwrap();
    client.mutate(put("b", "1")).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    let sent = body.len() as u64;
    client.now = client.now.after(5);
    let reply = server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 0 });
    client.reply(request, reply);
    let at = Wall(WALL.0 + client.now.0);
    client.tell(Input::WentOnline);
    client.pass(1_000);
    let (request, call) = client.take_sent();
    let reply = server.answer(&client.engine.identity(), &call);
    let received = reply.body.0.len() as u64;
    client.reply(request, reply);
    assert_eq!(rows(&client), [("pull", 0, "ok"), ("push", 2, "ok"), ("pull", 3, "ok")]);
    let [_, push, pull]: &[Row; 3] = client.engine.history().as_slice().try_into().unwrap();
    assert_eq!((push.bytes, push.at, &*push.client), (sent, at, &*client.engine.identity().client));
    assert_eq!(pull.bytes, received);
}

#[test]
fn what_went_wrong_is_said_in_a_word() {
    let mut server = Server::new();
    let mut other = another(&mut server);
    let mut client = opened(&mut server);
    other.mutate(put("k", r#"{"by":"other"}"#)).unwrap();
    other.live(&mut server, 200);
    let outcome = |client: &mut Client, key: &str, text: &str, answer: &mut dyn FnMut(&mut Client)| {
        client.mutate(put(key, text)).unwrap();
        client.pass(100);
        answer(client);
        let rows = client.engine.history();
        rows.last().unwrap().outcome.clone()
    };
    let mut good = |client: &mut Client| {
        let (request, ids, body) = client.take_push();
        let reply = server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 0 });
        client.reply(request, reply);
    };
    assert_eq!(outcome(&mut client, "r", r#"{"reject":true}"#, &mut good), "rejected");
    assert_eq!(outcome(&mut client, "k", r#"{"by":"me"}"#, &mut good), "conflict");
    client.live(&mut server, 200);
    for (status, code) in [(422, "REJECTED"), (413, "TOO_LARGE"), (401, "UNAUTHORIZED")] {
        let mut answer = |client: &mut Client| {
            let (request, ..) = client.take_push();
            client.reply(request, json(status, "{}"));
        };
        assert_eq!(outcome(&mut client, "s", "1", &mut answer), code, "{status}");
    }
    client.tell(Input::TokenGiven { present: true, expires_at: None });
    client.live(&mut server, 1_000);
    let mut down = |client: &mut Client| {
        let (request, ..) = client.take_push();
        client.fail(request);
    };
    assert_eq!(outcome(&mut client, "n", "1", &mut down), "NETWORK");
    client.pass(1_000);
    client.pass(10_000);
    assert_eq!(client.engine.history().last().unwrap().outcome, "TIMEOUT");
}

#[test]
fn a_row_is_durable_with_the_next_commit_and_an_idle_poll_makes_none() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.live(&mut server, 1_000);
    let commits = client.disk.last;
    client.live(&mut server, 60_000);
    assert_eq!(client.disk.last, commits, "twelve polls, and nothing is written");
    assert_eq!(rows(&client).len(), 13);
    client.mutate(put("k", "1")).unwrap();
    client.live(&mut server, 300);
    assert_eq!(rows(&client).last(), Some(&("push", 1, "ok")));
    let (before, pushed) = (client.engine.history().clone(), client.status().last_push_at);
    let client = client.crash();
    assert_eq!(client.engine.history(), &before, "the acknowledgement's own commit has the push");
    assert_eq!((client.status().last_push_at, pushed.is_some()), (pushed, true));
}

#[test]
fn a_hundred_are_kept_and_the_log_keeps_no_more() {
    let mut server = Server::new();
    let mut client = Client::with(Config { poll_base_ms: 1 << 40, compact_bytes_min: 1, ..config() }, Disk::default(), 1);
    client.live(&mut server, 10);
    for n in 0..150 {
        client.mutate(put("k", &n.to_string())).unwrap();
        client.live(&mut server, 150);
    }
    assert_eq!(rows(&client).len(), 100);
    client.live(&mut server, 5_000);
    let before = client.engine.history().clone();
    let records = client.disk.log.values().flat_map(|commit| syncline::engine::record::decode(commit).collect::<Vec<_>>());
    let kept = records.filter(
        |found| matches!(found, syncline::engine::record::Found::Record(record) if record.kind == syncline::engine::record::Kind::History),
    );
    assert_eq!(kept.count(), 100);
    let mut client = client.crash();
    assert_eq!(client.engine.history(), &before);
    client.mutate(put("k", "0")).unwrap();
    client.live(&mut server, 300);
    assert_eq!(rows(&client).len(), 100);
    assert!(client.engine.history().iter().all(|row| row.number >= before[0].number));
}
