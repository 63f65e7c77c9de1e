//! Many operations on one document as few, that do the same on every document the first could be applied to (I13).

use crate::protocol::text::units;
use crate::protocol::{Draft, Operation, Splice, Text};

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
            self.operations.clear();
        }
        let mut goes_on = false;
        let is_joined = match (self.operations.last_mut(), next) {
            (Some(Operation::Patch(earlier)), Operation::Patch(later)) => {
                earlier.then(later);
                true
            }
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
    use crate::protocol::{Json, Patch, Pointer};
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

    fn applied(document: Option<&str>, operations: &[Operation]) -> Option<Value> {
        let mut draft = Draft::of(document.map(|text| Json::parse(text).unwrap()));
        operations.iter().for_each(|operation| draft.apply(operation).unwrap());
        draft.to_json().map(|json| json.to_value())
    }

    #[test]
    fn typing_and_correcting_is_one_splice() {
        let typed = [splice(3, 0, "h"), splice(4, 0, "x"), splice(4, 1, "e"), splice(5, 0, "llo"), splice(2, 2, "H")];
        assert_eq!(composed(&typed), [splice(2, 1, "Hello")]);
        assert_eq!(composed(&[splice(3, 0, "a"), splice(9, 0, "b")]).len(), 2);
    }

    #[test]
    fn what_comes_on_a_put_is_in_the_put() {
        let put = Operation::Put(Json::parse(r#"{"t":"ab"}"#).unwrap());
        let patch = Operation::Patch(Patch::from_merge_patch(&crate::protocol::Value::parse(r#"{"n":1}"#).unwrap()));
        assert_eq!(composed(&[put, splice(1, 0, "X"), patch.clone()]), [Operation::Put(Json::parse(r#"{"t":"aXb","n":1}"#).unwrap())]);
        assert_eq!(composed(&[Operation::Delete, patch]), [Operation::Put(Json::parse(r#"{"n":1}"#).unwrap())]);
    }

    fn operations() -> impl Strategy<Value = Vec<Operation>> {
        let one = prop_oneof![
            4 => (0u64..30, 0u64..4, "[a-c😀]{0,3}").prop_map(|(at, remove, insert)| splice(at, remove, &insert)),
            1 => prop::sample::select(vec![r#"{"a":{"b":1}}"#, r#"{"a":null}"#, r#"{"a":{"c":2},"d":[]}"#, r#"{"t":"new text"}"#])
                .prop_map(|text| Operation::Patch(Patch::from_merge_patch(&crate::protocol::Value::parse(text).unwrap()))),
            1 => Just(Operation::Put(Json::parse(r#"{"t":"put text"}"#).unwrap())),
        ];
        prop::collection::vec(one, 1..12)
    }

    proptest! {
        #[test]
        fn i13_few_do_what_many_do(many in operations()) {
            let document = r#"{"t":"abc😀def","a":{"b":0,"x":1}}"#;
            // Only what can be applied one after the other is ever coalesced.
            let mut draft = Draft::of(Some(Json::parse(document).unwrap()));
            let many: Vec<Operation> = many.into_iter().filter(|operation| draft.apply(operation).is_ok()).collect();
            let few = composed(&many);
            prop_assert!(few.len() <= many.len());
            prop_assert_eq!(applied(Some(document), &few), applied(Some(document), &many));
        }
    }
}
