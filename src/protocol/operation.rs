//! One change of one document, as it is queued, sent and applied.

use std::fmt;

use super::json::{DEPTH_MAX, Json, JsonError};
use super::member::{Fields, Member, ObjectWriter, list, text_of};
use super::patch::Patch;
use super::pointer::Pointer;
use super::text::TextMark;
use super::value::Value;
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
    /// The 64-bit integer at `path` grows by `by`.
    Increment {
        /// Where the number is.
        path: Pointer,
        /// What is added.
        by: i64,
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
#[derive(Clone, Debug, PartialEq)]
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

impl Member for KeyedOperation {
    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        object.name("op").push_str(&text_of(&self.operation.name().to_owned()));
        object.member("collection", &self.address.collection).member("key", &self.address.key);
        if let Some(base) = &self.base {
            base.write(object.name("base"));
        }
        match &self.operation {
            Operation::Put(value) => drop(object.member("value", value)),
            Operation::Delete => {}
            Operation::Patch(patch) => write_patch(patch, &mut object),
            Operation::Increment { path, by } => {
                object.member("path", path).name("by").push_str(&by.to_string());
            }
            Operation::Append { path, items } => {
                let out = object.member("path", path).name("items");
                match items {
                    Append::Text(text) => text.write(out),
                    Append::Items(items) => items.write(out),
                }
            }
            Operation::Splice(splice) => {
                object.member("path", &splice.path).member("at", &splice.at).member("remove", &splice.remove);
                object.member("insert", &splice.insert).member("on", &splice.on);
            }
        }
        object.end();
    }

    fn read(raw: &str) -> Option<Self> {
        KeyedOperation::parse(raw).ok()
    }
}

fn write_patch(patch: &Patch, object: &mut ObjectWriter<'_>) {
    let (set, remove, objects) = patch.places();
    let mut places = ObjectWriter::begin(object.name("set"));
    for (place, value) in set {
        value.write(places.name(place.as_str()));
    }
    places.end();
    object.member("object", &objects);
    remove.write(object.name("remove"));
}

impl Member for Value {
    fn write(&self, out: &mut String) {
        Value::write(self, out);
    }
    fn read(raw: &str) -> Option<Self> {
        Value::parse(raw).ok()
    }
}

impl KeyedOperation {
    /// Reads one operation and checks every part of it.
    pub fn parse(text: &str) -> Result<KeyedOperation, OperationError> {
        let fields = Fields::parse(text).map_err(|error| OperationError(error.to_string()))?;
        let (collection, key): (String, String) = (need(&fields, "collection")?, need(&fields, "key")?);
        for name in [&collection, &key] {
            if name.is_empty() || name.len() > NAME_BYTES_MAX {
                return Err(OperationError(format!("names have 1 to {NAME_BYTES_MAX} bytes")));
            }
        }
        let base = match fields.raw("base") {
            None => None,
            Some(_) => Some(need(&fields, "base")?),
        };
        Ok(KeyedOperation { address: Address::of(&collection, &key), base, operation: Operation::read(&fields)? })
    }
}

fn need<T: Member>(fields: &Fields<'_>, name: &'static str) -> Result<T, OperationError> {
    fields.read(name).map_err(|name| OperationError(format!("`{name}` is missing or of another type")))
}

fn too_deep() -> OperationError {
    OperationError(JsonError::TooDeep.to_string())
}

impl Operation {
    fn read(fields: &Fields<'_>) -> Result<Operation, OperationError> {
        let op: String = need(fields, "op")?;
        match op.as_str() {
            "put" => {
                let raw = fields.raw("value").ok_or_else(|| OperationError("`value` is missing or of another type".into()))?;
                Json::parse(raw).map(Operation::Put).map_err(|error| OperationError(error.to_string()))
            }
            "delete" => Ok(Operation::Delete),
            "patch" => {
                let bad = |_| OperationError("the places of a patch are pointers, none inside another".into());
                let mut set = Vec::new();
                if let Some(raw) = fields.raw("set") {
                    let places = Fields::parse(raw).map_err(|error| OperationError(error.to_string()))?;
                    for (place, raw) in places.iter() {
                        let place = Pointer::parse(place).map_err(|error| OperationError(error.to_string()))?;
                        set.push((place, Value::parse(raw).map_err(|error| OperationError(error.to_string()))?));
                    }
                }
                let (remove, object): (Vec<Pointer>, Vec<Pointer>) = (need(fields, "remove")?, need(fields, "object")?);
                let patch = Patch::from_places(set, remove, object).map_err(bad)?;
                if patch.depth() > DEPTH_MAX { Err(too_deep()) } else { Ok(Operation::Patch(patch)) }
            }
            "increment" => {
                let by = fields.raw("by").and_then(|raw| raw.parse().ok());
                Ok(Operation::Increment {
                    path: need(fields, "path")?,
                    by: by.ok_or_else(|| OperationError("`by` is no 64-bit integer".into()))?,
                })
            }
            "append" => {
                let path: Pointer = need(fields, "path")?;
                let items = match fields.raw("items") {
                    Some(raw) if raw.starts_with('"') => Append::Text(need(fields, "items")?),
                    Some(raw) if list(raw).is_ok() => Append::Items(need(fields, "items")?),
                    _ => return Err(OperationError("`items` is missing or of another type".into())),
                };
                let inside = match &items {
                    Append::Text(_) => 0,
                    Append::Items(items) => 1 + items.iter().map(Value::depth).max().unwrap_or(0),
                };
                if path.tokens().count() + inside > DEPTH_MAX { Err(too_deep()) } else { Ok(Operation::Append { path, items }) }
            }
            "splice" => Ok(Operation::Splice(Splice {
                path: need(fields, "path")?,
                at: need(fields, "at")?,
                remove: need(fields, "remove")?,
                insert: need(fields, "insert")?,
                on: need(fields, "on")?,
            })),
            other => Err(OperationError(format!("unknown kind `{}`", other.escape_default()))),
        }
    }
}

mod library {
    //! For tests and servers; a browser does not download what it does not use.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    use super::{KeyedOperation, text_of};

    impl Serialize for KeyedOperation {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            RawValue::from_string(text_of(self)).map_err(serde::ser::Error::custom)?.serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for KeyedOperation {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let raw = Box::<RawValue>::deserialize(deserializer)?;
            KeyedOperation::parse(raw.get()).map_err(serde::de::Error::custom)
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
            (r#"{"op":"patch","collection":"c","key":"k","remove":3}"#, "`remove` is missing"),
            (r#"{"op":"splice","collection":"c","key":"k","path":"t","at":0,"remove":0,"insert":""}"#, "`path` is missing"),
            (r#"{"op":"splice","collection":"c","key":"k","path":"/t","at":-1,"remove":0,"insert":""}"#, "`at` is missing"),
            ("[]", "something else than expected"),
        ] {
            let error = KeyedOperation::parse(text).unwrap_err();
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
