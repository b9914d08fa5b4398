/** A run that can be told to stop. */
export interface StoppableRun extends Stops {
  /** Settles when it has stopped: with its log whole, unless it was lost. */
  readonly done: Promise<void>;
  /** Another writer has taken its session. */
  readonly lost: boolean;
}

/** How a run is stopped. */
interface Stops {
  /** Ends it as canceled. */
  cancel(): void;
  /** Ends it as interrupted. */
  interrupt(): void;
}

const atOnce = 8;

/** The runs in child sessions that work for a run: so many at a time, and all stop with it. */
export class Children {
  readonly #working = new Set<StoppableRun>();
  readonly #waiting: (() => void)[] = [];
  #free = atOnce;
  #stop: keyof Stops | undefined;

  /** Does a piece of work that has one child, when there is room for it; those that wait keep their order. */
  async admit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((enter) => this.#waiting.push(enter));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  /** Lets a child stop with its parent: at once, where the parent has stopped already. */
  add(child: StoppableRun): void {
    this.#working.add(child);
    if (this.#stop) child[this.#stop]();
  }

  remove(child: StoppableRun): void {
    this.#working.delete(child);
  }

  stop(how: keyof Stops): void {
    this.#stop ??= how;
    for (const child of this.#working) child[how]();
  }
}
