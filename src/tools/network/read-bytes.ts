import { once } from "node:events";
import type { Readable } from "node:stream";

/** Reads so many bytes and not one more. Throws when the stream ends before, or breaks. */
export async function readBytes(stream: Readable, count: number): Promise<Buffer> {
  for (;;) {
    const bytes: unknown = count === 0 ? Buffer.alloc(0) : stream.read(count);
    // At its end a stream gives what is left.
    if (Buffer.isBuffer(bytes) && bytes.length === count) return bytes;
    if (bytes !== null || stream.readableEnded || stream.destroyed) throw new Error("the stream ended");
    const ended = new AbortController();
    try {
      const { signal } = ended;
      await Promise.race([once(stream, "readable", { signal }), once(stream, "close", { signal })]);
    } finally {
      ended.abort();
    }
  }
}
