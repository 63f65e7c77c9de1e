//! The client as JavaScript sees it: engine, driver and ports together, over a real IndexedDB.

#![cfg(target_arch = "wasm32")]

mod browser_support;

use browser_support::{fresh, of, sleep};
use js_sys::{Function, JSON, Promise};
use serde_json::{Value, json};
use syncline::api::Client;
use syncline::browser::host::Host;
use syncline::browser::idb::database_name;
use syncline::protocol::http::scope_hash;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(module = "/tests/browser_support/app.js")]
extern "C" {
    fn server() -> JsValue;
    fn app(server: &JsValue) -> Host;
    fn notices(host: &Host) -> String;
    fn turns(host: &Host) -> u32;
    #[wasm_bindgen(js_name = setMode)]
    fn set_mode(server: &JsValue, mode: &str);
    fn requests(server: &JsValue) -> u32;
    fn pushed(server: &JsValue) -> String;
    fn documents(server: &JsValue) -> String;
    #[wasm_bindgen(js_name = reactOnce)]
    fn react_once(host: &Host, kind: &str, act: &JsValue);
    #[wasm_bindgen(js_name = breakNotify)]
    fn break_notify(host: &Host);
    fn signal(name: &str);
    #[wasm_bindgen(js_name = watchListeners)]
    fn watch_listeners() -> Function;
    fn exported(code: &str, database: &str) -> Promise;
}

#[wasm_bindgen(module = "/tests/browser_support/raw.js")]
extern "C" {
    fn plant(name: &str, store: &str, key: &JsValue, json: &str) -> Promise;
    fn remove(name: &str) -> Promise;
    fn withhold(what: &str) -> Function;
    #[wasm_bindgen(js_name = watchTransactions)]
    fn watch_transactions() -> Function;
    #[wasm_bindgen(js_name = watchCloses)]
    fn watch_closes() -> Function;
}

/// An app's client.
struct App {
    name: String,
    client: Client,
    host: Host,
}

impl App {
    /// Opens one for an app of this name and waits until it can be used.
    async fn open(name: &str, server: &JsValue) -> App {
        let app = App::begin(name, server);
        app.heard("opened").await;
        app
    }

    fn begin(name: &str, server: &JsValue) -> App {
        App::begin_with(name, server, json!({}))
    }

    fn begin_with(name: &str, server: &JsValue, mut config: Value) -> App {
        config["transport"] = json!(if server.is_undefined() { "none" } else { "functions" });
        let host = app(server);
        let options = json!({ "name": name, "scope": "user", "url": "", "config": config });
        let client = Client::open(&options.to_string(), host.clone()).expect("good options");
        App { name: name.into(), client, host }
    }

    fn database(&self) -> String {
        database_name(&self.name, &scope_hash("user"))
    }

    fn notices(&self) -> Vec<Value> {
        serde_json::from_str(&notices(&self.host)).expect("JSON")
    }

    /// The first notice of a kind, within 8 seconds.
    async fn heard(&self, kind: &str) -> Value {
        self.heard_that(kind, |_| true).await
    }

    async fn heard_that(&self, kind: &str, that: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..800 {
            let found = self.notices().into_iter().find(|notice| notice["notice"] == kind && that(notice));
            if let Some(notice) = found {
                return notice;
            }
            sleep(10).await;
        }
        panic!("no {kind} within 8 s: {:?}", self.notices());
    }

    fn put(&self, key: &str, value: Value) -> String {
        ids(self.client.call("put", "notes", key, &value.to_string())).remove(0)
    }

    async fn put_durably(&self, key: &str, value: Value) -> String {
        let id = self.put(key, value);
        self.durable(&id).await;
        id
    }

    async fn durable(&self, id: &str) -> Value {
        self.heard_that("durable", |notice| notice["mutations"].as_array().unwrap().contains(&json!(id))).await["durability"].clone()
    }

    async fn settled(&self, id: &str) -> Value {
        self.heard_that("settled", |notice| notice["mutation"] == id).await["ending"].clone()
    }

    fn view(&self, key: &str) -> Option<Value> {
        self.client.call("view", "notes", key, "").unwrap().as_string().map(|text| serde_json::from_str(&text).expect("JSON"))
    }

