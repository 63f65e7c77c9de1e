//! Requests that are refused: each by a status and a code, and nothing was done.

use std::io::Write;

use crate::support::{Bench, connect, put, read_reply};

const PUSH: [(&str, &str); 4] =
    [("syncline-scope", "u"), ("syncline-client", "c1"), ("syncline-session", "1"), ("content-type", "application/json")];

fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    PUSH.into_iter().filter(|(given, _)| *given != name).collect()
}

fn body() -> Vec<u8> {
    format!(r#"{{"entries":[{}]}}"#, put("e1", "k", "1")).into_bytes()
}

#[test]
fn a_push_needs_its_headers() {
    let bench = Bench::start(&[]);
    for name in ["syncline-scope", "syncline-client", "syncline-session"] {
        assert_eq!(bench.send("POST", "/sync/push", &without(name), &body()).error(), (400, "malformed".into()), "{name}");
    }
    let long = "x".repeat(257);
    for (name, value) in [
        ("syncline-scope", ""),
        ("syncline-scope", "é"),
        ("syncline-scope", long.as_str()),
        ("syncline-session", "-1"),
        ("syncline-session", "x"),
    ] {
        let mut headers = without(name);
        headers.push((name, value));
        assert_eq!(bench.send("POST", "/sync/push", &headers, &body()).error(), (400, "malformed".into()), "{name}: {value}");
    }
    assert_eq!(bench.documents(), []);
}

#[test]
fn a5_what_a_page_of_another_site_can_send_is_refused() {
    let bench = Bench::start(&[]);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain; application/json"] {
        let mut headers = without("content-type");
        headers.push(("content-type", kind));
        assert_eq!(bench.send("POST", "/sync/push", &headers, &body()).error(), (415, "not_json".into()), "{kind}");
    }
    assert_eq!(bench.send("POST", "/sync/push", &without("content-type"), &body()).error(), (415, "not_json".into()));
    assert_eq!(bench.send("POST", "/sync/push", &[("content-type", "application/json")], &body()).status, 400);
    assert_eq!(bench.send("GET", "/sync/pull", &[], b"").error(), (400, "malformed".into()));
    assert_eq!(bench.documents(), []);
}

#[test]
fn n6_malformed_bodies_are_refused_whole() {
    let bench = Bench::start(&[]);
    let deep = format!(r#"{{"entries":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [&[u8]; 9] = [
        b"",
        b"null",
        b"<html></html>",
        br#"{"entries":[{"id":"e1","operations":"#,
        br#"{"entries":[1]}"#,
        br#"{"entries":[{"operations":[]}]}"#,
        br#"{"entries":[{"id":"\ud800","operations":[]}]}"#,
        b"{\"entries\":[\xff]}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let reply = bench.send("POST", "/sync/push", &PUSH, body);
        assert_eq!(reply.error(), (400, "malformed".into()), "{:?}", String::from_utf8_lossy(&body[..body.len().min(60)]));
    }
    let mixed = format!(
        r#"{{"entries":[{},{{"id":"e2","operations":[{{"op":"put","collection":"n","key":"k","value":"\ud800"}}]}}]}}"#,
        put("e1", "k", "1")
    );
    assert_eq!(
        bench.send("POST", "/sync/push", &PUSH, mixed.as_bytes()).outcomes(),
        ["ok", "rejected"],
        "what is wrong inside one entry is its own"
    );
}

#[test]
fn h7_too_large_a_body_is_a_413_that_its_sender_gets_to_read() {
    let bench = Bench::start(&["--request-bytes", "2000", "--entry-bytes", "1000"]);
    for size in [2_000, 100_000, 14_000_000] {
        let body = format!(r#"{{"entries":[{}]}}"#, put("e1", "k", &format!("\"{}\"", "x".repeat(size))));
        assert_eq!(bench.send("POST", "/sync/push", &PUSH, body.as_bytes()).error(), (413, "too_large".into()), "{size}");
    }
    let many = (0..1_001).map(|_| r#"{"id":"e","operations":[]}"#).collect::<Vec<_>>().join(",");
    let roomy = Bench::start(&[]);
    assert_eq!(roomy.push("c1", &many).error(), (413, "too_large".into()), "too many entries");
    let reply = bench.push("c1", &[put("e1", "k", &format!("\"{}\"", "x".repeat(1_000))), put("e2", "l", "1")].join(","));
    assert_eq!(reply.outcomes(), ["tooLarge", "ok"]);
    assert_eq!(bench.documents(), [("l".into(), "1".into())]);
}

#[test]
fn n6_a_body_that_breaks_off_does_nothing() {
    let bench = Bench::start(&[]);
    let body = body();
    let head: String = PUSH.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut stream = connect(bench.address()).unwrap();
    write!(stream, "POST /sync/push HTTP/1.1\r\nhost: x\r\n{head}content-length: {}\r\n\r\n", body.len() + 1).unwrap();
    stream.write_all(&body).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(read_reply(stream).map_or(true, |reply| reply.status == 400));
    assert_eq!(bench.documents(), []);
}

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let bench = Bench::start(&["--token", "secret"]);
    for given in [None, Some("Bearer wrong"), Some("Bearer "), Some("Bearer secret2"), Some("secret"), Some("Basic secret")] {
        for (method, path) in [("POST", "/sync/push"), ("GET", "/sync/pull"), ("GET", "/sync/outcome?id=e"), ("GET", "/sync/ping")] {
            let mut headers = PUSH.to_vec();
            headers.extend(given.map(|given| ("authorization", given)));
            let reply = bench.send(method, path, &headers, &body());
            assert_eq!(
                (reply.error(), reply.header("www-authenticate")),
                ((401, "unauthorized".into()), Some("Bearer")),
                "{given:?} {path}"
            );
        }
    }
    let mut headers = PUSH.to_vec();
    headers.push(("authorization", "Bearer secret"));
    assert_eq!(bench.send("POST", "/sync/push", &headers, &body()).outcomes(), ["ok"]);
}

#[test]
fn what_does_not_exist_says_so() {
    let bench = Bench::start(&[]);
    let scope = [("syncline-scope", "u")];
    for (method, path, refusal) in [
        ("GET", "/sync/nothing", (404, "not_found")),
        ("GET", "/sync/pull?feed=other", (404, "unknown_feed")),
        ("GET", "/sync/pull?feed=collection:", (404, "unknown_feed")),
        ("GET", "/sync/push", (405, "method_not_allowed")),
        ("POST", "/sync/pull", (405, "method_not_allowed")),
        ("GET", "/sync/pull?limit=many", (400, "malformed")),
        ("GET", "/sync/outcome", (400, "malformed")),
    ] {
        assert_eq!(bench.send(method, path, &scope, b"").error(), (refusal.0, refusal.1.to_owned()), "{method} {path}");
    }
    for limit in ["0", "18446744073709551615"] {
        assert_eq!(bench.send("GET", &format!("/sync/pull?limit={limit}"), &scope, b"").status, 200, "a limit is clamped: {limit}");
    }
}

#[test]
fn another_version_of_the_protocol_is_told_apart() {
    let bench = Bench::start(&[]);
    let mut headers = PUSH.to_vec();
    headers.push(("syncline-protocol", "2"));
    assert_eq!(bench.send("POST", "/sync/push", &headers, &body()).error(), (501, "unsupported_protocol".into()));
    assert_eq!(bench.documents(), []);
}
