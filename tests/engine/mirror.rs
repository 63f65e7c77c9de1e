//! Unsent writes are kept a second time, and come back when the store is lost: once, and told.

use std::collections::BTreeMap;

use serde_json::json;
use syncline::engine::config::Config;
use syncline::engine::effect::Effect;
use syncline::engine::ident::MutationId;
use syncline::engine::input::{Ask, Input, StoreFailure};
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice};

use crate::harness::*;

mod groups;
mod texts;

type Files = BTreeMap<String, Vec<u8>>;

fn mirrored() -> Config {
    Config { mirror: true, witnessed: true, poll_base_ms: 1 << 40, ..config() }
}

/// A client over this disk, on a device with these mirror files.
fn open(config: Config, disk: Disk, files: Files, seed: u64) -> Client {
    let mut client = unopened(config, disk, files, seed);
    client.tell(Input::Started);
    client.turn();
    client
}

fn unopened(config: Config, disk: Disk, files: Files, seed: u64) -> Client {
    let mut client = Client::fresh(config, seed);
    (client.disk, client.files, client.storing) = (disk, files, true);
    client
}

/// One that has pulled.
fn begun(server: &mut Server) -> Client {
    let mut client = open(mirrored(), Disk::default(), Files::new(), 1);
    client.live(server, 10);
    client
}

/// The browser is killed, and starts without what it had stored but for its files.
fn reset(client: Client) -> Client {
    open(mirrored(), Disk::default(), client.files, 50)
}

/// How many were brought back, and lost, as the app was told.
fn told(client: &Client) -> Vec<(u32, Option<u32>)> {
    let reset = |notice: &Notice| if let Notice::Reset { recovered, lost } = notice { Some((*recovered, *lost)) } else { None };
    client.notices.iter().filter_map(reset).collect()
}

fn applied(client: &Client, ids: &[MutationId]) -> bool {
    ids.iter().all(|id| matches!(client.ending(id), Some(Ending::Applied { .. })))
}

/// Writes that have not ended, in the order in which they stand.
fn pending(client: &Client) -> Vec<MutationId> {
    client.engine.pending_mutations()
}

#[test]
fn s5_what_was_not_sent_comes_back_once_and_is_told() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let ids: Vec<_> = (0..3).map(|n| client.mutate(put(&format!("k{n}"), "1")).unwrap()).collect();
    client.turn();
    assert!(ids.iter().all(|id| client.is_durable(id)));
    let name = client.engine.identity();
    let mut client = reset(client);
    assert_eq!((pending(&client), told(&client)), (ids.clone(), vec![(3, None)]));
    assert_eq!(client.engine.identity().client, name.client, "to the server it is the same installation");
    assert!(client.engine.identity().session_epoch > name.session_epoch + 1_000);
    client.live(&mut server, 1_000);
    assert!(applied(&client, &ids));
    assert_eq!((server.document("k0"), server.document("k2")), (Some(json!(1)), Some(json!(1))));
    // What was lost stays lost, and is told once.
    let mut client = open(mirrored(), client.disk, client.files, 51);
    client.live(&mut server, 1_000);
    assert_eq!((told(&client), client.status().pending_mutations), (vec![], 0));
}

