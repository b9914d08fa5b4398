import { Fault } from "../core/fault.js";
import type { FaultSource } from "./faults.js";
import { callFault, statusFault } from "./faults.js";
import type { ModelFetch } from "./transport.js";

/** Most that is read of an answer which is not a success. */
const errorBodyLimit = 64 * 1024;

/** A client library's headers that reach a provider. Keys are not among them: it may take some from the environment. */
const sent = new Set(["accept", "anthropic-version", "content-type"]);

/** A fetch that is bound to one origin. */
export interface GuardedFetch {
  readonly fetch: ModelFetch;
  /** Why the last request failed, where it did: client libraries wrap errors and lose their cause. */
  failure(): Fault | undefined;
}

/** What a guard lets through, and what it adds. */
export interface GuardRules {
  /** The only origin that is sent to. */
  readonly origin: string;
  /** The header that holds the key; none where no key is needed. */
  readonly keyHeader: Readonly<Record<string, string>>;
  readonly source: FaultSource;
}

/**
 * Puts a guard before a fetch: nothing is sent to another origin, no redirect is followed, only known
 * headers leave, the key's being added here, and every answer but a success is thrown as a Fault.
 */
export function guardFetch(fetch: ModelFetch, rules: GuardRules): GuardedFetch {
  let failure: Fault | undefined;
  const guarded: ModelFetch = async (input, init = {}) => {
    try {
      return await send(fetch, input, init, rules);
    } catch (error) {
      // Whoever aborted knows why.
      if (init.signal?.aborted) throw error;
      failure = callFault(rules.source, error);
      throw failure;
    }
  };
  return { fetch: guarded, failure: () => failure };
}

async function send(
  fetch: ModelFetch,
  input: Parameters<ModelFetch>[0],
  init: RequestInit,
  { origin, keyHeader, source }: GuardRules,
): Promise<Response> {
  const url = new URL(input instanceof Request ? input.url : input);
  if (url.origin !== origin) {
    throw new Fault("invalid", `the key of ${source.name} is not for ${url.origin}`, { retryable: false });
  }
  const headers: Record<string, string> = {
    "accept-encoding": "identity",
    "user-agent": "agentry",
    ...keyHeader,
  };
  const given = init.headers instanceof Headers ? init.headers : new Headers(init.headers);
  for (const [name, value] of given) {
    if (sent.has(name)) headers[name] = value;
  }
  const response = await fetch(url, { ...init, headers, redirect: "manual" });
  if (response.ok) return response;
  const body = await readStart(response, errorBodyLimit);
  throw statusFault(source, { status: response.status, headers: response.headers, body });
}

/** The start of a body; what had arrived when it breaks off. */
async function readStart(response: Response, limit: number): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    while (size < limit) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      size += value.length;
    }
    if (size >= limit) await reader.cancel();
  } catch {
    // The status tells enough.
  }
  return Buffer.concat(chunks).subarray(0, limit).toString("utf8");
}
