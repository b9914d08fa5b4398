import { setTimeout as delay } from "node:timers/promises";
import type { JsonObject } from "@bufbuild/protobuf";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CancelledNotificationSchema,
  ElicitationCompleteNotificationSchema,
  ElicitRequestSchema,
  ErrorCode,
  McpError,
  ResultSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { canceled, Fault } from "../../core/fault.js";
import type { Redactor } from "../../core/secrets.js";
import type { ToolContext, ToolOutput } from "../../core/tool.js";
import type { OfferedTool, ServerHost, ToolServer } from "../../core/tool-servers.js";
import { withEitherSignal } from "../../core/with-either-signal.js";
import type { OpenCall } from "./call-tool.js";
import { callTool } from "./call-tool.js";
import { longestTimerMs, Patience } from "./patience.js";
import { readTool } from "./read-tool.js";
import { ScreenedTransport } from "./screened-transport.js";
import { safeLine, serverFault } from "./server-fault.js";
import { ServerQuestions } from "./server-questions.js";

const mostTools = 200;
/** Tools of a page that are looked at. */
const mostListed = 1_000;
const mostPages = 20;
/** Milliseconds for which a server may take leave. */
const farewellMs = 500;

/** How patient a connection is, in milliseconds. */
export interface ConnectionTimes {
  /** Until a server has answered to its first message, or with its list of tools. */
  readonly answerMs: number;
  /** Until a call has its result. */
  readonly callMs: number;
}

/** What a connection works with. */
export interface ConnectionParts {
  readonly transport: ServerTransport;
  readonly times: ConnectionTimes;
  readonly redactor: Redactor;
}

/** What is known of a transport beyond what the library wants. */
interface ServerTransport extends Transport {
  /** Why it is over, where it knows. */
  readonly ended?: string | undefined;
  /** What a program has said of itself beside the protocol, or empty. */
  readonly lastWords?: string;
  /** Tells the server that its session is over, where there are sessions. */
  terminateSession?(): Promise<void>;
}

/** A connection to an MCP server over any transport. Offers the form and URL modes of elicitation, and nothing else. */
export class ServerConnection implements ToolServer {
  readonly #client: Client;
  readonly #patience = new Patience();
  readonly #questions: ServerQuestions;
  /** Calls under way, each with the run that waits for it. */
  readonly #calls = new Set<OpenCall>();
  #host: ServerHost;
  #listed: Promise<readonly OfferedTool[]> | undefined;
  #broken: Fault | undefined;
  #leftOut = 0;

