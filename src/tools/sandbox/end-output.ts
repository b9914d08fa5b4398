import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";

/** Turns of the event loop to wait for whoever reads: a stream that stands still is left as it is. */
const mostTurns = 100;

/**
 * Ends the output of processes that have all ended, as soon as what they left is read. Its other end stays open for
 * some milliseconds more, while the init of their namespaces dismantles these, which says nothing.
 */
export async function endOutput(output: Socket): Promise<void> {
  let [seen, still] = [-1, 0];
  for (let turn = 0; turn < mostTurns && !output.destroyed && !output.readableEnded; turn += 1) {
    // While it holds little it is being read, and a turn reads all that is there; the first may have begun before.
    const isRead = output.readableLength < output.readableHighWaterMark;
    still = isRead && output.bytesRead === seen ? still + 1 : 0;
    if (still === 2) {
      output.push(null);
      return;
    }
    seen = output.bytesRead;
    await nextTurn();
  }
}
