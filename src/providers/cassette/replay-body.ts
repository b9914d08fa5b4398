import { setTimeout as sleep } from "node:timers/promises";

/** Bytes of a piece: small, so that events are cut as a network may cut them. */
const pieceSize = 256;

/**
 * A recorded body as a stream: pieces of 256 bytes, or with a delay line by line, waiting after each line
 * of data: those of server-sent events, and those of JSON.
 */
export function replayBody(
  body: string,
  delayMs: number,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  const pieces = delayMs > 0 ? linesOf(body) : piecesOf(new TextEncoder().encode(body));
  return new ReadableStream({
    async pull(controller) {
      signal?.throwIfAborted();
      const { done, value } = pieces.next();
      if (done) {
        controller.close();
        return;
      }
      controller.enqueue(value.bytes);
      if (value.isData) await sleep(delayMs, undefined, signal ? { signal } : {});
    },
  });
}

interface Piece {
  readonly bytes: Uint8Array;
  readonly isData: boolean;
}

function* piecesOf(bytes: Uint8Array): Generator<Piece, undefined> {
  for (let start = 0; start < bytes.length; start += pieceSize) {
    yield { bytes: bytes.subarray(start, start + pieceSize), isData: false };
  }
}

function* linesOf(body: string): Generator<Piece, undefined> {
  for (const line of body.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    yield { bytes: new TextEncoder().encode(line), isData: /^(?:data:|\{)/.test(line) };
  }
}
