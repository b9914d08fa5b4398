import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What a fake provider answers to one request. */
export interface UpstreamAnswer {
  /** Default: 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, whole or in the pieces that it is written in. */
  readonly body?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Milliseconds before the headers. */
  readonly delayMs?: number;
  /** Milliseconds between two pieces. */
  readonly paceMs?: number;
  /** Sends only so many bytes of the body, then does what `end` says. */
  readonly cutAt?: number;
  /**
   * How it ends. `finish` (default): as HTTP says. `close`: the socket is closed in the middle. `reset`: it
   * is reset. `stall`: nothing more comes. `silent`: not even headers come.
   */
  readonly end?: "finish" | "close" | "reset" | "stall" | "silent";
}

/** A request as the fake provider saw it. */
export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into provider formats of every kind
  readonly json: any;
  /** Resolves when the connection of this request was closed. */
  readonly closed: Promise<void>;
}

export type UpstreamScript = (request: UpstreamRequest, number: number) => UpstreamAnswer;

export interface FakeUpstream {
  /** For example `http://127.0.0.1:41234`. */
  readonly url: string;
  /** Every request so far. */
  readonly requests: UpstreamRequest[];
  /** How many connections were opened. */
  readonly connections: () => number;
  /** Replaces what is answered from now on. */
  answer(script: UpstreamAnswer | UpstreamScript): void;
  close(): Promise<void>;
}

/** Starts a provider on a free port of the loopback, that answers as it is told. */
export async function startFakeUpstream(script: UpstreamAnswer | UpstreamScript = {}): Promise<FakeUpstream> {
  const requests: UpstreamRequest[] = [];
  let current = script;
  let connections = 0;
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const request = toRequest(incoming, Buffer.concat(chunks).toString("utf8"), outgoing);
      requests.push(request);
      const answer = typeof current === "function" ? current(request, requests.length) : current;
      void reply(outgoing, answer);
    });
  });
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections: () => connections,
    answer: (next) => {
      current = next;
    },
    close: () => closeServer(server),
  };
}

