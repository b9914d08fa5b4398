import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Whether nothing holds an object any more, a moment from now at the latest. */
export async function isCollected(object: WeakRef<object>): Promise<boolean> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    // What was looked at lives until the end of this turn.
    await sleep(10);
    collectGarbage();
    if (object.deref() === undefined) return true;
  }
  return false;
}
