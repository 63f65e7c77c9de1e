//! Many operations on one document as few, that do the same on every document, and fail on the same ones (I13). A splice
//! that follows another one is taken to be made on what that one left, as the engine makes them.

use crate::protocol::document::{grow, within};
use crate::protocol::text::units;
use crate::protocol::{Append, Draft, Operation, Patch, Splice, Text};

/// Operations on one document, composed as they come.
#[derive(Debug, Default)]
pub struct Composer {
    operations: Vec<Operation>,
    /// UTF-16 units that the last operation inserts, where that is a splice.
    written: u64,
}

impl Composer {
    /// Adds `next`, composed with the last operation where that is lawful.
    pub fn push(&mut self, next: &Operation) {
        if matches!(next, Operation::Put(_) | Operation::Delete) {
            // What can fail stays: with it fails the put.
            while self.operations.last().is_some_and(never_fails) {
                self.operations.pop();
            }
        }
        let mut goes_on = false;
        let is_joined = match (self.operations.last_mut(), next) {
            (Some(Operation::Patch(earlier)), Operation::Patch(later)) => {
                earlier.then(later);
                true
            }
            (Some(Operation::Patch(earlier)), Operation::Increment { path, .. } | Operation::Append { path, .. }) => {
                set_by(earlier, &path.tokens(), next)
            }
            (Some(Operation::Increment { path, by }), Operation::Increment { path: also, by: more }) if path == also => add(by, *more),
            (Some(Operation::Append { path, items }), Operation::Append { path: also, items: more }) if path == also => extend(items, more),
            (Some(Operation::Splice(earlier)), Operation::Splice(later)) if earlier.path == later.path => {
                goes_on = true;
                join(earlier, &mut self.written, later)
            }
            (Some(last @ (Operation::Put(_) | Operation::Delete)), _) => {
                let document = if let Operation::Put(value) = &*last { Some(value.clone()) } else { None };
                let mut draft = Draft::of(document);
                let value = draft.apply(next).ok().and_then(|()| draft.to_json());
                value.map(|value| *last = Operation::Put(value)).is_some()
            }
            _ => false,
        };
        if is_joined {
            return;
        }
        let mut next = next.clone();
        if let Operation::Splice(splice) = &mut next {
            self.written = units(&splice.insert);
            splice.on = splice.on.filter(|_| !goes_on);
        }
        self.operations.push(next);
    }

    /// The few operations.
    pub fn finish(self) -> Vec<Operation> {
        self.operations
    }
}

fn never_fails(operation: &Operation) -> bool {
    matches!(operation, Operation::Put(_) | Operation::Delete | Operation::Patch(_))
}

/// Takes an increment or append up into the value that the patch sets at its place or around it. It does not where the
/// place is another, or where it would fail on that value.
fn set_by(patch: &mut Patch, tokens: &[String], operation: &Operation) -> bool {
    let (mut at, mut tokens) = (patch, tokens);
    while let Patch::Within(members) = at {
        let Some((token, inner)) = tokens.split_first() else { return false };
        let Some((_, member)) = members.iter_mut().find(|(name, _)| name == token) else { return false };
        (at, tokens) = (member, inner);
    }
    let Patch::Set(value) = at else { return false };
    grow(within(value, tokens), operation, true).is_ok()
}

/// Makes two increments one. Of different signs they stay two: the sum on the way may be none where that at the end is one.
fn add(by: &mut i64, more: i64) -> bool {
    let is_one_way = by.signum() * more.signum() >= 0;
    let sum = by.checked_add(more).filter(|_| is_one_way);
    *by = sum.unwrap_or(*by);
    sum.is_some()
}

/// Makes two appends one, to a string or to a list.
fn extend(items: &mut Append, more: &Append) -> bool {
    match (items, more) {
        (Append::Text(text), Append::Text(more)) => text.push_str(more),
        (Append::Items(list), Append::Items(more)) => list.extend_from_slice(more),
        _ => return false,
    }
    true
}