#[test]
fn s5_a_frozen_entry_goes_again_byte_for_byte_whether_it_had_arrived_or_not() {
    for arrived in [false, true] {
        let mut server = Server::new();
        let mut client = begun(&mut server);
        let id = client.mutate(merge("k", r#"{"n":1}"#)).unwrap();
        client.pass(100);
        let (_, _, body) = client.take_push();
        if arrived {
            let asker = client.engine.identity();
            server.push(&asker, &body);
        }
        let mut client = reset(client);
        assert_eq!(told(&client), [(1, None)]);
        client.pass(100);
        let (request, _, again) = client.take_push();
        assert_eq!(again, body);
        let asker = client.engine.identity();
        let reply = server.push(&asker, &again);
        client.reply(request, reply);
        client.live(&mut server, 1_000);
        assert!(applied(&client, &[id]), "arrived: {arrived}");
        assert_eq!((server.document("k"), server.store.documents(&config().scope).count()), (Some(json!({"n":1})), 1));
    }
}

#[test]
fn s17_nothing_is_sent_that_the_mirror_does_not_know_of() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.mirroring = false;
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    assert!(!client.has_push(), "it is frozen, and stored");
    client.mirror();
    assert!(client.has_push());
}

#[test]
fn s17_a_mirror_that_does_not_answer_is_given_up_and_holds_up_nobody() {
    for fails in [false, true] {
        let mut server = Server::new();
        let mut client = begun(&mut server);
        assert!(client.status().mirror);
        client.mirroring = false;
        client.mutate(put("k", "1")).unwrap();
        client.pass(100);
        if fails {
            client.tell(Input::MirrorFailed);
        } else {
            client.pass(899);
            assert!(!client.has_push());
            client.pass(1);
        }
        assert!(client.has_push() && !client.status().mirror);
        // Its file says what is no longer so.
        client.mirror();
        assert_eq!(client.files.len(), 0);
        client.live(&mut server, 1_000);
        client.mutate(put("l", "1")).unwrap();
        client.live(&mut server, 1_000);
        assert_eq!((server.document("l"), client.mirror_orders.len()), (Some(json!(1)), 0));
    }
}

#[test]
fn l10_s17_a_mirror_that_was_given_up_is_begun_again() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let before = client.mutate(put("k", "1")).unwrap();
    client.turn();
    client.tell(Input::MirrorFailed);
    client.turn();
    assert!(client.files.is_empty() && !client.status().mirror);
    let meanwhile = client.mutate(put("l", "1")).unwrap();
    // It fails once more, and rests twice as long.
    client.mirroring = false;
    client.pass(30_000);
    assert!(client.status().mirror);
    client.tell(Input::MirrorFailed);
    client.mirror();
    client.mirroring = true;
    client.pass(59_000);
    assert!(client.files.is_empty() && !client.status().mirror);
    client.pass(1_000);
    assert!(client.status().mirror);
    assert_eq!(pending(&reset(client)), [before, meanwhile]);
}

#[test]
fn s17_a_tab_that_was_frozen_hears_of_its_mirror_before_it_gives_it_up() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.mirroring = false;
    client.mutate(put("k", "1")).unwrap();
    client.turn();
    let order = client.mirror_orders.pop_front().expect("an order");
    client.now = client.now.after(3_600_000);
    client.tell(Input::Woke);
    let answer = client.keep_mirror(order).expect("an answer");
    client.tell(answer);
    assert!(client.status().mirror);
}

#[test]
fn l5_a_page_that_is_back_begins_another_file_with_all_that_waits() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let kept = client.mutate(put("k", "1")).unwrap();
    client.turn();
    // What is on its way when the page is left is not answered.
    client.mirroring = false;
    let left = client.mutate(put("l", "1")).unwrap();
    client.turn();
    client.mirror_orders.clear();
    client.files.clear();
    client.tell(Input::MirrorParted);
    client.mirroring = true;
    client.mirror();
    client.tell(Input::WentOnline);
    client.pass(6_000);
    assert!(client.has_push() && client.status().mirror);
    let client = reset(client);
    assert_eq!(pending(&client), [kept, left]);
}

#[test]
fn s5_what_has_ended_does_not_come_back() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.mutate(put("applied", "1")).unwrap();
    client.live(&mut server, 200);
    client.tell(Input::WentOffline);
    let taken = client.mutate(put("taken back", "1")).unwrap();
    client.turn();
    client.tell(Input::CancelAsked { mutation: taken.clone() });
    client.turn();
    assert_eq!(client.ending(&taken), Some(Ending::Cancelled));
    let mut client = reset(client);
    assert_eq!((pending(&client), told(&client)), (vec![], vec![(0, None)]));
    client.live(&mut server, 500);
    assert_eq!((client.view("applied"), client.view("taken back"), server.pushes), (Some(json!(1)), None, 1));
}

#[test]
fn s5_the_inbox_comes_back() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    let refused = client.mutate(put("k", r#"{"reject":true}"#)).unwrap();
    client.live(&mut server, 500);
    assert_eq!(client.status().inbox, 1);
    let mut client = reset(client);
    assert_eq!((client.status().inbox, told(&client)), (1, vec![(0, None)]));
    client.live(&mut server, 500);
    let ask = client.ask(Ask::Discard { entry: refused });
    assert_eq!((client.answered(ask), client.status().inbox), (Some(None), 0));
    let client = reset(client);
    assert_eq!(client.status().inbox, 0, "what was given up stays so");
}

#[test]
fn s5_groups_come_back_whole_and_what_comes_after_them_behind_them() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let group = client.mutate(Mutation::group(vec![put("a", "1"), put("b", "1")]).unwrap()).unwrap();
    let after = client.mutate(put("c", "1").after(vec![group.clone()])).unwrap();
    client.turn();
    let mut client = reset(client);
    assert_eq!((pending(&client), told(&client)), (vec![group.clone(), after.clone()], vec![(2, None)]));
    client.pass(100);
    let mut sent = Vec::new();
    client.live_with(1_000, &mut |asker, call| {
        if let syncline::protocol::Call::Push { ids, .. } = call {
            sent.push(ids.clone());
        }
        server.answer(asker, call)
    });
    assert_eq!(sent, [vec![group.to_string()], vec![after.to_string()]]);
    assert!(applied(&client, &[group, after]));
}

