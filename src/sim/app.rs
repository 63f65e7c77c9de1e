//! The random user: writes this and that into a few documents, looks at some, and is not gentle about it. What one user
//! writes carries a mark that nobody else's has.

use serde_json::{Value, json};

use super::action::{Action, Edit, Name};
use super::fault::{Dice, Fault};
use crate::engine::rng::Rng;

/// The user of a run.
pub struct User {
    keys: u32,
    /// Which user it is.
    user: usize,
    /// At which device.
    device: u64,
    marks: u64,
    /// Whether one of the collections has rules.
    is_ruled: bool,
}

/// The user looks at a document or no longer does, or at all of the first collection.
fn look_at(name: Name, drawn: u64) -> Action {
    let whole = format!("{}/", COLLECTIONS[0]);
    match drawn {
        0 if name == format!("{whole}0") => Action::Hold(whole, false),
        0 => Action::Hold(name, false),
        1 if name.starts_with(&whole) => Action::Hold(whole, true),
        _ => Action::Hold(name, true),
    }
}

/// What is seen of a document: `None` where it is not in memory.
pub type Seen = Option<Option<Value>>;

/// What each user's texts carry, and nobody else's: of as many users as there are at the most.
pub const MARKS: [char; 3] = ['†', '‡', '•'];

/// What users write into.
pub const COLLECTIONS: [&str; 2] = ["notes", "todos"];
/// Which of them may have rules.
pub const RULED: &str = "todos";
const WORDS: [&str; 8] = ["one", "two ", "drei", "😀", "e\u{301}", " ", "\"\\", "né"];

impl User {
    /// One who uses this many documents of each collection, at one of its devices.
    pub fn new(keys: u32, user: usize, device: usize) -> User {
        User { keys: keys.max(1), user, device: device as u64, marks: 0, is_ruled: false }
    }

    /// Whether [`RULED`] has rules: it is only changed then, by values, and its documents have something for each rule.
    pub fn ruled(self, is_ruled: bool) -> User {
        User { is_ruled, ..self }
    }

    /// All documents it may use.
    pub fn names(&self) -> Vec<Name> {
        COLLECTIONS.iter().flat_map(|collection| (0..self.keys).map(move |key| format!("{collection}/{key}"))).collect()
    }

    /// What the user does next.
    pub fn act(&mut self, rng: &mut Rng, dice: &mut Dice, mut look: impl FnMut(&str) -> Seen) -> Action {
        let name = self.name(rng);
        match rng.up_to(99) {
            0..60 => Action::Write(vec![(name.clone(), self.edit_of(&name, rng, dice, look(&name)))]),
            60..73 => self.group(rng, dice, look),
            73..75 => Action::TakeBack(rng.up_to(4) as usize),
            75..83 => Action::Load(name),
            83..92 => look_at(name, rng.up_to(3)),
            92..95 => Action::Pull,
            95 => Action::Hide,
            96 => Action::Show,
            97 => Action::HidePage,
            98 => Action::GoOffline,
            _ => Action::GoOnline,
        }
    }

    /// Several documents at once, or one that comes after others.
    fn group(&mut self, rng: &mut Rng, dice: &mut Dice, mut look: impl FnMut(&str) -> Seen) -> Action {
        let mut edits: Vec<(Name, Edit)> = Vec::new();
        for _ in 0..1 + rng.up_to(2) {
            let name = self.name(rng);
            let edit = self.edit_of(&name, rng, dice, look(&name));
            // What a group takes, and what fits whatever the group has made of the document before.
            let is_first = edits.iter().all(|(other, _)| *other != name);
            let fits = !matches!(edit, Edit::Splice { .. }) && (is_first || !matches!(edit, Edit::Increment { .. } | Edit::Append { .. }));
            edits.push((name, if fits { edit } else { Edit::Merge(json!({ "tags": { "c": self.mark() } })) }));
        }
        let reads = (0..rng.up_to(3) / 2).map(|_| self.name(rng)).collect();
        let after = (0..rng.up_to(3) / 2).map(|_| rng.up_to(6) as usize).collect();
        Action::Group { edits, reads, after }
    }

