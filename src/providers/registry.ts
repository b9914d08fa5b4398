import { create } from "@bufbuild/protobuf";
import { Purpose } from "../../gen/agentry/v1/message_pb.js";
import type { Model, Provider } from "../../gen/agentry/v1/providers_pb.js";
import { ProviderApi, ProviderSchema } from "../../gen/agentry/v1/providers_pb.js";
import type { Clock } from "../core/clock.js";
import { canceled, Fault, notFound } from "../core/fault.js";
import { flattenPages } from "../core/flatten-pages.js";
import type { ModelEvent, ModelProvider, ModelProviders, ModelRequest } from "../core/model-provider.js";
import type { Redactor, Secrets } from "../core/secrets.js";
import type { CredentialRows } from "../core/store.js";
import { catalogueModels } from "./catalogue/models.js";
import type { KnownProvider } from "./catalogue/providers.js";
import { customProvider, knownProviders } from "./catalogue/providers.js";
import type { Connection, ConnectionParts, OpenProvider } from "./connection.js";
import { connect, openCredential, ownAddress } from "./connection.js";
import { readProviderEnvironment } from "./environment.js";
import { callFault } from "./faults.js";
import type { Transport } from "./transport.js";

/** What a registry of providers works with. */
export interface ProviderRegistryOptions {
  readonly secrets: Secrets;
  readonly credentials: Pick<CredentialRows, "get" | "list">;
  readonly transport: Transport;
  /** The operator's environment; only the variables that the table of providers names are read, once. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether keys may come from the environment. */
  readonly envKeys: boolean;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

/** Every provider that can be called: those known by name, and those that a credential was stored for. */
export interface ProviderRegistry extends ModelProviders {
  /** All of them by id, without what is known of their credentials. */
  list(): Promise<Provider[]>;
  /** One of them, as in `list`. Throws `not_found`. */
  describe(providerId: string): Promise<Provider>;
  /**
   * The models of a provider by id: from the bundled catalogue, which needs no key, else from the provider
   * itself. Throws `not_found`, and as a call does when the provider has to be asked.
   */
  models(providerId: string, signal: AbortSignal): Promise<Model[]>;
  /** Whether the environment holds a key for a provider; its last four characters where it has at least 20. */
  environmentKey(providerId: string): { readonly last4: string; readonly origin: string } | undefined;
}

/** Finds providers by their ids: those of the table, and those that a stored credential describes. */
export function createProviderRegistry(options: ProviderRegistryOptions): ProviderRegistry {
  const { secrets, transport, redactor, clock, credentials } = options;
  const environment = readProviderEnvironment(options.environment, options.envKeys, redactor);
  const parts: ConnectionParts = { secrets, transport, environment, redactor, clock };

  const find = async (id: string): Promise<KnownProvider> => {
    const known = knownProviders.get(id);
    if (known) return known;
    const row = await credentials.get(id);
    if (!row?.baseUrl) throw notFound("provider", id);
    return customProvider(id, row.baseUrl);
  };
  const describe = (provider: KnownProvider, storedBaseUrl: string): Provider =>
    create(ProviderSchema, {
      id: provider.id,
      name: provider.name,
      api: provider.api,
      baseUrl: storedBaseUrl || (ownAddress(provider, environment)?.url ?? ""),
      keyRequired: provider.keyVariables.length > 0,
    });
  const models = async (provider: KnownProvider, signal: AbortSignal): Promise<Model[]> => {
    const bundled = catalogueModels(provider.id);
    return bundled.length > 0 ? bundled : await askForModels(parts, provider, signal);
  };

  return {
    async get(providerId) {
      const provider = await find(providerId);
      const open = { provider, credential: await openCredential(parts, provider) };
      return {
        id: provider.id,
        models: (signal) => models(provider, signal),
        stream: (request, signal) =>
          flattenPages(streamModel(parts, open, request, signal), (event) => event),
      } satisfies ModelProvider;
    },
    async list() {
      const rows = new Map((await credentials.list()).map((row) => [row.providerId, row.baseUrl]));
      const custom = [...rows].filter(([id, baseUrl]) => baseUrl && !knownProviders.has(id));
      return [...knownProviders.values(), ...custom.map(([id, baseUrl]) => customProvider(id, baseUrl))]
        .map((provider) => describe(provider, rows.get(provider.id) ?? ""))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    async describe(providerId) {
      const provider = await find(providerId);
      return describe(provider, (await credentials.get(providerId))?.baseUrl ?? "");
    },
    async models(providerId, signal) {
      return models(await find(providerId), signal);
    },
    environmentKey(providerId) {
      const provider = knownProviders.get(providerId);
      const key = provider && environment.key(provider);
      if (!provider || !key) return undefined;
      const origin = ownAddress(provider, environment)?.origin ?? "";
      return { last4: key.length >= 20 ? key.slice(-4) : "", origin };
    },
  };
}

async function* streamModel(
  parts: ConnectionParts,
  open: OpenProvider,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly ModelEvent[], void> {
  if (signal.aborted) throw canceled();
  const connection = connect(parts, open, request);
  try {
    yield* await callModel(connection, open.provider, request, signal);
  } catch (error) {
    throw signal.aborted
      ? canceled()
      : callFault(connection.source, connection.guard.failure() ?? error, "answer");
  }
}

/**
 * A client library takes tens of megabytes and of milliseconds to load: only the one that is used is, and asked for
 * once, for `import()` takes its time also where it has nothing to load.
 */
const clients = {
  anthropic: once(() => import("./anthropic/provider.js")),
  openai: once(() => import("./openai/provider.js")),
  ollama: once(() => import("./ollama/provider.js")),
};

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () =>
    (loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    }));
}

async function callModel(
  connection: Connection,
  provider: KnownProvider,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<AsyncGenerator<readonly ModelEvent[], void>> {
  switch (provider.api) {
    case ProviderApi.ANTHROPIC_MESSAGES: {
      const { streamAnthropic } = await clients.anthropic();
      return streamAnthropic(connection, request, signal);
    }
    case ProviderApi.OPENAI_CHAT: {
      const { streamChat } = await clients.openai();
      return streamChat(connection, request, provider.quirks ?? {}, signal);
    }
    case ProviderApi.OLLAMA_CHAT: {
      const { streamOllama } = await clients.ollama();
      return streamOllama(connection, request, signal);
    }
    case ProviderApi.GEMINI:
    case ProviderApi.UNSPECIFIED:
      throw new Fault("unsupported", `${provider.name} cannot be called`, { provider: provider.id });
    default:
      return provider.api satisfies never;
  }
}

async function askForModels(
  parts: ConnectionParts,
  provider: KnownProvider,
  signal: AbortSignal,
): Promise<Model[]> {
  const asked = { baseUrl: "", purpose: Purpose.UNSPECIFIED, sessionId: "" };
  const credential = await openCredential(parts, provider);
  const connection = connect(parts, { provider, credential }, asked);
  try {
    if (provider.api === ProviderApi.OLLAMA_CHAT) {
      const { listOllamaModels } = await import("./ollama/models.js");
      return await listOllamaModels(connection, signal);
    }
    const { listChatModels } = await clients.openai();
    return await listChatModels(connection, signal);
  } catch (error) {
    throw signal.aborted ? canceled() : callFault(connection.source, connection.guard.failure() ?? error);
  }
}
