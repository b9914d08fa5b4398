import type { Clock } from "../core/clock.js";
import type { FaultDetail } from "../core/fault.js";
import { Fault } from "../core/fault.js";
import type { Redactor } from "../core/secrets.js";
import { retryAfter } from "./retry-after.js";
import { oneLine, scrubKey } from "./scrub.js";

/** Whom a fault is about, and what it takes to tell it safely. */
export interface FaultSource {
  readonly id: string;
  readonly name: string;
  readonly redactor: Redactor;
  readonly clock: Clock;
  /** The key of the call, to be taken out of every message; empty for none. */
  readonly key: string;
  /** Where it is; told only of one that nobody else runs, which may have been forgotten. */
  readonly address?: string;
}

/** What a provider answered in place of a result. */
export interface ProviderError {
  readonly status: number;
  /** The provider's own words, or a page; empty where it said nothing. */
  readonly body: string;
  readonly headers?: Headers | undefined;
}

const retryableStatuses = new Set([408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529]);
const tooLong =
  /context[ _-]?(?:length|window)|prompt is too long|too many (?:input )?tokens|maximum context|input (?:is )?too long|reduce the length/i;
const outOfCredit =
  /insufficient_quota|exceeded your current quota|credit balance|billing_error|payment required/i;

/** The one table from a provider's HTTP status to a Fault. */
export function statusFault(source: FaultSource, error: ProviderError): Fault {
  const { status, headers } = error;
  const said = wordsOf(source, error.body);
  const detail = (retryable: boolean, metadata?: Record<string, string>): FaultDetail => {
    const wait = retryable && headers ? retryAfter(headers, source.clock) : undefined;
    return {
      retryable: retryable && headers?.get("x-should-retry") !== "false",
      provider: source.id,
      providerStatus: status,
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
      ...(metadata ? { metadata } : {}),
    };
  };
  const answered = `${source.name} answered ${status}${said && `: ${said}`}`;
  // A provider's 401 is about our key, not about our caller: it must not read as the caller's own. What it
  // says is left out, since it tends to quote the key.
  if (status === 401) return new Fault("invalid", `the key of ${source.name} was refused`, detail(false));
  if (status === 403) {
    return new Fault("invalid", `the key of ${source.name} was refused${said && `: ${said}`}`, detail(false));
  }
  if ((status === 400 || status === 413 || status === 422) && tooLong.test(error.body)) {
    const message = `the conversation is too long for the model: ${answered}`;
    return new Fault("invalid", message, detail(false, { cause: "context_length" }));
  }
  if (status === 404) {
    return new Fault(
      "invalid",
      `${source.name} does not know the model or the address: ${answered}`,
      detail(false),
    );
  }
  if (status === 402 || outOfCredit.test(error.body)) {
    return new Fault("exhausted", answered, detail(false, { cause: "credit" }));
  }
  if (retryableStatuses.has(status)) return new Fault("unavailable", answered, detail(true));
  if (status >= 300 && status < 400) {
    const message = `${source.name} answered ${status}, a redirect, which is not followed: correct its base_url`;
    return new Fault("unavailable", message, detail(false));
  }
  return new Fault(status >= 400 && status < 500 ? "invalid" : "unavailable", answered, detail(false));
}

/** A failure of the connection, or of what came over it. Always retryable. */
export function brokenFault(source: FaultSource, what: string, cause?: unknown): Fault {
  return new Fault("unavailable", `${source.name} ${what}`, { retryable: true, provider: source.id }, cause);
}

/** A web page came in place of an answer: whoever was asked is no provider. */
export function pageFault(source: FaultSource): Fault {
  const message = `${source.name} answered with a web page: correct its base_url`;
  return new Fault("unavailable", message, { retryable: false, provider: source.id });
}

/** Nothing arrived for too long. */
export function idleFault(source: FaultSource, idleTimeoutMs: number): Fault {
  const message = `${source.name} sent nothing for ${idleTimeoutMs / 1000} seconds`;
  return new Fault("timeout", message, { retryable: true, provider: source.id });
}

/** Whatever was thrown while a provider was called, or while its answer arrived, as a Fault. */
export function callFault(source: FaultSource, error: unknown, during: "call" | "answer" = "call"): Fault {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof Fault) return at;
  }
  const code = codeOf(error);
  if (!code) return brokenFault(source, "broke off its answer");
  if (during === "answer") return brokenFault(source, `broke off its answer (${code})`);
  const { address } = source;
  const told = address ? `at ${address} (${code}): is it running?` : `(${code})`;
  return brokenFault(source, `cannot be reached ${told}`);
}

/** The system's or TLS' word for a failure, such as ECONNREFUSED; empty when there is none. */
function codeOf(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(at.code)) return at.code;
    if (at instanceof AggregateError && at.errors.length > 0) return codeOf(at.errors[0]);
  }
  return "";
}

/** The provider's own words, from JSON, a page or plain text: one line of at most 500 characters. */
function wordsOf(source: FaultSource, body: string): string {
  // Cut only after redaction: half a key would pass it.
  const clean = scrubKey(source.redactor.redact(body), source.key);
  return oneLine(jsonWords(clean) ?? pageWords(clean) ?? clean, 500);
}

function jsonWords(body: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  for (let depth = 0; depth < 4 && value !== null && typeof value === "object"; depth += 1) {
    if (Array.isArray(value)) value = value[0];
    else if ("error" in value) value = value.error;
    else if ("message" in value) value = value.message;
    else if ("detail" in value) value = value.detail;
    else break;
  }
  return typeof value === "string" ? value : "";
}

function pageWords(body: string): string | undefined {
  if (!/^\s*</.test(body)) return undefined;
  const title = /<title[^>]*>([^<]{1,200})/i.exec(body)?.[1]?.trim();
  return title ? `a page titled ${JSON.stringify(title)}` : "a page in place of an answer";
}
