import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { JSONRPCMessageSchema } from "@modelcontextprotocol/sdk/types.js";
import type { SandboxProcess } from "../../core/sandbox.js";
import { createPace } from "../pace.js";
import { takeEnd } from "../show-text.js";
import { longestMessage } from "./longest-message.js";
import { cannotStart } from "./server-fault.js";

/** Messages of a list that are read. */
const mostBatched = 100;
/** Bytes that may wait for a server to read them. */
const mostUnread = 4 * longestMessage;
/** Characters that are kept of what a server writes to its standard error. */
const lastCharacters = 2_000;
/** Milliseconds that a server has to end by itself once its input is closed. */
const graceMs = 500;
/** Milliseconds in which what an ended server has written is still read. */
const drainMs = 500;

/**
 * MCP over the standard input and output of a process: JSON-RPC messages, one a line, or a list of them as in version
 * 2025-03-26. Lines that hold none are passed over. `ended` tells why the connection is over: a process that ended, a message that is too long, a
 * process that does not read.
 */
export class StdioTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: NonNullable<Transport["onmessage"]>;
  #process: SandboxProcess | undefined;
  #lastWords = "";
  #why: string | undefined;
  #closed = false;

  constructor(private readonly startProcess: () => SandboxProcess) {}

  /** Why the connection is over, for people; undefined while it is not, and when this side has closed it. */
  get ended(): string | undefined {
    return this.#why;
  }

  /** What the program said last of an error, or at all, on its standard error; empty where it said nothing. */
  get lastWords(): string {
    return tellingLine(this.#lastWords);
  }

  async start(): Promise<void> {
    const process = this.startProcess();
    this.#process = process;
    process.stdin.on("error", () => undefined);
    const reading = this.#read(process.stdout).catch(() => undefined);
    void this.#listen(process.stderr).catch(() => undefined);
    void process.exited
      .then(({ code, signal }) => (signal === null ? `it ended with code ${code}` : `${signal} ended it`))
      .catch((error: unknown) => `it ${cannotStart(error)}`)
      .then(async (why) => {
        await Promise.race([reading, delay(drainMs, undefined, { ref: false })]);
        this.#end(this.lastWords === "" ? why : `${why}: ${this.lastWords}`);
      });
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#closed || !this.#process) throw new Error("the server is not connected");
    if (this.#process.stdin.writableLength > mostUnread) return this.#end("it does not read what it is sent");
    // A process that does not read any more has ended or is about to: that says why, this would not.
    this.#process.stdin.write(`${JSON.stringify(message)}\n`, () => resolve());
    await promise;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#stop(graceMs);
    this.onclose?.();
  }

  #end(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#why = why;
    void this.#stop(0);
    this.onclose?.();
  }

  async #stop(waitMs: number): Promise<void> {
    const process = this.#process;
    if (!process) return;
    const exited = process.exited.catch(() => undefined);
    process.stdin.end();
    await Promise.race([exited, delay(waitMs, undefined, { ref: false })]);
    process.kill();
    await exited;
    for (const stream of [process.stdout, process.stderr]) stream.destroy();
  }

  async #read(stdout: Readable): Promise<void> {
    let held: Buffer[] = [];
    let size = 0;
    const pace = createPace();
    for await (const chunk of stdout) {
      const data = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      let from = 0;
      for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10, from)) {
        await this.#receive(Buffer.concat([...held, data.subarray(from, at)]));
        held = [];
        size = 0;
        from = at + 1;
      }
      held.push(data.subarray(from));
      size += data.length - from;
      if (size > longestMessage) return this.#end(`a message of it is longer than ${longestMessage} bytes`);
      await pace(data.length);
    }
  }

  /** The library looks at a notification a moment later, at a result that comes after it at once. */
  async #receive(line: Buffer): Promise<void> {
    if (this.#closed) return;
    try {
      const value: unknown = JSON.parse(line.toString("utf8"));
      for (const item of Array.isArray(value) ? value.slice(0, mostBatched) : [value]) {
        const { data } = JSONRPCMessageSchema.safeParse(item);
        if (data) this.onmessage?.(data);
        await undefined;
      }
    } catch {
      // Many a program prints something before it speaks MCP.
    }
  }

  async #listen(stderr: Readable): Promise<void> {
    const pace = createPace();
    for await (const chunk of stderr) {
      const text = String(chunk);
      this.#lastWords = takeEnd(this.#lastWords + text, lastCharacters);
      await pace(text.length);
    }
  }
}

/** What a program said last of an error, or at all. Below the error that ends a program stands where it was thrown. */
function tellingLine(text: string): string {
  const lines = text.trim().split("\n");
  const thrown = lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line));
  return (thrown ?? lines.find((line) => /error|fatal|panic/i.test(line)) ?? lines.at(-1) ?? "").trim();
}
