//! Requests and replies.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Address;
use super::json::{Json, object};
use super::operation::{KeyedOperation, present};

/// Why bytes are not the message they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageError(pub String);

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the expected message: {}", self.0)
    }
}

impl std::error::Error for MessageError {}

impl From<serde_json::Error> for MessageError {
    fn from(error: serde_json::Error) -> Self {
        MessageError(error.to_string())
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The entry's id, a uuid.
    pub id: String,
    /// What its client had seen.
    pub seen: Seen,
    /// Applied in order, all or none.
    pub operations: Vec<KeyedOperation>,
}

/// The body of `POST push`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
        /// Reasons by field.
        fields: Option<serde_json::Map<String, serde_json::Value>>,
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
#[derive(Clone, Debug, PartialEq)]
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

/// All members an outcome can have; a whole reply's `outcome` is one without an id.
#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WireOutcome {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_ms: Option<u64>,
}

fn raw(json: &Json) -> Box<RawValue> {
    RawValue::from_string(json.as_str().to_owned()).expect("Json::parse checked the text")
}

fn checked(raw: Option<Box<RawValue>>) -> Result<Option<Json>, MessageError> {
    match raw {
        None => Ok(None),
        Some(raw) if raw.get() == "null" => Ok(None),
        Some(raw) => parsed(raw).map(Some),
    }
}

fn parsed(raw: Box<RawValue>) -> Result<Json, MessageError> {
    Json::parse(raw.get()).map_err(|error| MessageError(error.to_string()))
}

impl Outcome {
    fn from_wire(wire: WireOutcome) -> Result<Outcome, MessageError> {
        let verdict = match wire.outcome.as_str() {
            "ok" => Verdict::Ok { version: wire.version, value: checked(wire.value)? },
            "conflict" => {
                // Where there is a version there is a document, and `null` is one.
                let document = if wire.version.is_some() { wire.value.map(parsed).transpose()? } else { checked(wire.value)? };
                Verdict::Conflict { version: wire.version, value: document, value_seq: wire.value_seq }
            }
            "rejected" => Verdict::Rejected {
                code: wire.code.unwrap_or_else(|| "rejected".into()),
                message: wire.message.unwrap_or_default(),
                fields: wire.fields,
            },
            "retry" => Verdict::Retry { after_ms: wire.after_ms },
            "tooLarge" => Verdict::TooLarge,
            "expired" => Verdict::Expired,
            other => return Err(MessageError(format!("unknown outcome `{}`", other.escape_debug()))),
        };
        Ok(Outcome { id: wire.id, seq: wire.seq, verdict })
    }
}

impl Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut wire = WireOutcome { id: self.id.clone(), seq: self.seq, ..WireOutcome::default() };
        match &self.verdict {
            Verdict::Ok { version, value } => {
                wire.outcome = "ok".into();
                wire.version = version.clone();
                wire.value = value.as_ref().map(raw);
            }
            Verdict::Conflict { version, value, value_seq } => {
                wire.value_seq = *value_seq;
                wire.outcome = "conflict".into();
                wire.version = version.clone();
                wire.value = Some(value.as_ref().map_or_else(|| RawValue::NULL.to_owned(), raw));
            }
            Verdict::Rejected { code, message, fields } => {
                wire.outcome = "rejected".into();
                wire.code = Some(code.clone());
                wire.message = Some(message.clone());
                wire.fields = fields.clone();
            }
            Verdict::Retry { after_ms } => {
                wire.outcome = "retry".into();
                wire.after_ms = *after_ms;
            }
            Verdict::TooLarge => wire.outcome = "tooLarge".into(),
            Verdict::Expired => wire.outcome = "expired".into(),
        }
        wire.serialize(serializer)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePush {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcomes: Option<Vec<Box<RawValue>>>,
}

impl PushReply {
    /// Reads a reply. An outcome that cannot be read is left out, which leaves its entry unknown; a reply without a
    /// list of outcomes is none.
    pub fn parse(text: &str) -> Result<PushReply, MessageError> {
        let wire: WirePush = object(text)?;
        let whole = whole(wire.outcome.as_deref(), wire.after_ms)?;
        let outcomes = match (wire.outcomes, whole) {
            (Some(outcomes), _) => outcomes,
            (None, Some(_)) => Vec::new(),
            (None, None) => return Err(MessageError("`outcomes` is missing".into())),
        };
        let outcomes = outcomes.iter().filter_map(|raw| Outcome::from_wire(object(raw.get()).ok()?).ok()).collect();
        Ok(PushReply { generation: wire.generation, scope: wire.scope, whole, outcomes })
    }
}

