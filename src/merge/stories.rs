//! What each rule makes of what two have changed, and the laws that all of them keep.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::merge::rule::RuleError;

macro_rules! value {
    ($($json:tt)+) => { Value::parse(&json!($($json)+).to_string()).unwrap() };
}

fn rules(text: &str) -> Rules {
    Rules::of(&Value::parse(text).unwrap()).unwrap()
}

fn read(value: serde_json::Value) -> Option<Value> {
    (!value.is_null()).then(|| Value::parse(&value.to_string()).unwrap())
}

/// Merges `[base, local, remote]`, where null is no document; and the places of what clashed, with the side that was taken.
fn merged(by: &str, [base, local, remote]: [serde_json::Value; 3]) -> (serde_json::Value, Vec<(String, Taken)>) {
    let [base, local, remote] = [base, local, remote].map(read);
    said(merge(&rules(by), Base::Known(base.as_ref()), local.as_ref(), remote.as_ref()))
}

fn said(Merged { value, clashes }: Merged) -> (serde_json::Value, Vec<(String, Taken)>) {
    let mut text = String::new();
    value.unwrap_or(Value::Null).write(&mut text);
    let clashes = clashes.into_iter().map(|clash| (clash.place.as_str().to_owned(), clash.taken)).collect();
    (serde_json::from_str(&text).unwrap(), clashes)
}

/// A field that was `[base, local, remote]` with this rule comes to `both`.
fn field(rule: serde_json::Value, [base, local, remote]: [serde_json::Value; 3], both: serde_json::Value, clashes: &[(&str, Taken)]) {
    let by = json!({ "fields": { "/f": rule } }).to_string();
    let document = |field: serde_json::Value| if field.is_null() { json!({ "k": 1 }) } else { json!({ "k": 1, "f": field }) };
    let (document, found) = merged(&by, [base, local, remote].map(document));
    assert_eq!(document["f"], both, "{rule}");
    let clashes: Vec<_> = clashes.iter().map(|(place, taken)| ((*place).to_owned(), *taken)).collect();
    assert_eq!(found, clashes, "{rule}");
}

