import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8's young generation as small as it began. Loading modules makes much that lives for a moment; V8
 * answers by growing the young generation to 32 MiB and never gives that back to an idle process.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Back to V8's own rule, for the work to come: streams need a young generation that can grow. */
export function letHeapGrow(): void {
  setFlagsFromString("--semi-space-growth-factor=2");
}
