import { RunState } from "../../gen/agentry/v1/run_pb.js";
import type { Fault } from "../core/fault.js";
import { canceled, conflict } from "../core/fault.js";
import type { Write } from "../core/store.js";
import type { RunProgress } from "./run-progress.js";
import type { EventBody, RunWriter } from "./run-writer.js";

/** A row that asks somebody something: an approval or an elicitation. */
interface Question {
  readonly id: string;
  readonly state: number;
}

/** How one kind of question is written. */
export interface QuestionKind<Q extends Question> {
  /** For people, as in `approval "…" no longer waits`. */
  readonly noun: string;
  /** The run's questions of this kind that wait. */
  open(progress: RunProgress): Map<string, Q>;
  requested(question: Q): EventBody;
  resolved(question: Q): EventBody;
  /** With `from`, the row is replaced only while it is in that state. */
  write(question: Q, from?: Q["state"]): Write;
  /** What becomes of it when nobody answers in time. */
  expired(question: Q, writer: RunWriter): Q;
}

interface Waiter<Q> {
  readonly writer: RunWriter;
  readonly question: Q;
  /** Set by the first answer; later ones wait for it and compare. */
  decided: Promise<Q> | undefined;
  settle(question: Q): void;
}

/** Timers count in 32 bits. */
const maxTimerMs = 2 ** 31 - 1;
/** Milliseconds until an expiry that could not be stored is tried again. */
const expiryRetryMs = 1000;

/**
 * Questions that wait for an answer. Each is a row; the first answer wins by compare-and-set, whoever gives
 * it, and the run goes on only after it is durable.
 */
export class Questions<Q extends Question> {
  readonly #waiting = new Map<string, Waiter<Q>>();

  constructor(
    private readonly kind: QuestionKind<Q>,
    /** Milliseconds until a question expires. */
    private readonly expiryMs: number,
  ) {}

  /** Asks, and waits for what becomes of it. Throws a `canceled` Fault when `signal` fires first. */
  async ask(writer: RunWriter, question: Q, signal: AbortSignal): Promise<Q> {
    const { promise, resolve, reject } = Promise.withResolvers<Q>();
    // Before the event is published: an answer may come at once.
    this.#waiting.set(question.id, { writer, question, decided: undefined, settle: resolve });
    const abort = (): void => reject(canceled("the run was canceled"));
    signal.addEventListener("abort", abort, { once: true });
    const expiry = setTimeout(() => void this.#expire(question.id), Math.min(this.expiryMs, maxTimerMs));
    try {
      if (signal.aborted) abort();
      writer.append([
        this.kind.write(question),
        writer.event(this.kind.requested(question)),
        writer.state(RunState.WAITING),
      ]);
      return await promise;
    } finally {
      clearTimeout(expiry);
      signal.removeEventListener("abort", abort);
      this.#waiting.delete(question.id);
    }
  }

  /** The question as it waits, or undefined when it does not. */
  waiting(id: string): Q | undefined {
    return this.#waiting.get(id)?.question;
  }

  /** Those that wait, of all runs. */
  find(matches: (question: Q) => boolean): Q[] {
    return [...this.#waiting.values()].map(({ question }) => question).filter(matches);
  }

  /**
   * Settles a question that waits, or tells how it was settled before: the first caller decides. `more` is
   * written in the same transaction.
   * @throws Fault `conflict` when nothing waits for it any more; as the store does.
   */
  async decide(
    id: string,
    answer: (question: Q, writer: RunWriter) => Q,
    more: readonly Write[] = [],
  ): Promise<Q> {
    const waiter = this.#waiting.get(id);
    if (!waiter) throw this.noLongerWaits(id);
    waiter.decided ??= this.#write(waiter, answer(waiter.question, waiter.writer), more).catch(
      (error: unknown) => {
        waiter.decided = undefined;
        throw error;
      },
    );
    return waiter.decided;
  }

  noLongerWaits(id: string): Fault {
    return conflict(`nothing waits for ${this.kind.noun} ${JSON.stringify(id)} any more`);
  }

  async #expire(id: string): Promise<void> {
    if (!this.#waiting.has(id)) return;
    try {
      await this.decide(id, (question, writer) => this.kind.expired(question, writer));
    } catch {
      setTimeout(() => void this.#expire(id), expiryRetryMs).unref();
    }
  }

  async #write({ writer, question, settle }: Waiter<Q>, resolved: Q, more: readonly Write[]): Promise<Q> {
    const { run, progress } = writer;
    const last = run.state === RunState.WAITING && progress.approvals.size + progress.elicitations.size === 1;
    try {
      const result = await writer.log.commit(
        [
          this.kind.write(resolved, question.state),
          writer.event(this.kind.resolved(resolved)),
          ...(last ? [writer.state(RunState.RUNNING)] : []),
          ...more,
        ],
        writer.epoch,
      );
      if (result !== "written") throw this.noLongerWaits(question.id);
    } catch (error) {
      // Nothing was written: it waits as before, and is closed with the run.
      if (!progress.finished) this.kind.open(progress).set(question.id, question);
      if (last && run.state === RunState.RUNNING) run.state = RunState.WAITING;
      throw error;
    }
    settle(resolved);
    return resolved;
  }
}
