//! Notices as JSON: what the JavaScript half of the package is told. It reads the same vectors in its own tests.

use serde::Serialize;
use serde_json::value::RawValue;
use syncline::engine::auth::TokenReason;
use syncline::engine::clock::Wall;
use syncline::engine::config::Level;
use syncline::engine::error::{Code, Fault};
use syncline::engine::header;
use syncline::engine::ident::{AskId, MutationId};
use syncline::engine::merging::Conflict;
use syncline::engine::notice::{Durability, Ending, ItemState, ItemStatus, Notice, Phase, Status, StorageKind, ViewChange};
use syncline::engine::resolving::Unresolved;
use syncline::protocol::member::text_of;
use syncline::protocol::{Address, Json, KeyedOperation, Text};

use crate::vectors::{Vectors, assert_covered, raw, variants};

variants!(Notice as notice_name, NOTICES:
    Opened, OpenFailed, Changed, Durable, Settled, Answered, Item, PendingItems, InboxAdded, InboxRemoved, Conflicted, Unresolved, Resolved,
    TokenWanted, TokenGivenUp, Status, Reset, Troubled,
);
variants!(ItemState as state_name, STATES: Unknown, Pending, Syncing, Synced, Failed, Conflicted, Rejected);
variants!(ViewChange as change_name, CHANGES: Value, Operations);
variants!(Durability as durability_name, DURABILITIES: Strict, Relaxed, Memory);
variants!(Ending as ending_name, ENDINGS: Applied, Merged, Rejected, Cancelled, Unknown);
variants!(Phase as phase_name, PHASES: Opening, Idle, Pulling, Pushing, Offline, Waiting, Paused, NeedsAuth, Fenced, Closed);
variants!(StorageKind as storage_name, STORAGES: IndexedDb, Memory);

#[derive(Serialize)]
struct Line {
    name: String,
    notice: Box<RawValue>,
}

fn id(number: u32) -> MutationId {
    MutationId(format!("018f3c00-0000-7000-8000-{number:012}").into())
}

fn fault() -> Fault {
    Fault::of_status(Code::Rejected, "validation: \"title\" is too long", 422)
}

fn changed(change: ViewChange) -> Notice {
    Notice::Changed { address: Address::of("notes", "a/ü"), change }
}

