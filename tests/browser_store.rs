//! The store against a real IndexedDB.

#![cfg(target_arch = "wasm32")]

mod browser_support;
#[macro_use]
mod store;
#[cfg(feature = "planted")]
#[path = "browser_support/planted.rs"]
mod planted;

use std::rc::Rc;

use browser_support::{Heard, fresh, of, sleep};
use js_sys::{Function, Promise};
use serde_json::{Value, json};
use store::{Answer, Order, boot, bytes, empty, held, making, meta};
use syncline::browser::idb::{Store, database_name};
use syncline::engine::effect::{Guard, Wanted, Write};
use syncline::engine::ident::{LoadId, WriteId};
use syncline::engine::input::{Found, Input, Meta, StoreFailure, Versions};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(module = "/tests/browser_support/raw.js")]
extern "C" {
    fn dump(name: &str) -> Promise;
    fn plant(name: &str, store: &str, key: &JsValue, json: &str) -> Promise;
    fn upgrade(name: &str) -> Promise;
    fn remove(name: &str) -> Promise;
    fn obstruct(name: &str) -> Promise;
    fn occupy(name: &str) -> Promise;
    fn withhold(what: &str) -> Function;
    #[wasm_bindgen(js_name = abortAfterSuccess)]
    fn abort_after_success(name: Option<&str>, times: u32) -> Function;
    #[wasm_bindgen(js_name = watchTransactions)]
    fn watch_transactions() -> Function;
    #[wasm_bindgen(js_name = breakConnections)]
    fn break_connections(says: bool) -> Function;
}

/// A store, what it told, and numbers for its orders.
struct Rig {
    name: String,
    store: Rc<Store>,
    heard: Heard,
    orders: std::cell::Cell<u64>,
}

impl Rig {
    fn new(name: &str) -> Rig {
        Rig::over(database_name(&fresh(name), "scope"))
    }

    fn over(name: String) -> Rig {
        let heard = Heard::default();
        Rig { store: Store::new(name.clone(), heard.tell()), name, heard, orders: 0.into() }
    }

    fn number(&self) -> u64 {
        self.orders.set(self.orders.get() + 1);
        self.orders.get()
    }

    /// Asks, and gives the order's number.
    fn ask(&self, order: Order) -> u64 {
        let number = self.number();
        match order {
            Order::Load(what) => self.store.load(LoadId(number), what),
            Order::Write(write) => self.store.write(Box::new(Write { write: WriteId(number), ..write })),
        }
        number
    }

    async fn load(&self, what: Wanted) -> Result<Found, StoreFailure> {
        let order = self.ask(Order::Load(what));
        match self.heard.next().await {
            Input::Loaded { load: LoadId(answered), found } if answered == order => Ok(found),
            Input::LoadFailed { load: LoadId(answered), why } if answered == order => Err(why),
            other => panic!("{other:?}"),
        }
    }

    async fn write(&self, write: Write) -> Result<u64, StoreFailure> {
        let order = self.ask(Order::Write(write));
        match self.heard.next().await {
            Input::Written { write: WriteId(answered), position } if answered == order => Ok(position),
            Input::WriteFailed { write: WriteId(answered), why } if answered == order => Err(why),
            other => panic!("{other:?}"),
        }
    }

    /// Makes the store, with one commit.
    async fn make(&self) {
        assert_eq!(self.load(Wanted::all()).await, Ok(boot(None, None, [])));
        assert_eq!(self.write(making()).await, Ok(1));
        #[cfg(feature = "planted")]
        planted::spoil(&self.store);
    }