    /// What the user writes next in the same turn, if anything.
    pub fn go_on(&mut self, rng: &mut Rng, dice: &mut Dice, mut look: impl FnMut(&str) -> Seen) -> Option<(Name, Edit)> {
        let name = self.name(rng);
        (rng.up_to(3) == 0).then(|| (name.clone(), self.edit_of(&name, rng, dice, look(&name))))
    }

    /// What somebody else does to a document.
    pub fn act_elsewhere(&mut self, rng: &mut Rng, dice: &mut Dice, mut there: impl FnMut(&str) -> Option<Value>) -> Action {
        let name = self.name(rng);
        let edit = self.edit_of(&name, rng, dice, Some(there(&name)));
        Action::WriteElsewhere(name, edit)
    }

    /// A text that no other is equal to.
    pub fn sign(&mut self) -> String {
        format!("{}{}", self.mark(), MARKS[self.user % MARKS.len()])
    }

    /// What somebody else makes of a document that was just deleted.
    pub fn make_anew(&mut self, rng: &mut Rng) -> (Name, Value) {
        (self.name(rng), json!({ "text": self.text(rng), "n": rng.up_to(9) }))
    }

    fn name(&self, rng: &mut Rng) -> Name {
        // The first keys are used more than the last.
        let key = rng.up_to(u64::from(self.keys) - 1).min(rng.up_to(u64::from(self.keys) - 1));
        format!("{}/{key}", COLLECTIONS[rng.up_to(1) as usize])
    }

    fn edit_of(&mut self, name: &str, rng: &mut Rng, dice: &mut Dice, seen: Seen) -> Edit {
        let is_ruled = self.is_ruled && name.starts_with(RULED);
        if !is_ruled {
            return self.edit(rng, dice, seen);
        }
        let document = seen.clone().flatten().unwrap_or(Value::Null);
        let list = |name: &str| document[name].as_array().cloned().unwrap_or_default();
        match rng.up_to(9) {
            0 => Edit::Merge(json!({ "sum": rng.up_to(9), "max": rng.up_to(99), "min": rng.up_to(99), "at": rng.up_to(99) })),
            1 => Edit::Merge(json!({ "fixed": self.mark(), "last": self.mark(), "at": rng.up_to(99) })),
            2 | 3 => {
                let mut text = document["text"].as_str().unwrap_or_default().to_owned();
                let at = text.floor_char_boundary(rng.up_to(text.len() as u64) as usize);
                text.insert_str(at, &self.text(rng));
                Edit::Merge(json!({ "text": text }))
            }
            4..8 => {
                let name = pick_one(rng, &["set", "list", "messages"]);
                let mut items = list(name);
                if rng.up_to(2) == 0 && !items.is_empty() {
                    items.remove(rng.up_to(items.len() as u64 - 1) as usize);
                }
                if let Some(item) = items.last_mut().filter(|_| rng.up_to(2) == 0)
                    && item.is_object()
                {
                    item["n"] = json!(self.mark());
                }
                let mark = self.mark();
                let item = if name == "set" { json!(rng.up_to(9)) } else { json!({ "id": mark, "at": rng.up_to(99), "n": 0 }) };
                items.insert(rng.up_to(items.len() as u64) as usize, item);
                Edit::Merge(json!({ name: items }))
            }
            _ => match self.edit(rng, dice, seen) {
                Edit::Increment { .. } | Edit::Append { .. } | Edit::Splice { .. } => Edit::Merge(json!({ "n": self.mark() })),
                edit => edit,
            },
        }
    }

