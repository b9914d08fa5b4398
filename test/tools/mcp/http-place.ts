import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { StreamableHTTPServerTransportOptions } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { onTestFinished } from "vitest";
import type { ScriptOptions } from "./scripted-server.js";
import { createScriptedServer } from "./scripted-server.js";

/** A request that was received. */
interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** Starts an HTTP server on loopback; it ends with the test. */
export async function serve(handle: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/**
 * An MCP server over streamable HTTP at `/mcp`. `before` sees each request first; it answers true for those that it
 * has dealt with.
 */
export async function openHttpPlace(
  options: ScriptOptions &
    Pick<StreamableHTTPServerTransportOptions, "enableJsonResponse" | "eventStore"> & {
      readonly before?: Answer;
    } = {},
) {
  const { enableJsonResponse = false, eventStore } = options;
  const received: Received[] = [];
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      enableJsonResponse,
      ...(eventStore && { eventStore }),
      onsessioninitialized: (id) => void transports.set(id, transport),
    });
    await createScriptedServer(options).connect(transport as Transport);
    return transport;
  };
  const origin = await serve(async (request, response) => {
    received.push({ method: request.method!, url: request.url!, headers: request.headers });
    if (await options.before?.(request, response)) return;
    const id = request.headers["mcp-session-id"];
    const known = typeof id === "string" ? transports.get(id) : await open();
    if (known) await known.handleRequest(request, response);
    else response.writeHead(404).end();
  });
  return {
    origin,
    url: `${origin}/mcp`,
    received,
    /** Forgets every session. */
    forget: () => transports.clear(),
  };
}
