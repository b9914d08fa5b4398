import type { Clock } from "../core/clock.js";

/** The longest wait that is passed on: what a timer can hold. */
const longest = 2_147_483_647;

/**
 * Milliseconds that a provider asks to wait for: `retry-after-ms`, else `retry-after` in seconds or as a
 * date (RFC 9110, 10.2.3). Undefined when it does not say or makes no sense; a time past is 0.
 */
export function retryAfter(headers: Headers, clock: Clock): number | undefined {
  return number(headers.get("retry-after-ms"), 1) ?? seconds(headers.get("retry-after"), clock);
}

function seconds(value: string | null, clock: Clock): number | undefined {
  const plain = number(value, 1000);
  if (plain !== undefined || !value) return plain;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : clamp(date - clock.now());
}

function number(value: string | null, factor: number): number | undefined {
  if (!value || !/^[+-]?\d{1,30}(?:\.\d{1,30})?(?:e\d{1,2})?$/i.test(value.trim())) return undefined;
  return clamp(Number(value) * factor);
}

function clamp(milliseconds: number): number {
  return Math.min(longest, Math.max(0, Math.ceil(milliseconds)));
}
