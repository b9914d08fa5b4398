import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { ErrorCode } from "@modelcontextprotocol/sdk/types.js";

/** Values in a message that the library holds against a schema. */
const mostValues = 5_000;

/**
 * A transport that keeps from the library what would keep it busy: it holds requests, notifications and a server's
 * first answer against schemas, which takes seconds and gigabytes for one message of a hundred thousand members that
 * do not fit. A request that is too large is refused, a notification passed over, and in place of a first answer
 * comes an error. Other results are read by us.
 */
export class ScreenedTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: NonNullable<Transport["onmessage"]>;
  /** Id of the request that begins the connection. */
  #first: unknown;

  constructor(private readonly inner: Transport) {
    inner.onclose = () => this.onclose?.();
    inner.onerror = (error) => this.onerror?.(error);
    inner.onmessage = (message, extra) => {
      const isScreened = "method" in message || message.id === this.#first;
      if (isScreened && !holdsAtMost(message, mostValues)) this.#refuse(message);
      else this.onmessage?.(message, extra);
    };
  }

  setProtocolVersion = (version: string): void => this.inner.setProtocolVersion?.(version);

  start(): Promise<void> {
    return this.inner.start();
  }

  send(...[message, options]: Parameters<Transport["send"]>): Promise<void> {
    if ("method" in message && message.method === "initialize" && "id" in message) this.#first = message.id;
    return this.inner.send(message, options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  #refuse(message: JSONRPCMessage): void {
    if (!("id" in message) || message.id === undefined) return;
    const error = { code: ErrorCode.InvalidParams, message: "a message of it has too many members" };
    const refusal = { jsonrpc: "2.0" as const, id: message.id, error };
    if ("method" in message) void this.inner.send(refusal).catch(() => undefined);
    else this.onmessage?.(refusal);
  }
}

/** Whether there are no more values in a value than so many, itself and those that it holds. */
function holdsAtMost(value: unknown, most: number): boolean {
  const waiting = [value];
  for (let seen = 0; seen < most; seen += 1) {
    if (waiting.length === 0) return true;
    const next = waiting.pop();
    if (typeof next !== "object" || next === null) continue;
    const held: unknown[] = Array.isArray(next) ? next : Object.values(next);
    if (held.length > most) return false;
    waiting.push(...held);
  }
  return waiting.length === 0;
}
