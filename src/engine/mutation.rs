//! A write of the app, checked.

use crate::protocol::member::{Fields, Wrong};
use crate::protocol::{Address, Append, Json, JsonError, Operation, Part, Patch, Pointer, Splice, Value};

use super::error::{Code, Fault};
use super::ident::MutationId;

/// A write of the app: to one document, or to several as a group that is applied whole or not at all. Whoever holds one
/// holds a good one.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutation {
    /// One for each document. A splice's `on` is the engine's to say.
    pub(super) parts: Vec<Part>,
    /// What has to be applied before.
    pub after: Vec<MutationId>,
    /// Documents it was made of: what is pending of them has to be applied before.
    pub reads: Vec<Address>,
}

impl Mutation {
    /// The document becomes what `text` says.
    pub fn put(address: Address, text: &str) -> Result<Mutation, Fault> {
        Ok(Mutation::of(address, Operation::Put(Json::parse(text).map_err(no_document)?)))
    }

    /// The document is changed by the RFC 7396 patch `text`.
    pub fn merge(address: Address, text: &str) -> Result<Mutation, Fault> {
        Ok(Mutation::of(address, Operation::Patch(Patch::from_merge_patch(&Value::parse(text).map_err(no_document)?))))
    }

    /// The document is changed by the operation `patch` that `text` says, without its address: `set`, `remove`, `object`.
    pub fn patch(address: Address, text: &str) -> Result<Mutation, Fault> {
        let (mut patch, mut fields) = (Patch::default(), Fields::of(text));
        patch.take_up(&mut fields);
        fields.finish().map_err(|wrong| Fault::new(Code::Validation, wrong.said()))?;
        Ok(Mutation::of(address, Operation::Patch(patch)))
    }

    /// `remove` units of the string at `path` are replaced, from `at` on.
    pub fn splice(address: Address, path: &str, at: u64, remove: u64, insert: &str) -> Result<Mutation, Fault> {
        let path = pointer(path)?;
        Ok(Mutation::of(address, Operation::Splice(Splice { path, at, remove, insert: insert.into(), on: None })))
    }

    /// `by` is added to the 64-bit integer at `path`. The document need not be in memory.
    pub fn increment(address: Address, path: &str, by: i64) -> Result<Mutation, Fault> {
        Ok(Mutation::of(address, Operation::Increment { path: pointer(path)?, by }))
    }

    /// What the text `items` says is added at the end of the list or string at `path`: a list's elements, or a string. The document
    /// need not be in memory.
    pub fn append(address: Address, path: &str, items: &str) -> Result<Mutation, Fault> {
        let path = pointer(path)?;
        let items = Append::of(&path, &Json::parse(items).map_err(no_document)?).map_err(|wrong| match wrong {
            Wrong::Json(error) => no_document(error),
            _ => Fault::new(Code::Validation, "append takes a list or a string"),
        })?;
        Ok(Mutation::of(address, Operation::Append { path, items }))
    }

    /// The document is deleted.
    pub fn delete(address: Address) -> Mutation {
        Mutation::of(address, Operation::Delete)
    }

    fn of(address: Address, operation: Operation) -> Mutation {
        let part = Part { address, operations: vec![operation], base: None };
        Mutation { parts: vec![part], after: Vec::new(), reads: Vec::new() }
    }

    /// All of these as one: applied together or not at all. Fails where there is none.
    pub fn group(mutations: Vec<Mutation>) -> Result<Mutation, Fault> {
        let mut group = Mutation { parts: Vec::new(), after: Vec::new(), reads: Vec::new() };
        for mut mutation in mutations {
            group.after.append(&mut mutation.after);
            group.reads.append(&mut mutation.reads);
            for mut part in mutation.parts {
                match group.parts.iter_mut().find(|other| other.address == part.address) {
                    Some(other) => other.operations.append(&mut part.operations),
                    None => group.parts.push(part),
                }
            }
        }
        if group.parts.is_empty() { Err(Fault::new(Code::Validation, "a group of no writes")) } else { Ok(group) }
    }

    /// The same, to go only when these have been applied; where one of them is refused, so is this.
    pub fn after(mut self, mut ids: Vec<MutationId>) -> Mutation {
        self.after.append(&mut ids);
        self
    }

    /// The same, made of what these documents hold: it goes only when all that is pending of them has been applied.
    pub fn reading(mut self, mut addresses: Vec<Address>) -> Mutation {
        self.reads.append(&mut addresses);
        self
    }

    /// Whether every name has a lawful length.
    pub(super) fn check_names(&self) -> Result<(), Fault> {
        for part in &self.parts {
            part.address.check_names().map_err(|why| Fault::new(Code::Validation, why))?;
        }
        Ok(())
    }
}

fn pointer(path: &str) -> Result<Pointer, Fault> {
    Pointer::parse(path).map_err(|_| Fault::new(Code::Validation, "not an RFC 6901 pointer"))
}

fn no_document(error: JsonError) -> Fault {
    Fault::new(Code::InvalidDocument, error.said())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_has_a_code() {
        let code = |result: Result<Mutation, Fault>| result.unwrap_err().code;
        let at = || Address::of("c", "k");
        assert_eq!(code(Mutation::put(at(), "{")), Code::InvalidDocument);
        assert_eq!(code(Mutation::put(at(), r#"{"a":"\ud800"}"#)), Code::InvalidDocument);
        assert_eq!(code(Mutation::patch(at(), "[]")), Code::Validation);
        assert_eq!(code(Mutation::patch(at(), r#"{"set":{"a":1}}"#)), Code::Validation);
        assert_eq!(code(Mutation::splice(at(), "text", 0, 0, "")), Code::Validation);
        assert_eq!(code(Mutation::increment(at(), "n", 1)), Code::Validation);
        assert_eq!(code(Mutation::append(at(), "/l", "7")), Code::Validation);
        assert_eq!(code(Mutation::append(at(), "/l", "[")), Code::InvalidDocument);
        let deep = ["[".repeat(100), "]".repeat(100)].concat();
        assert_eq!(code(Mutation::append(at(), "/l", &deep)), Code::InvalidDocument);
        assert!(Mutation::append(at(), "", &deep).is_ok());
        assert_eq!(Mutation::delete(Address::of("", "k")).check_names().unwrap_err().code, Code::Validation);
    }

    #[test]
    fn d7_a_patch_can_store_null() {
        let mutation = Mutation::patch(Address::of("c", "k"), r#"{"set":{"/a":null},"remove":["/b"]}"#).unwrap();
        let mut expected = Patch::default();
        expected.plant(&Pointer::parse("/a").unwrap(), Patch::Set(Value::Null)).unwrap();
        expected.plant(&Pointer::parse("/b").unwrap(), Patch::Remove).unwrap();
        assert_eq!(mutation.parts[0].operations, [Operation::Patch(expected)]);
    }

    #[test]
    fn a_group_has_one_part_for_each_document() {
        let put = |key: &str| Mutation::put(Address::of("c", key), "1").unwrap();
        let group = Mutation::group(vec![put("a"), put("b"), Mutation::delete(Address::of("c", "a"))]).unwrap();
        assert_eq!(group.parts.iter().map(|part| (&*part.address.key, part.operations.len())).collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
        assert_eq!(Mutation::group(Vec::new()).unwrap_err().code, Code::Validation);
    }
}
