//! The golden vectors of `docs/protocol.md`, run against the wire types and the authority. The server runs the same
//! conversations over HTTP.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use syncline::authority::{AcceptAll, Authority, Feed, Limits, MemoryStore, PullAsk, RefuseMarked, Rules, Store};
use syncline::protocol::json::DEPTH_MAX;
use syncline::protocol::text::SpliceError;
use syncline::protocol::{
    ApplyError, Call, Draft, Identity, Json, KeyedOperation, Method, PullReply, PushReply, PushRequest, Text, TextMark,
};

fn vectors<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn marks_are_as_written() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        text: String,
        #[serde(default = "once")]
        times: usize,
        #[serde(flatten)]
        mark: TextMark,
    }
    fn once() -> usize {
        1
    }
    let cases: Vec<Case> = vectors("marks");
    assert!(cases.len() >= 10);
    for case in cases {
        assert_eq!(Text::of(&case.text.repeat(case.times)).mark(), case.mark, "{}", case.name);
    }
}

#[test]
fn operations_do_what_is_written() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        document: Option<Box<RawValue>>,
        operations: Vec<Box<RawValue>>,
        #[serde(default, deserialize_with = "present")]
        result: Option<Box<RawValue>>,
        #[serde(default)]
        gone: bool,
        error: Option<String>,
    }
    /// Tells a result that is `null` from none.
    fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
        Box::deserialize(deserializer).map(Some)
    }
    let cases: Vec<Case> = vectors("operations");
    for kind in ["put", "delete", "patch", "increment", "append", "splice"] {
        let named = format!(r#""op":"{kind}""#);
        assert!(cases.iter().flat_map(|case| &case.operations).any(|operation| operation.get().contains(&named)), "{kind}");
    }
    for case in cases {
        let name = &case.name;
        let mut draft = Draft::of(case.document.map(|text| Json::parse(text.get()).unwrap()));
        let applied = case.operations.iter().try_for_each(|operation| {
            let members = operation.get().strip_prefix('{').expect("an operation is an object");
            let keyed = KeyedOperation::parse(&format!(r#"{{"collection":"c","key":"k",{members}"#))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            draft.apply(&keyed.operation)
        });
        assert_eq!(applied.err().map(error_name), case.error.as_deref(), "{name}");
        if case.error.is_some() {
            continue;
        }
        assert_eq!(case.gone, case.result.is_none(), "{name}: either a result or gone");
        let result = draft.to_json();
        match (&result, &case.result) {
            (None, None) => {}
            // Order of members means nothing; all else does.
            (Some(is), Some(should)) if is.as_str() == should.get() => {}
            (Some(is), Some(should)) => assert_eq!(is.to_value(), serde_json::from_str::<Value>(should.get()).unwrap(), "{name}"),
            _ => panic!("{name}: {result:?}"),
        }
    }
}

fn error_name(error: ApplyError) -> &'static str {
    match error {
        ApplyError::Moved => "moved",
        ApplyError::NotText => "notText",
        ApplyError::NotList => "notList",
        ApplyError::NotNumber => "notNumber",
        ApplyError::Splice(SpliceError::OutOfRange) => "outOfRange",
        ApplyError::Splice(SpliceError::SplitsPair) => "splitsPair",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Messages {
    operation: Vec<Box<RawValue>>,
    push: Vec<Box<RawValue>>,
    push_reply: Vec<Box<RawValue>>,
    pull_reply: Vec<Box<RawValue>>,
    refused: Refused,
    skipped: Vec<Partly>,
    unknown_members: Vec<Partly>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refused {
    operation: Vec<String>,
    push_reply: Vec<String>,
    pull_reply: Vec<String>,
}

/// A reply of which `kept` parts are understood.
#[derive(Deserialize)]
struct Partly {
    reply: String,
    text: String,
    kept: usize,
}

#[test]
fn messages_come_back_byte_for_byte() {
    fn same<T: serde::Serialize, E: std::fmt::Display>(texts: &[Box<RawValue>], parse: impl Fn(&str) -> Result<T, E>) {
        assert!(!texts.is_empty());
        for text in texts {
            let parsed = parse(text.get()).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(serde_json::to_string(&parsed).unwrap(), text.get());
        }
    }
    let messages: Messages = vectors("messages");
    same(&messages.operation, KeyedOperation::parse);
    same(&messages.push, |text| serde_json::from_str::<PushRequest>(text));
    same(&messages.push_reply, PushReply::parse);
    same(&messages.pull_reply, PullReply::parse);
}

#[test]
fn what_is_no_message_is_refused() {
    let messages: Messages = vectors("messages");
    for text in messages.refused.operation {
        assert!(KeyedOperation::parse(&text).is_err(), "{text}");
    }
    for text in messages.refused.push_reply {
        assert!(PushReply::parse(&text).is_err(), "{text}");
    }
    for text in messages.refused.pull_reply {
        assert!(PullReply::parse(&text).is_err(), "{text}");
    }
    for (levels, fits) in [(DEPTH_MAX, true), (DEPTH_MAX + 1, false)] {
        let value = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let text = format!(r#"{{"op":"put","collection":"c","key":"k","value":{value}}}"#);
        assert_eq!(KeyedOperation::parse(&text).is_ok(), fits, "{levels} levels");
    }
}

#[test]
fn what_is_wrong_or_unknown_in_one_part_does_not_spoil_the_others() {
    let messages: Messages = vectors("messages");
    for Partly { reply, text, kept } in messages.skipped.into_iter().chain(messages.unknown_members) {
        let understood = match reply.as_str() {
            "push" => PushReply::parse(&text).unwrap().outcomes.len(),
            _ => PullReply::parse(&text).unwrap().changes.len(),
        };
        assert_eq!(understood, kept, "{text}");
    }
}

#[derive(Deserialize)]
struct Pull {
    feed: String,
    cursor: Option<String>,
    limit: u32,
    request: String,
}

#[test]
fn calls_become_the_requests_that_are_written() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        name: String,
        identity: Caller,
        #[serde(default)]
        cross_origin: bool,
        push: Option<Push>,
        pull: Option<Pull>,
        outcome: Option<String>,
        #[serde(default)]
        ping: bool,
        method: String,
        path: String,
        headers: std::collections::BTreeMap<String, String>,
        body: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Caller {
        scope: String,
        client: String,
        session_epoch: u64,
    }
    #[derive(Deserialize)]
    struct Push {
        ids: Vec<String>,
        body: String,
    }
    for case in vectors::<Vec<Case>>("calls") {
        let Caller { scope, client, session_epoch } = case.identity;
        let call = match (case.push, case.pull, case.outcome, case.ping) {
            (Some(Push { ids, body }), None, None, false) => Call::Push { ids, body, attempt: 0 },
            (None, Some(Pull { feed, cursor, limit, request }), None, false) => Call::Pull { feed, cursor, limit, request },
            (None, None, Some(id), false) => Call::Outcome { id },
            (None, None, None, true) => Call::Ping,
            _ => panic!("{}: one call each", case.name),
        };
        let http = call.to_http(&Identity { scope, client, session_epoch }, case.cross_origin);
        let method = if http.method == Method::Get { "GET" } else { "POST" };
        assert_eq!((method, &http.path, &http.body), (case.method.as_str(), &case.path, &case.body), "{}", case.name);
        let headers = http.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(case.headers, headers, "{}", case.name);
    }
}

#[derive(Deserialize)]
struct Conversation {
    name: String,
    #[serde(default)]
    options: Options,
    steps: Vec<Step>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    #[serde(default)]
    reject_marked: bool,
    keep_outcomes: Option<u64>,
    entry_bytes: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    #[serde(default = "somebody")]
    scope: String,
    #[serde(default)]
    client: String,
    #[serde(default = "first")]
    session: u64,
    push: Option<Box<RawValue>>,
    pull: Option<Pull>,
    outcome: Option<String>,
    #[serde(default)]
    ping: bool,
    #[serde(default)]
    backup: bool,
    restore: Option<String>,
    reply: Option<Box<RawValue>>,
}

fn somebody() -> String {
    "u".into()
}

fn first() -> u64 {
    1
}

#[test]
fn the_authority_speaks_as_written() {
    for conversation in vectors::<Vec<Conversation>>("conversations") {
        let Options { reject_marked, keep_outcomes, entry_bytes } = conversation.options;
        let defaults = Limits::default();
        let limits = Limits { entry_bytes: entry_bytes.unwrap_or(defaults.entry_bytes), ..defaults };
        let rules: Box<dyn Rules> = if reject_marked { Box::new(RefuseMarked) } else { Box::new(AcceptAll) };
        let authority = Authority { limits, rules, outcomes_kept: keep_outcomes };
        let mut store = MemoryStore::new("g1");
        let mut copy = None;
        for (index, step) in conversation.steps.into_iter().enumerate() {
            if step.backup {
                copy = Some(store.clone());
            } else if let Some(generation) = &step.restore {
                store = copy.clone().expect("a backup comes before its restore");
                store.begin_life(generation).unwrap();
            } else {
                let should = step.reply.as_ref().expect("what asks is answered").get().to_owned();
                assert_eq!(answer(&authority, &mut store, step), should, "{}, step {index}", conversation.name);
            }
        }
    }
}

fn answer(authority: &Authority<Box<dyn Rules>>, store: &mut MemoryStore, step: Step) -> String {
    let asker = Identity { scope: step.scope, client: step.client, session_epoch: step.session };
    let reply = match (step.push, step.pull, step.outcome, step.ping) {
        (Some(body), None, None, false) => {
            let body = authority.read_push(body.get()).unwrap();
            serde_json::to_string(&authority.push(store, &asker, &body).unwrap())
        }
        (None, Some(pull), None, false) => match Feed::parse(&pull.feed) {
            Ok(feed) => {
                let ask = PullAsk { feed, cursor: pull.cursor, limit: Some(pull.limit as usize), request: Some(pull.request) };
                serde_json::to_string(&authority.pull(store, &asker, &ask).unwrap())
            }
            Err(error) => serde_json::to_string(&serde_json::json!({ "error": { "code": "unknown_feed", "message": error.to_string() } })),
        },
        (None, None, Some(id), false) => serde_json::to_string(&authority.outcome(store, &asker.scope, &id).unwrap()),
        (None, None, None, true) => serde_json::to_string(&authority.ping(store).unwrap()),
        _ => panic!("one call a step"),
    };
    reply.unwrap()
}

/// Every word that the vectors use is written down, in the prose and in the shapes.
#[test]
fn what_is_spoken_is_documented() {
    let read = |path: &str| std::fs::read_to_string(format!("{}/docs/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (prose, shapes) = (read("protocol.md"), read("openapi.yaml"));
    let mut words = std::collections::BTreeSet::new();
    let messages: Value = vectors("messages");
    let conversations: Value = vectors("conversations");
    for group in ["operation", "push", "pushReply", "pullReply"] {
        spoken(&messages[group], &mut words);
    }
    let steps = conversations.as_array().unwrap().iter().flat_map(|conversation| conversation["steps"].as_array().unwrap());
    for step in steps {
        spoken(&step["reply"], &mut words);
    }
    assert!(["splice", "valueSeq", "fenced", "id_reused", "changesPerPull"].iter().all(|word| words.contains(*word)), "{words:?}");
    for word in words {
        assert!(prose.contains(&format!("`{word}`")) || prose.contains(&format!("\"{word}\"")), "protocol.md says nothing of {word}");
        // The codes of refused entries are words of the app as much as of the server: the shapes leave them open.
        let code = word.contains('_') && word != "unknown_feed" || word == "malformed";
        assert!(code || shapes.contains(&word), "openapi.yaml says nothing of {word}");
    }
    let Limits { request_bytes, entries_per_push, entry_bytes, operations_per_entry, changes_per_pull, page_bytes } = Limits::default();
    assert_eq!([request_bytes >> 20, entry_bytes >> 20, page_bytes >> 20], [4, 1, 1], "as in the table of limits");
    assert_eq!([entries_per_push, operations_per_entry, changes_per_pull], [1_000; 3], "as in the table of limits");
}

/// Names of members, and the words that say which kind of thing something is; nothing inside documents.
fn spoken(value: &Value, words: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| spoken(item, words)),
        Value::Object(members) => {
            for (name, inner) in members {
                words.insert(name.clone());
                match name.as_str() {
                    "op" | "outcome" => drop(words.insert(inner.as_str().unwrap().to_owned())),
                    "code" if ["marked", "too_late"].contains(&inner.as_str().unwrap()) => {}
                    "code" => drop(words.insert(inner.as_str().unwrap().to_owned())),
                    "value" | "set" | "fields" | "items" => {}
                    _ => spoken(inner, words),
                }
            }
        }
        _ => {}
    }
}