#[test]
fn without_a_rule_fields_of_one_side_stay_and_a_clash_is_local_and_seen() {
    let base = json!({ "a": 1, "b": { "c": 1, "d": 1 }, "e": 1, "gone": 1 });
    let local = json!({ "a": 2, "b": { "c": 2, "d": 1 }, "e": 2, "new": 1 });
    let remote = json!({ "a": 1, "b": { "c": 1, "d": 3 }, "e": 3, "gone": 1, "more": 1 });
    let (document, clashes) = merged(r#""local""#, [base, local, remote]);
    assert_eq!(document, json!({ "a": 2, "b": { "c": 2, "d": 3 }, "e": 2, "new": 1, "more": 1 }));
    assert_eq!(clashes, [("/e".into(), Taken::Local)]);
}

#[test]
fn what_is_lost_in_a_clash_is_told() {
    let [base, local, remote] = [value!({ "a": 1 }), value!({ "a": 2 }), value!({ "a": [3] })];
    for (by, taken, lost) in [(Rule::Local, Taken::Local, value!([3])), (Rule::Remote, Taken::Remote, value!(2))] {
        let Merged { clashes, .. } = merge(&Rules::all(by.clone()), Base::Known(Some(&base)), Some(&local), Some(&remote));
        let place = Pointer::parse("/a").unwrap();
        assert_eq!(clashes, [Clash { place, rule: by.name(), taken, lost: Some(lost), marks: Vec::new() }]);
    }
}

#[test]
fn local_and_remote() {
    field(json!("local"), [json!(1), json!(2), json!(3)], json!(2), &[("/f", Taken::Local)]);
    field(json!("remote"), [json!(1), json!(2), json!(3)], json!(3), &[("/f", Taken::Remote)]);
    field(json!("remote"), [json!(1), json!(2), json!(1)], json!(2), &[]);
    field(
        json!("remote"),
        [json!({ "x": 1, "y": 1 }), json!({ "x": 2, "y": 1 }), json!({ "x": 1, "y": 2 })],
        json!({ "x": 1, "y": 2 }),
        &[("/f", Taken::Remote)],
    );
}

#[test]
fn the_last_writer_is_who_has_the_later_time() {
    let by = r#"{ "lastWriter": "/at" }"#;
    let documents = |mine: serde_json::Value, theirs: serde_json::Value| {
        [json!({ "f": 1, "at": 1 }), json!({ "f": 2, "at": mine }), json!({ "f": 3, "at": theirs })]
    };
    assert_eq!(merged(by, documents(json!(5), json!(6))).0, json!({ "f": 3, "at": 6 }));
    assert_eq!(merged(by, documents(json!(6), json!(5))).0, json!({ "f": 2, "at": 6 }));
    assert_eq!(merged(by, documents(json!(6), json!("later"))).0["f"], 2, "times of two kinds have no order");
    let dates = documents(json!("2026-11-22T10:00:00Z"), json!("2026-11-22T10:00:01Z"));
    assert_eq!(merged(by, dates).0["f"], 3);
}

#[test]
fn max_and_min() {
    field(json!("max"), [json!(1), json!(10), json!(9)], json!(10), &[("/f", Taken::Local)]);
    field(json!("max"), [json!(1), json!(0), json!(-5)], json!(0), &[("/f", Taken::Local)]);
    field(json!("min"), [json!(1), json!(10), json!(9)], json!(9), &[("/f", Taken::Remote)]);
    field(json!("max"), [json!("a"), json!("b"), json!("c")], json!("c"), &[("/f", Taken::Remote)]);
    field(json!("max"), [json!(1), json!("b"), json!(9)], json!("b"), &[("/f", Taken::Local)]);
}

#[test]
fn a_sum_has_what_both_have_added() {
    field(json!("sum"), [json!(10), json!(13), json!(8)], json!(11), &[]);
    field(json!("sum"), [json!(null), json!(3), json!(4)], json!(7), &[]);
    field(json!("sum"), [json!(10), json!(0.5), json!(8)], json!(0.5), &[("/f", Taken::Local)]);
}

#[test]
fn a_set_has_what_either_added_without_what_either_removed() {
    field(json!("set"), [json!(["a", "b", "c"]), json!(["b", "c", "x"]), json!(["a", "c", "y"])], json!(["c", "y", "x"]), &[]);
    field(json!("set"), [json!([]), json!(["x", "x"]), json!(["y", "x"])], json!(["y", "x"]), &[]);
    field(json!("set"), [json!([1]), json!(7), json!([2])], json!(7), &[("/f", Taken::Local)]);
}

#[test]
fn items_of_a_list_are_merged_by_their_names() {
    let by = json!({ "list": "/id" });
    let item = |id: &str, n: u8, m: u8| json!({ "id": id, "n": n, "m": m });
    let (a, b, c) = (item("a", 0, 0), item("b", 0, 0), item("c", 0, 0));
    field(
        by.clone(),
        [json!([a, b, c]), json!([item("x", 1, 1), item("a", 1, 0), c]), json!([item("a", 0, 2), b, item("y", 1, 1), c])],
        json!([item("x", 1, 1), item("a", 1, 2), item("y", 1, 1), c]),
        &[],
    );
    // An order that only one side has changed stays; what the other has added comes behind what it came behind.
    field(by.clone(), [json!([a, b, c]), json!([c, b, a]), json!([a, item("y", 0, 0), b, c])], json!([c, b, a, item("y", 0, 0)]), &[]);
    // Deleted here and changed there, and the other way around: local, and seen.
    field(
        by.clone(),
        [json!([a, b]), json!([b]), json!([item("a", 1, 1), item("b", 1, 1)])],
        json!([item("b", 1, 1)]),
        &[("/f/a", Taken::Local)],
    );
    field(
        by.clone(),
        [json!([a, b]), json!([item("a", 1, 1), item("b", 1, 1)]), json!([b])],
        json!([item("a", 1, 1), item("b", 1, 1)]),
        &[("/f/a", Taken::Local)],
    );
    // Both have changed one field of an item.
    field(
        by.clone(),
        [json!([a]), json!([item("a", 1, 0)]), json!([item("a", 2, 0)])],
        json!([item("a", 1, 0)]),
        &[("/f/a/n", Taken::Local)],
    );
    // Without names, or with one twice, there is nothing to go by.
    field(by, [json!([a]), json!([a, a]), json!([b])], json!([a, a]), &[("/f", Taken::Local)]);
}

#[test]
fn rules_reach_into_the_items_of_a_list() {
    let by = r#"{ "fields": { "/l": { "list": "/id" }, "/l/*/n": "sum", "/l/*/t": "text" } }"#;
    let list = |n: u8, t: &str| json!({ "l": [{ "id": 7, "n": n, "t": t }] });
    let (document, clashes) = merged(by, [list(5, "one two"), list(6, "one! two"), list(7, "one two?")]);
    assert_eq!((document, clashes.len()), (list(8, "one! two?"), 0));
}

#[test]
fn a_thread_keeps_each_sides_order_and_goes_by_time_between_them() {
    let by = json!({ "messages": { "id": "/id", "at": "/at" } });
    let said = |id: &str, at: u64| json!({ "id": id, "at": at });
    let one = said("one", 1);
    field(
        by.clone(),
        [json!([one]), json!([one, said("m1", 4), said("m2", 3), said("m3", 9)]), json!([one, said("t1", 2), said("t2", 5)])],
        json!([one, said("t1", 2), said("m1", 4), said("m2", 3), said("t2", 5), said("m3", 9)]),
        &[],
    );
    // Of one time, by name.
    field(by.clone(), [json!([]), json!([said("b", 1)]), json!([said("a", 1)])], json!([said("a", 1), said("b", 1)]), &[]);
    field(by.clone(), [json!([]), json!([said("a", 1)]), json!([said("b", 1)])], json!([said("a", 1), said("b", 1)]), &[]);
    // What one side deleted stays deleted, and one that came twice is there once.
    field(
        by.clone(),
        [json!([one]), json!([]), json!([{ "id": "one", "at": 1, "text": "edited" }])],
        json!([]),
        &[("/f/one", Taken::Local)],
    );
    field(
        by.clone(),
        [json!([one]), json!([{ "id": "one", "at": 1, "text": "edited" }]), json!([])],
        json!([]),
        &[("/f/one", Taken::Remote)],
    );
    field(by.clone(), [json!([]), json!([said("a", 1), said("a", 1)]), json!([said("b", 0)])], json!([said("b", 0), said("a", 1)]), &[]);
    // An edit is merged, not appended.
    let edited = |a: u8, b: u8| json!([{ "id": "one", "at": 1, "a": a, "b": b }]);
    field(by, [edited(0, 0), edited(1, 0), edited(0, 1)], edited(1, 1), &[]);
}

#[test]
fn a_text_has_what_both_wrote_and_a_mark_where_that_was_one_place() {
    field(json!("text"), [json!("one two"), json!("one! two"), json!("one two?")], json!("one! two?"), &[]);
    field(json!("text"), [json!("one"), json!("eins"), json!("uno")], json!("unoeins"), &[("/f", Taken::Both)]);
    field(json!("text"), [json!(null), json!("mine"), json!("theirs")], json!("theirsmine"), &[("/f", Taken::Both)]);
    field(json!("text"), [json!("one"), json!(1), json!("uno")], json!(1), &[("/f", Taken::Local)]);
}

#[test]
fn what_is_fixed_is_as_the_base_has_it() {
    field(json!("fixed"), [json!(1), json!(2), json!(3)], json!(1), &[]);
    let by = r#"{ "fields": { "/f": "fixed" } }"#;
    let documents = [json!({ "f": 1, "k": 1 }), json!({ "f": 2, "k": 1 }), json!({ "f": 1, "k": 2 })];
    assert_eq!(merged(by, documents).0, json!({ "f": 1, "k": 2 }));
    assert_eq!(
        merged(by, [json!({ "f": 1 }), json!({ "f": 2 }), json!({ "f": 1 })]).0["f"],
        2,
        "where nobody else was there nothing is merged"
    );
    field(json!("fixed"), [json!(1), json!(null), json!(3)], json!(1), &[]);
    field(json!("fixed"), [json!(null), json!(2), json!(3)], json!(3), &[("/f", Taken::Remote)]);
    field(json!("fixed"), [json!(null), json!(2), json!(null)], json!(2), &[]);
}

#[test]
fn i12_a_delete_is_a_change_like_others() {
    let none = || json!(null);
    let [one, two] = [json!({ "a": 1 }), json!({ "a": 2 })];
    for (by, local, remote) in
        [(r#""local""#, two.clone(), none()), (r#""remote""#, none(), two.clone()), (r#""max""#, two.clone(), two.clone())]
    {
        assert_eq!(merged(by, [one.clone(), two.clone(), none()]).0, local, "{by}: deleted there, changed here");
        assert_eq!(merged(by, [one.clone(), none(), two.clone()]).0, remote, "{by}: deleted here, changed there");
        assert_eq!(merged(by, [one.clone(), none(), one.clone()]), (none(), vec![]), "{by}: only deleted");
        assert_eq!(merged(by, [one.clone(), one.clone(), none()]), (none(), vec![]));
    }
    // Made by both, of nothing, and made again where it was deleted.
    let (document, clashes) = merged(r#""local""#, [none(), json!({ "a": 1, "b": 1 }), json!({ "a": 2, "c": 1 })]);
    assert_eq!((document, clashes.len()), (json!({ "a": 1, "b": 1, "c": 1 }), 1));
    // Of a field that one removed and the other changed, local's, and that is seen.
    field(json!("local"), [json!(1), json!(null), json!(2)], none(), &[("/f", Taken::Local)]);
    field(json!("max"), [json!(1), json!(null), json!(2)], json!(2), &[("/f", Taken::Remote)]);
}

#[test]
fn without_a_base_nothing_counts_as_deleted() {
    let by = rules(r#"{ "fields": { "/set": "set", "/list": { "list": "/id" }, "/max": "max" } }"#);
    let local = value!({ "same": 1, "mine": 1, "clash": 1, "max": 1, "set": ["a"], "list": [{ "id": 1, "x": 1 }, { "id": 2 }] });
    let remote = value!({ "same": 1, "theirs": 1, "clash": 2, "max": 2, "set": ["b"], "list": [{ "id": 3 }, { "id": 1, "y": 1 }] });
    let (document, clashes) = said(merge(&by, Base::Unknown, Some(&local), Some(&remote)));
    let list = json!([{ "id": 3 }, { "id": 1, "y": 1, "x": 1 }, { "id": 2 }]);
    assert_eq!(document, json!({ "same": 1, "theirs": 1, "clash": 1, "max": 2, "set": ["b", "a"], "list": list, "mine": 1 }));
    assert_eq!(clashes.iter().map(|(place, _)| &**place).collect::<Vec<_>>(), ["/clash", "/max"]);
    assert_eq!(merge(&by, Base::Unknown, None, Some(&remote)).value, Some(remote.clone()));
    assert_eq!(merge(&by, Base::Unknown, Some(&local), None).value, Some(local));
}

const EVERY: &str =
    r#"["local","remote",{"lastWriter":"/a"},"max","min","sum","set",{"list":"/id"},{"messages":{"id":"/id","at":"/at"}},"text"]"#;

/// Rules of every kind but `fixed`, which keeps the base's whoever changed it, for all fields.
fn every_rule() -> Vec<Rules> {
    let Value::Array(all) = Value::parse(EVERY).unwrap() else { panic!("a list") };
    all.iter().map(|rule| Rules::of(rule).unwrap()).collect()
}

fn laws(base: Option<&Value>, x: Option<&Value>, y: Option<&Value>) {
    let mut leaves = Vec::new();
    [base, x, y].into_iter().flatten().for_each(|value| collect(value, &mut leaves));
    for rules in every_rule() {
        for base in [Base::Known(base), Base::Unknown] {
            let merged = |local, remote| merge(&rules, base, local, remote);
            assert_eq!(merged(x, x).value.as_ref(), x, "{rules:?}");
            if let Base::Known(base) = base {
                assert_eq!(merged(base, y), Merged { value: y.cloned(), clashes: Vec::new() }, "{rules:?}");
                assert_eq!(merged(x, base), Merged { value: x.cloned(), clashes: Vec::new() }, "{rules:?}");
            }
            let both = merged(x, y);
            assert_eq!(both, merged(x, y));
            let name = rules.otherwise().name();
            if !matches!(name, "sum" | "text") {
                let mut of_both = Vec::new();
                both.value.iter().for_each(|value| collect(value, &mut of_both));
                assert!(of_both.iter().all(|leaf| leaves.contains(leaf)), "{rules:?} {base:?} {x:?} {y:?}: {both:?}");
            }
        }
    }
}

fn collect(value: &Value, leaves: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, leaves)),
        Value::Object(members) => members.iter().for_each(|(_, value)| collect(value, leaves)),
        leaf => leaves.push(leaf.clone()),
    }
}

#[test]
fn i27_merge_laws_hold_for_all_small_documents() {
    let item = |id: u8, at: u8| value!({ "id": id, "at": at });
    let fields = [
        None,
        Some(value!(1)),
        Some(value!("a")),
        Some(Value::Array(vec![item(1, 1)])),
        Some(Value::Array(vec![item(2, 1), item(1, 2)])),
        Some(value!({ "a": 2 })),
    ];
    let mut documents = vec![None];
    for a in &fields {
        for b in &fields[..3] {
            let mut members = Members::default();
            for (name, field) in [("a", a), ("b", b)] {
                field.iter().for_each(|field| members.push(name.to_owned(), field.clone()));
            }
            documents.push(Some(Value::Object(members)));
        }
    }
    for base in &documents {
        for x in &documents {
            for y in &documents {
                laws(base.as_ref(), x.as_ref(), y.as_ref());
            }
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (-3i8..4).prop_map(|number| Value::Number(number.to_string().into())),
        "[ab é]{0,4}".prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let members = prop::collection::btree_map("(a|b|id|at)", inner.clone(), 0..4).prop_map(|map| {
            let mut members = Members::default();
            map.into_iter().for_each(|(name, value)| members.push(name, value));
            Value::Object(members)
        });
        prop_oneof![members, prop::collection::vec(inner, 0..4).prop_map(Value::Array)]
    })
}

proptest! {
    #[test]
    fn i27_max_min_and_sum_know_no_sides(base in prop::option::of(-9i8..9), x in -9i8..9, y in -9i8..9) {
        let number = |number: i8| value!(number);
        let base = base.map(number);
        for rule in [Rule::Max, Rule::Min, Rule::Sum] {
            let merged = |x: i8, y: i8| merge(&Rules::all(rule.clone()), Base::Known(base.as_ref()), Some(&number(x)), Some(&number(y))).value;
            prop_assert_eq!(merged(x, y), merged(y, x));
        }
    }

    #[test]
    fn i27_threads_know_no_sides(x in prop::collection::btree_map(0u8..30, 0u8..9, 0..6), y in prop::collection::btree_map(30u8..60, 0u8..9, 0..6), kept in 0usize..3) {
        let shared: Vec<_> = (60..63).map(|id| (id, id)).collect();
        let talk = |new: &std::collections::BTreeMap<u8, u8>, kept: usize| {
            let all = shared[..kept].iter().copied().chain(new.iter().map(|(id, at)| (*id, *at)));
            Value::Array(all.map(|(id, at)| value!({ "id": id, "at": at })).collect())
        };
        let rules = rules(r#"{ "messages": { "id": "/id", "at": "/at" } }"#);
        let base = talk(&Default::default(), 3);
        let (x, y) = (talk(&x, kept), talk(&y, 3));
        let merged = |x: &Value, y: &Value| merge(&rules, Base::Known(Some(&base)), Some(x), Some(y));
        prop_assert_eq!(merged(&x, &y), merged(&y, &x));
    }

    #[test]
    fn i27_merge_laws(base in prop::option::of(any_value()), x in prop::option::of(any_value()), y in prop::option::of(any_value())) {
        laws(base.as_ref(), x.as_ref(), y.as_ref());
    }
}

#[test]
fn the_guide_says_what_each_rule_does() {
    let guide = include_str!("../../docs/merging.md");
    let rows = guide.lines().filter(|line| line.starts_with("| ") && line.contains('`') && line.split(" | ").count() == 6);
    let mut told = Vec::new();
    for row in rows {
        let cells: Vec<serde_json::Value> = row.split('`').skip(1).step_by(2).map(|cell| serde_json::from_str(cell).unwrap()).collect();
        let [rule, base, local, remote, both] = &cells[..] else { panic!("{row}") };
        let by = json!({ "fields": { "/f": rule } }).to_string();
        let document = |field: &serde_json::Value| json!({ "f": field });
        assert_eq!(merged(&by, [base, local, remote].map(document)).0, document(both), "{row}");
        told.push(rules(&by).at(&["f".to_owned()]).map_or("", Rule::name));
    }
    let mut every: Vec<_> = every_rule().iter().map(|rules| rules.otherwise().name()).filter(|name| *name != "lastWriter").collect();
    every.extend(["fixed", "manual"]);
    assert_eq!(told, every);
}

#[test]
fn an_error_has_words() {
    assert_eq!(RuleError::NoPointer.to_string(), "places are RFC 6901 pointers");
}
