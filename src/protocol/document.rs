//! What an operation does to a document, said once for client and server.

use std::fmt;

use super::digits;
use super::json::Json;
use super::operation::{Append, Operation, Splice};
use super::pointer::Pointer;
use super::text::{SpliceError, Text, TextMark};
use super::value::Value;

/// Why an operation cannot be applied to the document as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// The text is not the one the splice was made on.
    Moved,
    /// There is no string where one is needed.
    NotText,
    /// There is no list or string to append to.
    NotList,
    /// There is no 64-bit integer to increment, or the sum is none.
    NotNumber,
    /// The splice does not fit the text.
    Splice(SpliceError),
}

impl ApplyError {
    /// The same in words.
    pub fn said(&self) -> &'static str {
        match self {
            ApplyError::Moved => "the text is not the one the splice was made on",
            ApplyError::NotText => "there is no string at the path",
            ApplyError::NotList => "there is nothing at the path that this can be appended to",
            ApplyError::NotNumber => "there is no 64-bit integer at the path, or the sum would be none",
            ApplyError::Splice(why) => why.said(),
        }
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.said())
    }
}

impl std::error::Error for ApplyError {}

/// A document while operations are applied to it. It is parsed when one must look inside, and not before; the string
/// that was spliced last stays in chunks, so that a run of splices costs what it touches.
#[derive(Clone, Debug)]
pub struct Draft {
    state: State,
    hot: Option<(Pointer, Text)>,
}

#[derive(Clone, Debug)]
enum State {
    Absent,
    Text(Json),
    Tree(Value),
}

impl Draft {
    /// The draft of a document; `None` where there is none.
    pub fn of(document: Option<Json>) -> Draft {
        Draft { state: document.map_or(State::Absent, State::Text), hot: None }
    }

    /// Applies one operation; on an error nothing has changed.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), ApplyError> {
        match operation {
            Operation::Put(value) => {
                self.hot = None;
                self.state = State::Text(value.clone());
            }
            Operation::Delete => {
                self.hot = None;
                self.state = State::Absent;
            }
            Operation::Patch(patch) => {
                let changed = patch.apply(self.take_tree());
                self.state = changed.map_or(State::Absent, State::Tree);
            }
            Operation::Increment { path, .. } | Operation::Append { path, .. } => {
                self.cool();
                grow(self.place(path), operation, true)?;
            }
            Operation::Splice(splice) => self.splice(splice)?,
        }
        Ok(())
    }

    /// Whether an increment or an append can be applied.
    pub fn check(&mut self, operation: &Operation) -> Result<(), ApplyError> {
        match operation {
            Operation::Increment { path, .. } | Operation::Append { path, .. } => grow(self.place(path), operation, false),
            _ => Ok(()),
        }
    }

    /// The 64-bit integer at `path`; `None` where there is none.
    pub fn integer(&mut self, path: &Pointer) -> Option<i64> {
        integer(self.place(path)?)
    }

    /// What is at `path`; `None` where there is nothing.
    pub fn at(&mut self, path: &Pointer) -> Option<Value> {
        self.cool();
        self.place(path).cloned()
    }

    /// Length and hash of the string at `path`; `None` where there is no string.
    pub fn mark(&mut self, path: &Pointer) -> Option<TextMark> {
        self.text(path).map(|text| text.mark())
    }

    /// The string at `path`, in chunks; `None` where there is no string. What is changed in it is part of the draft.
    pub fn text(&mut self, path: &Pointer) -> Option<&mut Text> {
        if self.hot.as_ref().is_none_or(|(hot, _)| hot != path) {
            self.cool();
            let Value::String(content) = self.place(path)? else { return None };
            self.hot = Some((path.clone(), Text::of(content)));
        }
        self.hot.as_mut().map(|(_, text)| text)
    }

    /// The document as it stands.
    pub fn to_json(&mut self) -> Option<Json> {
        self.cool();
        let json = match &self.state {
            State::Absent => return None,
            State::Text(json) => return Some(json.clone()),
            State::Tree(value) => Json::of(value),
        };
        self.state = State::Text(json.clone());
        Some(json)
    }

    fn splice(&mut self, splice: &Splice) -> Result<(), ApplyError> {
        let text = self.text(&splice.path).ok_or(ApplyError::NotText)?;
        if splice.on.is_some_and(|on| on != text.mark()) {
            return Err(ApplyError::Moved);
        }
        text.splice(splice.at, splice.remove, &splice.insert).map_err(ApplyError::Splice)
    }

    /// Puts the string in chunks back where it belongs.
    fn cool(&mut self) {
        let Some((path, text)) = self.hot.take() else { return };
        if let Some(slot) = self.place(&path) {
            *slot = Value::String(text.whole());
        }
    }

    fn take_tree(&mut self) -> Option<Value> {
        self.cool();
        match std::mem::replace(&mut self.state, State::Absent) {
            State::Absent => None,
            State::Text(json) => Some(json.to_tree()),
            State::Tree(value) => Some(value),
        }
    }

    /// The value at `path`, through objects only: lists are changed whole, since a position in one means nothing once
    /// somebody else has changed it.
    fn place(&mut self, path: &Pointer) -> Option<&mut Value> {
        if let State::Text(json) = &self.state {
            self.state = State::Tree(json.to_tree());
        }
        let State::Tree(root) = &mut self.state else { return None };
        within(root, &path.tokens())
    }
}

