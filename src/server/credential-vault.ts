import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Credential } from "../../gen/agentry/v1/providers_pb.js";
import { CredentialSchema, CredentialSource } from "../../gen/agentry/v1/providers_pb.js";
import { invalid } from "../core/fault.js";
import type { CredentialVault } from "../core/provider-directory.js";
import { parseBaseUrl } from "../providers/address.js";
import type { ProviderRegistry } from "../providers/registry.js";
import type { CredentialStatus, Vault } from "../store/vault/vault.js";

export interface CredentialVaultParts {
  readonly vault: Vault;
  readonly registry: ProviderRegistry;
  /** Origin of a provider's own address; undefined for one that has none. @throws Fault `not_found`. */
  ownOrigin(providerId: string): string | undefined;
}

/** The credentials of providers as the API shows them: from the vault, else from the environment. */
export function createCredentialVault({ vault, registry, ownOrigin }: CredentialVaultParts): CredentialVault {
  return {
    async put(providerId, apiKey, baseUrl) {
      checkKey(apiKey);
      const address = baseUrl ? parseBaseUrl(baseUrl, false) : undefined;
      if (address) checkId(providerId);
      const origin = address?.origin ?? ownOrigin(providerId);
      if (!origin) throw invalid(`base_url is required: ${providerId} has no address of its own`);
      const stored = await vault.put(providerId, { apiKey, baseUrl: address?.url ?? "", origin });
      return toCredential(stored, CredentialSource.STORE);
    },
    async delete(providerId) {
      return vault.delete(providerId);
    },
    async describe(providerId) {
      const stored = await vault.get(providerId);
      if (stored) return toCredential(stored, CredentialSource.STORE);
      const found = registry.environmentKey(providerId);
      return found && create(CredentialSchema, { ...found, source: CredentialSource.ENVIRONMENT });
    },
  };
}

/** A key travels in a header: what cannot stand there cannot be a key. */
function checkKey(apiKey: string): void {
  if (!/^[\x21-\x7e]*$/.test(apiKey)) {
    throw invalid("api_key holds characters that no key has: blanks, line ends or letters beyond ASCII");
  }
}

function checkId(providerId: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/.test(providerId)) return;
  throw invalid("a provider id has 1 to 64 lower-case letters, digits and `-`");
}

function toCredential(status: CredentialStatus, source: CredentialSource): Credential {
  const { last4, origin, baseUrl, updatedAt } = status;
  return create(CredentialSchema, { source, last4, origin, baseUrl, updatedAt: timestampFromMs(updatedAt) });
}
