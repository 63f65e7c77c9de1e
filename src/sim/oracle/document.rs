//! What edits make of a document, said a second time and as plainly as possible: nothing here is shared with the
//! engine or the server, so that a mistake of theirs is not made twice.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::merge::{self, Base, Rules, Tree, text};
use crate::sim::action::Edit;

/// A write as the oracle remembers it.
#[derive(Clone, Debug, PartialEq)]
pub enum Meant {
    /// Something else than a splice.
    Plain(Edit),
    /// The string at `path` was `before` and became `after`.
    Spliced {
        /// Where the string is.
        path: String,
        /// What its user saw.
        before: Vec<u16>,
        /// What its user made of it.
        after: Vec<u16>,
    },
    /// An edit of a document that is merged by rules, until it is known what it was made on: what the device first knows to be there.
    Unseen {
        /// The rules.
        rules: Arc<Rules>,
        /// What its user did.
        edit: Edit,
    },
    /// A document that is merged by rules was `before` and became `after`.
    Changed {
        /// The rules.
        rules: Arc<Rules>,
        /// What its user saw.
        before: Option<Value>,
        /// What its user made of it.
        after: Option<Value>,
    },
}

impl Meant {
    /// What an edit means to somebody who sees `document`; `None` for a splice that does not fit it.
    pub fn of(edit: &Edit, document: Option<&Value>) -> Option<Meant> {
        let Edit::Splice { path, at, remove, insert } = edit else { return Some(Meant::Plain(edit.clone())) };
        let before = text_at(document?, path)?;
        let (at, end) = (*at as usize, at.checked_add(*remove)? as usize);
        let fits = end <= before.len() && !splits_pair(&before, at) && !splits_pair(&before, end);
        let after = fits.then(|| [&before[..at], &insert.encode_utf16().collect::<Vec<_>>(), &before[end..]].concat())?;
        Some(Meant::Spliced { path: path.clone(), before, after })
    }

    /// The same in a collection with rules.
    pub fn by(rules: &Arc<Rules>, edit: &Edit, document: Option<&Value>) -> Option<Meant> {
        if matches!(edit, Edit::Increment { .. } | Edit::Append { .. } | Edit::Splice { .. }) {
            return Meant::of(edit, document);
        }
        Some(Meant::Unseen { rules: rules.clone(), edit: edit.clone() })
    }

    /// The same where it is known what it was made on.
    pub fn on(&self, document: Option<&Value>) -> Meant {
        match self {
            Meant::Unseen { rules, edit } => {
                Meant::Changed { rules: rules.clone(), before: document.cloned(), after: apply(document.cloned(), edit) }
            }
            other => other.clone(),
        }
    }

    /// Whether the document is known after it, whatever was there before. What is merged a device may have to read for that.
    pub fn needs_no_base(&self) -> bool {
        matches!(self, Meant::Plain(Edit::Put(_) | Edit::Delete))
    }
}

/// The document after all of `meant`, in order. A run of splices, each made on what the one before it left, is one
/// change of the text; a text that is no longer there comes back as the run left it.
pub fn fold<'a>(base: Option<&Value>, meant: impl IntoIterator<Item = &'a Meant>) -> Option<Value> {
    let meant: Vec<&Meant> = meant.into_iter().collect();
    // What was there before a document is put or deleted does not show.
    let is_all = |one: &&Meant| matches!(one, Meant::Plain(Edit::Put(_) | Edit::Delete));
    let from = meant.iter().rposition(is_all).unwrap_or(0);
    fold_with(base.filter(|_| from == 0).cloned(), meant[from..].iter().copied(), None)
}

/// The same, on a document of one's own.
pub fn fold_on<'a>(base: Option<Value>, meant: impl IntoIterator<Item = &'a Meant>) -> Option<Value> {
    fold_with(base, meant, None)
}

