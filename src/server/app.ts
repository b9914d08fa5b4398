import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { AgentService } from "../../gen/agentry/v1/agents_pb.js";
import { ProviderService } from "../../gen/agentry/v1/providers_pb.js";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { SessionService } from "../../gen/agentry/v1/sessions_pb.js";
import { AgentService as WingmanAgentService } from "../../gen/wingman/v1/agents_pb.js";
import { FleetService as WingmanFleetService } from "../../gen/wingman/v1/fleets_pb.js";
import { ProviderService as WingmanProviderService } from "../../gen/wingman/v1/providers_pb.js";
import { SessionService as WingmanSessionService } from "../../gen/wingman/v1/sessions_pb.js";
import type { WingmanParts } from "../compat/wingman/parts.js";
import { createWingmanServices } from "../compat/wingman/service.js";
import { wingmanToolNames } from "../compat/wingman/tool-names.js";
import { systemClock } from "../core/clock.js";
import type { Policy } from "../core/policy.js";
import { createRedactor } from "../core/redactor.js";
import type { Redactor } from "../core/secrets.js";
import type { Store } from "../core/store.js";
import type { Tool } from "../core/tool.js";
import { Engine } from "../engine/engine.js";
import { createAgentService } from "../services/agents.js";
import { createProviderService } from "../services/providers.js";
import { createRunService } from "../services/run.js";
import { createSessionService } from "../services/sessions.js";
import { defaultDataDir, prepareDataDir } from "../store/data-dir.js";
import { openSqliteStore } from "../store/sqlite/open.js";
import { openKeyFile } from "../store/vault/key-file.js";
import type { Vault } from "../store/vault/vault.js";
import { createVault } from "../store/vault/vault.js";
import { withAliases } from "../tools/alias-tools.js";
import { builtinTools } from "../tools/builtin-tools.js";
import { imageType } from "../tools/image-type.js";
import type { McpServers } from "../tools/mcp/create-tool-servers.js";
import { createToolServers } from "../tools/mcp/create-tool-servers.js";
import { createPolicy } from "../tools/policy/create-policy.js";
import type { SandboxMode } from "../tools/sandbox/choose-sandbox.js";
import type { GatewayService } from "../transcode/transcoder.js";
import { createTranscoder } from "../transcode/transcoder.js";
import type { AuthMode } from "./auth.js";
import { createAuthenticator } from "./auth.js";
import { noteFailure } from "./call-outcome.js";
import type { BoundService } from "./connect-mount.js";
import { createConnectMount } from "./connect-mount.js";
import { createCredentialVault } from "./credential-vault.js";
import { deadlineInterceptor } from "./deadline-interceptor.js";
import { createFaultInterceptor } from "./fault-interceptor.js";
import { createGuard } from "./guard.js";
import type { Mount } from "./http-exchange.js";
import { createHttpHandler } from "./http-handler.js";
import { openListener } from "./listener.js";
import { findCaller, localCallersKnown, noteConnection } from "./local-caller.js";
import type { Logger, LogLevel } from "./logger.js";
import { createLogger } from "./logger.js";
import { callbackPath, createOAuthCallback, isReturn } from "./oauth-callback.js";
import type { Providers } from "./open-providers.js";
import { openProviders } from "./open-providers.js";
import { openSandbox } from "./open-sandbox.js";
import { restDialect } from "./rest-dialect.js";
import { resolveToken } from "./token.js";
import { createTokenStore } from "./token-store.js";
import { watchAgents } from "./watch-agents.js";
import { watchWrites } from "./watch-writes.js";
import { wingmanDialect, wingmanNotFound } from "./wingman-dialect.js";

/** How a server is set up. */
export interface AppSettings {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly dataDir: string;
  /** Default: `agentry.db` in the data directory. */
  readonly db?: string | undefined;
  readonly auth: AuthMode;
  /** Names beside the loopback ones that the server answers to. */
  readonly serverNames?: readonly string[];
  /** Take provider keys from the environment. */
  readonly envKeys?: boolean | undefined;
  /** A cassette to replay. */
  readonly fake?: string | undefined;
  /** Milliseconds between the pieces of a replayed answer. Default 0. */
  readonly fakeDelayMs?: number | undefined;
  /** A cassette to write. */
  readonly record?: string | undefined;
  readonly logLevel: LogLevel;
  /** What confines tools. Default: `auto`. */
  readonly sandbox?: SandboxMode | undefined;
  /** Milliseconds until an approval is denied, or a question expires, for want of an answer. Default: one hour. */
  readonly approvalExpiryMs?: number | undefined;
}

