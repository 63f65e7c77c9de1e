//! Requests and replies.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::json::Json;
use super::member::{Fields, Member, ObjectWriter, Wrong};
use super::operation::{KeyedOperation, Part, Parts};
use super::{Address, words};
use crate::members;

/// Why bytes are not the message they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageError(pub Wrong);

impl MessageError {
    /// The same in words.
    pub fn said(&self) -> String {
        words::join(&["not the expected message: ", &self.0.said()])
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said())
    }
}

impl std::error::Error for MessageError {}

impl From<Wrong> for MessageError {
    fn from(wrong: Wrong) -> Self {
        MessageError(wrong)
    }
}

/// How much of the server's log a client had applied when it froze an entry.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// The server's generation then; empty where no reply had come yet.
    pub generation: String,
    /// The highest position of that log.
    pub seq: u64,
}

/// What goes over the wire: one mutation, or several of one key coalesced. Named by its first member.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Serialize, Deserialize))]
pub struct Entry {
    /// The entry's id, a uuid.
    pub id: String,
    /// What its client had seen.
    pub seen: Seen,
    /// Applied in order, all or none.
    pub operations: Vec<KeyedOperation>,
}

/// The body of `POST push`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Serialize, Deserialize))]
pub struct PushRequest {
    /// Applied in order, each by itself.
    pub entries: Vec<Entry>,
}

/// What became of one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The entry.
    pub id: String,
    /// Its position in the server's log: refusals have one too.
    pub seq: Option<u64>,
    /// What became of it.
    pub verdict: Verdict,
}

/// What the server did with an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is applied.
    Ok {
        /// The version of every document it touched; opaque.
        version: Option<String>,
        /// The document, where the server made something else of it than the operations say.
        value: Option<Json>,
    },
    /// It was made on another version than the current one; nothing was applied.
    Conflict {
        /// Which of the entry's documents has moved; may be left out where it has one.
        address: Option<Address>,
        /// The current version; `None` where there is no document.
        version: Option<String>,
        /// The current document; `None` where there is none.
        value: Option<Json>,
        /// The current document's position in the server's log, a deletion's too; `None` where there never was one.
        value_seq: Option<u64>,
    },
    /// It will never be applied.
    Rejected {
        /// The reason, for programs.
        code: String,
        /// The reason, for people.
        message: String,
        /// Reasons by field: an object.
        fields: Option<Json>,
    },
    /// Not now.
    Retry {
        /// In how many milliseconds, where the server says so.
        after_ms: Option<u64>,
    },
    /// It is too large for this server.
    TooLarge,
    /// The server no longer knows whether it was applied, and has not applied it.
    Expired,
}

impl Verdict {
    /// The word for it on the wire, where the entry was not applied.
    pub fn complaint(&self) -> Option<&'static str> {
        match self {
            Verdict::Ok { .. } => None,
            Verdict::Conflict { .. } => Some("conflict"),
            Verdict::Rejected { .. } => Some("rejected"),
            Verdict::Retry { .. } => Some("retry"),
            Verdict::TooLarge => Some("tooLarge"),
            Verdict::Expired => Some("expired"),
        }
    }
}

/// What became of a whole request, said in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// A token is missing or no longer good.
    Auth,
    /// The client's session epoch is no longer the current one.
    Fenced,
    /// Not now.
    Retry {
        /// In how many milliseconds, where the server says so.
        after_ms: Option<u64>,
    },
}

/// The reply to `POST push`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PushReply {
    /// Which life of the server's data this is; another one means that it was restored.
    pub generation: Option<String>,
    /// The user the request acted for.
    pub scope: Option<String>,
    /// Whether the whole request was answered at once.
    pub whole: Option<Whole>,
    /// Of an entry whose outcome is not stored: outcomes at positions up to this one are not all stored any more.
    pub horizon: Option<u64>,
    /// What became of each entry; one that is missing is unknown.
    pub outcomes: Vec<Outcome>,
}

/// One document, as it is since a position of the server's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which document.
    pub address: Address,
    /// Its version; opaque.
    pub version: String,
    /// Its position in the server's log.
    pub seq: Option<u64>,
    /// The entry that made it so, where known.
    pub entry_id: Option<String>,
    /// What is there.
    pub body: ChangeBody,
}

/// What is at a changed document's address.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeBody {
    /// This document.
    Value(Json),
    /// Nothing: it was deleted.
    Deleted,
    /// Nothing that this feed may show: it left the feed, or may no longer be read.
    Gone,
}

