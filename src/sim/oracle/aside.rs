//! What was set aside, and what the app makes of it: a write that is made anew is one of its own, with an end of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{Meant, fold};
use super::replica::{Atom, Parts};
use super::{Oracle, Shared, Told, Verdict, broken, shown};
use crate::sim::action::{Edit, Name};

impl Oracle {
    /// An item is in the inbox: none of its writes is in view, and none was applied.
    pub fn is_aside(&self, header: &Value) -> Verdict {
        if self.shared.is_some() {
            // Another tab may have seen to it.
            return Ok(());
        }
        for member in members(header) {
            let ending = self.told.get(member).and_then(|told| told.ending.as_deref());
            // What was taken back has left the view, and the app hears of it when it is stored.
            let is_off = self.replica.entry_of(member).is_none();
            if !is_off || matches!(ending, Some("applied" | "merged")) {
                return broken("I3", format!("{member} is in the inbox, and its ending is {ending:?}"));
            }
        }
        Ok(())
    }

    /// Whether what an item does can be said again: its texts are there on which its splices were made.
    pub fn fits_again(&self, header: &Value, body: &Value) -> bool {
        !members(header).is_empty() && meant(body).is_some()
    }

    /// The app had an item made anew, with its document edited or as it was.
    pub fn made_anew(&mut self, header: &Value, body: &Value, edited: Option<Value>, id: &str) -> Verdict {
        let parts = match edited {
            Some(value) => documents(body).into_keys().map(|name| (name, vec![Meant::Plain(Edit::Put(value.clone()))])).collect(),
            None => meant(body).unwrap_or_default(),
        };
        let parts = self.by_rules(parts);
        self.orders += 1;
        let atom = Atom { parts, order: self.orders };
        // Of several tabs, another one may have come first: then it is not made.
        if self.shared.is_none() {
            self.replica.lay(id, &atom);
            self.open.insert(id.to_owned());
        }
        self.atoms.insert(id.to_owned(), atom);
        self.shared.iter_mut().for_each(|shared| shared.is_again(id));
        for member in members(header) {
            self.shared.as_mut().map_or(&mut self.anew, Shared::anew).insert(member.to_owned(), id.to_owned());
        }
        match self.told.insert(id.to_owned(), Told::default()) {
            None => Ok(()),
            Some(_) => broken("I2", format!("{id} was given out twice")),
        }
    }

    /// What is made anew in a collection with rules is made on what is seen.
    fn by_rules(&mut self, parts: Parts) -> Parts {
        let mut made = Parts::new();
        for (name, all) in parts {
            let mut seen = self.replica.seen(&name);
            let mut again = Vec::new();
            for one in all {
                let one = match &one {
                    Meant::Plain(edit) => self.meant(&name, edit, seen.as_ref()).unwrap_or(one).on(seen.as_ref()),
                    _ => one,
                };
                seen = fold(seen.as_ref(), [&one]);
                again.push(one);
            }
            made.insert(name, again);
        }
        made
    }

    /// What is pending, of one document or of all.
    pub fn pending_of(&self, name: Option<&str>) -> Vec<String> {
        if let Some(shared) = &self.shared {
            let is_of = |id: &&String| name.is_none_or(|name| self.atoms.get(*id).is_some_and(|atom| atom.parts.contains_key(name)));
            return shared.open().filter(is_of).cloned().collect();
        }
        match name {
            Some(name) => self.replica.pending_of(name),
            None => self.replica.pending().cloned().collect(),
        }
    }

    /// Whether a write, and whatever carries it on, is pending no longer.
    pub fn is_over(&self, id: &str) -> bool {
        if let Some(shared) = &self.shared {
            return shared.is_over(id);
        }
        self.replica.entry_of(self.dependences.last(id)).is_none()
    }
}

fn members(header: &Value) -> Vec<&str> {
    header["members"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn name(of: &Value) -> Name {
    format!("{}/{}", of["collection"].as_str().unwrap_or(""), of["key"].as_str().unwrap_or(""))
}

/// The documents of an item as they were.
fn documents(body: &Value) -> BTreeMap<Name, Option<Value>> {
    let documents = body["documents"].as_array().into_iter().flatten();
    documents.map(|document| (name(document), document.get("base").filter(|base| !base.is_null()).cloned())).collect()
}

/// What an item means to each of its documents, made on them as they were.
fn meant(body: &Value) -> Option<Parts> {
    let (mut documents, mut parts) = (documents(body), Parts::new());
    for operation in body["operations"].as_array()? {
        let name = name(operation);
        let document = documents.get_mut(&name)?;
        let one = Meant::of(&shown::edit_of(operation)?, document.as_ref())?;
        *document = fold(document.as_ref(), [&one]);
        parts.entry(name).or_default().push(one);
    }
    (!parts.is_empty()).then_some(parts)
}
