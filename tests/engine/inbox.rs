//! What was refused stays until the app makes it anew or gives it up.

use serde_json::{Value, json};
use syncline::engine::config::Config;
use syncline::engine::error::Code;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Ask, Input};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice};

use crate::harness::*;

/// The inbox as the notices so far add up: header and body of each.
fn inbox(client: &Client) -> Vec<(Value, Value)> {
    let mut items: Vec<(Value, Value)> = Vec::new();
    for notice in &client.notices {
        match notice {
            Notice::InboxAdded { item, write } => {
                let parsed = [item, write].map(|text| serde_json::from_str(text).expect("JSON"));
                let [item, write]: [Value; 2] = parsed;
                assert!(!items.iter().any(|(other, _)| other["entry"] == item["entry"]), "it is told once");
                items.push((item, write));
            }
            Notice::InboxRemoved { entry } => items.retain(|(item, _)| item["entry"] != *entry.0),
            _ => {}
        }
    }
    assert_eq!(items.len(), client.status().inbox as usize);
    items
}

fn retry(client: &mut Client, id: &MutationId, edited: Option<&str>) -> Option<Code> {
    let ask = client.ask(Ask::Retry { entry: id.clone(), edited: edited.map(str::to_owned) });
    client.answered(ask).expect("an answer").map(|error| error.code)
}

fn discard(client: &mut Client, id: &MutationId) -> Option<Code> {
    let ask = client.ask(Ask::Discard { entry: id.clone() });
    client.answered(ask).expect("an answer").map(|error| error.code)
}

