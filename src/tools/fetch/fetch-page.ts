import type { IncomingMessage } from "node:http";
import { ToolFailure } from "../tool-failure.js";
import type { Body } from "./read-body.js";
import { readBody } from "./read-body.js";
import { requestTarget } from "./request-target.js";
import type { Reach } from "./resolve-target.js";
import { parseTarget, resolveTarget } from "./resolve-target.js";

/** The last answer on the way from a URL. */
export interface Page {
  /** Where it came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  /** Media type in lower case, without parameters; empty when the answer has none. */
  readonly mediaType: string;
  /** The `charset` of the answer, or empty. */
  readonly charset: string;
  /** Absent when the type is none of text: then it is not read. */
  readonly body?: Body;
}

const mostRedirects = 5;
const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * Fetches a URL by GET, through at most 5 redirects on its host, each checked as the first URL was: whoever
 * approved the call approved that host. Throws a `ToolFailure` for what the model can be told, a redirect to another
 * host too.
 */
export async function fetchPage(first: URL, reach: Reach, signal: AbortSignal): Promise<Page> {
  let url = first;
  for (let count = 0; count <= mostRedirects; count += 1) {
    const target = await resolveTarget(url, reach, signal);
    const response = await requestTarget(target, signal);
    const { location } = response.headers;
    if (!redirects.has(response.statusCode ?? 0) || location === undefined)
      return await readPage(url, response, signal);
    response.destroy();
    const next = parseRedirect(location, url);
    if (!isSamePlace(url, next)) throw new ToolFailure(elsewhere(url, next));
    url = next;
  }
  throw new ToolFailure(`there are more than ${mostRedirects} redirects`);
}

function parseRedirect(location: string, base: URL): URL {
  try {
    return parseTarget(location, base);
  } catch (error) {
    if (error instanceof ToolFailure) throw new ToolFailure(`redirected: ${error.message}`);
    throw error;
  }
}

/** The same host and port, or from http to https on the usual ones. */
function isSamePlace(from: URL, to: URL): boolean {
  const upgrade = from.protocol === "http:" && to.protocol === "https:" && from.port + to.port === "";
  return from.hostname === to.hostname && (upgrade || from.origin === to.origin);
}

function elsewhere(from: URL, to: URL): string {
  return `${from.href} redirects to another place, which was not fetched: fetch ${to.href} if it is wanted`;
}

async function readPage(url: URL, response: IncomingMessage, signal: AbortSignal): Promise<Page> {
  const [type = "", ...parameters] = (response.headers["content-type"] ?? "").toLowerCase().split(";");
  const mediaType = type.trim();
  const charset = parameters.map((parameter) => parameter.trim()).find((one) => one.startsWith("charset="));
  const head = {
    url,
    status: response.statusCode ?? 0,
    mediaType,
    charset: (charset ?? "").slice("charset=".length).replaceAll('"', ""),
  };
  if (isText(mediaType)) return { ...head, body: await readBody(response, signal) };
  response.destroy();
  return head;
}

const textTypes = /^text\/|^application\/(json|xml|javascript|ecmascript|yaml|x-yaml|toml|x-ndjson|graphql)$/;

function isText(mediaType: string): boolean {
  return mediaType === "" || textTypes.test(mediaType) || /\+(json|xml|yaml)$/.test(mediaType);
}
