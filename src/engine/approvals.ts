import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Approval } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalSchema, ApprovalState, Verdict } from "../../gen/agentry/v1/event_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import type { Clock } from "../core/clock.js";
import type { Fault } from "../core/fault.js";
import { canceled, conflict, invalid, notFound } from "../core/fault.js";
import { newId } from "../core/id.js";
import type { Store } from "../core/store.js";
import type { RunWriter } from "./run-writer.js";
import { hashCall } from "./tool-arguments.js";

/** An answer to an approval. */
export interface ApprovalAnswer {
  readonly verdict: Verdict;
  /** The hash that the caller decided on; empty where it did not say. */
  readonly argumentsSha256: string;
  /** Why, for the model. */
  readonly comment: string;
}

interface Waiter {
  readonly writer: RunWriter;
  readonly approval: Approval;
  /** Set by the first verdict; later ones wait for it and compare. */
  decided: Promise<Approval> | undefined;
  settle(approval: Approval): void;
}

/** Timers count in 32 bits. */
const maxTimerMs = 2 ** 31 - 1;
/** Milliseconds until an expiry that could not be stored is tried again. */
const expiryRetryMs = 1000;

/**
 * Approvals that wait. Each is a row, bound to one call and the hash of its arguments; the first verdict
 * wins by compare-and-set, whoever gives it, and a call runs only after the verdict is durable.
 */
export class Approvals {
  readonly #waiting = new Map<string, Waiter>();

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    /** Milliseconds until the default verdict, a denial. */
    private readonly expiryMs: number,
  ) {}

  /** Asks, and waits for what becomes of it. Throws a `canceled` Fault when `signal` fires first. */
  async ask(writer: RunWriter, call: ToolCall, summary: string, signal: AbortSignal): Promise<Approval> {
    const approval = this.#newApproval(writer, call, summary);
    const { promise, resolve, reject } = Promise.withResolvers<Approval>();
    // Before the event is published: a verdict may come at once.
    this.#waiting.set(approval.id, { writer, approval, decided: undefined, settle: resolve });
    const abort = (): void => reject(canceled("the run was canceled"));
    signal.addEventListener("abort", abort, { once: true });
    const expiry = setTimeout(() => void this.#expire(approval.id), Math.min(this.expiryMs, maxTimerMs));
    try {
      if (signal.aborted) abort();
      writer.append([
        { type: "approval", approval },
        writer.event({ case: "approvalRequested", value: { approval } }),
        writer.state(RunState.WAITING),
      ]);
      return await promise;
    } finally {
      clearTimeout(expiry);
      signal.removeEventListener("abort", abort);
      this.#waiting.delete(approval.id);
    }
  }

  /**
   * Answers an approval.
   * @throws Fault `not_found`, or `conflict`: another verdict was first, nothing waits for it, or the hash differs.
   */
  async resolve(id: string, answer: ApprovalAnswer): Promise<Approval> {
    const state = stateOf(answer.verdict);
    const waiter = this.#waiting.get(id);
    const bound = waiter?.approval ?? (await this.store.approvals.get(id));
    if (!bound) throw notFound("approval", id);
    if (answer.argumentsSha256 && answer.argumentsSha256 !== bound.argumentsSha256) {
      throw conflict("the verdict is for other arguments than those that wait", {
        arguments_sha256: bound.argumentsSha256,
      });
    }
    const settled = waiter ? await this.#decide(waiter, state, answer.comment) : bound;
    if (settled.state === state) return settled;
    if (settled.state === ApprovalState.PENDING) throw noLongerWaits(id);
    throw conflict(
      `approval ${JSON.stringify(id)} is ${ApprovalState[settled.state]?.toLowerCase()} already`,
    );
  }

  async #expire(id: string): Promise<void> {
    const waiter = this.#waiting.get(id);
    if (!waiter) return;
    try {
      await this.#decide(waiter, ApprovalState.EXPIRED, "Nobody answered in time.");
    } catch {
      setTimeout(() => void this.#expire(id), expiryRetryMs).unref();
    }
  }

  /** The first caller decides; the others are told what was decided. */
  #decide(waiter: Waiter, state: ApprovalState, comment: string): Promise<Approval> {
    waiter.decided ??= this.#write(waiter, state, comment).catch((error: unknown) => {
      waiter.decided = undefined;
      throw error;
    });
    return waiter.decided;
  }

  async #write(
    { writer, approval, settle }: Waiter,
    state: ApprovalState,
    comment: string,
  ): Promise<Approval> {
    const resolved = create(ApprovalSchema, { ...approval, state, comment, resolvedAt: writer.stamp() });
    const { run, progress } = writer;
    const last = run.state === RunState.WAITING && progress.approvals.size === 1;
    try {
      const result = await writer.log.commit(
        [
          { type: "approval", approval: resolved, from: ApprovalState.PENDING },
          writer.event({ case: "approvalResolved", value: { approval: resolved } }),
          ...(last ? [writer.state(RunState.RUNNING)] : []),
        ],
        writer.epoch,
      );
      if (result !== "written") throw noLongerWaits(approval.id);
    } catch (error) {
      // Nothing was written: it waits as before, and is closed with the run.
      if (!progress.finished) progress.approvals.set(approval.id, approval);
      if (last && run.state === RunState.RUNNING) run.state = RunState.WAITING;
      throw error;
    }
    settle(resolved);
    return resolved;
  }

  #newApproval(writer: RunWriter, toolCall: ToolCall, summary: string): Approval {
    return create(ApprovalSchema, {
      id: newId(),
      sessionId: writer.run.sessionId,
      runId: writer.run.id,
      toolCall,
      argumentsSha256: hashCall(toolCall.name, toolCall.arguments ?? {}),
      state: ApprovalState.PENDING,
      defaultVerdict: Verdict.DENY,
      summary,
      createdAt: writer.stamp(),
      expiresAt: timestampFromMs(this.clock.now() + this.expiryMs),
    });
  }
}

function noLongerWaits(id: string): Fault {
  return conflict(`nothing waits for approval ${JSON.stringify(id)} any more`);
}

function stateOf(verdict: Verdict): ApprovalState {
  switch (verdict) {
    case Verdict.APPROVE:
      return ApprovalState.APPROVED;
    case Verdict.DENY:
      return ApprovalState.DENIED;
    case Verdict.UNSPECIFIED:
      throw invalid("verdict is required: VERDICT_APPROVE or VERDICT_DENY");
    default:
      throw invalid(`verdict ${verdict satisfies never} is unknown`);
  }
}
