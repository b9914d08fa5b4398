import { create, equals } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Approval } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalSchema, ApprovalState, Verdict } from "../../gen/agentry/v1/event_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import type { Rule } from "../../gen/agentry/v1/rule_pb.js";
import { RuleSchema } from "../../gen/agentry/v1/rule_pb.js";
import type { Clock } from "../core/clock.js";
import { conflict, invalid, notFound } from "../core/fault.js";
import { newId } from "../core/id.js";
import type { Store, Write } from "../core/store.js";
import type { QuestionKind } from "./questions.js";
import { Questions } from "./questions.js";
import type { RunWriter } from "./run-writer.js";
import { hashCall } from "./tool-arguments.js";

/** An answer to an approval. */
export interface ApprovalAnswer {
  readonly verdict: Verdict;
  /** The hash that the caller decided on; empty where it did not say. */
  readonly argumentsSha256: string;
  /** Why, for the model. */
  readonly comment: string;
  /** Makes the rule that goes with an approval, if any; written in the same transaction. */
  rule?(approval: Approval): Rule | undefined;
}

/**
 * Approvals that wait. Each is bound to one call and the hash of its arguments, and a call runs only after
 * its verdict is durable.
 */
export class Approvals {
  readonly #questions: Questions<Approval>;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    /** Milliseconds until the default verdict, a denial. */
    private readonly expiryMs: number,
  ) {
    this.#questions = new Questions(approvalKind, expiryMs);
  }

  /** Asks, and waits for what becomes of it. Throws a `canceled` Fault when `signal` fires first. */
  async ask(writer: RunWriter, call: ToolCall, summary: string, signal: AbortSignal): Promise<Approval> {
    return this.#questions.ask(writer, this.#newApproval(writer, call, summary), signal);
  }

  /**
   * Answers an approval. The first answer decides; the same verdict again is told the first, and adds no rule.
   * @throws Fault `not_found`, or `conflict`: another verdict was first or one without this rule, nothing waits for
   * it, or the hash differs.
   */
  async resolve(id: string, answer: ApprovalAnswer): Promise<Approval> {
    const state = stateOf(answer.verdict);
    const waiting = this.#questions.waiting(id);
    const bound = waiting ?? (await this.store.approvals.get(id));
    if (!bound) throw notFound("approval", id);
    if (answer.argumentsSha256 && answer.argumentsSha256 !== bound.argumentsSha256) {
      throw conflict("the verdict is for other arguments than those that wait", {
        arguments_sha256: bound.argumentsSha256,
      });
    }
    const rule = state === ApprovalState.APPROVED ? answer.rule?.(bound) : undefined;
    const decided = waiting && (await this.#decide(waiting, state, { comment: answer.comment, rule }));
    const settled = decided?.approval ?? bound;
    if (settled.state === state) {
      if (rule && !decided?.isFirst) await this.#expectRule(settled, rule);
      return settled;
    }
    if (settled.state === ApprovalState.PENDING) throw this.#questions.noLongerWaits(id);
    throw conflict(
      `approval ${JSON.stringify(id)} is ${ApprovalState[settled.state]?.toLowerCase()} already`,
    );
  }

  /** What became of it, and whether this answer decided that. */
  async #decide(
    { id }: Approval,
    state: ApprovalState,
    { comment, rule }: { readonly comment: string; readonly rule: Rule | undefined },
  ): Promise<{ approval: Approval; isFirst: boolean }> {
    let isFirst = false;
    const more: Write[] = rule ? [{ type: "rule", rule }] : [];
    const resolved = (pending: Approval, writer: RunWriter): Approval => {
      isFirst = true;
      return create(ApprovalSchema, { ...pending, state, comment, resolvedAt: writer.stamp() });
    };
    return { approval: await this.#questions.decide(id, resolved, more), isFirst };
  }

  /** Whoever repeats a verdict with a wider scope must not believe that it holds. */
  async #expectRule({ id, sessionId }: Approval, rule: Rule): Promise<void> {
    const session = await this.store.sessions.get(sessionId);
    if (session?.rules.some((one) => equals(RuleSchema, one, rule))) return;
    throw conflict(
      `approval ${JSON.stringify(id)} is approved already, without this scope; add a rule with UpdateSession`,
    );
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

const approvalKind: QuestionKind<Approval> = {
  noun: "approval",
  open: ({ approvals }) => approvals,
  requested: (approval) => ({ case: "approvalRequested", value: { approval } }),
  resolved: (approval) => ({ case: "approvalResolved", value: { approval } }),
  write: (approval, from) => ({ type: "approval", approval, from }),
  expired: (approval, writer) =>
    create(ApprovalSchema, {
      ...approval,
      state: ApprovalState.EXPIRED,
      comment: "Nobody answered in time.",
      resolvedAt: writer.stamp(),
    }),
};

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
