//! Pushes and pulls that go well.

use serde_json::json;
use syncline::protocol::{Call, Identity};

use crate::support::{Bench, asker, grow, put};

#[test]
fn what_is_pushed_is_pulled_byte_for_byte() {
    let bench = Bench::start(&[]);
    let value = "{\"b\":1.0,\"a\":[9007199254740993,-0],\"__proto__\":{\"x\":\"\\u0000é😀\"}}";
    assert_eq!(bench.push("c1", &put("e1", "k", value)).outcomes(), ["ok"]);
    let call = Call::Pull { feed: "main".into(), cursor: None, limit: 10, request: "42".into() };
    let reply = bench.call(&asker("c1"), &call);
    assert_eq!(
        reply.text(),
        format!(
            r#"{{"generation":"g1","scope":"u","request":"42","cursor":"g1.1","more":false,"changes":[{{"collection":"n","key":"k","version":"g1.1","seq":1,"entryId":"e1","value":{value}}}],"applied":[{{"id":"e1","version":"g1.1","seq":1}}]}}"#
        )
    );
}

#[test]
fn d12_names_of_every_shape_come_through() {
    let bench = Bench::start(&[]);
    let key = "a/../%2f?&=+ \r\n\u{0}😀\"";
    let operation = json!({ "op": "put", "collection": key, "key": key, "value": key });
    let id = "id with / ? & = + % é";
    let entry = json!({ "id": id, "seen": { "generation": "", "seq": 0 }, "operations": [operation] });
    assert_eq!(bench.push("c1", &entry.to_string()).outcomes(), ["ok"]);
    let pulled = bench.pull("c1", None);
    assert_eq!([&pulled["changes"][0]["key"], &pulled["changes"][0]["value"], &pulled["changes"][0]["entryId"]], [key, key, id]);
    let asked = bench.call(&asker("c1"), &Call::Outcome { id: id.into() }).json();
    assert_eq!(asked["outcomes"][0]["id"], id);
    let feed = format!("collection:{key}");
    let call = Call::Pull { feed, cursor: None, limit: 10, request: "r".into() };
    assert_eq!(bench.call(&asker("c1"), &call).json()["changes"].as_array().unwrap().len(), 1);
}

#[test]
fn a_cursor_goes_in_the_query_or_in_a_header() {
    let bench = Bench::start(&["--page-changes", "2"]);
    bench.push("c1", &["a", "b", "c"].map(|key| put(key, key, "1")).join(","));
    let call = |cursor: &str| Call::Pull { feed: "main".into(), cursor: Some(cursor.into()), limit: 9, request: "r".into() };
    for across in [false, true] {
        let page = |cursor: &str| bench.call_as(&asker("c2"), &call(cursor), across, &[]).json();
        assert_eq!(page("g1.2")["changes"][0]["key"], "c");
        let reset = page("g1.2 %é");
        assert_eq!([&reset["reset"], &reset["more"], &reset["cursor"]], [&json!(true), &json!(true), &json!("g1.2")]);
    }
}

#[test]
fn many_clients_at_once_lose_nothing() {
    let bench = Bench::start(&[]);
    bench.push("c0", &put("first", "k", r#"{"n":0}"#));
    std::thread::scope(|scope| {
        for client in 0..8 {
            let bench = &bench;
            scope.spawn(move || {
                for push in 0..10 {
                    let entries = (0..3).map(|entry| grow(&format!("{client}.{push}.{entry}"), "k")).collect::<Vec<_>>();
                    assert_eq!(bench.push(&format!("c{client}"), &entries.join(",")).outcomes(), ["ok", "ok", "ok"]);
                }
            });
        }
    });
    assert_eq!(bench.documents(), [("k".into(), r#"{"n":240}"#.into())]);
}

#[test]
fn p4_a_reader_beside_many_writers_misses_nothing() {
    let bench = Bench::start(&["--page-changes", "7"]);
    let mut seen = std::collections::BTreeSet::new();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|client| {
                let bench = &bench;
                scope.spawn(move || {
                    for push in 0..25 {
                        let id = format!("{client}.{push}");
                        assert_eq!(bench.push(&format!("c{client}"), &put(&id, &id, "1")).outcomes(), ["ok"]);
                    }
                })
            })
            .collect();
        let mut cursor = None;
        let mut last = 0;
        loop {
            let finished = writers.iter().all(std::thread::ScopedJoinHandle::is_finished);
            let page = bench.pull("reader", cursor.as_deref());
            for change in page["changes"].as_array().unwrap() {
                let seq = change["seq"].as_u64().unwrap();
                assert!(seq > last, "positions only grow");
                last = seq;
                seen.insert(change["key"].as_str().unwrap().to_owned());
            }
            cursor = Some(page["cursor"].as_str().unwrap().to_owned());
            if finished && page["more"] == false {
                break;
            }
        }
    });
    assert_eq!(seen.len(), 100);
}

#[test]
fn a_ping_says_what_the_server_is() {
    let bench = Bench::start(&["--request-bytes", "5000", "--keep-outcomes", "1"]);
    bench.push("c1", &["a", "b", "c"].map(|key| put(key, key, "1")).join(","));
    let ping = bench.send("GET", "/sync/ping", &[], b"").json();
    assert_eq!([&ping["protocol"], &ping["generation"], &ping["horizon"]], [&json!(1), &json!("g1"), &json!(2)]);
    assert_eq!(ping["limits"]["requestBytes"], 5_000);
}

#[test]
fn i15_an_older_session_is_fenced_off_over_http() {
    let bench = Bench::start(&[]);
    bench.push("c1", &put("e1", "k", "1"));
    let older = Identity { session_epoch: 0, ..asker("c1") };
    let body = format!(r#"{{"entries":[{}]}}"#, put("e2", "k", "2"));
    let reply = bench.call(&older, &Call::Push { ids: Vec::new(), body, attempt: 0 });
    assert_eq!((reply.status, reply.text()), (200, r#"{"generation":"g1","scope":"u","outcome":"fenced","outcomes":[]}"#));
}

#[test]
fn a_push_of_many_small_entries_is_one_quick_transaction() {
    let bench = Bench::start(&[]);
    let entries = (0..500).map(|index| put(&format!("e{index}"), &format!("k{index}"), r#"{"text":"some words"}"#)).collect::<Vec<_>>();
    let started = std::time::Instant::now();
    assert_eq!(bench.push("c1", &entries.join(",")).outcomes(), vec!["ok"; 500]);
    println!("500 entries in {:?}", started.elapsed());
    // Generous, since test machines are busy: a transaction an entry would take far longer than this.
    assert!(started.elapsed() < std::time::Duration::from_secs(2));
}
