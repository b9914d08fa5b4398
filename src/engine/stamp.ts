import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../core/clock.js";

/** Timestamps of now; calls within one millisecond share one object, as a stream makes thousands a second. */
export function createStamp(clock: Clock): () => Timestamp {
  let at = Number.NaN;
  let stamp = timestampFromMs(0);
  return () => {
    const now = clock.now();
    if (now !== at) {
      at = now;
      stamp = timestampFromMs(now);
    }
    return stamp;
  };
}
