import type { ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { serve } from "./http-place.js";

/** A message of JSON-RPC, as a test writes it. */
export interface RawMessage {
  readonly jsonrpc?: "2.0";
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
}

/** Begins a stream of events. */
export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
}

export const eventOf = (message: RawMessage): string =>
  `data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`;

interface RawOptions {
  /** Answers to a call of its only tool, `act`. */
  onCall?(request: RawMessage, response: ServerResponse): unknown;
  /** Has the stream that the client opens for itself. Default: there is none. */
  onStream?(response: ServerResponse): unknown;
}

/** An MCP server over HTTP by hand, which says what no library would.*/
export async function openRawHttpServer({ onCall, onStream }: RawOptions) {
  const origin = await serve(async (request, response) => {
    if (request.method !== "POST") {
      if (request.method === "GET" && onStream) return onStream(response);
      return response.writeHead(405).end();
    }
    const message = JSON.parse(await text(request)) as RawMessage;
    if (message.id === undefined || message.method === undefined) return response.writeHead(202).end();
    if (message.method === "tools/call") return onCall?.(message, response);
    const result = message.method === "initialize" ? begin(message) : { tools: [act] };
    response.writeHead(200, { "content-type": "application/json" });
    return response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
  });
  return { url: `${origin}/mcp` };
}

const act = { name: "act", inputSchema: { type: "object" } };

function begin({ params }: RawMessage): object {
  const { protocolVersion } = params as { protocolVersion: string };
  return { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "raw", version: "1" } };
}
