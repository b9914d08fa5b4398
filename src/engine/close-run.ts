import { create } from "@bufbuild/protobuf";
import { ApprovalState, ElicitationState } from "../../gen/agentry/v1/event_pb.js";
import type { Part, ToolCall, ToolResult } from "../../gen/agentry/v1/message_pb.js";
import {
  MessageSchema,
  PartSchema,
  Role,
  ToolCallStatus,
  ToolResultSchema,
} from "../../gen/agentry/v1/message_pb.js";
import type { Write } from "../core/store.js";
import type { Block, OpenStep } from "./run-progress.js";
import type { EventBody, RunWriter } from "./run-writer.js";

/** Why a run is closed before its work was done, as its tool calls are told. */
export interface CloseReason {
  readonly status: ToolCallStatus.CANCELED | ToolCallStatus.INTERRUPTED;
  /** For the model, of a call that had not begun. */
  readonly notRun: string;
  /** For the model, of a call that was under way. */
  readonly cutShort: string;
}

/** Why calls have no result in a run that was canceled. */
export const closedByCancel: CloseReason = {
  status: ToolCallStatus.CANCELED,
  notRun: "This call did not run: the run was canceled.",
  cutShort: "The run was canceled while this call was under way. It may have had a part of its effect.",
};

/** Why calls have no result in a run that was under way when the server stopped. */
export const closedByRestart: CloseReason = {
  status: ToolCallStatus.INTERRUPTED,
  notRun: "This call did not run: the server was stopped before it began.",
  cutShort: "The server was stopped while this call was under way. Whether it had its effect is unknown.",
};

/** Why calls have no result in a run that failed. */
export const closedByFault: CloseReason = {
  status: ToolCallStatus.CANCELED,
  notRun: "This call did not run: the run had failed.",
  cutShort: "The run failed while this call was under way. It may have had a part of its effect.",
};

/**
 * Everything that a run has begun is finished: a compaction, blocks, the step with its partial message, approvals,
 * tool calls with their results. Afterwards the session's history is valid for every provider.
 */
export function closeOpenItems(writer: RunWriter, reason: CloseReason): Write[] {
  const { step, approvals, compacting: tokens } = writer.progress;
  const unanswered = new Set([...approvals.values()].map(({ toolCall }) => toolCall?.id));
  return [
    ...(tokens === undefined ? [] : [writer.event(cutCompaction(tokens))]),
    ...(step ? closeStep(writer, step) : []),
    ...closeQuestions(writer),
    ...closeCalls(writer, reason, (id) => writer.progress.startedCalls.has(id) && !unanswered.has(id)),
  ];
}

function cutCompaction(tokens: number): EventBody {
  return { case: "compactionFinished", value: { tokensBefore: tokens, tokensAfter: tokens } };
}

function closeStep(writer: RunWriter, step: OpenStep): Write[] {
  const writes: Write[] = [];
  const blocks = [...step.blocks.values()].sort((a, b) => a.index - b.index);
  // A call that was cut before its arguments were whole is no call; everything else is kept.
  const kept = blocks.filter((block) => block.finished || block.kind !== "tool_input");
  for (const block of blocks) if (!block.finished) writes.push(writer.event(cutBlock(block)));
  writes.push(writer.event({ case: "stepFinished", value: { step: step.step } }));
  const parts = kept.flatMap(({ part }) => (part && !isEmptyText(part) ? [part] : []));
  if (parts.length > 0) writes.push(...writer.message(partialMessage(writer, step, parts)));
  return writes;
}

function isEmptyText({ content }: Part): boolean {
  return content.case === "text" && content.value === "";
}

function partialMessage(writer: RunWriter, { model }: OpenStep, parts: Part[]) {
  return create(MessageSchema, {
    role: Role.ASSISTANT,
    parts,
    agentId: writer.run.agentId,
    model,
    interrupted: true,
  });
}

function cutBlock({ kind, index, text, toolCallId, name }: Block): EventBody {
  switch (kind) {
    case "text":
      return { case: "textFinished", value: { index, text } };
    case "reasoning":
      return { case: "reasoningFinished", value: { index, text } };
    case "tool_input":
      return {
        case: "toolInputFinished",
        value: { index, toolCall: { id: toolCallId, name, invalidArguments: text } },
      };
    default:
      return kind satisfies never;
  }
}

function closeQuestions(writer: RunWriter): Write[] {
  const writes: Write[] = [];
  for (const pending of writer.progress.approvals.values()) {
    const approval = { ...pending, state: ApprovalState.CANCELED, resolvedAt: writer.stamp() };
    writes.push({ type: "approval", approval, from: ApprovalState.PENDING });
    writes.push(writer.event({ case: "approvalResolved", value: { approval } }));
  }
  for (const pending of writer.progress.elicitations.values()) {
    const elicitation = { ...pending, state: ElicitationState.CANCELED, resolvedAt: writer.stamp() };
    writes.push({ type: "elicitation", elicitation, from: ElicitationState.PENDING });
    writes.push(writer.event({ case: "elicitationResolved", value: { elicitation } }));
  }
  return writes;
}

function closeCalls(writer: RunWriter, reason: CloseReason, hasRun: (callId: string) => boolean): Write[] {
  const { progress } = writer;
  const calls = progress.calls;
  if (calls.length === 0) return [];
  const writes: Write[] = [];
  for (const call of calls) {
    if (progress.results.has(call.id)) continue;
    const result = closedResult(call, reason, hasRun(call.id));
    if (!progress.startedCalls.has(call.id)) {
      writes.push(writer.event({ case: "toolCallStarted", value: { toolCall: call } }));
    }
    writes.push(writer.event({ case: "toolCallFinished", value: { result } }));
  }
  writes.push(...writer.message(toolMessage(calls, progress.results)));
  return writes;
}

function closedResult(call: ToolCall, reason: CloseReason, begun: boolean): ToolResult {
  return create(ToolResultSchema, {
    toolCallId: call.id,
    name: call.name,
    status: reason.status,
    output: begun ? reason.cutShort : reason.notRun,
  });
}

/** The message that answers the calls of an assistant message, in their order. */
export function toolMessage(calls: readonly ToolCall[], results: ReadonlyMap<string, ToolResult>) {
  return create(MessageSchema, {
    role: Role.TOOL,
    parts: calls.flatMap(({ id }) => {
      const result = results.get(id);
      return result ? [create(PartSchema, { content: { case: "toolResult", value: result } })] : [];
    }),
  });
}
