import { newId } from "../core/id.js";
import type { HttpRequest, HttpResponse } from "./http-exchange.js";
import { headerOf } from "./http-exchange.js";

/** The header that carries the id of a request, in both directions. */
export const requestIdHeader = "x-request-id";

/**
 * Gives a request its id: the caller's, where it is 1 to 128 characters of letters, digits, `.`, `_` and `-`,
 * or a new one. It becomes a header of the response and replaces the request's own, so whoever sees the
 * request's headers afterwards sees the same id.
 */
export function assignRequestId(request: HttpRequest, response: HttpResponse): string {
  const given = headerOf(request, requestIdHeader);
  const id = given !== undefined && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : newId();
  request.headers[requestIdHeader] = id;
  response.setHeader(requestIdHeader, id);
  return id;
}
