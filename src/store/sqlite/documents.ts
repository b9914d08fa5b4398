import type { Database } from "better-sqlite3";
import type { DocumentRow, DocumentRows } from "../../core/store.js";
import { attempt } from "./failure.js";

const columns = "kind, id, parent, json";

/** The documents of a database. */
export function createDocumentRows(db: Database): DocumentRows {
  const put = db.prepare<[string, string, string, string]>(
    `INSERT INTO documents (${columns}) VALUES (?, ?, ?, ?)
      ON CONFLICT (kind, id) DO UPDATE SET parent = excluded.parent, json = excluded.json`,
  );
  const get = db.prepare<[string, string], DocumentRow>(
    `SELECT ${columns} FROM documents WHERE kind = ? AND id = ?`,
  );
  const list = db.prepare<[string], DocumentRow>(
    `SELECT ${columns} FROM documents WHERE kind = ? ORDER BY key DESC`,
  );
  const children = db.prepare<[string, string], DocumentRow>(
    `SELECT ${columns} FROM documents WHERE parent = ? AND parent <> '' AND kind = ? ORDER BY key DESC`,
  );
  const remove = db.prepare<[string, string]>("DELETE FROM documents WHERE kind = ? AND id = ?");
  const removeChildren = db.prepare<[string]>("DELETE FROM documents WHERE parent = ? AND parent <> ''");
  const removeWhole = db.transaction((kind: string, id: string) => {
    const { changes } = remove.run(kind, id);
    if (changes > 0) removeChildren.run(id);
    return changes > 0;
  });
  return {
    put: ({ kind, id, parent, json }) =>
      attempt(() => {
        put.run(kind, id, parent, json);
      }),
    get: (kind, id) => attempt(() => get.get(kind, id)),
    list: (kind, parent) =>
      attempt(() => (parent === undefined ? list.all(kind) : children.all(parent, kind))),
    delete: (kind, id) => attempt(() => removeWhole(kind, id)),
  };
}
