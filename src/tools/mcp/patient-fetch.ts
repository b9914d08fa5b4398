import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { errorCode } from "../../core/error-code.js";

/** Milliseconds of silence after which the other side is asked by TCP whether it is still there. */
const probeMs = 30_000;
/** Statuses whose answers have no body (Fetch standard, null body status). */
const bodiless = new Set([204, 205, 304]);

/** What is sent: a body of text, or none. */
export interface PatientInit {
  readonly method: string;
  readonly headers: Headers;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * As the global `fetch`, which gives an answer up that is silent for five minutes; this one waits until `signal`
 * fires. It follows no redirect, keeps no cookie and takes no compressed answer. @throws Error that says why no
 * answer came.
 */
export async function patientFetch(
  url: URL,
  { method, headers, body, signal }: PatientInit,
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const sent = { ...Object.fromEntries(headers), "accept-encoding": "identity" };
  const request = send(url, { method, headers: sent, ...(signal && { signal }) }, resolve);
  request.setSocketKeepAlive(true, probeMs);
  request.on("error", reject);
  request.end(body);
  const message = await promise.catch((error: unknown) => {
    signal?.throwIfAborted();
    throw new Error(`it does not answer: ${whyNot(error)}`, { cause: error });
  });
  try {
    return toResponse(message);
  } catch (error) {
    message.destroy();
    throw error;
  }
}

function whyNot(error: unknown): string {
  return errorCode(error) || (error instanceof Error ? error.message : "the connection failed");
}

function toResponse(message: IncomingMessage): Response {
  const { statusCode: status = 0, statusMessage: statusText = "", headersDistinct } = message;
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct))
    for (const value of values) headers.append(name, value);
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") throw new Error(`it answers in ${encoding}, which was not asked for`);
  const hasBody = !bodiless.has(status);
  if (!hasBody) message.resume();
  const strategy = new ByteLengthQueuingStrategy({ highWaterMark: 1 });
  return new Response(hasBody ? Readable.toWeb(message, { strategy }) : null, {
    status,
    statusText,
    headers,
  });
}
