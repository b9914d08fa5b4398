import { Fault } from "../core/fault.js";
import { EventLines, longestLine } from "./event-lines.js";
import type { FaultSource } from "./faults.js";
import { brokenFault, idleFault, pageFault } from "./faults.js";

/** Most bytes of one answer. */
const largestAnswer = 256 * 1024 * 1024;

/** Takes the texts of events out of a text that comes in pieces. */
interface Framing {
  /** The events that the piece completes. Throws where one is too long. */
  push(piece: string): string[];
  /** An event that was not completed before the end; undefined for none. */
  end(): string | undefined;
}

/** A call that is answered with a stream of events. */
export interface EventCall {
  readonly source: FaultSource;
  readonly idleTimeoutMs: number;
  /** Longest wait for the response. Default: `idleTimeoutMs`. */
  readonly responseTimeoutMs?: number;
  /** How events are told apart, for this call alone. Default: as server-sent events. */
  readonly framing?: Framing;
  /** Sends the request and resolves with a successful response. */
  send(signal: AbortSignal): Promise<Response>;
}

/** The mark by which OpenAI's API ends a stream. */
export const doneMark = "[DONE]";

/**
 * Calls, and yields the data of events parsed as JSON, those that arrive together in one batch; `[DONE]` is yielded as
 * it is. Throws a Fault for a silence longer than its time-out, an oversized line or answer, data that is no JSON, and
 * a web page in place of events. Returns
 * when the answer ends or breaks off cleanly: whether it was whole is for the caller to tell. Once the
 * caller stops early, what is left of the answer is read away for a moment, so that the connection can be
 * used again.
 */
export async function* readEvents(
  call: EventCall,
  signal: AbortSignal,
): AsyncGenerator<readonly unknown[], void> {
  const stop = new AbortController();
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  // Not by a listener of `stop`: a client library keeps that signal until nothing leads to the body of the answer.
  const abort = () => {
    stop.abort();
    reader?.cancel().catch(() => undefined);
  };
  signal.addEventListener("abort", abort, { once: true });
  const loading = new IdleClock(call.responseTimeoutMs ?? call.idleTimeoutMs, abort);
  const idle = new IdleClock(call.idleTimeoutMs, abort);
  try {
    signal.throwIfAborted();
    const response = await loading.watch(call.send(stop.signal));
    reader = response.body?.getReader();
    if (!reader) throw brokenFault(call.source, "answered without a body");
    const next = eventReader(reader, call.framing ?? new EventLines(), call.source);
    let isEmpty = true;
    for (;;) {
      const batch = await idle.watch(next());
      if (idle.expired || signal.aborted || !batch) break;
      isEmpty &&= batch.length === 0;
      yield* parseAll(batch, call.source);
    }
    signal.throwIfAborted();
    // Asked of an answer without events alone: some servers send events under this name.
    if (isEmpty && !idle.expired && /^text\/html\b/i.test(response.headers.get("content-type") ?? ""))
      throw pageFault(call.source);
  } catch (error) {
    if (!idle.expired && !loading.expired) throw error;
  } finally {
    loading.stop();
    idle.stop();
    signal.removeEventListener("abort", abort);
    if (reader) void drain(reader);
    // The error of an abort leads to whoever aborted: here, and from here on.
    reader = undefined;
  }
  const expired = [loading, idle].find((clock) => clock.expired);
  if (expired) throw idleFault(call.source, expired.milliseconds);
}

/** A batch parsed; where one of it is no JSON, what came before it and then its Fault. */
function* parseAll(batch: readonly string[], source: FaultSource): Generator<readonly unknown[], void> {
  const parsed: unknown[] = [];
  try {
    for (const data of batch) parsed.push(parse(data, source));
  } catch (error) {
    yield parsed;
    throw error;
  }
  if (parsed.length > 0) yield parsed;
}

/** Measures how long the provider lets us wait; the time that a caller takes between events is not its fault. */
class IdleClock {
  expired = false;
  #waiting = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly milliseconds: number,
    onExpired: () => void,
  ) {
    this.#timer = setTimeout(() => {
      if (!this.#waiting) return;
      this.expired = true;
      onExpired();
    }, milliseconds);
  }

  async watch<T>(awaited: Promise<T>): Promise<T> {
    this.#waiting = true;
    this.#timer.refresh();
    try {
      return await awaited;
    } finally {
      this.#waiting = false;
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Reads on until events are complete: their data, or undefined at the end. */
function eventReader(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  lines: Framing,
  source: FaultSource,
): () => Promise<string[] | undefined> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let size = 0;
  let ended = false;
  return async () => {
    if (ended) return undefined;
    const { done, value } = await reader.read();
    if (!done) {
      size += value.length;
      if (size > largestAnswer) throw tooLarge(source, "an answer", largestAnswer);
      return pushed(lines, decoder.decode(value, { stream: true }), source);
    }
    ended = true;
    const last = lines.end();
    // Some servers leave out the empty line after the last event. A half of one is no JSON.
    return last !== undefined && (last === doneMark || isJson(last)) ? [last] : undefined;
  };
}

function pushed(lines: Framing, text: string, source: FaultSource): string[] {
  try {
    return lines.push(text);
  } catch {
    throw tooLarge(source, "a line", longestLine);
  }
}

function tooLarge(source: FaultSource, what: string, limit: number): Fault {
  const message = `${source.name} sent ${what} of more than ${limit / 1024 / 1024} MiB`;
  return new Fault("unavailable", message, { retryable: false, provider: source.id });
}

function parse(data: string, source: FaultSource): unknown {
  if (data === doneMark) return doneMark;
  try {
    return JSON.parse(data);
  } catch {
    throw brokenFault(source, "sent an event that is not JSON");
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Reads what is left, at most 64 KiB within a second, and gives the connection up beyond that. */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), 1000);
  timer.unref();
  try {
    for (let size = 0; size < 65_536; ) {
      const { done, value } = await reader.read();
      if (done) return;
      size += value.length;
    }
    await reader.cancel();
  } catch {
    // The connection is gone, as it would be.
  } finally {
    clearTimeout(timer);
  }
}
