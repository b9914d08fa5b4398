import { setImmediate as nextTurn } from "node:timers/promises";
import type { Event } from "../../gen/agentry/v1/event_pb.js";

/** Pages that are remembered: the oldest are forgotten first. */
const most = 64;

/** Turns of the event loop, one for each who asks: what takes long is done by one reader in each. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  next(): Promise<void> {
    this.#last = this.#last.then(() => nextTurn());
    return this.#last;
  }
}

/**
 * Reads pages of a log from the database. One with a large event is read once for all readers that stand at the same
 * place while one of them holds it, because its connection is slow; and each has a turn to send it.
 */
export class LargePages {
  readonly #reading = new Map<number, Promise<readonly Event[]>>();
  readonly #known = new Map<number, WeakRef<readonly Event[]>>();

  constructor(
    private readonly read: (after: number) => Promise<readonly Event[]>,
    private readonly turns: Turns,
  ) {}

  /** The events after a position. */
  async after(seq: number): Promise<readonly Event[]> {
    if (this.#known.has(seq)) await this.turns.next();
    const held = this.#known.get(seq)?.deref();
    if (held) return held;
    const events = await (this.#reading.get(seq) ?? this.#start(seq));
    // Others come in pages of many.
    if (events.length === 1) this.#remember(seq, events);
    return events;
  }

  #start(seq: number): Promise<readonly Event[]> {
    const reading = this.read(seq).finally(() => this.#reading.delete(seq));
    this.#reading.set(seq, reading);
    return reading;
  }

  #remember(seq: number, events: readonly Event[]): void {
    this.#known.delete(seq);
    this.#known.set(seq, new WeakRef(events));
    const [oldest] = this.#known.keys();
    if (this.#known.size > most && oldest !== undefined) this.#known.delete(oldest);
  }
}
