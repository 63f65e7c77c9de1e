//! Groups that come back after the store was lost.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::mutation::Mutation;
use syncline::protocol::{Address, Call};

use super::{Files, mirrored, open, told};
use crate::harness::*;

/// One that pulls each collection by itself.
fn apart() -> Config {
    Config { feeds: ["c", "d"].map(|name| format!("collection:{name}")).into(), ..mirrored() }
}

fn increment(collection: &str) -> Mutation {
    Mutation::increment(Address::of(collection, "k"), "/n", 1).unwrap()
}

#[test]
fn s5_i7_a_group_is_seen_once_in_each_document_while_another_of_them_is_not_known() {
    let mut server = Server::new();
    let mut client = open(apart(), Disk::default(), Files::new(), 1);
    for collection in ["c", "d"] {
        client.mutate(Mutation::put(Address::of(collection, "k"), r#"{"n":1}"#).unwrap()).unwrap();
    }
    client.live(&mut server, 500);
    let id = client.mutate(Mutation::group(["c", "d"].map(increment).into()).unwrap()).unwrap();
    client.pass(500);
    let (_, _, body) = client.take_push();
    server.push(&client.engine.identity(), &body);
    // What the server has done with it nobody hears before the store is lost.
    let mut client = open(apart(), Disk::default(), client.files, 50);
    assert_eq!(told(&client), [(1, None)]);
    let sent: Vec<_> = client.sent.drain(..).collect();
    for (request, call) in sent {
        match &call {
            Call::Pull { feed, .. } if feed == "collection:d" => client.sent.push_back((request, call)),
            _ => {
                let reply = server.answer(&client.engine.identity(), &call);
                client.reply(request, reply);
            }
        }
    }
    assert_eq!((client.view("k"), client.ending(&id)), (Some(json!({"n":2})), None), "it is not over before `d` is known");
    client.live(&mut server, 500);
    assert!(client.ending(&id).is_some());
    assert_eq!((client.view("k"), server.document("k")), (Some(json!({"n":2})), Some(json!({"n":2}))));
}
