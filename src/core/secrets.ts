/** A provider key, opened for one call. */
export interface OpenSecret {
  /** The key; empty for a provider that needs none. */
  readonly key: string;
  /** The only origin it may be sent to, for example `https://api.anthropic.com`. */
  readonly origin: string;
  /** The address that it was stored with; empty for the provider's own. */
  readonly baseUrl: string;
}

/** Keys of providers: the one door to them is `open`, called by provider clients alone. */
export interface Secrets {
  /** The key of a provider, or undefined when there is none. */
  open(providerId: string): Promise<OpenSecret | undefined>;
}

/** Secrets that the server has got by itself, as the tokens of OAuth. They are encrypted at rest. */
export interface TokenStore {
  /** Undefined when there is none, or none that can be read. */
  open(id: string): Promise<string | undefined>;
  /** Stores a text in place of the one before. `origin` is the only one that it may be sent to. */
  put(id: string, text: string, origin: string): Promise<void>;
  /** The ids that begin so. */
  list(prefix: string): Promise<readonly string[]>;
  /** Nothing happens where there is none. */
  delete(id: string): Promise<void>;
}

/** Takes every known secret out of a text, in each form it may have: plain, base64, URL-encoded, JSON-escaped. */
export interface Redactor {
  /**
   * Makes a value known for the life of the process; with an owner, for as long as it is among the newest that this
   * one has named. Values shorter than 8 characters are ignored.
   */
  add(secret: string, owner?: string): void;
  redact(text: string): string;
}
