import type { Interceptor } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { Fault } from "../core/fault.js";

/**
 * Ends a call when its deadline passes, its caller leaves or the server stops, whether or not the service
 * listens to its signal. A service that goes on afterwards talks to nobody.
 */
export const deadlineInterceptor: Interceptor = (next) => async (request) => {
  const response = await untilAborted(next(request), request.signal);
  if (!response.stream) return response;
  return { ...response, message: endOnAbort(response.message, request.signal) };
};

function faultOf(signal: AbortSignal): Fault {
  const { reason } = signal;
  const code = reason instanceof ConnectError ? reason.code : Code.Canceled;
  if (code === Code.DeadlineExceeded) return new Fault("timeout", "the deadline of the request passed");
  if (code === Code.Unavailable) return new Fault("unavailable", "the server is stopping");
  return new Fault("canceled", "the caller has left");
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(faultOf(signal));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    const settle =
      <V>(how: (value: V) => void) =>
      (value: V) => {
        signal.removeEventListener("abort", onAbort);
        how(value);
      };
    promise.then(settle(resolve), settle(reject));
  });
}

function endOnAbort<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const items = source[Symbol.asyncIterator]();
      let fault: Fault | undefined;
      let rejectNext: (reason: unknown) => void = () => undefined;
      const onAbort = () => {
        fault = faultOf(signal);
        rejectNext(fault);
        items.return?.().catch(() => undefined);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      return {
        // A promise of its own for every item: racing a long-lived one would keep every item in memory.
        next: () =>
          new Promise((resolve, reject) => {
            if (fault) return reject(fault);
            rejectNext = reject;
            items.next().then(resolve, reject);
          }),
        return: (value) => items.return?.(value) ?? Promise.resolve({ done: true, value: undefined }),
      };
    },
  };
}
