import type { Duplex } from "node:stream";
import { finished } from "node:stream";

/** Lets bytes pass between two streams, in both directions, until both have ended or one has broken. */
export function joinStreams(one: Duplex, other: Duplex): void {
  one.pipe(other).pipe(one);
  finished(one, (error) => error && other.destroy());
  finished(other, (error) => error && one.destroy());
  for (const stream of [one, other]) stream.on("error", () => undefined);
}
