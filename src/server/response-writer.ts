import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { HttpRequest, HttpResponse } from "./http-exchange.js";
import { endReply } from "./reply.js";

/** Bytes after which chunks are written although more are ready. */
const writeBytes = 32 * 1024;

const defaultStallMs = 30_000;

/** Sends the headers unless they have been sent, or the caller has left. */
export function sendHeaders(response: HttpResponse, status: number, headers: Headers | undefined): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, toNodeHeaders(headers));
}

/**
 * Writes a response of the protocol library. Chunks that are ready in the same turn of the event loop leave in
 * one write: a small message costs far less than a system call. Waits for a slow reader, and stops when it
 * leaves, also while waiting. Disconnects one that has taken nothing for `stallMs` milliseconds (default 30 s): it can
 * go on from its last position. Always ends the body's iterator.
 */
export async function writeResponse(
  request: HttpRequest,
  response: HttpResponse,
  source: UniversalServerResponse,
  { stallMs = defaultStallMs }: { readonly stallMs?: number } = {},
): Promise<void> {
  const body = source.body?.[Symbol.asyncIterator]();
  const output = new CoalescedOutput(request, response, stallMs);
  const release = () => {
    body?.return?.().catch(() => undefined);
  };
  response.once("close", release);
  try {
    sendHeaders(response, source.status, source.header);
    for (let item = await body?.next(); item?.done === false; item = await body?.next()) {
      if (output.add(item.value)) continue;
      await output.drained();
      if (response.destroyed) return;
    }
    if (source.trailer) response.addTrailers(toNodeHeaders(source.trailer));
    output.end();
  } finally {
    output.stop();
    release();
  }
}

class CoalescedOutput {
  private chunks: Uint8Array[] = [];
  private bytes = 0;
  private scheduled = false;
  private stall: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly request: HttpRequest,
    private readonly response: HttpResponse,
    private readonly stallMs: number,
  ) {
    response.on("drain", this.unblock).once("close", this.unblock);
  }

  /** Takes a chunk; false when the producer should wait for `drained`. */
  add(chunk: Uint8Array): boolean {
    this.chunks.push(chunk);
    this.bytes += chunk.byteLength;
    if (this.bytes >= writeBytes) {
      this.flush();
      return false;
    }
    if (!this.scheduled) {
      this.scheduled = true;
      // Runs when no promise is left to settle: when the source waits for something outside.
      process.nextTick(() => {
        this.scheduled = false;
        this.flush();
      });
    }
    return this.stall === undefined;
  }

  /** Resolves when the reader has caught up or left. Always gives other connections their turn. */
  drained(): Promise<void> {
    const { response } = this;
    return new Promise((resolve) => {
      if (this.stall === undefined || response.destroyed) {
        setImmediate(resolve);
        return;
      }
      const done = () => {
        response.off("drain", done);
        response.off("close", done);
        resolve();
      };
      response.once("drain", done);
      response.once("close", done);
    });
  }

  end(): void {
    const last = this.take();
    if (!this.response.destroyed) endReply(this.request, this.response, last);
  }

  stop(): void {
    this.stopped = true;
    this.unblock();
    this.response.off("drain", this.unblock).off("close", this.unblock);
  }

  /** The reader may catch up at any time, also while there is nothing to write. */
  private readonly unblock = (): void => {
    clearTimeout(this.stall);
    this.stall = undefined;
  };

  private flush(): void {
    const data = this.take();
    if (data === undefined || this.stopped || this.response.destroyed || this.response.writableEnded) return;
    if (!this.response.write(data)) this.stall ??= setTimeout(() => this.response.destroy(), this.stallMs);
  }

  private take(): Uint8Array | undefined {
    const [first] = this.chunks;
    if (first === undefined) return undefined;
    const data = this.chunks.length === 1 ? first : Buffer.concat(this.chunks, this.bytes);
    this.chunks = [];
    this.bytes = 0;
    return data;
  }
}

function toNodeHeaders(headers: Headers | undefined): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = {};
  headers?.forEach((value, name) => {
    if (name !== "set-cookie") result[name] = value;
  });
  const cookies = headers?.getSetCookie() ?? [];
  if (cookies.length > 0) result["set-cookie"] = cookies;
  return result;
}
