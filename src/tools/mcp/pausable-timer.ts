/** A time limit that stands still while somebody is asked something. */
export class PausableTimer {
  #leftMs: number;
  #startedAt = 0;
  #pauses = 0;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  /** Starts at once; `onEnd` is called when so many milliseconds have passed outside of pauses. */
  constructor(
    ms: number,
    private readonly onEnd: () => void,
  ) {
    this.#leftMs = ms;
    this.#run();
  }

  /** Stands still until what it returns is called. */
  pause(): () => void {
    if (this.#pauses === 0) {
      clearTimeout(this.#timer);
      this.#leftMs -= performance.now() - this.#startedAt;
    }
    this.#pauses += 1;
    return () => {
      this.#pauses -= 1;
      if (this.#pauses === 0 && !this.#ended) this.#run();
    };
  }

  /** Stops it for good, also when a pause ends later. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #run(): void {
    this.#startedAt = performance.now();
    this.#timer = setTimeout(this.onEnd, Math.max(0, this.#leftMs));
  }
}
