//! What is found in bytes: the entries of a push, and the bases on a disk, which must be the server's truth and complete
//! up to the cursor that is stored beside them (laws I10, I16).

use std::collections::{BTreeMap, BTreeSet};

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

/// What an entry says of one of its documents.
#[derive(Clone, Debug)]
pub struct Said {
    /// What it was made on, by the version that it names.
    pub base: Option<Value>,
    /// Whether what it makes of that can be told from it alone.
    pub is_whole: bool,
}

/// What an entry says of its documents.
pub fn said(bytes: &str, truth: &Truth) -> BTreeMap<String, Said> {
    #[derive(Default, Deserialize)]
    struct Entry {
        operations: Vec<Operation>,
    }
    #[derive(Deserialize)]
    struct Operation {
        op: String,
        collection: String,
        key: String,
        /// `Some(None)`: there must be no document.
        #[serde(default, deserialize_with = "even_null")]
        base: Option<Option<String>>,
    }
    fn even_null<'de, D: serde::Deserializer<'de>>(given: D) -> Result<Option<Option<String>>, D::Error> {
        Option::deserialize(given).map(Some)
    }
    let entry: Entry = serde_json::from_str(bytes).unwrap_or_default();
    let mut documents = BTreeMap::new();
    for Operation { op, collection, key, base } in &entry.operations {
        let name = format!("{collection}/{key}");
        let value = || truth.at(&name, truth.position(base.as_ref()?.as_ref()?)?)?.value.clone();
        let said = Said { base: value(), is_whole: matches!(op.as_str(), "put" | "delete") || *base == Some(None) };
        documents.entry(name).or_insert(said);
    }
    documents
}

/// How far what is on a disk has come.
#[derive(Debug, Default)]
pub struct Durable {
    /// The bases by name.
    pub bases: BTreeMap<String, State>,
    /// Where those stand that say so.
    pub stands: BTreeMap<String, u64>,
    /// The cursors by feed.
    pub cursors: BTreeMap<String, u64>,
    /// The feeds that have one.
    pub begun: BTreeSet<String>,
    /// The generation of the server's data that is known of; empty where none is.
    pub generation: String,
}

/// The bases and cursors on a disk. `pending`: where the server has carried out what is pending there, the positions of that
/// for each document. A base has nothing of it.
pub fn durable(image: &Image, truth: &Truth, pending: &BTreeMap<String, Vec<u64>>) -> Result<Durable, Violation> {
    let mut durable = Durable::default();
    let (mut bases, places) = (Vec::new(), places(image));
    let pages = image.pages.iter().map(|(page, bytes)| (Some(*page), 0, bytes));
    for (page, at, bytes) in image.log.iter().map(|(at, bytes)| (None, *at, bytes)).chain(pages) {
        for found in record::decode(bytes) {
            let Found::Record(record) = found else {
                return broken("S15", format!("there is something unreadable on the disk: {found:?}"));
            };
            match record.kind {
                Kind::Base => {
                    let mut base = base(&record, truth, at).map_err(|what| Violation { law: "S15", what: what.into() })?;
                    match (page, places.get(&base.name)) {
                        (None, _) => bases.push(base),
                        (Some(page), Some((place, at))) if *place == page => {
                            base.order = *at;
                            bases.push(base);
                        }
                        // It has moved to another page.
                        (Some(_), _) => {}
                    }
                }
                Kind::Cursor => {
                    let (feed, at, generation) = cursor(&record).map_err(|what| Violation { law: "S15", what: what.into() })?;
                    // The later record stands.
                    durable.generation = generation;
                    match &at {
                        Some(_) => durable.begun.insert(feed.clone()),
                        None => durable.begun.remove(&feed),
                    };
                    durable.cursors.insert(feed, at.as_deref().and_then(|at| truth.position(at)).unwrap_or(0));
                }
                _ => {}
            }
        }
    }
    for base in &bases {
        let state = State { seq: base.seq.unwrap_or_else(|| absent_since(base, &bases, truth, pending)), value: base.value.clone() };
        let had = truth.at(&base.name, state.seq);
        let is_had = had.is_some_and(|had| had.value == state.value && (had.seq == state.seq || had.value.is_none()));
        if !is_had && (had.is_some() || state.value.is_some()) {
            return broken("I3", format!("{} is on the disk as {state:?}, and the server had {had:?}", base.name));
        }
        if durable.bases.get(&base.name).is_none_or(|other| other.seq < state.seq) {
            match base.seq {
                Some(seq) => durable.stands.insert(base.name.clone(), seq),
                None => durable.stands.remove(&base.name),
            };
            durable.bases.insert(base.name.clone(), state);
        }
    }
    for (feed, cursor) in &durable.cursors {
        for (name, latest) in truth.latest_of(feed) {
            // A document that was written again behind the cursor comes with a later page, and only with that.
            let base = durable.bases.get(name);
            let there = base.map_or(0, |state| state.seq);
            let is_absent = base.is_none_or(|base| base.value.is_none()) && truth.is_forgotten(latest);
            if there < latest.seq && latest.seq <= *cursor && !is_absent {
                let what = format!("the cursor of {feed} stands at {cursor}, and {name} at {there} instead of {}", latest.seq);
                return broken("I16", what);
            }
        }
    }
    Ok(durable)
}

