import type { BatchResult } from "../../core/store.js";

/** Thrown inside a commit: this batch is refused, after some of it has been written. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  constructor(
    readonly result: Exclude<BatchResult, "written">,
    cause?: unknown,
  ) {
    super(result, { cause });
  }
}
