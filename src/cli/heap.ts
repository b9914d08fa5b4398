import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8's heap as small as it began. Loading modules makes much that lives for a moment; V8 answers by
 * growing the young generation to 32 MiB, and by optimizing code that runs only now, and never gives either
 * back to an idle process.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--no-opt");
}

/** Back to V8's own rules, for the work to come: streams need a young generation that can grow, and fast code. */
export function letHeapGrow(): void {
  setFlagsFromString("--semi-space-growth-factor=2");
  setFlagsFromString("--opt");
}
