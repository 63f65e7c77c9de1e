//! Records: each kind as bytes, those that later builds write, and those that are broken.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use syncline::engine::clock::Wall;
use syncline::engine::error::{Code, Fault};
use syncline::engine::header;
use syncline::engine::history::Row;
use syncline::engine::ident::MutationId;
use syncline::engine::input::Collections;
use syncline::engine::mirror::{Frame, Head};
use syncline::engine::record::{self, DirectoryRow, FRAME_BYTES, Found, Kind, LAYOUT_VERSION, Lineage};
use syncline::protocol::member::{Member, text_of};
use syncline::protocol::{Address, Entry, Json, KeyedOperation, Operation, Part, Pointer, Seen};

use crate::vectors::{Vectors, assert_covered, hex, raw, unhex, variants};

const FILE: &str = "records.json";
const AT: Wall = Wall(1_700_000_000_000);
const GENERATION: &str = "5f3a9c01";
const SCOPE: &str = "3da0fd9c44cfc9ee";

variants!(Kind as kind_name, KINDS:
    Mutation, Freeze, Attempt, Cancel, Settlement, Parked, Inbox, Base, Cursor, Shadow, Event, Ledger, History, Claim, Quarantine, Before,
    Paged, Directory, Mirror, After, Fold, Frame, Recovered,
);

/// Kinds that have a number and nothing else yet.
const RESERVED: [Kind; 4] = [Kind::Parked, Kind::Event, Kind::Ledger, Kind::Claim];
/// A number that means nothing.
const NOBODYS: u8 = 200;

/// One vector: a record in parts, and all its bytes.
#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    kind: u8,
    version: u8,
    ordinal: u32,
    header: Box<RawValue>,
    body: String,
    bytes: String,
}

/// The bytes of the records with these names, one behind the other.
pub fn run(names: &[impl AsRef<str>]) -> Vec<u8> {
    let (written, later) = (Vectors::of(FILE, "records"), Vectors::of(FILE, "later"));
    let bytes = |name: &str| {
        let list = if name.starts_with("later: ") { &later } else { &written };
        unhex(&serde_json::from_str::<Line>(list.text(name)).expect("a record").bytes)
    };
    names.iter().flat_map(|name| bytes(name.as_ref())).collect()
}

/// The frame as the module's own sentence describes it, written by other code.
fn frame(kind: u8, version: u8, ordinal: u32, header: &str, body: &str) -> Vec<u8> {
    let lengths = [header.len(), body.len()].map(|length| (length as u32).to_le_bytes());
    let content = [&[kind, version, 0, 0], &ordinal.to_le_bytes(), &lengths[0], &lengths[1], header.as_bytes(), body.as_bytes()].concat();
    let sum = xxhash_rust::xxh64::xxh64(&content, 0) & 0xffff_ffff;
    [&(sum as u32).to_le_bytes()[..], &content].concat()
}

/// Where a record's vector belongs: its name, kind and place.
struct Spot<'a>(&'a str, Kind, u32);

/// A record with this header and body is written and read as its vector says.
fn pin<B: Member + PartialEq + Debug>(vectors: &mut Vectors, Spot(name, kind, ordinal): Spot<'_>, header_text: String, body: Option<B>) {
    let body_text = body.as_ref().map_or_else(String::new, |body| text_of(body));
    let mut bytes = Vec::new();
    record::encode(&mut bytes, kind, ordinal, &header_text, &body_text);
    let line = Line {
        name: name.into(),
        kind: kind as u8,
        version: 1,
        ordinal,
        header: raw(&header_text),
        body: body_text.clone(),
        bytes: hex(&bytes),
    };
    vectors.pin(name, &line);
    assert_eq!(bytes, frame(kind as u8, 1, ordinal, &header_text, &body_text), "{name}: the frame is as described");
    let found: Vec<Found<'_>> = record::decode(&bytes).collect();
    let [Found::Record(record)] = found[..] else { panic!("{name}: {found:?}") };
    let parts = (record.kind, record.ordinal, record.header, record.body, record.raw);
    assert_eq!(parts, (kind, ordinal, &*header_text, &*body_text, &*bytes), "{name}");
    if let Some(body) = body {
        assert_eq!(B::read(record.body), Some(body), "{name}: its body comes back");
    }
}

