import type { KeyObject } from "node:crypto";
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

/** What a ciphertext is bound to: it opens for these values alone. */
export interface Binding {
  readonly providerId: string;
  readonly origin: string;
  readonly baseUrl: string;
  readonly keyId: string;
}

/** A text that was encrypted. */
export interface Sealed {
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** Encrypts with AES-256-GCM under a new random 96-bit nonce (NIST SP 800-38D, 8.2.2). */
export function seal(key: KeyObject, text: string, binding: Binding): Sealed {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(toBytes(binding));
  const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return { nonce, ciphertext, tag: cipher.getAuthTag() };
}

/** Decrypts. Throws when the key or anything in the binding is another one, or a bit was changed. */
export function unseal(key: KeyObject, { nonce, ciphertext, tag }: Sealed, binding: Binding): string {
  const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(toBytes(binding));
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
}

/** Names a key without telling it. */
export function keyIdOf(key: KeyObject): string {
  return createHmac("sha256", key).update("agentry key id v1").digest("hex").slice(0, 16);
}

/** As JSON, so that no two bindings have the same bytes whatever characters are in them. */
function toBytes({ providerId, origin, baseUrl, keyId }: Binding): Uint8Array {
  return Buffer.from(JSON.stringify(["v1", providerId, origin, baseUrl, keyId]));
}
