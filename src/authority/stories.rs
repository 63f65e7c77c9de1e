//! The rules of the authority, each told as a story that runs over any store.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::contract::Case;
use super::{Authority, Feed, Limits, PullAsk, PushBodyError, RefuseMarked, Store};
use crate::protocol::{Address, ChangeBody, Identity, Json, Outcome, PullReply, PushReply, Verdict, Whole};

/// Every story. Each takes a fresh store whose generation is `g1`.
pub fn stories<S: Store>() -> Vec<Case<S>> {
    macro_rules! named {
        ($($story:ident,)*) => { vec![$((stringify!($story), $story::<S>),)*] };
    }
    named![
        i2_an_entry_that_comes_again_is_answered_and_not_done_again,
        n4_a_late_duplicate_does_not_bring_an_old_value_back,
        h17_another_text_under_a_used_id_is_refused,
        h2_each_kind_of_base_is_checked,
        h2_a_conflict_is_answered_with_what_is_there_when_asked,
        h2_a_moved_text_is_a_conflict,
        i12_what_was_deleted_meanwhile_is_not_made_anew,
        i26_a_group_is_applied_whole_or_not_at_all,
        h1_what_the_app_refuses_leaves_the_others_alone,
        h1_what_cannot_be_applied_is_refused_by_name,
        i14_an_entry_that_is_wrong_inside_does_not_spoil_the_others,
        h7_too_large_is_said_of_the_entry_or_of_the_push,
        h16_what_is_older_than_the_horizon_is_never_done,
        h16_a_first_entry_counts_from_its_clients_first_push,
        h18_a_restored_server_does_what_it_forgot,
        h18_a_restored_server_with_a_horizon_trusts_only_its_own_lives,
        i15_an_older_session_is_fenced_off,
        p4_pages_are_whole_up_to_their_end,
        p4_what_is_written_between_two_pages_is_not_missed,
        i26_a_page_does_not_cut_an_entry_in_two,
        p5_a_cursor_that_means_nothing_starts_over,
        p8_a_pull_names_the_askers_own_entries,
        p11_a_page_is_bounded_in_bytes,
        a1_one_users_documents_are_no_other_users,
        an_outcome_can_be_asked_for,
    ]
}

/// A server at work: an authority, its store, and shorthands to talk to both.
struct Desk<S> {
    authority: Authority<RefuseMarked>,
    store: S,
    asker: Identity,
}

impl<S: Store> Desk<S> {
    fn open(store: S) -> Desk<S> {
        let asker = Identity { scope: "u".into(), client: "c1".into(), session_epoch: 1 };
        Desk { authority: Authority { rules: RefuseMarked, ..Authority::default() }, store, asker }
    }

    fn push(&mut self, entries: &[Value]) -> PushReply {
        let body = self.authority.read_push(&json!({ "entries": entries }).to_string()).unwrap();
        self.authority.push(&mut self.store, &self.asker, &body).unwrap()
    }

    fn one(&mut self, entry: Value) -> Outcome {
        self.push(&[entry]).outcomes.remove(0)
    }

    fn pull(&self, cursor: Option<&str>, limit: usize) -> PullReply {
        let ask = PullAsk { feed: Feed::Main, cursor: cursor.map(str::to_owned), limit: Some(limit), request: None };
        self.authority.pull(&self.store, &self.asker, &ask).unwrap()
    }

    /// All documents, told by one long pull: `collection/key` and the text of each, deleted ones as `-`.
    fn documents(&self) -> String {
        let mut text = String::new();
        for change in self.pull(None, 1_000).changes {
            let value = match &change.body {
                ChangeBody::Value(value) => value.as_str(),
                ChangeBody::Deleted => "-",
                ChangeBody::Gone => unreachable!("no feed of the reference server loses documents"),
            };
            let _ = write!(text, "{}/{}={value} ", change.address.collection, change.address.key);
        }
        text.trim_end().to_owned()
    }
}

fn entry(id: &str, operations: Value) -> Value {
    json!({ "id": id, "seen": { "generation": "g1", "seq": 0 }, "operations": operations })
}

fn put(id: &str, key: &str, value: Value) -> Value {
    entry(id, json!([{ "op": "put", "collection": "n", "key": key, "value": value }]))
}

fn ok(version: &str) -> Verdict {
    Verdict::Ok { version: Some(version.into()), value: None }
}

