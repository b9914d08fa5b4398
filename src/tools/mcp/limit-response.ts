import { createPace } from "../pace.js";
import { longestMessage } from "./longest-message.js";

/**
 * The same response, whose body breaks once it is longer than a message may be. Of a stream of events each event
 * may be so long, whatever the length of the whole.
 *
 * With `farewell`, a stream of events that ends or breaks where its reader could not resume it ends in what that
 * returns: an event that says why.
 */
export function limitResponse(response: Response, farewell?: (why: string) => string): Response {
  const { body, status, statusText, headers } = response;
  if (!body) return response;
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") === true;
  const limited = isStream ? limitBody(body, new EventMeter(), farewell) : limitBody(body, new ByteMeter());
  return new Response(limited, { status, statusText, headers });
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Measures what a server may not make longer than a message. */
interface Meter {
  /** Of what is measured, the bytes until now. */
  readonly size: number;
  /** Whether a reader could go on reading on another connection. */
  readonly resumable: boolean;
  take(chunk: Bytes): void;
}

function limitBody(
  body: ReadableStream<Bytes>,
  meter: Meter,
  farewell?: (why: string) => string,
): ReadableStream<Bytes> {
  const reader = body.getReader();
  const pace = createPace();
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const next = await reader.read().catch((error: unknown) => {
          if (!farewell || meter.resumable) throw error;
          return { done: true as const, value: undefined };
        });
        if (!next.done) meter.take(next.value);
        const isTooLong = meter.size > longestMessage;
        if (isTooLong) void reader.cancel().catch(() => undefined);
        if (isTooLong && !farewell) throw new Error(tooLong);
        if (!next.done && !isTooLong) {
          controller.enqueue(next.value);
          return pace(next.value.length);
        }
        if (farewell && (isTooLong || !meter.resumable))
          controller.enqueue(Buffer.from(farewell(isTooLong ? tooLong : "it broke off")));
        controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

class ByteMeter implements Meter {
  readonly resumable = false;
  size = 0;

  take(chunk: Bytes): void {
    this.size += chunk.length;
  }
}

/** Counts the bytes since the last empty line, which ends an event. Lines end in CR, LF or both, which are one end. */
class EventMeter implements Meter {
  size = 0;
  /** Some event had an id. */
  resumable = false;
  /** Bytes of the line, and of them those that begin an id. */
  #column = 0;
  #matched = 0;
  #last = 0;

  take(chunk: Bytes): void {
    for (const byte of chunk) {
      // Once it is too long, it stays so.
      if (this.size > longestMessage) return;
      const isBreak = byte === 10 || byte === 13;
      const isSecondHalf = byte === 10 && this.#last === 13;
      this.#last = byte;
      if (isSecondHalf) continue;
      this.size = isBreak && this.#column === 0 ? 0 : this.size + 1;
      if (!isBreak && this.#matched === this.#column && byte === idField[this.#matched]) this.#matched += 1;
      if (this.#matched === idField.length) this.resumable = true;
      this.#column = isBreak ? 0 : this.#column + 1;
      if (isBreak) this.#matched = 0;
    }
  }
}

const idField = Buffer.from("id:");
const tooLong = `a message of it is longer than ${longestMessage} bytes`;
