import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/**
 * Keeps V8's heap as small as it began. Loading modules makes much that lives for a moment; V8 answers by
 * growing the young generation to 32 MiB, and by optimizing code that runs only now, and never gives either
 * back to an idle process.
 */
export function keepHeapSmall(): void {
  growYoung(false);
  setFlagsFromString("--no-opt");
}

/**
 * Bytes of the young generation, both halves of it, from which it grows no more. With much less, what lives for a
 * moment grows old before it is collected.
 */
const largestYoung = 32 * 1024 * 1024;

/**
 * For the work to come: fast code, and a young generation that can grow, as streams need it, but not to the 128 MiB
 * that V8 would give it under load. Those cost more than themselves, for the memory of what is written to sockets is
 * given back when the young generation is collected, and a large one is collected seldom.
 */
export function letHeapGrow(): void {
  setFlagsFromString("--opt");
  const look = () => growYoung(youngBytes() < largestYoung);
  look();
  // It grows when it is collected. Set also where nothing has changed: each worker that starts sets it back for all.
  new PerformanceObserver(look).observe({ entryTypes: ["gc"] });
}

function growYoung(may: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${may ? 2 : 1}`);
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
}
