import { longestMessage } from "./stdio-transport.js";

/**
 * The same response, whose body breaks once it is longer than a message may be. Of a stream of events each event
 * may be so long, whatever the length of the whole.
 */
export function limitResponse(response: Response): Response {
  const { body, status, statusText, headers } = response;
  if (!body) return response;
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") === true;
  const limit = isStream ? limitEvents() : limitBytes();
  return new Response(body.pipeThrough(limit), { status, statusText, headers });
}

type Limit = TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>;

function limitBytes(): Limit {
  let size = 0;
  return new TransformStream({
    transform(chunk, controller) {
      size += chunk.length;
      if (size > longestMessage) throw tooLong();
      controller.enqueue(chunk);
    },
  });
}

/** Counts the bytes since the last empty line, which ends an event. Lines end in CR, LF or both, which are one end. */
function limitEvents(): Limit {
  let size = 0;
  let atLineStart = true;
  let last = 0;
  return new TransformStream({
    transform(chunk, controller) {
      for (const byte of chunk) {
        const isBreak = byte === 10 || byte === 13;
        const isSecondHalf = byte === 10 && last === 13;
        last = byte;
        if (isSecondHalf) continue;
        size = isBreak && atLineStart ? 0 : size + 1;
        atLineStart = isBreak;
      }
      if (size > longestMessage) throw tooLong();
      controller.enqueue(chunk);
    },
  });
}

const tooLong = (): Error => new Error(`a message of it is longer than ${longestMessage} bytes`);
