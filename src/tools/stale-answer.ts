import type { FileAnswer } from "./file-operations.js";
import { showName } from "./show-text.js";

/** The answer to a change that was approved for a file which is another by now. Nothing was written. */
export function staleAnswer(name: string): FileAnswer {
  const why = "it is not what it was when the change was approved, and was left as it is; read it again";
  return { text: `${showName(name)} has changed: ${why}`, stale: true };
}