    /// The answer to a question, about the document of this key where there is one.
    async fn answer(&self, operation: &str, key: &str, text: &str) -> Value {
        let collection = if key.is_empty() { "" } else { "notes" };
        let ask = self.client.call(operation, collection, key, text).expect("a good call").as_f64();
        self.heard_that("answered", |notice| notice["ask"].as_f64() == ask).await
    }

    fn heard_client(&self) -> Value {
        self.notices().iter().find(|notice| notice["notice"] == "opened").expect("it is open")["client"].clone()
    }

    fn status(&self) -> Value {
        let text = text(self.client.call("status", "", "", ""));
        serde_json::from_str::<Value>(&text).expect("JSON")[0].take()
    }

    async fn close(&self) {
        let ask = self.client.call("close", "", "", "").expect("it is open").as_f64();
        self.heard_that("answered", |notice| notice["ask"].as_f64() == ask).await;
    }
}

fn text(given: Result<JsValue, JsValue>) -> String {
    given.expect("a good call").as_string().expect("a text")
}

/// The ids that a write gives.
fn ids(written: Result<JsValue, JsValue>) -> Vec<String> {
    serde_json::from_str(&written.expect("a good write").as_string().expect("a text")).expect("a list")
}

fn code(result: Result<impl std::fmt::Debug, JsValue>) -> Value {
    thrown(result)["code"].clone()
}

fn thrown(result: Result<impl std::fmt::Debug, JsValue>) -> Value {
    let thrown = JSON::stringify(&result.expect_err("it throws")).expect("a plain object");
    serde_json::from_str(&String::from(thrown)).expect("JSON")
}

#[wasm_bindgen_test]
async fn a_durable_write_is_there_after_reopening_and_what_the_first_client_writes_then_is_not_lost() {
    let name = fresh("reopen");
    let first = App::open(&name, &JsValue::UNDEFINED).await;
    let id = first.put("a", json!({ "text": "é\u{1f600}" }));
    assert_eq!(first.view("a"), Some(json!({ "text": "é\u{1f600}" })), "seen at once");
    assert_eq!(first.durable(&id).await, "strict");

    let second = App::open(&name, &JsValue::UNDEFINED).await;
    assert_eq!(second.view("a"), Some(json!({ "text": "é\u{1f600}" })));
    assert_eq!(second.status()["pendingMutations"], 1);
    second.put_durably("b", json!(2)).await;

    let late = first.put("c", json!(3));
    assert_eq!(first.durable(&late).await, "strict");
    assert_eq!((first.view("b"), first.status()["drainer"].clone()), (Some(json!(2)), json!(false)), "it has read what the second one did");
    let third = App::open(&name, &JsValue::UNDEFINED).await;
    assert_eq!((third.view("a").is_some(), third.view("b"), third.view("c")), (true, Some(json!(2)), Some(json!(3))));
}

