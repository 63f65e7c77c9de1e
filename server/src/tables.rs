//! The authority's store as tables; `schema.sql` says what each holds.
//!
//! A log position is the row id of its outcome, so the head needs no row of its own and cannot disagree. Users and
//! clients stand in the rows as numbers, which keeps the indexes small.

use std::ops::ControlFlow;

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::{Map, Value, json};
use syncline::authority::{Client, Commit, Ending, Feed, Head, Life, Remembered, Revision, Store};
use syncline::protocol::{Address, Applied, Json};

use crate::sqlite::{SqliteStore, StoreError};

/// Numbers of names that are kept at hand.
const NUMBERS_KEPT: usize = 1_000;

/// A value that a document was given.
#[derive(Debug, PartialEq, Serialize)]
pub struct Kept {
    /// Its place in the table, from 1 on.
    row: u64,
    /// The position of the entry that gave it.
    seq: u64,
    /// That entry; null where its outcome was forgotten.
    entry: Option<String>,
    collection: String,
    key: String,
    /// The document's text; null where it was deleted.
    value: Option<String>,
}

impl SqliteStore {
    /// The number of a user or a client; `None` where nothing was ever stored under this name.
    fn number(&self, name: &str) -> Result<Option<i64>, StoreError> {
        if let Some(number) = self.numbers.borrow().get(name) {
            return Ok(Some(*number));
        }
        let mut statement = self.connection.prepare_cached("SELECT number FROM names WHERE name = ?1")?;
        let number = statement.query_row([name], |row| row.get(0)).optional()?;
        if let Some(number) = number {
            self.keep_number(name, number);
        }
        Ok(number)
    }

    /// The number of a user or a client, given to it where it had none.
    fn number_made(&mut self, name: &str) -> Result<i64, StoreError> {
        if let Some(number) = self.number(name)? {
            return Ok(number);
        }
        self.connection.prepare_cached("INSERT INTO names (name) VALUES (?1)")?.execute([name])?;
        let number = self.connection.last_insert_rowid();
        self.keep_number(name, number);
        Ok(number)
    }

    fn keep_number(&self, name: &str, number: i64) {
        let mut numbers = self.numbers.borrow_mut();
        if numbers.len() >= NUMBERS_KEPT {
            numbers.clear();
        }
        numbers.insert(name.to_owned(), number);
    }