/// A conflict with this document at the position that its version names.
fn conflict(version: &str, value: &str) -> Verdict {
    let value_seq = version.rsplit('.').next().unwrap().parse().unwrap();
    let value = Some(Json::parse(value).unwrap());
    Verdict::Conflict { address: Some(Address::of("n", "k")), version: Some(version.into()), value, value_seq: Some(value_seq) }
}

/// A conflict where no document is: deleted at this position, or never made.
fn conflict_with_none(value_seq: Option<u64>) -> Verdict {
    Verdict::Conflict { address: Some(Address::of("n", "k")), version: None, value: None, value_seq }
}

fn code(outcome: &Outcome) -> &str {
    match &outcome.verdict {
        Verdict::Rejected { code, .. } => code,
        other => panic!("not rejected: {other:?}"),
    }
}

fn i2_an_entry_that_comes_again_is_answered_and_not_done_again<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.one(put("e0", "k", json!({ "n": 0 })));
    let grow = entry("e1", json!([{ "op": "increment", "collection": "n", "key": "k", "path": "/n", "by": 1 }]));
    let first = desk.push(std::slice::from_ref(&grow));
    assert_eq!(first.outcomes, [Outcome { id: "e1".into(), seq: Some(2), verdict: ok("g1.2") }]);
    assert_eq!(desk.push(&[grow.clone(), grow]).outcomes, [first.outcomes[0].clone(), first.outcomes[0].clone()]);
    assert_eq!(desk.documents(), r#"n/k={"n":1}"#);
    desk.one(put("e2", "k", json!({ "reject": true })));
    let refused = desk.one(put("e2", "k", json!({ "reject": true })));
    assert_eq!((code(&refused), refused.seq), ("marked", Some(3)), "refusals have a position and are stored too");
}

fn n4_a_late_duplicate_does_not_bring_an_old_value_back<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.one(put("e1", "k", json!("old")));
    desk.one(put("e2", "k", json!("new")));
    desk.asker = Identity { client: "c2".into(), ..desk.asker.clone() };
    assert_eq!(desk.one(put("e1", "k", json!("old"))).verdict, ok("g1.1"), "known by user and entry, whoever sends it");
    assert_eq!(desk.documents(), r#"n/k="new""#);
}

fn h17_another_text_under_a_used_id_is_refused<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.one(put("e1", "k", json!(1)));
    assert_eq!(code(&desk.one(put("e1", "k", json!(2)))), "id_reused");
    assert_eq!(desk.one(put("e1", "k", json!(1))).verdict, ok("g1.1"));
    assert_eq!(desk.documents(), "n/k=1");
}

fn h2_each_kind_of_base_is_checked<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    let with = |id: &str, base: Value| entry(id, json!([{ "op": "put", "collection": "n", "key": "k", "base": base, "value": id }]));
    assert_eq!(desk.one(with("e1", json!("g1.9"))).verdict, conflict_with_none(None));
    assert_eq!(desk.one(with("e2", json!(null))).verdict, ok("g1.2"));
    assert_eq!(desk.one(with("e3", json!(null))).verdict, conflict("g1.2", "\"e2\""));
    assert_eq!(desk.one(with("e4", json!("g1.2"))).verdict, ok("g1.4"));
    assert_eq!(desk.one(with("e5", json!("g1.2"))).verdict, conflict("g1.4", "\"e4\""));
    assert_eq!(desk.one(put("e6", "k", json!("any"))).verdict, ok("g1.6"));
    assert_eq!(desk.one(entry("e7", json!([{ "op": "delete", "collection": "n", "key": "k", "base": "g1.6" }]))).verdict, ok("g1.7"));
    assert_eq!(desk.one(with("e8", json!("g1.7"))).verdict, conflict_with_none(Some(7)), "where a document was deleted there is none");
    let knowing = json!({ "id": "e9", "seen": { "generation": "g1", "seq": 7 }, "operations": with("e9", json!(null))["operations"] });
    assert_eq!(desk.one(knowing).verdict, ok("g1.9"));
}