/** A server that is ready. */
export interface App {
  /** For example `http://127.0.0.1:2323`. */
  readonly url: string;
  readonly port: number;
  /** Refuses new work, gives open work `graceMs` to end, ends the rest as interrupted, and closes the database. */
  close(graceMs: number): Promise<void>;
}

/** Largest message or body. */
const maxMessageBytes = 4 * 1024 * 1024;

/** Where state is kept unless told otherwise: `$XDG_DATA_HOME/agentry` or `~/.local/share/agentry`. */
export const standardDataDir = (): string => defaultDataDir();

/** The bearer token of a data directory, created on first use. */
export function dataDirToken(dataDir: string): string {
  return resolveToken(prepareDataDir(dataDir));
}

/**
 * Puts the house together and opens its port. What an earlier process left unfinished is closed before.
 * @throws Fault when something is in the way: a port, a lock, a mode, a file.
 */
export async function openApp(settings: AppSettings): Promise<App> {
  const dataDir = prepareDataDir(settings.dataDir);
  const redactor = createRedactor();
  const log = createLogger({ level: settings.logLevel, redactor });
  const token = settings.auth === "none" ? undefined : resolveToken(dataDir);
  if (token) redactor.add(token);
  // Before anything is opened: a server that may not listen has no business with the database.
  const authenticate = createAuthenticator({
    mode: settings.auth,
    host: settings.host,
    ...(token && { token }),
  });
  if (settings.auth === "local" && !localCallersKnown()) {
    log.warn("this system does not tell who a local caller is: every caller needs the token (agentry token)");
  }
  const { promise: redirectUrl, resolve: tellRedirectUrl } = Promise.withResolvers<string>();
  const rooms = await openRooms({ ...settings, redirectUrl }, dataDir, redactor, log);
  const state = { draining: false, shutdown: new AbortController() };
  const guard = createGuard({ host: settings.host, names: settings.serverNames ?? [], crossSite: isReturn });
  const mounts = mountServices(rooms, state.shutdown.signal, log);
  const isDraining = (): boolean => state.draining;
  const open = createOAuthCallback((query) => rooms.toolServers.takeReturn(query));
  const maxBodyBytes = maxMessageBytes;
  const handler = createHttpHandler({ guard, authenticate, isDraining, open, mounts, log, maxBodyBytes });
  const { host, port } = settings;
  const callers = settings.auth === "local" ? { onConnection: noteConnection, ready: findCaller } : {};
  const listener = await openListener({ host, port, handler, ...callers });
  tellRedirectUrl(returnUrl(host, listener));
  return {
    url: listener.url,
    port: listener.port,
    async close(graceMs) {
      state.draining = true;
      await rooms.engine.close(graceMs);
      state.shutdown.abort(new ConnectError("the server is stopping", Code.Unavailable));
      await listener.close(500);
      await rooms.close();
    },
  };
}

/** Where browsers come back to: the loopback address (RFC 8252, 7.3), unless the server listens elsewhere alone. */
function returnUrl(host: string, { url, port }: Pick<App, "url" | "port">): string {
  const isEverywhere = ["0.0.0.0", "::", "[::]"].includes(host);
  return (isEverywhere ? `http://127.0.0.1:${port}` : url) + callbackPath;
}

/** What is behind the port. */
interface Rooms {
  readonly engine: Engine;
  readonly toolServers: McpServers;
  readonly services: readonly BoundService[];
  /** What other systems speak, over the same services. */
  readonly dialects: readonly GatewayService[];
  close(): Promise<void>;
}

