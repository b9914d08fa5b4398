import type { DescService } from "@bufbuild/protobuf";
import type { ConnectError, ContextValues, Interceptor } from "@connectrpc/connect";
import { Code } from "@connectrpc/connect";
import type { CallHandler } from "./call.js";
import type { Dialect } from "./dialect.js";
import { HttpError, toConnectError } from "./http-error.js";
import type { HttpRequest, HttpResponse } from "./http-exchange.js";
import { createHandlerFactory } from "./method-handler.js";
import { sendError } from "./reply.js";
import type { TrieMatch } from "./route-trie.js";
import { RouteTrie } from "./route-trie.js";
import type { Binding, CompiledBinding } from "./rules.js";
import { compileService, nameOf } from "./rules.js";

/** A service, who answers for it, and the dialect of its bindings. */
export interface GatewayService {
  readonly service: DescService;
  /** An object with a function for each method, by local name, as Connect's ServiceImpl. */
  readonly implementation: object;
  readonly dialect: Dialect;
}

/** How a transcoder is set up. */
export interface TranscoderOptions {
  readonly services: readonly GatewayService[];
  /** The same objects that Connect runs, the outermost first. */
  readonly interceptors: readonly Interceptor[];
  /** Limit of a request body, compressed and not. */
  readonly maxBodyBytes: number;
  /** Silence after which a stream sends a comment. Default 15 seconds. */
  readonly heartbeatMs?: number;
  /** Time after which a client that does not read is disconnected. Default 30 seconds. */
  readonly stallMs?: number;
  /** What the server knows of a request, for `context.values`. Asked for when first used. */
  readonly contextValues?: (request: HttpRequest) => ContextValues;
  /** Told of what no caller is told: errors that are no ConnectErrors. */
  readonly onError?: (error: unknown, request: HttpRequest) => void;
  /** Told of the error that ends a stream whose status, 200, has been sent. */
  readonly onStreamFailure?: (error: ConnectError, request: HttpRequest) => void;
}

/** Answers HTTP requests by the `google.api.http` rules of services. */
export interface Transcoder {
  /** Whether some binding has this path, whatever the verb; then `handle` answers it. Raw, without query. */
  matches(pathname: string): boolean;
  /**
   * Answers one request, and returns true. Never throws, never leaves it unanswered: 405 with Allow where only
   * the verb is wrong. Returns false and touches nothing where no binding has the path.
   */
  handle(request: HttpRequest, response: HttpResponse): boolean;
  /** Every binding, in the order of the services. */
  readonly bindings: readonly Binding[];
}

interface Route {
  readonly binding: CompiledBinding;
  readonly dialect: Dialect;
  readonly serve: CallHandler;
}

/**
 * Compiles the google.api.http rules of services into one gateway. Throws an Error that names the method where
 * a rule cannot be served, and both methods where two have the same verb and path.
 */
export function createTranscoder(options: TranscoderOptions): Transcoder {
  const trie = new RouteTrie<Route>();
  const createHandler = createHandlerFactory({
    files: options.services.map(({ service }) => service.file),
    interceptors: options.interceptors,
    maxBodyBytes: options.maxBodyBytes,
    heartbeatMs: options.heartbeatMs,
    stallMs: options.stallMs,
    contextValues: options.contextValues,
    onError: options.onError,
    onStreamFailure: options.onStreamFailure,
  });
  const bindings: Binding[] = [];
  for (const { service, implementation, dialect } of options.services) {
    for (const binding of compileService(service)) {
      const serve = createHandler(binding, implementation, dialect);
      const taken = trie.add(binding.verb, binding.path, { binding, dialect, serve });
      if (taken) throw new Error(describeClash(taken.binding, binding));
      bindings.push(binding);
    }
  }
  const find = (pathname: string): TrieMatch<Route> | undefined =>
    trie.match(pathname) ?? matchWithoutSlash(trie, pathname);
  return {
    bindings,
    matches: (pathname) => find(pathname) !== undefined,
    handle: (request, response) => {
      const url = request.url ?? "";
      const mark = url.indexOf("?");
      const match = find(mark === -1 ? url : url.slice(0, mark));
      if (!match) return false;
      // Whatever breaks here belongs to this one connection, whose `close` is watched where it matters.
      request.on("error", ignore);
      response.on("error", ignore);
      const query = mark === -1 ? "" : url.slice(mark + 1);
      dispatch({ match, query, request, response });
      return true;
    },
  };
}

/** What a path leads to without the slash at its end, where a dialect takes that for the same. */
function matchWithoutSlash(trie: RouteTrie<Route>, pathname: string): TrieMatch<Route> | undefined {
  if (pathname.length < 2 || !pathname.endsWith("/")) return undefined;
  const match = trie.match(pathname.slice(0, -1));
  const leaves = match?.leaves.filter((leaf) =>
    [...leaf.values()].some(({ dialect }) => dialect.slashAtEnd === "ignore"),
  );
  return match && leaves && leaves.length > 0 ? { ...match, leaves } : undefined;
}

const ignore = (): undefined => undefined;

function describeClash(one: CompiledBinding, other: CompiledBinding): string {
  const route = ({ verb, template, method }: CompiledBinding): string =>
    `${nameOf(method)} (${verb} ${template})`;
  return `two methods have the same verb and path: ${route(one)} and ${route(other)}`;
}

interface Dispatch {
  readonly match: TrieMatch<Route>;
  readonly query: string;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

function dispatch({ match, query, request, response }: Dispatch): void {
  const verb = request.method ?? "";
  const route = findRoute(match, verb);
  try {
    if (route) {
      route.serve({ request, response, segments: match.segments, query });
      return;
    }
    const allow = allowedVerbs(match);
    if (verb === "OPTIONS") {
      response.writeHead(204, { allow });
      response.end();
      return;
    }
    throw new HttpError(405, Code.Unimplemented, `this path takes ${allow}`, { allow });
  } catch (error) {
    const [any] = match.leaves[0]?.values() ?? [];
    const dialect = (route ?? any)?.dialect;
    if (dialect) sendError({ request, response }, dialect, toConnectError(error));
    else response.destroy();
  }
}

function findRoute({ leaves }: TrieMatch<Route>, verb: string): Route | undefined {
  for (const leaf of leaves) {
    const route = leaf.get(verb) ?? (verb === "HEAD" ? leaf.get("GET") : undefined) ?? leaf.get("*");
    if (route) return route;
  }
  return undefined;
}

function allowedVerbs({ leaves }: TrieMatch<Route>): string {
  const verbs = new Set<string>();
  for (const leaf of leaves) for (const verb of leaf.keys()) verbs.add(verb);
  if (verbs.has("GET")) verbs.add("HEAD");
  return [...verbs.add("OPTIONS")].join(", ");
}
