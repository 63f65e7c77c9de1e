//! What is found in bytes: the entries of a push, and the bases on a disk, which must be the server's truth and complete
//! up to the cursor that is stored beside them (laws I10, I16).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::truth::{State, Truth};
use super::{Violation, broken};
use crate::engine::record::{self, Found, Kind};
use crate::sim::disk::Image;

/// The entries in the body of a push: ids, and bytes as they are.
pub fn entries(body: &str) -> Vec<(String, String)> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        entries: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let body: Option<Body<'_>> = serde_json::from_str(body).ok();
    let named = |raw: &&RawValue| Some((serde_json::from_str::<Named>(raw.get()).ok()?.id, raw.get().to_owned()));
    body.map(|body| body.entries.iter().filter_map(named).collect()).unwrap_or_default()
}

/// The document that an entry was made on, by the version it names.
pub fn base_of_entry(bytes: &str, truth: &Truth) -> Option<Value> {
    let entry: Value = serde_json::from_str(bytes).ok()?;
    let first = entry["operations"].get(0)?;
    let name = format!("{}/{}", first["collection"].as_str()?, first["key"].as_str()?);
    truth.at(&name, position(first["base"].as_str()?)?)?.value.clone()
}

/// The bases on a disk, by name.
pub fn bases(image: &Image, truth: &Truth) -> Result<BTreeMap<String, State>, Violation> {
    let mut bases: BTreeMap<String, State> = BTreeMap::new();
    let mut cursor = 0;
    for bytes in image.log.values().chain(image.pages.values()) {
        for found in record::decode(bytes) {
            let Found::Record(record) = found else {
                return broken("S15", format!("there is something unreadable on the disk: {found:?}"));
            };
            match record.kind {
                Kind::Base => {
                    let (name, state) = base(&record).map_err(|what| Violation { law: "S15", what: what.into() })?;
                    let had = truth.at(&name, state.seq);
                    if state.seq > 0 && had != Some(&state) {
                        return broken("I3", format!("{name} is on the disk as {state:?}, and the server had {had:?}"));
                    }
                    if bases.get(&name).is_none_or(|other| other.seq < state.seq) {
                        bases.insert(name, state);
                    }
                }
                Kind::Cursor => {
                    let read = record.header().and_then(|mut header| header.read("cursor"));
                    let at: Option<String> = read.map_err(|what| Violation { law: "S15", what: what.into() })?;
                    cursor = cursor.max(at.as_deref().and_then(position).unwrap_or(0));
                }
                _ => {}
            }
        }
    }
    for name in truth.names() {
        // A document that was written again behind the cursor comes with a later page, and only with that.
        let must = truth.latest(name).map_or(0, |state| state.seq);
        let there = bases.get(name).map_or(0, |state| state.seq);
        if there < must && must <= cursor {
            return broken("I16", format!("the cursor stands at {cursor}, and {name} at {there} instead of {must}"));
        }
    }
    Ok(bases)
}

fn base(record: &record::Record<'_>) -> Result<(String, State), &'static str> {
    let mut header = record.header()?;
    let (collection, key): (String, String) = (header.read("collection")?, header.read("key")?);
    let seq: Option<u64> = header.read("seq")?;
    let value: Option<Value> = match record.body {
        "" => None,
        text => Some(serde_json::from_str(text).map_err(|_| "a base is no JSON")?),
    };
    Ok((format!("{collection}/{key}"), State { seq: seq.unwrap_or(0), value }))
}

/// The position in a cursor of the reference server: what is behind its last dot.
fn position(cursor: &str) -> Option<u64> {
    cursor.rsplit_once('.')?.1.parse().ok()
}
