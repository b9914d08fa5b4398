-- A child session names the session whose run gave the work that is done in it; the others name none.
ALTER TABLE sessions ADD COLUMN parent_id TEXT NOT NULL DEFAULT '';

DROP INDEX sessions_listed;
CREATE INDEX sessions_listed ON sessions (key) WHERE id IS NOT NULL AND parent_id = '';
CREATE INDEX sessions_by_parent ON sessions (parent_id, key) WHERE id IS NOT NULL AND parent_id <> '';
