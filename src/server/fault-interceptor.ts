import type { Interceptor } from "@connectrpc/connect";
import { ConnectError } from "@connectrpc/connect";
import { toConnectError, toFault } from "./error-info.js";
import type { Logger } from "./logger.js";
import { requestIdHeader } from "./request-id.js";

/**
 * Turns what services throw into errors of the protocols, before and during a stream. A ConnectError stays as
 * it is. What is not understood becomes `internal`: its message is withheld and its cause logged under the
 * request id.
 */
export function createFaultInterceptor(log: Logger): Interceptor {
  return (next) => async (request) => {
    const translate = (error: unknown): ConnectError => {
      if (error instanceof ConnectError) return error;
      const requestId = request.header.get(requestIdHeader) ?? "";
      const fault = toFault(error);
      if (fault.reason === "internal") {
        const method = `${request.service.typeName}/${request.method.name}`;
        log.error({ request_id: requestId, method, err: fault.cause ?? fault }, "internal error");
      }
      return toConnectError(fault, requestId);
    };
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: translateErrors(response.message, translate) };
    } catch (error) {
      throw translate(error);
    }
  };
}

/** The same items; what the source throws is translated. Not a generator, which would cost every item three turns. */
function translateErrors<T>(
  source: AsyncIterable<T>,
  translate: (error: unknown) => Error,
): AsyncIterable<T> {
  const fail = (error: unknown): never => {
    throw translate(error);
  };
  return {
    [Symbol.asyncIterator]() {
      const items = source[Symbol.asyncIterator]();
      return {
        next: () => items.next().then(undefined, fail),
        return: (value) =>
          items.return?.(value).then(undefined, fail) ?? Promise.resolve({ done: true, value: undefined }),
      };
    },
  };
}
