//! The harness for tests of apps, used as an app would.

use serde_json::{Value, json};
use syncline::engine::config::Config;
use syncline::engine::error::{Code, Fault};
use syncline::engine::input::Ask;
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Phase};
use syncline::protocol::Address;
use syncline::sim::action::Edit;
use syncline::sim::harness::{Client, Harness};

type Done = Result<(), Fault>;

const THREAD: &str = "threads/1";

fn message(id: &str, text: &str) -> Value {
    json!([{ "id": id, "text": text }])
}

/// A thread that both clients have, without messages.
fn thread(harness: &mut Harness, client: Client) -> Done {
    harness.put(client, THREAD, json!({ "title": "plans", "messages": [] }))?;
    harness.wait_for_sync()
}

fn ids(document: &Option<Value>) -> Vec<&str> {
    let messages = document.as_ref().and_then(|document| document["messages"].as_array());
    messages.into_iter().flatten().filter_map(|message| message["id"].as_str()).collect()
}

#[test]
fn two_clients_add_a_message_to_one_thread_at_once_and_both_end_with_both() -> Done {
    for seed in 0..50 {
        let mut harness = Harness::new(seed);
        let (ann, ben) = (harness.create_client("team"), harness.create_client("team"));
        thread(&mut harness, ann)?;
        harness.append(ann, THREAD, "/messages", message("a", "from Ann"))?;
        harness.append(ben, THREAD, "/messages", message("b", "from Ben"))?;
        // Each sees its own at once, and knows nothing of the other.
        assert_eq!(ids(&harness.read(ann, THREAD)?), ["a"]);
        assert_eq!(ids(&harness.read(ben, THREAD)?), ["b"]);
        harness.wait_for_sync()?;
        let (ann, ben) = (harness.read(ann, THREAD)?, harness.read(ben, THREAD)?);
        assert_eq!(ann, ben, "seed {seed}");
        assert_eq!(ann, harness.on_server("team", THREAD));
        let mut both = ids(&ann);
        both.sort();
        assert_eq!(both, ["a", "b"]);
    }
    Ok(())
}

#[test]
fn what_is_written_offline_is_one_pending_item_and_reaches_the_server_when_the_network_is_back() -> Done {
    for seed in 0..50 {
        let mut harness = Harness::new(seed);
        let client = harness.create_client("team");
        thread(&mut harness, client)?;
        harness.append(client, THREAD, "/messages", message("1", "online"))?;
        harness.wait_for_sync()?;
        harness.disconnect(client);
        let second = harness.append(client, THREAD, "/messages", message("2", "offline"))?;
        let third = harness.append(client, THREAD, "/messages", message("3", "offline, too"))?;
        harness.advance(10 * 60_000);
        assert_eq!(harness.pending_items(client), [THREAD]);
        assert_eq!(harness.pending_mutations(client), [second.clone(), third.clone()]);
        assert_eq!(harness.status(client).phase, Phase::Offline);
        assert_eq!(ids(&harness.on_server("team", THREAD)), ["1"]);
        assert_eq!(harness.ending(client, &third), None);

        harness.connect(client);
        harness.wait_for_sync()?;
        assert!(harness.pending_items(client).is_empty() && harness.pending_mutations(client).is_empty());
        assert_eq!(ids(&harness.on_server("team", THREAD)), ["1", "2", "3"]);
        assert!(matches!(harness.ending(client, &second), Some(Ending::Applied { .. })));
        assert!(matches!(harness.ending(client, &third), Some(Ending::Applied { .. })));
    }
    Ok(())
}

#[test]
#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "how fast it really is")]
fn a_thousand_messages_sync_at_far_more_than_a_hundred_a_second() -> Done {
    const MESSAGES: u64 = 1_000;
    let mut harness = Harness::new(1);
    let (ann, ben) = (harness.create_client("team"), harness.create_client("team"));
    let (began, really_began) = (harness.now(), std::time::Instant::now());
    for number in 0..MESSAGES {
        harness.put(ann, &format!("messages/{number}"), json!({ "text": "x".repeat(250), "number": number }))?;
    }
    assert_eq!(harness.pending_items(ann).len() as u64, MESSAGES);
    harness.wait_for_sync()?;
    let (ms, really) = (harness.now() - began, really_began.elapsed().as_secs_f64());
    for number in [0, 500, 999] {
        assert_eq!(harness.read(ben, &format!("messages/{number}"))?.unwrap()["number"], number);
    }
    println!("{MESSAGES} messages in {ms} virtual ms; in {really:.3} s on this machine, {:.0} a second", MESSAGES as f64 / really);
    assert!(MESSAGES * 1_000 / ms > 1_000, "{ms} ms");
    Ok(())
}

