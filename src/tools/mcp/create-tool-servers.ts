import type { Sandbox } from "../../core/sandbox.js";
import type { Redactor, Secrets, TokenStore } from "../../core/secrets.js";
import type { ToolServers } from "../../core/tool-servers.js";
import type { ConnectParts } from "./connect-server.js";
import { ConnectionPool } from "./connection-pool.js";
import { forgetGrants } from "./forget-grants.js";
import type { ReturnQuery } from "./return-desk.js";
import { createReturnDesk } from "./return-desk.js";
import type { ConnectionTimes } from "./server-connection.js";

/** What connections to MCP servers are made with. */
export interface ToolServersOptions {
  readonly sandbox: Sandbox;
  /** Bearer tokens, under `mcp:` and an origin. */
  readonly secrets: Secrets;
  /** Keeps what OAuth gives. */
  readonly tokens: TokenStore;
  readonly redactor: Redactor;
  /** Where browsers are sent back to after an authorization; settles when the server listens. */
  readonly redirectUrl: Promise<string>;
  /** Default: 30 seconds for an answer, 2 minutes for a call. */
  readonly times?: Partial<ConnectionTimes>;
  /** Milliseconds for which a server is kept while no run of its session works. Default 5 minutes. */
  readonly restMs?: number;
}

/** Connections to MCP servers, and where browsers come back to. */
export interface McpServers extends ToolServers {
  /** Takes what a browser brought back from an authorization page. False when nothing waits for it. */
  takeReturn(query: ReturnQuery): boolean;
}

/** Connects to MCP servers. The library is loaded with the first connection. */
export function createToolServers(options: ToolServersOptions): McpServers {
  const { answerMs = 30_000, callMs = 120_000 } = options.times ?? {};
  const desk = createReturnDesk();
  const load = lazily(() => loadLibrary(options, { desk, times: { answerMs, callMs } }));
  const pool = new ConnectionPool(async (order, parties, signal) => {
    const { connectServer, parts } = await load();
    return connectServer(parts, order, parties, signal);
  }, options.restMs ?? 300_000);
  return {
    connect: (order, host, signal) => pool.connect(order, host, signal),
    rest: (sessionId) => pool.rest(sessionId),
    leave: (sessionId) => pool.leave(sessionId),
    keepOnly: (kept) => forgetGrants(options.tokens, kept),
    close: () => pool.close(),
    takeReturn: (query) => desk.take(query),
  };
}

function lazily<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => {
    loading ??= load();
    return loading;
  };
}

async function loadLibrary(
  { sandbox, secrets, tokens, redactor, redirectUrl }: ToolServersOptions,
  more: Pick<ConnectParts, "desk" | "times">,
) {
  const [{ connectServer }, { OAuthGrants }] = await Promise.all([
    import("./connect-server.js"),
    import("./oauth-grants.js"),
  ]);
  const parts = { sandbox, secrets, redactor, redirectUrl, ...more };
  return { connectServer, parts: { ...parts, grants: new OAuthGrants(tokens, redactor) } };
}
