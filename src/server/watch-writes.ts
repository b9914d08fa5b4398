import { Fault } from "../core/fault.js";
import type { Store } from "../core/store.js";
import type { Logger } from "./logger.js";

/**
 * A store that tells the log when it cannot write what runs do, because the disk is full or fails, and when it can
 * again: once each, however many runs there are. It is a matter for the operator, whom no answer of a call reaches.
 */
export function watchWrites(store: Store, log: Logger): Store {
  let failing = false;
  return {
    ...store,
    async commit(batches) {
      try {
        const results = await store.commit(batches);
        if (failing) log.info("the database can be written again");
        failing = false;
        return results;
      } catch (error) {
        const { reason, message } = Fault.from(error);
        // Anything else is about what was to be written.
        if (!failing && (reason === "exhausted" || reason === "unavailable")) {
          failing = true;
          log.warn({ reason }, `what runs do cannot be stored: ${message}`);
        }
        throw error;
      }
    },
  };
}
