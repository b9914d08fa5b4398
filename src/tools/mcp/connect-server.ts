import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { FetchLike } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { McpHttp, McpStdio } from "../../../gen/agentry/v1/agents_pb.js";
import { canceled, Fault, invalid } from "../../core/fault.js";
import type { Sandbox } from "../../core/sandbox.js";
import type { Redactor, Secrets } from "../../core/secrets.js";
import { readServerUrl } from "../../core/server-url.js";
import type { ServerHost, ServerOrder } from "../../core/tool-servers.js";
import { toolEnvironment } from "../tool-environment.js";
import { ToolFailure } from "../tool-failure.js";
import { realWorkDir } from "../work-path.js";
import { authorize } from "./authorize.js";
import { OAuthClient } from "./oauth-client.js";
import { createOAuthFetch, redeemCode } from "./oauth-fetch.js";
import type { OAuthGrants } from "./oauth-grants.js";
import type { ReturnDesk } from "./return-desk.js";
import type { ConnectionTimes } from "./server-connection.js";
import { ServerConnection } from "./server-connection.js";
import { cannotStart, serverFault } from "./server-fault.js";
import { createServerFetch } from "./server-fetch.js";
import { StdioTransport } from "./stdio-transport.js";

/** What connections are made with. */
export interface ConnectParts {
  readonly sandbox: Sandbox;
  readonly secrets: Secrets;
  readonly redactor: Redactor;
  readonly grants: OAuthGrants;
  readonly desk: ReturnDesk;
  readonly times: ConnectionTimes;
  /** Where browsers are sent back to; settles when the server listens. */
  readonly redirectUrl: Promise<string>;
}

/**
 * Connects to a server. `life` is the connection's own: when it fires, what was started for it is killed.
 * @throws Fault with one line for people, out of which every known secret has been taken.
 */
export async function connectServer(
  parts: ConnectParts,
  order: ServerOrder,
  { host, life }: { readonly host: ServerHost; readonly life: AbortSignal },
  signal: AbortSignal,
): Promise<ServerConnection> {
  const { transport } = order.server;
  try {
    switch (transport.case) {
      case "stdio":
        return await connectStdio(parts, { order, stdio: transport.value, host, life }, signal);
      case "http":
        return await connectHttp(parts, { order, http: transport.value, host }, signal);
      case undefined:
        throw invalid("it has neither a program nor an address");
      default:
        return transport satisfies never;
    }
  } catch (error) {
    if (signal.aborted) throw canceled("the run was canceled");
    const { reason, message, detail } = serverFault(error, parts.redactor);
    throw new Fault(reason, parts.redactor.redact(message), detail, error);
  }
}

interface StdioOrder {
  readonly order: ServerOrder;
  readonly stdio: McpStdio;
  readonly host: ServerHost;
  readonly life: AbortSignal;
}

async function connectStdio(
  parts: ConnectParts,
  { order, stdio, host, life }: StdioOrder,
  signal: AbortSignal,
): Promise<ServerConnection> {
  const workDir = await realWorkDir(order.workDir).catch((error: unknown) => {
    throw error instanceof ToolFailure ? new Fault("unavailable", error.message) : error;
  });
  const command = {
    file: stdio.command,
    args: stdio.args,
    workDir,
    env: { ...toolEnvironment(), ...stdio.env },
    allowedHosts: order.allowedHosts,
  };
  const transport = new StdioTransport(() => spawn(parts.sandbox, command, life));
  return open(new ServerConnection({ ...parts, transport }, host), signal);
}

function spawn(sandbox: Sandbox, command: Parameters<Sandbox["spawn"]>[0], life: AbortSignal) {
  try {
    return sandbox.spawn(command, life);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("unavailable", `${command.file} ${cannotStart(error)}`, {}, error);
  }
}

/** How a stream that has broken off is asked for again: for two minutes or so, while somebody may be asked something. */
const reconnectionOptions = {
  initialReconnectionDelay: 1_000,
  maxReconnectionDelay: 30_000,
  reconnectionDelayGrowFactor: 1.5,
  maxRetries: 10,
};

interface HttpOrder {
  readonly order: ServerOrder;
  readonly http: McpHttp;
  readonly host: ServerHost;
}

async function connectHttp(
  parts: ConnectParts,
  { order, http, host }: HttpOrder,
  signal: AbortSignal,
): Promise<ServerConnection> {
  const url = readServerUrl(http.url, "its url");
  const bearer = await bearerFor(parts.secrets, url);
  const fetch = createServerFetch(url, bearer);
  const openHttp = (fetchFrom: FetchLike) => {
    const transport = new StreamableHTTPClientTransport(url, { fetch: fetchFrom, reconnectionOptions });
    return open(new ServerConnection({ ...parts, transport }, host), signal);
  };
  if (bearer !== undefined) return openHttp(fetch);
  await parts.grants.load(url);
  const { grants, desk } = parts;
  const client = new OAuthClient({ server: url, grants, redirectUrl: await parts.redirectUrl });
  const oauth = { server: url, client, fetch, answerMs: parts.times.answerMs };
  const attempt = () => openHttp(createOAuthFetch(oauth));
  try {
    return await attempt();
  } catch (error) {
    const cause = error instanceof Fault ? error.cause : error;
    if (!(cause instanceof UnauthorizedError)) throw error;
  }
  await redeemCode(oauth, await authorize(client, { name: order.server.name, host, desk }, signal));
  return attempt();
}

/** The token that was stored for the origin of a server; it goes nowhere else. */
async function bearerFor(secrets: Secrets, { origin }: URL): Promise<string | undefined> {
  const secret = await secrets.open(`mcp:${origin}`);
  return secret?.origin === origin ? secret.key : undefined;
}

async function open(connection: ServerConnection, signal: AbortSignal): Promise<ServerConnection> {
  try {
    await connection.open(signal);
    await connection.tools(signal);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}
