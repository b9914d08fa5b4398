import type { DescService } from "@bufbuild/protobuf";
import type {
  Code,
  ConnectRouter,
  HandlerContext,
  Interceptor,
  MethodImplSpec,
  ServiceImpl,
} from "@connectrpc/connect";
import {
  ConnectError,
  createConnectRouter,
  createContextKey,
  createContextValues,
  createServiceImplSpec,
} from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
} from "@connectrpc/connect-node";
import { noteFailure } from "./call-outcome.js";
import { closeOnAbort } from "./close-on-abort.js";
import { refineProtocolError } from "./error-info.js";
import type { HttpHandler, Mount } from "./http-exchange.js";
import { jsonOptionsFor } from "./json-options.js";
import type { Refusal } from "./reply.js";
import { replyRefusal } from "./reply.js";
import { requestIdHeader } from "./request-id.js";
import { sendHeaders, writeResponse } from "./response-writer.js";

/** A service and the object that implements it; methods it lacks answer `unimplemented`. */
export interface BoundService {
  readonly service: DescService;
  /** Has a function for each method, by local name, as Connect's ServiceImpl. */
  readonly implementation: object;
}

/** How services are mounted. */
export interface ConnectMountOptions {
  readonly services: readonly BoundService[];
  /** The first is the outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Bytes that a request message may have, before and after decompression. Default 4 MiB. */
  readonly readMaxBytes?: number;
  /** Ends the calls under way when it fires; its reason is a ConnectError with code `unavailable`. */
  readonly shutdownSignal?: AbortSignal;
  /** Told of failures that no caller can be told of any more. */
  readonly onError?: (error: unknown, path: string) => void;
}

/** A mount that answers the calls of Connect, gRPC and gRPC-Web. */
export interface ConnectMount extends Mount {
  /** The paths that it answers, for example `/agentry.v1.RunService/Run`. */
  readonly paths: readonly string[];
}

/** Compression of small stream messages costs more than it saves; requests may still be compressed. */
const neverCompress = { compressMinBytes: 0xffffffff };

/** Time for a first message, which then leaves together with the headers. */
const announceMs = 20;

const announceHeaders = createContextKey<(headers: Headers) => void>(() => undefined);
/** Told of the code that a call is answered with when it fails. */
const announceFailure = createContextKey<(code: Code) => void>(() => undefined);

/**
 * Serves services over Connect, gRPC and gRPC-Web. The headers of a stream leave with its first message, or 20 ms
 * after its implementation has started, so they must be set when it starts; its messages are written together
 * where they are ready together; and its generator returns when the caller leaves.
 */
export function createConnectMount(options: ConnectMountOptions): ConnectMount {
  const router = createRouter(options);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const { onError = () => undefined } = options;
  const handle: HttpHandler = (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "";
    const handler = handlers.get(path);
    if (!handler) throw new Error(`no handler for ${path}`);
    const values = createContextValues();
    values.set(announceHeaders, (headers) => {
      const timer = setTimeout(() => {
        if (response.headersSent || response.destroyed || response.writableEnded) return;
        sendHeaders(response, 200, headers);
        response.flushHeaders();
      }, announceMs);
      response.once("close", () => clearTimeout(timer));
    });
    const call = universalRequestFromNodeRequest(request, response, undefined, values);
    values.set(announceFailure, (code) => {
      // A caller that has left is answered nothing.
      if (!call.signal.aborted) noteFailure(request, code);
    });
    handler(call)
      .then((reply) => {
        if (reply.body || reply.status < 400) return writeResponse(request, response, reply);
        replyRefusal(request, response, refusalOf(reply.status, handler.allowedMethods));
      })
      .catch((error: unknown) => {
        if (response.destroyed) return;
        onError(error, path);
        if (!response.headersSent) response.writeHead(500, { "content-length": "0" });
        response.end();
      });
  };
  return { matches: (pathname) => handlers.has(pathname), handle, paths: [...handlers.keys()] };
}

/** What the library refuses without a word: the verb, the content type, or full duplex over HTTP/1.1. */
function refusalOf(status: number, verbs: readonly string[]): Refusal {
  switch (status) {
    case 405: {
      const allow = verbs.filter((verb, at) => verbs.indexOf(verb) === at).join(", ");
      return { status, reason: "unsupported", message: `this path answers ${allow}`, headers: { allow } };
    }
    case 415:
      return { status, reason: "invalid", message: "the content type is none of Connect, gRPC and gRPC-Web" };
    default:
      return {
        status,
        reason: "unsupported",
        message: "this method needs HTTP/2",
        headers: { connection: "close" },
      };
  }
}

function createRouter(options: ConnectMountOptions): ConnectRouter {
  const { readMaxBytes = 4 * 1024 * 1024, interceptors = [], shutdownSignal } = options;
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes,
    interceptors: [announceStream, ...interceptors],
    requestGate: (context) => refineErrors(context, shutdownSignal),
    ...(shutdownSignal ? { shutdownSignal } : {}),
  });
  for (const { service, implementation } of options.services) {
    const spec = createServiceImplSpec(service, checkImplementation(service, implementation));
    for (const method of Object.values(spec.methods)) mountMethod(router, method);
  }
  return router;
}

function checkImplementation(
  service: DescService,
  implementation: object,
): Partial<ServiceImpl<DescService>> {
  for (const { localName } of service.methods) {
    const call: unknown = Reflect.get(implementation, localName);
    if (call !== undefined && typeof call !== "function") {
      throw new Error(`${service.typeName}: ${localName} is not a function`);
    }
  }
  return implementation as Partial<ServiceImpl<DescService>>;
}

function mountMethod(router: ConnectRouter, spec: MethodImplSpec): void {
  const jsonOptions = jsonOptionsFor(spec.method.input);
  const streamOptions = { ...neverCompress, jsonOptions };
  switch (spec.kind) {
    case "unary":
      router.rpc(spec.method, spec.impl, { jsonOptions });
      return;
    case "client_streaming":
      router.rpc(spec.method, spec.impl, streamOptions);
      return;
    case "server_streaming": {
      const { impl } = spec;
      const closing: typeof impl = (input, context) => closeOnAbort(impl(input, context), context.signal);
      router.rpc(spec.method, closing, streamOptions);
      return;
    }
    case "bidi_streaming": {
      const { impl } = spec;
      const closing: typeof impl = (inputs, context) => closeOnAbort(impl(inputs, context), context.signal);
      router.rpc(spec.method, closing, streamOptions);
      return;
    }
    default:
      spec satisfies never;
  }
}

/** Tells the adapter the headers of a stream before its first message. */
const announceStream: Interceptor = (next) => async (request) => {
  const response = await next(request);
  if (response.stream) request.contextValues.get(announceHeaders)(response.header);
  return response;
};

/**
 * The library aborts a call's context with the error that it is about to write, in every protocol. That is the
 * one moment to see errors that arise before any interceptor runs, and those that are in no HTTP status.
 */
function refineErrors(context: HandlerContext, shutdownSignal: AbortSignal | undefined): void {
  context.signal.addEventListener("abort", () => {
    const { reason } = context.signal;
    if (!(reason instanceof ConnectError)) return;
    if (reason !== shutdownSignal?.reason)
      refineProtocolError(reason, context.requestHeader.get(requestIdHeader) ?? "");
    context.values.get(announceFailure)(reason.code);
  });
}
