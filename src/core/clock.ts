/** The time, injected so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the Unix epoch, for people and for rows. May jump. */
  now(): number;
}

/** The time of the machine. */
export const systemClock: Clock = { now: () => Date.now() };