    async fn rows(&self) -> Value {
        let text = of(dump(&self.name)).await.as_string().expect("a text");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// Two tabs that have one database open.
impl store::Store for [Rig; 2] {
    async fn carry_out(&mut self, tab: usize, orders: Vec<Order>) -> Vec<Answer> {
        let rig = &self[tab];
        let asked: Vec<_> = orders.into_iter().map(|order| rig.ask(order)).collect();
        let mut answers = Vec::new();
        for order in asked {
            answers.push(match rig.heard.next().await {
                Input::Loaded { load: LoadId(answered), found } if answered == order => Answer::Found(found),
                Input::Written { write: WriteId(answered), position } if answered == order => Answer::Ended(Ok(position)),
                Input::WriteFailed { write: WriteId(answered), why } if answered == order => Answer::Ended(Err(why)),
                other => panic!("{other:?}"),
            });
        }
        answers
    }
}

/// The laws of a store, for IndexedDB.
mod laws {
    use super::*;

    macro_rules! tests {
        ($($law:ident,)*) => {
            $(#[wasm_bindgen_test]
            async fn $law() {
                let rig = Rig::new(stringify!($law));
                let other = Rig::over(rig.name.clone());
                store::$law([rig, other]).await;
            })*
        };
    }

    laws_of_a_store!(tests);
}

#[wasm_bindgen_test]
async fn rows_are_as_they_are_documented() {
    let rig = Rig::new("rows");
    rig.make().await;
    let write = Write {
        append: Some(b"second".into()),
        pages: vec![(1, Some(b"page one".into())), (7, Some(b"page seven".into()))],
        directory: Some(b"directory".into()),
        meta: Some(Meta { folded_to: 1, ..meta(1) }.into()),
        ..held(1)
    };
    assert_eq!(rig.write(write).await, Ok(2));
    let rewrite = Write {
        rewrite: vec![(1, None), (2, Some(b"rewritten".into()))],
        pages: vec![(1, None)],
        meta: Some(Meta { folded_to: 2, ..meta(1) }.into()),
        ..held(1)
    };
    assert_eq!(rig.write(rewrite).await, Ok(0));
    let rows = rig.rows().await;
    assert_eq!(rows["log"], json!([[2, b"rewritten"]]));
    assert_eq!(rows["pages"], json!([[0, { "folded_to": 1, "bytes": b"directory" }], [7, { "folded_to": 1, "bytes": b"page seven" }]]));
}

#[wasm_bindgen_test]
async fn plain_javascript_can_read_the_description() {
    let rig = Rig::new("description");
    rig.make().await;
    let rows = rig.rows().await;
    assert_eq!((&rows["version"], &rows["indexes"]), (&json!(1), &json!(["folded_to"])));
    let description = &rows["meta"][0][1];
    assert_eq!(rows["meta"], json!([["meta", description]]));
    assert_eq!(*description, serde_json::to_value(meta(1)).unwrap());
}

#[wasm_bindgen_test]
async fn s10_durability_is_asked_for() {
    let rig = Rig::new("durability");
    rig.make().await;
    let watched = watch_transactions();
    rig.write(Write { append: Some(b"a".into()), ..held(1) }).await.unwrap();
    rig.write(Write { append: Some(b"a".into()), strict: false, ..held(1) }).await.unwrap();
    rig.load(Wanted { pages: vec![1], ..Wanted::default() }).await.unwrap();
    let seen = watched.call0(&JsValue::UNDEFINED).unwrap().as_string().unwrap();
    assert_eq!(seen, "readwrite strict, readwrite relaxed, readonly default");
}

#[wasm_bindgen_test]
async fn b24_a_success_that_is_aborted_is_not_durable() {
    let rig = Rig::new("quota");
    rig.make().await;
    let undo = abort_after_success(Some("QuotaExceededError"), 1);
    let full = rig.write(Write { append: Some(b"no room".into()), ..held(1) }).await;
    undo.call0(&JsValue::UNDEFINED).unwrap();
    assert_eq!(full, Err(StoreFailure::Quota));
    assert_eq!(rig.load(Wanted::all()).await, Ok(boot(Some(meta(1)), None, [(1, b"first")])));
}

#[wasm_bindgen_test]
async fn b26_s12_a_write_is_there_as_a_whole_or_not_at_all() {
    let rig = Rig::new("whole");
    rig.make().await;
    let whole = || Write {
        append: Some(b"second".into()),
        rewrite: vec![(1, Some(b"rewritten".into()))],
        pages: vec![(1, Some(b"page one".into()))],
        directory: Some(b"directory".into()),
        meta: Some(Meta { folded_to: 1, ..meta(1) }.into()),
        ..held(1)
    };
    let before = rig.rows().await;
    let undo = abort_after_success(Some("QuotaExceededError"), 1);
    let full = rig.write(whole()).await;
    undo.call0(&JsValue::UNDEFINED).unwrap();
    assert_eq!((full, rig.rows().await), (Err(StoreFailure::Quota), before), "nothing of it");

    let written = rig.write(whole()).await;
    let rows = rig.rows().await;
    let stored = ["log", "pages"].map(|store| rows[store].as_array().map(Vec::len));
    assert_eq!((stored, &rows["meta"][0][1]["folded_to"]), ([Some(2), Some(2)], &json!(1)), "all of it: {written:?}");
}

#[wasm_bindgen_test]
async fn an_unexplained_abort_is_tried_once_more() {
    let rig = Rig::new("abort");
    rig.make().await;
    let undo = abort_after_success(None, 1);
    let written = rig.write(Write { append: Some(b"second".into()), ..held(1) }).await;
    undo.call0(&JsValue::UNDEFINED).unwrap();
    assert!(written.is_ok(), "{written:?}");

    let undo = abort_after_success(None, 2);
    let failed = rig.write(Write { append: Some(b"third".into()), ..held(1) }).await;
    undo.call0(&JsValue::UNDEFINED).unwrap();
    assert!(matches!(failed, Err(StoreFailure::Aborted { .. })), "{failed:?}");
    let rows = rig.rows().await;
    let commits: Vec<_> = rows["log"].as_array().unwrap().iter().map(|row| &row[1]).collect();
    assert_eq!(commits, [&json!(b"first"), &json!(b"second")]);
}

#[wasm_bindgen_test]
async fn b22_a_dead_connection_is_opened_again() {
    for says in [true, false] {
        let rig = Rig::new("dead");
        rig.make().await;
        let undo = break_connections(says);
        let written = rig.write(Write { append: Some(b"second".into()), ..held(1) }).await;
        undo.call0(&JsValue::UNDEFINED).unwrap();
        assert_eq!(written, Ok(2), "the connection is opened again");
    }
}

#[wasm_bindgen_test]
async fn s4_a_deleted_database_is_noticed_and_made_again() {
    let rig = Rig::new("deleted");
    rig.make().await;
    // The open connection makes way, or this would wait for ever.
    of(remove(&rig.name)).await;
    assert_eq!(rig.write(Write { append: Some(b"lost".into()), ..held(1) }).await, Err(StoreFailure::Replaced));
    rig.make().await;
}

#[wasm_bindgen_test]
async fn s8_the_database_of_a_later_build_is_left_alone() {
    let rig = Rig::new("newer");
    rig.make().await;
    of(upgrade(&rig.name)).await;
    assert_eq!(rig.load(Wanted::all()).await, Err(StoreFailure::TooNew));
    assert_eq!(rig.write(held(1)).await, Err(StoreFailure::TooNew));
    assert_eq!(rig.rows().await["log"], json!([[1, b"first"]]));
}

#[wasm_bindgen_test]
async fn s9_without_indexeddb_there_is_an_answer() {
    for (what, words) in [("throws", "SecurityError: denied"), ("missing", "there is no IndexedDB")] {
        let rig = Rig::new("withheld");
        let undo = withhold(what);
        let loaded = rig.load(Wanted::all()).await;
        let written = rig.write(empty(Guard::Fresh)).await;
        undo.call0(&JsValue::UNDEFINED).unwrap();
        assert_eq!(loaded, Err(StoreFailure::Unavailable { why: words.into() }));
        assert_eq!(written, Err(StoreFailure::Unavailable { why: words.into() }));
        rig.make().await;
    }
}

#[wasm_bindgen_test]
async fn b23_an_open_that_never_settles_has_a_deadline() {
    let rig = Rig::new("obstructed");
    rig.make().await;
    rig.store.close();
    let give_way: Function = of(obstruct(&rig.name)).await.unchecked_into();
    rig.store.load(LoadId(100), Wanted::all());
    rig.store.write(Box::new(Write { write: WriteId(101), ..held(1) }));
    sleep(4_000).await;
    assert!(rig.heard.is_empty());
    let why = StoreFailure::Unavailable { why: "opening did not settle in 5 s".into() };
    assert_eq!(rig.heard.next().await, Input::LoadFailed { load: LoadId(100), why: why.clone() });
    assert_eq!(rig.heard.next().await, Input::WriteFailed { write: WriteId(101), why });
    give_way.call0(&JsValue::UNDEFINED).unwrap();
    // The open that came too late holds no connection: the database can be deleted, and made again.
    of(remove(&rig.name)).await;
    rig.make().await;
}

#[wasm_bindgen_test]
async fn b25_a_reading_without_an_answer_has_a_deadline() {
    let rig = Rig::new("stalled");
    rig.make().await;
    let release: Function = of(occupy(&rig.name)).await.unchecked_into();
    rig.store.load(LoadId(100), Wanted::all());
    rig.store.load(LoadId(101), Wanted { pages: vec![1], ..Wanted::default() });
    sleep(9_000).await;
    assert!(rig.heard.is_empty());
    let why = "reading had no answer for 10 s".to_owned();
    assert_eq!(rig.heard.next().await, Input::LoadFailed { load: LoadId(100), why: StoreFailure::Unavailable { why: why.clone() } });
    assert_eq!(rig.heard.next().await, Input::LoadFailed { load: LoadId(101), why: StoreFailure::Aborted { why } });
    release.call0(&JsValue::UNDEFINED).unwrap();
    assert_eq!(rig.load(Wanted::all()).await, Ok(boot(Some(meta(1)), None, [(1, b"first")])));
    assert!(rig.heard.is_empty());
}

#[wasm_bindgen_test]
async fn s15_garbage_passes_through_untouched() {
    let rig = Rig::new("garbage");
    rig.make().await;
    rig.write(Write { append: Some(vec![1, 2, 3]), pages: vec![(1, Some(vec![9; 40]))], ..held(1) }).await.unwrap();
    of(plant(&rig.name, "log", &3.into(), r#"{"not":"bytes"}"#)).await;
    of(plant(&rig.name, "log", &JsValue::from(3.5), r#""between""#)).await;
    of(plant(&rig.name, "log", &"text key".into(), r#""nowhere""#)).await;
    of(plant(&rig.name, "pages", &2.into(), r#"[4,5]"#)).await;
    of(plant(&rig.name, "pages", &0.into(), r#"null"#)).await;
    let found = boot(Some(meta(1)), Some(b"null"), [(1, b"first"), (2, &[1, 2, 3]), (3, br#"{"not":"bytes"}"#)]);
    assert_eq!(rig.load(Wanted::all()).await, Ok(found));
    let found = rig.load(Wanted { after: 3, directory: false, pages: vec![1, 2] }).await;
    let pages = vec![(1, bytes(&[9; 40])), (2, bytes(b"[4,5]"))];
    assert_eq!(found, Ok(Found { meta: Some(meta(1)), directory: None, log: Vec::new(), pages }));
    let behind = |last| Write { guard: Guard::Known { store_id: "s1".into(), epoch: None, last }, ..held(1) };
    assert_eq!(rig.write(behind(2)).await, Err(StoreFailure::Behind));
    assert_eq!(rig.write(behind(3)).await, Ok(0), "what is no position is not waited for");
}

#[wasm_bindgen_test]
async fn v6_a_spoilt_description_keeps_no_store_from_being_opened() {
    let nothing = Meta {
        store_id: String::new(),
        store_epoch: 0,
        folded_to: 0,
        scope: String::new(),
        versions: Versions::default(),
        client_id: String::new(),
        session_epoch: 0,
    };
    for spoilt in ["5", "null", "[]", r#"{"store_epoch":"x","versions":{"collections":{"a":"x"}}}"#, r#"{"store_id":{},"folded_to":-1}"#] {
        let rig = Rig::new("spoilt");
        rig.make().await;
        of(plant(&rig.name, "meta", &"meta".into(), spoilt)).await;
        assert_eq!(rig.load(Wanted::all()).await, Ok(boot(Some(nothing.clone()), None, [(1, b"first")])), "{spoilt}");
        let taken =
            Write { meta: Some(meta(1).into()), ..empty(Guard::Known { store_id: String::new(), epoch: Some(0), last: 1_000_000 }) };
        assert_eq!(rig.write(taken).await, Ok(0), "{spoilt}");
        assert_eq!(rig.load(Wanted::all()).await, Ok(boot(Some(meta(1)), None, [(1, b"first")])), "{spoilt}");
    }
}

#[wasm_bindgen_test]
async fn a_closed_store_lets_the_database_go() {
    let rig = Rig::new("closed");
    rig.make().await;
    rig.store.write(Box::new(Write { write: WriteId(50), append: Some(b"last".into()), ..held(1) }));
    rig.store.close();
    assert_eq!(rig.heard.next().await, Input::Written { write: WriteId(50), position: 2 });
    assert_eq!(rig.rows().await["log"], json!([[1, b"first"], [2, b"last"]]));
}
