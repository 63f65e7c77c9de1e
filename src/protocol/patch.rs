//! A patch: RFC 7396 as given by the app, a tree while it is worked with, pointers on the wire.
//!
//! Merge patches do not compose and cannot store `null`. The tree can do both: it says of each place whether it is set,
//! removed, or an object that is gone into, and any two trees compose into one (law I13).

use super::json::DEPTH_MAX;
use super::pointer::Pointer;
use super::value::{Members, Value};
use crate::ordered::Ordered;

/// What becomes of one place of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// It becomes this value.
    Set(Value),
    /// It is removed.
    Remove,
    /// It becomes an object unless it is one, and then these members of it change.
    Within(Ordered<String, Patch>),
}

/// A patch on the wire names overlapping places, or one deeper than a document can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchError;

impl Patch {
    /// The patch that an RFC 7396 document means: `null` removes, an object is gone into, all else is set.
    /// `null` for the whole document sets it, since a patch does not delete documents.
    pub fn from_merge_patch(value: Value) -> Patch {
        match value {
            Value::Object(members) => {
                let mut within = Ordered::default();
                for (name, inner) in members {
                    within.insert(name, Self::member(inner));
                }
                Patch::Within(within)
            }
            other => Patch::Set(other),
        }
    }

    fn member(value: Value) -> Patch {
        if value == Value::Null { Patch::Remove } else { Self::from_merge_patch(value) }
    }

    /// The patch that sets and removes these places, and makes objects of those in `object`.
    pub fn from_places(set: Vec<(Pointer, Value)>, remove: Vec<Pointer>, object: Vec<Pointer>) -> Result<Patch, PatchError> {
        let mut root = Patch::Within(Ordered::default());
        for (place, value) in set {
            root.plant(&place, Patch::Set(value))?;
        }
        for place in remove {
            root.plant(&place, Patch::Remove)?;
        }
        for place in object {
            root.plant(&place, Patch::Within(Ordered::default()))?;
        }
        Ok(root)
    }

    fn plant(&mut self, place: &Pointer, leaf: Patch) -> Result<(), PatchError> {
        let tokens = place.tokens();
        let depth = tokens.len();
        if depth > DEPTH_MAX || depth == 0 && matches!(leaf, Patch::Remove) {
            return Err(PatchError);
        }
        let mut at = self;
        for (index, token) in tokens.into_iter().enumerate() {
            let Patch::Within(members) = at else { return Err(PatchError) };
            // What is there already, at the end of the way, is another place or has one inside.
            if index + 1 == depth && members.contains_key(&token) {
                return Err(PatchError);
            }
            at = members.get_or_insert_with(token, || Patch::Within(Ordered::default()));
        }
        match at {
            Patch::Within(members) if members.is_empty() => *at = leaf,
            _ => return Err(PatchError),
        }
        Ok(())
    }

    /// The places of this patch: set, removed, and made objects without a change inside.
    pub fn places(&self) -> (Vec<(Pointer, &Value)>, Vec<Pointer>, Vec<Pointer>) {
        let mut places = (Vec::new(), Vec::new(), Vec::new());
        self.collect(&mut Vec::new(), &mut places);
        places
    }

