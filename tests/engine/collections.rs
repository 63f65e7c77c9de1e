//! An app may look at all documents of a collection, whichever they are.

use std::collections::BTreeMap;

use serde_json::json;
use syncline::engine::View;
use syncline::engine::config::Config;
use syncline::engine::input::{Ask, Input};
use syncline::engine::notice::{Notice, ViewChange};
use syncline::protocol::{Address, Draft, Json};

use crate::harness::*;
use crate::tabs::Device;

/// All documents of the collection that the stories' documents are in.
fn all() -> Vec<Address> {
    vec![Address::of("c", "")]
}

/// Looks at all, from now on.
fn look(client: &mut Client) {
    client.tell(Input::Held { addresses: all(), held: true });
}

/// What somebody has who hears the notices, and nothing else.
fn told(client: &Client) -> BTreeMap<String, serde_json::Value> {
    let mut documents = BTreeMap::<String, Json>::new();
    for notice in &client.notices {
        let Notice::Changed { address, change } = notice else { continue };
        assert_eq!(&*address.collection, "c", "nobody looks at another one");
        let key = address.key.to_string();
        let now = match change {
            ViewChange::Value { value } => value.clone(),
            ViewChange::Operations { operations } => {
                let mut draft = Draft::of(documents.get(&key).cloned());
                operations.iter().for_each(|keyed| draft.apply(&keyed.operation).unwrap());
                draft.to_json()
            }
        };
        match now {
            Some(now) => documents.insert(key, now),
            None => documents.remove(&key),
        };
    }
    documents.into_iter().map(|(key, json)| (key, serde_json::from_str(json.as_str()).unwrap())).collect()
}

/// What there is of the documents `k0` to `k49`.
fn there(client: &mut Client) -> BTreeMap<String, serde_json::Value> {
    (0..50).map(|n| format!("k{n}")).filter_map(|key| client.view(&key).map(|value| (key, value))).collect()
}

fn elsewhere(server: &mut Server, seed: u64, keys: std::ops::Range<u32>) {
    let mut other = Client::open(Disk::default(), seed);
    for n in keys {
        other.mutate(put(&format!("k{n}"), &format!(r#"{{"n":{n},"t":"{}"}}"#, "x".repeat(500)))).unwrap();
        other.mutate(syncline::engine::mutation::Mutation::put(Address::of("d", &format!("k{n}")), "1").unwrap()).unwrap();
    }
    other.live(server, 2_000);
}

/// Few documents are in memory, and many pages hold them.
fn small() -> Config {
    Config { memory_bytes_max: 4_000, page_directly_bytes: 64, page_bytes: 1_500, ..config() }
}

#[test]
fn whoever_looks_at_a_collection_hears_of_each_document_that_comes_changes_or_goes() {
    let mut server = Server::new();
    let mut client = Client::with(config(), Disk::default(), 1);
    client.turn();
    client.mutate(put("k1", r#"{"n":1}"#)).unwrap();
    look(&mut client);
    assert_eq!(told(&client), BTreeMap::from([("k1".into(), json!({"n":1}))]), "what is there is told at once");
    client.mutate(put("k2", r#"{"n":2}"#)).unwrap();
    client.mutate(merge("k1", r#"{"mine":true}"#)).unwrap();
    assert_eq!(told(&client).len(), 2, "and what is written in the same tick");
    elsewhere(&mut server, 100, 3..9);
    client.live(&mut server, 20_000);
    assert_eq!(told(&client).len(), 8);
    client.mutate(syncline::engine::mutation::Mutation::delete(at("k4"))).unwrap();
    assert_eq!((told(&client).len(), told(&client)), (7, there(&mut client)));
    client.tell(Input::Held { addresses: all(), held: false });
    let heard = client.notices.iter().filter(|notice| matches!(notice, Notice::Changed { .. })).count();
    client.mutate(put("k1", "1")).unwrap();
    assert_eq!(client.notices.iter().filter(|notice| matches!(notice, Notice::Changed { .. })).count(), heard);
}

#[test]
fn a_collection_that_is_looked_at_is_read_from_all_its_pages_and_stays() {
    let mut server = Server::new();
    elsewhere(&mut server, 100, 0..50);
    let mut client = Client::with(small(), Disk::default(), 1);
    client.live(&mut server, 2_000);
    let mut client = client.crash_with(small());
    client.turn();
    client.storing = false;
    look(&mut client);
    let ask = client.ask(Ask::Load { addresses: all() });
    assert!(client.answered(ask).is_none() && told(&client).len() < 50, "its pages are read");
    client.storing = true;
    client.store();
    assert_eq!((client.answered(ask), told(&client).len()), (Some(None), 50));
    for n in 0..50 {
        let other = Address::of("d", &format!("k{n}"));
        client.ask(Ask::Load { addresses: vec![other] });
    }
    assert!((0..50).all(|n| client.engine.view(&at(&format!("k{n}"))) != View::NotLoaded), "nothing of it makes room for others");
    elsewhere(&mut server, 200, 7..9);
    client.live(&mut server, 20_000);
    assert_eq!(told(&client), there(&mut client));
}

#[test]
fn a_tab_that_looks_at_a_collection_hears_what_others_write_pull_and_fold() {
    let mut server = Server::new();
    let mut device = Device::of(Config { compact_bytes_min: 1, compact_idle_ms: 20, ..config() }, 1);
    device.at(1, look);
    device.at(0, |tab| tab.mutate(put("k1", r#"{"n":1}"#)).unwrap());
    device.live(&mut server, 300);
    elsewhere(&mut server, 300, 2..7);
    device.live(&mut server, 20_000);
    assert!(!device.disk.pages.is_empty(), "it was folded");
    device.at(0, |tab| tab.mutate(merge("k2", r#"{"mine":true}"#)).unwrap());
    device.live(&mut server, 300);
    let there = there(&mut device.tabs[1]);
    assert_eq!((told(&device.tabs[1]), there.len()), (there, 6));
}

#[test]
fn what_is_new_where_everything_was_read_anew_is_told_as_well() {
    let mut server = Server::new();
    let mut device = Device::of(Config { compact_bytes_min: 1, compact_idle_ms: 20, ..config() }, 1);
    device.at(1, look);
    device.at(0, |tab| tab.mutate(put("k1", r#"{"n":1}"#)).unwrap());
    device.live(&mut server, 300);
    // It hears of nothing, and what it has not read is folded away meanwhile.
    device.hears = false;
    elsewhere(&mut server, 400, 2..7);
    device.at(0, |tab| tab.ask(Ask::Pull));
    device.live(&mut server, 5_000);
    device.at(0, |tab| tab.mutate(syncline::engine::mutation::Mutation::delete(at("k1"))).unwrap());
    device.live(&mut server, 5_000);
    device.at(0, |tab| tab.mutate(put("k9", "9")).unwrap());
    device.hears = true;
    device.at(1, |tab| tab.tell(Input::BecameHidden));
    device.at(1, |tab| tab.tell(Input::BecameVisible));
    assert_eq!(told(&device.tabs[1]).get("k9"), Some(&json!(9)), "in the log");
    assert_eq!(told(&device.tabs[1]).len(), 6, "and in pages");
    device.live(&mut server, 5_000);
    let there = there(&mut device.tabs[1]);
    assert_eq!((told(&device.tabs[1]), there.len()), (there, 6));
}