/// What `meant` comes to on `base`: each run of splices as one splice of the text that is there. This is what is sent,
/// and what is laid over the base from then on.
pub fn ground<'a>(base: Option<&Value>, meant: impl IntoIterator<Item = &'a Meant>) -> Vec<Meant> {
    let mut grounded = Vec::new();
    fold_with(base.cloned(), meant, Some(&mut grounded));
    grounded
}

/// Whether nothing of `meant` is without an effect because there is nothing that it could be added to.
pub fn fits(base: Option<&Value>, meant: &[Meant]) -> bool {
    let grows = |one: &Meant| matches!(one, Meant::Plain(Edit::Increment { .. } | Edit::Append { .. }));
    let mut document = base.cloned();
    !meant.iter().any(grows)
        || ground(base, meant).iter().all(|one| {
            let before = document.take();
            document = fold(before.as_ref(), [one]);
            let adds_nothing = match one {
                Meant::Plain(Edit::Increment { by, .. }) => *by == 0,
                Meant::Plain(Edit::Append { items, .. }) => items.as_str() == Some("") || items.as_array().is_some_and(Vec::is_empty),
                _ => true,
            };
            adds_nothing || document != before
        })
}

fn fold_with<'a>(
    mut document: Option<Value>,
    meant: impl IntoIterator<Item = &'a Meant>,
    mut grounded: Option<&mut Vec<Meant>>,
) -> Option<Value> {
    let mut meant = meant.into_iter().peekable();
    while let Some(next) = meant.next() {
        let seen;
        let next = if matches!(next, Meant::Unseen { .. }) {
            seen = next.on(document.as_ref());
            &seen
        } else {
            next
        };
        if let Meant::Changed { rules, before, after } = next {
            let there = document.take();
            document = remade(rules, before.as_ref(), after.as_ref(), there.as_ref());
            if let Some(grounded) = &mut grounded {
                // Several are sent as one.
                let before = match grounded.pop() {
                    Some(Meant::Changed { before, .. }) => before,
                    other => {
                        grounded.extend(other);
                        there
                    }
                };
                grounded.push(Meant::Changed { rules: rules.clone(), before, after: document.clone() });
            }
            continue;
        }
        let Meant::Spliced { path, before, after } = next else {
            let Meant::Plain(edit) = next else { continue };
            document = apply(document, edit);
            if let Some(grounded) = &mut grounded {
                grounded.push(next.clone());
            }
            continue;
        };
        let mut last = after;
        let there = match document.as_mut().and_then(|document| place(document, path)) {
            Some(Value::String(there)) => Some(there.encode_utf16().collect::<Vec<u16>>()),
            _ => None,
        };
        // Where another text has become what the author saw, the next one is made on that.
        let has_arrived = |last: &Vec<u16>| there.as_ref().is_some_and(|there| there != before && merged(before, there, last) == *last);
        while let Some(Meant::Spliced { path: next_path, before: next_before, after: next_after }) = meant.peek() {
            if next_path != path || next_before != last || has_arrived(last) {
                break;
            }
            last = next_after;
            meant.next();
        }
        match document.as_mut().and_then(|document| place(document, path)) {
            Some(Value::String(slot)) => {
                let current: Vec<u16> = slot.encode_utf16().collect();
                let after = merged(before, &current, last);
                *slot = String::from_utf16_lossy(&after);
                if let Some(grounded) = &mut grounded {
                    grounded.push(Meant::Spliced { path: path.clone(), before: current, after });
                }
            }
            _ => {
                let text = Value::String(String::from_utf16_lossy(last));
                let edit = Edit::Patch { set: vec![(path.clone(), text)], remove: Vec::new() };
                document = apply(document, &edit);
                if let Some(grounded) = &mut grounded {
                    grounded.push(Meant::Plain(edit));
                }
            }
        }
    }
    document
}