    fn collect<'a>(&'a self, way: &mut Vec<&'a str>, places: &mut (Vec<(Pointer, &'a Value)>, Vec<Pointer>, Vec<Pointer>)) {
        match self {
            Patch::Set(value) => places.0.push((Pointer::of(way), value)),
            Patch::Remove => places.1.push(Pointer::of(way)),
            Patch::Within(members) if members.is_empty() => places.2.push(Pointer::of(way)),
            Patch::Within(members) => {
                for (name, inner) in members.iter() {
                    way.push(name);
                    inner.collect(way, places);
                    way.pop();
                }
            }
        }
    }

    /// How deep a document this patch makes at the least; no patched document is deeper than this and itself.
    pub fn depth(&self) -> usize {
        match self {
            Patch::Set(value) => value.depth(),
            Patch::Remove => 0,
            Patch::Within(members) => 1 + members.values().map(Patch::depth).max().unwrap_or(0),
        }
    }

    /// The value after this patch; `None` is a place that is not there.
    pub fn apply(&self, value: Option<Value>) -> Option<Value> {
        match self {
            Patch::Set(new) => Some(new.clone()),
            Patch::Remove => None,
            Patch::Within(changes) => {
                let mut members = match value {
                    Some(Value::Object(members)) => members,
                    _ => Members::default(),
                };
                for (name, change) in changes.iter() {
                    match members.get_mut(name) {
                        Some(slot) => match change.apply(Some(std::mem::replace(slot, Value::Null))) {
                            Some(value) => *slot = value,
                            None => members.remove(name),
                        },
                        None => {
                            if let Some(value) = change.apply(None) {
                                members.push(name.clone(), value);
                            }
                        }
                    }
                }
                Some(Value::Object(members))
            }
        }
    }

    /// The one patch that does what `self` and then `later` do, on every document (law I13).
    pub fn then(self, later: Patch) -> Patch {
        match (self, later) {
            (_, later @ (Patch::Set(_) | Patch::Remove)) => later,
            (Patch::Within(mut members), Patch::Within(changes)) => {
                for (name, change) in changes {
                    let composed = match members.remove(&name) {
                        Some(earlier) => earlier.then(change),
                        None => change,
                    };
                    members.insert(name, composed);
                }
                Patch::Within(members)
            }
            (Patch::Set(value), later) => Patch::Set(later.apply(Some(value)).expect("a patch that goes within leaves an object")),
            (Patch::Remove, later) => Patch::Set(later.apply(None).expect("a patch that goes within leaves an object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! json {
        ($($json:tt)+) => { Value::parse(&serde_json::json!($($json)+).to_string()).unwrap() };
    }

    /// RFC 7396 appendix A, but for its two rows that patch a document to or from a bare `null`.
    #[test]
    fn rfc_7396_examples_hold() {
        for (original, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            assert_eq!(Patch::from_merge_patch(patch.clone()).apply(Some(original)), Some(result), "{patch:?}");
        }
    }

    /// All patches over two names, two levels and three leaves, in pairs, on all documents of that size.
    #[test]
    fn i13_any_two_patches_compose() {
        let leaves = |inner: &[Patch]| {
            let mut all = vec![None, Some(Patch::Set(json!(1))), Some(Patch::Set(json!({"x":0}))), Some(Patch::Remove)];
            all.extend(inner.iter().cloned().map(Some));
            all
        };
        let objects = |inner: &[Option<Patch>]| {
            let mut all = Vec::new();
            for x in inner {
                for y in inner {
                    let members = [("x", x), ("y", y)].into_iter().filter_map(|(name, patch)| Some((name.to_string(), patch.clone()?)));
                    let mut within = Ordered::default();
                    for (name, patch) in members {
                        within.insert(name, patch);
                    }
                    all.push(Patch::Within(within));
                }
            }
            all
        };
        let flat = objects(&leaves(&[]));
        let patches: Vec<Patch> = flat
            .iter()
            .cloned()
            .chain(flat.iter().map(|inner| {
                let mut within = Ordered::default();
                within.insert("x".to_owned(), inner.clone());
                Patch::Within(within)
            }))
            .chain([Patch::Set(json!({"x":{"y":2}}))])
            .collect();
        let documents = [None, Some(json!(5)), Some(json!({})), Some(json!({"x":1})), Some(json!({"x":{"x":1,"y":{}},"y":[1]}))];
        for a in &patches {
            for b in &patches {
                let composed = a.clone().then(b.clone());
                for document in &documents {
                    assert_eq!(composed.apply(document.clone()), b.apply(a.apply(document.clone())), "{a:?} then {b:?} on {document:?}");
                }
            }
        }
    }

    #[test]
    fn places_come_back_as_they_went_in() {
        for patch in [json!({"a":{"b":1,"c":null,"d":{}},"e/f":[null]}), json!({}), json!(7)] {
            let patch = Patch::from_merge_patch(patch);
            let (set, remove, object) = patch.places();
            let set = set.into_iter().map(|(place, value)| (place, value.clone())).collect();
            assert_eq!(Patch::from_places(set, remove, object), Ok(patch));
        }
    }

    #[test]
    fn overlapping_places_are_refused() {
        let place = |text| Pointer::parse(text).unwrap();
        assert_eq!(Patch::from_places(vec![(place("/a"), json!(1)), (place("/a/b"), json!(1))], vec![], vec![]), Err(PatchError));
        assert_eq!(Patch::from_places(vec![(place("/a/b"), json!(1))], vec![place("/a")], vec![]), Err(PatchError));
        assert_eq!(Patch::from_places(vec![], vec![place("")], vec![]), Err(PatchError));
    }
}