fn cursor(record: &record::Record<'_>) -> Result<(String, Option<String>, String), &'static str> {
    let mut header = record.header()?;
    Ok((header.read("feed")?, header.read("cursor")?, header.read("generation")?))
}

/// A base as it is written.
pub(super) struct Base {
    pub name: String,
    /// A later one was written later.
    order: u64,
    /// `None`: nobody said where it stands, only that it is not there.
    pub seq: Option<u64>,
    pub generation: String,
    pub value: Option<Value>,
}

/// The base that a record holds.
pub(super) fn base(record: &record::Record<'_>, truth: &Truth, order: u64) -> Result<Base, &'static str> {
    let mut header = record.header()?;
    let (collection, key): (String, String) = (header.read("collection")?, header.read("key")?);
    let (seq, generation): (Option<u64>, String) = (header.read("seq")?, header.read("generation")?);
    let value: Option<Value> = match record.body {
        "" => None,
        text => Some(serde_json::from_str(text).map_err(|_| "a base is no JSON")?),
    };
    let position = |seq| truth.position_in(&generation, seq).ok_or("a base is of a generation that never was");
    let seq = seq.map(position).transpose()?;
    Ok(Base { name: format!("{collection}/{key}"), order, seq, generation, value })
}

/// The last position at which a document may have been found not to be there: before what was written of it later.
fn absent_since(base: &Base, bases: &[Base], truth: &Truth, pending: &BTreeMap<String, Vec<u64>>) -> u64 {
    let later = bases.iter().filter(|other| other.name == base.name && other.order > base.order).filter_map(|other| other.seq);
    let before: Vec<u64> = later.chain(pending.get(&base.name).into_iter().flatten().copied()).collect();
    truth.last_absent(&base.name, &base.generation, &before).map_or(0, |state| state.seq)
}

/// Where the documents of a disk are: for each its page, and the last commit that said so; 0 where only the directory does.
fn places(image: &Image) -> BTreeMap<String, (u32, u64)> {
    let mut places = BTreeMap::new();
    let said = image.directory.iter().map(|bytes| (0, bytes)).chain(image.log.iter().map(|(at, bytes)| (*at, bytes)));
    for (at, bytes) in said {
        for found in record::decode(bytes) {
            let Found::Record(record) = found else { continue };
            let rows: Vec<(u32, String, Vec<String>)> = match record.kind {
                Kind::Directory => serde_json::from_str(record.body).unwrap_or_default(),
                Kind::Paged => serde_json::from_str::<Paged>(record.header).map(|paged| paged.pages).unwrap_or_default(),
                _ => continue,
            };
            for (page, collection, keys) in rows {
                places.extend(keys.iter().map(|key| (format!("{collection}/{key}"), (page, at))));
            }
        }
    }
    places
}

#[derive(Deserialize)]
struct Paged {
    pages: Vec<(u32, String, Vec<String>)>,
}
