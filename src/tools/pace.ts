import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";

/** Bytes after which a stream is read slower: who writes so much writes for nobody. */
const fastBytes = 8 * 1024 * 1024;
/** Milliseconds between two pieces of it then, of up to 64 KiB. */
const slowMs = 4;

/**
 * The pace at which a stream of strangers is read: what it returns is waited for after each piece, with the piece's
 * bytes. Other work gets its turn however much there comes.
 */
export function createPace(): (bytes: number) => Promise<void> {
  let read = 0;
  return (bytes) => {
    read += bytes;
    return read > fastBytes ? delay(slowMs) : nextTurn();
  };
}
