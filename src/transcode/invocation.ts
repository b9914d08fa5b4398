import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  Message,
} from "@bufbuild/protobuf";
import type {
  HandlerContext,
  Interceptor,
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CallContext } from "./call-context.js";
import { asFields, toMessage } from "./message-field.js";

type Implementation = (message: unknown, context: HandlerContext) => unknown;
type Next = ReturnType<Interceptor>;

/** Calls a unary method through the interceptors. */
export type InvokeUnary = (message: Message, context: CallContext) => Promise<Message> | Message;
/** Calls a server stream through the interceptors. Its items may be inits of messages. */
export type InvokeStream = (
  message: Message,
  context: CallContext,
) => Promise<AsyncIterable<unknown>> | AsyncIterable<unknown>;

function implementationOf(implementation: object, method: DescMethod): Implementation {
  const call = asFields(implementation)[method.localName];
  if (typeof call !== "function") {
    return () => {
      throw new ConnectError(
        `${method.parent.typeName}.${method.name} is not implemented`,
        Code.Unimplemented,
      );
    };
  }
  return (message, context) => Reflect.apply(call, implementation, [message, context]);
}

/** Binds a unary method to its implementation. */
export function createUnaryInvocation(
  implementation: object,
  method: DescMethodUnary,
  interceptors: readonly Interceptor[],
): InvokeUnary {
  const call = implementationOf(implementation, method);
  const { output } = method;
  if (interceptors.length === 0) {
    return async (message, context) => toMessage(output, await call(message, context));
  }
  return async (message, context) => {
    const request: UnaryRequest = { ...commonRequest(context), stream: false, method, message };
    const terminal: Next = async (given): Promise<UnaryResponse> => ({
      ...commonResponse(context),
      stream: false,
      method,
      message: toMessage(output, await call(given.message, contextFor(context, given))),
    });
    const response = await chain(interceptors, terminal)(request);
    adoptHeaders(context, response);
    return toMessage(output, response.message);
  };
}

/** Binds a server stream to its implementation. */
export function createStreamInvocation(
  implementation: object,
  method: DescMethodServerStreaming,
  interceptors: readonly Interceptor[],
): InvokeStream {
  const call = implementationOf(implementation, method);
  const { output } = method;
  if (interceptors.length === 0) {
    return (message, context) => {
      const items = call(message, context);
      return items instanceof Promise ? items.then(requireIterable) : requireIterable(items);
    };
  }
  return async (message, context) => {
    const request: StreamRequest = { ...commonRequest(context), stream: true, method, message: one(message) };
    const terminal: Next = async (given): Promise<StreamResponse> => ({
      ...commonResponse(context),
      stream: true,
      method,
      message: messagesOf(
        output,
        requireIterable(await call(await only(given.message), contextFor(context, given))),
      ),
    });
    const response = await chain(interceptors, terminal)(request);
    adoptHeaders(context, response);
    return requireIterable(response.message);
  };
}

/** For each call anew, as Connect does: an interceptor may keep what belongs to one call beside its function. */
function chain(interceptors: readonly Interceptor[], terminal: Next): Next {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), terminal);
}

function commonRequest(context: CallContext) {
  return {
    service: context.service,
    requestMethod: context.requestMethod,
    url: context.url,
    signal: context.signal,
    header: context.requestHeader,
    contextValues: context.values,
  };
}

function commonResponse(context: CallContext) {
  return { service: context.service, header: context.responseHeader, trailer: context.responseTrailer };
}

/** What the implementation sees where an interceptor has put something else into the request. */
function contextFor(context: CallContext, given: UnaryRequest | StreamRequest): HandlerContext {
  const { signal, header, contextValues } = given;
  if (signal === context.signal && header === context.requestHeader && contextValues === context.values)
    return context;
  return {
    service: given.service,
    method: context.method,
    signal,
    timeoutMs: context.timeoutMs,
    requestMethod: context.requestMethod,
    requestHeader: header,
    responseHeader: context.responseHeader,
    responseTrailer: context.responseTrailer,
    protocolName: context.protocolName,
    values: contextValues,
    url: context.url,
  };
}

function adoptHeaders(context: CallContext, response: UnaryResponse | StreamResponse): void {
  const own = context.responseHeader;
  if (response.header === own) return;
  for (const name of [...own.keys()]) own.delete(name);
  for (const [name, value] of response.header) own.append(name, value);
}

function requireIterable(value: unknown): AsyncIterable<unknown> {
  if (isIterable(value)) return value;
  throw new TypeError("a server stream must return an AsyncIterable");
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

async function* one<T>(value: T): AsyncGenerator<T> {
  yield value;
}

/** The one message of a server stream's request, which interceptors see as an iterable. */
async function only(messages: unknown): Promise<unknown> {
  if (isIterable(messages)) for await (const message of messages) return message;
  throw new ConnectError("the request has no message", Code.Unimplemented);
}

/** Completes the items of a stream. Not a generator: `return` reaches a source that is blocked in `next`. */
function messagesOf(output: DescMessage, items: AsyncIterable<unknown>): AsyncIterable<Message> {
  const complete = (result: IteratorResult<unknown>): IteratorResult<Message> =>
    result.done ? { done: true, value: undefined } : { done: false, value: toMessage(output, result.value) };
  return {
    [Symbol.asyncIterator]() {
      const source = items[Symbol.asyncIterator]();
      return {
        next: async () => complete(await source.next()),
        return: async () => {
          await source.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