    fn edit(&mut self, rng: &mut Rng, dice: &mut Dice, seen: Seen) -> Edit {
        if rng.up_to(9) < 2
            && let Some(edit) = self.grow(rng, &seen)
        {
            return edit;
        }
        let text = seen.flatten().and_then(|document| Some(document.get("text")?.as_str()?.to_owned()));
        match (rng.up_to(99), text) {
            (0..50, Some(text)) => self.splice(rng, &text),
            (0..70, _) => {
                let mut value = json!({ "text": self.text(rng), "n": rng.up_to(9), "tags": { "a": rng.up_to(2), "b": [self.mark()] } });
                if dice.strikes(Fault::Refused) {
                    value["reject"] = Value::Bool(true);
                }
                Edit::Put(value)
            }
            (70..85, _) => Edit::Merge(match rng.up_to(5) {
                0 => json!({ "n": rng.up_to(99) }),
                1 => json!({ "tags": { "a": null, "c": self.mark() } }),
                2 => json!({ "tags": null }),
                3 => json!({ "tags": 7 }),
                4 => json!({ "text": self.text(rng) }),
                _ => json!({ "deep": { "er": { "est": self.mark(), "b": null } } }),
            }),
            (85..93, _) => Edit::Patch {
                set: vec![("/n".into(), Value::Null), ("/tags/d~1e".into(), json!(self.mark()))],
                remove: if rng.up_to(1) == 0 { vec!["/tags/a".into()] } else { vec!["/deep".into()] },
            },
            _ => Edit::Delete,
        }
    }

    /// A number, list or text grows: one that is seen, or blindly one of a document that is not in memory.
    fn grow(&mut self, rng: &mut Rng, seen: &Seen) -> Option<Edit> {
        let may_be = |path: &str, fits: fn(&Value) -> bool| match seen {
            None => true,
            Some(document) => document.as_ref().and_then(|document| document.pointer(path)).is_some_and(fits),
        };
        let append = |path: &str, items| Some(Edit::Append { path: path.into(), items });
        match rng.up_to(2) {
            0 if may_be("/n", Value::is_i64) => Some(Edit::Increment { path: "/n".into(), by: rng.up_to(20) as i64 - 10 }),
            1 if may_be("/tags/b", Value::is_array) => append("/tags/b", json!([self.mark()])),
            2 if may_be("/text", Value::is_string) => append("/text", json!(self.text(rng))),
            _ => None,
        }
    }

    fn splice(&mut self, rng: &mut Rng, text: &str) -> Edit {
        let ends: Vec<u64> = std::iter::once(0)
            .chain(text.chars().scan(0, |at, char| {
                *at += char.len_utf16() as u64;
                Some(*at)
            }))
            .collect();
        let from = if rng.up_to(2) == 0 { ends.len() - 1 } else { rng.up_to(ends.len() as u64 - 1) as usize };
        let longest = if text.len() > 200 { 60 } else { 4 };
        let to = (from + (rng.up_to(1) * rng.up_to(longest)) as usize).min(ends.len() - 1);
        let insert = if rng.up_to(4) == 0 { String::new() } else { self.text(rng) };
        Edit::Splice { path: "/text".into(), at: ends[from], remove: ends[to] - ends[from], insert }
    }

    /// A short text that no other is equal to.
    fn text(&mut self, rng: &mut Rng) -> String {
        format!("{}{}{}", WORDS[rng.up_to(WORDS.len() as u64 - 1) as usize], self.mark(), MARKS[self.user % MARKS.len()])
    }

    fn mark(&mut self) -> u64 {
        self.marks += 1;
        self.marks * 8 + self.device
    }
}

fn pick_one<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.up_to(of.len() as u64 - 1) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_does_everything_and_splices_fit() {
        let (mut user, mut rng) = (User::new(3, 0, 0), Rng::new([1, 2]));
        let mut dice = Dice::new(1, [(Fault::Refused, 100_000)].into());
        let seen = json!({ "text": "a😀b", "n": 1, "tags": { "b": [] } });
        let mut kinds = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let action = user.act(&mut rng, &mut dice, |_| Some(Some(seen.clone())));
            if let Action::Write(edits) = &action {
                for (name, edit) in edits {
                    assert!(user.names().contains(name));
                    kinds.insert(format!("edit {:?}", std::mem::discriminant(edit)));
                    if let Edit::Splice { at, remove, .. } = edit {
                        assert!([0, 1, 3, 4].contains(at) && [0, 1, 3, 4].contains(&(at + remove)));
                    }
                }
            }
            kinds.insert(format!("{:?}", std::mem::discriminant(&action)));
        }
        assert_eq!(kinds.len(), 18);
    }
}
