import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { Message, Part, ToolCall, Usage } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, PartSchema, Purpose, Role, ToolCallSchema } from "../../gen/agentry/v1/message_pb.js";
import { Fault } from "../core/fault.js";
import { newId } from "../core/id.js";
import type { ModelEvent, ModelProvider, ModelRequest } from "../core/model-provider.js";
import type { RunWriter } from "./run-writer.js";
import { TextPieces } from "./text-pieces.js";
import { parseArguments } from "./tool-arguments.js";
import { plainUsage } from "./usage.js";

/** One model call of a run. */
export interface ModelStep {
  readonly writer: RunWriter;
  readonly provider: ModelProvider;
  readonly request: ModelRequest;
  /** Ids of tool calls that the session has used. Those of this step are added. */
  readonly usedIds: Set<string>;
  readonly step: number;
  /** `provider/model`, as events name it. */
  readonly model: string;
  /** Counts a usage into the session and returns its new total. */
  count(usage: Usage): Usage;
}

/**
 * Makes the call and writes what the model says as it says it, then the message, whole.
 * @throws Fault as the provider does; what had begun is still open then.
 */
export async function runModelStep(call: ModelStep, signal: AbortSignal): Promise<Message> {
  const { writer, provider, request, step, model } = call;
  writer.emit({ case: "stepStarted", value: { step, model } });
  const blocks = new StepBlocks(writer, call.usedIds);
  for await (const event of provider.stream(request, signal)) {
    if (signal.aborted) throw new Fault("canceled", "the run was canceled");
    if (event.type === "finish") return finishStep(call, blocks.parts(), event);
    blocks.push(event);
  }
  throw new Fault("unavailable", `${provider.id} ended its answer without saying so`, { retryable: true });
}

function finishStep(call: ModelStep, parts: Part[], finish: ModelEvent & { type: "finish" }): Message {
  const { writer, step, model } = call;
  const usage = plainUsage(finish.usage);
  const value: MessageInitShape<typeof MessageSchema> = {
    id: newId(),
    role: Role.ASSISTANT,
    parts,
    agentId: writer.run.agentId,
    model,
    stopReason: finish.stopReason,
  };
  const message = create(MessageSchema, value);
  const purpose = Purpose.STEP;
  writer.append([
    writer.event({ case: "stepFinished", value: { step, stopReason: finish.stopReason, usage } }),
    { type: "usage", runId: writer.run.id, purpose, model, usage },
    writer.event({
      case: "usageUpdated",
      value: { purpose, model, usage, sessionUsage: call.count(usage) },
    }),
    // A model may say nothing at all; an empty message has no place in a history.
    ...(parts.length > 0 ? writer.message(message) : []),
    writer.state(writer.run.state),
  ]);
  return message;
}

/** The blocks of one answer, on their way from the provider into the log. */
class StepBlocks {
  readonly #parts = new Map<number, Part>();
  readonly #calls = new Map<number, { id: string; pieces: TextPieces }>();
  readonly #texts = new Map<number, TextPieces>();

  constructor(
    private readonly writer: RunWriter,
    private readonly usedIds: Set<string>,
  ) {}

  /** The finished parts, in the order of their blocks; empty texts left out. */
  parts(): Part[] {
    return [...this.#parts.entries()]
      .sort(([a], [b]) => a - b)
      .map(([, part]) => part)
      .filter(({ content }) => content.case !== "text" || content.value !== "");
  }

  push(event: Exclude<ModelEvent, { type: "finish" }>): void {
    const { index } = event;
    switch (event.type) {
      case "text_started":
        this.#texts.set(index, new TextPieces());
        this.writer.emit({ case: "textStarted", value: { index } });
        break;
      case "text_delta":
        this.#textDelta(index, event.text);
        break;
      case "text_finished":
        this.#finishText(index, event.text.toWellFormed());
        break;
      case "reasoning_started":
        this.#texts.set(index, new TextPieces());
        this.writer.emit({ case: "reasoningStarted", value: { index } });
        break;
      case "reasoning_delta":
        this.#reasoningDelta(index, event.text);
        break;
      case "reasoning_finished":
        this.#finishReasoning(event);
        break;
      case "tool_input_started":
        this.#startCall(index, event.toolCallId, event.name.toWellFormed());
        break;
      case "tool_input_delta":
        this.#callDelta(index, event.json);
        break;
      case "tool_input_finished":
        this.#finishCall(index, event.name.toWellFormed(), event.json.toWellFormed());
        break;
      default:
        event satisfies never;
    }
  }

  #textDelta(index: number, piece: string): void {
    const text = this.#texts.get(index)?.push(piece) ?? piece.toWellFormed();
    if (text) this.writer.emitDelta({ case: "textDelta", value: { index, text } });
  }

  #reasoningDelta(index: number, piece: string): void {
    const text = this.#texts.get(index)?.push(piece) ?? piece.toWellFormed();
    if (text) this.writer.emitDelta({ case: "reasoningDelta", value: { index, text } });
  }

  #finishText(index: number, text: string): void {
    const rest = this.#texts.get(index)?.end();
    if (rest) this.writer.emitDelta({ case: "textDelta", value: { index, text: rest } });
    this.#parts.set(index, create(PartSchema, { content: { case: "text", value: text } }));
    this.writer.emit({ case: "textFinished", value: { index, text } });
  }

  #finishReasoning({ index, text, signature, redacted }: ModelEvent & { type: "reasoning_finished" }): void {
    const value = { text: text.toWellFormed(), signature, redacted };
    this.#parts.set(index, create(PartSchema, { content: { case: "reasoning", value } }));
    this.writer.emit({ case: "reasoningFinished", value: { index, text: value.text } });
  }

  #startCall(index: number, offered: string, name: string): void {
    const usable = /^[\w-]{1,64}$/.test(offered) && !this.usedIds.has(offered);
    const toolCallId = usable ? offered : `call_${newId()}`;
    this.usedIds.add(toolCallId);
    this.#calls.set(index, { id: toolCallId, pieces: new TextPieces() });
    this.writer.emit({ case: "toolInputStarted", value: { index, toolCallId, name } });
  }

  #callDelta(index: number, piece: string): void {
    const call = this.#calls.get(index);
    const json = call?.pieces.push(piece);
    if (call && json)
      this.writer.emitDelta({ case: "toolInputDelta", value: { index, toolCallId: call.id, json } });
  }

  #finishCall(index: number, name: string, json: string): void {
    const id = this.#calls.get(index)?.id;
    if (id === undefined) return;
    const toolCall = toCall(id, name, json);
    this.#parts.set(index, create(PartSchema, { content: { case: "toolCall", value: toolCall } }));
    this.writer.emit({ case: "toolInputFinished", value: { index, toolCall } });
  }
}

function toCall(id: string, name: string, json: string): ToolCall {
  const parsed = parseArguments(json);
  return "object" in parsed
    ? create(ToolCallSchema, { id, name, arguments: parsed.object })
    : create(ToolCallSchema, { id, name, invalidArguments: parsed.invalid });
}