async function openRooms(
  settings: AppSettings & { readonly redirectUrl: Promise<string> },
  dataDir: string,
  redactor: Redactor,
  log: Logger,
): Promise<Rooms> {
  const clock = systemClock;
  // The sandbox is tried in a process of its own, while everything else is opened.
  const trying = openSandbox({ ...settings, dataDir }, log);
  trying.catch(() => undefined);
  const path = settings.db ?? join(dataDir, "agentry.db");
  const store = watchWrites(await openSqliteStore({ path, clock }), log);
  const vault = createVault({ rows: store.credentials, key: openKeyFile(dataDir), redactor, clock });
  const { credentials } = store;
  const providers = await openProviders({ ...settings, secrets: vault, redactor, clock, credentials, log });
  const tools = withAliases(builtinTools(), wingmanToolNames);
  const policy = createPolicy(tools);
  const sandbox = await trying;
  const onBug = (error: unknown): void => log.error({ err: error }, "a run failed by a fault of the server");
  const toolServers = createToolServers({
    sandbox,
    secrets: vault,
    tokens: createTokenStore(vault, log),
    redactor,
    redirectUrl: settings.redirectUrl,
  });
  const engine = new Engine({
    store,
    providers: providers.registry,
    tools,
    toolServers,
    sandbox,
    policy,
    clock,
    contextWindow: providers.contextWindow,
    onBug,
    ...(settings.approvalExpiryMs !== undefined && { approvalExpiryMs: settings.approvalExpiryMs }),
  });
  await engine.recover();
  const forgetServers = (): Promise<void> =>
    engine
      .forgetServers()
      .catch((error) =>
        log.warn({ err: error }, "what was kept for removed MCP servers is not forgotten yet"),
      );
  await forgetServers();
  const watched = watchAgents(store, forgetServers);
  return {
    engine,
    toolServers,
    ...serveRooms({ store: watched, vault, providers, tools, policy, engine }),
    async close() {
      await policy.close();
      await toolServers.close();
      await sandbox.close();
      await providers.close();
      await store.close();
    },
  };
}

/** What services work with. */
interface ServedParts {
  readonly store: Store;
  readonly vault: Vault;
  readonly providers: Providers;
  readonly tools: readonly Tool[];
  readonly policy: Policy;
  readonly engine: Engine;
}

function serveRooms(parts: ServedParts): Pick<Rooms, "services" | "dialects"> {
  const { store, vault, tools, policy, engine } = parts;
  const { registry, directory, ownOrigin } = parts.providers;
  const { stamp } = engine;
  const keys = createCredentialVault({ vault, registry, ownOrigin });
  const sessions = createSessionService({ store, engine, policy, stamp });
  const providers = createProviderService({ providers: directory, vault: keys });
  const runs = createRunService({ store, engine, imageType });
  const toolNames = new Set(tools.map(({ name }) => name));
  return {
    services: [
      bind(AgentService, createAgentService({ store, tools, providers: directory, policy, stamp })),
      bind(SessionService, sessions),
      bind(ProviderService, providers),
      bind(RunService, runs),
    ],
    dialects: wingman({ store, sessions, providers, runs, stamp, models: registry, toolNames }),
  };
}

/** The same services, implementations and interceptors on every protocol. */
function mountServices({ services, dialects }: Rooms, shutdownSignal: AbortSignal, log: Logger): Mount[] {
  const interceptors = [createFaultInterceptor(log), deadlineInterceptor];
  const onError = (error: unknown): void => log.error({ err: error }, "a reply failed");
  const readMaxBytes = maxMessageBytes;
  const gateway = [...services.map((service) => ({ ...service, dialect: restDialect })), ...dialects];
  return [
    createConnectMount({ services, interceptors, readMaxBytes, shutdownSignal, onError }),
    createTranscoder({
      services: gateway,
      interceptors,
      maxBodyBytes: maxMessageBytes,
      onError,
      onStreamFailure: ({ code }, request) => noteFailure(request, code),
    }),
    wingmanNotFound,
  ];
}

function wingman(parts: WingmanParts): GatewayService[] {
  const { agents, sessions, providers, fleets } = createWingmanServices(parts);
  return [
    bind(WingmanAgentService, agents),
    bind(WingmanSessionService, sessions),
    bind(WingmanProviderService, providers),
    bind(WingmanFleetService, fleets),
  ].map((service) => ({ ...service, dialect: wingmanDialect }));
}

/** A service beside the object that answers for it; only here do the types of all services meet. */
function bind<S extends DescService>(service: S, implementation: ServiceImpl<S>): BoundService {
  return { service, implementation };
}
