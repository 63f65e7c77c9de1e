//! What two have changed of one document is merged by the rules of its collection.

use serde_json::{Value, json};
use syncline::engine::config::Config;
use syncline::engine::input::Input;
use syncline::engine::mutation::Mutation;
use syncline::engine::notice::{Ending, Notice};

use crate::harness::*;

/// The options of a client whose collection `c` has these rules.
pub fn by(rules: &Value) -> Config {
    let merge = json!({ "c": rules }).to_string();
    Config { merge: serde_json::from_str(&merge).unwrap(), ..config() }
}

/// Two clients of one user who both have the document `base`, where that is one.
pub fn two(server: &mut Server, rules: &Value, base: &Value) -> (Client, Client) {
    let mut a = Client::with(by(rules), Disk::default(), 1);
    let mut b = Client::with(by(rules), Disk::default(), 100);
    a.live(server, 100);
    if !base.is_null() {
        a.mutate(put("k", &base.to_string())).unwrap();
    }
    a.live(server, 1_000);
    b.live(server, 6_000);
    assert_eq!(b.view("k"), Some(base.clone()).filter(|base| !base.is_null()));
    (a, b)
}

/// The document becomes this; null is none.
fn becomes(document: &Value) -> Mutation {
    if document.is_null() { Mutation::delete(at("k")) } else { put("k", &document.to_string()) }
}

/// What the places were that were settled, and whose value is there.
pub fn settled(client: &Client) -> Vec<(String, &'static str)> {
    let mut settled = Vec::new();
    for notice in &client.notices {
        if let Notice::Conflicted { conflicts, .. } = notice {
            settled.extend(conflicts.iter().map(|conflict| (conflict.place.clone(), conflict.taken)));
        }
    }
    settled
}

/// What a document with these rules, that was `base`, comes to where one client makes `remote` of it and another one, later, `local`:
/// once in answer to its push, once because a pull has moved what waits, and once behind a crash in between.
fn comes_to(rules: Value, [base, local, remote]: [Value; 3], both: Value, conflicts: &[(&str, &str)]) {
    for (pulls_first, crashes) in [(false, false), (true, false), (true, true)] {
        let mut server = Server::new();
        let (mut a, mut b) = two(&mut server, &rules, &base);
        if pulls_first {
            b.tell(Input::WentOffline);
        }
        let id = b.mutate(becomes(&local)).unwrap();
        b.turn();
        a.mutate(becomes(&remote)).unwrap();
        a.live(&mut server, 1_000);
        if pulls_first {
            b.tell(Input::WentOnline);
            b.turn();
            b.answer(&mut server);
            b.pass(20);
            assert_eq!(b.view("k").unwrap_or(Value::Null), both, "what is seen is what will be sent");
        }
        if crashes {
            b = b.crash_with(by(&rules));
            assert_eq!(b.view("k").unwrap_or(Value::Null), both, "and so it is behind a crash");
        }
        b.live(&mut server, 2_000);
        let ending = b.ending(&id);
        if pulls_first {
            assert!(matches!(ending, Some(Ending::Applied { .. })), "{ending:?}");
        } else {
            assert!(matches!(ending, Some(Ending::Merged { .. })), "{ending:?}");
        }
        a.live(&mut server, 12_000);
        assert_eq!(server.document("k").unwrap_or(Value::Null), both, "{rules}, {pulls_first} {crashes}");
        assert_eq!((a.view("k").unwrap_or(Value::Null), b.view("k").unwrap_or(Value::Null)), (both.clone(), both.clone()));
        assert_eq!((b.status().pending_mutations, b.status().inbox), (0, 0));
        let conflicts: Vec<_> = conflicts.iter().map(|(place, taken)| ((*place).to_owned(), *taken)).collect();
        assert_eq!((settled(&b), b.status().conflicts_settled), (conflicts.clone(), conflicts.len() as u64), "{pulls_first} {crashes}");
    }
}

/// The same, of one field with a rule of its own; another one is changed by each.
fn field_comes_to(rule: Value, sides: [Value; 3], both: Value, conflicts: &[(&str, &str)]) {
    let document = |mine: u8, theirs: u8, field: Value| json!({ "mine": mine, "theirs": theirs, "f": field });
    let [base, local, remote] = sides;
    let sides = [document(0, 0, base), document(1, 0, local), document(0, 1, remote)];
    comes_to(json!({ "fields": { "/f": rule } }), sides, document(1, 1, both), conflicts);
}

