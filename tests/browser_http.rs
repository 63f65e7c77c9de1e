//! Requests against real `Response`s, streams and signals; what needs a real server is tested end to end.

#![cfg(target_arch = "wasm32")]

mod browser_support;

use std::rc::Rc;

use browser_support::{Heard, sleep};
use serde_json::{Value, json};
use syncline::browser::host::Host;
use syncline::browser::http::{Requests, Target};
use syncline::engine::config::TransportKind;
use syncline::engine::ident::RequestId;
use syncline::engine::input::{Bytes, Input, Reply, SendFailure};
use syncline::protocol::{Call, Identity};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(module = "/tests/browser_support/responses.js")]
extern "C" {
    fn host(kind: &str) -> Host;
    fn functions(kind: &str) -> Host;
    fn asked(host: &Host) -> String;
    #[wasm_bindgen(js_name = withHeaders)]
    fn with_headers(host: &Host, how: &str);
}

const REPLY_BYTES_MAX: u64 = 10_000;
const REQUEST: RequestId = RequestId(1);

struct Rig {
    host: Host,
    requests: Rc<Requests>,
    heard: Heard,
}

impl Rig {
    fn of(host: Host, url: &str, cross_origin: bool) -> Rig {
        let heard = Heard::default();
        let transport = if url.is_empty() { TransportKind::Functions } else { TransportKind::Protocol };
        let target = Target { url: url.into(), cross_origin, transport };
        Rig { requests: Requests::new(target, host.clone(), heard.tell()), host, heard }
    }

    fn answered_by(kind: &str) -> Rig {
        Rig::of(host(kind), "https://server.test/api", false)
    }

    fn send(&self, call: Call) {
        let identity = Identity { scope: "scope1".into(), client: "client1".into(), session_epoch: 4 };
        let outlives_page = matches!(call, Call::Push { .. });
        self.requests.send(REQUEST, call, identity, REPLY_BYTES_MAX, outlives_page);
    }

    /// Sends, and waits for the end.
    async fn ask(&self, call: Call) -> Result<Reply, SendFailure> {
        self.send(call);
        self.end().await
    }

    async fn end(&self) -> Result<Reply, SendFailure> {
        loop {
            match self.heard.next().await {
                Input::Progressed { request: REQUEST, .. } => {}
                Input::Replied { request: REQUEST, reply } => return Ok(reply),
                Input::SendFailed { request: REQUEST, why } => return Err(why),
                other => panic!("{other:?}"),
            }
        }
    }

    fn asked(&self) -> Value {
        serde_json::from_str(&asked(&self.host)).expect("JSON")
    }
}

