//! A backend of somebody else, behind the app's own functions: documents with versions, and no memory of who wrote what.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syncline::engine::config::{Config, Level, TransportKind};
use syncline::engine::input::Reply;
use syncline::protocol::{Call, Draft, Json, KeyedOperation};

use crate::harness::{self, Client, Disk};

/// Documents by key, each with its version; the version counts all changes there were.
pub struct Backend {
    pub documents: BTreeMap<String, (u64, Option<Value>)>,
    pub version: u64,
    /// Whether it checks what a write was made on.
    pub checks: bool,
    /// Whether it says which version a write made.
    pub tells: bool,
    /// What it remembers of entries by their ids, where it does.
    pub outcomes: Option<BTreeMap<String, Value>>,
    /// What was pushed: the operations of each entry, each time.
    pub pushed: Vec<Value>,
}

/// Options for such a backend, that takes these operations.
pub fn config(level: Level, accepts: &[&str]) -> Config {
    let accepts = accepts.iter().map(|name| (*name).to_owned()).collect();
    Config { transport: TransportKind::Functions, level, accepts, groups: false, poll_base_ms: 1 << 40, ..harness::config() }
}

/// A client of it that pulled once and then leaves the network to its pushes.
pub fn opened(backend: &mut Backend, config: Config) -> Client {
    let mut client = Client::with(config, Disk::default(), 1);
    backend.live(&mut client, 10);
    client
}

impl Backend {
    pub fn new(checks: bool) -> Backend {
        Backend { documents: BTreeMap::new(), version: 0, checks, tells: true, outcomes: None, pushed: Vec::new() }
    }

    /// Somebody writes without this client.
    pub fn write(&mut self, key: &str, value: Option<Value>) {
        self.version += 1;
        self.documents.insert(key.to_owned(), (self.version, value));
    }

    pub fn document(&self, key: &str) -> Option<Value> {
        self.documents.get(key)?.1.clone()
    }

    /// Time passes for a client, and this answers at once.
    pub fn live(&mut self, client: &mut Client, ms: u64) {
        client.live_with(ms, &mut |_, call| self.answer(call));
    }

    pub fn answer(&mut self, call: &Call) -> Reply {
        let body = match call {
            Call::Push { body, .. } => {
                let body: Value = serde_json::from_str(body).unwrap();
                let entries = body["entries"].as_array().unwrap().clone();
                json!({ "outcomes": entries.iter().map(|entry| self.entry(entry)).collect::<Vec<_>>() })
            }
            Call::Pull { cursor, .. } => {
                let since: u64 = cursor.as_deref().map_or(0, |cursor| cursor.parse().unwrap());
                let mut changes = Vec::new();
                for (key, (version, value)) in self.documents.iter().filter(|(_, (version, _))| *version > since) {
                    let mut change = json!({ "collection": "c", "key": key, "version": version.to_string() });
                    match value {
                        Some(value) => change["value"] = value.clone(),
                        None => change["deleted"] = json!(true),
                    }
                    changes.push(change);
                }
                json!({ "changes": changes, "cursor": self.version.to_string(), "more": false })
            }
            Call::Ping => json!({}),
            Call::Outcome { .. } => panic!("nobody asks a function for an outcome"),
        };
        harness::json(200, &body.to_string())
    }

    fn entry(&mut self, entry: &Value) -> Value {
        let id = entry["id"].as_str().unwrap().to_owned();
        if let Some(outcome) = self.outcomes.as_ref().and_then(|outcomes| outcomes.get(&id)) {
            return outcome.clone();
        }
        let outcome = self.carry_out(entry);
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.insert(id, outcome.clone());
        }
        outcome
    }

    fn carry_out(&mut self, entry: &Value) -> Value {
        self.pushed.push(entry["operations"].clone());
        let operations: Vec<KeyedOperation> = serde_json::from_value(entry["operations"].clone()).unwrap();
        let key = operations[0].address.key.to_string();
        let (version, value) = self.documents.get(&key).cloned().unwrap_or((0, None));
        if value.as_ref().is_some_and(|value| value["reject"] == json!(true)) {
            return json!({ "id": entry["id"], "outcome": "rejected", "code": "no", "message": "" });
        }
        let is_met = match &operations[0].base {
            None => true,
            Some(None) => value.is_none(),
            Some(Some(base)) => value.is_some() && *base == version.to_string(),
        };
        if self.checks && !is_met {
            let version = value.as_ref().map(|_| version.to_string());
            return json!({ "id": entry["id"], "outcome": "conflict", "version": version, "value": value });
        }
        let mut draft = Draft::of(value.map(|value| Json::parse(&value.to_string()).unwrap()));
        for operation in &operations {
            draft.apply(&operation.operation).unwrap();
        }
        self.write(&key, draft.to_json().map(|json| json.to_value()));
        let version = self.tells.then(|| self.version.to_string());
        json!({ "id": entry["id"], "outcome": "ok", "version": version })
    }
}
