import { randomBytes } from "node:crypto";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * A new id: 128 random bits as 26 characters of Crockford base32, the form of a ULID. It holds no time,
 * so it cannot be guessed from another; lists are ordered by the store.
 */
export function newId(): string {
  let value = BigInt(`0x${randomBytes(16).toString("hex")}`);
  let id = "";
  for (let i = 0; i < 26; i += 1) {
    id = alphabet[Number(value & 31n)] + id;
    value >>= 5n;
  }
  return id;
}
