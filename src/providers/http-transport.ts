import { createHttpFetch } from "./http-fetch.js";
import type { Transport } from "./transport.js";

/** How patient a transport is. */
export interface TransportOptions {
  /** Default: 60 seconds. */
  readonly idleTimeoutMs?: number | undefined;
}

/** The transport over the network, with connections that are kept alive. */
export function createTransport(options: TransportOptions = {}): Transport {
  const http = createHttpFetch();
  return {
    live: true,
    idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
    open: () => http.fetch,
    async close() {
      http.close();
    },
  };
}
