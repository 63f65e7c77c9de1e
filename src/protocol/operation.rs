//! One change of one document, as it is queued, sent and applied.

use std::fmt;

use super::json::{DEPTH_MAX, Json, JsonError};
use super::member::{self, Fields, Member, ObjectWriter};
use super::patch::{Patch, PatchError};
use super::pointer::Pointer;
use super::text::TextMark;
use super::value::{Value, write_string};
use super::{Address, digits};

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
        write_string(self.operation.name(), object.name("op"));
        object.member("collection", &self.address.collection).member("key", &self.address.key);
        if let Some(base) = &self.base {
            base.write(object.name("base"));
        }
        match &self.operation {
            Operation::Put(value) => drop(object.member("value", value)),
            Operation::Delete => {}
            Operation::Patch(patch) => write_patch(patch, &mut object),
            Operation::Increment { path, by } => {
                object.member("path", path).name("by").push_str(&digits::signed(*by));
            }
            Operation::Append { path, items } => {
                let out = object.member("path", path).name("items");
                match items {
                    Append::Text(text) => text.write(out),
                    Append::Items(items) => Member::write(items, out),
                }
            }
            Operation::Splice(splice) => {
                object.member("path", &splice.path).member("at", &splice.at).member("remove", &splice.remove);
                object.member("insert", &splice.insert).member("on", &splice.on);
            }
        }
        object.end();
    }

    fn fill(&mut self, raw: &str) -> bool {
        match KeyedOperation::parse(raw) {
            Ok(operation) => {
                *self = operation;
                true
            }
            Err(_) => false,
        }
    }

    fn blank() -> Self {
        KeyedOperation { address: Address::blank(), operation: Operation::Delete, base: None }
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
    fn fill(&mut self, raw: &str) -> bool {
        match Value::parse(raw) {
            Ok(value) => {
                *self = value;
                true
            }
            Err(_) => false,
        }
    }
    fn blank() -> Self {
        Value::Null
    }
}

impl From<JsonError> for OperationError {
    fn from(error: JsonError) -> Self {
        OperationError(error.to_string())
    }
}

/// Names the member that is wrong.
impl From<&'static str> for OperationError {
    fn from(name: &'static str) -> Self {
        OperationError(member::complaint(name))
    }
}

impl From<PatchError> for OperationError {
    fn from(_: PatchError) -> Self {
        OperationError("the places of a patch are pointers, none inside another".into())
    }
}

impl KeyedOperation {
    /// Reads one operation and checks every part of it.
    pub fn parse(text: &str) -> Result<KeyedOperation, OperationError> {
        let mut fields = Fields::parse(text)?;
        let mut keyed = KeyedOperation::blank();
        fields.take("collection", &mut keyed.address.collection);
        fields.take("key", &mut keyed.address.key);
        if fields.raw("base").is_some() {
            fields.take("base", keyed.base.insert(None));
        }
        let mut op = String::new();
        fields.take("op", &mut op);
        fields.finish()?;
        keyed.address.check_names().map_err(OperationError)?;
        keyed.operation = Operation::read(&op, &mut fields)?;
        fields.finish()?;
        Ok(keyed)
    }
}

impl Operation {
    /// Reads the members of this kind of operation. Those that were taken up are not good before the fields say so.
    fn read(op: &str, fields: &mut Fields<'_>) -> Result<Operation, OperationError> {
        let mut path = Pointer::default();
        if matches!(op, "increment" | "append" | "splice") {
            fields.take("path", &mut path);
        }
        match op {
            "put" => Ok(Operation::Put(Json::parse(fields.raw("value").ok_or("value")?)?)),
            "delete" => Ok(Operation::Delete),
            "patch" => {
                let (mut set, mut remove, mut object) = (Vec::new(), Vec::new(), Vec::new());
                if let Some(raw) = fields.raw("set") {
                    for (place, raw) in Fields::parse(raw)?.iter() {
                        let place = Pointer::parse(place).map_err(|_| PatchError)?;
                        set.push((place, Value::parse(raw)?));
                    }
                }
                fields.take("remove", &mut remove);
                fields.take("object", &mut object);
                let patch = Patch::from_places(set, remove, object)?;
                if patch.depth() > DEPTH_MAX { Err(JsonError::TooDeep.into()) } else { Ok(Operation::Patch(patch)) }
            }
            "increment" => {
                let by = fields.raw("by").and_then(digits::read_signed);
                Ok(Operation::Increment { path, by: by.ok_or_else(|| OperationError("`by` is no 64-bit integer".into()))? })
            }
            "append" => {
                let mut depth = path.tokens().len();
                let items = if fields.raw("items").is_some_and(|raw| raw.starts_with('"')) {
                    let mut text = String::new();
                    fields.take("items", &mut text);
                    Append::Text(text)
                } else {
                    let items = Value::parse(fields.raw("items").ok_or("items")?)?;
                    depth += items.depth();
                    let Value::Array(items) = items else { return Err("items".into()) };
                    Append::Items(items)
                };
                if depth > DEPTH_MAX { Err(JsonError::TooDeep.into()) } else { Ok(Operation::Append { path, items }) }
            }
            "splice" => {
                let mut splice = Splice { path, at: 0, remove: 0, insert: String::new(), on: None };
                fields.take("at", &mut splice.at);
                fields.take("remove", &mut splice.remove);
                fields.take("insert", &mut splice.insert);
                fields.take("on", &mut splice.on);
                Ok(Operation::Splice(splice))
            }
            _ => {
                // As it came, so that nothing unseen is in what is said of it.
                let kind = fields.raw("op").and_then(|raw| raw.get(1..raw.len() - 1)).unwrap_or_default();
                Err(OperationError(format!("unknown kind `{kind}`")))
            }
        }
    }
}

mod library {
    //! For tests and servers; a browser does not download what it does not use.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    use super::{KeyedOperation, member::text_of};

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
