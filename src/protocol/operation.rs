//! One change of one document, as it is queued, sent and applied.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::json::{DEPTH_MAX, Json, JsonError, depth, object};
use super::patch::Patch;
use super::pointer::Pointer;
use super::text::TextMark;
use super::{Address, NAME_BYTES_MAX};

/// What an operation does to a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// The document becomes this value.
    Put(Json),
    /// The document is deleted.
    Delete,
    /// Places in the document are set and removed.
    Patch(Patch),
    /// The number at `path` grows by `by`.
    Increment {
        /// Where the number is.
        path: Pointer,
        /// What is added.
        by: Number,
    },
    /// The list or string at `path` grows at its end.
    Append {
        /// Where the list or string is.
        path: Pointer,
        /// What is added.
        items: Append,
    },
    /// A piece of the string at a path is replaced.
    Splice(Splice),
}

/// What `append` adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Append {
    /// To a string.
    Text(String),
    /// To a list.
    Items(Vec<Value>),
}

/// A piece of the string at `path` is replaced. Positions are UTF-16 units.
#[derive(Clone, Debug, PartialEq)]
pub struct Splice {
    /// Where the string is.
    pub path: Pointer,
    /// Where in the string.
    pub at: u64,
    /// How many units go.
    pub remove: u64,
    /// What comes in their place.
    pub insert: String,
    /// The text this was made on. `None`: the text that the operation before it in the same list left behind.
    pub on: Option<TextMark>,
}

/// An operation with its document's address, and the version it was made on.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedOperation {
    /// Which document.
    pub address: Address,
    /// What it does.
    pub operation: Operation,
    /// `None`: whatever is there. `Some(None)`: no document may be there. `Some(version)`: exactly this version.
    pub base: Option<Option<String>>,
}

/// Why a text is not an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationError(pub String);

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an operation: {}", self.0)
    }
}

impl std::error::Error for OperationError {}

/// All members any kind of operation has. (Serde's tagged enums cannot hold raw text.)
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    op: Cow<'a, str>,
    #[serde(borrow)]
    collection: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    base: Option<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<Vec<Pointer>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<Pointer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remove: Option<Removed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    insert: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<Append>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<TextMark>,
}

/// `remove` counts units in a splice and lists places in a patch.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Removed {
    Units(u64),
    Places(Vec<Pointer>),
}

/// Tells a member that is `null` from one that is missing.
pub(super) fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Operation {
    /// The operation's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Put(_) => "put",
            Operation::Delete => "delete",
            Operation::Patch(_) => "patch",
            Operation::Increment { .. } => "increment",
            Operation::Append { .. } => "append",
            Operation::Splice(_) => "splice",
        }
    }
}

impl Serialize for KeyedOperation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut wire = Wire {
            op: self.operation.name().into(),
            collection: Cow::Borrowed(&self.address.collection),
            key: Cow::Borrowed(&self.address.key),
            base: self.base.clone(),
            value: None,
            set: None,
            object: None,
            path: None,
            at: None,
            remove: None,
            insert: None,
            by: None,
            items: None,
            on: None,
        };
        match &self.operation {
            Operation::Put(value) => wire.value = Some(serde_json::from_str(value.as_str()).map_err(serde::ser::Error::custom)?),
            Operation::Delete => {}
            Operation::Patch(patch) => {
                let (set, remove, object) = patch.places();
                wire.set = Some(set.into_iter().map(|(place, value)| (place.as_str().to_owned(), value.clone())).collect());
                wire.remove = Some(Removed::Places(remove));
                wire.object = Some(object).filter(|places| !places.is_empty());
            }
            Operation::Increment { path, by } => {
                wire.path = Some(path.clone());
                wire.by = Some(by.clone());
            }
            Operation::Append { path, items } => {
                wire.path = Some(path.clone());
                wire.items = Some(items.clone());
            }
            Operation::Splice(splice) => {
                wire.path = Some(splice.path.clone());
                wire.at = Some(splice.at);
                wire.remove = Some(Removed::Units(splice.remove));
                wire.insert = Some(Cow::Borrowed(&splice.insert));
                wire.on = splice.on;
            }
        }
        wire.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeyedOperation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        KeyedOperation::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}

impl KeyedOperation {
    /// Reads one operation and checks every part of it.
    pub fn parse(text: &str) -> Result<KeyedOperation, OperationError> {
        let wire: Wire<'_> = object(text).map_err(|error| OperationError(error.to_string()))?;
        for name in [&wire.collection, &wire.key] {
            if name.is_empty() || name.len() > NAME_BYTES_MAX {
                return Err(OperationError(format!("names have 1 to {NAME_BYTES_MAX} bytes")));
            }
        }
        let address = Address::of(&wire.collection, &wire.key);
        let base = wire.base.clone();
        Ok(KeyedOperation { address, base, operation: wire.operation()? })
    }
}

