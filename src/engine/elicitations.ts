import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Elicitation } from "../../gen/agentry/v1/event_pb.js";
import { ElicitationSchema, ElicitationState } from "../../gen/agentry/v1/event_pb.js";
import type { Clock } from "../core/clock.js";
import { canceled, conflict, Fault, notFound } from "../core/fault.js";
import { newId } from "../core/id.js";
import type { Store } from "../core/store.js";
import type { ElicitationQuestion } from "../core/tool.js";
import { checkAnswer } from "./check-answer.js";
import type { QuestionKind } from "./questions.js";
import { Questions } from "./questions.js";
import type { RunWriter } from "./run-writer.js";

/** An answer to an elicitation. */
export interface ElicitationReply {
  readonly state: ElicitationState.ACCEPTED | ElicitationState.DECLINED | ElicitationState.CANCELED;
  /** With ACCEPTED: the answer. */
  readonly content?: JsonObject | undefined;
}

/** Questions of tools to the user that wait for an answer. */
export class Elicitations {
  readonly #questions: Questions<Elicitation>;
  /** Answers that go to the asker alone, by the ids of the questions that want them so. */
  readonly #confidential = new Map<string, JsonObject | undefined>();

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    /** Milliseconds until a question expires. */
    private readonly expiryMs: number,
  ) {
    this.#questions = new Questions(elicitationKind, expiryMs);
  }

  /**
   * Asks, and waits for what becomes of it. Throws a `canceled` Fault when `signal` fires first, or when the question
   * was withdrawn before it was asked.
   */
  async ask(
    writer: RunWriter,
    toolCallId: string,
    question: ElicitationQuestion,
    signal: AbortSignal,
  ): Promise<Elicitation> {
    const {
      message,
      requestedSchema,
      url = "",
      confidential = false,
      elsewhere,
      signal: withdrawn,
    } = question;
    if (withdrawn?.aborted) throw canceled("the question was withdrawn");
    const elicitation = create(ElicitationSchema, {
      id: newId(),
      sessionId: writer.run.sessionId,
      runId: writer.run.id,
      toolCallId,
      message: message.toWellFormed(),
      url,
      ...(requestedSchema && { requestedSchema }),
      state: ElicitationState.PENDING,
      createdAt: writer.stamp(),
      expiresAt: timestampFromMs(this.clock.now() + this.expiryMs),
    });
    const { id } = elicitation;
    if (confidential) this.#confidential.set(id, undefined);
    const accepted = { state: ElicitationState.ACCEPTED } as const;
    // Too late where somebody has answered here before.
    void elsewhere?.then(() => this.resolve(id, accepted)).catch(() => undefined);
    const withdraw = (): void => {
      this.resolve(id, { state: ElicitationState.CANCELED }).catch(() => undefined);
    };
    withdrawn?.addEventListener("abort", withdraw, { once: true });
    try {
      const settled = await this.#questions.ask(writer, elicitation, signal);
      const content = this.#confidential.get(id);
      return content ? { ...settled, content } : settled;
    } finally {
      withdrawn?.removeEventListener("abort", withdraw);
      this.#confidential.delete(id);
    }
  }

  /**
   * Cancels what a call has asked and nobody has answered: the call is over. An answer that is being written counts.
   * @throws Fault when that cannot be stored.
   */
  async withdraw(runId: string, toolCallId: string): Promise<void> {
    const canceled = { state: ElicitationState.CANCELED } as const;
    const withdrawing = this.#questions
      .find((question) => question.runId === runId && question.toolCallId === toolCallId)
      .map(({ id }) => this.resolve(id, canceled).catch(unlessConflict));
    await Promise.all(withdrawing);
  }

  /**
   * Answers an elicitation. The first answer wins, and the same again is told the first; what went to the asker
   * alone is not compared.
   * @throws Fault `not_found`; `invalid` for an answer that does not fit what was asked, which goes on waiting; or
   * `conflict` when it has another answer or nothing waits for it.
   */
  async resolve(id: string, { state, content }: ElicitationReply): Promise<Elicitation> {
    const stored = this.#questions.waiting(id) ?? (await this.store.elicitations.get(id));
    if (!stored) throw notFound("elicitation", id);
    const isConfidential = this.#confidential.has(id);
    const waiting = this.#questions.waiting(id);
    if (waiting?.requestedSchema && content) checkAnswer(waiting.requestedSchema, content);
    const settled = waiting
      ? await this.#questions.decide(id, (pending, writer) => {
          if (isConfidential) this.#confidential.set(id, content);
          return create(ElicitationSchema, {
            ...pending,
            state,
            ...(content && !isConfidential && { content }),
            resolvedAt: writer.stamp(),
          });
        })
      : stored;
    const isOther = content && settled.content && !isDeepStrictEqual(settled.content, content);
    if (settled.state === state && !isOther) return settled;
    if (settled.state === ElicitationState.PENDING) throw this.#questions.noLongerWaits(id);
    throw conflict(
      `elicitation ${JSON.stringify(id)} is ${ElicitationState[settled.state]?.toLowerCase()} already`,
    );
  }
}

/** What was answered before is no trouble. */
function unlessConflict(error: unknown): void {
  if (!(error instanceof Fault && error.reason === "conflict")) throw error;
}

const elicitationKind: QuestionKind<Elicitation> = {
  noun: "elicitation",
  open: ({ elicitations }) => elicitations,
  requested: (elicitation) => ({ case: "elicitationRequested", value: { elicitation } }),
  resolved: (elicitation) => ({ case: "elicitationResolved", value: { elicitation } }),
  write: (elicitation, from) => ({ type: "elicitation", elicitation, from }),
  expired: (elicitation, writer) =>
    create(ElicitationSchema, {
      ...elicitation,
      state: ElicitationState.EXPIRED,
      resolvedAt: writer.stamp(),
    }),
};