/// One of the asking client's own entries that a pull's changes contain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The entry.
    pub id: String,
    /// The version it made.
    pub version: String,
    /// Its position in the server's log.
    pub seq: u64,
}

/// The reply to `GET pull`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PullReply {
    /// Which life of the server's data this is.
    pub generation: Option<String>,
    /// The user the request acted for.
    pub scope: Option<String>,
    /// The asking request, echoed: a cached reply has another one.
    pub request: Option<String>,
    /// Where the next pull goes on; opaque.
    pub cursor: String,
    /// Whether there is more at once.
    pub more: bool,
    /// The cursor that was asked for is of no use; this page starts from the beginning.
    pub reset: bool,
    /// In log order.
    pub changes: Vec<Change>,
    /// The asking client's own entries between the two cursors.
    pub applied: Vec<Applied>,
    /// Places in the list of changes that could not be read, with the reason: `(index, raw text, reason)`.
    pub unreadable: Vec<(usize, String, String)>,
}

members! {
    Seen { generation = "generation", seq = "seq" }
    Entry { id = "id", seen = "seen", operations = "operations" }
    Applied { id = "id", version = "version", seq = "seq" }
}

impl Entry {
    /// The text of an entry of these parts.
    pub fn text(id: &str, seen: &Seen, parts: &[Part]) -> String {
        let mut text = String::new();
        let mut object = ObjectWriter::begin(&mut text);
        object.member("id", &id).member("seen", seen).member("operations", &Parts(parts));
        object.end();
        text
    }
}

impl Verdict {
    /// The verdict of this name, before its members are read; `None` where there is no such verdict.
    fn named(name: &str) -> Option<Verdict> {
        Some(match name {
            "ok" => Verdict::Ok { version: None, value: None },
            "conflict" => Verdict::Conflict { address: None, version: None, value: None, value_seq: None },
            "rejected" => Verdict::Rejected { code: String::new(), message: String::new(), fields: None },
            "retry" => Verdict::Retry { after_ms: None },
            "tooLarge" => Verdict::TooLarge,
            "expired" => Verdict::Expired,
            _ => return None,
        })
    }

    fn take_up(&mut self, told: &mut Fields<'_>) {
        match self {
            // What is no document is `null`, or left out.
            Verdict::Ok { version, value } => {
                told.take("version", version);
                told.take("value", value);
            }
            Verdict::Conflict { address, version, value, value_seq } => {
                if told.raw("collection").is_some() {
                    *address = Some(Address::take_up(told));
                }
                told.take("version", version);
                told.take("value", value);
                told.take("valueSeq", value_seq);
                // Where there is a version there is a document, and `null` is one.
                if version.is_some() && value.is_none() && told.raw("value").is_some() {
                    *value = Some(Json::null());
                }
            }
            Verdict::Rejected { code, message, fields } => {
                *code = text_or(told, "code", "rejected");
                *message = text_or(told, "message", "");
                told.take("fields", fields);
                if fields.as_ref().is_some_and(|fields| fields.as_str().as_bytes()[0] != b'{') {
                    *fields = None;
                }
            }
            Verdict::Retry { after_ms } => told.take("afterMs", after_ms),
            Verdict::TooLarge | Verdict::Expired => {}
        }
    }
}

fn text_or(told: &mut Fields<'_>, name: &'static str, otherwise: &str) -> String {
    let mut text = None::<String>;
    told.take(name, &mut text);
    text.unwrap_or_else(|| otherwise.to_owned())
}

impl Outcome {
    fn parse(text: &str) -> Option<Outcome> {
        let mut told = Fields::of(text);
        let mut name = String::new();
        told.take("outcome", &mut name);
        let mut outcome = Outcome { id: String::new(), seq: None, verdict: Verdict::named(&name)? };
        told.take("id", &mut outcome.id);
        told.take("seq", &mut outcome.seq);
        outcome.verdict.take_up(&mut told);
        told.finish().ok()?;
        Some(outcome)
    }
}

impl PushReply {
    /// Reads a reply. An outcome that cannot be read is left out, which leaves its entry unknown; a reply without a
    /// list of outcomes is none.
    pub fn parse(text: &str) -> Result<PushReply, MessageError> {
        let mut reply = PushReply::default();
        reply.take_up(text)?;
        Ok(reply)
    }