fn i12_what_was_deleted_meanwhile_is_not_made_anew<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    let made_on_nothing = |id: &str, seen: Value| {
        let put = json!([{ "op": "put", "collection": "n", "key": "k", "base": null, "value": id }]);
        json!({ "id": id, "seen": seen, "operations": put })
    };
    let at = |seq: u64| json!({ "generation": "g1", "seq": seq });
    desk.one(put("e1", "k", json!("first")));
    desk.one(entry("e2", json!([{ "op": "delete", "collection": "n", "key": "k" }])));
    assert_eq!(desk.one(made_on_nothing("late", at(0))).verdict, conflict_with_none(Some(2)), "it may be from before the delete");
    assert_eq!(desk.one(made_on_nothing("known", at(2))).verdict, ok("g1.4"), "who knows of the delete makes it anew");
    desk.one(entry("e5", json!([{ "op": "delete", "collection": "n", "key": "k" }])));
    let unheard = json!({ "generation": "", "seq": 0 });
    assert_eq!(desk.one(made_on_nothing("early", unheard.clone())).verdict, conflict_with_none(Some(5)));
    desk.asker = Identity { client: "c2".into(), ..desk.asker.clone() };
    assert_eq!(desk.one(made_on_nothing("newcomer", unheard)).verdict, ok("g1.7"), "this client pushes for the first time");
}

fn h2_a_conflict_is_answered_with_what_is_there_when_asked<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.one(put("e1", "k", json!(1)));
    let late = entry("e2", json!([{ "op": "delete", "collection": "n", "key": "k", "base": null }]));
    assert_eq!(desk.one(late.clone()).verdict, conflict("g1.1", "1"));
    desk.one(put("e3", "k", json!(3)));
    let again = desk.one(late.clone());
    assert_eq!((again.seq, again.verdict), (Some(2), conflict("g1.3", "3")));
    desk.one(entry("e4", json!([{ "op": "delete", "collection": "n", "key": "k" }])));
    assert_eq!(desk.one(late).verdict, conflict_with_none(Some(4)), "its base would fit, but the id is spent");
}

fn h2_a_moved_text_is_a_conflict<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.one(put("e1", "k", json!({ "t": "b" })));
    let splice = |id: &str, hash: &str| {
        let on = json!({ "length": 1, "hash": hash });
        entry(id, json!([{ "op": "splice", "collection": "n", "key": "k", "path": "/t", "at": 0, "remove": 0, "insert": "a", "on": on }]))
    };
    assert_eq!(desk.one(splice("e2", "0000000000000063")).verdict, ok("g1.2"));
    assert_eq!(desk.one(splice("e3", "0000000000000063")).verdict, conflict("g1.2", r#"{"t":"ab"}"#));
}

fn i26_a_group_is_applied_whole_or_not_at_all<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.one(put("e1", "b", json!(1)));
    let group = |id: &str, base: &str| {
        entry(
            id,
            json!([
                { "op": "put", "collection": "n", "key": "a", "value": 2 },
                { "op": "put", "collection": "n", "key": "b", "base": base, "value": 2 },
                { "op": "delete", "collection": "n", "key": "b", "base": base },
                { "op": "put", "collection": "m", "key": "c", "value": 2 },
            ]),
        )
    };
    let Verdict::Conflict { address, version, .. } = desk.one(group("e2", "g1.9")).verdict else { panic!("no conflict") };
    assert_eq!((address, version.as_deref()), (Some(Address::of("n", "b")), Some("g1.1")), "it names the document");
    assert_eq!(desk.documents(), "n/b=1");
    assert_eq!(desk.one(group("e3", "g1.1")).verdict, ok("g1.3"), "a base is of the documents as they are before the entry");
    assert_eq!(desk.documents(), "m/c=2 n/a=2 n/b=-");
    let changes = desk.pull(None, 9).changes;
    assert!(changes.iter().all(|change| change.version == "g1.3" && change.seq == Some(3) && change.entry_id.as_deref() == Some("e3")));
}

fn h1_what_the_app_refuses_leaves_the_others_alone<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    let group = entry(
        "e2",
        json!([
            { "op": "put", "collection": "n", "key": "k", "value": 5 },
            { "op": "put", "collection": "n", "key": "l", "value": { "reject": true } },
        ]),
    );
    let reply = desk.push(&[put("e1", "k", json!(1)), group, put("e3", "l", json!(3))]);
    assert_eq!(code(&reply.outcomes[1]), "marked");
    assert_eq!([&reply.outcomes[0].verdict, &reply.outcomes[2].verdict], [&ok("g1.1"), &ok("g1.3")]);
    assert_eq!(desk.documents(), "n/k=1 n/l=3");
}

