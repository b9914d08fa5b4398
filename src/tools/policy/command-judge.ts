import { Worker } from "node:worker_threads";
import type { CommandQuestion, CommandVerdict } from "./judge-command.js";
import { unclearVerdict } from "./judge-command.js";

/** Longer commands are not analysed: UTF-16 units. */
const longestCommand = 64 * 1024;
/** From a question to its verdict, once the thread is up. */
const patienceMs = 250;
const startPatienceMs = 10_000;
/** An idle thread keeps its memory for this long. */
const idleMs = 60_000;

interface Job {
  readonly question: CommandQuestion;
  settle(verdict: CommandVerdict): void;
}

/**
 * Analyses command lines in a thread of its own, one after another. The thread starts with the first
 * question, is killed when it takes longer than 250 ms or 128 MiB over one, and ends after a minute without.
 */
export class CommandJudge {
  private readonly waiting: Job[] = [];
  private current: Job | undefined;
  private worker: Worker | undefined;
  private ready = false;
  private timer: NodeJS.Timeout | undefined;

  /** Settles with a verdict in any case; throws the signal's reason when aborted. */
  async judge(question: CommandQuestion, signal: AbortSignal): Promise<CommandVerdict> {
    signal.throwIfAborted();
    if (question.command.length > longestCommand) {
      return unclearVerdict(question, "it is longer than 64 KiB");
    }
    const { promise, resolve, reject } = Promise.withResolvers<CommandVerdict>();
    const job: Job = { question, settle: resolve };
    const leave = () => {
      const at = this.waiting.indexOf(job);
      if (at >= 0) this.waiting.splice(at, 1);
      reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    this.waiting.push(job);
    this.next();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Ends the thread. What waits is settled as not analysed. */
  async close(): Promise<void> {
    for (const { question, settle } of this.waiting.splice(0)) {
      settle(unclearVerdict(question, "the server is stopping"));
    }
    await this.drop("the server is stopping");
  }

  private next(): void {
    if (this.current !== undefined) return;
    if (this.worker === undefined) {
      if (this.waiting.length > 0) this.start();
      return;
    }
    if (!this.ready) return;
    this.current = this.waiting.shift();
    if (this.current === undefined) {
      this.worker.unref();
      return this.expect(idleMs, "idle");
    }
    this.worker.ref();
    this.expect(patienceMs, "its analysis took too long");
    this.worker.postMessage(this.current.question);
  }

  private start(): void {
    const entry = new URL(`./judge-worker${import.meta.url.slice(-3)}`, import.meta.url);
    const worker = new Worker(entry, {
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 },
    });
    this.worker = worker;
    worker.on("message", (message: CommandVerdict | "ready") => {
      if (worker !== this.worker) return;
      if (message === "ready") this.ready = true;
      else this.current?.settle(message);
      this.current = undefined;
      this.next();
    });
    const lost = () => {
      if (worker === this.worker) void this.drop("its analysis failed");
    };
    worker.on("error", lost);
    worker.on("exit", lost);
    this.expect(startPatienceMs, "its analysis could not start");
  }

  private expect(milliseconds: number, why: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.drop(why), milliseconds);
    this.timer.unref();
  }

  /** Lets go of the thread, of the question that it was at, and goes on with the next one. */
  private async drop(why: string): Promise<void> {
    clearTimeout(this.timer);
    const { worker, ready } = this;
    const lost = this.current ?? (ready ? undefined : this.waiting.shift());
    this.worker = undefined;
    this.current = undefined;
    this.ready = false;
    lost?.settle(unclearVerdict(lost.question, why));
    await worker?.terminate();
    this.next();
  }
}
