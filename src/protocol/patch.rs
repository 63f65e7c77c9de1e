//! A patch: RFC 7396 as given by the app, a tree while it is worked with, pointers on the wire.
//!
//! Merge patches do not compose and cannot store `null`. The tree can do both: it says of each place whether it is set,
//! removed, or an object that is gone into, and any two trees compose into one (law I13).

use super::json::{DEPTH_MAX, JsonError};
use super::member::{Fields, Wrong};
use super::pointer::Pointer;
use super::value::{Members, Value};

/// What becomes of one place of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// It becomes this value.
    Set(Value),
    /// It is removed.
    Remove,
    /// It becomes an object unless it is one, and then these members of it change; in the order of their names.
    Within(Vec<(String, Patch)>),
}

/// The patch that makes an object of the document, and changes nothing in it.
impl Default for Patch {
    fn default() -> Self {
        Patch::Within(Vec::new())
    }
}

/// A patch on the wire names overlapping places, or one deeper than a document can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchError;

const OVERLAP: Wrong = Wrong::Rule("the places of a patch are pointers, none inside another");

/// Where `name` is among these, or where it belongs.
fn find(members: &[(String, Patch)], name: &str) -> Result<usize, usize> {
    members.binary_search_by(|(other, _)| (**other).cmp(name))
}

impl Patch {
    /// The patch that an RFC 7396 document means: `null` removes, an object is gone into, all else is set.
    /// `null` for the whole document sets it, since a patch does not delete documents.
    pub fn from_merge_patch(value: &Value) -> Patch {
        match value {
            Value::Object(members) => {
                let mut within = Vec::new();
                for (name, inner) in members.iter() {
                    let inner = if matches!(inner, Value::Null) { Patch::Remove } else { Self::from_merge_patch(inner) };
                    let (Ok(at) | Err(at)) = find(&within, name);
                    within.insert(at, (name.clone(), inner));
                }
                Patch::Within(within)
            }
            other => Patch::Set(other.clone()),
        }
    }

    /// What makes of the one value the other.
    pub fn between(before: &Value, after: &Value) -> Patch {
        let (Value::Object(earlier), Value::Object(later)) = (before, after) else { return Patch::Set(after.clone()) };
        let value_of = |members: &Members, name: &str| members.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let mut within = Vec::new();
        for (name, value) in later.iter() {
            match value_of(earlier, name) {
                Some(earlier) if earlier == *value => {}
                Some(earlier) => within.push((name.clone(), Patch::between(&earlier, value))),
                None => within.push((name.clone(), Patch::Set(value.clone()))),
            }
        }
        for (name, _) in earlier.iter() {
            if value_of(later, name).is_none() {
                within.push((name.clone(), Patch::Remove));
            }
        }
        within.sort_by(|(one, _), (other, _)| one.cmp(other));
        Patch::Within(within)
    }

    /// Takes up the members `set`, `remove` and `object`.
    pub(crate) fn take_up(&mut self, fields: &mut Fields<'_>) {
        let set = Fields::of(fields.raw("set").unwrap_or("{}"));
        fields.note(set.finish());
        for (place, raw) in set.iter() {
            match (Pointer::parse(place), Value::parse(raw)) {
                (Ok(place), Ok(value)) => self.plant_all(&[place], &Patch::Set(value), fields),
                (Err(_), _) => fields.note(Err(OVERLAP)),
                (_, Err(error)) => fields.note(Err(Wrong::Json(error))),
            }
        }
        let (mut removed, mut objects): (Vec<Pointer>, Vec<Pointer>) = Default::default();
        fields.take("remove", &mut removed);
        fields.take("object", &mut objects);
        self.plant_all(&removed, &Patch::Remove, fields);
        self.plant_all(&objects, &Patch::default(), fields);
        if self.depth() > DEPTH_MAX {
            fields.note(Err(Wrong::Json(JsonError::TooDeep)));
        }
    }

    fn plant_all(&mut self, places: &[Pointer], leaf: &Patch, fields: &mut Fields<'_>) {
        for place in places {
            if self.plant(place, leaf.clone()).is_err() {
                fields.note(Err(OVERLAP));
            }
        }
    }