    /// The kept values of all documents behind row `after`, at most `limit`, in order.
    pub fn history(&self, after: u64, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let query = "SELECT committed.rowid, committed.seq, outcomes.id, committed.collection, key, value
            FROM committed LEFT JOIN outcomes ON outcomes.seq = committed.seq WHERE committed.rowid > ?1 ORDER BY committed.rowid LIMIT ?2";
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map(params![after as i64, limit as i64], |row| {
            Ok(Kept {
                row: unsigned(row, 0)?,
                seq: unsigned(row, 1)?,
                entry: row.get(2)?,
                collection: row.get(3)?,
                key: row.get(4)?,
                value: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The kept values of a document behind position `after`, at most `limit`, in order: position and value.
    pub fn committed(&self, collection: &str, key: &str, after: u64, limit: usize) -> Result<Vec<(u64, Option<String>)>, StoreError> {
        let query = "SELECT seq, value FROM committed WHERE collection = ?1 AND key = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4";
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map(params![collection, key, after as i64, limit as i64], |row| Ok((unsigned(row, 0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// SQLite's integers are signed; positions never come near the sign.
fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| number as u64)
}

fn checked(text: Option<String>) -> Result<Option<Json>, StoreError> {
    text.map(|text| Json::parse(&text)).transpose().map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A row of `documents`: collection, key, seq, version, entry id, value.
fn revision(row: &Row<'_>) -> Result<Revision, StoreError> {
    let (collection, key) = (row.get_ref(0)?, row.get_ref(1)?);
    let name =
        |text: rusqlite::types::ValueRef<'_>| text.as_str().map(str::to_owned).map_err(|error| StoreError::Damaged(error.to_string()));
    Ok(Revision {
        address: Address::of(&name(collection)?, &name(key)?),
        seq: unsigned(row, 2)?,
        version: row.get(3)?,
        entry_id: row.get(4)?,
        value: checked(row.get(5)?)?,
    })
}

/// An ending as columns: kind, version, and the rest as JSON.
fn columns(ending: &Ending) -> (&'static str, Option<&str>, Option<String>) {
    match ending {
        Ending::Ok { version } => ("ok", Some(version), None),
        Ending::Conflict { address } => ("conflict", None, Some(json!([address.collection, address.key]).to_string())),
        Ending::Rejected { code, message, fields } => ("rejected", None, Some(json!([code, message, fields]).to_string())),
        Ending::TooLarge => ("tooLarge", None, None),
    }
}

fn ending(kind: &str, version: Option<String>, detail: Option<String>) -> Result<Ending, StoreError> {
    let damaged = |why: &str| StoreError::Damaged(format!("an outcome of kind `{}`: {why}", kind.escape_debug()));
    let detail = detail.as_deref().unwrap_or("null");
    match kind {
        "ok" => version.map(|version| Ending::Ok { version }).ok_or_else(|| damaged("it has no version")),
        "conflict" => serde_json::from_str::<(String, String)>(detail)
            .map(|(collection, key)| Ending::Conflict { address: Address::of(&collection, &key) })
            .map_err(|error| damaged(&error.to_string())),
        "rejected" => serde_json::from_str::<(String, String, Option<Map<String, Value>>)>(detail)
            .map(|(code, message, fields)| Ending::Rejected { code, message, fields })
            .map_err(|error| damaged(&error.to_string())),
        "tooLarge" => Ok(Ending::TooLarge),
        _ => Err(damaged("unknown")),
    }
}

impl Store for SqliteStore {
    type Error = StoreError;

    fn head(&self) -> Result<Head, StoreError> {
        if let Some(head) = &self.head {
            return Ok(head.clone());
        }
        let query = "SELECT generation, horizon, coalesce((SELECT max(seq) FROM outcomes), horizon) FROM state";
        let mut statement = self.connection.prepare_cached(query)?;
        Ok(statement.query_row([], |row| Ok(Head { generation: row.get(0)?, horizon: unsigned(row, 1)?, seq: unsigned(row, 2)? }))?)
    }

    fn life(&self, generation: &str) -> Result<Option<Life>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT generation, ended_at FROM lives WHERE generation = ?1")?;
        let life = statement.query_row([generation], |row| Ok(Life { generation: row.get(0)?, ended_at: unsigned(row, 1)? }));
        Ok(life.optional()?)
    }

    fn client(&self, scope: &str, client: &str) -> Result<Option<Client>, StoreError> {
        let (Some(scope), Some(client)) = (self.number(scope)?, self.number(client)?) else { return Ok(None) };
        let mut statement = self.connection.prepare_cached("SELECT session_epoch, since FROM clients WHERE scope = ?1 AND client = ?2")?;
        let known = statement.query_row([scope, client], |row| Ok(Client { session_epoch: unsigned(row, 0)?, since: unsigned(row, 1)? }));
        Ok(known.optional()?)
    }

    fn remembered(&self, scope: &str, id: &str) -> Result<Option<Remembered>, StoreError> {
        let Some(scope) = self.number(scope)? else { return Ok(None) };
        let query = "SELECT seq, fingerprint, kind, version, detail FROM outcomes WHERE scope = ?1 AND id = ?2";
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query(params![scope, id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let ending = ending(&row.get::<_, String>(2)?, row.get(3)?, row.get(4)?)?;
        Ok(Some(Remembered { seq: unsigned(row, 0)?, fingerprint: unsigned(row, 1)?, ending }))
    }

    fn document(&self, scope: &str, address: &Address) -> Result<Option<Revision>, StoreError> {
        let Some(scope) = self.number(scope)? else { return Ok(None) };
        let query =
            "SELECT collection, key, seq, version, entry_id, value FROM documents WHERE scope = ?1 AND collection = ?2 AND key = ?3";
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query(params![scope, &*address.collection, &*address.key])?;
        rows.next()?.map(revision).transpose()
    }

    fn changes(&self, scope: &str, feed: &Feed, after: u64, visit: &mut dyn FnMut(Revision) -> ControlFlow<()>) -> Result<(), StoreError> {
        let Some(scope) = self.number(scope)? else { return Ok(()) };
        let query = "SELECT collection, key, seq, version, entry_id, value FROM documents INDEXED BY documents_by_seq
            WHERE scope = ?1 AND seq > ?2 AND (?3 IS NULL OR collection = ?3) ORDER BY seq, collection, key";
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query(params![scope, after as i64, collection_of(feed)])?;
        while let Some(row) = rows.next()? {
            if visit(revision(row)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn applied(&self, scope: &str, client: &str, feed: &Feed, after: u64, through: u64, limit: usize) -> Result<Vec<Applied>, StoreError> {
        let (Some(scope), Some(client)) = (self.number(scope)?, self.number(client)?) else { return Ok(Vec::new()) };
        let query = "SELECT id, version, seq FROM outcomes INDEXED BY outcomes_by_client
            WHERE kind = 'ok' AND scope = ?1 AND client = ?2 AND seq > ?3 AND seq <= ?4 AND (?5 IS NULL OR collection IS NULL OR collection = ?5)
            ORDER BY seq LIMIT ?6";
        let mut statement = self.connection.prepare_cached(query)?;
        let parameters = params![scope, client, after as i64, through as i64, collection_of(feed), limit as i64];
        let rows = statement.query_map(parameters, |row| Ok(Applied { id: row.get(0)?, version: row.get(1)?, seq: unsigned(row, 2)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), StoreError> {
        let Commit { id, remembered, documents, .. } = commit;
        let (scope, client) = (self.number_made(commit.scope)?, self.number_made(commit.client)?);
        let head = self.head.as_mut().expect("commits are made between `begin` and `end`");
        let seq = remembered.seq as i64;
        assert_eq!(remembered.seq, head.seq + 1, "the authority gives out positions one by one");
        let (kind, version, detail) = columns(&remembered.ending);
        self.connection.prepare_cached("INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(params![
            seq,
            scope,
            id,
            client,
            remembered.fingerprint as i64,
            kind,
            version,
            commit.collection(),
            detail
        ])?;
        for (address, value) in documents {
            let (collection, key, value) = (&*address.collection, &*address.key, value.as_ref().map(Json::as_str));
            self.connection
                .prepare_cached(
                    "INSERT INTO documents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (scope, collection, key)
                     DO UPDATE SET seq = excluded.seq, version = excluded.version, entry_id = excluded.entry_id, value = excluded.value",
                )?
                .execute(params![scope, collection, key, seq, version, id, value])?;
            if self.keep_values {
                self.connection
                    .prepare_cached("INSERT INTO committed VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![seq, scope, collection, key, value])?;
            }
        }
        head.seq = remembered.seq;
        Ok(())
    }

    fn put_client(&mut self, scope: &str, client: &str, known: Client) -> Result<(), StoreError> {
        let (scope, client) = (self.number_made(scope)?, self.number_made(client)?);
        self.connection.prepare_cached("INSERT OR REPLACE INTO clients VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            scope,
            client,
            known.session_epoch as i64,
            known.since as i64
        ])?;
        Ok(())
    }

    fn forget_outcomes(&mut self, through: u64) -> Result<(), StoreError> {
        let head = self.head.as_mut().expect("outcomes are forgotten between `begin` and `end`");
        self.connection.prepare_cached("DELETE FROM outcomes WHERE seq <= ?1")?.execute([through as i64])?;
        head.horizon = head.horizon.max(through);
        self.connection.prepare_cached("UPDATE state SET horizon = ?1")?.execute([head.horizon as i64])?;
        Ok(())
    }

    fn begin_life(&mut self, generation: &str) -> Result<(), StoreError> {
        let lived = self.life(generation)?.is_some();
        let head = self.head.as_mut().expect("lives begin between `begin` and `end`");
        if lived || head.generation == generation {
            return Err(StoreError::Damaged(format!("it had a life `{generation}` before")));
        }
        self.connection.execute("INSERT INTO lives VALUES (?1, ?2)", params![head.generation, head.seq as i64])?;
        self.connection.execute("UPDATE state SET generation = ?1", [generation])?;
        head.generation = generation.to_owned();
        Ok(())
    }
}

fn collection_of(feed: &Feed) -> Option<&str> {
    match feed {
        Feed::Main => None,
        Feed::Collection(name) => Some(name),
    }
}

#[cfg(test)]
mod tests {
    use syncline::authority::{contract, stories};

    use super::*;

    /// A fresh file and its store, with a transaction open, as the authority finds it.
    fn fresh() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(&folder.path().join("data.sqlite"), "g1", true).unwrap();
        store.begin().unwrap();
        (folder, store)
    }

    #[test]
    fn sqlite_keeps_the_contract() {
        for (name, case) in contract::cases() {
            println!("{name}");
            let (_folder, store) = fresh();
            case(store);
        }
    }

    #[test]
    fn the_rules_hold_over_sqlite() {
        for (name, story) in stories::stories() {
            println!("{name}");
            let (_folder, store) = fresh();
            story(store);
        }
    }

    #[test]
    fn sqlite_and_memory_agree_on_long_random_stories() {
        for seed in 0..40 {
            println!("seed {seed}");
            let (_folder, store) = fresh();
            contract::agrees_with_memory(store, seed);
        }
    }
}
