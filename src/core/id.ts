import { randomFillSync } from "node:crypto";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const idBytes = 16;

/** Random bytes for many ids: asking the system for each id alone costs more than all the rest of it. */
const pool = Buffer.alloc(256 * idBytes);
let used = pool.length;

/**
 * A new id: 128 random bits as 26 characters of Crockford base32, the form of a ULID. It holds no time,
 * so it cannot be guessed from another; lists are ordered by the store.
 */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let id = "";
  let bits = 0;
  // 130 bits in 26 characters: the first one begins with two zeros, as a ULID does.
  let held = 2;
  for (let at = used; at < used + idBytes; at += 1) {
    bits = ((bits & 0x1f) << 8) | (pool[at] ?? 0);
    held += 8;
    while (held >= 5) {
      held -= 5;
      id += alphabet[(bits >> held) & 0x1f];
    }
  }
  pool.fill(0, used, used + idBytes);
  used += idBytes;
  return id;
}