fn samples() -> Vec<(String, Notice)> {
    let mark = text_of(&Text::of("hello\0").mark());
    let at = r#""collection":"notes","key":"a/ü""#;
    let operations = [
        format!(r#"{{"op":"patch",{at},"set":{{"/n":9007199254740993}},"remove":["/due"],"object":["/tags"]}}"#),
        format!(r#"{{"op":"splice",{at},"path":"/text","at":5,"remove":1,"insert":"😀","on":{mark}}}"#),
    ];
    let operations = operations.map(|text| KeyedOperation::parse(&text).expect("an operation")).into();
    let document = Json::parse(r#"{"b":1.0,"a":[9007199254740993,-0],"text":"hello\u0000","due":"é"}"#).expect("a document");
    let mut samples: Vec<(String, Notice)> = vec![
        ("opened".into(), Notice::Opened { client: "018f3c00-0000-7000-8000-00000000cccc".into() }),
        ("open failed".into(), Notice::OpenFailed { error: Fault::new(Code::VersionTooNew, "a later build made this store") }),
        ("changed: a document".into(), changed(ViewChange::Value { value: Some(document) })),
        ("changed: a document that is null".into(), changed(ViewChange::Value { value: Json::parse("null").ok() })),
        ("changed: no document".into(), changed(ViewChange::Value { value: None })),
        ("changed: operations".into(), changed(ViewChange::Operations { operations })),
        ("answered".into(), Notice::Answered { ask: AskId(6), error: None }),
        ("answered: no".into(), Notice::Answered { ask: AskId(6), error: Some(Fault::new(Code::Network, "no answer")) }),
        ("token wanted: initial".into(), Notice::TokenWanted { reason: TokenReason::Initial }),
        ("token wanted: expired".into(), Notice::TokenWanted { reason: TokenReason::Expired }),
        ("token wanted: unauthorized".into(), Notice::TokenWanted { reason: TokenReason::Unauthorized }),
        ("token given up".into(), Notice::TokenGivenUp),
        ("troubled".into(), Notice::Troubled { error: fault() }),
        ("reset".into(), Notice::Reset { recovered: 3, lost: None }),
        ("reset: nothing is lost".into(), Notice::Reset { recovered: 3, lost: Some(0) }),
        ("status: with every member".into(), Notice::Status(busy())),
    ];
    samples.extend(states().map(|state| (format!("item: {}", state_name(&state).to_lowercase()), item(state, None))));
    samples.push(("item: with every member".into(), item(ItemState::Synced, Some(Wall(1_700_000_001_000)))));
    let items = |keys: &[&str]| keys.iter().map(|key| Address::of("notes", key)).collect();
    let pending = |added: &[&str], removed: &[&str]| Notice::PendingItems { added: items(added), removed: items(removed) };
    samples.push(("pendingItems".into(), pending(&["a/ü", "b"], &["c"])));
    let item = header::inbox(
        &id(1),
        &[id(1), id(2)],
        "rejected",
        &fault(),
        &Json::parse(r#"{"title":"too long"}"#).ok(),
        Wall(1_700_000_000_000),
        &Default::default(),
    );
    let write = r#"{"operations":[{"op":"put","collection":"notes","key":"a/ü","value":[9007199254740993]}],"documents":[{"collection":"notes","key":"a/ü","base":null,"local":[9007199254740993],"server":{"__proto__":1}}]}"#;
    samples.push(("inboxAdded".into(), Notice::InboxAdded { item: item.as_str().into(), write: write.into() }));
    let item = header::inbox(&id(3), &[id(3)], "blockedBy", &fault(), &None, Wall(1_700_000_000_000), &Default::default());
    let write = r#"{"operations":[{"op":"delete","collection":"notes","key":"b"},{"op":"put","collection":"notes","key":"c","value":1}],"documents":[{"collection":"notes","key":"b","base":2},{"collection":"notes","key":"c","local":1}]}"#;
    samples.push(("inboxAdded: a group".into(), Notice::InboxAdded { item: item.as_str().into(), write: write.into() }));
    let conflict = |taken, lost: Option<&str>, marks: &[u64]| Conflict {
        place: "/a~1b".into(),
        rule: "text",
        taken,
        lost: lost.map(|lost| Json::parse(lost).unwrap()),
        marks: marks.to_vec(),
    };
    let conflicts = vec![
        conflict("local", Some("null"), &[]),
        conflict("remote", None, &[]),
        conflict("both", None, &[1, 2, 2, 4]),
        conflict("other", None, &[]),
    ];
    samples.push(("conflicted".into(), Notice::Conflicted { address: Address::of("notes", "a/ü"), conflicts }));
    let left = |asked, base: Option<&str>, theirs: Option<&str>| {
        let document = |text: Option<&str>| text.map(|text| Json::parse(text).unwrap());
        let fields = if base.is_some() { vec!["/text".into(), "/a~1b".into()] } else { vec!["".into()] };
        Notice::Unresolved(Box::new(Unresolved {
            address: Address::of("notes", "a/ü"),
            digest: "9c5b94b1ad3ff1aa".into(),
            base: document(base),
            mine: document(Some(r#"{"text":"mine","n":9007199254740993}"#)),
            theirs: document(theirs),
            fields,
            mutations: vec![id(1), id(2)],
            asked,
        }))
    };
    samples.push(("unresolved: asked".into(), left(true, Some(r#"{"text":"both"}"#), Some(r#"{"text":"theirs"}"#))));
    samples.push(("unresolved: for a person".into(), left(false, None, None)));
    samples.push(("resolved".into(), Notice::Resolved { address: Address::of("notes", "a/ü") }));
    samples.push(("inboxRemoved".into(), Notice::InboxRemoved { entry: id(1) }));
    samples.push(("pendingItems: none".into(), pending(&[], &[])));
    let durabilities = [Durability::Strict, Durability::Relaxed, Durability::Memory];
    let durable = |durability: Durability| Notice::Durable { mutations: vec![id(1), id(2)], durability };
    samples.extend(durabilities.map(|durability| (format!("durable: {}", durability_name(&durability)), durable(durability))));
    samples.extend(endings().map(|(name, ending)| (format!("settled: {name}"), Notice::Settled { mutation: id(1), ending })));
    samples.extend(phases().map(|phase| (format!("status: {}", phase_name(&phase)), Notice::Status(Status { phase, ..idle() }))));
    samples
}

fn endings() -> [(&'static str, Ending); 7] {
    [
        ("applied", Ending::Applied { version: Some("5f3a9c01.7".into()) }),
        ("applied, without a version", Ending::Applied { version: None }),
        ("merged", Ending::Merged { by: id(2), maybe_applied: None }),
        ("merged, and maybe applied", Ending::Merged { by: id(2), maybe_applied: Some(true) }),
        ("rejected", Ending::Rejected { error: fault() }),
        ("cancelled", Ending::Cancelled),
        ("unknown", Ending::Unknown { error: Fault::new(Code::Protocol, "expired") }),
    ]
}

fn states() -> [ItemState; 7] {
    use ItemState::*;
    [Unknown, Pending, Syncing, Synced, Failed, Conflicted, Rejected]
}

fn item(state: ItemState, last_sync: Option<Wall>) -> Notice {
    Notice::Item { address: Address::of("notes", "a/ü"), status: ItemStatus { state, last_sync } }
}

fn phases() -> [Phase; 10] {
    use Phase::*;
    [Opening, Idle, Pulling, Pushing, Offline, Waiting, Paused, NeedsAuth, Fenced, Closed]
}

/// Without `..`: a member that is added needs a vector.
fn idle() -> Status {
    Status {
        phase: Phase::Idle,
        drainer: true,
        online: true,
        pending_items: 0,
        pending_mutations: 0,
        pending_bytes: 0,
        memory_bytes: 0,
        inbox: 0,
        conflicts: 0,
        entries_sent: 0,
        entries_resent: 0,
        entries_acknowledged: 0,
        conflicts_settled: 0,
        requests: 1,
        level: Level::A,
        retry_at: None,
        last_push_at: None,
        last_pull_at: None,
        stale: None,
        storage: StorageKind::IndexedDb,
        mirror: false,
        error: None,
    }
}

fn busy() -> Status {
    Status {
        phase: Phase::Waiting,
        drainer: false,
        online: false,
        pending_items: 1,
        pending_mutations: 2,
        pending_bytes: 300,
        memory_bytes: 4_000,
        inbox: 4,
        conflicts: 10,
        entries_sent: 5,
        entries_resent: 6,
        entries_acknowledged: 7,
        conflicts_settled: 9,
        requests: 8,
        level: Level::A,
        retry_at: Some(Wall(1_700_000_001_000)),
        last_push_at: Some(Wall(1_700_000_002_000)),
        last_pull_at: Some(Wall(1_700_000_003_000)),
        stale: Some(Code::Network),
        storage: StorageKind::Memory,
        mirror: true,
        error: Some(fault()),
    }
}

#[test]
fn every_notice_is_written_as_its_vector_says() {
    let mut vectors = Vectors::of("notices.json", "notices");
    for (name, notice) in samples() {
        let mut text = String::new();
        notice.write(&mut text);
        vectors.pin(&name, &Line { name: name.clone(), notice: raw(&text) });
    }
    vectors.close();
}

#[test]
fn every_notice_has_a_vector() {
    let notices: Vec<Notice> = samples().into_iter().map(|(_, notice)| notice).collect();
    assert_covered("notices", NOTICES, notices.iter().map(notice_name));
    let (mut changes, mut durabilities, mut ended, mut phased, mut stored, mut stated) = (vec![], vec![], vec![], vec![], vec![], vec![]);
    for notice in &notices {
        match notice {
            Notice::Changed { change, .. } => changes.push(change_name(change)),
            Notice::Durable { durability, .. } => durabilities.push(durability_name(durability)),
            Notice::Settled { ending, .. } => ended.push(ending_name(ending)),
            Notice::Item { status, .. } => stated.push(state_name(&status.state)),
            Notice::Status(status) => {
                phased.push(phase_name(&status.phase));
                stored.push(storage_name(&status.storage));
            }
            _ => {}
        }
    }
    assert_covered("changes", CHANGES, changes);
    assert_covered("durabilities", DURABILITIES, durabilities);
    assert_covered("endings", ENDINGS, ended);
    assert_covered("states", STATES, stated);
    assert_covered("phases", PHASES, phased);
    assert_covered("storages", STORAGES, stored);
}
