import type { KeyObject } from "node:crypto";
import { createSecretKey } from "node:crypto";
import type { Clock } from "../../core/clock.js";
import { Fault, invalid } from "../../core/fault.js";
import type { OpenSecret, Redactor, Secrets } from "../../core/secrets.js";
import type { CredentialRow, CredentialRows } from "../../core/store.js";
import { keyIdOf, seal, unseal } from "./cipher.js";

/** What may be told about a stored key. */
export interface CredentialStatus {
  readonly providerId: string;
  /** The address given with the key; empty for the provider's own. */
  readonly baseUrl: string;
  readonly origin: string;
  /** Last four characters of the key; empty for a key that is too short to tell any. */
  readonly last4: string;
  /** Milliseconds since the Unix epoch. */
  readonly updatedAt: number;
}

/** A key to be stored. */
interface NewCredential {
  /** Empty for a provider that needs none. */
  readonly apiKey: string;
  /** Empty for the provider's own address; else an address on `origin`. */
  readonly baseUrl: string;
  /** The only origin that the key may be sent to, as `new URL(…).origin` writes it. */
  readonly origin: string;
}

/** Keeps the keys of providers encrypted. Keys go in by `put` and come out by `open`, in the clear nowhere else. */
export interface Vault extends Secrets {
  /** Stores or replaces the key of a provider. Throws `invalid` when `baseUrl` is not on `origin`. */
  put(providerId: string, credential: NewCredential): Promise<CredentialStatus>;
  /** False when there is none. */
  delete(providerId: string): Promise<boolean>;
  get(providerId: string): Promise<CredentialStatus | undefined>;
  /** By provider id. */
  list(): Promise<CredentialStatus[]>;
  /**
   * Decrypts the key of a provider. Throws `unavailable` when the row was changed, moved from another provider
   * or origin, or encrypted with another master key.
   */
  open(providerId: string): Promise<OpenSecret | undefined>;
}

/** What a vault works with. */
export interface VaultOptions {
  readonly rows: CredentialRows;
  /** The master key, 32 bytes. */
  readonly key: Uint8Array;
  /** Is told every key that goes through the vault. */
  readonly redactor: Redactor;
  readonly clock: Clock;
}

/** A vault over rows of a store. */
export function createVault({ rows, key: bytes, redactor, clock }: VaultOptions): Vault {
  const key = createSecretKey(bytes);
  const keyId = keyIdOf(key);
  return {
    async put(providerId, { apiKey, baseUrl, origin }) {
      requireOrigin(baseUrl, origin);
      redactor.add(apiKey, providerId);
      const binding = { providerId, origin, baseUrl, keyId };
      const last4 = apiKey.length >= 12 ? apiKey.slice(-4) : "";
      const row = { ...binding, ...seal(key, apiKey, binding), last4, updatedAt: clock.now() };
      await rows.put(row);
      return toStatus(row);
    },
    async open(providerId) {
      const row = await rows.get(providerId);
      if (!row) return undefined;
      if (row.keyId !== keyId) throw unreadable(providerId, "it was stored under another master key");
      const apiKey = decrypt(key, row, providerId);
      redactor.add(apiKey, providerId);
      return { key: apiKey, origin: row.origin, baseUrl: row.baseUrl };
    },
    delete: (providerId) => rows.delete(providerId),
    async get(providerId) {
      const row = await rows.get(providerId);
      return row && toStatus(row);
    },
    async list() {
      return (await rows.list()).map(toStatus);
    },
  };
}

function decrypt(key: KeyObject, row: CredentialRow, providerId: string): string {
  try {
    return unseal(key, row, { ...row, providerId });
  } catch (error) {
    throw unreadable(providerId, "it does not decrypt", error);
  }
}

function unreadable(providerId: string, why: string, cause?: unknown): Fault {
  const message = `the stored key of provider ${JSON.stringify(providerId)} cannot be used, ${why}: enter it again`;
  return new Fault("unavailable", message, { provider: providerId, retryable: false }, cause);
}

function requireOrigin(baseUrl: string, origin: string): void {
  if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
    throw invalid("the origin of a key has to be an origin, such as https://api.example.com");
  }
  if (baseUrl !== "" && (!URL.canParse(baseUrl) || new URL(baseUrl).origin !== origin)) {
    throw invalid("the base URL of a key has to be on the key's origin");
  }
}

function toStatus({ providerId, baseUrl, origin, last4, updatedAt }: CredentialRow): CredentialStatus {
  return { providerId, baseUrl, origin, last4, updatedAt };
}
