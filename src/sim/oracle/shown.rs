//! What an app shows that only listens: a plain fold of the notices it gets, which must come to what the engine says
//! when asked (law I24).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Meant, fold};
use crate::engine::notice::ViewChange;
use crate::sim::action::Edit;

/// Documents as a listener has them.
#[derive(Debug, Default)]
pub struct Shown {
    documents: BTreeMap<String, Option<Value>>,
    /// What the app looks at: documents, and collections.
    held: BTreeSet<String>,
    touched: BTreeSet<String>,
}

impl Shown {
    /// A notice of a change. Says what is wrong with it, if anything.
    pub fn change(&mut self, name: String, change: &ViewChange) -> Result<(), String> {
        let after = match change {
            ViewChange::Value { value } => value
                .as_ref()
                .map(|json| serde_json::from_str(json.as_str()))
                .transpose()
                .map_err(|why| format!("{name} is no JSON: {why}"))?,
            ViewChange::Operations { operations } => {
                let Some(before) = self.known(&name) else { return Err(format!("{name} changed and was never shown")) };
                let mut document = before.clone();
                for operation in operations {
                    let operation = serde_json::to_value(operation).map_err(|why| why.to_string())?;
                    document = operate(document, &operation).ok_or_else(|| format!("{operation} does not fit {name}"))?;
                }
                document
            }
        };
        self.documents.insert(name.clone(), after);
        self.touched.insert(name);
        Ok(())
    }

    /// The app looks at it, or no longer does. A collection's name ends where a key would begin.
    pub fn hold(&mut self, name: String, held: bool) {
        if held {
            self.held.insert(name);
        } else {
            self.held.remove(&name);
            let held = &self.held;
            self.documents.retain(|name, _| held.contains(name) || held.contains(whole(name)));
        }
    }

    /// Whether the app looks at it, and has seen it.
    pub fn is_shown(&self, name: &str) -> bool {
        self.documents.contains_key(name)
    }

    /// Documents that changed since this was last asked.
    pub fn take_touched(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.touched)
    }

    /// Of a document of a collection that the app looks at nothing is told as long as there is none.
    fn known(&self, name: &str) -> Option<&Option<Value>> {
        self.documents.get(name).or(self.held.contains(whole(name)).then_some(&None))
    }

    /// Compares with what the engine says when asked.
    pub fn compare(&self, name: &str, asked: &Option<Value>) -> Result<(), String> {
        match self.known(name) {
            Some(shown) if shown != asked => {
                let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".into(), Value::to_string);
                Err(format!("{name} is shown as {} and is {}", text(shown), text(asked)))
            }
            _ => Ok(()),
        }
    }
}

/// The name of its collection.
fn whole(name: &str) -> &str {
    name.split_inclusive('/').next().unwrap_or(name)
}

/// What an operation in its wire form says.
pub fn edit_of(operation: &Value) -> Option<Edit> {
    let places = |member: &str| operation[member].as_array().into_iter().flatten().filter_map(|place| Some(place.as_str()?.to_owned()));
    Some(match operation["op"].as_str()? {
        "put" => Edit::Put(operation["value"].clone()),
        "delete" => Edit::Delete,
        "patch" => {
            let set = operation["set"].as_object().into_iter().flatten().map(|(place, value)| (place.clone(), value.clone())).collect();
            // A place that becomes an object unless it is one is one where a member that is not there is removed.
            let object = places("object").map(|place| format!("{place}/\u{0}"));
            Edit::Patch { set, remove: places("remove").chain(object).collect() }
        }
        "increment" => Edit::Increment { path: operation["path"].as_str()?.to_owned(), by: operation["by"].as_i64()? },
        "append" => Edit::Append { path: operation["path"].as_str()?.to_owned(), items: operation["items"].clone() },
        "splice" => Edit::Splice {
            path: operation["path"].as_str()?.to_owned(),
            at: operation["at"].as_u64()?,
            remove: operation["remove"].as_u64()?,
            insert: operation["insert"].as_str()?.to_owned(),
        },
        _ => return None,
    })
}

/// One operation in its wire form on a document; `None` where it does not fit.
pub fn operate(document: Option<Value>, operation: &Value) -> Option<Option<Value>> {
    let edit = edit_of(operation)?;
    let meant = Meant::of(&edit, document.as_ref())?;
    Some(fold(document.as_ref(), [&meant]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::{Json, KeyedOperation};

    fn value(text: &str) -> ViewChange {
        ViewChange::Value { value: Some(Json::parse(text).unwrap()) }
    }

    fn operations(texts: &[&str]) -> ViewChange {
        ViewChange::Operations { operations: texts.iter().map(|text| KeyedOperation::parse(text).unwrap()).collect() }
    }

    #[test]
    fn i24_a_listener_has_what_is_there() {
        let mut shown = Shown::default();
        let splice = r#"{"op":"splice","collection":"c","key":"k","path":"/t","at":1,"remove":0,"insert":"b"}"#;
        assert!(shown.change("c/k".into(), &operations(&[splice])).is_err(), "nothing was shown that could change");
        shown.change("c/k".into(), &value(r#"{"t":"ac"}"#)).unwrap();
        let patch = r#"{"op":"patch","collection":"c","key":"k","set":{"/n":1},"remove":["/q/r"],"object":["/o"]}"#;
        shown.change("c/k".into(), &operations(&[splice, patch])).unwrap();
        assert_eq!(shown.compare("c/k", &Some(json!({"t":"abc","n":1,"q":{},"o":{}}))), Ok(()));
        assert!(shown.compare("c/k", &None).is_err());
        let far = r#"{"op":"splice","collection":"c","key":"k","path":"/t","at":9,"remove":0,"insert":"b"}"#;
        assert!(shown.change("c/k".into(), &operations(&[far])).is_err());
    }
}
