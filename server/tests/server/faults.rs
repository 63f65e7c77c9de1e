//! Faults on purpose: what is lost is not lost, what fails has done nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use syncline::protocol::Call;

use crate::support::{Bench, Reply, asker, exchange, grow, put};

fn set(bench: &Bench, plan: serde_json::Value) {
    let reply = bench.send("PUT", "/test/faults", &[("content-type", "application/json")], plan.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn counted(bench: &Bench, name: &str) -> u64 {
    bench.send("GET", "/test/counters", &[], b"").json()[name].as_u64().unwrap()
}

/// A push that may find no reply.
fn try_push(bench: &Bench, entries: &str) -> std::io::Result<Reply> {
    let http = Call::Push { ids: Vec::new(), body: format!(r#"{{"entries":[{entries}]}}"#), attempt: 0 }.to_http(&asker("c1"), false);
    let headers: Vec<(&str, &str)> = http.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    exchange(bench.address(), "POST", "/sync/push", &headers, http.body.unwrap().as_bytes())
}

#[test]
fn n2_a_lost_reply_is_found_again_and_its_effect_happened_once() {
    let bench = Bench::start(&["--test-control"]);
    bench.push("c1", &put("e0", "k", r#"{"n":0}"#));
    set(&bench, json!({ "loseNext": 2 }));
    assert!(try_push(&bench, &grow("e1", "k")).is_err());
    assert!(try_push(&bench, &grow("e1", "k")).is_err());
    assert_eq!(bench.documents(), [("k".into(), r#"{"n":1}"#.into())], "it was committed all the same");
    let reply = try_push(&bench, &[grow("e1", "k"), grow("e2", "k")].join(",")).unwrap();
    let outcomes = reply.json()["outcomes"].clone();
    assert_eq!([&outcomes[0]["seq"], &outcomes[1]["seq"]], [2, 3]);
    assert_eq!(bench.documents(), [("k".into(), r#"{"n":2}"#.into())]);
    assert_eq!([counted(&bench, "repliesLost"), counted(&bench, "replays"), counted(&bench, "entries")], [2, 2, 5]);
}

#[test]
fn h8_a_503_does_nothing_and_says_when_to_come_back() {
    let bench = Bench::start(&["--test-control", "--error-rate", "1", "--retry-after", "7"]);
    let reply = try_push(&bench, &put("e1", "k", "1")).unwrap();
    assert_eq!((reply.error(), reply.header("retry-after")), ((503, "unavailable".into()), Some("7")));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    set(&bench, json!({ "errorNext": 1 }));
    let large = put("e1", "k", &format!("\"{}\"", "x".repeat(500_000)));
    let reply = try_push(&bench, &large).unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, None), "heard even by who sent much");
    assert_eq!(bench.documents(), []);
    assert_eq!(counted(&bench, "errorsInjected"), 2);
    assert_eq!(try_push(&bench, &put("e1", "k", "1")).unwrap().outcomes(), ["ok"]);
}

#[test]
fn slowness_delays_and_changes_nothing() {
    let bench = Bench::start(&["--slow-ms", "300"]);
    let started = Instant::now();
    assert_eq!(bench.push("c1", &put("e1", "k", "1")).outcomes(), ["ok"]);
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_seed_repeats_the_same_losses() {
    let losses = |seed: &str| {
        let bench = Bench::start(&["--lose-replies", "0.5", "--seed", seed]);
        (0..20).map(|index| try_push(&bench, &put(&format!("e{index}"), "k", "1")).is_err()).collect::<Vec<_>>()
    };
    let first = losses("5");
    assert_eq!(first, losses("5"));
    assert!(first.contains(&true) && first.contains(&false));
}

#[test]
fn kept_values_can_be_read_in_order() {
    let bench = Bench::start(&["--test-control", "--keep-values"]);
    for value in ["1", "2", "{\"a\": 3}"] {
        bench.push("c1", &put(&format!("e{value}").replace(['{', '}', '"', ':', ' '], ""), "k", value));
    }
    let delete = r#"{"id":"d","seen":{"generation":"g1","seq":0},"operations":[{"op":"delete","collection":"n","key":"k"}]}"#;
    bench.push("c1", delete);
    let kept = bench.send("GET", "/test/committed?collection=n&key=k&after=1&limit=9", &[], b"").json();
    assert_eq!(kept, json!([{ "seq": 2, "value": "2" }, { "seq": 3, "value": "{\"a\": 3}" }, { "seq": 4, "value": null }]));
}

#[test]
fn all_kept_values_can_be_read_in_order_with_the_entries_that_gave_them() {
    let bench = Bench::start(&["--test-control", "--keep-values"]);
    bench.push("c1", &put("e1", "k", "1"));
    bench.push("c1", &put("e2", "other", "2"));
    let group = r#"{"id":"e3","seen":{"generation":"g1","seq":0},"operations":[{"op":"put","collection":"n","key":"a","value":3},{"op":"delete","collection":"n","key":"k","base":"g1.1"}]}"#;
    bench.push("c1", group);
    let kept = bench.send("GET", "/test/history?after=1&limit=9", &[], b"").json();
    assert_eq!(
        kept,
        json!([
            { "row": 2, "seq": 2, "entry": "e2", "collection": "n", "key": "other", "value": "2" },
            { "row": 3, "seq": 3, "entry": "e3", "collection": "n", "key": "a", "value": "3" },
            { "row": 4, "seq": 3, "entry": "e3", "collection": "n", "key": "k", "value": null },
        ])
    );
    assert_eq!(bench.send("GET", "/test/history?after=2&limit=1", &[], b"").json()[0]["row"], 3);
}

#[test]
fn without_the_option_there_is_no_control() {
    let bench = Bench::start(&[]);
    for (method, path) in [
        ("GET", "/test/counters"),
        ("PUT", "/test/faults"),
        ("GET", "/test/faults"),
        ("GET", "/test/committed?collection=n&key=k"),
        ("GET", "/test/history"),
    ] {
        assert_eq!(bench.send(method, path, &[("content-type", "application/json")], b"{}").status, 404, "{method} {path}");
    }
}

#[test]
fn a_fault_that_does_not_exist_is_refused() {
    let bench = Bench::start(&["--test-control"]);
    let reply = bench.send("PUT", "/test/faults", &[("content-type", "application/json")], br#"{"looseNext":1}"#);
    assert_eq!(reply.status, 422);
}