/// Makes two splices in a row one, where the second touches what the first wrote.
fn join(earlier: &mut Splice, written: &mut u64, later: &Splice) -> bool {
    let (start, end) = (earlier.at, earlier.at + *written);
    let Some(later_end) = later.at.checked_add(later.remove).filter(|later_end| later.at <= end && *later_end >= start) else {
        return false;
    };
    if later.at == end && later.remove == 0 {
        // Typing on: no need to look at what is there.
        earlier.insert.push_str(&later.insert);
    } else {
        let before = start.saturating_sub(later.at);
        let behind = later_end.saturating_sub(end);
        let mut text = Text::of(&earlier.insert);
        if text.splice(later.at.saturating_sub(start), later.remove - before - behind, &later.insert).is_err() {
            return false;
        }
        earlier.at = start - before;
        earlier.remove += before + behind;
        earlier.insert = text.whole();
        *written = *written + before + behind - later.remove;
    }
    *written += units(&later.insert);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Json, KeyedOperation, Pointer};
    use proptest::prelude::*;
    use serde_json::Value;

    fn splice(at: u64, remove: u64, insert: &str) -> Operation {
        Operation::Splice(Splice { path: Pointer::parse("/t").unwrap(), at, remove, insert: insert.into(), on: None })
    }

    fn composed(operations: &[Operation]) -> Vec<Operation> {
        let mut few = Composer::default();
        operations.iter().for_each(|operation| few.push(operation));
        few.finish()
    }

    #[test]
    fn typing_and_correcting_is_one_splice() {
        let typed = [splice(3, 0, "h"), splice(4, 0, "x"), splice(4, 1, "e"), splice(5, 0, "llo"), splice(2, 2, "H")];
        assert_eq!(composed(&typed), [splice(2, 1, "Hello")]);
        assert_eq!(composed(&[splice(3, 0, "a"), splice(9, 0, "b")]).len(), 2);
        assert_eq!(composed(&[splice(3, 0, "abc"), splice(5, 3, "")]), [splice(3, 2, "ab")], "what is taken away behind it, too");
        assert_eq!(composed(&[splice(3, 0, "abc"), splice(4, 1, ""), splice(4, 2, "")]), [splice(3, 1, "a")]);
    }

    #[test]
    fn what_comes_on_a_put_is_in_the_put() {
        let put = Operation::Put(Json::parse(r#"{"t":"ab"}"#).unwrap());
        let patch = Operation::Patch(Patch::from_merge_patch(&crate::protocol::Value::parse(r#"{"n":1}"#).unwrap()));
        assert_eq!(composed(&[put, splice(1, 0, "X"), patch.clone()]), [Operation::Put(Json::parse(r#"{"t":"aXb","n":1}"#).unwrap())]);
        assert_eq!(composed(&[Operation::Delete, patch]), [Operation::Put(Json::parse(r#"{"n":1}"#).unwrap())]);
    }

    fn read(text: &str) -> Operation {
        let members = text.strip_prefix('{').unwrap();
        KeyedOperation::parse(&format!(r#"{{"collection":"c","key":"k",{members}"#)).unwrap().operation
    }

    fn document(text: &str) -> Option<Json> {
        if text.is_empty() { None } else { Some(Json::parse(text).unwrap()) }
    }

    /// What all of them make of a document, or that one of them fails.
    fn outcome(document: &Option<Json>, operations: &[Operation]) -> Result<Option<Value>, ()> {
        let mut draft = Draft::of(document.clone());
        operations.iter().try_for_each(|operation| draft.apply(operation)).map_err(drop)?;
        Ok(draft.to_json().map(|json| json.to_value()))
    }

    /// The operations as the engine makes them on this document: each splice says its text. `None`: one could not be made.
    fn made_on(document: &Option<Json>, operations: &[Operation]) -> Option<Vec<Operation>> {
        let (mut draft, mut made) = (Draft::of(document.clone()), Vec::new());
        for operation in operations {
            let mut operation = operation.clone();
            if let Operation::Splice(splice) = &mut operation {
                splice.on = Some(draft.mark(&splice.path)?);
                draft.apply(&operation).ok()?;
            } else {
                let _ = draft.apply(&operation);
            }
            made.push(operation);
        }
        Some(made)
    }

    const SCOPE: [&str; 26] = [
        r#"{"op":"put","value":{"n":1,"l":[1],"t":"ab"}}"#,
        r#"{"op":"put","value":{"n":"x"}}"#,
        r#"{"op":"put","value":9223372036854775806}"#,
        r#"{"op":"delete"}"#,
        r#"{"op":"patch","set":{"/n":5}}"#,
        r#"{"op":"patch","set":{"/n":9223372036854775806,"/l":[]}}"#,
        r#"{"op":"patch","set":{"/t":"ab"},"remove":["/n"]}"#,
        r#"{"op":"patch","object":["/n"]}"#,
        r#"{"op":"patch","set":{"/o":{"n":1,"l":["x"]}}}"#,
        r#"{"op":"patch","set":{"":{"n":2}}}"#,
        r#"{"op":"increment","path":"/n","by":1}"#,
        r#"{"op":"increment","path":"/n","by":-2}"#,
        r#"{"op":"increment","path":"/n","by":0}"#,
        r#"{"op":"increment","path":"/n","by":9223372036854775807}"#,
        r#"{"op":"increment","path":"","by":1}"#,
        r#"{"op":"increment","path":"/o/n","by":1}"#,
        r#"{"op":"append","path":"/l","items":[2]}"#,
        r#"{"op":"append","path":"/l","items":[]}"#,
        r#"{"op":"append","path":"/o/l","items":[3]}"#,
        r#"{"op":"append","path":"/t","items":"c"}"#,
        r#"{"op":"append","path":"/t","items":["c"]}"#,
        r#"{"op":"splice","path":"/t","at":2,"remove":0,"insert":"x"}"#,
        r#"{"op":"splice","path":"/t","at":1,"remove":1,"insert":""}"#,
        r#"{"op":"splice","path":"/t","at":0,"remove":1,"insert":"yz"}"#,
        r#"{"op":"splice","path":"/s","at":1,"remove":1,"insert":"w"}"#,
        r#"{"op":"append","path":"/s","items":"c"}"#,
    ];

    const DOCUMENTS: [&str; 13] = [
        "",
        "null",
        "7",
        "9223372036854775807",
        r#"{}"#,
        r#"{"n":1,"l":[0],"t":"ab"}"#,
        r#"{"n":9223372036854775807,"l":{},"t":"abc"}"#,
        r#"{"n":-9223372036854775808,"l":"list","t":["a"]}"#,
        r#"{"n":9223372036854775805,"t":"ab"}"#,
        r#"{"n":1.0,"o":{"n":3,"l":[]}}"#,
        r#"{"n":{"n":1},"o":[1]}"#,
        r#"{"n":null,"o":{"n":"x"},"t":7}"#,
        r#"{"t":"ab","s":"pqrs"}"#,
    ];

    /// All pairs and triples of the scope, on all its documents: the same, and also in whether it fails.
    #[test]
    fn i13_exhaustive_few_do_what_many_do_and_fail_where_they_fail() {
        let scope: Vec<Operation> = SCOPE.iter().map(|text| read(text)).collect();
        let documents: Vec<Option<Json>> = DOCUMENTS.iter().map(|text| document(text)).collect();
        let (mut looked_at, mut fewer) = (0, 0);
        let mut look = |many: &[Operation]| {
            // Splices are made on some document, and then on every other one they are the same operations.
            let has_splices = many.iter().any(|operation| matches!(operation, Operation::Splice(_)));
            for witness in documents.iter().take(if has_splices { DOCUMENTS.len() } else { 1 }) {
                let Some(many) = made_on(witness, many) else { continue };
                let few = composed(&many);
                fewer += usize::from(few.len() < many.len());
                for document in &documents {
                    looked_at += 1;
                    assert_eq!(outcome(document, &few), outcome(document, &many), "{many:?} as {few:?} on {document:?}");
                }
            }
        };
        for a in &scope {
            for b in &scope {
                look(&[a.clone(), b.clone()]);
                scope.iter().for_each(|c| look(&[a.clone(), b.clone(), c.clone()]));
            }
        }
        assert!(looked_at > 100_000 && fewer > 5_000, "{looked_at} looked at, {fewer} composed");
    }

    #[test]
    fn what_grows_at_one_place_is_one_operation() {
        let (up, down) = (r#"{"op":"increment","path":"/n","by":2}"#, r#"{"op":"increment","path":"/n","by":-3}"#);
        let few = |texts: &[&str]| composed(&texts.iter().map(|text| read(text)).collect::<Vec<_>>());
        assert_eq!(few(&[up, up]), [read(r#"{"op":"increment","path":"/n","by":4}"#)]);
        assert_eq!(few(&[down, down]), [read(r#"{"op":"increment","path":"/n","by":-6}"#)]);
        assert_eq!(few(&[up, down]).len(), 2, "on the way it may not fit");
        let most = r#"{"op":"increment","path":"/n","by":9223372036854775807}"#;
        assert_eq!(few(&[most, up]).len(), 2, "one increment cannot say it");
        let (text, list) = (r#"{"op":"append","path":"/a","items":"x"}"#, r#"{"op":"append","path":"/a","items":[1]}"#);
        assert_eq!(few(&[text, text]), [read(r#"{"op":"append","path":"/a","items":"xx"}"#)]);
        assert_eq!(few(&[list, list]), [read(r#"{"op":"append","path":"/a","items":[1,1]}"#)]);
        assert_eq!(few(&[text, list]).len(), 2);
        let patch = r#"{"op":"patch","set":{"/n":1,"/o":{"l":[]}}}"#;
        let grown = r#"{"op":"patch","set":{"/n":3,"/o":{"l":[7]}}}"#;
        assert_eq!(few(&[patch, up, r#"{"op":"append","path":"/o/l","items":[7]}"#]), [read(grown)]);
        assert_eq!(few(&[up, r#"{"op":"put","value":{}}"#]).len(), 2, "the put must not hide that the increment fails");
        assert_eq!(few(&[patch, r#"{"op":"put","value":{}}"#]).len(), 1);
        let two = r#"{"op":"patch","set":{"/n":2,"/m":3}}"#;
        assert_eq!(few(&[patch, two]), [read(r#"{"op":"patch","set":{"/n":2,"/o":{"l":[]},"/m":3}}"#)]);
        // Merged into a text that somebody else changed, the splice and the append do not go the same way.
        let splice = r#"{"op":"splice","path":"/a","at":0,"remove":0,"insert":"s"}"#;
        assert_eq!(few(&[splice, text]).len(), 2);
    }

    fn operations() -> impl Strategy<Value = Vec<Operation>> {
        let one = prop_oneof![
            4 => (0u64..30, 0u64..4, "[a-c😀]{0,3}").prop_map(|(at, remove, insert)| splice(at, remove, &insert)),
            4 => prop::sample::select(SCOPE.to_vec()).prop_map(read),
            1 => prop::sample::select(vec![r#"{"a":{"b":1}}"#, r#"{"a":null}"#, r#"{"a":{"c":2},"d":[]}"#, r#"{"t":"new text"}"#])
                .prop_map(|text| Operation::Patch(Patch::from_merge_patch(&crate::protocol::Value::parse(text).unwrap()))),
        ];
        prop::collection::vec(one, 1..12)
    }

    proptest! {
        #[test]
        fn i13_few_do_what_many_do(many in operations(), made in 0..DOCUMENTS.len() + 1) {
            let texts = [&DOCUMENTS[..], &[r#"{"t":"abc😀def","a":{"b":0,"x":1},"n":1,"l":[]}"#]].concat();
            // What cannot be applied where it is made is refused, but for what is made of a document that is not in memory.
            let mut draft = Draft::of(document(texts[made]));
            let many: Vec<Operation> = many
                .into_iter()
                .filter_map(|mut operation| {
                    if let Operation::Splice(splice) = &mut operation {
                        splice.on = Some(draft.mark(&splice.path)?);
                    }
                    let is_made = draft.apply(&operation).is_ok() || !matches!(operation, Operation::Splice(_));
                    is_made.then_some(operation)
                })
                .collect();
            let few = composed(&many);
            prop_assert!(few.len() <= many.len());
            for text in texts {
                prop_assert_eq!(outcome(&document(text), &few), outcome(&document(text), &many), "on {}", text);
            }
        }
    }
}
