import type { ModelSettings } from "../../gen/agentry/v1/agents_pb.js";
import type { Clock } from "../core/clock.js";
import { notFound } from "../core/fault.js";
import type { ProviderDirectory } from "../core/provider-directory.js";
import type { Redactor, Secrets } from "../core/secrets.js";
import type { CredentialRows } from "../core/store.js";
import { findModel } from "../providers/catalogue/models.js";
import { knownProviders } from "../providers/catalogue/providers.js";
import { ownAddress } from "../providers/connection.js";
import { readProviderEnvironment } from "../providers/environment.js";
import { createTransport } from "../providers/http-transport.js";
import type { ProviderRegistry } from "../providers/registry.js";
import { createProviderRegistry } from "../providers/registry.js";
import type { Transport } from "../providers/transport.js";
import type { Logger } from "./logger.js";

/** How providers are set up. */
export interface ProvidersSettings {
  readonly envKeys?: boolean | undefined;
  readonly fake?: string | undefined;
  /** Milliseconds between the pieces of a replayed answer. Default 0. */
  readonly fakeDelayMs?: number | undefined;
  readonly record?: string | undefined;
  readonly secrets: Secrets;
  readonly credentials: CredentialRows;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The providers of a server, live or from a cassette. */
export interface Providers {
  readonly registry: ProviderRegistry;
  readonly directory: ProviderDirectory;
  /** Origin of a provider's own address; undefined for one that has none. @throws Fault `not_found`. */
  ownOrigin(providerId: string): string | undefined;
  /** Tokens that a model can take in one call; 0 for one that the catalogue does not know. */
  contextWindow(settings: ModelSettings): number;
  close(): Promise<void>;
}

/**
 * Opens the providers: over the network, or over a cassette that is replayed or recorded. Throws where it
 * cannot be opened.
 */
export async function openProviders(settings: ProvidersSettings): Promise<Providers> {
  const { secrets, credentials, redactor, clock } = settings;
  const transport = await openTransport(settings);
  const envKeys = settings.envKeys ?? false;
  const variables = process.env;
  const environment = readProviderEnvironment(variables, false, redactor);
  const registry = createProviderRegistry({
    secrets,
    credentials,
    transport,
    environment: variables,
    envKeys,
    redactor,
    clock,
  });
  return {
    registry,
    directory: {
      list: () => registry.list(),
      get: (id) => registry.describe(id),
      models: (id, signal) => registry.models(id, signal),
    },
    ownOrigin(id) {
      const provider = knownProviders.get(id);
      if (!provider) throw notFound("provider", id);
      return ownAddress(provider, environment)?.origin;
    },
    contextWindow: ({ provider, name }) =>
      findModel(provider, name)?.contextWindow ?? knownProviders.get(provider)?.contextWindow ?? 0,
    close: () => transport.close(),
  };
}

async function openTransport({
  fake,
  fakeDelayMs,
  record,
  redactor,
  log,
}: ProvidersSettings): Promise<Transport> {
  if (fake) {
    const { openReplay } = await import("../providers/cassette/replay.js");
    const { transport, counts } = await openReplay({ file: fake, delayMs: fakeDelayMs });
    log.info({ file: fake, ...counts }, "replaying recorded model answers");
    return transport;
  }
  const transport = createTransport();
  if (!record) return transport;
  const { openRecorder } = await import("../providers/cassette/record.js");
  const onError = (error: unknown): void => log.error({ err: error }, "the cassette could not be written");
  return openRecorder({ file: record, transport, redactor, onError });
}
