import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../core/fault.js";
import { canceled } from "../core/fault.js";

/** How model calls are tried again. */
export interface RetryPolicy {
  /** Calls of one model in all, the first one included. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubled for each one after. */
  readonly baseMs: number;
  /** No wait is longer, whatever a provider asks for. */
  readonly maxMs: number;
}

/** Four attempts in all: waits from half a second, and never more than a minute. */
export const defaultRetryPolicy: RetryPolicy = { attempts: 4, baseMs: 500, maxMs: 60_000 };

/**
 * Milliseconds to wait after a failed attempt (counted from 1): what the provider asked for, else
 * exponential, either way capped; never less than the half of it, so that clients do not come back as one.
 */
export function retryDelay(
  policy: RetryPolicy,
  attempt: number,
  fault: Fault,
  random = Math.random(),
): number {
  const asked = fault.detail.retryAfterMs;
  if (asked !== undefined) return Math.min(Math.max(asked, 0), policy.maxMs);
  const full = Math.min(policy.baseMs * 2 ** (attempt - 1), policy.maxMs);
  return Math.round(full / 2 + (full / 2) * random);
}

/** Waits, or throws a `canceled` Fault as soon as `signal` fires. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    throw canceled("the run was canceled");
  }
}