#[wasm_bindgen_test]
async fn i8_a_refused_write_is_rolled_back() {
    let server = server();
    let app = App::open(&fresh("refused"), &server).await;
    app.client.call("hold", "notes", "", r#"["a"]"#).unwrap();
    let good = app.put("a", json!({ "n": 1 }));
    assert_eq!(app.settled(&good).await, json!({ "ending": "applied", "version": "v1" }));

    set_mode(&server, "refusing");
    let bad = ids(app.client.call("merge", "notes", "a", r#"{"n":2}"#)).remove(0);
    assert_eq!(app.view("a"), Some(json!({ "n": 2 })));
    let ending = app.settled(&bad).await;
    assert_eq!((&ending["ending"], &ending["error"]["code"]), (&json!("rejected"), &json!("REJECTED")));
    assert_eq!(app.view("a"), Some(json!({ "n": 1 })));
    let last = app.notices().into_iter().rfind(|notice| notice["notice"] == "changed").unwrap();
    assert_eq!(last["change"], json!({ "change": "value", "value": { "n": 1 } }));
    assert_eq!(app.status()["inbox"], 1);
}

/// Puts these values under these keys in one call.
fn group(app: &App, documents: &[(&str, Value)], others: Value) -> Result<JsValue, JsValue> {
    let writes: Vec<_> =
        documents.iter().map(|(key, value)| json!({ "op": "put", "collection": "notes", "key": key, "value": value })).collect();
    let mut text = json!({ "writes": writes });
    text.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    app.client.call("mutate", "", "", &text.to_string())
}

#[wasm_bindgen_test]
async fn i26_a_group_is_applied_whole_and_taken_back_whole() {
    let server = server();
    let app = App::open(&fresh("group"), &server).await;
    let good = ids(group(&app, &[("a", json!(1)), ("b", json!(2))], json!({})));
    assert_eq!((good.len(), app.view("a"), app.view("b")), (1, Some(json!(1)), Some(json!(2))));
    assert_eq!(app.durable(&good[0]).await, "strict");
    assert_eq!(app.settled(&good[0]).await["ending"], "applied");
    set_mode(&server, "refusing");
    let bad = ids(group(&app, &[("a", json!(3)), ("c", json!(4))], json!({ "reads": [{ "collection": "notes", "key": "b" }] })));
    let blocked = ids(group(&app, &[("d", json!(5))], json!({ "after": bad })));
    assert_eq!(app.settled(&bad[0]).await["ending"], "rejected");
    assert_eq!(app.settled(&blocked[0]).await["ending"], "rejected");
    assert_eq!((app.view("a"), app.view("c"), app.view("d")), (Some(json!(1)), None, None));
    assert_eq!(app.status()["inbox"], 2);
    assert_eq!(ids(group(&app, &[("e", json!(6)), ("f", json!(7))], json!({ "atomic": false }))).len(), 2);
    assert_eq!(code(group(&app, &[], json!({}))), "VALIDATION");
    assert_eq!(code(group(&app, &[("e", json!(6))], json!({ "after": [7] }))), "VALIDATION");
}

#[wasm_bindgen_test]
async fn a_group_that_waits_is_there_after_reopening_and_can_be_taken_back() {
    let name = fresh("group_reopened");
    let app = App::open(&name, &JsValue::UNDEFINED).await;
    let first = ids(group(&app, &[("a", json!(1)), ("b", json!(1))], json!({}))).remove(0);
    let second = ids(group(&app, &[("c", json!(2))], json!({ "after": [first] }))).remove(0);
    app.durable(&second).await;
    app.close().await;
    let app = App::open(&name, &JsValue::UNDEFINED).await;
    assert_eq!((app.view("a"), app.view("b"), app.view("c")), (Some(json!(1)), Some(json!(1)), Some(json!(2))));
    app.client.call("cancel", "", &first, "").unwrap();
    assert_eq!(app.settled(&first).await["ending"], "cancelled");
    assert_eq!(app.settled(&second).await["ending"], "rejected");
    assert_eq!((app.view("a"), app.view("b"), app.view("c")), (None, None, None));
}

#[wasm_bindgen_test]
async fn what_one_client_writes_another_sees() {
    let server = server();
    let (one, two) = (App::open(&fresh("one"), &server).await, App::open(&fresh("two"), &server).await);
    let id = one.put("a", json!("from one"));
    assert_eq!(one.settled(&id).await["ending"], "applied");
    two.client.call("hold", "notes", "", r#"["a"]"#).unwrap();
    let ask = two.client.call("pull", "", "", "").unwrap().as_f64();
    let answer = two.heard_that("answered", |notice| notice["ask"].as_f64() == ask).await;
    assert_eq!(answer["error"], Value::Null);
    assert_eq!(two.view("a"), Some(json!("from one")));
    two.heard_that("changed", |notice| notice["change"]["value"] == "from one").await;
}

#[wasm_bindgen_test]
async fn h7_what_waits_goes_together_each_document_once_in_batches_as_large_as_they_may_be() {
    let server = server();
    let app = App::begin_with(&fresh("batches"), &server, json!({ "batchItemsMax": 2, "batchWindowMs": 400 }));
    app.heard("opened").await;
    for n in 0..3 {
        app.put_durably("a", json!(n)).await;
    }
    assert_eq!(pushed(&server), "[]", "a batch that is not full waits for its window");
    app.put("b", json!("b"));
    let last = app.put("c", json!("c"));
    assert_eq!(app.settled(&last).await["ending"], "applied");
    assert_eq!(pushed(&server), r#"[[["a"],["b"]],[["c"]]]"#);
    assert_eq!(documents(&server), r#"[["notes","a",2],["notes","b","b"],["notes","c","c"]]"#);
}

#[wasm_bindgen_test]
async fn what_is_awaited_is_sent_at_once_and_what_is_stopped_is_not() {
    let server = server();
    let app = App::open(&fresh("awaited"), &server).await;
    app.client.call("stop", "", "", "").unwrap();
    let id = app.put_durably("a", json!(1)).await;
    assert_eq!(app.client.call("isPending", "", "", "").unwrap(), true);
    assert_eq!(app.answer("wait", "", "150").await["error"]["code"], "TIMEOUT");
    assert_eq!((app.status()["phase"].clone(), documents(&server).as_str()), (json!("paused"), "[]"));
    app.client.call("start", "", "", "").unwrap();
    assert_eq!(app.answer("sync", "a", "").await["error"], Value::Null);
    assert_eq!(app.settled(&id).await["ending"], "applied");
    assert_eq!(app.client.call("isPending", "", "", "").unwrap(), false);
    assert_eq!(app.answer("push", "", "").await["error"], Value::Null);
    assert_eq!(app.answer("wait", "", "0").await["error"], Value::Null);
    set_mode(&server, "refusing");
    let refused = app.put("a", json!(2));
    app.client.call("mark", "notes", "a", "").unwrap();
    assert_eq!(app.answer("wait", "", "8000").await["error"], Value::Null);
    assert_eq!(app.settled(&refused).await["ending"], "rejected");
}

#[wasm_bindgen_test]
async fn a_documents_way_to_the_server_is_told_to_who_looks() {
    let server = server();
    let app = App::open(&fresh("items"), &server).await;
    app.client.call("observe", "notes", "a", "").unwrap();
    app.client.call("observe", "", "", "").unwrap();
    app.put("unseen", json!(0));
    let id = app.put("a", json!(1));
    app.settled(&id).await;
    let told = app.notices();
    let of = |kind: &'static str| told.iter().filter(move |notice| notice["notice"] == kind);
    assert!(of("item").all(|notice| notice["address"] == json!({ "collection": "notes", "key": "a" })));
    let states: Vec<&Value> = of("item").map(|notice| &notice["state"]).collect();
    assert_eq!(states, ["unknown", "pending", "syncing", "synced"]);
    assert!(of("item").next_back().is_some_and(|notice| notice["lastSync"].as_u64() > Some(1_700_000_000_000)));
    let added: Vec<&Value> = of("pendingItems").flat_map(|notice| notice["added"].as_array().unwrap()).map(|item| &item["key"]).collect();
    let removed = of("pendingItems").flat_map(|notice| notice["removed"].as_array().unwrap()).count();
    assert_eq!((added, removed), (vec![&json!("unseen"), &json!("a")], 2));
    app.client.call("unobserve", "notes", "a", "").unwrap();
    app.client.call("unobserve", "", "", "").unwrap();
    app.put("a", json!(2));
    assert_eq!(app.notices().iter().filter(|notice| notice["notice"] == "item").count(), 4);
}

#[wasm_bindgen_test]
async fn the_last_syncs_are_there_after_reopening() {
    let server = server();
    let name = fresh("history");
    let app = App::open(&name, &server).await;
    let id = app.put("a", json!(1));
    assert_eq!(app.settled(&id).await["ending"], "applied");
    set_mode(&server, "down");
    app.put_durably("b", json!(2)).await;
    app.heard_that("status", |status| status["error"]["code"] == "NETWORK").await;
    app.put_durably("c", json!(3)).await;
    app.close().await;
    let again = App::open(&name, &JsValue::UNDEFINED).await;
    let rows: Vec<Value> = serde_json::from_str(&text(again.client.call("history", "", "", ""))).unwrap();
    let pushes: Vec<_> = rows.iter().filter(|row| row["direction"] == "push").collect();
    assert_eq!((&pushes[0]["outcome"], &pushes[0]["items"]), (&json!("ok"), &json!(1)));
    assert_eq!(pushes[1]["outcome"], "NETWORK", "{rows:?}");
    assert!(rows.iter().all(|row| row["at"].as_u64() > Some(1_700_000_000_000) && row["client"] == again.heard_client()));
    assert_eq!(again.status()["lastPushAt"], pushes[0]["at"]);
}

#[wasm_bindgen_test]
async fn what_was_refused_is_there_after_reopening_and_is_made_anew_or_given_up() {
    let server = server();
    let name = fresh("inbox");
    let app = App::open(&name, &server).await;
    set_mode(&server, "refusing");
    let (one, two) = (app.put("a", json!({ "n": 1 })), app.put("b", json!(2)));
    app.settled(&two).await;
    app.answer("wait", "", "5000").await;
    app.close().await;

    let again = App::open(&name, &server).await;
    let told = again.notices().into_iter().filter(|notice| notice["notice"] == "inboxAdded");
    let told: Vec<(Value, Value)> = told.map(|notice| (notice["item"]["entry"].clone(), notice["write"]["documents"].clone())).collect();
    let document = |key: &str, local: Value| json!([{ "collection": "notes", "key": key, "local": local }]);
    assert_eq!(told, [(json!(one), document("a", json!({ "n": 1 }))), (json!(two), document("b", json!(2)))]);
    set_mode(&server, "good");
    assert_eq!(again.answer("retry", &one, r#"{"n":3}"#).await["error"], Value::Null);
    assert_eq!(again.answer("discard", &two, "").await["error"], Value::Null);
    assert_eq!(again.answer("discard", &two, "").await["error"]["code"], "VALIDATION");
    assert_eq!(again.answer("push", "", "").await["error"], Value::Null);
    assert_eq!((documents(&server).as_str(), again.status()["inbox"].clone()), (r#"[["notes","a",{"n":3}]]"#, json!(0)));
    again.close().await;
    let last = App::open(&name, &server).await;
    assert!(!last.notices().iter().any(|notice| notice["notice"] == "inboxAdded"));
}

#[wasm_bindgen_test]
async fn all_writes_of_one_turn_are_one_transaction() {
    let app = App::open(&fresh("group"), &JsValue::UNDEFINED).await;
    app.put_durably("first", json!(0)).await;
    let watched = watch_transactions();
    let documents: Vec<String> = (0..500).map(|key| format!(r#""k{key}":{{"text":"hello"}}"#)).collect();
    let ids = ids(app.client.call("putAll", "notes", "", &format!("{{{}}}", documents.join(","))));
    let last = app.put("last", json!(1));
    app.durable(&last).await;
    let seen = watched.call0(&JsValue::UNDEFINED).unwrap().as_string().unwrap();
    assert_eq!(seen, "readwrite strict");
    assert_eq!(ids.len(), 500);
    let durable = app.heard_that("durable", |notice| notice["mutations"].as_array().unwrap().len() > 1).await;
    assert_eq!(durable["mutations"].as_array().unwrap().len(), 501);
    assert_eq!(durable["mutations"][0], ids[0]);
}

#[wasm_bindgen_test]
async fn what_is_due_is_done_before_the_browser_does_other_work() {
    let app = App::open(&fresh("due"), &JsValue::UNDEFINED).await;
    app.put_durably("first", json!(0)).await;
    let watched = watch_transactions();
    app.put("second", json!(1));
    of(Promise::resolve(&JsValue::UNDEFINED)).await;
    let seen = watched.call0(&JsValue::UNDEFINED).unwrap().as_string().unwrap();
    assert_eq!(seen, "readwrite strict", "no timer, no event came in between");
}

#[wasm_bindgen_test]
async fn a_bad_one_among_many_changes_nothing() {
    let app = App::open(&fresh("bad-one"), &JsValue::UNDEFINED).await;
    let put_all = |documents: &str| app.client.call("putAll", "notes", "", documents);
    assert_eq!(code(put_all(r#"{"a":1,"b":{}"#)), "INVALID_DOCUMENT");
    assert_eq!(code(put_all(r#"{"a":1,"b":"\ud800"}"#)), "INVALID_DOCUMENT");
    assert_eq!(code(put_all(r#"{"a":1,"":2}"#)), "VALIDATION");
    assert!(ids(put_all("{}")).is_empty());
    assert_eq!((app.view("a"), app.status()["pendingMutations"].clone()), (None, json!(0)));
}

#[wasm_bindgen_test]
async fn what_grows_in_place_is_seen_and_stored() {
    let name = fresh("growing");
    let app = App::open(&name, &JsValue::UNDEFINED).await;
    app.put_durably("a", json!({ "n": 1, "l": [], "t": "a" })).await;
    let grow = |operation: &str, text: Value| ids(app.client.call(operation, "notes", "a", &text.to_string())).remove(0);
    grow("increment", json!({ "path": "/n", "by": 9007199254740992_i64 }));
    grow("append", json!({ "path": "/l", "items": [[1]] }));
    let last = grow("append", json!({ "path": "/t", "items": "😀" }));
    let grown = json!({ "n": 9007199254740993_i64, "l": [[1]], "t": "a😀" });
    assert_eq!(app.view("a"), Some(grown.clone()));
    assert_eq!(code(app.client.call("increment", "notes", "a", r#"{"path":"/t","by":1}"#)), "VALIDATION");
    assert_eq!(code(app.client.call("append", "notes", "a", r#"{"path":"/l","items":7}"#)), "VALIDATION");
    assert_eq!(thrown(app.client.call("append", "notes", "a", r#"{"path":"/l"}"#))["code"], "INVALID_DOCUMENT");
    app.durable(&last).await;
    app.close().await;
    let app = App::open(&name, &JsValue::UNDEFINED).await;
    assert_eq!(app.view("a"), Some(grown));
}

#[wasm_bindgen_test]
async fn n2_at_level_b_what_grows_counts_once_though_its_answer_is_lost() {
    let server = server();
    let app = App::begin_with(&fresh("levels"), &server, json!({ "level": "B", "accepts": ["put", "delete"], "groups": false }));
    app.heard("opened").await;
    assert_eq!(app.status()["level"], "B");
    set_mode(&server, "careful");
    let first = app.put("a", json!({ "n": 1 }));
    assert_eq!(app.settled(&first).await["ending"], "applied");
    set_mode(&server, "careful, once without an answer");
    let grown = ids(app.client.call("increment", "notes", "a", r#"{"path":"/n","by":41}"#));
    assert_eq!(app.settled(&grown[0]).await["ending"], "applied", "what the server has is what it meant");
    assert_eq!(documents(&server), r#"[["notes","a",{"n":42}]]"#);
    assert_eq!(app.view("a"), Some(json!({ "n": 42 })));
}

#[wasm_bindgen_test]
async fn h3_nothing_is_asked_of_the_server_before_there_is_a_token() {
    let server = server();
    let app = App::begin_with(&fresh("token"), &server, json!({ "auth": true }));
    assert_eq!(app.heard("tokenWanted").await["reason"], "initial");
    let id = app.put("a", json!(1));
    app.durable(&id).await;
    sleep(300).await;
    assert_eq!(requests(&server), 0);
    app.client.call("token", "", "", "none").unwrap();
    assert_eq!(app.status()["phase"], "needs-auth");
    app.client.call("pull", "", "", "").unwrap();
    app.client.call("token", "", "", "1700000000000").unwrap();
    assert_eq!(app.settled(&id).await["ending"], "applied", "a token that is too old by this clock is tried");
}

#[wasm_bindgen_test]
async fn bad_calls_throw_faults() {
    let app = App::open(&fresh("bad-calls"), &JsValue::UNDEFINED).await;
    let client = &app.client;
    assert_eq!(code(client.call("put", "notes", "a", "not JSON")), "INVALID_DOCUMENT");
    assert_eq!(code(client.call("put", "notes", "a", r#""\ud800""#)), "INVALID_DOCUMENT");
    assert_eq!(code(client.call("put", "notes", "a", &("[".repeat(101) + &"]".repeat(101)))), "INVALID_DOCUMENT");
    assert_eq!(code(client.call("put", "", "a", "1")), "VALIDATION");
    assert_eq!(code(client.call("patch", "notes", "a", "[]")), "VALIDATION");
    for at in ["-1", "0.5", "null", "1e10", "10000000000", "\"0\""] {
        let splice = format!(r#"{{"path":"/text","at":{at},"remove":0,"insert":""}}"#);
        assert_eq!(thrown(client.call("splice", "notes", "a", &splice))["message"], "`at` is not known here, or cannot be this", "{at}");
    }
    assert_eq!(code(client.call("increment", "notes", "a", "1")), "VALIDATION");
    client.call("put", "notes", "proto", r#"{"__proto__":{"a":-0,"b":9007199254740993}}"#).unwrap();
    assert_eq!(client.call("view", "notes", "proto", "").unwrap().as_string().unwrap(), r#"{"__proto__":{"a":-0,"b":9007199254740993}}"#);
}

#[wasm_bindgen_test]
fn bad_options_throw_faults() {
    let open = |options: Value| Client::open(&options.to_string(), app(&JsValue::UNDEFINED)).map(drop);
    assert_eq!(code(open(json!(null))), "VALIDATION");
    for (options, name) in [
        (json!({ "scope": "u", "url": "" }), "name"),
        (json!({ "name": "", "scope": "u", "url": "" }), "name"),
        (json!({ "name": "n", "scope": 1, "url": "" }), "scope"),
        (json!({ "name": "n", "scope": "u", "url": "", "config": { "transport": "pigeon" } }), "transport"),
        (json!({ "name": "n", "scope": "u", "url": "", "config": { "pollBaseMS": 5 } }), "pollBaseMS"),
        (json!({ "name": "n", "scope": "u", "url": "", "config": { "strict": true, "pollBaseMs": -5 } }), "pollBaseMs"),
    ] {
        let fault = thrown(open(options));
        assert_eq!(
            (&fault["code"], &fault["message"]),
            (&json!("VALIDATION"), &json!(format!("`{name}` is not known here, or cannot be this")))
        );
    }
}

#[wasm_bindgen_test]
async fn the_app_may_call_back_in_from_a_notice() {
    let app = App::open(&fresh("reentrant"), &JsValue::UNDEFINED).await;
    app.client.call("hold", "notes", "", r#"["a"]"#).unwrap();
    let client = std::rc::Rc::new(app.client);
    let inner = client.clone();
    let act = Closure::<dyn FnMut()>::new(move || {
        inner.call("put", "notes", "b", "\"inside\"").expect("a call from inside a notice");
    });
    react_once(&app.host, "changed", act.as_ref());
    client.call("put", "notes", "a", "\"outside\"").unwrap();
    assert_eq!(client.call("view", "notes", "b", "").unwrap().as_string().as_deref(), Some("\"inside\""));
    break_notify(&app.host);
    client.call("put", "notes", "a", "\"unheard\"").expect("a host that throws harms nobody here");
}

#[wasm_bindgen_test]
async fn after_close_nothing_is_left() {
    let server = server();
    let listeners = watch_listeners();
    let app = App::open(&fresh("closed"), &server).await;
    set_mode(&server, "down");
    let id = app.put("a", json!(1));
    let closes = watch_closes();
    app.close().await;
    app.durable(&id).await;
    assert_eq!(closes.call0(&JsValue::UNDEFINED).unwrap(), 1, "the connection is given back");
    assert_eq!(listeners.call0(&JsValue::UNDEFINED).unwrap().as_string().unwrap(), "");

    let (heard, asked) = (turns(&app.host), requests(&server));
    set_mode(&server, "good");
    ["online", "offline", "pagehide", "visibilitychange"].into_iter().for_each(signal);
    of(remove(&app.database())).await;
    sleep(1_500).await;
    assert_eq!((turns(&app.host), requests(&server)), (heard, asked));
    assert_eq!(code(app.client.call("put", "notes", "a", "2")), "CLOSED");
    assert_eq!(code(app.client.call("pull", "", "", "")), "CLOSED");
    assert_eq!(app.status()["phase"], "closed");
}

#[wasm_bindgen_test]
async fn n12_the_page_going_online_is_heard() {
    let server = server();
    let app = App::open(&fresh("online"), &server).await;
    signal("offline");
    assert_eq!(app.status()["online"], false);
    signal("online");
    assert_eq!(app.status()["online"], true);
}

#[wasm_bindgen_test]
async fn n9_a_captive_portal_settles_nothing() {
    let server = server();
    let app = App::open(&fresh("portal"), &server).await;
    set_mode(&server, "html");
    let id = app.put_durably("a", json!(1)).await;
    app.heard_that("status", |status| status["error"]["code"] == "PROTOCOL").await;
    assert_eq!((app.status()["pendingMutations"].clone(), documents(&server).as_str()), (json!(1), "[]"));
    set_mode(&server, "good");
    signal("online");
    assert_eq!(app.settled(&id).await["ending"], "applied");
    assert_eq!(documents(&server), r#"[["notes","a",1]]"#);
}

#[wasm_bindgen_test]
async fn cached_documents_are_served_and_marked_where_a_pull_brings_nonsense() {
    let server = server();
    let app = App::open(&fresh("stale"), &server).await;
    assert_eq!(app.answer("pull", "", "").await["error"], Value::Null);
    app.put_durably("a", json!(1)).await;
    set_mode(&server, "html");
    assert_eq!(app.answer("pull", "", "").await["error"]["code"], "PROTOCOL");
    assert_eq!((app.status()["stale"].clone(), app.view("a")), (json!("PROTOCOL"), Some(json!(1))));
    set_mode(&server, "good");
    signal("online");
    app.heard_that("status", |status| status["stale"] == "PROTOCOL").await;
    assert_eq!(app.answer("pull", "", "").await["error"], Value::Null);
    assert_eq!(app.status()["stale"], Value::Null);
}

#[wasm_bindgen_test]
async fn a_feed_is_pulled_by_its_name() {
    let server = server();
    let app = App::begin_with(&fresh("feeds"), &server, json!({ "feeds": ["one", "two"] }));
    app.heard("opened").await;
    assert_eq!(app.answer("pull", "", "").await["error"], Value::Null);
    let pull = |feed| app.client.call("pull", "", feed, "").unwrap().as_f64();
    let (known, unknown) = (pull("two"), pull("three"));
    let answer = async |ask| app.heard_that("answered", |notice| notice["ask"].as_f64() == ask).await["error"].take();
    assert_eq!((answer(known).await, answer(unknown).await["code"].take()), (Value::Null, json!("VALIDATION")));
}

#[wasm_bindgen_test]
async fn s9_without_indexeddb_the_client_goes_on_in_memory() {
    let server = server();
    let undo = withhold("throws");
    let app = App::open(&fresh("memory"), &server).await;
    let id = app.put("a", json!(1));
    assert_eq!(app.durable(&id).await, "memory");
    assert_eq!(app.settled(&id).await["ending"], "applied");
    undo.call0(&JsValue::UNDEFINED).unwrap();
    assert_eq!(app.heard("troubled").await["error"]["code"], "STORAGE_UNAVAILABLE");
    assert_eq!(app.status()["storage"], "memory");
}

#[wasm_bindgen_test]
async fn s15_garbage_in_the_store_is_set_aside() {
    let name = fresh("garbage");
    let first = App::open(&name, &JsValue::UNDEFINED).await;
    first.put_durably("a", json!("kept")).await;
    first.close().await;
    of(plant(&first.database(), "log", &1_000.into(), r#"{"no":"record"}"#)).await;
    of(plant(&first.database(), "pages", &0.into(), "7")).await;

    let second = App::open(&name, &JsValue::UNDEFINED).await;
    assert_eq!(second.view("a"), Some(json!("kept")));
    assert_eq!(second.heard("troubled").await["error"]["code"], "STORAGE_CORRUPT");
    second.put_durably("b", json!("goes on")).await;
}

#[wasm_bindgen_test]
async fn queued_writes_can_be_exported_without_the_module() {
    let server = server();
    let app = App::open(&fresh("export"), &server).await;
    let settled = app.put("settled", json!(1));
    assert_eq!(app.settled(&settled).await["ending"], "applied");
    set_mode(&server, "down");
    let frozen = app.put_durably("frozen", json!({ "a": "é" })).await;
    app.heard_that("status", |status| status["error"]["code"] == "NETWORK").await;
    let queued = app.put_durably("frozen", json!({ "a": "\u{1f600}" })).await;
    app.close().await;

    let guide = include_str!("../docs/storage.md");
    let block = guide.split("```js\n").nth(1).unwrap().split("```").next().unwrap();
    let found = of(exported(block, &app.database())).await.as_string().unwrap();
    let found: Vec<Value> = serde_json::from_str(&found).unwrap();
    let expected = [(frozen, json!({ "a": "é" })), (queued, json!({ "a": "\u{1f600}" }))];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (write, (id, value)) in found.iter().zip(expected) {
        let text: Value = serde_json::from_str(write["text"].as_str().unwrap()).unwrap();
        let operation = if write["frozen"] == true { &text["operations"][0] } else { &text[0] };
        assert_eq!((&write["id"], &operation["value"]), (&json!(id), &value));
        assert_eq!((&operation["collection"], &operation["key"]), (&json!("notes"), &json!("frozen")));
    }
}