impl Serialize for PushReply {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Out<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            generation: &'a Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            scope: &'a Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            outcome: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            after_ms: Option<u64>,
            outcomes: &'a [Outcome],
        }
        let (outcome, after_ms) = match self.whole {
            None => (None, None),
            Some(Whole::Auth) => (Some("auth"), None),
            Some(Whole::Fenced) => (Some("fenced"), None),
            Some(Whole::Retry { after_ms }) => (Some("retry"), after_ms),
        };
        Out { generation: &self.generation, scope: &self.scope, outcome, after_ms, outcomes: &self.outcomes }.serialize(serializer)
    }
}

fn whole(outcome: Option<&str>, after_ms: Option<u64>) -> Result<Option<Whole>, MessageError> {
    match outcome {
        None => Ok(None),
        Some("auth") => Ok(Some(Whole::Auth)),
        Some("fenced") => Ok(Some(Whole::Fenced)),
        Some("retry") => Ok(Some(Whole::Retry { after_ms })),
        Some(other) => Err(MessageError(format!("unknown outcome `{}`", other.escape_debug()))),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireChange {
    collection: String,
    key: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    value: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
}

impl Change {
    /// Reads one change.
    pub fn parse(text: &str) -> Result<Change, MessageError> {
        let wire: WireChange = object(text)?;
        for name in [&wire.collection, &wire.key] {
            if name.is_empty() || name.len() > super::NAME_BYTES_MAX {
                return Err(MessageError(format!("names have 1 to {} bytes", super::NAME_BYTES_MAX)));
            }
        }
        let body = match (wire.value, wire.deleted, wire.gone) {
            (Some(value), false, false) => ChangeBody::Value(Json::parse(value.get()).map_err(|error| MessageError(error.to_string()))?),
            (None, true, false) => ChangeBody::Deleted,
            (None, false, true) => ChangeBody::Gone,
            _ => return Err(MessageError("a change has one of `value`, `deleted` and `gone`".into())),
        };
        let address = Address::of(&wire.collection, &wire.key);
        Ok(Change { address, version: wire.version, seq: wire.seq, entry_id: wire.entry_id, body })
    }
}

impl Serialize for Change {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WireChange {
            collection: self.address.collection.as_ref().into(),
            key: self.address.key.as_ref().into(),
            version: self.version.clone(),
            seq: self.seq,
            entry_id: self.entry_id.clone(),
            value: if let ChangeBody::Value(value) = &self.body { Some(raw(value)) } else { None },
            deleted: self.body == ChangeBody::Deleted,
            gone: self.body == ChangeBody::Gone,
        }
        .serialize(serializer)
    }
}

#[derive(Deserialize)]
struct WirePull {
    #[serde(default)]
    generation: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    request: Option<String>,
    cursor: String,
    more: bool,
    #[serde(default)]
    reset: bool,
    changes: Vec<Box<RawValue>>,
    #[serde(default)]
    applied: Vec<Applied>,
}

impl PullReply {
    /// Reads a reply. A change that cannot be read is set aside with its reason and does not spoil the others; a reply
    /// without the list of changes is none.
    pub fn parse(text: &str) -> Result<PullReply, MessageError> {
        let wire: WirePull = object(text)?;
        let mut changes = Vec::with_capacity(wire.changes.len());
        let mut unreadable = Vec::new();
        for (index, raw) in wire.changes.iter().enumerate() {
            match Change::parse(raw.get()) {
                Ok(change) => changes.push(change),
                Err(MessageError(why)) => unreadable.push((index, raw.get().to_owned(), why)),
            }
        }
        Ok(PullReply {
            generation: wire.generation,
            scope: wire.scope,
            request: wire.request,
            cursor: wire.cursor,
            more: wire.more,
            reset: wire.reset,
            changes,
            applied: wire.applied,
            unreadable,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_reply_comes_back_as_it_went_in() {
        let text = r#"{"generation":"g","scope":"s","outcomes":[{"id":"1","outcome":"ok","seq":7,"version":"g.7"},{"id":"2","outcome":"conflict","seq":8,"version":"g.3","value":{"a":1},"valueSeq":3},{"id":"3","outcome":"conflict","value":null},{"id":"3n","outcome":"conflict","version":"g.4","value":null},{"id":"4","outcome":"rejected","seq":9,"code":"c","message":"m","fields":{"/a":"no"}},{"id":"5","outcome":"retry","afterMs":5},{"id":"6","outcome":"tooLarge"},{"id":"7","outcome":"expired"}]}"#;
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