    /// The same, into an empty reply; on an error what it says does not count.
    pub fn take_up(&mut self, text: &str) -> Result<(), Wrong> {
        let mut fields = Fields::of(text);
        let mut outcome = None::<String>;
        fields.take("outcome", &mut outcome);
        fields.take("generation", &mut self.generation);
        fields.take("scope", &mut self.scope);
        fields.take("horizon", &mut self.horizon);
        self.whole = match outcome.as_deref() {
            None => None,
            Some("auth") => Some(Whole::Auth),
            Some("fenced") => Some(Whole::Fenced),
            Some("retry") => {
                let mut after_ms = None::<u64>;
                fields.take("afterMs", &mut after_ms);
                Some(Whole::Retry { after_ms })
            }
            Some(_) => return Err(Wrong::Rule("unknown outcome")),
        };
        if self.whole.is_none() || fields.raw("outcomes").is_some() {
            for raw in &fields.list("outcomes") {
                if let Some(outcome) = Outcome::parse(raw) {
                    self.outcomes.push(outcome);
                }
            }
        }
        fields.finish()
    }
}

impl Change {
    /// Reads one change.
    pub fn parse(text: &str) -> Result<Change, MessageError> {
        let body = ChangeBody::Gone;
        let mut change = Change { address: Address::blank(), version: String::new(), seq: None, entry_id: None, body };
        change.take_up(text)?;
        Ok(change)
    }

    fn take_up(&mut self, text: &str) -> Result<(), Wrong> {
        let mut fields = Fields::of(text);
        let (mut deleted, mut gone) = (false, false);
        self.address = Address::take_up(&mut fields);
        fields.take("deleted", &mut deleted);
        fields.take("gone", &mut gone);
        fields.take("version", &mut self.version);
        fields.take("seq", &mut self.seq);
        fields.take("entryId", &mut self.entry_id);
        fields.note(self.address.check_names().map_err(Wrong::Rule));
        self.body = match (fields.raw("value").is_some(), deleted, gone) {
            (true, false, false) => ChangeBody::Value(fields.document("value")),
            (false, true, false) => ChangeBody::Deleted,
            (false, false, true) => ChangeBody::Gone,
            _ => {
                fields.note(Err(Wrong::Rule("a change has one of `value`, `deleted` and `gone`")));
                return fields.finish();
            }
        };
        fields.finish()
    }
}

impl PullReply {
    /// Reads a reply. A change that cannot be read is set aside with its reason and does not spoil the others; a reply
    /// without the list of changes is none.
    pub fn parse(text: &str) -> Result<PullReply, MessageError> {
        let mut reply = PullReply::default();
        reply.take_up(text)?;
        Ok(reply)
    }

    /// The same, into an empty reply; on an error what it says does not count.
    pub fn take_up(&mut self, text: &str) -> Result<(), Wrong> {
        let mut fields = Fields::of(text);
        fields.take("generation", &mut self.generation);
        fields.take("scope", &mut self.scope);
        fields.take("request", &mut self.request);
        fields.take("cursor", &mut self.cursor);
        fields.take("more", &mut self.more);
        fields.take("reset", &mut self.reset);
        fields.take("applied", &mut self.applied);
        if fields.raw("more").is_none() {
            fields.finish()?;
            return Err(Wrong::Member("more"));
        }
        for (index, raw) in fields.list("changes").iter().enumerate() {
            match Change::parse(raw) {
                Ok(change) => self.changes.push(change),
                Err(MessageError(why)) => self.unreadable.push((index, (*raw).to_owned(), why.said())),
            }
        }
        fields.finish()
    }
}

#[cfg(any(not(target_arch = "wasm32"), feature = "sim"))]
mod library {
    //! The server's side: replies as the serde library writes them.

    use serde::Serialize;

    use super::{Applied, Change, ChangeBody, Json, Outcome, PullReply, PushReply, Verdict};

