/** Answers of which something arrives in one turn of the event loop, from which they are read in turns. */
const manyAnswers = 128;
/** With fewer that wait, they are read as they come again. */
const fewAnswers = 64;
/** For so long an answer gathers. */
const gatherMs = 50;
/** How many are read in one turn of the event loop. */
const answersPerTurn = 8;

/**
 * Reads answers in turns while more of them arrive than can be worked through as they come: what has gathered of one
 * costs little more than its first piece, and there are many turns of the event loop, in each of which Node.js takes
 * one new connection.
 */
export class ReadTurns {
  /** Those of which something has arrived in this turn of the event loop. */
  readonly #arriving = new Set<object>();
  readonly #waiting: { readonly read: () => void; readonly due: number }[] = [];
  #busy = false;
  #scheduled = false;

  /** Notes that a piece of an answer has arrived. True: it is to be read no further before its turn. */
  arrived(answer: object): boolean {
    if (this.#arriving.size === 0) setImmediate(this.#look);
    this.#arriving.add(answer);
    return this.#busy;
  }

  /** Calls back when it is an answer's turn. */
  wait(read: () => void): void {
    this.#waiting.push({ read, due: performance.now() + gatherMs });
    this.#schedule();
  }

  readonly #look = (): void => {
    if (this.#arriving.size >= manyAnswers && !this.#busy) {
      this.#busy = true;
      this.#scheduleIn(gatherMs);
    }
    this.#arriving.clear();
  };

  readonly #next = (): void => {
    this.#scheduled = false;
    this.#busy = this.#waiting.length >= fewAnswers;
    const now = performance.now();
    const most = this.#busy ? answersPerTurn : this.#waiting.length;
    let count = 0;
    while (count < most && (!this.#busy || (this.#waiting[count]?.due ?? 0) <= now)) count += 1;
    for (const { read } of this.#waiting.splice(0, count)) read();
    this.#schedule();
  };

  #schedule(): void {
    const first = this.#waiting[0];
    if (first) this.#scheduleIn(first.due - performance.now());
  }

  #scheduleIn(milliseconds: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (milliseconds > 1) setTimeout(this.#next, milliseconds);
    else setImmediate(this.#next);
  }
}
