//! The conversations of the golden vectors, over HTTP.

use serde::Deserialize;
use serde_json::value::RawValue;
use syncline::protocol::{Call, Identity};

use crate::support::Bench;

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
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default = "somebody")]
    scope: String,
    #[serde(default = "anybody")]
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
    #[serde(default = "fine")]
    status: u16,
    reply: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Pull {
    feed: String,
    cursor: Option<String>,
    limit: u32,
    request: String,
}

fn somebody() -> String {
    "u".into()
}

fn anybody() -> String {
    "c".into()
}

fn first() -> u64 {
    1
}

fn fine() -> u16 {
    200
}

#[test]
fn the_server_speaks_as_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/conversations.json");
    let conversations: Vec<Conversation> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for conversation in conversations {
        let options = options(&conversation.options);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let mut bench = Bench::start(&options);
        let older = bench.folder.path().join("older.sqlite");
        for (index, step) in conversation.steps.iter().enumerate() {
            if step.backup {
                bench.stop();
                std::fs::copy(bench.db(), &older).unwrap();
                bench.restart(&options);
            } else if let Some(generation) = &step.restore {
                let restore = ["--copy-from", older.to_str().unwrap(), "--generation", generation];
                bench.restart(&[options.as_slice(), &restore].concat());
            } else {
                let asker = Identity { scope: step.scope.clone(), client: step.client.clone(), session_epoch: step.session };
                let reply = bench.call(&asker, &call(step));
                let should = step.reply.as_ref().expect("what asks is answered").get();
                assert_eq!((reply.status, reply.text()), (step.status, should), "{}, step {index}", conversation.name);
                assert_eq!(reply.header("content-type"), Some("application/json"));
            }
        }
    }
}

fn options(options: &Options) -> Vec<String> {
    let mut words = Vec::new();
    if options.reject_marked {
        words.push("--reject-marked".to_owned());
    }
    for (name, value) in [("--keep-outcomes", options.keep_outcomes), ("--entry-bytes", options.entry_bytes.map(|bytes| bytes as u64))] {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.to_string()]));
    }
    words
}

fn call(step: &Step) -> Call {
    match (&step.push, &step.pull, &step.outcome, step.ping) {
        (Some(body), None, None, false) => Call::Push { ids: Vec::new(), body: body.get().to_owned(), attempt: 0 },
        (None, Some(Pull { feed, cursor, limit, request }), None, false) => {
            Call::Pull { feed: feed.clone(), cursor: cursor.clone(), limit: *limit, request: request.clone() }
        }
        (None, None, Some(id), false) => Call::Outcome { id: id.clone() },
        (None, None, None, true) => Call::Ping,
        _ => panic!("one call a step"),
    }
}
