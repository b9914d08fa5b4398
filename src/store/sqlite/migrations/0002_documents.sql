-- JSON that a surface keeps beside the rows of its own. A document with a parent goes when that goes.
CREATE TABLE documents (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  parent TEXT NOT NULL,
  json TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX documents_by_id ON documents (kind, id);
CREATE INDEX documents_by_parent ON documents (parent, kind) WHERE parent <> '';
