import type { JsonObject } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { Event, RunFinished } from "../../../gen/agentry/v1/event_pb.js";
import { RunOutcome } from "../../../gen/agentry/v1/event_pb.js";
import type { Usage as CanonicalUsage, ToolResult } from "../../../gen/agentry/v1/message_pb.js";
import { ToolCallStatus } from "../../../gen/agentry/v1/message_pb.js";
import type { ToolCall } from "../../../gen/wingman/v1/sessions_pb.js";
import { ToolCallSchema } from "../../../gen/wingman/v1/sessions_pb.js";
import type { Usage } from "../../../gen/wingman/v1/stream_pb.js";
import { UsageSchema } from "../../../gen/wingman/v1/stream_pb.js";
import { Fault } from "../../core/fault.js";
import { inferenceFailed, runEnded } from "./errors.js";
import { textOf } from "./history.js";

/** What came of a turn. */
export interface TurnResult {
  readonly response: string;
  readonly toolCalls: ToolCall[];
  readonly usage: Usage;
  readonly steps: number;
}

/** Reads a turn to its end. @throws Fault as `requireAnswer`, and when its events end before it does. */
export async function readTurn(events: AsyncIterable<Event>): Promise<TurnResult> {
  const toolCalls = new Map<string, ToolCall>();
  for await (const { body } of events) {
    switch (body.case) {
      case "toolCallStarted": {
        const { id = "", name = "", arguments: input = {} } = body.value.toolCall ?? {};
        toolCalls.set(id, create(ToolCallSchema, { id, name, input }));
        break;
      }
      case "toolCallFinished":
        if (body.value.result) finishCall(toolCalls, body.value.result);
        break;
      case "runFinished":
        requireAnswer(body.value);
        return {
          response: textOf(body.value.finalMessage),
          toolCalls: [...toolCalls.values()],
          usage: toUsage(body.value.usage),
          steps: body.value.steps,
        };
    }
  }
  throw new Fault("unavailable", "the events of the run ended before it did");
}

/** @throws Fault for a run that did not end with an answer; its message begins with `inference failed` where a model is to blame. */
export function requireAnswer({ outcome, failure, steps }: RunFinished): void {
  switch (outcome) {
    case RunOutcome.COMPLETED:
      return;
    case RunOutcome.CANCELED:
      throw runEnded("canceled", "the run was canceled");
    case RunOutcome.INTERRUPTED:
      throw runEnded("unavailable", "the server stopped while the run was under way");
    case RunOutcome.LIMIT_REACHED:
      throw runEnded("exhausted", `the run reached its limit of ${steps} steps`);
    case RunOutcome.FAILED:
    case RunOutcome.UNSPECIFIED:
      throw inferenceFailed(failure);
    default:
      outcome satisfies never;
  }
}

/** Tokens as Wingman counts them: what a cache took or gave is part of the prompt. */
export function toUsage(usage: CanonicalUsage | undefined): Usage {
  if (!usage) return create(UsageSchema);
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens } = usage;
  return create(UsageSchema, { inputTokens: inputTokens + cacheReadTokens + cacheWriteTokens, outputTokens });
}

/** Whether a tool call did not do what it was asked to. */
export const isFailed = ({ status }: ToolResult): boolean => status !== ToolCallStatus.SUCCEEDED;

function finishCall(toolCalls: Map<string, ToolCall>, result: ToolResult): void {
  const { toolCallId: id, name, output } = result;
  const input: JsonObject = toolCalls.get(id)?.input ?? {};
  const failed = isFailed(result);
  toolCalls.set(
    id,
    create(ToolCallSchema, { id, name, input, output, isError: failed, error: failed ? output : "" }),
  );
}
