import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { Fault } from "../core/fault.js";
import type { BatchResult, Store, Write } from "../core/store.js";
import type { Committer, PendingBatch } from "./committer.js";
import { EventTail } from "./event-tail.js";
import type { Turns } from "./large-pages.js";
import { LargePages } from "./large-pages.js";

const page = { limit: 500, maxBytes: 16 * 1024 };

/** What a reader asks for. */
export interface ReadOptions {
  /** Position after which to begin. */
  readonly after: number;
  /** False: end at the newest event. */
  readonly follow: boolean;
}

/** What a log is made of. */
export interface LogParts {
  readonly sessionId: string;
  /** Position of the newest committed event. */
  readonly head: number;
  readonly store: Store;
  readonly committer: Committer;
  /** Shared by all logs. */
  readonly turns: Turns;
  /** About how many bytes of events the log may keep in memory. */
  tailBytes(): number;
  /** Called when the database refuses to write; what was appended is kept and tried again. */
  onTrouble(fault: Fault): void;
}

/**
 * The event log of one session while somebody writes or reads it. Writers append; what they append is
 * committed with everything else of the same turn of the event loop and only then shown to readers. A
 * reader holds a position and nothing else: no queue of its own can overflow.
 */
export class SessionLog {
  readonly #tail: EventTail;
  readonly #pages: LargePages;
  readonly #readers = new Set<() => void>();
  /** The batch that appends join. */
  #open: OpenBatch | undefined;
  /** The newest batch that was appended to, open or not. */
  #newest: OpenBatch | undefined;
  #closed = false;

  readonly sessionId: string;
  readonly #parts: LogParts;
  #head: number;

  constructor(parts: LogParts) {
    this.#parts = parts;
    this.sessionId = parts.sessionId;
    this.#head = parts.head;
    this.#tail = new EventTail(() => parts.tailBytes());
    const { store, sessionId } = parts;
    this.#pages = new LargePages((after) => store.events.read({ ...page, sessionId, after }), parts.turns);
  }

  /** Position of the newest committed event. */
  get position(): number {
    return this.#head;
  }

  /** Adds writes to the batch of this turn. */
  append(writes: readonly Write[], epoch: number): void {
    let open = this.#open;
    if (!open || open.taken || open.batch.epoch !== epoch) {
      open = this.#openBatch(new OpenBatch(this, epoch, false));
    }
    this.#parts.committer.extend(open, writes);
  }

  /** The newest write of the batch of this turn, where at least `count` wait for the same commit, of all sessions. */
  newestOf(count: number, epoch: number): Write | undefined {
    const open = this.#open;
    if (!open || open.taken || open.batch.epoch !== epoch) return undefined;
    return this.#parts.committer.writes < count ? undefined : open.batch.writes.at(-1);
  }

  /**
   * Writes a batch of its own, at once. It is taken or refused whole.
   * @throws Fault when the database cannot write; nothing was written then.
   */
  async commit(writes: Write[], epoch?: number): Promise<BatchResult> {
    const batch = new OpenBatch(this, epoch, true, writes);
    // Later appends must come after this batch, not join an open one before it.
    this.#open = undefined;
    this.#parts.committer.add(batch);
    this.#parts.committer.flush();
    return batch.done;
  }

  /**
   * Adds a batch that is taken or refused whole, with all that is appended to it in this turn.
   * @throws Fault when the database cannot write; nothing was written then.
   */
  begin(writes: Write[], epoch: number): Promise<BatchResult> {
    return this.#openBatch(new OpenBatch(this, epoch, true, writes)).done;
  }

  /** Settles when everything appended so far is durable. */
  async durable(): Promise<BatchResult> {
    const newest = this.#newest;
    if (!newest) return "written";
    if (!newest.taken) this.#parts.committer.flush();
    return newest.done;
  }

  /**
   * Everything after a position, in pages, then, with `follow`, whatever comes, until the caller leaves or the
   * session is deleted.
   */
  async *pages({ after, follow }: ReadOptions, signal: AbortSignal): AsyncGenerator<readonly Event[], void> {
    if (after > this.#head) {
      const message = `position ${after} is ahead of the session, which is at ${this.#head}`;
      throw new Fault("out_of_range", message, { headSeq: this.#head });
    }
    let at = after;
    while (!signal.aborted) {
      if (at < this.#head) {
        const events = this.#tail.after(at) ?? (await this.#pages.after(at));
        const last = events.at(-1);
        // The session was deleted under its reader.
        if (!last) return;
        at = last.seq;
        yield events;
      } else if (!follow || this.#closed) {
        return;
      } else {
        await this.#more(signal);
      }
    }
  }

  /** Ends every reader: the session is gone. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Shows committed writes to the readers. */
  publish(writes: readonly Write[]): void {
    let published = false;
    for (const write of writes) {
      if (write.type !== "event") continue;
      this.#tail.push(write.event);
      this.#head = write.event.seq;
      published = true;
    }
    if (published) this.#wake();
  }

  trouble(fault: Fault): void {
    this.#parts.onTrouble(fault);
  }

  /** Makes a batch the one that appends join. */
  #openBatch(batch: OpenBatch): OpenBatch {
    this.#open = batch;
    this.#newest = batch;
    this.#parts.committer.add(batch);
    return batch;
  }

  #wake(): void {
    const readers = [...this.#readers];
    this.#readers.clear();
    for (const wake of readers) wake();
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        this.#readers.delete(done);
        resolve();
      };
      this.#readers.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

/** A batch of one session, open to further writes until the committer takes it. */
class OpenBatch implements PendingBatch {
  readonly batch: { sessionId: string; epoch: number | undefined; writes: Write[] };
  readonly #settle = Promise.withResolvers<BatchResult>();
  taken = false;

  constructor(
    private readonly log: SessionLog,
    epoch: number | undefined,
    readonly giveUp: boolean,
    writes: Write[] = [],
  ) {
    this.batch = { sessionId: log.sessionId, epoch, writes };
    // Nobody may wait for a batch; its failure is told through `trouble`.
    this.#settle.promise.catch(() => undefined);
  }

  get done(): Promise<BatchResult> {
    return this.#settle.promise;
  }

  settled(result: BatchResult): void {
    if (result === "written") this.log.publish(this.batch.writes);
    else if (!this.giveUp) this.log.trouble(refusal(result));
    this.#settle.resolve(result);
  }

  failed(fault: Fault): void {
    if (this.giveUp) this.#settle.reject(fault);
    else this.log.trouble(fault);
  }
}

/** What a run wrote was refused for good: its log ends before that. */
export class Refused extends Fault {}

/** What a refused batch means for the run that wrote it. */
function refusal(result: Exclude<BatchResult, "written">): Fault {
  switch (result) {
    case "stale":
    case "missing":
      return new Fault("canceled", "another writer holds the session");
    case "conflict":
      return new Refused("internal", "what the run wrote cannot be stored");
    default:
      return result satisfies never;
  }
}
