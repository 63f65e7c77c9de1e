//! What an app refuses on its own account.

use serde_json::{Map, Value};

use crate::protocol::{Address, Json};

/// What an entry would make of one document.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// The user.
    pub scope: &'a str,
    /// Which document.
    pub address: &'a Address,
    /// What is there; `None` where there is no document.
    pub before: Option<&'a Json>,
    /// What would be there; `None` where it would be deleted.
    pub after: Option<&'a Json>,
}

/// Why something is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// By field.
    pub fields: Option<Map<String, Value>>,
}

/// What an app refuses. Asked once for each document an entry touches, after its operations were applied and before
/// anything is stored; one refusal refuses the whole entry. The answer may depend on nothing but the proposal.
pub trait Rules {
    /// Refuses, or does not.
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal>;
}

/// Refuses nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptAll;

impl Rules for AcceptAll {
    fn check(&self, _: &Proposal<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Refuses every document that has a member `"reject": true`; for tests (fault H1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefuseMarked;

impl Rules for RefuseMarked {
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
        let marked = |json: &Json| json.to_value().get("reject") == Some(&Value::Bool(true));
        if !proposal.after.is_some_and(marked) {
            return Ok(());
        }
        let fields = Map::from_iter([("/reject".to_owned(), Value::from("must not be true"))]);
        Err(Refusal { code: "marked".into(), message: "the document asks to be refused".into(), fields: Some(fields) })
    }
}

impl<R: Rules + ?Sized> Rules for Box<R> {
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
        (**self).check(proposal)
    }
}
