import { ProviderApi } from "../../gen/agentry/v1/providers_pb.js";
import type { Clock } from "../core/clock.js";
import { invalid } from "../core/fault.js";
import type { ModelRequest } from "../core/model-provider.js";
import type { Redactor, Secrets } from "../core/secrets.js";
import { parseBaseUrl } from "./address.js";
import type { KnownProvider } from "./catalogue/providers.js";
import type { ProviderEnvironment } from "./environment.js";
import type { FaultSource } from "./faults.js";
import type { GuardedFetch } from "./guard.js";
import { guardFetch } from "./guard.js";
import type { CallContext, Transport } from "./transport.js";

/** What connections are made of. */
export interface ConnectionParts {
  readonly secrets: Secrets;
  readonly transport: Transport;
  readonly environment: ProviderEnvironment;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

/** The way to a provider for one call. */
export interface Connection {
  /** Where the API is, without a slash at the end. */
  readonly baseUrl: string;
  /** Bound to the origin of `baseUrl`; it adds the key, which client libraries never see. */
  readonly guard: GuardedFetch;
  readonly source: FaultSource;
  readonly idleTimeoutMs: number;
}

interface Address {
  readonly url: string;
  readonly origin: string;
}

/** What a provider is called with. */
export interface Credential {
  readonly key: string;
  /** The only origin that the key may be sent to. */
  readonly origin: string;
  /** Where it is used unless a request says otherwise. */
  readonly address: Address;
}

/** Where a provider is when nobody says otherwise; undefined for one that has no address of its own. */
export function ownAddress(provider: KnownProvider, environment: ProviderEnvironment): Address | undefined {
  const text = environment.baseUrl(provider) ?? provider.baseUrl;
  return text ? parseBaseUrl(text, true) : undefined;
}

/** A provider that can be called. */
export interface OpenProvider {
  readonly provider: KnownProvider;
  readonly credential: Credential;
}

/**
 * Opens the way to a provider. Throws `invalid`, before anything is sent, when the request is for an origin that
 * the key is not bound to.
 */
export function connect(
  parts: ConnectionParts,
  { provider, credential }: OpenProvider,
  request: Pick<ModelRequest, "baseUrl" | "purpose" | "sessionId">,
): Connection {
  const { url, origin } = request.baseUrl
    ? requestedAddress(request.baseUrl, credential)
    : credential.address;
  if (credential.key && origin !== credential.origin) {
    throw invalid(
      `the key of ${provider.name} is bound to ${credential.origin} and is not sent to ${origin}: ` +
        "store a credential with that base_url",
    );
  }
  const { key } = credential;
  const { redactor, clock, transport } = parts;
  redactor.add(key, provider.id);
  const source: FaultSource = {
    id: provider.id,
    name: provider.name,
    redactor,
    clock,
    key,
    ...(provider.api === ProviderApi.OLLAMA_CHAT ? { address: url } : {}),
  };
  const context: CallContext = {
    providerId: provider.id,
    purpose: request.purpose,
    sessionId: request.sessionId,
  };
  return {
    baseUrl: url,
    guard: guardFetch(transport.open(context), { origin, keyHeader: keyHeaderOf(provider, key), source }),
    source,
    idleTimeoutMs: transport.idleTimeoutMs,
  };
}

/** The address of a request: the operator's own origin is trusted by whichever way it is named. */
function requestedAddress(baseUrl: string, { address }: Credential): Address {
  const own = URL.canParse(baseUrl) && new URL(baseUrl).origin === address.origin;
  return parseBaseUrl(baseUrl, own);
}

function keyHeaderOf(provider: KnownProvider, key: string): Record<string, string> {
  if (!key) return {};
  return provider.api === ProviderApi.ANTHROPIC_MESSAGES
    ? { "x-api-key": key }
    : { authorization: `Bearer ${key}` };
}

/** Throws `invalid` when a provider cannot be called for want of a key or an address. */
export async function openCredential(parts: ConnectionParts, provider: KnownProvider): Promise<Credential> {
  const own = ownAddress(provider, parts.environment);
  if (!parts.transport.live) {
    const address = own ?? { url: "https://replayed.invalid", origin: "https://replayed.invalid" };
    return { key: "", origin: address.origin, address };
  }
  const secret = await parts.secrets.open(provider.id);
  if (secret) {
    const address = secret.baseUrl ? parseBaseUrl(secret.baseUrl, true) : own;
    if (!address) throw noAddress(provider);
    return { key: secret.key, origin: secret.origin, address };
  }
  if (!own) throw noAddress(provider);
  const key = parts.environment.key(provider);
  if (!key && provider.keyVariables.length > 0) {
    throw invalid(`there is no key for ${provider.name}: store a credential for provider "${provider.id}"`);
  }
  return { key: key ?? "", origin: own.origin, address: own };
}

const noAddress = (provider: KnownProvider) =>
  invalid(
    `${provider.name} has no address of its own: store a credential with base_url for "${provider.id}"`,
  );