impl Wire<'_> {
    fn operation(self) -> Result<Operation, OperationError> {
        fn need<T>(member: Option<T>, name: &str) -> Result<T, OperationError> {
            member.ok_or_else(|| OperationError(format!("`{name}` is missing")))
        }
        match &*self.op {
            "put" => {
                let value = need(self.value, "value")?;
                Json::parse(value.get()).map(Operation::Put).map_err(|error| OperationError(error.to_string()))
            }
            "delete" => Ok(Operation::Delete),
            "patch" => {
                let bad = |_| OperationError("the places of a patch are pointers, none inside another".into());
                let mut set = Vec::new();
                for (place, value) in self.set.unwrap_or_default() {
                    set.push((Pointer::parse(&place).map_err(|error| OperationError(error.to_string()))?, value));
                }
                let remove = match self.remove {
                    None => Vec::new(),
                    Some(Removed::Places(places)) => places,
                    Some(Removed::Units(_)) => return Err(OperationError("`remove` of a patch is a list of pointers".into())),
                };
                let patch = Patch::from_places(set, remove, self.object.unwrap_or_default()).map_err(bad)?;
                if patch.depth() > DEPTH_MAX { Err(OperationError(JsonError::TooDeep.to_string())) } else { Ok(Operation::Patch(patch)) }
            }
            "increment" => Ok(Operation::Increment { path: need(self.path, "path")?, by: need(self.by, "by")? }),
            "append" => {
                let (path, items) = (need(self.path, "path")?, need(self.items, "items")?);
                let inside = match &items {
                    Append::Text(_) => 0,
                    Append::Items(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
                };
                if path.tokens().count() + inside > DEPTH_MAX {
                    return Err(OperationError(JsonError::TooDeep.to_string()));
                }
                Ok(Operation::Append { path, items })
            }
            "splice" => {
                let remove = match need(self.remove, "remove")? {
                    Removed::Units(units) => units,
                    Removed::Places(_) => return Err(OperationError("`remove` of a splice is a number".into())),
                };
                Ok(Operation::Splice(Splice {
                    path: need(self.path, "path")?,
                    at: need(self.at, "at")?,
                    remove,
                    insert: need(self.insert, "insert")?.into_owned(),
                    on: self.on,
                }))
            }
            other => Err(OperationError(format!("unknown kind `{}`", other.escape_debug()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_come_back_as_they_went_in() {
        for text in [
            r#"{"op":"put","collection":"c","key":"k","base":"g.1","value":{"b":1.0,"a":[9007199254740993]}}"#,
            r#"{"op":"put","collection":"c","key":"k","value":null}"#,
            r#"{"op":"delete","collection":"c","key":"k","base":null}"#,
            r#"{"op":"patch","collection":"c","key":"k","set":{"/a/b":null},"remove":["/c"]}"#,
            r#"{"op":"patch","collection":"c","key":"k","set":{},"object":["/d"],"remove":[]}"#,
            r#"{"op":"increment","collection":"c","key":"k","path":"/n","by":2}"#,
            r#"{"op":"append","collection":"c","key":"k","path":"/l","items":[1,"x"]}"#,
            r#"{"op":"append","collection":"c","key":"k","path":"/s","items":"more"}"#,
            r#"{"op":"splice","collection":"c","key":"k","path":"/t","at":3,"remove":1,"insert":"é","on":{"length":4,"hash":"00000000000000ff"}}"#,
        ] {
            let operation = KeyedOperation::parse(text).unwrap();
            assert_eq!(serde_json::to_string(&operation).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_operation_is_refused_by_name() {
        for (text, why) in [
            (r#"{"op":"put","collection":"c","key":"k"}"#, "`value` is missing"),
            (r#"{"op":"grow","collection":"c","key":"k"}"#, "unknown kind `grow`"),
            (r#"{"op":"delete","collection":"","key":"k"}"#, "names have"),
            (r#"{"op":"patch","collection":"c","key":"k","set":{"/a":1,"/a/b":2}}"#, "none inside another"),
            (r#"{"op":"patch","collection":"c","key":"k","remove":3}"#, "list of pointers"),
            (r#"{"op":"splice","collection":"c","key":"k","path":"t","at":0,"remove":0,"insert":""}"#, "pointer"),
            (r#"{"op":"splice","collection":"c","key":"k","path":"/t","at":-1,"remove":0,"insert":""}"#, "invalid value"),
            ("[]", "not an object"),
        ] {
            let error = KeyedOperation::parse(text).unwrap_err();
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