#[test]
fn i27_by_default_fields_of_one_side_stay_and_a_clash_is_local_and_told() {
    field_comes_to(json!("local"), [json!(1), json!(2), json!(3)], json!(2), &[("/f", "local")]);
}

#[test]
fn i27_remote() {
    field_comes_to(json!("remote"), [json!(1), json!(2), json!(3)], json!(3), &[("/f", "remote")]);
}

#[test]
fn i27_last_writer() {
    let sides = |mine: u64, theirs: u64| [json!({ "f": 1, "at": 1 }), json!({ "f": 2, "at": mine }), json!({ "f": 3, "at": theirs })];
    comes_to(json!({ "lastWriter": "/at" }), sides(8, 9), json!({ "f": 3, "at": 9 }), &[("/f", "remote"), ("/at", "remote")]);
    comes_to(json!({ "lastWriter": "/at" }), sides(9, 8), json!({ "f": 2, "at": 9 }), &[("/f", "local"), ("/at", "local")]);
}

#[test]
fn i27_max_and_min() {
    field_comes_to(json!("max"), [json!(1), json!(5), json!(9)], json!(9), &[("/f", "remote")]);
    field_comes_to(json!("min"), [json!(1), json!(5), json!(9)], json!(5), &[("/f", "local")]);
}

#[test]
fn i27_sum() {
    field_comes_to(json!("sum"), [json!(10), json!(13), json!(9)], json!(12), &[]);
}

#[test]
fn i27_set() {
    field_comes_to(json!("set"), [json!(["a", "b"]), json!(["b", "m"]), json!(["a", "t"])], json!(["t", "m"]), &[]);
}

#[test]
fn i27_list_by_id() {
    let item = |id: u8, n: u8| json!({ "id": id, "n": n });
    field_comes_to(
        json!({ "list": "/id" }),
        [json!([item(1, 0), item(2, 0)]), json!([item(1, 1), item(3, 0)]), json!([item(4, 0), item(1, 0), item(2, 0)])],
        json!([item(4, 0), item(1, 1), item(3, 0)]),
        &[],
    );
}

#[test]
fn i27_messages() {
    let said = |id: &str, at: u8| json!({ "id": id, "at": at });
    field_comes_to(
        json!({ "messages": { "id": "/id", "at": "/at" } }),
        [json!([said("a", 1)]), json!([said("a", 1), said("m", 3)]), json!([said("a", 1), said("t", 2), said("u", 4)])],
        json!([said("a", 1), said("t", 2), said("m", 3), said("u", 4)]),
        &[],
    );
}

#[test]
fn i27_text() {
    field_comes_to(json!("text"), [json!("one two"), json!("one! two"), json!("one two?")], json!("one! two?"), &[]);
    field_comes_to(json!("text"), [json!("one"), json!("eins"), json!("uno")], json!("unoeins"), &[("/f", "both")]);
}

#[test]
fn i27_fixed() {
    field_comes_to(json!("fixed"), [json!(1), json!(2), json!(3)], json!(1), &[]);
}

#[test]
fn i12_a_delete_against_an_update_goes_by_the_rule() {
    let [base, changed] = [json!({ "n": 1 }), json!({ "n": 2 })];
    comes_to(json!("local"), [base.clone(), Value::Null, changed.clone()], Value::Null, &[("", "local")]);
    comes_to(json!("remote"), [base.clone(), changed.clone(), Value::Null], Value::Null, &[("", "remote")]);
    comes_to(json!("local"), [base.clone(), changed.clone(), Value::Null], changed.clone(), &[("", "local")]);
    comes_to(json!("remote"), [base, Value::Null, changed.clone()], changed, &[("", "remote")]);
}

#[test]
fn i27_what_both_made_of_nothing_is_one_document() {
    comes_to(
        json!("remote"),
        [Value::Null, json!({ "n": 1, "m": 1 }), json!({ "n": 2, "t": 1 })],
        json!({ "n": 2, "t": 1, "m": 1 }),
        &[("/n", "remote")],
    );
}