#[test]
fn s5_what_was_folded_comes_back_as_one() {
    let mut server = Server::new();
    let config = Config { members_max: 4, ..mirrored() };
    let mut client = open(config, Disk::default(), Files::new(), 1);
    client.live(&mut server, 10);
    client.mutate(put("k", r#"{"n":0}"#)).unwrap();
    client.live(&mut server, 500);
    client.tell(Input::WentOffline);
    for _ in 0..20 {
        client.mutate(Mutation::increment(at("k"), "/n", 1).unwrap()).unwrap();
        client.turn();
    }
    assert!(!client.engine.folded().is_empty());
    let ids = pending(&client);
    let mut client = reset(client);
    assert_eq!((pending(&client), told(&client)), (ids.clone(), vec![(20, None)]));
    client.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({"n":20})));
    assert!(applied(&client, &ids));
}

#[test]
fn s5_what_others_stored_before_a_write_that_was_made_earlier_comes_back_too() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let mut late = unopened(mirrored(), client.disk.clone(), client.files.clone(), 20);
    late.tell(Input::LockLost);
    late.tell(Input::Started);
    late.turn();
    // A write of this tab waits while another one stores two: its transaction is made again behind those.
    late.storing = false;
    let last = late.mutate(put("c", "1")).unwrap();
    late.turn();
    let mut ids: Vec<_> = ["a", "b"]
        .map(|key| {
            let id = client.mutate(put(key, "1")).unwrap();
            client.turn();
            id
        })
        .into();
    ids.push(last);
    (late.disk, late.storing) = (client.disk.clone(), true);
    late.files.retain(|name, _| !client.files.contains_key(name));
    late.store();
    late.pass(1_000);
    assert!(late.is_durable(&ids[2]) && !late.files.is_empty());
    let client = reset(late);
    assert_eq!(pending(&client), ids);
}

