//! A whole store as this version leaves it behind: it opens, nothing in it is lost, and pages, directory and description
//! are what the engine writes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use syncline::engine::clock::Wall;
use syncline::engine::config::Config;
use syncline::engine::ident::AskId;
use syncline::engine::input::{Ask, Bytes, Input, Meta};
use syncline::engine::notice::Notice;
use syncline::engine::record::{self, Kind, Lineage, Place};
use syncline::protocol::http::scope_hash;
use syncline::protocol::member::{Member, text_of};
use syncline::protocol::{Address, Call, PushRequest};

use crate::client::Client;
use crate::contract::memory::Disk;
use crate::records::run;
use crate::vectors::{hex, members};

/// The store of the vectors: each part is a list of names of records.
#[derive(Deserialize)]
struct Vector {
    meta: Meta,
    directory: Vec<String>,
    pages: BTreeMap<u32, Vec<String>>,
    log: BTreeMap<u64, Vec<String>>,
    queued: Vec<Queued>,
}

#[derive(Deserialize)]
struct Queued {
    record: String,
    place: Place,
}

fn vector() -> Vector {
    serde_json::from_str(members("records.json")["store"].get()).expect("a store")
}

fn stored(vector: &Vector) -> Disk {
    Disk {
        meta: Some(vector.meta.clone()),
        directory: Some(run(&vector.directory)),
        pages: vector.pages.iter().map(|(page, names)| (*page, run(names))).collect(),
        log: vector.log.iter().map(|(position, names)| (*position, run(names))).collect(),
        last: vector.log.keys().copied().chain([vector.meta.folded_to]).max().unwrap_or_default(),
    }
}

fn config() -> Config {
    Config { scope: scope_hash("user"), versions: vector().meta.versions.collections, compact_bytes_min: 1, ..Config::default() }
}

/// A second after the records were made.
const NOW: Wall = Wall(1_700_000_001_000);

#[test]
fn meta_is_written_as_its_vector_says() {
    #[derive(Deserialize)]
    struct Text {
        meta: Box<serde_json::value::RawValue>,
    }
    let text: Text = serde_json::from_str(members("records.json")["store"].get()).expect("a store");
    assert_eq!(text_of(&vector().meta), text.meta.get());
    assert_eq!(Meta::read(text.meta.get()), Some(vector().meta));
    assert_eq!(vector().meta.scope, scope_hash("user"));
}

