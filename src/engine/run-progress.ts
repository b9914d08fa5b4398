import { create } from "@bufbuild/protobuf";
import type { Approval, Elicitation, Event } from "../../gen/agentry/v1/event_pb.js";
import type { Message, Part, ToolCall, ToolResult, Usage } from "../../gen/agentry/v1/message_pb.js";
import { PartSchema, Role, ToolCallSchema } from "../../gen/agentry/v1/message_pb.js";
import { addUsage, noUsage } from "./usage.js";

/** A block that the model has begun. */
export interface Block {
  readonly kind: "text" | "reasoning" | "tool_input";
  readonly index: number;
  /** Text so far, or the JSON text of the arguments so far. */
  text: string;
  /** Tool inputs: the call's id and tool. */
  readonly toolCallId: string;
  readonly name: string;
  finished: boolean;
  /** The finished block as a part of the message. */
  part: Part | undefined;
}

/** A model call that has begun and not ended. */
export interface OpenStep {
  readonly step: number;
  readonly model: string;
  readonly blocks: Map<number, Block>;
}

/**
 * What a run's events so far amount to: everything that has begun and not finished. It is kept while a run
 * lives and can be made again from the log, so that a cancel, a fault and a crash are closed the same way.
 */
export class RunProgress {
  step: OpenStep | undefined;
  /** Calls of the last assistant message that have no result in a message yet, in order. */
  calls: ToolCall[] = [];
  readonly startedCalls = new Set<string>();
  readonly results = new Map<string, ToolResult>();
  readonly approvals = new Map<string, Approval>();
  readonly elicitations = new Map<string, Elicitation>();
  /** How far the log of each child session has been copied, by its id. */
  readonly copied = new Map<string, number>();
  /** Tokens before a compaction that has begun and not ended. */
  compacting: number | undefined;
  finalMessage: Message | undefined;
  steps = 0;
  usage: Usage = noUsage();
  finished = false;

  apply({ body }: Event): void {
    switch (body.case) {
      case "stepStarted":
        this.steps = Math.max(this.steps, body.value.step);
        this.step = { step: body.value.step, model: body.value.model, blocks: new Map() };
        break;
      case "stepFinished":
        this.step = undefined;
        break;
      case "textStarted":
        this.#begin("text", body.value.index);
        break;
      case "reasoningStarted":
        this.#begin("reasoning", body.value.index);
        break;
      case "toolInputStarted":
        this.#begin("tool_input", body.value.index, body.value.toolCallId, body.value.name);
        break;
      case "textDelta":
      case "reasoningDelta":
        this.extend(body.value.index, body.value.text);
        break;
      case "toolInputDelta":
        this.extend(body.value.index, body.value.json);
        break;
      case "textFinished":
        this.#end(body.value.index, textPart(body.value.text));
        break;
      case "reasoningFinished":
        this.#end(body.value.index, reasoningPart(body.value.text));
        break;
      case "toolInputFinished":
        this.#end(body.value.index, callPart(body.value.toolCall));
        break;
      default:
        this.#applyOutcome(body);
    }
  }

  #applyOutcome(body: Event["body"]): void {
    switch (body.case) {
      case "messageAdded":
        this.#message(body.value.message);
        break;
      case "toolCallStarted":
        if (body.value.toolCall) this.startedCalls.add(body.value.toolCall.id);
        break;
      case "toolCallFinished":
        if (body.value.result) this.results.set(body.value.result.toolCallId, body.value.result);
        break;
      case "approvalRequested":
        if (body.value.approval) this.approvals.set(body.value.approval.id, body.value.approval);
        break;
      case "approvalResolved":
        this.approvals.delete(body.value.approval?.id ?? "");
        break;
      case "elicitationRequested":
        if (body.value.elicitation) this.elicitations.set(body.value.elicitation.id, body.value.elicitation);
        break;
      case "elicitationResolved":
        this.elicitations.delete(body.value.elicitation?.id ?? "");
        break;
      case "usageUpdated":
        if (body.value.usage) this.usage = addUsage(this.usage, body.value.usage);
        break;
      case "childEvent":
        if (body.value.event) this.copied.set(body.value.event.sessionId, body.value.event.seq);
        break;
      case "compactionStarted":
        this.compacting = body.value.tokensBefore;
        break;
      case "compactionFinished":
        this.compacting = undefined;
        break;
      case "runFinished":
        this.finished = true;
        break;
      default:
        break;
    }
  }

  #message(message: Message | undefined): void {
    if (message?.role === Role.ASSISTANT) {
      this.finalMessage = message;
      this.calls = message.parts.flatMap(({ content }) =>
        content.case === "toolCall" ? [content.value] : [],
      );
    } else if (message?.role === Role.TOOL) {
      this.calls = [];
      this.startedCalls.clear();
      this.results.clear();
    }
  }

  #begin(kind: Block["kind"], index: number, toolCallId = "", name = ""): void {
    this.step?.blocks.set(index, {
      kind,
      index,
      text: "",
      toolCallId,
      name,
      finished: false,
      part: undefined,
    });
  }

  /** A delta of a block. */
  extend(index: number, text: string): void {
    const block = this.step?.blocks.get(index);
    if (block) block.text += text;
  }

  #end(index: number, part: Part): void {
    const block = this.step?.blocks.get(index);
    if (!block) return;
    block.finished = true;
    block.part = part;
  }
}

/** A part of a message that is text. */
export function textPart(text: string): Part {
  return create(PartSchema, { content: { case: "text", value: text } });
}

function reasoningPart(text: string): Part {
  return create(PartSchema, { content: { case: "reasoning", value: { text } } });
}

function callPart(call: ToolCall | undefined): Part {
  return create(PartSchema, { content: { case: "toolCall", value: call ?? create(ToolCallSchema) } });
}
