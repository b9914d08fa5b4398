/** Model calls of a run whose agent says nothing of it. */
export const defaultMaxSteps = 50;

/**
 * The model calls that a run may make. Those of the runs that it gives work to count in it as well, and each run
 * that waits for another keeps one for its own answer: so a run never causes more calls than its limit, however
 * its work is spread, and can still say what came of it.
 */
export class StepBudget {
  #used = 0;

  constructor(
    readonly limit: number,
    /** Of the run that gave the work. */
    private readonly above?: StepBudget,
  ) {}

  /** Whether a call may be made that leaves `kept` for others, here and in every run above. */
  hasRoom(kept = 0): boolean {
    return this.limit - this.#used > kept && (this.above?.hasRoom(kept + 1) ?? true);
  }

  /** Counts a call, here and in every run above; false, counting nothing, where there is no room for it. */
  take(): boolean {
    if (!this.hasRoom()) return false;
    this.count();
    return true;
  }

  private count(): void {
    this.#used += 1;
    this.above?.count();
  }
}