#[test]
fn i8_what_is_taken_back_leaves_what_was_made_on_it_and_nothing_of_its_own() {
    let mut server = Server::new();
    let (mut a, mut b) = two(&mut server, &json!("local"), &json!({ "x": 0, "y": 0, "z": 0 }));
    b.tell(Input::WentOffline);
    let first = b.mutate(merge("k", r#"{"x":1}"#)).unwrap();
    b.mutate(put("k", r#"{"x":1,"y":1,"z":0}"#)).unwrap();
    b.turn();
    b.tell(Input::CancelAsked { mutation: first });
    assert_eq!(b.view("k"), Some(json!({ "x": 0, "y": 1, "z": 0 })));
    a.mutate(merge("k", r#"{"z":1}"#)).unwrap();
    a.live(&mut server, 1_000);
    b.tell(Input::WentOnline);
    b.live(&mut server, 6_000);
    a.live(&mut server, 6_000);
    let all = Some(json!({ "x": 0, "y": 1, "z": 1 }));
    assert_eq!((server.document("k"), a.view("k"), b.view("k")), (all.clone(), all.clone(), all));
}

#[test]
fn i26_what_each_document_of_a_group_was_made_on_is_known_behind_a_crash() {
    let mut server = Server::new();
    let rules = json!({ "fields": { "/n": "sum" } });
    let (mut a, mut b) = two(&mut server, &rules, &json!({ "n": 1 }));
    a.mutate(put("l", r#"{"n":1}"#)).unwrap();
    a.live(&mut server, 1_000);
    b.live(&mut server, 6_000);
    b.tell(Input::WentOffline);
    let parts = ["k", "l"].map(|key| merge(key, r#"{"n":3,"b":true}"#));
    b.mutate(Mutation::group(parts.into()).unwrap()).unwrap();
    b.turn();
    a.mutate(merge("k", r#"{"n":11}"#)).unwrap();
    a.mutate(merge("l", r#"{"n":21}"#)).unwrap();
    a.live(&mut server, 1_000);
    b.tell(Input::WentOnline);
    b.turn();
    b.answer(&mut server);
    b.pass(20);
    let both = [Some(json!({ "n": 13, "b": true })), Some(json!({ "n": 23, "b": true }))];
    assert_eq!(["k", "l"].map(|key| b.view(key)), both);
    let mut b = b.crash_with(by(&rules));
    assert_eq!(["k", "l"].map(|key| b.view(key)), both, "behind a crash it is the same");
    b.live(&mut server, 6_000);
    assert_eq!(["k", "l"].map(|key| server.document(key)), both);
}

#[test]
fn i26_a_group_is_merged_and_goes_together() {
    let mut server = Server::new();
    let (mut a, mut b) = two(&mut server, &json!({ "fields": { "/n": "sum" } }), &json!({ "n": 1 }));
    a.mutate(put("l", r#"{"n":1}"#)).unwrap();
    a.live(&mut server, 1_000);
    b.live(&mut server, 6_000);
    let parts = ["k", "l"].map(|key| merge(key, r#"{"n":3,"b":true}"#));
    let group = b.mutate(Mutation::group(parts.into()).unwrap()).unwrap();
    a.mutate(merge("k", r#"{"n":11}"#)).unwrap();
    a.mutate(merge("l", r#"{"n":21}"#)).unwrap();
    a.live(&mut server, 1_000);
    b.live(&mut server, 6_000);
    assert!(matches!(b.ending(&group), Some(Ending::Merged { .. })));
    assert_eq!((server.document("k"), server.document("l")), (Some(json!({ "n": 13, "b": true })), Some(json!({ "n": 23, "b": true }))));
}

#[test]
fn i26_a_group_that_waits_is_merged_behind_a_crash_too() {
    let mut server = Server::new();
    let rules = json!({ "fields": { "/n": "sum" } });
    let (mut a, mut b) = two(&mut server, &rules, &json!({ "n": 1 }));
    a.mutate(put("l", r#"{"n":1}"#)).unwrap();
    a.live(&mut server, 1_000);
    b.live(&mut server, 6_000);
    b.tell(Input::WentOffline);
    let parts = ["k", "l"].map(|key| merge(key, r#"{"n":3,"b":true}"#));
    b.mutate(Mutation::group(parts.into()).unwrap()).unwrap();
    b.turn();
    a.mutate(merge("k", r#"{"n":11}"#)).unwrap();
    a.mutate(merge("l", r#"{"n":21}"#)).unwrap();
    a.live(&mut server, 1_000);
    b.tell(Input::WentOnline);
    b.turn();
    b.answer(&mut server);
    b.pass(20);
    let mut b = b.crash_with(by(&rules));
    b.live(&mut server, 2_000);
    assert_eq!((server.document("k"), server.document("l")), (Some(json!({ "n": 13, "b": true })), Some(json!({ "n": 23, "b": true }))));
}