fn id(number: u32) -> MutationId {
    MutationId(format!("018f3c00-0000-7000-8000-{number:012}").into())
}

fn operations(texts: &[&str]) -> Option<Vec<KeyedOperation>> {
    Some(texts.iter().map(|text| KeyedOperation::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))).collect())
}

fn plain(number: u32, keys: &[(&str, &str)]) -> String {
    let keys: Vec<Address> = keys.iter().map(|(collection, key)| Address::of(collection, key)).collect();
    header::mutation(&id(number), AT, SCOPE, &keys, &versions(&keys), &None, None)
}

fn entry(number: u32, operation: &str) -> Option<Entry> {
    let seen = Seen { generation: GENERATION.into(), seq: 7 };
    Some(Entry { id: id(number).to_string(), seen, operations: operations(&[operation])? })
}

fn base(collection: &str, key: &str, seq: u64) -> String {
    header::base(
        &Address::of(collection, key),
        &format!("{GENERATION}.{seq}"),
        Some(seq),
        GENERATION,
        versions(&[Address::of(collection, key)]).version_of(collection),
    )
}

fn document(text: &str) -> Option<Json> {
    Some(Json::parse(text).expect("a document"))
}

const NOTHING: Option<Json> = None;

/// Bodies of records of the inbox, as the engine writes them: see `tests/engine/inbox.rs`.
const INBOX_BODY: &str = r#"{"operations":[{"op":"put","collection":"todos","key":"13","value":1}],"documents":[{"collection":"todos","key":"13","base":null,"local":1,"server":[2]}]}"#;
const INBOX_BODY_OF_A_GROUP: &str = r#"{"operations":[{"op":"delete","collection":"todos","key":"15"},{"op":"put","collection":"todos","key":"16","value":{"n":1.0}}],"documents":[{"collection":"todos","key":"15","base":{"done":true}},{"collection":"todos","key":"16","local":{"n":1.0}}]}"#;

#[test]
fn each_kind_is_written_and_read_as_its_vector_says() {
    let mut vectors = Vectors::of(FILE, "records");
    pin_mutations(&mut vectors);
    pin_entries(&mut vectors);
    pin_documents(&mut vectors);
    pin_mirrors(&mut vectors);
    vectors.close();
}

