//! What the app is told of single documents on their way to the server.

use syncline::engine::clock::Wall;
use syncline::engine::input::Input;
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{ItemState, ItemStatus, Notice};
use syncline::protocol::Call;

use crate::harness::*;

fn observe(client: &mut Client, key: &str) {
    client.tell(Input::ItemObserved { address: at(key), observed: true });
}

/// What was told of a document since this was asked last.
fn told(client: &mut Client, key: &str) -> Vec<ItemStatus> {
    let (told, others): (Vec<_>, Vec<_>) = std::mem::take(&mut client.notices)
        .into_iter()
        .partition(|notice| matches!(notice, Notice::Item { address, .. } if *address == at(key)));
    client.notices = others;
    told.into_iter().filter_map(|notice| if let Notice::Item { status, .. } = notice { Some(status) } else { None }).collect()
}

fn states(client: &mut Client, key: &str) -> Vec<ItemState> {
    told(client, key).into_iter().map(|status| status.state).collect()
}

/// The pending items as the notices so far add up.
fn pending(client: &Client) -> Vec<String> {
    let mut pending = std::collections::BTreeSet::new();
    for notice in &client.notices {
        let Notice::PendingItems { added, removed } = notice else { continue };
        for address in added {
            assert!(pending.insert(address.key.to_string()), "{} is added once", address.key);
        }
        for address in removed {
            assert!(pending.remove(&address.key.to_string()), "{} was there", address.key);
        }
    }
    pending.into_iter().collect()
}

use ItemState::*;

#[test]
fn a_document_is_unknown_then_pending_syncing_and_synced() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    observe(&mut client, "k");
    assert_eq!(told(&mut client, "k"), [ItemStatus { state: Unknown, last_sync: None }]);
    client.mutate(put("k", "1")).unwrap();
    assert_eq!(states(&mut client, "k"), [Pending], "in the tick of the write");
    client.pass(100);
    assert_eq!(states(&mut client, "k"), [Syncing]);
    client.now = client.now.after(7);
    client.answer(&mut server);
    let at = Wall(WALL.0 + client.now.0);
    assert_eq!(told(&mut client, "k"), [ItemStatus { state: Synced, last_sync: Some(at) }]);
}

#[test]
fn a_document_that_changes_while_it_syncs_stays_pending() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    observe(&mut client, "k");
    client.tell(Input::PendingObserved { observed: true });
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    client.mutate(put("k", "2")).unwrap();
    client.turn();
    told(&mut client, "k");
    client.answer(&mut server);
    assert_eq!(states(&mut client, "k"), [Pending]);
    assert_eq!(pending(&client), ["k"]);
    client.live(&mut server, 200);
    assert_eq!(states(&mut client, "k"), [Syncing, Synced]);
    assert_eq!(pending(&client), [""; 0]);
}

#[test]
fn without_an_answer_it_is_failed_until_it_is_sent_again() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    observe(&mut client, "k");
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    told(&mut client, "k");
    let (request, ..) = client.take_push();
    client.fail(request);
    assert_eq!(states(&mut client, "k"), [Failed]);
    client.pass(1_000);
    assert_eq!(states(&mut client, "k"), [Syncing]);
    let (request, ..) = client.take_push();
    client.reply(request, json(503, "{}"));
    assert_eq!(states(&mut client, "k"), [Failed]);
    client.live(&mut server, 10_000);
    assert_eq!(states(&mut client, "k"), [Syncing, Synced]);
}

#[test]
fn after_a_restart_nothing_is_syncing_that_is_not_sent() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    assert!(client.has_push());
    let mut client = client.crash();
    observe(&mut client, "k");
    assert_eq!(states(&mut client, "k"), [Pending]);
    client.turn();
    assert_eq!(states(&mut client, "k"), [Syncing]);
    client.answer(&mut server);
    assert_eq!(states(&mut client, "k"), [Synced]);
}

