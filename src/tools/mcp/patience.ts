import { PausableTimer } from "./pausable-timer.js";

/** The longest time of a timer, in milliseconds: for a limit of the library's that is to mean nothing. */
export const longestTimerMs = 2 ** 31 - 1;

/** The time limits of one connection: all of them stand still while the server has a question open. */
export class Patience {
  readonly #timers = new Set<PausableTimer>();
  #resumes: (() => void)[] = [];
  #questions = 0;

  /** Calls `onEnd` after so many milliseconds without a question, unless what it returns was called before. */
  limit(ms: number, onEnd: () => void): () => void {
    const timer = new PausableTimer(ms, onEnd);
    this.#timers.add(timer);
    if (this.#questions > 0) this.#resumes.push(timer.pause());
    return () => {
      timer.end();
      this.#timers.delete(timer);
    };
  }

  /** Asks; until that has settled, no time passes. */
  async during<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#questions === 0) this.#resumes = [...this.#timers].map((timer) => timer.pause());
    this.#questions += 1;
    try {
      return await ask();
    } finally {
      this.#questions -= 1;
      if (this.#questions === 0) for (const resume of this.#resumes.splice(0)) resume();
    }
  }
}
