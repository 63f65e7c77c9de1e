//! A page whose module ended in a panic still waits for its writes: the next engine says how they ended.

use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Input, StoreFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice};

use crate::harness::*;

/// The client that comes after a panic, whose page waits for these.
fn revived(client: Client, awaited: &[&MutationId]) -> Client {
    let awaited = awaited.iter().map(|id| id.to_string()).collect();
    Client::with(Config { awaited, poll_base_ms: 1 << 40, ..config() }, client.disk, 50)
}

fn endings(client: &Client, id: &MutationId) -> usize {
    client.notices.iter().filter(|notice| matches!(notice, Notice::Settled { mutation, .. } if mutation == id)).count()
}

#[test]
fn l11_what_the_store_knows_is_told_and_nothing_else() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let first = client.mutate(put("k", "1")).unwrap();
    let second = client.mutate(put("k", "2")).unwrap();
    let refused = client.mutate(put("r", r#"{"reject":true}"#)).unwrap();
    let blocked = client.mutate(put("b", "1").after(vec![refused.clone()])).unwrap();
    client.live(&mut server, 1_000);
    let other = client.mutate(put("o", "1")).unwrap();
    client.live(&mut server, 1_000);
    client.tell(Input::WentOffline);
    let cancelled = client.mutate(put("c", "1")).unwrap();
    client.turn();
    client.tell(Input::CancelAsked { mutation: cancelled.clone() });
    let pending = client.mutate(put("p", "1")).unwrap();
    client.pass(100);
    let never = MutationId("018bcfe5-699a-7e7e-918c-79c715d575d0".into());
    let mut client = revived(client, &[&first, &second, &refused, &blocked, &cancelled, &pending, &never]);
    for id in [&first, &second] {
        assert_eq!(client.ending(id), Some(Ending::Applied { version: None }));
    }
    for (id, why) in [(&refused, "marked"), (&blocked, "what it comes after")] {
        let Some(Ending::Rejected { error }) = client.ending(id) else { panic!("{:?}", client.ending(id)) };
        assert!(error.code == Code::Rejected && error.message.starts_with(why), "{error}");
    }
    assert_eq!(client.ending(&cancelled), Some(Ending::Cancelled));
    assert!(matches!(client.ending(&never), Some(Ending::Unknown { error }) if error.code == Code::WasmPanic));
    assert_eq!(client.ending(&other), None, "nobody waits for it");
    assert_eq!(client.ending(&pending), None);
    client.live(&mut server, 1_000);
    assert!(matches!(client.ending(&pending), Some(Ending::Applied { .. })));
    for id in [&first, &second, &refused, &blocked, &cancelled, &pending, &never] {
        assert_eq!(endings(&client, id), 1);
    }
}

#[test]
fn l11_what_was_merged_is_told_with_what_carries_it_on() {
    let mut server = Server::new();
    let mut other = another(&mut server);
    let mut client = opened(&mut server);
    other.mutate(put("k", "1")).unwrap();
    other.live(&mut server, 200);
    let id = client.mutate(Mutation::merge(at("k"), r#"{"n":2}"#).unwrap()).unwrap();
    client.pass(100);
    client.answer(&mut server);
    client.turn();
    let Some(Ending::Merged { by, .. }) = client.ending(&id) else { panic!("{:?}", client.ending(&id)) };
    let mut client = revived(client, &[&id]);
    assert_eq!(client.ending(&id), Some(Ending::Merged { by: by.clone(), maybe_applied: None }));
    client.live(&mut server, 1_000);
    assert!(matches!(client.ending(&by), Some(Ending::Applied { .. })));
    let client = revived(client, &[&id]);
    assert!(matches!(client.ending(&id), Some(Ending::Unknown { .. })), "what carried it on has ended, too");
}

#[test]
fn l11_without_a_store_nobody_can_say_it() {
    let awaited = vec!["018bcfe5-699a-7e7e-918c-79c715d575d0".to_owned()];
    let id = MutationId(awaited[0].as_str().into());
    let mut client = Client::without_a_store(Config { awaited, ..config() }, 1);
    let Some(syncline::engine::effect::Effect::Load { load, .. }) = client.loads.pop_front() else { panic!("it reads") };
    client.tell(Input::LoadFailed { load, why: StoreFailure::Unavailable { why: "blocked".into() } });
    assert!(matches!(client.ending(&id), Some(Ending::Unknown { error }) if error.code == Code::WasmPanic));
}