#[test]
fn a_refused_write_leaves_it_rejected_and_a_conflict_conflicted() {
    let mut server = Server::new();
    let mut other = another(&mut server);
    let mut client = opened(&mut server);
    other.mutate(put("k", r#"{"by":"other"}"#)).unwrap();
    other.live(&mut server, 200);
    observe(&mut client, "r");
    observe(&mut client, "k");
    client.mutate(put("r", r#"{"reject":true}"#)).unwrap();
    client.mutate(put("k", r#"{"by":"me"}"#)).unwrap();
    client.pass(100);
    let (request, ids, body) = client.take_push();
    let reply = server.answer(&client.engine.identity(), &Call::Push { ids, body, attempt: 0 });
    client.reply(request, reply);
    assert_eq!(states(&mut client, "r"), [Unknown, Pending, Syncing, Rejected]);
    assert_eq!(states(&mut client, "k"), [Unknown, Pending, Syncing, Conflicted]);
    client.live(&mut server, 200);
    assert_eq!(states(&mut client, "k"), [Syncing, Synced]);
    let mut client = client.crash();
    observe(&mut client, "r");
    assert_eq!(states(&mut client, "r"), [Rejected]);
    client.mutate(put("r", "1")).unwrap();
    assert_eq!(states(&mut client, "r"), [Pending]);
    client.live(&mut server, 1_000);
    assert_eq!(states(&mut client, "r"), [Syncing, Rejected], "until the app removes it from the inbox");
}

#[test]
fn what_comes_with_a_pull_is_synced_and_what_is_paged_is_known() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    let mut other = another(&mut server);
    observe(&mut client, "k");
    other.mutate(put("k", "1")).unwrap();
    other.live(&mut server, 200);
    client.tell(Input::WentOnline);
    client.live(&mut server, 2_000);
    assert_eq!(states(&mut client, "k"), [Unknown, Synced]);
    let mut client = client.crash();
    observe(&mut client, "k");
    assert_eq!(told(&mut client, "k"), [ItemStatus { state: Synced, last_sync: None }]);
}

#[test]
fn i26_all_documents_of_a_group_are_pending_together() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    client.mutate(put("x", "1")).unwrap();
    observe(&mut client, "a");
    observe(&mut client, "b");
    client.tell(Input::PendingObserved { observed: true });
    assert_eq!(pending(&client), ["x"], "at first all that are");
    client.mutate(Mutation::group(vec![put("a", "1"), put("b", "1")]).unwrap()).unwrap();
    assert_eq!(pending(&client), ["a", "b", "x"]);
    client.live(&mut server, 1_000);
    for key in ["a", "b"] {
        assert_eq!(states(&mut client, key), [Unknown, Pending, Syncing, Synced]);
    }
    assert_eq!(pending(&client), [""; 0]);
}

#[test]
fn nobody_is_told_who_does_not_look() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    observe(&mut client, "k");
    client.tell(Input::PendingObserved { observed: true });
    client.tell(Input::ItemObserved { address: at("k"), observed: false });
    client.tell(Input::PendingObserved { observed: false });
    client.notices.clear();
    client.mutate(put("k", "1")).unwrap();
    client.live(&mut server, 1_000);
    assert!(!client.notices.iter().any(|notice| matches!(notice, Notice::Item { .. } | Notice::PendingItems { .. })));
}

#[test]
fn a_fenced_client_shows_nothing_as_on_its_way() {
    let mut server = Server::new();
    let mut client = opened(&mut server);
    observe(&mut client, "k");
    client.mutate(put("k", "1")).unwrap();
    client.pass(100);
    assert_eq!(states(&mut client, "k"), [Unknown, Pending, Syncing]);
    client.disk.meta.as_mut().unwrap().store_epoch += 1;
    client.mutate(put("other", "1")).unwrap();
    client.turn();
    assert_eq!(states(&mut client, "k"), [Pending], "whoever holds the store sends it");
}
