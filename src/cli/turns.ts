/** Lets one piece of work begin when the one before has ended: a terminal has one person, who answers one question. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Settles as `work` does. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const taken = this.#last.then(work);
    this.#last = taken.catch(() => undefined);
    return taken;
  }
}
