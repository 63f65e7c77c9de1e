//! The SQLite file: opened, restored, closed, and written in transactions. What stands in it is in `tables.rs`.
//!
//! One connection writes, in explicit transactions that may hold many commits; others read, each in a transaction of
//! its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use syncline::authority::{Head, Store};

/// Stored in the file; another number means that another version of this program made it.
const SCHEMA_VERSION: i64 = 1;

/// The tables.
const SCHEMA: &str = include_str!("schema.sql");

/// Every value a document ever had, kept only where asked for.
const COMMITTED: &str = "
    CREATE TABLE IF NOT EXISTS committed (
        seq INTEGER NOT NULL, scope INTEGER NOT NULL, collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT
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
    pub connection: Connection,
    pub keep_values: bool,
    /// The head while a transaction is open that writes.
    pub head: Option<Head>,
    /// Numbers of names that were asked for lately.
    pub numbers: RefCell<BTreeMap<String, i64>>,
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
        Ok(SqliteStore { connection, keep_values, head: None, numbers: RefCell::default() })
    }

    /// Opens another connection to a file that is open already, for reading only.
    pub fn open_reader(path: &Path) -> Result<SqliteStore, StoreError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(SqliteStore { connection, keep_values: false, head: None, numbers: RefCell::default() })
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
        self.head = Some(self.head()?);
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
        self.numbers.take();
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

#[cfg(test)]
mod tests {
    use syncline::authority::{Commit, Ending, Remembered};
    use syncline::protocol::{Address, Json};

    use super::*;

    /// A fresh file and its store, with a transaction open, as the authority finds it.
    fn fresh() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(&folder.path().join("data.sqlite"), "g1", true).unwrap();
        store.begin().unwrap();
        (folder, store)
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
