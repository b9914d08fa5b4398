-- Rows are found by small integer keys inside the database and by text ids from outside. A blob is the
-- binary form of a message of agentry.v1; columns beside it are what is queried or changed, and win over it.

CREATE TABLE agents (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  data BLOB NOT NULL
) STRICT;

-- A session whose id is NULL has been deleted, and what belongs to it is being removed.
CREATE TABLE sessions (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT UNIQUE,
  epoch INTEGER NOT NULL DEFAULT 0,
  last_seq INTEGER NOT NULL DEFAULT 0,
  message_count INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  cache_read_tokens INTEGER NOT NULL DEFAULT 0,
  cache_write_tokens INTEGER NOT NULL DEFAULT 0,
  reasoning_tokens INTEGER NOT NULL DEFAULT 0,
  cost_usd REAL NOT NULL DEFAULT 0,
  title TEXT NOT NULL,
  data BLOB NOT NULL
) STRICT;

CREATE INDEX sessions_listed ON sessions (key) WHERE id IS NOT NULL;

CREATE TABLE messages (
  session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (session_key, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX messages_by_id ON messages (session_key, id);

-- `events_from` is the seq of the run's first event, 0 while it has none: with `last_seq` it bounds the
-- stretch of the session's events that holds the run's.
CREATE TABLE runs (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
  request_id TEXT NOT NULL,
  state INTEGER NOT NULL,
  events_from INTEGER NOT NULL DEFAULT 0,
  last_seq INTEGER NOT NULL DEFAULT 0,
  data BLOB NOT NULL
) STRICT;

CREATE INDEX runs_by_session ON runs (session_key);
CREATE UNIQUE INDEX runs_by_request_id ON runs (session_key, request_id) WHERE request_id <> '';
-- Running, waiting, canceling.
CREATE UNIQUE INDEX runs_active ON runs (session_key) WHERE state IN (2, 3, 4);
-- All but finished.
CREATE INDEX runs_unfinished ON runs (key) WHERE state <> 5;

CREATE TABLE run_details (
  run_key INTEGER PRIMARY KEY REFERENCES runs (key) ON DELETE CASCADE,
  input_sha256 TEXT NOT NULL,
  input BLOB NOT NULL,
  agent BLOB NOT NULL
) STRICT;

CREATE TABLE events (
  session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  run_key INTEGER,
  data BLOB NOT NULL,
  PRIMARY KEY (session_key, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
  key INTEGER PRIMARY KEY,
  session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
  run_key INTEGER,
  purpose INTEGER NOT NULL,
  model TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  cost_usd REAL NOT NULL,
  recorded_at INTEGER NOT NULL
) STRICT;

CREATE INDEX usage_by_session ON usage (session_key);

CREATE TABLE approvals (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
  run_key INTEGER REFERENCES runs (key) ON DELETE CASCADE,
  state INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;

CREATE INDEX approvals_by_session ON approvals (session_key);
CREATE INDEX approvals_by_run ON approvals (run_key);
CREATE INDEX approvals_by_state ON approvals (state);

CREATE TABLE elicitations (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  session_key INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
  run_key INTEGER REFERENCES runs (key) ON DELETE CASCADE,
  state INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;

CREATE INDEX elicitations_by_session ON elicitations (session_key);
CREATE INDEX elicitations_by_run ON elicitations (run_key);
CREATE INDEX elicitations_by_state ON elicitations (state);

CREATE TABLE credentials (
  provider_id TEXT PRIMARY KEY,
  base_url TEXT NOT NULL,
  origin TEXT NOT NULL,
  key_id TEXT NOT NULL,
  nonce BLOB NOT NULL,
  ciphertext BLOB NOT NULL,
  tag BLOB NOT NULL,
  last4 TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