fn h1_what_cannot_be_applied_is_refused_by_name<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    let outcome = desk.one(entry(
        "e1",
        json!([
            { "op": "put", "collection": "n", "key": "k", "value": {} },
            { "op": "increment", "collection": "n", "key": "k", "path": "/n", "by": 1 },
        ]),
    ));
    assert_eq!((code(&outcome), outcome.seq), ("not_applicable", Some(1)));
    assert_eq!(desk.documents(), "");
}

fn i14_an_entry_that_is_wrong_inside_does_not_spoil_the_others<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    let grow = entry("e1", json!([{ "op": "grow", "collection": "n", "key": "k" }]));
    let reply = desk.push(&[grow.clone(), entry("e2", json!([])), put("e3", "k", json!(1))]);
    assert_eq!([code(&reply.outcomes[0]), code(&reply.outcomes[1])], ["malformed", "malformed"]);
    assert_eq!(reply.outcomes[2].verdict, ok("g1.3"));
    assert_eq!(desk.one(grow), reply.outcomes[0]);
    let list = r#"{"entries":[["e1",{"generation":"","seq":0},[{"op":"delete","collection":"n","key":"k"}]]]}"#;
    for nonsense in ["", "[]", "[[]]", list, "{}", r#"{"entries":{}}"#, r#"{"entries":[{}]}"#, r#"{"entries":[{"id":"","operations":[]}]}"#]
    {
        assert!(matches!(desk.authority.read_push(nonsense), Err(PushBodyError::Malformed(_))), "{nonsense}");
    }
}

fn h7_too_large_is_said_of_the_entry_or_of_the_push<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.authority.limits =
        Limits { request_bytes: 1_000, entries_per_push: 2, entry_bytes: 200, operations_per_entry: 2, ..Limits::default() };
    let delete = json!({ "op": "delete", "collection": "n", "key": "k" });
    let long = put("e1", "k", json!("x".repeat(200)));
    let reply = desk.push(&[long.clone(), entry("e2", json!([delete, delete, delete]))]);
    assert_eq!(reply.outcomes, [1, 2].map(|seq| Outcome { id: format!("e{seq}"), seq: Some(seq), verdict: Verdict::TooLarge }));
    let three = json!({ "entries": [put("a", "k", json!(1)), put("b", "k", json!(1)), put("c", "k", json!(1))] });
    assert_eq!(desk.authority.read_push(&three.to_string()).unwrap_err(), PushBodyError::TooLarge);
    let large = json!({ "entries": [put("a", "k", json!("x".repeat(1_000)))] });
    assert_eq!(desk.authority.read_push(&large.to_string()).unwrap_err(), PushBodyError::TooLarge);
    desk.authority.limits = Limits::default();
    assert_eq!(desk.one(long).verdict, Verdict::TooLarge, "what was refused stays refused when the limits grow");
}

fn h16_what_is_older_than_the_horizon_is_never_done<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.authority.outcomes_kept = Some(2);
    let at = |id: &str, seq: u64| {
        let operations = json!([{ "op": "put", "collection": "n", "key": "k", "value": id }]);
        json!({ "id": id, "seen": { "generation": "g1", "seq": seq }, "operations": operations })
    };
    for seq in 0..5 {
        assert_eq!(desk.one(at(&format!("e{seq}"), seq)).verdict, ok(&format!("g1.{}", seq + 1)));
    }
    assert_eq!(desk.authority.ping(&desk.store).unwrap().horizon, 3);
    let expired = desk.one(at("e2", 2));
    assert_eq!(expired, Outcome { id: "e2".into(), seq: None, verdict: Verdict::Expired }, "it was executed at 3 and forgotten");
    assert_eq!(desk.one(at("never sent", 2)).verdict, Verdict::Expired);
    assert_eq!(desk.one(at("e3", 3)).verdict, ok("g1.4"), "still remembered");
    assert_eq!(desk.one(at("e6", 3)).verdict, ok("g1.6"), "seen at the horizon: had it been executed, it would be remembered");
    assert_eq!(desk.one(at("e7", u64::MAX)).verdict, ok("g1.7"));
}

fn h16_a_first_entry_counts_from_its_clients_first_push<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.authority.outcomes_kept = Some(1);
    let unseen = |id: &str| {
        let operations = json!([{ "op": "put", "collection": "n", "key": "k", "value": id }]);
        json!({ "id": id, "seen": { "generation": "", "seq": 0 }, "operations": operations })
    };
    assert_eq!(desk.one(unseen("e1")).verdict, ok("g1.1"));
    desk.one(put("e2", "k", json!(2)));
    assert_eq!(desk.one(unseen("e1")).verdict, Verdict::Expired);
    desk.asker.client = "fresh".into();
    assert_eq!(desk.one(unseen("e3")).verdict, ok("g1.3"), "this client had nothing executed at or below 2");
}

