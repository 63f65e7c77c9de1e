//! The rules that the app has for its collections, and what a write does to a document that has moved under it.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Engine;
use super::effect::{Effect, Sink};
use super::notice::Notice;
use crate::merge::{Base, Clash, Merged, RuleError, Rules, Taken, merge};
use crate::protocol::member::{Member, ObjectWriter};
use crate::protocol::{Address, Draft, Json, Operation, Value};

/// Rules by collection, as the app gave them.
#[derive(Clone, Debug, PartialEq)]
pub struct Strategies {
    text: Json,
    rules: Arc<Vec<(Box<str>, Arc<Rules>)>>,
}

impl Default for Strategies {
    fn default() -> Self {
        Strategies { text: Json::parse("{}").unwrap_or(Json::null()), rules: Arc::default() }
    }
}

impl Strategies {
    /// Reads an object of rules by collection.
    pub fn of(text: Json) -> Result<Strategies, RuleError> {
        let Value::Object(members) = text.to_tree() else { return Err(RuleError::NoRules) };
        let mut rules = Vec::new();
        for (collection, given) in members.iter() {
            rules.push(((**collection).into(), Arc::new(Rules::of(given)?)));
        }
        Ok(Strategies { text, rules: Arc::new(rules) })
    }

    /// Whether any of them leaves something to the app, or to a person.
    pub fn leave(&self) -> bool {
        self.rules.iter().any(|(_, rules)| rules.leaves())
    }

    /// The rules of a collection, where it has some.
    pub fn of_collection(&self, collection: &str) -> Option<&Arc<Rules>> {
        self.rules.iter().find(|(name, _)| **name == *collection).map(|(_, rules)| rules)
    }
}

impl Member for Strategies {
    fn write(&self, out: &mut String) {
        self.text.write(out);
    }
    fn fill(&mut self, raw: &str) -> bool {
        let read = Json::parse(raw).ok().and_then(|text| Strategies::of(text).ok());
        read.map(|read| *self = read).is_some()
    }
    fn blank() -> Self {
        Strategies::default()
    }
}

impl Serialize for Strategies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Strategies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Strategies::of(Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// How a place was settled at which this client and somebody else had each something to say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conflict {
    /// Where in the document: an RFC 6901 pointer, in which an item of a list that is merged item by item has its name.
    pub place: String,
    /// By which rule.
    pub rule: &'static str,
    /// Whose value is there: `local`, `remote`, `both` in a text, or `other` where the app has said something else.
    pub taken: &'static str,
    /// What the other had there; nothing where it had removed it, or where both are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Json>,
    /// In a text that has both: where each of them wrote. Four numbers for each such place, in UTF-16 units: where local begins and ends,
    /// and where remote does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<u64>,
}

impl Conflict {
    fn of(clash: &Clash) -> Conflict {
        let mut marks = Vec::with_capacity(4 * clash.marks.len());
        for mark in &clash.marks {
            marks.extend([mark.local.start, mark.local.end, mark.remote.start, mark.remote.end]);
        }
        let taken = match clash.taken {
            Taken::Local => "local",
            Taken::Remote => "remote",
            Taken::Both => "both",
            Taken::Other => "other",
        };
        Conflict { place: clash.place.as_str().to_owned(), rule: clash.rule, taken, lost: clash.lost.as_ref().map(Json::of), marks }
    }

    /// Appends a list of them as JSON.
    pub(super) fn write_all(conflicts: &[Conflict], out: &mut String) {
        let mut separator = '[';
        for conflict in conflicts {
            out.push(separator);
            separator = ',';
            let mut object = ObjectWriter::begin(out);
            object.member("place", &conflict.place).member("rule", &conflict.rule).member("taken", &conflict.taken);
            object.member("lost", &conflict.lost).member("marks", &&conflict.marks[..]);
            object.end();
        }
        out.push_str(if conflicts.is_empty() { "[]" } else { "]" });
    }
}

/// Whether it says what a document, or places of it, become: what was there then counts when it is made again.
pub(super) fn is_change(operation: &Operation) -> bool {
    matches!(operation, Operation::Put(_) | Operation::Delete | Operation::Patch(_))
}

/// What a change that was made on one document does to another; `None` where that is the same document.
pub(super) fn made_again(
    rules: &Rules,
    before: Option<Json>,
    operation: &Operation,
    there: Option<Json>,
) -> Option<(Operation, Vec<Clash>)> {
    if before == there {
        return None;
    }
    let mut draft = Draft::of(before.clone());
    // A change can always be applied.
    draft.apply(operation).ok()?;
    let [before, local, remote] = [before, draft.to_json(), there].map(|json| json.map(|json| json.to_tree()));
    if before == remote {
        return None;
    }
    let Merged { value, clashes } = merge(rules, Base::Known(before.as_ref()), local.as_ref(), remote.as_ref());
    Some((value.map_or(Operation::Delete, |value| Operation::Put(Json::of(&value))), clashes))
}

impl Engine {
    /// Tells how conflicts were settled, and counts them.
    pub(super) fn tell_conflicts(&mut self, conflicts: Vec<(Address, Vec<Clash>)>, effects: &mut impl Sink) {
        for (address, clashes) in conflicts {
            self.counters.conflicts += clashes.len() as u64;
            clashes.iter().for_each(|clash| self.history.settle(clash.rule));
            let mut conflicts = Vec::with_capacity(clashes.len());
            clashes.iter().for_each(|clash| conflicts.push(Conflict::of(clash)));
            if !conflicts.is_empty() {
                effects.push(Effect::Notify(Notice::Conflicted { address, conflicts }));
            }
        }
    }
}
