import type { connectNodeAdapter } from "@connectrpc/connect-node";

type AdapterParameters = Parameters<ReturnType<typeof connectNodeAdapter>>;

/** A request of either protocol. */
export type HttpRequest = AdapterParameters[0];
/** The response to it; `write` and `writeHead` behave alike in both protocols. */
export type HttpResponse = AdapterParameters[1] & { flushHeaders(): void };
/** Answers one request, over HTTP/1.1 or HTTP/2 alike. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

/** Something that answers some of the paths. */
export interface Mount {
  /** Whether it answers this path, which has no query. */
  matches(pathname: string, request: HttpRequest): boolean;
  handle: HttpHandler;
}

/** The path of a request, without its query. */
export function pathnameOf(request: HttpRequest): string {
  const url = request.url ?? "";
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}

/** One header as one string; repeated headers are joined as RFC 9110 section 5.3 says. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