fn h18_a_restored_server_does_what_it_forgot<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.one(put("e1", "k", json!(1)));
    desk.store.begin_life("g2").unwrap();
    let reply = desk.push(&[put("e1", "k", json!(1)), put("e2", "k", json!(2))]);
    assert_eq!(reply.generation.as_deref(), Some("g2"));
    assert_eq!(reply.outcomes[0].verdict, ok("g1.1"), "in the copy, so not done again");
    assert_eq!(reply.outcomes[1].verdict, ok("g2.2"), "not in the copy, so its effect is not there either");
    let pull = desk.pull(Some("g1.1"), 9);
    assert_eq!((pull.reset, pull.cursor.as_str(), pull.changes.len()), (true, "g2.2", 1));
}

fn h18_a_restored_server_with_a_horizon_trusts_only_its_own_lives<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    for seq in 1..=4 {
        desk.one(put(&format!("e{seq}"), "k", json!(seq)));
    }
    desk.store.begin_life("g2").unwrap();
    desk.authority.outcomes_kept = Some(1);
    desk.one(put("e5", "k", json!(5)));
    assert_eq!(desk.store.head().unwrap().horizon, 4);
    let from = |generation: &str, seq: u64, id: &str| {
        let operations = json!([{ "op": "put", "collection": "n", "key": "k", "value": id }]);
        json!({ "id": id, "seen": { "generation": generation, "seq": seq }, "operations": operations })
    };
    assert_eq!(desk.one(from("elsewhere", 9, "x1")).verdict, Verdict::Expired, "a life this data never had proves nothing");
    assert_eq!(desk.one(from("g1", 3, "x2")).verdict, Verdict::Expired, "it may have been executed at 4 and forgotten");
    assert_eq!(desk.one(from("g1", 9, "x3")).verdict, ok("g2.6"), "frozen when the first life was already past its copy");
    assert_eq!(desk.one(from("g1", 9, "x4")).verdict, Verdict::Expired, "that was at 4, which the horizon has passed since");
}

fn i15_an_older_session_is_fenced_off<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.asker.session_epoch = 4;
    desk.one(put("e1", "k", json!(1)));
    desk.asker.session_epoch = 3;
    let reply = desk.push(&[put("e2", "k", json!(2))]);
    assert_eq!((reply.whole, reply.outcomes.len()), (Some(Whole::Fenced), 0));
    desk.asker.client = "c2".into();
    assert_eq!(desk.one(put("e3", "l", json!(3))).verdict, ok("g1.2"), "each client has its own epochs");
    assert_eq!(desk.documents(), "n/k=1 n/l=3");
}

fn p4_pages_are_whole_up_to_their_end<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    for (seq, key) in ["a", "b", "c", "a", "d"].iter().enumerate() {
        desk.one(put(&format!("e{seq}"), key, json!(seq)));
    }
    desk.asker.client = "c2".into();
    let first = desk.pull(None, 2);
    let keys = |page: &PullReply| page.changes.iter().map(|change| change.address.key.to_string()).collect::<Vec<_>>();
    assert_eq!((keys(&first), first.cursor.as_str(), first.more, first.reset), (vec!["b".to_owned(), "c".to_owned()], "g1.3", true, false));
    let second = desk.pull(Some(&first.cursor), 2);
    assert_eq!((keys(&second), second.cursor.as_str(), second.more), (vec!["a".to_owned(), "d".to_owned()], "g1.5", false));
    assert_eq!(desk.pull(Some(&second.cursor), 2).changes, []);
    assert_eq!(desk.pull(Some(&second.cursor), 2).cursor, "g1.5");
}

fn p4_what_is_written_between_two_pages_is_not_missed<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    for key in ["a", "b", "c"] {
        desk.one(put(key, key, json!(1)));
    }
    let first = desk.pull(None, 1);
    desk.one(entry("again", json!([{ "op": "delete", "collection": "n", "key": "a" }])));
    let rest = desk.pull(Some(&first.cursor), 9);
    assert_eq!(rest.changes.iter().map(|change| &*change.address.key).collect::<Vec<_>>(), ["b", "c", "a"]);
    assert_eq!(rest.changes[2].body, ChangeBody::Deleted);
}

