/**
 * Works with a signal that fires when one of these does. Unlike `AbortSignal.any`, whose signals Node.js keeps, with all
 * that listens to them, until nobody listens any more: whoever is given this one may leave its listeners on it.
 */
export async function withEitherSignal<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const look = (): void => {
    const fired = signals.find(({ aborted }) => aborted);
    if (fired) either.abort(fired.reason);
  };
  for (const signal of signals) signal.addEventListener("abort", look, { once: true });
  look();
  try {
    return await work(either.signal);
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", look);
  }
}