#[test]
fn s5_patches_wait_for_their_document_where_a_backend_takes_only_whole_ones() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.mutate(put("k", r#"{"title":"kept"}"#)).unwrap();
    client.live(&mut server, 500);
    client.tell(Input::WentOffline);
    client.mutate(merge("k", r#"{"done":true}"#)).unwrap();
    client.turn();
    let whole = Config { accepts: vec!["put".into(), "delete".into()], ..mirrored() };
    let mut client = open(whole, Disk::default(), client.files, 50);
    client.live(&mut server, 1_000);
    assert_eq!(server.document("k"), Some(json!({"title":"kept","done":true})));
}

#[test]
fn s17_the_file_that_goes_furthest_counts_and_what_others_were_about_to_add_behind_it() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let first = client.mutate(put("a", "1")).unwrap();
    client.turn();
    // Another tab knows as much, writes, and is frozen while its transaction is under way.
    let mut frozen = unopened(mirrored(), client.disk.clone(), client.files.clone(), 20);
    frozen.tell(Input::LockLost);
    frozen.tell(Input::Started);
    frozen.mutate(put("warm", "1")).unwrap();
    frozen.turn();
    client.disk = frozen.disk.clone();
    client.tell(Input::WentOnline);
    frozen.storing = false;
    let late = frozen.mutate(put("b", "1")).unwrap();
    frozen.turn();
    assert!(frozen.files.len() > client.files.len() && !frozen.is_durable(&late));
    // Complete or not, nobody knows of any commit behind what it was made on.
    let mut both = client.files.clone();
    both.extend(frozen.files.clone());
    let came = open(mirrored(), Disk::default(), both.clone(), 50);
    assert_eq!(told(&came), [(3, None)]);
    assert!(pending(&came).contains(&first) && pending(&came).contains(&late));
    // It is complete, and the first tab has sent it, and heard that it was applied.
    let write = frozen.writes.pop_front().expect("a transaction");
    client.disk.apply(&write).unwrap();
    client.tell(Input::BecameHidden);
    client.tell(Input::BecameVisible);
    client.tell(Input::Resumed { wall: WALL });
    client.tell(Input::Heard { message: syncline::engine::message::Message::Grew { position: client.disk.last } });
    client.live(&mut server, 70_000);
    assert_eq!((client.status().pending_mutations, server.document("b")), (0, Some(json!(1))));
    both.extend(client.files.clone());
    let mut came = open(mirrored(), Disk::default(), both, 51);
    assert_eq!((pending(&came), told(&came)), (vec![], vec![(0, None)]), "a terminal outcome wins");
    let pushes = server.pushes;
    came.live(&mut server, 1_000);
    assert_eq!(server.pushes, pushes);
}

#[test]
fn s17_a_file_that_breaks_off_anywhere_or_is_spoilt_is_read_as_far_as_it_is_good() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let ids: Vec<_> = (0..3)
        .map(|n| {
            let id = client.mutate(put(&format!("k{n}"), "1")).unwrap();
            client.turn();
            id
        })
        .collect();
    let (name, whole) =
        client.files.iter().find(|(_, bytes)| !bytes.is_empty()).map(|(name, bytes)| (name.clone(), bytes.clone())).unwrap();
    let mut most = 0;
    for length in (0..=whole.len()).step_by(3).chain([whole.len()]) {
        let files = Files::from([(name.clone(), whole[..length].to_vec())]);
        let came = open(mirrored(), Disk::default(), files, 50);
        let back = pending(&came);
        assert_eq!(back, ids[..back.len()], "cut at {length}");
        assert_eq!(told(&came), [(back.len() as u32, None)], "cut at {length}");
        assert!(back.len() >= most);
        most = back.len();
    }
    assert_eq!(most, 3);
    for at in (0..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        let came = open(mirrored(), Disk::default(), Files::from([(name.clone(), bytes)]), 50);
        assert_eq!(told(&came).len(), 1, "byte {at}");
        assert!(pending(&came).iter().all(|id| ids.contains(id)), "byte {at}");
    }
}

#[test]
fn s5_where_every_durable_write_waited_for_the_mirror_nothing_is_lost() {
    let mut server = Server::new();
    let awaited = Config { mirror_awaited: true, ..mirrored() };
    let mut client = open(awaited.clone(), Disk::default(), Files::new(), 1);
    client.live(&mut server, 10);
    client.mirroring = false;
    let id = client.mutate(put("k", "1")).unwrap();
    client.turn();
    assert!(!client.is_durable(&id));
    let ask = client.ask(Ask::Close);
    assert_eq!(client.answered(ask), None, "a client does not end before its word is given");
    client.mirror();
    assert!(client.is_durable(&id) && client.answered(ask) == Some(None));
    for witness in [None, client.witness.clone()] {
        let mut came = unopened(awaited.clone(), Disk::default(), client.files.clone(), 50);
        came.witness = witness;
        came.tell(Input::Started);
        came.turn();
        assert_eq!(told(&came), [(1, Some(0))], "{:?}", came.witness);
    }
}

#[test]
fn s5_a_lost_store_that_only_a_witness_knows_of_is_told_with_an_unknown_number() {
    let mut server = Server::new();
    let mut client = Client::open(Disk::default(), 1);
    client.live(&mut server, 10);
    let witness = client.witness.clone().expect("a witness");
    let seen = |disk: Disk, seed| {
        let mut client = unopened(Config { witnessed: true, ..config() }, disk, Files::new(), seed);
        client.witness = Some(witness.clone());
        client.tell(Input::Started);
        client.turn();
        client
    };
    let mut client = seen(client.disk, 2);
    client.live(&mut server, 10);
    assert_eq!(told(&client), [], "it is there");
    let mut lost = seen(Disk::default(), 3);
    lost.live(&mut server, 10);
    assert_eq!(told(&lost), [(0, None)]);
    // The witness may be older than the store that is there.
    assert_ne!(lost.witness.as_ref(), Some(&witness));
    let mut next = seen(lost.disk, 4);
    next.live(&mut server, 10);
    assert_eq!(told(&next), []);
}

#[test]
fn s5_files_of_a_store_that_is_there_go_unread_when_this_tab_has_one() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let id = client.mutate(put("k", "1")).unwrap();
    client.turn();
    let old: Vec<_> = client.files.keys().cloned().collect();
    let mut next = unopened(mirrored(), client.disk, client.files, 2);
    next.mirroring = false;
    next.tell(Input::Started);
    next.turn();
    assert!(!next.mirror_orders.iter().any(|order| matches!(order, Effect::ReadMirrors { .. } | Effect::RemoveMirrors { .. })));
    next.mirroring = true;
    next.mirror();
    next.turn();
    assert!(old.iter().all(|name| !next.files.contains_key(name)));
    let last = reset(next);
    assert_eq!(pending(&last), [id], "its own file has what theirs had");
}

