import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Credential } from "../../gen/agentry/v1/providers_pb.js";
import { CredentialSchema, CredentialSource } from "../../gen/agentry/v1/providers_pb.js";
import { invalid } from "../core/fault.js";
import type { CredentialVault } from "../core/provider-directory.js";
import { readServerUrl } from "../core/server-url.js";
import { parseBaseUrl } from "../providers/address.js";
import type { ProviderRegistry } from "../providers/registry.js";
import type { CredentialStatus, Vault } from "../store/vault/vault.js";

/** What a credential vault works with. */
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
      if (providerId.startsWith(mcpPrefix)) return putServerToken(vault, providerId, { apiKey, baseUrl });
      const address = baseUrl ? parseBaseUrl(baseUrl, false) : undefined;
      if (address) checkId(providerId);
      else if (apiKey === "") await checkKeyless(registry, providerId);
      const origin = address?.origin ?? ownOrigin(providerId);
      if (!origin) throw invalid(`base_url is required: ${providerId} has no address of its own`);
      const stored = await vault.put(providerId, { apiKey, baseUrl: address?.url ?? "", origin });
      return toCredential(stored, CredentialSource.STORE);
    },
    async delete(providerId) {
      const granted = providerId.startsWith(mcpPrefix) ? await deleteGrants(vault, providerId) : false;
      return (await vault.delete(providerId)) || granted;
    },
    async describe(providerId) {
      const stored = await vault.get(providerId);
      if (stored) return toCredential(stored, CredentialSource.STORE);
      const found = registry.environmentKey(providerId);
      return found && create(CredentialSchema, { ...found, source: CredentialSource.ENVIRONMENT });
    },
  };
}

/** Begins the ids of bearer tokens for MCP servers, which are named by their origins. */
const mcpPrefix = "mcp:";
/** Begins the ids of what OAuth has given for an MCP server. */
const grantPrefix = "mcp-oauth:";

async function putServerToken(
  vault: Vault,
  id: string,
  { apiKey, baseUrl }: { readonly apiKey: string; readonly baseUrl: string },
): Promise<Credential> {
  const name = id.slice(mcpPrefix.length);
  const { origin } = readServerUrl(name, "the origin in the provider id");
  if (origin !== name)
    throw invalid(`the id of an MCP server's token is ${mcpPrefix} and its origin: ${mcpPrefix}${origin}`);
  if (apiKey === "") throw invalid("api_key is required");
  if (baseUrl !== "") throw invalid("base_url has no meaning for the token of an MCP server");
  return toCredential(await vault.put(id, { apiKey, baseUrl, origin }), CredentialSource.STORE);
}

/** What OAuth has given for the servers of an origin goes with its token. False when there was nothing. */
async function deleteGrants(vault: Vault, id: string): Promise<boolean> {
  const origin = id.slice(mcpPrefix.length);
  const grants = (await vault.list()).filter(
    (status) => status.providerId.startsWith(grantPrefix) && status.origin === origin,
  );
  for (const { providerId } of grants) await vault.delete(providerId);
  return grants.length > 0;
}

/** A key travels in a header: what cannot stand there cannot be a key. */
function checkKey(apiKey: string): void {
  if (!/^[\x21-\x7e]*$/.test(apiKey)) {
    throw invalid("api_key holds characters that no key has: blanks, line ends or letters beyond ASCII");
  }
}

/** An empty key, from a variable that was not set, must not take the place of a good one. */
async function checkKeyless(registry: ProviderRegistry, providerId: string): Promise<void> {
  const { name, keyRequired } = await registry.describe(providerId);
  if (keyRequired) throw invalid(`api_key is required: ${name} needs one, unless it is given a base_url`);
}

function checkId(providerId: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/.test(providerId)) return;
  throw invalid("a provider id has 1 to 64 lower-case letters, digits and `-`");
}

function toCredential(status: CredentialStatus, source: CredentialSource): Credential {
  const { last4, origin, baseUrl, updatedAt } = status;
  return create(CredentialSchema, { source, last4, origin, baseUrl, updatedAt: timestampFromMs(updatedAt) });
}
