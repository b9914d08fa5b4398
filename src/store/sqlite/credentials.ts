import type { Database } from "better-sqlite3";
import type { CredentialRow, CredentialRows } from "../../core/store.js";
import { attempt } from "./failure.js";

const columns = `provider_id AS providerId, base_url AS baseUrl, origin, key_id AS keyId, nonce, ciphertext, tag,
  last4, updated_at AS updatedAt`;

/** The credentials of a database. What is replaced or deleted is overwritten, in the log too. */
export function createCredentialRows(db: Database): CredentialRows {
  const put = db.prepare(
    `INSERT OR REPLACE INTO credentials
      (provider_id, base_url, origin, key_id, nonce, ciphertext, tag, last4, updated_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const get = db.prepare<[string], CredentialRow>(`SELECT ${columns} FROM credentials WHERE provider_id = ?`);
  const list = db.prepare<[], CredentialRow>(`SELECT ${columns} FROM credentials ORDER BY provider_id`);
  const remove = db.prepare<[string]>("DELETE FROM credentials WHERE provider_id = ?");
  const forgetLog = () => {
    try {
      db.pragma("wal_checkpoint(TRUNCATE)");
    } catch {
      // The row itself is stored; the log is emptied when it next can be.
    }
  };
  return {
    put: ({ providerId, baseUrl, origin, keyId, nonce, ciphertext, tag, last4, updatedAt }) =>
      attempt(() => {
        put.run(providerId, baseUrl, origin, keyId, nonce, ciphertext, tag, last4, updatedAt);
        forgetLog();
      }),
    get: (providerId) => attempt(() => get.get(providerId)),
    list: () => attempt(() => list.all()),
    delete: (providerId) =>
      attempt(() => {
        const deleted = remove.run(providerId).changes > 0;
        forgetLog();
        return deleted;
      }),
  };
}