  constructor(
    private readonly parts: ConnectionParts,
    host: ServerHost,
  ) {
    this.#host = host;
    this.#questions = new ServerQuestions(this.#patience, parts.redactor);
    this.#client = new Client(
      { name: "agentry", version: "1" },
      { capabilities: { elicitation: { form: {}, url: {} } }, jsonSchemaValidator: { getValidator } },
    );
    this.#client.setRequestHandler(ElicitRequestSchema, (request, extra) =>
      this.#questions.answer(request, (question) => this.#asker().elicit(question), extra),
    );
    // The library's own passes over a request whose id is 0, which is the first of many servers.
    this.#client.setNotificationHandler(CancelledNotificationSchema, ({ params }) =>
      this.#questions.takeBack(params.requestId),
    );
    this.#client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      this.#listed = undefined;
    });
    this.#client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) =>
      this.#questions.complete(params.elicitationId),
    );
    this.#client.onclose = () => {
      const { ended = "it broke off" } = parts.transport;
      this.#broken ??= new Fault("unavailable", safeLine(ended, parts.redactor));
    };
  }

  /** Why it is over; undefined while it is not. */
  get broken(): Fault | undefined {
    return this.#broken;
  }

  get leftOut(): number {
    return this.#leftOut;
  }

  /** From now on it works for another run. */
  set host(host: ServerHost) {
    this.#host = host;
    this.#questions.reset();
    // Not every server says when its tools change.
    this.#listed = undefined;
  }

  /** Begins to speak. @throws Fault. */
  async open(signal: AbortSignal): Promise<void> {
    const transport = new ScreenedTransport(this.parts.transport);
    await this.#request(signal, (options) => this.#client.connect(transport, options));
  }

  async tools(signal: AbortSignal): Promise<readonly OfferedTool[]> {
    if (this.#broken) throw this.#broken;
    if (!this.#listed) {
      const listing = this.#list(signal);
      this.#listed = listing;
      listing.catch(() => {
        if (this.#listed === listing) this.#listed = undefined;
      });
    }
    return this.#listed;
  }

  async call(
    tool: OfferedTool,
    input: JsonObject,
    context: ToolContext,
    signal: AbortSignal,
  ): Promise<ToolOutput> {
    const now = (await this.tools(signal)).find(({ name }) => name === tool.name);
    if (now?.sha256 !== tool.sha256)
      return {
        text: "The server has changed this tool. Until somebody has approved that, it is not called.",
        failed: true,
      };
    const request = {
      client: this.#client,
      name: tool.name,
      input,
      context,
      timeoutMs: this.parts.times.callMs,
      redactor: this.parts.redactor,
    };
    const desk = { calls: this.#calls, questions: this.#questions, patience: this.#patience };
    try {
      const output = await callTool(request, desk, signal);
      return { ...output, text: this.parts.redactor.redact(output.text) };
    } catch (error) {
      if (signal.aborted) throw canceled("the run was canceled");
      const fault = this.#why(error);
      if (fault.reason === "unauthenticated" || fault.detail.retryable) this.#broken ??= fault;
      return { text: `The call failed: ${fault.message}`, failed: true };
    }
  }

  async close(): Promise<void> {
    const { transport } = this.parts;
    if (!this.#broken) {
      const told = transport.terminateSession?.().catch(() => undefined);
      await Promise.race([told, delay(farewellMs, undefined, { ref: false })]);
    }
    await this.#client.close().catch(() => undefined);
    await transport.close().catch(() => undefined);
  }

  /** A question belongs to the call that is under way, where there is one alone. */
  #asker(): ServerHost | OpenCall {
    const [call, another] = this.#calls;
    return call && !another ? call : this.#host;
  }

  async #list(signal: AbortSignal): Promise<readonly OfferedTool[]> {
    const tools = new Map<string, OfferedTool>();
    if (!this.#client.getServerCapabilities()?.tools) return [];
    let cursor: unknown;
    let offered = 0;
    for (let read = 0; read < mostPages; read += 1) {
      const params = typeof cursor === "string" ? { cursor } : {};
      const result = await this.#request(signal, (options) =>
        this.#client.request({ method: "tools/list", params }, ResultSchema, options),
      );
      const page: unknown[] = Array.isArray(result.tools) ? result.tools : [];
      offered += page.length;
      for (const item of page.slice(0, mostListed)) {
        const tool = readTool(item);
        if (tool && !tools.has(tool.name) && tools.size < mostTools) tools.set(tool.name, tool);
      }
      cursor = result.nextCursor;
      if (typeof cursor !== "string") break;
    }
    this.#leftOut = offered - tools.size;
    return [...tools.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #late(): Error {
    const { transport, times } = this.parts;
    const late = `it has timed out after ${times.answerMs} ms`;
    return new Error(transport.lastWords ? `${late}: ${transport.lastWords}` : late);
  }

  /** For people, without secrets. Of a request that was cut short by the end of the connection, why that has ended. */
  #why(error: unknown): Fault {
    const isCut = error instanceof McpError && error.code === ErrorCode.ConnectionClosed;
    return (isCut ? this.#broken : undefined) ?? serverFault(error, this.parts.redactor);
  }

  async #request<T>(
    signal: AbortSignal,
    send: (options: { signal: AbortSignal; timeout: number }) => Promise<T>,
  ): Promise<T> {
    const { answerMs } = this.parts.times;
    const limit = new AbortController();
    const endLimit = this.#patience.limit(answerMs, () => limit.abort());
    try {
      return await withEitherSignal([signal, limit.signal], (either) =>
        send({ signal: either, timeout: longestTimerMs }),
      );
    } catch (error) {
      if (signal.aborted) throw canceled("the run was canceled");
      // Also what does not answer at all: another connection may.
      const fault = this.#why(limit.signal.aborted ? this.#late() : error);
      this.#broken ??= fault;
      throw fault;
    } finally {
      endLimit();
    }
  }
}

/** What a tool answers is shown and not used: nothing is held against schemas that a stranger wrote. */
function getValidator() {
  return (input: unknown) => ({ valid: true as const, data: input as never, errorMessage: undefined });
}
