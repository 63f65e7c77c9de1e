//! One change of one document, as it is queued, sent and applied.

use std::fmt;

use super::Address;
use super::json::{DEPTH_MAX, Json, JsonError};
use super::member::{Fields, Member, ObjectWriter, Written, Wrong};
use super::patch::Patch;
use super::pointer::Pointer;
use super::text::TextMark;
use super::value::{Value, write_string};

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

impl Append {
    /// What is added at `path`, unless `items` is neither a string nor a list, or would make a document too deep.
    pub(crate) fn of(path: &Pointer, items: &Json) -> Result<Append, Wrong> {
        let more = items.to_tree();
        if path.tokens().len() + more.depth() > DEPTH_MAX {
            return Err(Wrong::Json(JsonError::TooDeep));
        }
        match more {
            Value::String(text) => Ok(Append::Text(text)),
            Value::Array(items) => Ok(Append::Items(items)),
            _ => Err(Wrong::Member("items")),
        }
    }
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
    /// Where it grows or edits a value; `None` where it is about the whole document, or about several places.
    pub fn path(&self) -> Option<&Pointer> {
        match self {
            Operation::Increment { path, .. } | Operation::Append { path, .. } => Some(path),
            Operation::Splice(splice) => Some(&splice.path),
            _ => None,
        }
    }

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

/// What is done to one document: all of a write, or its part of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Which document.
    pub address: Address,
    /// What is done, in order.
    pub operations: Vec<Operation>,
    /// What the first is made on; the others are made on what the earlier ones left.
    pub base: Option<Option<String>>,
}

/// Parts, to be written as one list of [`KeyedOperation`]s.
pub struct Parts<'a>(pub &'a [Part]);

impl Written for Parts<'_> {
    fn append(&self, out: &mut String) {
        let mut separator = '[';
        for part in self.0 {
            let mut base = &part.base;
            for operation in &part.operations {
                out.push(separator);
                separator = ',';
                operation.write(&part.address, base, out);
                base = &None;
            }
        }
        if separator == '[' {
            out.push('[');
        }
        out.push(']');
    }
    fn is_left_out(&self) -> bool {
        self.0.is_empty()
    }
}

impl Operation {
    /// Appends the operation with its document's address, and what it was made on.
    fn write(&self, address: &Address, base: &Option<Option<String>>, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        write_string(self.name(), object.name("op"));
        address.write_names(&mut object);
        if let Some(base) = base {
            base.write(object.name("base"));
        }
        match self {
            Operation::Put(value) => drop(object.member("value", value)),
            Operation::Delete => {}
            Operation::Patch(patch) => write_patch(patch, &mut object),
            Operation::Increment { path, by } => {
                object.member("path", path).member("by", by);
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
}

impl Member for KeyedOperation {
    fn write(&self, out: &mut String) {
        self.operation.write(&self.address, &self.base, out);
    }

    fn fill(&mut self, raw: &str) -> bool {
        self.take_up(raw).is_ok()
    }

    fn blank() -> Self {
        KeyedOperation { address: Address::blank(), operation: Operation::Delete, base: None }
    }
}

fn write_patch(patch: &Patch, object: &mut ObjectWriter<'_>) {
    let leaves = patch.leaves();
    let mut set = ObjectWriter::begin(object.name("set"));
    for (place, leaf) in &leaves {
        if let Patch::Set(value) = leaf {
            value.write(set.name(place.as_str()));
        }
    }
    set.end();
    let places = |of: fn(&Patch) -> bool| {
        let mut places = Vec::new();
        for (place, leaf) in &leaves {
            if of(leaf) {
                places.push(place.clone());
            }
        }
        places
    };
    object.member("object", &places(|leaf| matches!(leaf, Patch::Within(_))));
    places(|leaf| matches!(leaf, Patch::Remove)).write(object.name("remove"));
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

const UNKNOWN_KIND: Wrong = Wrong::Rule("unknown kind");

impl KeyedOperation {
    /// Reads one operation and checks every part of it.
    pub fn parse(text: &str) -> Result<KeyedOperation, OperationError> {
        let mut keyed = KeyedOperation::blank();
        match keyed.take_up(text) {
            Ok(()) => Ok(keyed),
            Err(UNKNOWN_KIND) => {
                // As it came, so that nothing unseen is in what is said of it.
                let raw = Fields::of(text).raw("op").unwrap_or_default();
                Err(OperationError(format!("unknown kind `{}`", raw.trim_matches('"'))))
            }
            Err(wrong) => Err(OperationError(wrong.said())),
        }
    }

    fn take_up(&mut self, text: &str) -> Result<(), Wrong> {
        let mut fields = Fields::of(text);
        let mut op = String::new();
        self.address = Address::take_up(&mut fields);
        if fields.raw("base").is_some() {
            fields.take("base", self.base.insert(None));
        }
        fields.take("op", &mut op);
        fields.note(self.address.check_names().map_err(Wrong::Rule));
        match Operation::named(&op) {
            Some(blank) => {
                self.operation = blank;
                self.operation.take_up(&mut fields);
            }
            None => fields.note(Err(UNKNOWN_KIND)),
        }
        fields.finish()
    }
}

impl Operation {
    /// The operation of this name, before its members are read; `None` where there is no such operation.
    fn named(name: &str) -> Option<Operation> {
        let path = Pointer::default();
        Some(match name {
            "put" => Operation::Put(Json::null()),
            "delete" => Operation::Delete,
            "patch" => Operation::Patch(Patch::default()),
            "increment" => Operation::Increment { path, by: 0 },
            "append" => Operation::Append { path, items: Append::Text(String::new()) },
            "splice" => Operation::Splice(Splice { path, at: 0, remove: 0, insert: String::new(), on: None }),
            _ => return None,
        })
    }

    /// Takes up the members of this kind of operation, which are not good before the fields say so.
    fn take_up(&mut self, fields: &mut Fields<'_>) {
        match self {
            Operation::Put(value) => *value = fields.document("value"),
            Operation::Delete => {}
            Operation::Patch(patch) => patch.take_up(fields),
            Operation::Increment { path, by } => {
                fields.take("path", path);
                fields.take("by", by);
            }
            Operation::Append { path, items } => {
                fields.take("path", path);
                match Append::of(path, &fields.document("items")) {
                    Ok(more) => *items = more,
                    Err(wrong) => fields.note(Err(wrong)),
                }
            }
            Operation::Splice(splice) => {
                fields.take("path", &mut splice.path);
                fields.take("at", &mut splice.at);
                fields.take("remove", &mut splice.remove);
                fields.take("insert", &mut splice.insert);
                fields.take("on", &mut splice.on);
            }
        }
    }
}

mod library {
    //! For tests and servers; a browser does not download what it does not use.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    use super::KeyedOperation;
    use crate::protocol::member::text_of;

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