    /// All members an outcome can have.
    #[derive(Serialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct WireOutcome<'a> {
        id: &'a str,
        outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        collection: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<Option<&'a Json>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        value_seq: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fields: Option<&'a Json>,
        #[serde(skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
    }

    impl Serialize for Outcome {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut wire = WireOutcome { id: &self.id, seq: self.seq, ..WireOutcome::default() };
            match &self.verdict {
                Verdict::Ok { version, value } => {
                    wire.outcome = "ok";
                    wire.version = version.as_deref();
                    wire.value = value.as_ref().map(Some);
                }
                Verdict::Conflict { address, version, value, value_seq } => {
                    wire.outcome = "conflict";
                    wire.collection = address.as_ref().map(|address| &*address.collection);
                    wire.key = address.as_ref().map(|address| &*address.key);
                    wire.version = version.as_deref();
                    wire.value = Some(value.as_ref());
                    wire.value_seq = *value_seq;
                }
                Verdict::Rejected { code, message, fields } => {
                    wire.outcome = "rejected";
                    wire.code = Some(code);
                    wire.message = Some(message);
                    wire.fields = fields.as_ref();
                }
                Verdict::Retry { after_ms } => {
                    wire.outcome = "retry";
                    wire.after_ms = *after_ms;
                }
                Verdict::TooLarge => wire.outcome = "tooLarge",
                Verdict::Expired => wire.outcome = "expired",
            }
            wire.serialize(serializer)
        }
    }

    impl Serialize for PushReply {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            #[derive(Serialize)]
            struct Out<'a> {
                #[serde(skip_serializing_if = "Option::is_none")]
                generation: &'a Option<String>,
                #[serde(skip_serializing_if = "Option::is_none")]
                scope: &'a Option<String>,
                #[serde(skip_serializing_if = "Option::is_none")]
                outcome: Option<&'static str>,
                #[serde(rename = "afterMs", skip_serializing_if = "Option::is_none")]
                after_ms: Option<u64>,
                #[serde(skip_serializing_if = "Option::is_none")]
                horizon: Option<u64>,
                outcomes: &'a [Outcome],
            }
            let (outcome, after_ms) = match self.whole {
                None => (None, None),
                Some(super::Whole::Auth) => (Some("auth"), None),
                Some(super::Whole::Fenced) => (Some("fenced"), None),
                Some(super::Whole::Retry { after_ms }) => (Some("retry"), after_ms),
            };
            Out { generation: &self.generation, scope: &self.scope, outcome, after_ms, horizon: self.horizon, outcomes: &self.outcomes }
                .serialize(serializer)
        }
    }

    impl Serialize for Change {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            #[derive(Serialize)]
            #[serde(rename_all = "camelCase")]
            struct Out<'a> {
                collection: &'a str,
                key: &'a str,
                version: &'a str,
                #[serde(skip_serializing_if = "Option::is_none")]
                seq: Option<u64>,
                #[serde(skip_serializing_if = "Option::is_none")]
                entry_id: &'a Option<String>,
                #[serde(skip_serializing_if = "Option::is_none")]
                value: Option<&'a Json>,
                #[serde(skip_serializing_if = "std::ops::Not::not")]
                deleted: bool,
                #[serde(skip_serializing_if = "std::ops::Not::not")]
                gone: bool,
            }
            Out {
                collection: &self.address.collection,
                key: &self.address.key,
                version: &self.version,
                seq: self.seq,
                entry_id: &self.entry_id,
                value: if let ChangeBody::Value(value) = &self.body { Some(value) } else { None },
                deleted: self.body == ChangeBody::Deleted,
                gone: self.body == ChangeBody::Gone,
            }
            .serialize(serializer)
        }
    }

    impl Serialize for PullReply {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            #[derive(Serialize)]
            struct Out<'a> {
                #[serde(skip_serializing_if = "Option::is_none")]
                generation: &'a Option<String>,
                #[serde(skip_serializing_if = "Option::is_none")]
                scope: &'a Option<String>,
                #[serde(skip_serializing_if = "Option::is_none")]
                request: &'a Option<String>,
                cursor: &'a str,
                more: bool,
                #[serde(skip_serializing_if = "std::ops::Not::not")]
                reset: bool,
                changes: &'a [Change],
                #[serde(skip_serializing_if = "<[_]>::is_empty")]
                applied: &'a [Applied],
            }
            Out {
                generation: &self.generation,
                scope: &self.scope,
                request: &self.request,
                cursor: &self.cursor,
                more: self.more,
                reset: self.reset,
                changes: &self.changes,
                applied: &self.applied,
            }
            .serialize(serializer)
        }
    }
}

#[cfg(test)]
#[cfg(any(not(target_arch = "wasm32"), feature = "sim"))]
mod tests {
    use super::*;

