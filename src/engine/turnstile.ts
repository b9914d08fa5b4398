/**
 * Lets any number of shared holders in together, or one exclusive holder alone, in the order of arrival:
 * tools that only read run beside each other, the others one at a time.
 */
export class Turnstile {
  #tail: Promise<unknown> = Promise.resolve();
  #shared: Promise<unknown>[] = [];

  async run<T>(exclusive: boolean, work: () => Promise<T>): Promise<T> {
    const before = this.#tail;
    if (!exclusive) {
      const result = before.then(work);
      this.#shared.push(result.catch(() => undefined));
      return result;
    }
    const readers = this.#shared;
    this.#shared = [];
    const result = Promise.all([before, ...readers]).then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