/// What one plain edit makes of a document. What cannot be added to what is there leaves it as it is.
fn apply(document: Option<Value>, edit: &Edit) -> Option<Value> {
    match edit {
        Edit::Put(value) => Some(value.clone()),
        Edit::Delete => None,
        Edit::Merge(Value::Object(patch)) => Some(merge_patch(document, patch)),
        Edit::Merge(other) => Some(other.clone()),
        Edit::Patch { set, remove } => {
            let mut document = match document {
                Some(Value::Object(members)) => Value::Object(members),
                _ if set.iter().any(|(place, _)| place.is_empty()) => Value::Null,
                _ => Value::Object(Map::new()),
            };
            for (place, value) in set {
                *place_made(&mut document, place) = value.clone();
            }
            for place in remove {
                let (parent, name) = place.rsplit_once('/').unwrap_or(("", place));
                members_made(place_made(&mut document, parent)).shift_remove(&unescape(name));
            }
            Some(document)
        }
        Edit::Increment { path, by } => {
            let mut document = document;
            let number = document.as_mut().and_then(|document| place(document, path));
            if let Some(slot) = number
                && let Some(sum) = slot.as_i64().and_then(|number| number.checked_add(*by))
            {
                *slot = Value::from(sum);
            }
            document
        }
        Edit::Append { path, items } => {
            let mut document = document;
            match (document.as_mut().and_then(|document| place(document, path)), items) {
                (Some(Value::String(text)), Value::String(more)) => *text += more,
                (Some(Value::Array(list)), Value::Array(more)) => list.extend(more.clone()),
                _ => {}
            }
            document
        }
        Edit::Splice { .. } => document,
    }
}

/// RFC 7396, section 2.
fn merge_patch(target: Option<Value>, patch: &Map<String, Value>) -> Value {
    let mut members = match target {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    for (name, change) in patch {
        match change {
            Value::Null => drop(members.shift_remove(name)),
            Value::Object(inner) => {
                let merged = merge_patch(members.get(name).cloned(), inner);
                members.insert(name.clone(), merged);
            }
            other => drop(members.insert(name.clone(), other.clone())),
        }
    }
    Value::Object(members)
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The value at a pointer, through objects only.
fn place<'a>(document: &'a mut Value, pointer: &str) -> Option<&'a mut Value> {
    pointer.split('/').skip(1).try_fold(document, |value, token| value.as_object_mut()?.get_mut(&unescape(token)))
}

/// The place at a pointer; what is on the way and no object becomes one.
fn place_made<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Value {
    pointer.split('/').skip(1).fold(document, |value, token| members_made(value).entry(unescape(token)).or_insert(Value::Null))
}

/// The members of a value, which becomes an object unless it is one.
fn members_made(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made an object")
}

fn text_at(document: &Value, path: &str) -> Option<Vec<u16>> {
    let value = path.split('/').skip(1).try_fold(document, |value, token| value.as_object()?.get(&unescape(token)))?;
    Some(value.as_str()?.encode_utf16().collect())
}

fn splits_pair(text: &[u16], at: usize) -> bool {
    at > 0 && at < text.len() && (0xdc00..0xe000).contains(&text[at]) && (0xd800..0xdc00).contains(&text[at - 1])
}

/// What a change of one document makes of another one.
fn remade(rules: &Rules, before: Option<&Value>, after: Option<&Value>, there: Option<&Value>) -> Option<Value> {
    let read = |value: Option<&Value>| value.and_then(|value| Tree::parse(&value.to_string()).ok());
    let (before, after, there) = (read(before), read(after), read(there));
    let mut text = String::new();
    merge::merge(rules, Base::Known(before.as_ref()), after.as_ref(), there.as_ref()).value?.write(&mut text);
    serde_json::from_str(&text).ok()
}

