import type {
  DescFile,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  Registry,
} from "@bufbuild/protobuf";
import { createRegistry } from "@bufbuild/protobuf";
import type { ConnectError, ContextValues, Interceptor } from "@connectrpc/connect";
import { createBodyBinding } from "./body-binding.js";
import type { CallHandler, HandlerOptions } from "./call.js";
import type { Dialect } from "./dialect.js";
import type { HttpRequest } from "./http-exchange.js";
import { createStreamInvocation, createUnaryInvocation } from "./invocation.js";
import { JsonEncoder } from "./json-encoder.js";
import { createQueryBinding } from "./query-binding.js";
import type { RequestBinding } from "./request-binding.js";
import { createRequestBinding } from "./request-binding.js";
import type { CompiledBinding } from "./rules.js";
import { nameOf } from "./rules.js";
import { createStreamHandler } from "./stream-handler.js";
import { createUnaryHandler } from "./unary-handler.js";
import { createMaskFiller } from "./update-mask.js";

const defaultHeartbeatMs = 15_000;
const defaultStallMs = 30_000;

/** What the handlers of one gateway share. */
export interface HandlerFactoryOptions {
  /** Where the messages are defined that an Any may hold. */
  readonly files: readonly DescFile[];
  readonly interceptors: readonly Interceptor[];
  readonly maxBodyBytes: number;
  readonly heartbeatMs: number | undefined;
  readonly stallMs: number | undefined;
  readonly contextValues: ((request: HttpRequest) => ContextValues) | undefined;
  readonly onError: ((error: unknown, request: HttpRequest) => void) | undefined;
  readonly onStreamFailure: ((error: ConnectError, request: HttpRequest) => void) | undefined;
}

/** Makes the handler of a binding. Throws an Error that names the method where its options cannot be served. */
export type HandlerFactory = (
  binding: CompiledBinding,
  implementation: object,
  dialect: Dialect,
) => CallHandler;

/** Creates the handlers of one gateway, with one compiled encoder for each dialect. */
export function createHandlerFactory(options: HandlerFactoryOptions): HandlerFactory {
  const registry = registryOf(options.files);
  const encoders = new Map<Dialect, JsonEncoder>();
  const encoderOf = (dialect: Dialect): JsonEncoder => {
    const { fieldNames, printDefaults } = dialect;
    const encoder = encoders.get(dialect) ?? new JsonEncoder({ fieldNames, printDefaults, registry });
    encoders.set(dialect, encoder);
    return encoder;
  };
  return (binding, implementation, dialect) => {
    const { method } = binding;
    const { interceptors, contextValues, onError, onStreamFailure } = options;
    const shared: HandlerOptions & { bind: RequestBinding; encoder: JsonEncoder } = {
      binding,
      dialect,
      contextValues,
      onError,
      onStreamFailure,
      bind: createBinding(binding, dialect, { registry, maxBodyBytes: options.maxBodyBytes }),
      encoder: encoderOf(dialect),
    };
    if (isUnary(method)) {
      return createUnaryHandler({
        ...shared,
        invoke: createUnaryInvocation(implementation, method, interceptors),
      });
    }
    if (!isServerStream(method)) throw new Error(`${nameOf(method)} streams its requests`);
    try {
      return createStreamHandler({
        ...shared,
        invoke: createStreamInvocation(implementation, method, interceptors),
        heartbeatMs: options.heartbeatMs ?? defaultHeartbeatMs,
        stallMs: options.stallMs ?? defaultStallMs,
      });
    } catch (error) {
      throw new Error(`${nameOf(method)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
}

const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary";
const isServerStream = (method: DescMethod): method is DescMethodServerStreaming =>
  method.methodKind === "server_streaming";

function createBinding(
  binding: CompiledBinding,
  dialect: Dialect,
  shared: { registry: Registry; maxBodyBytes: number },
): RequestBinding {
  const { input } = binding.method;
  return createRequestBinding({
    input,
    template: binding.path,
    pathParameters: binding.parameters,
    maxBodyBytes: shared.maxBodyBytes,
    fillMask: createMaskFiller(binding),
    body: createBodyBinding({
      input,
      target: binding.bodyTarget,
      unknown: dialect.unknownFields,
      extraContentTypes: dialect.extraContentTypes ?? [],
      foldNames: dialect.foldNames ?? false,
      registry: shared.registry,
    }),
    query: createQueryBinding({
      input,
      pathParameters: binding.pathParameters,
      bodyTakesAll: binding.body === "*",
      unknown: dialect.unknownQuery,
    }),
  });
}

function registryOf(roots: readonly DescFile[]): Registry {
  const files = new Set<DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const dependency of file.dependencies) add(dependency);
  };
  for (const root of roots) add(root);
  return createRegistry(...files);
}
