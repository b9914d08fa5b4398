/**
 * The same items; when the signal fires, the source is asked to return, so that its `finally` runs although
 * nobody asks it for another item. A source that waits inside an item returns after that.
 */
export function closeOnAbort<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const items = source[Symbol.asyncIterator]();
      const close = () => {
        items.return?.().catch(() => undefined);
      };
      if (signal.aborted) close();
      else signal.addEventListener("abort", close, { once: true });
      return {
        next: () => items.next(),
        return: (value) => items.return?.(value) ?? Promise.resolve({ done: true, value: undefined }),
      };
    },
  };
}