/** A server-sent event. Anthropic names its events, OpenAI does not. */
export function sseEvent(data: unknown, name?: string): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${name ? `event: ${name}\n` : ""}data: ${text}\n\n`;
}

/** An event of Anthropic's. */
export interface NamedEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** Events of Anthropic's Messages API, each named by its type. */
export function anthropicStream(...events: NamedEvent[]): string {
  return events.map((event) => sseEvent(event, event.type)).join("");
}

/** A whole answer of Anthropic's Messages API: texts, and objects for tool calls. */
export function anthropicAnswer(
  parts: readonly (string | { id: string; name: string; input: unknown })[],
  usage: Record<string, number> = { input_tokens: 10, output_tokens: 5 },
  stopReason?: string,
): string {
  const { output_tokens: output = 5, ...input } = usage;
  const blocks = parts.flatMap((part, index) => anthropicBlock(part, index));
  const called = parts.some((part) => typeof part !== "string");
  return anthropicStream(
    {
      type: "message_start",
      message: { id: "msg_1", role: "assistant", usage: { ...input, output_tokens: 1 } },
    },
    { type: "ping" },
    ...blocks,
    {
      type: "message_delta",
      delta: { stop_reason: stopReason ?? (called ? "tool_use" : "end_turn") },
      usage: { output_tokens: output },
    },
    { type: "message_stop" },
  );
}

/** A whole answer of Chat Completions: texts, and objects for tool calls. */
export function chatAnswer(
  parts: readonly (string | { id: string; name: string; input: unknown })[],
  usage: Record<string, unknown> = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  finishReason?: string,
): string {
  let call = -1;
  const deltas = parts.flatMap((part): object[] => {
    if (typeof part === "string") return halves(part).map((content) => ({ content }));
    call += 1;
    const { id, name, input } = part;
    const [first = "", ...rest] = halves(JSON.stringify(input));
    return [
      { tool_calls: [{ index: call, id, type: "function", function: { name, arguments: first } }] },
      ...rest.map((json) => ({ tool_calls: [{ index: call, function: { arguments: json } }] })),
    ];
  });
  const reason = finishReason ?? (call >= 0 ? "tool_calls" : "stop");
  return [
    chatChunk({ role: "assistant", content: "" }),
    ...deltas.map((delta) => chatChunk(delta)),
    chatChunk({}, reason),
    sseEvent({ object: "chat.completion.chunk", choices: [], usage }),
    sseEvent("[DONE]"),
  ].join("");
}

/** One chunk of Chat Completions. */
export function chatChunk(delta: unknown, finishReason: string | null = null): string {
  return sseEvent({
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  });
}

/** A whole answer of Ollama's `/api/chat`: texts, and objects for tool calls, each in a chunk of its own. */
export function ollamaAnswer(
  parts: readonly (string | { name: string; input: unknown })[],
  counts: Record<string, unknown> = { prompt_eval_count: 10, eval_count: 5 },
  doneReason = "stop",
): string {
  const messages = parts.flatMap((part): object[] =>
    typeof part === "string"
      ? halves(part).map((content) => ({ content }))
      : [{ content: "", tool_calls: [ollamaCall(part.name, part.input)] }],
  );
  return [
    ...messages.map((message) => ollamaChunk(message)),
    ollamaChunk(
      { content: "" },
      { done: true, done_reason: doneReason, total_duration: 5_000_000, ...counts },
    ),
  ].join("");
}

/** One chunk of `/api/chat`: a line of JSON. */
export function ollamaChunk(message: object, rest: object = { done: false }): string {
  const fixed = { model: "llama3.2", created_at: "2026-10-26T17:21:21.196249Z" };
  return `${JSON.stringify({ ...fixed, message: { role: "assistant", ...message }, ...rest })}\n`;
}

/** A tool call as Ollama tells it, whole and without an id. */
export function ollamaCall(name: string, input: unknown): object {
  return { function: { name, arguments: input } };
}

function anthropicBlock(
  part: string | { id: string; name: string; input: unknown },
  index: number,
): NamedEvent[] {
  const delta = (value: object): NamedEvent => ({ type: "content_block_delta", index, delta: value });
  if (typeof part === "string") {
    return [
      { type: "content_block_start", index, content_block: { type: "text", text: "" } },
      ...halves(part).map((text) => delta({ type: "text_delta", text })),
      { type: "content_block_stop", index },
    ];
  }
  const { id, name, input } = part;
  return [
    { type: "content_block_start", index, content_block: { type: "tool_use", id, name, input: {} } },
    delta({ type: "input_json_delta", partial_json: "" }),
    ...halves(JSON.stringify(input)).map((json) => delta({ type: "input_json_delta", partial_json: json })),
    { type: "content_block_stop", index },
  ];
}

function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((half) => half !== "");
}

function toRequest(incoming: IncomingMessage, body: string, outgoing: ServerResponse): UpstreamRequest {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    json = undefined;
  }
  return {
    method: incoming.method ?? "",
    path: incoming.url ?? "",
    headers: incoming.headers,
    body,
    json,
    closed: new Promise((resolve) => outgoing.on("close", resolve)),
  };
}

async function reply(outgoing: ServerResponse, answer: UpstreamAnswer): Promise<void> {
  const { body = "", cutAt, end = "finish" } = answer;
  if (end === "silent") return;
  if (answer.delayMs) await pause(answer.delayMs);
  outgoing.writeHead(answer.status ?? 200, { "content-type": "text/event-stream", ...answer.headers });
  outgoing.flushHeaders();
  const pieces = typeof body === "string" || body instanceof Uint8Array ? [body] : body;
  let left = cutAt ?? Number.POSITIVE_INFINITY;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece as Uint8Array).subarray(0, left);
    left -= bytes.length;
    if (bytes.length > 0 && !outgoing.write(bytes)) await drained(outgoing);
    if (answer.paceMs) await pause(answer.paceMs);
    if (outgoing.destroyed) return;
  }
  const socket = outgoing.socket;
  if (end === "finish") outgoing.end();
  else if (end === "close") socket?.end();
  else if (end === "reset") socket?.resetAndDestroy();
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    outgoing.once("drain", resolve);
    outgoing.once("close", resolve);
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