    /// Adds a place that is set, removed, or made an object; no two places overlap.
    pub fn plant(&mut self, place: &Pointer, leaf: Patch) -> Result<(), PatchError> {
        let tokens = place.tokens();
        let depth = tokens.len();
        if depth > DEPTH_MAX || depth == 0 && matches!(leaf, Patch::Remove) {
            return Err(PatchError);
        }
        let mut at = self;
        for (index, token) in tokens.iter().enumerate() {
            let Patch::Within(members) = at else { return Err(PatchError) };
            // What is there already, at the end of the way, is another place or has one inside.
            let slot = match find(members, token) {
                Ok(_) if index + 1 == depth => return Err(PatchError),
                Ok(slot) => slot,
                Err(slot) => {
                    members.insert(slot, (token.clone(), Patch::default()));
                    slot
                }
            };
            at = &mut members[slot].1;
        }
        match at {
            Patch::Within(members) if members.is_empty() => *at = leaf,
            _ => return Err(PatchError),
        }
        Ok(())
    }

    /// The places of this patch: set, removed, and made objects without a change inside.
    pub fn leaves(&self) -> Vec<(Pointer, &Patch)> {
        let mut leaves = Vec::new();
        self.collect(&mut Vec::new(), &mut leaves);
        leaves
    }

    fn collect<'a>(&'a self, way: &mut Vec<&'a str>, leaves: &mut Vec<(Pointer, &'a Patch)>) {
        match self {
            Patch::Within(members) if !members.is_empty() => {
                for (name, inner) in members {
                    way.push(name);
                    inner.collect(way, leaves);
                    way.pop();
                }
            }
            leaf => leaves.push((Pointer::of(way), leaf)),
        }
    }

    /// How deep a document this patch makes at the least; no patched document is deeper than this and itself.
    pub fn depth(&self) -> usize {
        match self {
            Patch::Set(value) => value.depth(),
            Patch::Remove => 0,
            Patch::Within(members) => {
                let mut inside = 0;
                members.iter().for_each(|(_, inner)| inside = inner.depth().max(inside));
                1 + inside
            }
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
                for (name, change) in changes {
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

    /// Becomes the one patch that does what `self` and then `later` do, on every document (law I13).
    pub fn then(&mut self, later: &Patch) {
        match (&mut *self, later) {
            (_, Patch::Set(_) | Patch::Remove) => *self = later.clone(),
            (Patch::Within(members), Patch::Within(changes)) => {
                for (name, change) in changes {
                    match find(members, name) {
                        Ok(at) => members[at].1.then(change),
                        Err(at) => members.insert(at, (name.clone(), change.clone())),
                    }
                }
            }
            (Patch::Set(value), _) => {
                let value = std::mem::replace(value, Value::Null);
                *self = later.apply(Some(value)).map_or(Patch::Remove, Patch::Set);
            }
            (Patch::Remove, _) => *self = later.apply(None).map_or(Patch::Remove, Patch::Set),
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
            assert_eq!(Patch::from_merge_patch(&patch).apply(Some(original)), Some(result), "{patch:?}");
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
                    all.push(Patch::Within(members.collect()));
                }
            }
            all
        };
        let flat = objects(&leaves(&[]));
        let patches: Vec<Patch> = flat
            .iter()
            .cloned()
            .chain(flat.iter().map(|inner| Patch::Within(vec![("x".to_owned(), inner.clone())])))
            .chain([Patch::Set(json!({"x":{"y":2}}))])
            .collect();
        let documents = [None, Some(json!(5)), Some(json!({})), Some(json!({"x":1})), Some(json!({"x":{"x":1,"y":{}},"y":[1]}))];
        for a in &patches {
            for b in &patches {
                let mut composed = a.clone();
                composed.then(b);
                for document in &documents {
                    assert_eq!(composed.apply(document.clone()), b.apply(a.apply(document.clone())), "{a:?} then {b:?} on {document:?}");
                }
            }
        }
    }

    #[test]
    fn places_come_back_as_they_went_in() {
        for patch in [json!({"a":{"b":1,"c":null,"d":{}},"e/f":[null]}), json!({}), json!(7)] {
            let patch = Patch::from_merge_patch(&patch);
            let leaves = patch.leaves().into_iter().map(|(place, leaf)| (place, leaf.clone())).collect();
            assert_eq!(planted(leaves), Ok(patch));
        }
    }

    fn planted(leaves: Vec<(Pointer, Patch)>) -> Result<Patch, PatchError> {
        let mut patch = Patch::default();
        leaves.into_iter().try_for_each(|(place, leaf)| patch.plant(&place, leaf))?;
        Ok(patch)
    }

    #[test]
    fn overlapping_places_are_refused() {
        let place = |text| Pointer::parse(text).unwrap();
        let one = || Patch::Set(json!(1));
        assert_eq!(planted(vec![(place("/a"), one()), (place("/a/b"), one())]), Err(PatchError));
        assert_eq!(planted(vec![(place("/a/b"), one()), (place("/a"), Patch::Remove)]), Err(PatchError));
        assert_eq!(planted(vec![(place(""), Patch::Remove)]), Err(PatchError));
    }
}
