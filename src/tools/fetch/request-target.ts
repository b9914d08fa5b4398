import type { IncomingMessage } from "node:http";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import { errorCode } from "../../core/error-code.js";
import { ToolFailure } from "../tool-failure.js";
import type { Target } from "./resolve-target.js";
import { portOf } from "./resolve-target.js";

/** All that is ever sent: nothing that says who asks. */
const headers = {
  accept: "text/markdown, text/html;q=0.9, text/*;q=0.8, */*;q=0.5",
  "accept-encoding": "gzip, br, deflate",
  "user-agent": "agentry-fetch",
};

/**
 * Sends GET to one of the checked addresses of a target, and answers with the response once its head is
 * here; the caller reads or destroys it. Throws a `ToolFailure` when there is none.
 */
export async function requestTarget(target: Target, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, host } = target;
  const secure = url.protocol === "https:";
  // Agents of our own: no connection is shared, and no proxy of the environment is asked.
  const agent = secure ? new HttpsAgent({ keepAlive: false }) : new HttpAgent({ keepAlive: false });
  const options = {
    agent,
    headers,
    hostname: host,
    port: portOf(url),
    path: url.pathname + url.search,
    lookup: lookupAmong(target.addresses),
    signal,
    ...(secure && isIP(host) === 0 && { servername: host.replace(/\.$/, "") }),
  };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = secure ? httpsRequest(options, resolve) : httpRequest(options, resolve);
  request.on("error", reject);
  request.end();
  try {
    return await promise;
  } catch (error) {
    signal.throwIfAborted();
    throw new ToolFailure(`no answer from ${host}: ${whyFailed(error)}`);
  }
}

/** Why a connection failed, for example ECONNREFUSED. */
export function whyFailed(error: unknown): string {
  return errorCode(error) || "the connection failed";
}

/** A resolver that knows these addresses, whatever it is asked. */
export function lookupAmong(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, callback) => {
    if (options.all) {
      callback(null, found);
      return;
    }
    const wanted = found.find(({ family }) => !options.family || family === options.family) ?? found[0];
    callback(null, wanted?.address ?? "", wanted?.family);
  };
}
