import type { ConnectError } from "@connectrpc/connect";
import type { StreamFormat } from "./accept.js";
import type { Call, HandlerOptions } from "./call.js";
import { fail, watchDeadline } from "./call.js";
import type { CallContext } from "./call-context.js";
import { clientLeft } from "./call-context.js";
import { ChunkWriter } from "./chunk-writer.js";
import { toConnectError } from "./http-error.js";
import { isGone, requestIdOf } from "./http-exchange.js";
import { addHeaders } from "./response-headers.js";
import type { StreamOutput, StreamOutputs } from "./stream-output.js";
import { streamHeaders } from "./stream-output.js";

// Long enough for a service to refuse with a status, too short for a person to notice.
const commitMs = 20;

/** What every stream of a handler has in common. */
export interface StreamSessionOptions extends HandlerOptions {
  readonly outputs: StreamOutputs;
  readonly heartbeatMs: number;
  readonly stallMs: number;
}

/** What one stream begins with. */
export interface StreamStart {
  readonly call: Call;
  readonly context: CallContext;
  readonly format: StreamFormat;
  /** Whether the client has read a part of this stream before. */
  readonly resumed: boolean;
}

/**
 * One stream to one client. The status is decided by the first message, the end, an error, or 20 ms without
 * any of them. It holds no queue: it asks for the next message when the last one is on its way. When the
 * client leaves, even while the socket is full, the signal aborts and the source is told to return; a
 * source that does not come back is not waited for.
 */
export class StreamSession {
  private readonly writer: ChunkWriter;
  private source: AsyncIterator<unknown> | undefined;
  private output: StreamOutput | undefined;
  private heartbeat: NodeJS.Timeout | undefined;
  private readonly commitTimer: NodeJS.Timeout | undefined;
  private readonly deadline: NodeJS.Timeout | undefined;
  private over = false;

  constructor(
    private readonly options: StreamSessionOptions,
    private readonly start: StreamStart,
  ) {
    const { response } = start.call;
    response.on("close", this.onClose);
    this.writer = new ChunkWriter({
      response,
      onReady: () => this.pull(),
      onStall: () => response.destroy(),
      stallMs: options.stallMs,
    });
    if (!options.outputs.waitForFirst) this.commitTimer = setTimeout(() => this.commit(undefined), commitMs);
    this.deadline = watchDeadline(start.context, (error) => this.abandon(() => this.finishWith(error)));
  }

  /** Streams what an invocation returns. Never rejects. */
  run(invocation: Promise<AsyncIterable<unknown>> | AsyncIterable<unknown>): void {
    const open = (items: AsyncIterable<unknown>): void => {
      this.source = items[Symbol.asyncIterator]();
      if (this.over) this.releaseSource();
      else this.pull();
    };
    if (invocation instanceof Promise) invocation.then(open).catch(this.onFailure);
    else open(invocation);
  }

  /** Ends with an error that was thrown before there was anything to stream. */
  readonly onFailure = (thrown: unknown): void => {
    if (this.over) return;
    const error = toConnectError(thrown);
    if (error !== thrown && this.output) this.options.onError?.(thrown, this.start.call.request);
    this.writer.flush();
    this.close();
    if (this.output) this.finishWith(error);
    else fail(this.options, this.start.call, thrown);
  };

  private pull(): void {
    if (this.over) return;
    // A source need not be a generator: it may throw, or answer without a promise.
    try {
      Promise.resolve(this.source?.next()).then(this.onResult, this.onFailure);
    } catch (error) {
      this.onFailure(error);
    }
  }

  private readonly onResult = (result: IteratorResult<unknown> | undefined): void => {
    if (this.over) return;
    if (!result || result.done) {
      this.onEnd();
      return;
    }
    try {
      const output = this.commit(result.value);
      if (this.over) return;
      this.heartbeat?.refresh();
      if (this.writer.add(output.frame(result.value))) this.pull();
    } catch (error) {
      this.abandon(() => this.failPrinting(error));
    }
  };

  private onEnd(): void {
    const { response } = this.start.call;
    if (!this.output && this.start.resumed) {
      // Tells an EventSource not to come back (WHATWG HTML, 9.2.3).
      this.close();
      response.writeHead(204, { "cache-control": "no-store" });
      response.end();
      return;
    }
    this.commit(undefined);
    if (this.over) return;
    this.writer.flush();
    this.close();
    this.end();
  }

  /** Ends the response, but does not wait for ever for a client that has stopped reading. */
  private end(last?: string): void {
    const { response } = this.start.call;
    const timer = setTimeout(() => response.destroy(), this.options.stallMs);
    response.on("close", () => clearTimeout(timer));
    if (last === undefined) response.end();
    else response.end(last);
  }

  private commit(first: unknown): StreamOutput {
    if (this.output) return this.output;
    const { call, context, format } = this.start;
    const output = this.options.outputs.of(format, first);
    const headers = streamHeaders(output);
    if (context.touchedResponseHeader) addHeaders(headers, context.touchedResponseHeader);
    clearTimeout(this.commitTimer);
    this.output = output;
    call.response.writeHead(200, headers);
    if (call.request.method === "HEAD") {
      this.abandon(() => call.response.end());
      return output;
    }
    // With a message they leave together with it.
    if (first === undefined) call.response.flushHeaders();
    if (output.ping !== undefined) this.heartbeat = setInterval(this.onHeartbeat, this.options.heartbeatMs);
    return output;
  }

  private readonly onHeartbeat = (): void => {
    const ping = this.output?.ping;
    if (ping !== undefined && !this.writer.full) this.start.call.response.write(ping);
  };

  private readonly onClose = (): void => {
    if (this.over) return;
    this.abandon(() => this.start.context.abort(clientLeft()));
  };

  /** A message that cannot be printed. */
  private failPrinting(thrown: unknown): void {
    this.options.onError?.(thrown, this.start.call.request);
    this.finishWith(toConnectError(thrown));
  }

  /** Writes the last frame, or the whole reply where nothing has been sent. */
  private finishWith(error: ConnectError): void {
    const { call } = this.start;
    if (!this.output) fail(this.options, call, error);
    if (!this.output || isGone(call.response)) return;
    this.options.onStreamFailure?.(error, call.request);
    try {
      const frame = this.output.failure(error, requestIdOf(call.response));
      if (frame === undefined) call.response.destroy();
      else this.end(frame);
    } catch (failure) {
      this.options.onError?.(failure, call.request);
      call.response.destroy();
    }
  }

  /** Stops before the source has ended: answers the client, then releases the source without waiting for it. */
  private abandon(answer: () => void): void {
    if (this.over) return;
    this.writer.flush();
    this.close();
    answer();
    this.start.context.abort(clientLeft());
    this.releaseSource();
  }

  private releaseSource(): void {
    try {
      Promise.resolve(this.source?.return?.()).catch(() => undefined);
    } catch {
      // Its clean-up failed, and nobody is left to tell.
    }
  }

  private close(): void {
    this.over = true;
    clearTimeout(this.commitTimer);
    clearInterval(this.heartbeat);
    clearTimeout(this.deadline);
    this.writer.close();
    this.start.call.response.off("close", this.onClose);
  }
}
