//! The authority's store in a SQLite file.
//!
//! One connection writes, in explicit transactions that may hold many commits; others read, each in a transaction of
//! its own. A log position is the row id of its outcome, so the head needs no row of its own and cannot disagree.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde_json::{Map, Value, json};
use syncline::authority::{Client, Commit, Ending, Feed, Head, Life, Remembered, Revision, Store};
use syncline::protocol::{Address, Applied, Json};

/// Stored in the file; another number means that another version of this program made it.
const SCHEMA_VERSION: i64 = 1;

/// The tables.
const SCHEMA: &str = include_str!("schema.sql");

/// Every value a document ever had, kept only where asked for.
const COMMITTED: &str = "
    CREATE TABLE IF NOT EXISTS committed (
        seq INTEGER NOT NULL, scope TEXT NOT NULL, collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT
    );
    CREATE INDEX IF NOT EXISTS committed_by_document ON committed (collection, key, seq);
";

/// What can go wrong with the file.
#[derive(Debug)]
pub enum StoreError {
    /// SQLite says so: the disk is full, the file cannot be opened, and so on.
    Sqlite(rusqlite::Error),
    /// What is in the file is not what this program wrote; with what is wrong.
    Damaged(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Sqlite(error) => error.fmt(f),
            StoreError::Damaged(what) => write!(f, "the database is damaged: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Sqlite(error)
    }
}

/// A connection to the file.
pub struct SqliteStore {
    connection: Connection,
    keep_values: bool,
    /// The head while a transaction is open that writes.
    head: Option<Head>,
}

impl SqliteStore {
    /// Opens the file for writing and reading, and creates it where there is none. `generation` is its first life's
    /// name in that case. With `keep_values` every committed value is kept in the table `committed`.
    pub fn open(path: &Path, generation: &str, keep_values: bool) -> Result<SqliteStore, StoreError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        match connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? {
            0 => {
                if connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))? > 0 {
                    return Err(StoreError::Damaged("another program made it".into()));
                }
                connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION};"))?;
                connection.execute("INSERT INTO state VALUES (1, ?1, 0)", [generation])?;
                connection.execute_batch("COMMIT")?;
            }
            SCHEMA_VERSION => {}
            other => return Err(StoreError::Damaged(format!("its schema has version {other}, this program knows {SCHEMA_VERSION}"))),
        }
        if keep_values {
            connection.execute_batch(COMMITTED)?;
        }
        Ok(SqliteStore { connection, keep_values, head: None })
    }

    /// Opens another connection to a file that is open already, for reading only.
    pub fn open_reader(path: &Path) -> Result<SqliteStore, StoreError> {
        Ok(SqliteStore { connection: connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, keep_values: false, head: None })
    }

    /// Replaces the file at `path` by a copy of the one at `older`, in another life of the data (fault H18). The file
    /// appears whole or not at all.
    pub fn restore(path: &Path, older: &Path, generation: &str) -> Result<(), StoreError> {
        let unfinished = beside(path, ".restoring");
        let gone = |path: &Path| match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::Damaged(format!("{}: {error}", path.display()))),
            _ => Ok(()),
        };
        for leftover in [unfinished.clone(), beside(&unfinished, "-wal"), beside(&unfinished, "-shm")] {
            gone(&leftover)?;
        }
        let source = connect(older, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let mut copy = Connection::open(&unfinished)?;
        Backup::new(&source, &mut copy)?.run_to_completion(1_000, Duration::ZERO, None)?;
        drop(copy);
        let mut store = SqliteStore::open(&unfinished, generation, false)?;
        store.begin()?;
        store.begin_life(generation)?;
        store.end()?;
        store.close()?;
        for former in [beside(path, "-wal"), beside(path, "-shm")] {
            gone(&former)?;
        }
        std::fs::rename(&unfinished, path).map_err(|error| StoreError::Damaged(format!("{}: {error}", path.display())))
    }

    /// Begins a transaction that writes; commits gather in it until [`SqliteStore::end`] makes them durable.
    pub fn begin(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        self.head = Some(self.read_head()?);
        Ok(())
    }

    /// Makes everything since [`SqliteStore::begin`] durable.
    pub fn end(&mut self) -> Result<(), StoreError> {
        self.head = None;
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    /// Undoes everything since [`SqliteStore::begin`]. SQLite may have done so by itself.
    pub fn abandon(&mut self) {
        self.head = None;
        if !self.connection.is_autocommit() {
            let undone = self.connection.execute_batch("ROLLBACK");
            debug_assert!(undone.is_ok(), "a transaction that is open can be rolled back: {undone:?}");
        }
    }

    /// Reads what `read` asks for, all at one moment.
    pub fn at_one_moment<T>(&self, read: impl FnOnce(&SqliteStore) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let moment = self.connection.unchecked_transaction()?;
        let answer = read(self)?;
        moment.finish()?;
        Ok(answer)
    }

    /// Folds the log into the file and closes it.
    pub fn close(self) -> Result<(), StoreError> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.connection.close().map_err(|(_, error)| StoreError::Sqlite(error))
    }

    /// The kept values of a document behind position `after`, at most `limit`, in order: position and value.
    pub fn committed(&self, collection: &str, key: &str, after: u64, limit: usize) -> Result<Vec<(u64, Option<String>)>, StoreError> {
        let query = "SELECT seq, value FROM committed WHERE collection = ?1 AND key = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4";
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map(params![collection, key, after as i64, limit as i64], |row| Ok((unsigned(row, 0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn read_head(&self) -> Result<Head, StoreError> {
        let query = "SELECT generation, horizon, coalesce((SELECT max(seq) FROM outcomes), horizon) FROM state";
        let mut statement = self.connection.prepare_cached(query)?;
        Ok(statement.query_row([], |row| Ok(Head { generation: row.get(0)?, horizon: unsigned(row, 1)?, seq: unsigned(row, 2)? }))?)
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// The path with more at its end, as SQLite names the files that belong to another.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    PathBuf::from(name)
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
        self.head.clone().map_or_else(|| self.read_head(), Ok)
    }

    fn life(&self, generation: &str) -> Result<Option<Life>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT generation, ended_at FROM lives WHERE generation = ?1")?;
        let life = statement.query_row([generation], |row| Ok(Life { generation: row.get(0)?, ended_at: unsigned(row, 1)? }));
        Ok(life.optional()?)
    }

    fn client(&self, scope: &str, client: &str) -> Result<Option<Client>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT session_epoch, since FROM clients WHERE scope = ?1 AND client = ?2")?;
        let known = statement.query_row([scope, client], |row| Ok(Client { session_epoch: unsigned(row, 0)?, since: unsigned(row, 1)? }));
        Ok(known.optional()?)
    }

    fn remembered(&self, scope: &str, id: &str) -> Result<Option<Remembered>, StoreError> {
        let query = "SELECT seq, fingerprint, kind, version, detail FROM outcomes WHERE scope = ?1 AND id = ?2";
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query([scope, id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let ending = ending(&row.get::<_, String>(2)?, row.get(3)?, row.get(4)?)?;
        Ok(Some(Remembered { seq: unsigned(row, 0)?, fingerprint: unsigned(row, 1)?, ending }))
    }

    fn document(&self, scope: &str, address: &Address) -> Result<Option<Revision>, StoreError> {
        let query =
            "SELECT collection, key, seq, version, entry_id, value FROM documents WHERE scope = ?1 AND collection = ?2 AND key = ?3";
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query([scope, &address.collection, &address.key])?;
        rows.next()?.map(revision).transpose()
    }

    fn changes(&self, scope: &str, feed: &Feed, after: u64, visit: &mut dyn FnMut(Revision) -> ControlFlow<()>) -> Result<(), StoreError> {
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
        let query = "SELECT id, version, seq FROM outcomes INDEXED BY outcomes_by_client
            WHERE kind = 'ok' AND scope = ?1 AND client = ?2 AND seq > ?3 AND seq <= ?4 AND (?5 IS NULL OR collection = ?5)
            ORDER BY seq LIMIT ?6";
        let mut statement = self.connection.prepare_cached(query)?;
        let parameters = params![scope, client, after as i64, through as i64, collection_of(feed), limit as i64];
        let rows = statement.query_map(parameters, |row| Ok(Applied { id: row.get(0)?, version: row.get(1)?, seq: unsigned(row, 2)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), StoreError> {
        let head = self.head.as_mut().expect("commits are made between `begin` and `end`");
        let Commit { scope, client, id, remembered, documents } = commit;
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

    fn put(store: &mut SqliteStore, id: &str, value: &str) -> Result<u64, StoreError> {
        let head = store.head()?;
        let ending = Ending::Ok { version: format!("{}.{}", head.generation, head.seq + 1) };
        let remembered = Remembered { seq: head.seq + 1, fingerprint: 7, ending };
        let documents = vec![(Address::of("n", "k"), Some(Json::parse(value).unwrap()))];
        store.commit(&Commit { scope: "u", client: "c", id, remembered, documents }).map(|()| head.seq + 1)
    }

    #[test]
    fn what_was_ended_is_there_after_reopening_and_what_was_not_is_gone() {
        let (folder, mut store) = fresh();
        let path = folder.path().join("data.sqlite");
        put(&mut store, "e1", "1").unwrap();
        store.end().unwrap();
        store.begin().unwrap();
        put(&mut store, "e2", "2").unwrap();
        let reader = SqliteStore::open_reader(&path).unwrap();
        assert_eq!(reader.head().unwrap().seq, 1, "nobody sees what is not ended");
        drop(store);
        let store = SqliteStore::open(&path, "another", false).unwrap();
        assert_eq!(store.head().unwrap(), Head { generation: "g1".into(), seq: 1, horizon: 0 });
        assert_eq!(store.remembered("u", "e2").unwrap(), None);
        assert_eq!(store.document("u", &Address::of("n", "k")).unwrap().unwrap().entry_id, "e1");
    }

    #[test]
    fn what_was_abandoned_leaves_nothing() {
        let (_folder, mut store) = fresh();
        put(&mut store, "e1", "1").unwrap();
        store.abandon();
        store.begin().unwrap();
        assert_eq!(store.head().unwrap().seq, 0);
        assert_eq!(put(&mut store, "e1", "2").unwrap(), 1);
        assert_eq!(store.committed("n", "k", 0, 9).unwrap(), [(1, Some("2".into()))]);
    }

    #[test]
    fn a_full_disk_is_an_error_and_takes_nothing() {
        let (_folder, mut store) = fresh();
        put(&mut store, "e1", "1").unwrap();
        store.end().unwrap();
        store.connection.pragma_update(None, "max_page_count", 30).unwrap();
        store.begin().unwrap();
        let large = format!("\"{}\"", "x".repeat(1 << 20));
        assert!(matches!(put(&mut store, "e2", &large), Err(StoreError::Sqlite(_))));
        store.abandon();
        store.begin().unwrap();
        assert_eq!(store.remembered("u", "e2").unwrap(), None);
        assert_eq!(put(&mut store, "e3", "3").unwrap(), 2);
        store.end().unwrap();
    }

    #[test]
    fn h18_a_restored_file_is_the_older_one_in_another_life() {
        let (folder, mut store) = fresh();
        let (path, older) = (folder.path().join("data.sqlite"), folder.path().join("older.sqlite"));
        put(&mut store, "e1", "1").unwrap();
        store.end().unwrap();
        SqliteStore::restore(&older, &path, "unused").unwrap();
        store.begin().unwrap();
        put(&mut store, "e2", "2").unwrap();
        store.end().unwrap();
        drop(store);
        SqliteStore::restore(&path, &older, "g2").unwrap();
        let store = SqliteStore::open(&path, "another", false).unwrap();
        assert_eq!(store.head().unwrap(), Head { generation: "g2".into(), seq: 1, horizon: 0 });
        assert_eq!(store.life("g1").unwrap().unwrap().ended_at, 1);
        assert_eq!(store.remembered("u", "e2").unwrap(), None);
        assert!(SqliteStore::restore(&path, &folder.path().join("missing.sqlite"), "g3").is_err());
        assert!(SqliteStore::restore(&path, &older, "g1").is_err(), "a name is used for one life only");
        assert_eq!(SqliteStore::open_reader(&path).unwrap().head().unwrap().generation, "g2", "a failed restore changes nothing");
    }

    #[test]
    fn another_programs_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.sqlite");
        let other = Connection::open(&path).unwrap();
        for content in ["CREATE TABLE precious (x)", "PRAGMA user_version = 77"] {
            other.execute_batch(content).unwrap();
            assert!(matches!(SqliteStore::open(&path, "g1", false), Err(StoreError::Damaged(_))), "{content}");
        }
        std::fs::write(folder.path().join("text"), "not a database at all, but long enough to be looked at").unwrap();
        assert!(SqliteStore::open(&folder.path().join("text"), "g1", false).is_err());
    }
}