#[test]
fn the_store_opens_and_shows_what_was_written() {
    let mut client = Client::open(config(), stored(&vector()), NOW);
    let opened = client.notices.iter().find_map(|notice| match notice {
        Notice::Opened { client } => Some(client.clone()),
        _ => None,
    });
    assert_eq!(opened, Some(vector().meta.client_id));
    for (ask, key) in [("todos", "1"), ("todos", "5"), ("wiki", "home")].into_iter().enumerate() {
        client.tell(Input::Asked { ask: AskId(ask as u64), what: Ask::Load { addresses: vec![Address::of(key.0, key.1)] } });
    }
    for ((collection, key), text) in [
        (("todos", "1"), Some(r#"{"title":"milk","n":9007199254740993,"__proto__":{"x":1.0}}"#)),
        (("todos", "2"), Some(r#"{"done":true,"n":-0,"note":null}"#)),
        (("todos", "3"), None),
        (("todos", "4"), None),
        (("todos", "5"), None),
        (("todos", "9"), None),
        (("todos", "12"), None),
        (("todos", "13"), Some("null")),
        (("notes", "a/ü"), Some(r#"{"text":"why, hello!"}"#)),
        (("wiki", "home"), Some("\"1.0\"")),
    ] {
        assert_eq!(client.view(collection, key), Ok(text.map(str::to_owned)), "{collection}/{key}");
    }
    let status = client.engine.status();
    assert_eq!((status.inbox, status.pending_items, status.pending_mutations, status.error), (2, 6, 9, None));
    let history: Vec<_> = client.engine.history().iter().map(|row| (row.number, row.at)).collect();
    assert_eq!((history, status.last_push_at), (vec![(41, Wall(1_700_000_000_000))], Some(Wall(1_700_000_000_000))));
    let troubled = client.notices.iter().filter(|notice| matches!(notice, Notice::Troubled { .. })).count();
    assert_eq!(troubled, 0, "{:?}", client.notices);
}

#[test]
fn i28_what_was_queued_goes_out_and_what_was_frozen_byte_for_byte() {
    let mut client = Client::open(config(), stored(&vector()), NOW);
    let (mut ids, mut texts, mut cursors, mut seq) = (BTreeSet::new(), String::new(), Vec::new(), 100);
    let head = format!(r#""generation":"5f3a9c01","scope":"{}""#, scope_hash("user"));
    for _ in 0..100 {
        while let Some((request, call)) = client.sent.pop_front() {
            let reply = match call {
                Call::Push { body, .. } => {
                    let push: PushRequest = serde_json::from_str(&body).expect("a push");
                    let outcomes = push.entries.iter().map(|entry| {
                        seq += 1;
                        assert!(ids.insert(entry.id.clone()), "sent once: {}", entry.id);
                        format!(r#"{{"id":"{}","outcome":"ok","seq":{seq},"version":"v{seq}"}}"#, entry.id)
                    });
                    let outcomes: Vec<String> = outcomes.collect();
                    texts.push_str(&body);
                    format!("{{{head},\"outcomes\":[{}]}}", outcomes.join(","))
                }
                Call::Pull { cursor, request, .. } => {
                    cursors.push(cursor);
                    format!(r#"{{{head},"request":"{request}","cursor":"5f3a9c01.7","more":false,"changes":[]}}"#)
                }
                Call::Ping | Call::Outcome { .. } => panic!("nobody asked for it: {call:?}"),
            };
            client.reply(request, 200, &reply);
        }
        client.pass(100);
    }
    let (expected, frozen): (Vec<String>, Vec<String>) = vector().queued.iter().map(identity).unzip();
    assert_eq!(ids, expected.into_iter().collect());
    assert!(frozen.iter().all(|body| texts.contains(body)), "{frozen:?} in {texts}");
    assert_eq!(cursors.first(), Some(&Some("5f3a9c01.7".to_owned())), "the pull goes on where it was");
    assert_eq!(client.engine.status().pending_mutations, 0);
}

/// What is queued by this record: the id that it goes out under, and the bytes where they are frozen.
fn identity(queued: &Queued) -> (String, String) {
    let bytes = run(&[&queued.record]);
    let Some(record::Found::Record(record)) = record::decode(&bytes).next() else { panic!("{} is a record", queued.record) };
    let mut header = record.header().expect("an object");
    let id: String = record.kind.named_by().and_then(|name| header.read(name).ok()).expect("an id");
    if record.kind == Kind::Freeze {
        assert_eq!(header.read("place"), Ok(queued.place));
        return (id, record.body.to_owned());
    }
    let lineage: Option<Lineage> = header.read("lineage").expect("a mutation");
    let placed = lineage.is_none_or(|lineage| lineage.place == queued.place);
    assert!(placed, "{}: a follow-up stands in the place of what it carries on", queued.record);
    (id, String::new())
}

#[test]
fn i17_folding_keeps_what_lives_and_what_a_later_build_wrote() {
    let vector = vector();
    let mut client = Client::open(config(), stored(&vector), NOW);
    client.tell(Input::WentOffline);
    client.pass(3_000);
    let later: Vec<&str> = vector.log[&47].iter().map(String::as_str).filter(|name| name.starts_with("later: ")).collect();
    assert_eq!(later.len(), vector.log[&47].len() - 3, "the others are dead");
    let kept: BTreeMap<u64, Vec<&str>> = BTreeMap::from([
        (41, vec!["mutation: put", "mutation: patch"]),
        (46, vec!["freeze", "attempt"]),
        (47, later),
        (49, vec!["cursor", "cursor: everything again", "history"]),
    ]);
    for (position, names) in &vector.log {
        let names = kept.get(position).cloned().unwrap_or_else(|| names.iter().map(String::as_str).collect());
        assert_eq!(hex(&client.stored.log[position]), hex(&run(&names)), "commit {position} keeps {names:?}");
    }
    let meta = client.stored.meta.as_ref().expect("a store");
    assert!(meta.folded_to >= 50);
    assert_eq!((meta.store_epoch, meta.session_epoch), (vector.meta.store_epoch + 1, vector.meta.session_epoch + 1));
}

#[test]
fn s5_a_mirror_file_brings_back_what_its_vector_says() {
    let store = "018f3c00-0000-7000-8000-00000000aaaa";
    let file = [
        run(&["mirror", "frame: what lives", "freeze"]),
        run(&["frame: a commit", "cancel"]),
        run(&["frame: about to be made", "mutation: put"]),
        run(&["frame: it was made"]),
    ];
    let file = (format!("{store}.018f3c00-0000-7000-8000-00000000bbbb.0"), Bytes(file.concat().into()));
    let mut client = Client::open(Config { witnessed: true, ..config() }, Disk::default(), NOW);
    client.tell(Input::MirrorsListed { names: vec![file.0.clone()] });
    client.tell(Input::MirrorsRead { files: vec![file] });
    let reset = Notice::Reset { recovered: 3, lost: Some(0) };
    assert!(client.notices.contains(&reset), "{:?}", client.notices);
    assert_eq!(client.stored.meta.as_ref().map(|meta| &*meta.client_id), Some("018f3c00-0000-7000-8000-00000000cccc"));
    assert_eq!(client.stored.meta.as_ref().map(|meta| meta.session_epoch), Some(1_000_008));
    for (position, names) in [(46, ["freeze"]), (54, ["mutation: put"]), (55, ["recovered"])] {
        assert_eq!(hex(&client.stored.log[&position]), hex(&run(&names)), "commit {position}");
    }
}

#[test]
fn a_page_the_directory_and_the_description_are_what_the_engine_writes() {
    let vector = vector();
    let disk = Disk { meta: Some(vector.meta.clone()), last: vector.meta.folded_to, ..Disk::default() };
    let mut client = Client::open(config(), disk, NOW);
    let Some((request, Call::Pull { request: echo, .. })) = client.sent.pop_front() else { panic!("it pulls") };
    let changes = [
        r#"{"collection":"todos","key":"1","version":"5f3a9c01.1","seq":1,"value":{"title":"bread"}}"#,
        r#"{"collection":"todos","key":"5","version":"5f3a9c01.2","seq":2,"deleted":true}"#,
    ];
    let page = format!(
        r#"{{"generation":"5f3a9c01","scope":"{}","request":"{echo}","cursor":"5f3a9c01.7","more":false,"changes":[{}]}}"#,
        scope_hash("user"),
        changes.join(",")
    );
    client.reply(request, 200, &page);
    client.pass(3_000);
    let fold = client.writes.iter().find(|write| write.directory.is_some()).expect("it folds");
    assert_eq!(fold.pages, [(1, Some(run(&vector.pages[&1])))]);
    assert_eq!(fold.directory, Some(run(&vector.directory)));
    let Meta { store_epoch, folded_to, session_epoch, .. } = vector.meta;
    let meta = Meta { store_epoch: store_epoch + 1, folded_to: folded_to + 1, session_epoch: session_epoch + 1, ..vector.meta };
    assert_eq!(fold.meta, Some(meta.into()));
}