/// The value that `tokens` lead to, through objects only.
pub(crate) fn within<'v>(mut value: &'v mut Value, tokens: &[String]) -> Option<&'v mut Value> {
    for token in tokens {
        let Value::Object(members) = value else { return None };
        value = members.get_mut(token)?;
    }
    Some(value)
}

/// What an increment or an append does to the value at its path, if it is `done` and not only looked at.
pub(crate) fn grow(slot: Option<&mut Value>, operation: &Operation, done: bool) -> Result<(), ApplyError> {
    match (operation, slot) {
        (Operation::Increment { by, .. }, slot) => {
            let slot = slot.ok_or(ApplyError::NotNumber)?;
            let sum = integer(slot).and_then(|number| number.checked_add(*by)).ok_or(ApplyError::NotNumber)?;
            if done {
                *slot = Value::Number(digits::signed(sum).into());
            }
        }
        (Operation::Append { items, .. }, slot) => match (slot, items) {
            (Some(Value::String(text)), Append::Text(more)) => text.push_str(if done { more } else { "" }),
            (Some(Value::Array(list)), Append::Items(more)) => list.extend_from_slice(if done { more } else { &[] }),
            _ => return Err(ApplyError::NotList),
        },
        _ => {}
    }
    Ok(())
}

fn integer(value: &Value) -> Option<i64> {
    if let Value::Number(text) = value { digits::read_signed(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::KeyedOperation;

    fn draft(text: &str) -> Draft {
        Draft::of(Some(Json::parse(text).unwrap()))
    }

    fn operation(text: &str) -> Operation {
        let members = text.strip_prefix('{').unwrap();
        KeyedOperation::parse(&format!(r#"{{"collection":"c","key":"k",{members}"#)).unwrap().operation
    }

    fn text_of(draft: &mut Draft) -> Option<String> {
        draft.to_json().map(|json| json.as_str().to_owned())
    }

    #[test]
    fn a_put_comes_back_byte_for_byte() {
        let mut draft = Draft::of(None);
        draft.apply(&operation(r#"{"op":"put","value":{"b": 1.0}}"#)).unwrap();
        assert_eq!(text_of(&mut draft).unwrap(), r#"{"b": 1.0}"#);
        draft.apply(&Operation::Delete).unwrap();
        assert_eq!(text_of(&mut draft), None);
    }

    #[test]
    fn a_run_of_splices_is_seen_by_what_comes_after() {
        let mut draft = draft(r#"{"t":"ac","n":1}"#);
        draft.apply(&operation(r#"{"op":"splice","path":"/t","at":1,"remove":0,"insert":"b"}"#)).unwrap();
        let on = draft.mark(&Pointer::parse("/t").unwrap()).unwrap();
        draft
            .apply(&Operation::Splice(Splice { path: Pointer::parse("/t").unwrap(), at: 3, remove: 0, insert: "d".into(), on: Some(on) }))
            .unwrap();
        draft.apply(&operation(r#"{"op":"patch","set":{"/n":2},"remove":[]}"#)).unwrap();
        assert_eq!(text_of(&mut draft).unwrap(), r#"{"t":"abcd","n":2}"#);
    }

    #[test]
    fn a_splice_on_another_text_is_not_applied() {
        let mut draft = draft(r#"{"t":"ac"}"#);
        let moved = operation(r#"{"op":"splice","path":"/t","at":0,"remove":0,"insert":"x","on":{"length":2,"hash":"0000000000000001"}}"#);
        assert_eq!(draft.apply(&moved), Err(ApplyError::Moved));
        assert_eq!(draft.apply(&operation(r#"{"op":"splice","path":"/u","at":0,"remove":0,"insert":"x"}"#)), Err(ApplyError::NotText));
        assert_eq!(
            draft.apply(&operation(r#"{"op":"splice","path":"/t","at":3,"remove":0,"insert":"x"}"#)),
            Err(ApplyError::Splice(SpliceError::OutOfRange))
        );
        assert_eq!(text_of(&mut draft).unwrap(), r#"{"t":"ac"}"#);
    }

    #[test]
    fn numbers_lists_and_strings_grow() {
        let mut draft = draft(r#"{"n":1,"l":[1],"s":"a"}"#);
        for grow in [
            r#"{"op":"increment","path":"/n","by":2}"#,
            r#"{"op":"append","path":"/l","items":[2]}"#,
            r#"{"op":"append","path":"/s","items":"b"}"#,
        ] {
            draft.apply(&operation(grow)).unwrap();
        }
        assert_eq!(text_of(&mut draft).unwrap(), r#"{"n":3,"l":[1,2],"s":"ab"}"#);
        assert_eq!(draft.apply(&operation(r#"{"op":"append","path":"/n","items":"x"}"#)), Err(ApplyError::NotList));
        assert_eq!(draft.apply(&operation(r#"{"op":"increment","path":"/n","by":9223372036854775807}"#)), Err(ApplyError::NotNumber));
    }
}