fn i26_a_page_does_not_cut_an_entry_in_two<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    let operation = |key: &str| json!({ "op": "put", "collection": "n", "key": key, "value": 1 });
    desk.one(entry("e1", json!([operation("a"), operation("b"), operation("c")])));
    desk.one(put("e2", "d", json!(1)));
    let page = desk.pull(None, 2);
    assert_eq!((page.changes.len(), page.cursor.as_str(), page.more), (3, "g1.1", true));
}

fn p5_a_cursor_that_means_nothing_starts_over<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.one(put("e1", "k", json!(1)));
    for cursor in ["", "1", "g1", "g1.", "g1.x", "g1.-1", "g1.+1", "g1.01", "g1.2", "g1.18446744073709551616", "g2.1", "g1.1.", "é\u{0}"] {
        let page = desk.pull(Some(cursor), 9);
        assert_eq!((page.reset, page.changes.len()), (true, 1), "{cursor:?}");
    }
    let page = desk.pull(Some("g1.1"), 9);
    assert_eq!((page.reset, page.changes.len()), (false, 0));
}

fn p8_a_pull_names_the_askers_own_entries<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    let mine = desk.asker.clone();
    for id in ["e1", "e2", "e3"] {
        desk.one(put(id, "k", json!(id)));
    }
    desk.asker.client = "c2".into();
    desk.one(put("e4", "k", json!(4)));
    desk.asker = mine;
    let ids = |page: &PullReply| page.applied.iter().map(|applied| applied.id.clone()).collect::<Vec<_>>();
    let all = desk.pull(None, 9);
    assert_eq!((ids(&all).join(" "), all.changes.len()), ("e1 e2 e3".into(), 1));
    let first = desk.pull(None, 2);
    assert_eq!((ids(&first).join(" "), first.changes.len(), first.cursor.as_str(), first.more), ("e1 e2".into(), 0, "g1.2", true));
    let rest = desk.pull(Some("g1.2"), 2);
    assert_eq!((ids(&rest).join(" "), rest.changes.len(), rest.cursor.as_str(), rest.more), ("e3".into(), 1, "g1.4", false));
    desk.asker.client = "c3".into();
    desk.one(put("e5", "l", json!(5)));
    let first = desk.pull(Some("g1.3"), 1);
    assert_eq!((ids(&first).join(" "), first.cursor.as_str()), (String::new(), "g1.4"), "none behind the page's end");
}

fn p11_a_page_is_bounded_in_bytes<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.authority.limits.page_bytes = 150;
    for key in ["a", "b", "c"] {
        desk.one(put(key, key, json!("x".repeat(98))));
    }
    let first = desk.pull(None, 9);
    assert_eq!((first.changes.len(), first.more), (2, true));
    assert_eq!(desk.pull(Some(&first.cursor), 9).changes.len(), 1);
}

fn a1_one_users_documents_are_no_other_users<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    desk.one(put("e1", "k", json!("secret")));
    desk.asker.scope = "v".into();
    assert_eq!(desk.documents(), "");
    let other = desk.push(&[put("e1", "k", json!("mine"))]);
    assert_eq!((other.scope.as_deref(), &other.outcomes[0].verdict), (Some("v"), &ok("g1.2")), "ids of two users never meet");
    let pull = desk.pull(None, 9);
    assert_eq!((pull.scope.as_deref(), pull.applied.len(), pull.changes.len()), (Some("v"), 1, 1));
}

fn an_outcome_can_be_asked_for<S: Store>(store: S) {
    let mut desk = Desk::open(store);
    let pushed = desk.push(&[put("e1", "k", json!(1))]);
    assert_eq!(desk.authority.outcome(&desk.store, "u", "e1").unwrap(), pushed);
    assert_eq!(desk.authority.outcome(&desk.store, "u", "e2").unwrap().outcomes, []);
    assert_eq!(desk.authority.outcome(&desk.store, "v", "e1").unwrap().outcomes, []);
    assert_eq!(desk.authority.outcome(&desk.store, "u", "e2").unwrap().horizon, None, "none was ever forgotten");
    desk.authority.outcomes_kept = Some(1);
    desk.push(&[put("e3", "k", json!(2)), put("e4", "k", json!(3))]);
    let forgotten = desk.authority.outcome(&desk.store, "u", "e1").unwrap();
    assert_eq!((forgotten.outcomes.len(), forgotten.horizon), (0, Some(2)));
}