/// A client of which the server has refused a change of a document that it has.
fn refused(server: &mut Server) -> (Client, MutationId) {
    let mut client = opened(server);
    client.mutate(put("k", r#"{"n":1}"#)).unwrap();
    client.live(server, 200);
    let id = client.mutate(Mutation::merge(at("k"), r#"{"n":2,"reject":true}"#).unwrap()).unwrap();
    client.live(server, 200);
    assert!(matches!(client.ending(&id), Some(Ending::Rejected { .. })));
    (client, id)
}

#[test]
fn h1_an_item_has_its_reason_and_what_the_document_was_and_would_be() {
    let mut server = Server::new();
    let (client, id) = refused(&mut server);
    let told = inbox(&client);
    let [(item, write)] = &told[..] else { panic!("one item") };
    assert_eq!((&item["entry"], &item["members"], &item["ending"]), (&json!(*id.0), &json!([*id.0]), &json!("rejected")));
    assert_eq!((&item["error"]["code"], &item["fields"]), (&json!("REJECTED"), &json!({"/reject":"must not be true"})));
    let operations = json!([{"op":"patch","collection":"c","key":"k","set":{"/n":2,"/reject":true},"remove":[]}]);
    assert_eq!(write["operations"], operations);
    assert_eq!(write["documents"], json!([{"collection":"c","key":"k","base":{"n":1},"local":{"n":2,"reject":true}}]));
    let again = client.crash();
    assert_eq!(inbox(&again), told, "and after a restart the same");
}

#[test]
fn discarded_it_is_gone_for_good() {
    let mut server = Server::new();
    let (mut client, id) = refused(&mut server);
    assert_eq!(discard(&mut client, &id), None);
    assert!(inbox(&client).is_empty());
    assert_eq!(discard(&mut client, &id), Some(Code::Validation), "it is not there twice");
    assert_eq!(retry(&mut client, &id, None), Some(Code::Validation));
    let mut client = client.crash();
    client.live(&mut server, 1_000);
    assert!(inbox(&client).is_empty());
    assert_eq!((client.view("k"), client.status().pending_mutations), (Some(json!({"n":1})), 0));
}

#[test]
fn a_discarded_item_leaves_the_log_with_the_next_fold() {
    let mut server = Server::new();
    let mut client = Client::with(Config { poll_base_ms: 1 << 40, compact_bytes_min: 1, ..config() }, Disk::default(), 1);
    client.live(&mut server, 10);
    let id = client.mutate(put("k", r#"{"reject":true}"#)).unwrap();
    client.live(&mut server, 5_000);
    let has_it = |client: &Client| client.disk.log.values().any(|commit| commit.windows(36).any(|bytes| bytes == id.0.as_bytes()));
    assert!(has_it(&client));
    discard(&mut client, &id);
    client.live(&mut server, 5_000);
    assert!(!has_it(&client));
}

#[test]
fn retried_it_is_a_write_of_its_own_in_the_same_commit() {
    let mut server = Server::new();
    let (mut client, id) = refused(&mut server);
    client.storing = false;
    let ask = client.ask(Ask::Retry { entry: id.clone(), edited: None });
    assert_eq!(client.writes.len(), 1);
    assert_eq!(client.view("k"), Some(json!({"n":2,"reject":true})), "it shows at once");
    assert_eq!(client.answered(ask), None, "and is answered when it is kept");
    client.storing = true;
    client.store();
    assert_eq!(client.answered(ask), Some(None));
    assert!(inbox(&client).is_empty());
    let mut client = client.crash();
    assert!(inbox(&client).is_empty());
    assert_eq!(client.view("k"), Some(json!({"n":2,"reject":true})));
    client.live(&mut server, 1_000);
    let told = inbox(&client);
    assert_eq!(told.len(), 1, "refused once more, it is there under its own name");
    assert_ne!(told[0].0["entry"], *id.0);
    assert_eq!(client.view("k"), Some(json!({"n":1})));
}

#[test]
fn edited_its_document_becomes_what_the_app_says() {
    let mut server = Server::new();
    let (mut client, id) = refused(&mut server);
    for (bad, code) in [("not JSON", Code::InvalidDocument), (r#""\ud800""#, Code::InvalidDocument)] {
        assert_eq!(retry(&mut client, &id, Some(bad)), Some(code));
        assert_eq!(inbox(&client).len(), 1, "and nothing has changed");
    }
    assert_eq!(retry(&mut client, &id, Some(r#"{"n":3}"#)), None);
    client.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({"n":3})));
    assert!(inbox(&client).is_empty());
}

#[test]
fn a_splice_that_is_retried_finds_its_place_in_what_the_text_has_become() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", r#"{"t":"one two"}"#)).unwrap();
    client.live(&mut server, 200);
    client.mutate(splice("k", 7, 0, " three")).unwrap();
    let id = client.mutate(Mutation::merge(at("k"), r#"{"reject":true}"#).unwrap()).unwrap();
    client.live(&mut server, 200);
    assert!(matches!(client.ending(&id), Some(Ending::Rejected { .. })));
    let name = inbox(&client)[0].0["entry"].as_str().unwrap().to_owned();
    client.mutate(splice("k", 0, 3, "1")).unwrap();
    client.live(&mut server, 200);
    let ask = client.ask(Ask::Retry { entry: MutationId(name.as_str().into()), edited: None });
    assert_eq!(client.answered(ask), Some(None));
    assert_eq!(client.view("k"), Some(json!({"t":"1 two three","reject":true})));
    let mut client = client.crash();
    assert_eq!(client.view("k"), Some(json!({"t":"1 two three","reject":true})), "what it was made on is kept, too");
    client.live(&mut server, 1_000);
    assert_eq!(inbox(&client)[0].1["documents"][0]["local"], json!({"t":"1 two three","reject":true}));
}

#[test]
fn i26_a_group_is_one_item_with_all_its_documents() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("a", "1")).unwrap();
    client.live(&mut server, 200);
    let group = Mutation::group(vec![put("a", "2"), put("b", r#"{"reject":true}"#)]).unwrap();
    let id = client.mutate(group).unwrap();
    client.live(&mut server, 200);
    let documents = &inbox(&client)[0].1["documents"];
    let expected = json!([
        {"collection":"c","key":"a","base":1,"local":2},
        {"collection":"c","key":"b","local":{"reject":true}},
    ]);
    assert_eq!(*documents, expected);
    assert_eq!(retry(&mut client, &id, Some("3")), Some(Code::Validation), "a group is not edited");
    assert_eq!(retry(&mut client, &id, None), None);
    assert_eq!((client.view("a"), client.status().pending_mutations), (Some(json!(2)), 1));
    client.live(&mut server, 200);
    assert_eq!((client.view("a"), inbox(&client).len()), (Some(json!(1)), 1));
}

#[test]
fn i8_what_was_blocked_has_what_it_would_have_made() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let first = client.mutate(put("a", r#"{"reject":true}"#)).unwrap();
    let second = client.mutate(put("b", "2").after(vec![first])).unwrap();
    client.live(&mut server, 200);
    let (item, write) = &inbox(&client)[1];
    assert_eq!((&item["entry"], &item["ending"]), (&json!(*second.0), &json!("blockedBy")));
    assert_eq!(write["documents"], json!([{"collection":"c","key":"b","local":2}]));
    assert_eq!(retry(&mut client, &second, None), None);
    client.live(&mut server, 200);
    assert_eq!(server.document("b"), Some(json!(2)), "alone it is as good as any");
}

#[test]
fn the_servers_value_is_there_where_it_gave_one() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", r#"{"by":"me"}"#)).unwrap();
    let scope = &config().scope;
    for round in 0..30 {
        for _ in 0..400 {
            client.pass(if client.has_push() { 0 } else { 1_000 });
        }
        if !client.has_push() {
            break;
        }
        let (request, ids, _) = client.take_push();
        let outcome = format!(
            r#"{{"id":"{}","outcome":"conflict","version":"v{round}","value":{{"by":"them","n":{round}}},"valueSeq":{}}}"#,
            ids[0],
            round + 5
        );
        client.reply(request, json(200, &format!(r#"{{"generation":"g1","scope":"{scope}","outcomes":[{outcome}]}}"#)));
    }
    let told = inbox(&client);
    let document = &told[0].1["documents"][0];
    assert_eq!(document["server"], json!({"by":"them","n":20}));
    assert_eq!(document["local"], json!({"by":"me"}));
}

#[test]
fn a_full_inbox_takes_no_write_but_can_be_emptied() {
    let mut server = Server::new();
    let mut client = Client::with(Config { inbox_max: 1, ..config() }, Disk::default(), 1);
    let id = client.mutate(put("k", r#"{"reject":true}"#)).unwrap();
    client.live(&mut server, 200);
    assert_eq!(client.mutate(put("k", "1")).unwrap_err().code, Code::QueueFull);
    assert_eq!(retry(&mut client, &id, Some("1")), None);
    client.live(&mut server, 200);
    assert_eq!(server.document("k"), Some(json!(1)));
    let mut client = Client::with(Config { inbox_bytes_max: 100, ..config() }, Disk::default(), 1);
    client.mutate(put("k", r#"{"reject":true}"#)).unwrap();
    client.live(&mut server, 200);
    assert_eq!(client.mutate(put("k", "1")).unwrap_err().code, Code::QueueFull, "and by its bytes");
}

#[test]
fn a_retry_that_cannot_be_kept_is_answered_so() {
    let mut server = Server::new();
    let (mut client, id) = refused(&mut server);
    client.disk.meta.as_mut().unwrap().store_epoch += 1;
    assert_eq!(retry(&mut client, &id, None), Some(Code::StorageUnavailable));
    client.tell(Input::Woke);
    assert_eq!(discard(&mut client, &id), None, "once it knows what the other client has done");
}

#[test]
fn a_retry_that_another_client_cuts_off_leaves_the_item_where_it_was() {
    let mut server = Server::new();
    let (mut client, id) = refused(&mut server);
    let before = inbox(&client);
    client.disk.meta.as_mut().unwrap().store_epoch += 1;
    assert_eq!(retry(&mut client, &id, None), Some(Code::StorageUnavailable));
    assert_eq!(inbox(&client), before, "the call has failed, and the other client has it");
    assert_eq!(client.view("k"), Some(json!({"n":1})), "what it would have made is not there");
    let (mut client, id) = refused(&mut server);
    let before = inbox(&client);
    client.disk.meta.as_mut().unwrap().store_epoch += 1;
    assert_eq!(discard(&mut client, &id), Some(Code::StorageUnavailable));
    assert_eq!(inbox(&client), before);
}

/// A client with an item made anew, and a write that comes after what it was.
fn written_after_what_was_retried(client: &mut Client, id: &MutationId) -> MutationId {
    assert_eq!(retry(client, id, Some(r#"{"n":3}"#)), None);
    client.mutate(put("other", "1").after(vec![id.clone()])).unwrap()
}

#[test]
fn i9_what_comes_after_a_retried_write_waits_for_it() {
    let mut server = Server::new();
    let (mut client, id) = refused(&mut server);
    let later = written_after_what_was_retried(&mut client, &id);
    client.pass(100);
    let (request, ids, body) = client.take_push();
    assert!(ids.len() == 1 && !ids.contains(&later.to_string()), "{ids:?}");
    let reply = server.push(&client.engine.identity(), &body);
    client.reply(request, reply);
    client.pass(100);
    assert_eq!(client.take_push().1, [later.to_string()]);
}

#[test]
fn i9_what_comes_after_a_retried_write_that_is_on_its_way_waits_for_it() {
    for first in [false, true] {
        let mut server = Server::new();
        let (mut client, id) = refused(&mut server);
        if !first {
            // Then the retried one is no more than a member of the entry.
            client.mutate(put("k", r#"{"n":0}"#)).unwrap();
        }
        assert_eq!(retry(&mut client, &id, Some(r#"{"n":3}"#)), None);
        client.pass(100);
        let (request, ids, body) = client.take_push();
        assert_eq!(ids.len(), 1);
        let later = client.mutate(put("other", "1").after(vec![id])).unwrap();
        client.pass(200);
        assert!(!client.has_push());
        let reply = server.push(&client.engine.identity(), &body);
        client.reply(request, reply);
        client.pass(100);
        assert_eq!(client.take_push().1, [later.to_string()]);
    }
}

#[test]
fn i8_what_comes_after_a_retried_write_that_is_refused_again_goes_with_it() {
    let mut server = Server::new();
    let (mut client, first) = refused(&mut server);
    assert_eq!(retry(&mut client, &first, None), None);
    let later = client.mutate(put("other", "1").after(vec![first.clone()])).unwrap();
    client.live(&mut server, 1_000);
    assert!(matches!(client.ending(&later), Some(Ending::Rejected { .. })), "{:?}", client.ending(&later));
    assert_eq!(server.document("other"), None);
    let error = client.mutate(put("other", "2").after(vec![first])).unwrap_err();
    assert_eq!(error.code, Code::Rejected, "it is known by the name that it had first");
}