    #[test]
    fn a_push_reply_comes_back_as_it_went_in() {
        let text = r#"{"generation":"g","scope":"s","outcomes":[{"id":"1","outcome":"ok","seq":7,"version":"g.7"},{"id":"2","outcome":"conflict","seq":8,"collection":"c","key":"k","version":"g.3","value":{"a":1},"valueSeq":3},{"id":"3","outcome":"conflict","value":null},{"id":"3n","outcome":"conflict","version":"g.4","value":null},{"id":"4","outcome":"rejected","seq":9,"code":"c","message":"m","fields":{"/a":"no"}},{"id":"5","outcome":"retry","afterMs":5},{"id":"6","outcome":"tooLarge"},{"id":"7","outcome":"expired"}]}"#;
        assert_eq!(serde_json::to_string(&PushReply::parse(text).unwrap()).unwrap(), text);
    }

    #[test]
    fn null_is_a_document_and_no_document_is_none() {
        let conflict = |members: &str| {
            let text = format!(r#"{{"outcomes":[{{"id":"1","outcome":"conflict",{members}}}]}}"#);
            match PushReply::parse(&text).unwrap().outcomes.remove(0).verdict {
                Verdict::Conflict { value, .. } => value.map(|value| value.as_str().to_owned()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(conflict(r#""version":"g.4","value":null"#).as_deref(), Some("null"));
        assert_eq!(conflict(r#""version":"g.4""#), None);
        assert_eq!(conflict(r#""value":null"#), None);
    }

    #[test]
    fn a_whole_reply_comes_back_as_it_went_in() {
        for text in [
            r#"{"generation":"g","scope":"s","outcome":"fenced","outcomes":[]}"#,
            r#"{"outcome":"auth","outcomes":[]}"#,
            r#"{"outcome":"retry","afterMs":5,"outcomes":[]}"#,
            r#"{"generation":"g","scope":"s","horizon":7,"outcomes":[]}"#,
        ] {
            assert_eq!(serde_json::to_string(&PushReply::parse(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn h12_what_is_no_outcome_leaves_its_entry_unknown() {
        let reply = PushReply::parse(
            r#"{"outcomes":[1,["4","ok"],{"id":"1","outcome":"maybe"},{"outcome":"ok","id":"2","value":{"a":"\ud800"}},{"id":"3","outcome":"ok"}]}"#,
        )
        .unwrap();
        assert_eq!(reply.outcomes.iter().map(|outcome| outcome.id.as_str()).collect::<Vec<_>>(), ["3"]);
        for nonsense in ["", "null", "{}", "[]", r#"{"outcomes":{}}"#, r#"{"outcome":"party"}"#, "<html>"] {
            assert!(PushReply::parse(nonsense).is_err(), "{nonsense}");
        }
        assert_eq!(PushReply::parse(r#"{"outcome":"retry","afterMs":9}"#).unwrap().whole, Some(Whole::Retry { after_ms: Some(9) }));
    }

    #[test]
    fn a_pull_reply_comes_back_as_it_went_in() {
        let text = r#"{"generation":"g","scope":"s","request":"r","cursor":"9","more":false,"changes":[{"collection":"c","key":"k","version":"g.1","seq":1,"entryId":"e","value":{"a":1}},{"collection":"c","key":"l","version":"g.2","seq":2,"deleted":true},{"collection":"c","key":"m","version":"g.3","seq":3,"gone":true},{"collection":"c","key":"n","version":"g.4","seq":4,"value":null}],"applied":[{"id":"e","version":"g.1","seq":1}]}"#;
        assert_eq!(serde_json::to_string(&PullReply::parse(text).unwrap()).unwrap(), text);
    }

    #[test]
    fn p3_a_change_that_cannot_be_read_is_set_aside() {
        let reply = PullReply::parse(r#"{"cursor":"2","more":false,"changes":[{"collection":"c","key":"k","version":"1","value":1e400},{"collection":"c","key":"k","version":"1"},{"collection":"c","key":"l","version":"2","value":1}]}"#).unwrap();
        assert_eq!(reply.changes.len(), 1);
        assert_eq!(reply.unreadable.iter().map(|(index, ..)| *index).collect::<Vec<_>>(), [0, 1]);
        for nonsense in ["{}", r#"{"cursor":"1","more":false}"#, r#"{"cursor":1,"more":false,"changes":[]}"#] {
            assert!(PullReply::parse(nonsense).is_err(), "{nonsense}");
        }
    }
}
