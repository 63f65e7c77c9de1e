//! Splices that come back after the store was lost.

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::effect::Effect;
use syncline::engine::input::Input;

use super::{applied, begun, mirrored, open, reset, unopened};
use crate::harness::*;

/// A client that has a text at the server.
fn written() -> (Server, Client) {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.mutate(put("k", r#"{"t":"one"}"#)).unwrap();
    client.live(&mut server, 500);
    (server, client)
}

/// Somebody else writes in front of it.
fn move_text(server: &mut Server) {
    let mut other = another(server);
    other.mutate(splice("k", 0, 0, "> ")).unwrap();
    other.live(server, 500);
}

#[test]
fn s5_splices_wait_for_their_text_and_fit_where_it_is_as_it_was() {
    let (mut server, mut client) = written();
    client.tell(Input::WentOffline);
    let ids = [client.mutate(splice("k", 3, 0, " two")).unwrap(), client.mutate(splice("k", 7, 0, " three")).unwrap()];
    client.turn();
    let mut client = reset(client);
    client.pass(500);
    assert!(!client.has_push(), "what they were made on is to be pulled first");
    client.live(&mut server, 1_000);
    assert!(applied(&client, &ids));
    assert_eq!(server.document("k"), Some(json!({"t":"one two three"})));
}

#[test]
fn s5_a_splice_whose_text_is_another_one_by_now_is_merged() {
    let (mut server, mut client) = written();
    client.tell(Input::WentOffline);
    let ids = [client.mutate(splice("k", 3, 0, " two")).unwrap(), client.mutate(splice("k", 7, 0, " three")).unwrap()];
    client.turn();
    move_text(&mut server);
    let mut client = reset(client);
    client.live(&mut server, 1_000);
    assert_eq!((server.document("k"), applied(&client, &ids)), (Some(json!({"t":"> one two three"})), true));
}

#[test]
fn s5_what_was_typed_on_is_known_wherever_the_run_of_it_was_cut() {
    // What is frozen, and then what has arrived, before the store is lost: nothing, the first splice, and the first with the word of it.
    for (is_frozen, is_heard) in [(false, false), (true, false), (true, true)] {
        for begins_anew in [false, true] {
            let (mut server, mut client) = written();
            let mut ids = vec![client.mutate(splice("k", 3, 0, " two")).unwrap()];
            client.turn();
            let mut under_way = None;
            if is_frozen {
                client.pass(100);
                under_way = Some(client.take_push());
            }
            ids.push(client.mutate(splice("k", 7, 0, " three")).unwrap());
            client.turn();
            if let Some((request, _, body)) = under_way {
                let reply = server.push(&client.engine.identity(), &body);
                if is_heard {
                    client.reply(request, reply);
                    client.turn();
                }
            }
            client.tell(Input::WentOffline);
            client.turn();
            if begins_anew {
                client.tell(Input::MirrorParted);
                client.turn();
            }
            move_text(&mut server);
            let mut client = reset(client);
            client.live(&mut server, 2_000);
            let seen = (server.document("k"), client.status().inbox, client.status().pending_mutations);
            assert_eq!(seen, (Some(json!({"t":"> one two three"})), 0, 0), "{is_frozen} {is_heard} {begins_anew}");
        }
    }
}

#[test]
fn s5_what_two_tabs_typed_one_behind_the_other_comes_back_whole() {
    let (mut server, mut client) = written();
    client.tell(Input::WentOffline);
    let mut follower = unopened(mirrored(), client.disk.clone(), client.files.clone(), 20);
    follower.tell(Input::LockLost);
    follower.tell(Input::Started);
    follower.turn();
    follower.mutate(splice("k", 3, 0, " two")).unwrap();
    follower.turn();
    client.disk = follower.disk.clone();
    client.tell(Input::Heard { message: syncline::engine::message::Message::Grew { position: client.disk.last } });
    client.turn();
    assert_eq!(client.view("k"), Some(json!({"t":"one two"})));
    client.mutate(splice("k", 7, 0, " three")).unwrap();
    client.turn();
    move_text(&mut server);
    let mut client = reset(client);
    client.live(&mut server, 2_000);
    assert_eq!((server.document("k"), client.status().inbox), (Some(json!({"t":"> one two three"})), 0));
}

#[test]
fn s5_s17_a_text_that_a_splice_was_about_to_be_frozen_on_is_not_taken_for_the_one_it_was_typed_on() {
    let (mut server, mut client) = written();
    client.tell(Input::WentOffline);
    client.mutate(splice("k", 3, 0, " two")).unwrap();
    client.turn();
    move_text(&mut server);
    let mut client = reset(client);
    while client.view("k") != Some(json!({"t":"> one two"})) {
        client.pass(1);
        if !client.has_push() {
            client.live(&mut server, 1);
        }
    }
    client.store();
    client.storing = false;
    client.pass(1_000);
    assert!(!client.has_push(), "its freezing is not stored");
    let mut client = reset(client);
    client.live(&mut server, 2_000);
    assert_eq!((server.document("k"), client.status().inbox), (Some(json!({"t":"> one two"})), 0));
}

#[test]
fn s5_the_file_of_a_tab_that_is_gone_stays_until_the_texts_of_its_splices_are_read() {
    let config = || Config { compact_idle_ms: 20, compact_bytes_min: 0, page_directly_bytes: 1, ..mirrored() };
    let mut server = Server::new();
    let mut client = open(config(), Disk::default(), Default::default(), 1);
    client.mutate(put("k", r#"{"t":"one"}"#)).unwrap();
    client.live(&mut server, 5_000);
    client.tell(Input::WentOffline);
    client.mutate(splice("k", 3, 0, " two")).unwrap();
    client.turn();
    move_text(&mut server);

    let mut client = unopened(config(), client.disk, client.files, 20);
    client.storing = false;
    client.tell(Input::Started);
    client.turn();
    let Some(Effect::Load { load, what }) = client.loads.pop_front() else { panic!("it is read") };
    let found = client.disk.load(&what);
    client.tell(Input::Loaded { load, found });
    client.turn();
    assert!(!client.loads.is_empty(), "the page of its document is not read yet");
    while let Some(write) = client.writes.pop_front() {
        let position = client.disk.apply(&write).unwrap();
        client.tell(Input::Written { write: write.write, position });
        client.turn();
    }
    let mut client = reset(client);
    client.live(&mut server, 2_000);
    assert_eq!((server.document("k"), client.status().inbox), (Some(json!({"t":"> one two"})), 0));
}