#[test]
fn s5_two_stores_that_were_lost_one_after_the_other_are_both_brought_back() {
    let mut server = Server::new();
    let mut first = begun(&mut server);
    first.tell(Input::WentOffline);
    let mut ids = vec![first.mutate(put("a", "1")).unwrap()];
    first.pass(200);
    // It was lost, and the next one was made without anybody having looked for files.
    let mut second = open(mirrored(), Disk::default(), Files::new(), 2);
    second.live(&mut server, 10);
    ids.push(second.mutate(put("b", "1")).unwrap());
    second.pass(100);
    second.take_push();
    ids.push(second.mutate(put("c", "1")).unwrap());
    second.turn();
    let mut files = first.files.clone();
    files.extend(second.files.clone());
    for (name, disk) in [("both are lost", Disk::default()), ("the second is there", second.disk.clone())] {
        let mut server = Server::new();
        let mut came = open(mirrored(), disk, files.clone(), 50);
        let mut back = pending(&came);
        assert!(ids.iter().all(|id| back.contains(id)) && back.len() == 3, "{name}: {back:?}");
        assert_eq!(told(&came), [(if name.starts_with("both") { 3 } else { 1 }, None)], "{name}");
        // What stands in the store says where it stands, for the next start, too.
        let again = open(mirrored(), came.disk.clone(), came.files.clone(), 51);
        assert_eq!((pending(&again), told(&again)), (back.clone(), vec![]), "{name}");
        came.live(&mut server, 1_000);
        back.sort();
        assert!(applied(&came, &back), "{name}");
        assert!(["a", "b", "c"].iter().all(|key| server.document(key) == Some(json!(1))), "{name}");
    }
}

