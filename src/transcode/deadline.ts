import type { IncomingHttpHeaders } from "node:http";
import { badRequest } from "./http-error.js";
import { headerValue } from "./http-exchange.js";

// The longest that setTimeout takes.
const maxTimeoutMs = 2_147_483_647;

/**
 * How long the caller wants to wait, in milliseconds: `Connect-Timeout-Ms` (an integer) or `X-Server-Timeout`
 * (seconds, with a fraction), the shorter where both are there. Undefined: for ever. Throws a 400.
 */
export function readTimeoutMs(headers: IncomingHttpHeaders): number | undefined {
  const milliseconds = headerValue(headers, "connect-timeout-ms");
  const seconds = headerValue(headers, "x-server-timeout");
  if (milliseconds === undefined && seconds === undefined) return undefined;
  const byConnect = milliseconds === undefined ? maxTimeoutMs : parseMilliseconds(milliseconds);
  const byServer = seconds === undefined ? maxTimeoutMs : parseSeconds(seconds);
  return Math.min(byConnect, byServer, maxTimeoutMs);
}

function parseMilliseconds(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw badRequest("Connect-Timeout-Ms must be a whole number of milliseconds");
  return Number(text);
}

function parseSeconds(text: string): number {
  if (!/^\d{1,12}(\.\d{1,9})?$/.test(text)) throw badRequest("X-Server-Timeout must be a number of seconds");
  return Math.ceil(Number(text) * 1000);
}