#[test]
fn i25_the_same_seed_is_the_same_run() -> Done {
    let run = |seed| -> Result<_, Fault> {
        let mut harness = Harness::new(seed);
        let (ann, ben) = (harness.create_client("team"), harness.create_client("team"));
        let id = harness.put(ann, THREAD, json!({ "n": 1 }))?;
        harness.update(ben, THREAD, json!({ "n": 2 }))?;
        harness.wait_for_sync()?;
        Ok((id, harness.now(), harness.on_server("team", THREAD)))
    };
    assert_eq!(run(7)?, run(7)?);
    assert_ne!(run(7)?.0, run(8)?.0);
    Ok(())
}

#[test]
fn what_was_stored_outlasts_a_restart() -> Done {
    let mut harness = Harness::new(1);
    let client = harness.create_client("team");
    harness.disconnect(client);
    harness.put(client, THREAD, json!({ "title": "kept" }))?;
    // It is stored a few milliseconds later, and not before.
    harness.advance(10);
    let lost = harness.put(client, "threads/2", json!({ "title": "lost" }))?;
    harness.restart(client);
    assert_eq!(harness.pending_items(client), [THREAD]);
    assert_eq!(harness.read(client, "threads/2")?, None);
    assert_eq!(harness.ending(client, &lost), None);
    harness.connect(client);
    harness.wait_for_sync()?;
    assert_eq!(harness.on_server("team", THREAD), Some(json!({ "title": "kept" })));
    Ok(())
}

#[test]
fn what_is_refused_is_in_the_inbox_and_can_be_made_anew() -> Done {
    let mut harness = Harness::new(1);
    let client = harness.create_client("team");
    // The reference server refuses what says so.
    let refused = harness.put(client, THREAD, json!({ "title": "no", "reject": true }))?;
    harness.wait_for_sync()?;
    assert!(matches!(harness.ending(client, &refused), Some(Ending::Rejected { .. })));
    let inbox = harness.inbox(client);
    assert_eq!((inbox.len(), &inbox[0]["documents"][0]["local"]["title"]), (1, &json!("no")));
    assert_eq!(harness.read(client, THREAD)?, None);
    harness.ask(client, Ask::Retry { entry: refused, edited: Some(r#"{"title":"yes"}"#.into()) })?;
    harness.wait_for_sync()?;
    assert!(harness.inbox(client).is_empty());
    assert_eq!(harness.on_server("team", THREAD), Some(json!({ "title": "yes" })));
    Ok(())
}

#[test]
fn users_have_their_own_documents_and_a_group_is_whole() -> Done {
    let mut harness = Harness::new(1);
    let config = Config { auth: true, ..Config::default() };
    let (ann, eve) = (harness.create_client_with("ann", config), harness.create_client("eve"));
    let move_money =
        vec![Mutation::put(Address::of("accounts", "a"), r#"{"n":1}"#)?, Mutation::put(Address::of("accounts", "b"), r#"{"n":2}"#)?];
    harness.write(ann, Mutation::group(move_money)?)?;
    assert_eq!((harness.pending_items(ann).len(), harness.pending_mutations(ann).len()), (2, 1));
    harness.wait_for_sync()?;
    assert_eq!(harness.on_server("ann", "accounts/b"), Some(json!({ "n": 2 })));
    assert_eq!(harness.read(eve, "accounts/b")?, None);
    harness.delete(ann, "accounts/b")?;
    harness.write_on_server("ann", "accounts/a", &Edit::Put(json!({ "n": 7 })));
    harness.wait_for_sync()?;
    assert_eq!((harness.read(ann, "accounts/a")?, harness.on_server("ann", "accounts/b")), (Some(json!({ "n": 7 })), None));
    Ok(())
}

#[test]
fn a_wait_for_what_cannot_come_ends_and_says_who_has_what() {
    let mut harness = Harness::new(1);
    let client = harness.create_client("team");
    harness.put(client, THREAD, json!({})).unwrap();
    harness.tell(client, syncline::engine::input::Input::Stopped { stopped: true });
    let error = harness.wait_for_sync().unwrap_err();
    assert_eq!(error.code, Code::Timeout);
    assert!(error.message.contains("client 0 still has 1 writes"), "{}", error.message);
    assert_eq!(harness.ask(client, Ask::Pull).unwrap_err().code, Code::Timeout);
}