#[test]
fn s5_a_kill_at_any_step_of_bringing_back_brings_everything_back_once() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.mutate(put("k", r#"{"n":0}"#)).unwrap();
    client.live(&mut server, 500);
    let frozen = client.mutate(Mutation::increment(at("k"), "/n", 1).unwrap()).unwrap();
    client.pass(100);
    client.take_push();
    let late = client.mutate(Mutation::increment(at("k"), "/n", 1).unwrap()).unwrap();
    client.turn();
    for (stored, removed) in [(false, false), (true, false), (true, true)] {
        let mut server = Server::new();
        let mut first = another(&mut server);
        first.mutate(put("k", r#"{"n":0}"#)).unwrap();
        first.live(&mut server, 500);
        let mut killed = unopened(mirrored(), Disk::default(), client.files.clone(), 50);
        killed.storing = false;
        killed.tell(Input::Started);
        while let Some(Effect::Load { load, what }) = killed.loads.pop_front() {
            let found = killed.disk.load(&what);
            killed.tell(Input::Loaded { load, found });
        }
        killed.turn();
        killed.mirroring = removed;
        if stored {
            killed.store();
            killed.turn();
        }
        for (disk, number) in [(killed.disk.clone(), 60), (Disk::default(), 61)] {
            let mut came = open(mirrored(), disk, killed.files.clone(), number);
            assert_eq!(pending(&came), [frozen.clone(), late.clone()], "stored: {stored}, removed: {removed}, {number}");
            if number == 61 {
                came.live(&mut server, 2_000);
                assert_eq!(server.document("k"), Some(json!({"n":2})), "stored: {stored}, removed: {removed}");
            }
        }
    }
}

#[test]
fn s5_of_two_tabs_that_notice_one_brings_back_and_tells() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let id = client.mutate(put("k", "1")).unwrap();
    client.turn();
    let mut tabs: Vec<_> = (0..2).map(|n| unopened(mirrored(), Disk::default(), client.files.clone(), 50 + n)).collect();
    for tab in &mut tabs {
        tab.storing = false;
        tab.tell(Input::Started);
        while let Some(Effect::Load { load, what }) = tab.loads.pop_front() {
            let found = tab.disk.load(&what);
            tab.tell(Input::Loaded { load, found });
        }
        tab.turn();
    }
    let mut disk = Disk::default();
    for tab in &mut tabs {
        std::mem::swap(&mut tab.disk, &mut disk);
        tab.storing = true;
        tab.store();
        tab.turn();
        assert_eq!(pending(tab), std::slice::from_ref(&id));
        std::mem::swap(&mut tab.disk, &mut disk);
    }
    assert_eq!((told(&tabs[0]), told(&tabs[1])), (vec![(1, None)], vec![]));
}

#[test]
fn s4_a_tab_whose_store_was_replaced_leaves_its_durable_writes_to_the_next_one() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    let durable = client.mutate(put("durable", "1")).unwrap();
    client.turn();
    client.storing = false;
    let unsaved = client.mutate(put("unsaved", "1")).unwrap();
    client.turn();
    let write = client.writes.pop_front().expect("a transaction").write;
    client.tell(Input::WriteFailed { write, why: StoreFailure::Replaced });
    client.tell(Input::WentOnline);
    client.live(&mut server, 7_000);
    // It sends itself what was never stored, and says so.
    assert!(applied(&client, &[unsaved]) && client.ending(&durable).is_none() && !client.status().mirror);
    let mut next = reset(client);
    assert_eq!((pending(&next), told(&next)), (vec![durable.clone()], vec![(1, None)]));
    next.live(&mut server, 1_000);
    assert!(applied(&next, &[durable]));
}

#[test]
fn c8_what_a_server_has_forgotten_is_not_done_again_by_the_store_that_takes_the_place_of_a_lost_one() {
    let mut server = Server::new();
    server.authority.outcomes_kept = Some(1);
    // It has never pulled when it freezes: only its name proves when that was.
    let mut client = open(mirrored(), Disk::default(), Files::new(), 1);
    let first = client.mutate(Mutation::append(at("list"), "", "[1]").unwrap());
    assert!(first.is_err(), "there is no list");
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    let (_, _, body) = client.take_push();
    let asker = client.engine.identity();
    server.push(&asker, &body);
    let mut other = another(&mut server);
    for n in 0..4 {
        other.mutate(put("k", &n.to_string())).unwrap();
        other.live(&mut server, 500);
    }
    let mut client = reset(client);
    client.live(&mut server, 2_000);
    assert_eq!(server.document("k"), Some(json!(3)), "nobody knows whether it was done, and it is not done again");
    assert_eq!(client.status().inbox, 1);
}

#[test]
fn i18_a_file_begins_anew_when_little_of_it_lives() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    let text = "x".repeat(50_000);
    for n in 0..60 {
        client.mutate(put("k", &format!(r#"{{"n":{n},"t":"{text}"}}"#))).unwrap();
        client.live(&mut server, 300);
    }
    let bytes: usize = client.files.values().map(Vec::len).sum();
    assert!(bytes < 2 << 20, "{bytes} bytes");
    client.live(&mut server, 3_000);
    let bytes: usize = client.files.values().map(Vec::len).sum();
    assert!(bytes < 600, "an idle file of nothing has {bytes} bytes");
    let came = reset(client);
    assert_eq!((pending(&came), told(&came)), (vec![], vec![(0, None)]));
}

#[test]
fn i2_s5_what_came_back_is_not_sent_before_it_is_stored() {
    let mut server = Server::new();
    let mut client = begun(&mut server);
    client.tell(Input::WentOffline);
    client.mutate(put("k", "1")).unwrap();
    client.turn();
    let mut client = unopened(mirrored(), Disk::default(), client.files, 50);
    client.full = Some(StoreFailure::Quota);
    client.tell(Input::Started);
    client.live(&mut server, 1_000);
    assert_eq!((pending(&client).len(), server.document("k")), (1, None), "the next start would send it in other bytes");
    client.mutate(put("only here", "2")).unwrap();
    client.live(&mut server, 1_000);
    assert_eq!(server.document("only here"), Some(json!(2)));

    let mut other = another(&mut server);
    other.mutate(put("k", "3")).unwrap();
    other.live(&mut server, 500);
    let mut client = reset(client);
    client.live(&mut server, 1_000);
    assert_eq!((server.document("k"), client.status().pending_mutations, client.status().inbox), (Some(json!(1)), 0, 0));
}