fn push() -> Call {
    Call::Push { ids: vec!["a".into()], body: r#"{"entries":[{"id":"a","n":1.0}]}"#.into(), attempt: 2 }
}

fn pull() -> Call {
    Call::Pull { feed: "main".into(), cursor: Some("c/1".into()), limit: 10, request: "r1".into() }
}

fn body(text: &[u8]) -> Bytes {
    Bytes(text.into())
}

#[wasm_bindgen_test]
async fn a_reply_comes_whole_with_the_headers_that_are_known() {
    let rig = Rig::answered_by("whole");
    let reply = rig.ask(push()).await.unwrap();
    assert_eq!((reply.status, reply.redirected), (200, false));
    assert_eq!(reply.headers, [("content-type", "application/json".into()), ("retry-after", "7".into())].into());
    assert_eq!(reply.body, body(r#"{"whole":"ü"}"#.as_bytes()));

    let rig = Rig::answered_by("refused");
    let reply = rig.ask(pull()).await.unwrap();
    assert_eq!((reply.status, reply.body), (503, body(b"<p>no</p>")));
    assert_eq!(Rig::answered_by("empty").ask(Call::Ping).await.map(|reply| (reply.status, reply.body)), Ok((204, body(b""))));
    assert_eq!(Rig::answered_by("garbled").ask(pull()).await.unwrap().body, body(&[0xff, 0xfe, 0]));
}

#[wasm_bindgen_test]
async fn what_is_asked_is_what_the_protocol_says() {
    let rig = Rig::answered_by("whole");
    rig.ask(push()).await.unwrap();
    rig.ask(pull()).await.unwrap();
    let asked = rig.asked();
    let (push, pull) = (&asked[0], &asked[1]);
    assert_eq!(
        (&push["url"], &push["method"], &push["redirect"]),
        (&json!("https://server.test/api/push"), &json!("POST"), &json!("error"))
    );
    assert_eq!(push["body"], json!(r#"{"entries":[{"id":"a","n":1.0}]}"#));
    assert_eq!(push["headers"]["syncline-scope"], json!("scope1"));
    assert_eq!((&push["cache"], &push["credentials"]), (&Value::Null, &Value::Null));
    assert_eq!((&push["keepalive"], &pull["keepalive"]), (&json!(true), &json!(false)), "a push may outlive its page");
    assert_eq!(pull["url"], json!("https://server.test/api/pull?feed=main&limit=10&since=c%2F1"));
    assert_eq!((&pull["method"], &pull["cache"], &pull["body"]), (&json!("GET"), &json!("no-store"), &Value::Null));

    let across = Rig::of(host("whole"), "https://server.test/api/", true);
    across.ask(self::pull()).await.unwrap();
    let pull = &across.asked()[0];
    assert_eq!((&pull["url"], &pull["cache"]), (&json!("https://server.test/api/pull?feed=main&limit=10"), &Value::Null));
    assert_eq!(pull["headers"]["syncline-since"], json!("c%2F1"));
}

#[wasm_bindgen_test]
async fn a4_the_apps_headers_are_asked_for_each_time_and_forge_none() {
    for how in ["object", "promise"] {
        let rig = Rig::answered_by("whole");
        with_headers(&rig.host, how);
        rig.ask(pull()).await.unwrap();
        rig.ask(pull()).await.unwrap();
        let asked = rig.asked();
        assert_eq!(asked[0]["headers"]["authorization"], json!("Bearer 1"), "{how}");
        assert_eq!(asked[1]["headers"]["authorization"], json!("Bearer 2"), "{how}");
        assert_eq!(asked[0]["headers"]["syncline-scope"], json!("scope1"), "{how}");
    }
    for (how, message) in [("throws", "Error: no token"), ("rejects", "signed out")] {
        let rig = Rig::answered_by("whole");
        with_headers(&rig.host, how);
        assert_eq!(rig.ask(pull()).await, Err(SendFailure::Threw { message: message.into() }));
        assert_eq!(rig.asked(), json!([]), "nothing is sent without its headers");
    }
    let rig = Rig::answered_by("whole");
    with_headers(&rig.host, "invalid");
    assert!(matches!(rig.ask(pull()).await, Err(SendFailure::Threw { .. })));
}

#[wasm_bindgen_test]
async fn n6_what_is_no_whole_reply_has_a_name() {
    assert_eq!(Rig::answered_by("network").ask(push()).await, Err(SendFailure::NoAnswer));
    assert_eq!(Rig::answered_by("torn").ask(push()).await, Err(SendFailure::Truncated));
    assert_eq!(Rig::answered_by("texts").ask(push()).await, Err(SendFailure::Truncated));
    assert_eq!(Rig::answered_by("endless").ask(push()).await, Err(SendFailure::TooLarge));
    assert!(matches!(Rig::answered_by("nothing").ask(push()).await, Err(SendFailure::Threw { .. })));
}

#[wasm_bindgen_test]
async fn n7_progress_is_told_but_not_each_byte() {
    let rig = Rig::answered_by("slow");
    rig.send(pull());
    let mut progress = Vec::new();
    let reply = loop {
        match rig.heard.next().await {
            Input::Progressed { received, .. } => progress.push(received),
            Input::Replied { reply, .. } => break reply,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reply.body, body(b"xxxxxxxxxx"));
    assert_eq!(progress[0], 0, "the head is progress");
    assert!(progress.is_sorted() && (3..=6).contains(&progress.len()), "{progress:?}");
}

#[wasm_bindgen_test]
async fn a_cancelled_request_is_answered_once_whatever_the_app_does() {
    for kind in ["hanging", "deaf", "stalled"] {
        let rig = Rig::answered_by(kind);
        rig.send(push());
        sleep(20).await;
        rig.requests.cancel(REQUEST);
        rig.requests.cancel(REQUEST);
        assert_eq!(rig.end().await, Err(SendFailure::Cancelled), "{kind}");
        sleep(20).await;
        assert!(rig.heard.is_empty(), "{kind}");
        assert_eq!(rig.asked()[0]["signal"], json!({}));
    }
    let rig = Rig::answered_by("whole");
    rig.send(push());
    rig.requests.cancel(REQUEST);
    assert_eq!(rig.end().await, Err(SendFailure::Cancelled));
    assert_eq!(rig.asked(), json!([]), "what was cancelled at once is not sent");

    let rig = Rig::answered_by("whole");
    with_headers(&rig.host, "never");
    rig.send(push());
    sleep(20).await;
    rig.requests.cancel(REQUEST);
    assert_eq!(rig.end().await, Err(SendFailure::Cancelled));
}

#[wasm_bindgen_test]
async fn a_closed_client_hears_of_no_request() {
    for kind in ["slow", "hanging", "whole"] {
        let rig = Rig::answered_by(kind);
        rig.send(push());
        rig.requests.close();
        sleep(100).await;
        assert!(rig.heard.is_empty(), "{kind}");
    }
}

#[wasm_bindgen_test]
async fn the_browsers_own_fetch_is_used_where_the_app_has_none() {
    // The page that runs the tests comes from a real server, which knows no such path.
    let location = js_sys::Reflect::get(&js_sys::global(), &"location".into()).unwrap();
    let origin = js_sys::Reflect::get(&location, &"origin".into()).unwrap().as_string().unwrap();
    let reply = Rig::of(host("none"), &origin, false).ask(Call::Ping).await.unwrap();
    assert_eq!(reply.status, 404);
    let nobody = Rig::of(host("none"), "http://127.0.0.1:9", true);
    assert_eq!(nobody.ask(Call::Ping).await, Err(SendFailure::NoAnswer));
}

#[wasm_bindgen_test]
async fn the_apps_functions_answer_like_a_server() {
    let rig = Rig::of(functions("good"), "", false);
    let reply = rig.ask(push()).await.unwrap();
    assert_eq!((reply.status, reply.body), (200, body(br#"{"outcomes":[]}"#)));
    assert_eq!(reply.headers, [("content-type", "application/json".into())].into());
    assert_eq!(rig.ask(pull()).await.unwrap().body, body(br#"{"changes":[]}"#));
    assert_eq!(rig.ask(Call::Ping).await.unwrap().body, body(b"{}"));
    let asked = rig.asked();
    let key = syncline::protocol::http::idempotency_key(&["a".into()]);
    let ctx = json!({ "signal": false, "scope": "scope1", "epoch": "4", "attempt": 2, "idempotencyKey": key });
    assert_eq!(asked[0], json!(["push", r#"[{"id":"a","n":1.0}]"#, ctx]));
    let ctx = json!({ "signal": false, "scope": "scope1", "epoch": "4", "attempt": 0, "idempotencyKey": "r1", "feed": "main", "cursor": "c/1", "limit": 10 });
    assert_eq!(asked[1], json!(["pull", ctx]));
    assert_eq!(asked[2][0], json!("ping"));
}

#[wasm_bindgen_test]
async fn what_the_apps_functions_do_wrong_has_a_name() {
    let threw = |message: &str| Err(SendFailure::Threw { message: message.into() });
    let rig = Rig::of(functions("throws"), "", false);
    assert_eq!(rig.ask(push()).await, threw("RangeError: sync"));
    assert_eq!(rig.ask(pull()).await, threw("RangeError: async"));
    assert_eq!(rig.ask(Call::Ping).await, threw("there is no such function"));
    let rig = Rig::of(functions("wrong"), "", false);
    assert_eq!(rig.ask(push()).await, threw("it gave no text"));
    assert_eq!(rig.ask(pull()).await, threw("it gave no text"));
    let rig = Rig::of(functions("deaf"), "", false);
    rig.send(push());
    sleep(20).await;
    rig.requests.cancel(REQUEST);
    assert_eq!(rig.end().await, Err(SendFailure::Cancelled));
}
