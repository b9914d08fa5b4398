import type { Credential, Model, Provider } from "../../gen/agentry/v1/providers_pb.js";

/** What can be told of the providers that this server can call. */
export interface ProviderDirectory {
  /** By id, without credentials. */
  list(): Promise<Provider[]>;
  /** @throws Fault `not_found`. */
  get(providerId: string): Promise<Provider>;
  /** The provider's models, by id. @throws Fault `not_found`, or as the provider does. */
  models(providerId: string, signal: AbortSignal): Promise<Model[]>;
}

/** The credentials of providers, write-only: what can be told of one never holds the key. */
export interface CredentialVault {
  /**
   * Stores a credential in place of the one before.
   * @throws Fault `invalid` for a provider id or an address that cannot be.
   */
  put(providerId: string, apiKey: string, baseUrl: string): Promise<Credential>;
  /** False when there is none. */
  delete(providerId: string): Promise<boolean>;
  /** The stored credential, or the one from the environment; undefined when there is none. */
  describe(providerId: string): Promise<Credential | undefined>;
}
