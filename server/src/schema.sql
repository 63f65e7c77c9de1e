-- Which life of the data this is, and the position at and below which outcomes were forgotten.
CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), generation TEXT NOT NULL, horizon INTEGER NOT NULL);

-- Former lives, and the last position each shares with the one after it.
CREATE TABLE lives (generation TEXT PRIMARY KEY, ended_at INTEGER NOT NULL) WITHOUT ROWID;

-- Names of users and clients; wherever else `scope` or `client` stands, it is such a number.
CREATE TABLE names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE clients (
    scope INTEGER NOT NULL, client INTEGER NOT NULL, session_epoch INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (scope, client)
) WITHOUT ROWID;

-- One row a position. `version` and `collection` (where all its documents are in one) are of entries that ended well,
-- `detail` is of the others: the address of a conflict, the code, message and fields of a refusal, as JSON.
CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY, scope INTEGER NOT NULL, id TEXT NOT NULL, client INTEGER NOT NULL, fingerprint INTEGER NOT NULL,
    kind TEXT NOT NULL, version TEXT, collection TEXT, detail TEXT
);
CREATE UNIQUE INDEX outcomes_by_id ON outcomes (scope, id);
CREATE INDEX outcomes_by_client ON outcomes (scope, client, seq) WHERE kind = 'ok';

-- The latest state of each document; `value` is null where it was deleted.
CREATE TABLE documents (
    scope INTEGER NOT NULL, collection TEXT NOT NULL, key TEXT NOT NULL,
    seq INTEGER NOT NULL, version TEXT NOT NULL, entry_id TEXT NOT NULL, value TEXT
);
CREATE UNIQUE INDEX documents_by_address ON documents (scope, collection, key);
CREATE INDEX documents_by_seq ON documents (scope, seq);