/// Three texts become one. How is shown elsewhere: by what it must hold, by all small texts, and by recordings.
fn merged(before: &[u16], theirs: &[u16], mine: &[u16]) -> Vec<u16> {
    let [before, theirs, mine] = [before, theirs, mine].map(String::from_utf16_lossy);
    text::merge(&before, &mine, &theirs).text.encode_utf16().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn edits_do_what_their_rfcs_say() {
        let document = json!({"a":{"b":1},"c":2});
        let after = |edit: Edit| apply(Some(document.clone()), &edit);
        assert_eq!(after(Edit::Merge(json!({"a":{"b":null,"d":[1]},"c":null}))), Some(json!({"a":{"d":[1]}})));
        assert_eq!(after(Edit::Merge(json!(5))), Some(json!(5)));
        assert_eq!(
            after(Edit::Patch { set: vec![("/a/x~1y".into(), Value::Null)], remove: vec!["/c".into(), "/q/r".into()] }),
            Some(json!({"a":{"b":1,"x/y":null},"q":{}}))
        );
        assert_eq!(after(Edit::Increment { path: "/a/b".into(), by: -3 }), Some(json!({"a":{"b":-2},"c":2})));
        assert_eq!(after(Edit::Increment { path: "/c".into(), by: i64::MAX }), Some(document.clone()));
        assert_eq!(after(Edit::Append { path: "/c".into(), items: json!("x") }), Some(document.clone()));
        assert_eq!(apply(Some(json!([1])), &Edit::Append { path: "".into(), items: json!([[2]]) }), Some(json!([1, [2]])));
        assert_eq!(apply(Some(json!({"t":"a"})), &Edit::Append { path: "/t".into(), items: json!("b") }), Some(json!({"t":"ab"})));
        assert_eq!(apply(None, &Edit::Increment { path: "".into(), by: 1 }), None);
        assert_eq!(after(Edit::Delete), None);
        assert_eq!(apply(None, &Edit::Merge(json!({"a":{"b":null}}))), Some(json!({"a":{}})));
    }

    #[test]
    fn a_run_of_splices_is_one_change() {
        let splice = |at, remove, insert: &str| Edit::Splice { path: "/t".into(), at, remove, insert: insert.into() };
        let mut seen = json!({"t":"abc"});
        let mut meant = Vec::new();
        for edit in [splice(3, 0, "d"), splice(0, 1, ""), splice(3, 0, "e")] {
            let one = Meant::of(&edit, Some(&seen)).unwrap();
            seen = fold(Some(&seen), [&one]).unwrap();
            meant.push(one);
        }
        assert_eq!(seen, json!({"t":"bcde"}));
        assert_eq!(fold(Some(&json!({"t":"abc"})), &meant), Some(seen));
        assert_eq!(fold(Some(&json!({"t":"abXc"})), &meant), Some(json!({"t":"bXcde"})), "each change stays where it was made");
        assert_eq!(fold(Some(&json!({"t":7,"n":1})), &meant), Some(json!({"t":"bcde","n":1})), "what was written is not lost");
        assert_eq!(fold(None, &meant), Some(json!({"t":"bcde"})));
        let moved = ground(Some(&json!({"t":"abXc"})), &meant);
        let [Meant::Spliced { before, .. }] = &moved[..] else { panic!("{moved:?}") };
        assert_eq!(String::from_utf16_lossy(before), "abXc");
        assert_eq!(fold(Some(&json!({"t":"abXcY"})), &moved), Some(json!({"t":"bXcYde"})));
        assert!(fits(None, &meant), "what was written comes back");
        let grown = [Meant::Plain(Edit::Increment { path: "/n".into(), by: 1 })];
        assert!(fits(Some(&json!({"n":1})), &grown) && !fits(Some(&json!({"n":"x"})), &grown) && !fits(None, &grown));
        assert_eq!(Meant::of(&splice(4, 0, ""), Some(&json!({"t":"abc"}))), None);
        assert_eq!(Meant::of(&splice(1, 0, ""), Some(&json!({"t":"😀"}))), None);
    }
}