fn pin_mutations(vectors: &mut Vectors) {
    let mut put = |name: &str, ordinal, header, operation: &[&str]| {
        pin(vectors, Spot(name, Kind::Mutation, ordinal), header, operations(operation));
    };
    put(
        "mutation: put",
        0,
        plain(1, &[("todos", "1")]),
        &[r#"{"op":"put","collection":"todos","key":"1","value":{"title":"milk","n":9007199254740993,"__proto__":{"x":1.0}}}"#],
    );
    put(
        "mutation: patch",
        1,
        plain(2, &[("todos", "2")]),
        &[r#"{"op":"patch","collection":"todos","key":"2","set":{"/done":true,"/note":null},"remove":["/due"]}"#],
    );
    put("mutation: delete", 2, plain(3, &[("todos", "3")]), &[r#"{"op":"delete","collection":"todos","key":"3"}"#]);
    put(
        "mutation: splice",
        0,
        plain(4, &[("notes", "a/ü")]),
        &[
            r#"{"op":"splice","collection":"notes","key":"a/ü","path":"/text","at":5,"remove":0,"insert":"!","on":{"length":5,"hash":"088af2d30d79aaa1"}}"#,
        ],
    );
    put(
        "mutation: increment",
        0,
        plain(5, &[("counters", "1")]),
        &[r#"{"op":"increment","collection":"counters","key":"1","path":"/n","by":2}"#],
    );
    put(
        "mutation: append",
        0,
        plain(6, &[("lists", "1")]),
        &[r#"{"op":"append","collection":"lists","key":"1","path":"","items":[1,"x"]}"#],
    );
    put(
        "mutation: a group",
        0,
        plain(7, &[("todos", "1"), ("todos", "2")]),
        &[r#"{"op":"delete","collection":"todos","key":"1"}"#, r#"{"op":"put","collection":"todos","key":"2","value":null}"#],
    );
    put("mutation: with every member", 0, full(), &[r#"{"op":"delete","collection":"todos","key":"4"}"#]);
    let keys = [Address::of("counters", "20")];
    let line = Some(Lineage { root: id(20), round: 0, place: (43, 0) });
    put(
        "mutation: with those that were folded into it",
        1,
        header::mutation(&id(20), AT, SCOPE, &keys, &Collections::default(), &line, Some(2)),
        &[r#"{"op":"increment","collection":"counters","key":"20","path":"/n","by":3}"#],
    );
}

/// A follow-up with every member that a header can have. This build writes none of those in the middle, and reads none.
fn full() -> String {
    let keys = vec![Address::of("todos", "4")];
    let followed = header::mutation(&id(8), AT, SCOPE, &keys, &of_3(), &Some(lineage()), None);
    let (front, back) = followed.split_once(r#","keys":"#).expect("keys");
    let (keys, back) = back.split_once(r#","lineage":"#).expect("a lineage");
    format!(r#"{front},"node":"agent-7","keys":{keys},"fingerprint":"9c1185a5c5e9fc54","lineage":{back}"#)
}

/// The app's versions of its collections.
fn of_3() -> Collections {
    [("todos", 3)].into()
}

fn versions(keys: &[Address]) -> Collections {
    if keys.iter().any(|address| *address.collection == *"todos") { of_3() } else { Collections::default() }
}

fn lineage() -> Lineage {
    Lineage { root: id(70), round: 2, place: (39, 3) }
}

fn pin_entries(vectors: &mut Vectors) {
    let freeze = |number, place| header::freeze(&id(number), &[id(number), id(10)], place, 0, &None, &[], &of_3());
    pin(
        vectors,
        Spot("freeze", Kind::Freeze, 0),
        freeze(9, (40, 0)),
        entry(9, r#"{"op":"delete","collection":"todos","key":"9","base":"5f3a9c01.3"}"#),
    );
    let follow_up = header::freeze(&id(12), &[id(12)], (40, 2), 1, &Some(id(11)), &[], &of_3());
    pin(
        vectors,
        Spot("freeze: a follow-up", Kind::Freeze, 1),
        follow_up,
        entry(12, r#"{"op":"put","collection":"todos","key":"12","base":null,"value":{}}"#),
    );
    let address = Address::of("todos", "17");
    let path = Pointer::parse("/n").expect("a pointer");
    let meant = Part { address, operations: vec![Operation::Increment { path, by: 2 }], base: None };
    let lowered = header::freeze(&id(17), &[id(17)], (40, 4), 0, &None, &[meant], &of_3());
    pin(
        vectors,
        Spot("freeze: lowered", Kind::Freeze, 6),
        lowered,
        entry(17, r#"{"op":"put","collection":"todos","key":"17","base":"v1","value":{"n":3}}"#),
    );
    let body = r#"[{"op":"put","collection":"todos","key":"18","value":{"n":3}}]"#;
    pin(vectors, Spot("shadow", Kind::Shadow, 7), header::shadow(&id(18), "v2", AT, &of_3()), document(body));
    pin(vectors, Spot("shadow: without a version", Kind::Shadow, 8), header::shadow(&id(19), "", AT, &of_3()), document(body));
    let settlement = header::settlement(&id(18), &[], header::SHOWN, None);
    pin(vectors, Spot("settlement: of a shadow", Kind::Settlement, 9), settlement, NOTHING);
    let attempt = header::attempt(&id(9), 2, AT, 4_711, None);
    pin(vectors, Spot("attempt", Kind::Attempt, 2), attempt, NOTHING);
    let attempt = header::attempt(&id(9), 1, AT, 30_711, Some(30_000));
    pin(vectors, Spot("attempt: as the server asked", Kind::Attempt, 3), attempt, NOTHING);
    pin(vectors, Spot("after", Kind::After, 4), header::after(&id(5), &[id(3), id(4)]), NOTHING);
    pin(vectors, Spot("fold", Kind::Fold, 0), header::fold(&id(20), &[id(21), id(22)]), NOTHING);
    pin(vectors, Spot("cancel", Kind::Cancel, 0), header::cancel(&id(3)), NOTHING);
    let settlement = header::settlement(&id(12), &[id(12)], "applied", Some(9));
    pin(vectors, Spot("settlement", Kind::Settlement, 1), settlement, NOTHING);
    let settlement = header::settlement(&id(13), &[id(13), id(14)], "unknown", None);
    pin(vectors, Spot("settlement: without a position", Kind::Settlement, 2), settlement, NOTHING);
    let fields = document(r#"{"title":"too long"}"#);
    let error = Fault::of_status(Code::Rejected, "validation: no", 422);
    let kept = header::inbox(&id(13), &[id(13), id(14)], "rejected", &error, &fields, AT, &of_3());
    pin(vectors, Spot("inbox", Kind::Inbox, 3), kept, document(INBOX_BODY));
    let error = Fault::new(Code::Protocol, "expired");
    let kept = header::inbox(&id(15), &[id(15)], "unknown", &error, &None, AT, &of_3());
    pin(vectors, Spot("inbox: unknown", Kind::Inbox, 4), kept, document(INBOX_BODY_OF_A_GROUP));
    let settlement = header::settlement(&id(16), &[id(16)], header::DISCARDED, None);
    pin(vectors, Spot("settlement: of what was in the inbox", Kind::Settlement, 5), settlement, NOTHING);
    let before = header::before(&id(4), 0, &Pointer::parse("/text").expect("a pointer"), false);
    pin(vectors, Spot("before", Kind::Before, 1), before, Some("hello".to_owned()));
}

fn pin_documents(vectors: &mut Vectors) {
    let mut put = |name: &str, ordinal, header, body| pin(vectors, Spot(name, Kind::Base, ordinal), header, body);
    put("base", 0, base("todos", "2", 4), document(r#"{"done":false,"due":"2024-01-01","n":-0}"#));
    put("base: its text moved", 1, base("notes", "a/ü", 6), document(r#"{"text":"why, hello"}"#));
    put("base: no document", 2, base("todos", "4", 5), NOTHING);
    let unversioned = header::base(&Address::of("todos", "13"), "", None, GENERATION, 3);
    put("base: without a version", 3, unversioned, document("null"));
    put("base: in a page", 0, base("todos", "1", 1), document(r#"{"title":"bread"}"#));
    put("base: deleted, in a page", 0, base("todos", "5", 2), NOTHING);
    put("base: in another page", 0, base("wiki", "home", 3), document("\"1.0\""));
    let seen = Seen { generation: GENERATION.into(), seq: 7 };
    let cursor = |cursor: Option<&str>, resync| {
        let feed = if resync { "other" } else { "main" };
        header::cursor(feed, &cursor.map(str::to_owned), GENERATION, resync, &seen)
    };
    pin(vectors, Spot("cursor", Kind::Cursor, 4), cursor(Some("5f3a9c01.7"), false), NOTHING);
    pin(vectors, Spot("cursor: everything again", Kind::Cursor, 5), cursor(None, true), NOTHING);
    let paged = header::paged(&[(2, "wiki".into(), vec!["home".into()])]);
    pin(vectors, Spot("paged", Kind::Paged, 6), paged, NOTHING);
    let rows: Vec<DirectoryRow> = vec![(1, "todos".into(), vec!["1".into(), "5".into()])];
    pin(vectors, Spot("directory", Kind::Directory, 0), header::directory(2), Some(rows));
    let row = Row {
        number: 41,
        slot: 7,
        direction: "push".into(),
        client: "018f3c00-0000-7000-8000-00000000cccc".into(),
        bytes: 1_234,
        items: 2,
        outcome: "ok".into(),
        at: AT,
        conflicts: None,
    };
    pin(vectors, Spot("history", Kind::History, 7), text_of(&row), NOTHING);
    assert_eq!(Row::read(&text_of(&row)), Some(row.clone()));
    let row = Row { conflicts: Some([("app", 1), ("remote", 2)].into()), ..row };
    pin(vectors, Spot("history: with conflicts", Kind::History, 8), text_of(&row), NOTHING);
    assert_eq!(Row::read(&text_of(&row)), Some(row));
    let quarantine = header::quarantine("pull", "not JSON", AT);
    pin(vectors, Spot("quarantine", Kind::Quarantine, 0), quarantine, Some("{\"broken\":\u{1}".to_owned()));
}

fn pin_mirrors(vectors: &mut Vectors) {
    let mut frame = |name: &str, frame: Frame, records: &[&str]| {
        let (mut bytes, records) = (Vec::new(), run(records));
        frame.write(&records, &mut bytes);
        let Some(Found::Record(record)) = record::decode(&bytes).next() else { panic!("{name}: a record") };
        assert_eq!(bytes[record.raw.len()..], records, "{name}: its records follow");
        pin(vectors, Spot(name, Kind::Frame, 0), record.header.into(), NOTHING);
        bytes.len()
    };
    let begins = frame("frame: what lives", Frame::At(46), &["freeze"]);
    frame("frame: a commit", Frame::At(52), &["cancel"]);
    frame("frame: about to be made", Frame::Behind(52), &["mutation: put"]);
    frame("frame: it was made", Frame::Kept(54), &[]);
    let head = Head {
        store_id: "018f3c00-0000-7000-8000-00000000aaaa".into(),
        scope: SCOPE.into(),
        client_id: "018f3c00-0000-7000-8000-00000000cccc".into(),
        session_epoch: 7,
        generation: 2,
        position: 50,
        bytes: begins as u64,
        awaited: true,
    };
    pin(vectors, Spot("mirror", Kind::Mirror, 0), text_of(&head), NOTHING);
    assert_eq!(Head::read(&text_of(&head)), Some(head.clone()));
    pin(vectors, Spot("recovered", Kind::Recovered, 0), header::recovered(&head.store_id), NOTHING);
}

#[test]
fn what_a_later_build_writes_is_kept_as_it_is() {
    let mut vectors = Vectors::of(FILE, "later");
    let reserved = RESERVED.iter().enumerate().map(|(at, kind)| (kind_name(kind).to_lowercase(), *kind as u8, 1, at as u32));
    let others = [("mutation of version 2".to_owned(), Kind::Mutation as u8, 2, 7), ("a kind without a name".to_owned(), NOBODYS, 1, 8)];
    for (name, kind, version, at) in reserved.chain(others) {
        // A reader that looks at the kind alone would take the other version of a mutation for one that it knows.
        let (header, body) = if version == 1 { (r#"{"anything":["at","all"]}"#, "not even JSON \u{0}") } else { (r#"{"id":"?"}"#, "[]") };
        let (name, ordinal) = (format!("later: {name}"), at + 3);
        let bytes = frame(kind, version, ordinal, header, body);
        let line = Line { name: name.clone(), kind, version, ordinal, header: raw(header), body: body.into(), bytes: hex(&bytes) };
        vectors.pin(&name, &line);
        let run = [run(&["cancel"]), bytes.clone(), run(&["attempt"])].concat();
        let found: Vec<Found<'_>> = record::decode(&run).collect();
        assert_eq!(found[1], Found::Foreign { raw: &bytes }, "{name}");
        assert_eq!((found.len(), found[1].ordinal()), (3, Some(ordinal)), "{name}");
        assert!(matches!((&found[0], &found[2]), (Found::Record(_), Found::Record(_))), "{name}: what stands around it is read");
    }
    vectors.close();
}

#[test]
fn every_kind_has_a_vector() {
    let names = crate::vectors::members(FILE);
    let lines = |list: &str| serde_json::from_str::<Vec<Line>>(names[list].get()).expect("records");
    let kinds: Vec<Kind> = lines("records")
        .iter()
        .filter_map(|line| {
            let bytes = unhex(&line.bytes);
            match record::decode(&bytes).next() {
                Some(Found::Record(record)) => Some(record.kind),
                _ => None,
            }
        })
        .collect();
    let later: Vec<u8> = lines("later").iter().map(|line| line.kind).collect();
    let reserved = RESERVED.iter().filter(|kind| later.contains(&(**kind as u8)));
    assert_covered("records", KINDS, kinds.iter().chain(reserved).map(kind_name));
    assert_eq!(names["layout"].get(), LAYOUT_VERSION.to_string());
    assert_eq!(names["frame_bytes"].get(), FRAME_BYTES.to_string());
}

#[test]
fn a_member_that_a_later_build_adds_does_no_harm() {
    let header = full().replacen('{', r#"{"from_a_later_build":{"anything":1},"#, 1);
    let bytes = frame(Kind::Mutation as u8, 1, 0, &header, "[]");
    let found: Vec<Found<'_>> = record::decode(&bytes).collect();
    let [Found::Record(record)] = found[..] else { panic!("{found:?}") };
    let mut header = record.header().expect("an object");
    assert_eq!((header.read("id"), header.read("lineage")), (Ok(id(8)), Ok(Some(lineage()))));
}

#[test]
fn what_is_broken_is_named() {
    #[derive(Serialize)]
    struct Broken {
        name: &'static str,
        bytes: String,
        why: &'static str,
        /// How many records behind it can still be read.
        readable_after: usize,
    }
    let mut vectors = Vectors::of(FILE, "broken");
    let (good, after) = (run(&["cancel"]), run(&["attempt"]));
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let not_text = {
        let mut bytes = frame(Kind::Cancel as u8, 1, 0, "{\"id\":\"?\"}", "");
        let at = bytes.len() - 3;
        bytes[at] = 0xff;
        let sum = xxhash_rust::xxh64::xxh64(&bytes[4..], 0) as u32;
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
        bytes
    };
    for (name, bytes, readable_after) in [
        ("cut in its frame", good[..FRAME_BYTES - 1].to_vec(), 0),
        ("cut in its header", good[..FRAME_BYTES + 3].to_vec(), 0),
        ("a length beyond the end", [with(15, 0x7f), after.clone()].concat(), 0),
        ("another byte", [with(FRAME_BYTES + 2, b'x'), after.clone()].concat(), 1),
        ("another kind", [with(4, 8), after.clone()].concat(), 1),
        ("not UTF-8", [not_text, after.clone()].concat(), 1),
        ("text", b"<html>no record at all</html>".to_vec(), 0),
    ] {
        let found: Vec<Found<'_>> = record::decode(&bytes).collect();
        let Some((Found::Broken { why, .. }, rest)) = found.split_first() else { panic!("{name}: {found:?}") };
        let read = rest.iter().filter(|found| matches!(found, Found::Record(_))).count();
        assert_eq!((read, rest.len()), (readable_after, readable_after), "{name}");
        assert_eq!(found.iter().map(|found| found.raw().len()).sum::<usize>(), bytes.len(), "{name}: no byte is lost");
        vectors.pin(name, &Broken { name, bytes: hex(&bytes), why, readable_after });
    }
    vectors.close();
}
