import type { Usage } from "../../gen/agentry/v1/message_pb.js";
import { StopReason } from "../../gen/agentry/v1/message_pb.js";
import type { Price } from "../../gen/agentry/v1/providers_pb.js";
import type { ModelEvent } from "../core/model-provider.js";
import { costOf } from "./catalogue/models.js";
import { isJsonObject } from "./json-value.js";

interface OpenBlock {
  readonly kind: "text" | "reasoning";
  readonly index: number;
  text: string;
  signature: string;
}

interface ToolInput {
  readonly index: number;
  readonly name: string;
  json: string;
}

/**
 * Puts a model's answer together and keeps its blocks in the order that ModelEvent promises, whatever order
 * the provider sends: at most one text or reasoning is open at a time. `take` hands over what has happened.
 */
export class Answer {
  #events: ModelEvent[] = [];
  #nextIndex = 0;
  #open: OpenBlock | undefined;
  readonly #tools = new Map<string, ToolInput>();
  readonly #toolCallIds = new Set<string>();

  /** The events since the last call. */
  take(): readonly ModelEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** How many tool inputs were begun. */
  get toolCalls(): number {
    return this.#toolCallIds.size;
  }

  text(text: string): void {
    if (text === "") return;
    const block = this.#block("text");
    block.text += text;
    this.#events.push({ type: "text_delta", index: block.index, text });
  }

  reasoning(text: string): void {
    if (text === "") return;
    const block = this.#block("reasoning");
    block.text += text;
    this.#events.push({ type: "reasoning_delta", index: block.index, text });
  }

  /** Adds to the signature of the reasoning that is open, or of a reasoning without a text. */
  sign(signature: string): void {
    if (signature !== "") this.#block("reasoning").signature += signature;
  }

  /** A reasoning that the provider encrypted, whole. */
  redacted(data: string): void {
    if (data === "") return;
    this.close();
    const index = this.#begin();
    this.#events.push({ type: "reasoning_started", index });
    this.#events.push({ type: "reasoning_finished", index, text: "", signature: "", redacted: data });
  }

  /** Finishes the text or reasoning that is open. */
  close(): void {
    const block = this.#open;
    if (!block) return;
    this.#open = undefined;
    const { index, text, signature } = block;
    this.#events.push(
      block.kind === "text"
        ? { type: "text_finished", index, text }
        : { type: "reasoning_finished", index, text, signature, redacted: "" },
    );
  }

  /**
   * Begins a tool input under the provider's handle for it; the handle leaves the input that had it before.
   * An id that came before is left out.
   */
  startTool(handle: string, tool: { readonly id: string; readonly name: string }): void {
    this.close();
    const before = this.#tools.get(handle);
    if (before) this.#tools.set(`${handle}#${before.index}`, before);
    const index = this.#begin();
    const toolCallId = this.#toolCallIds.has(tool.id) ? "" : tool.id;
    this.#toolCallIds.add(tool.id || `#${index}`);
    this.#tools.set(handle, { index, name: tool.name, json: "" });
    this.#events.push({ type: "tool_input_started", index, toolCallId, name: tool.name });
  }

  hasTool(handle: string): boolean {
    return this.#tools.has(handle);
  }

  /** What has arrived of a tool input; empty for one that is not open. */
  toolJson(handle: string): string {
    return this.#tools.get(handle)?.json ?? "";
  }

  toolDelta(handle: string, json: string): void {
    const tool = this.#tools.get(handle);
    if (!tool || json === "") return;
    tool.json += json;
    this.#events.push({ type: "tool_input_delta", index: tool.index, json });
  }

  /**
   * Finishes a tool input when it is a JSON object. Any other, an empty one too, stays open until
   * `finish`: only the end of the answer tells whether it was cut short.
   */
  finishTool(handle: string): void {
    const tool = this.#tools.get(handle);
    if (tool && isJsonObject(tool.json)) this.#finish(handle, tool);
  }

  /**
   * Finishes the tool inputs that are open. Those that are no JSON object are what the model said, unless
   * the answer was `cut` short: then they are left unfinished.
   */
  #closeTools(cut: boolean): void {
    for (const [handle, tool] of this.#tools) {
      if (cut && !isJsonObject(tool.json)) continue;
      this.#finish(handle, tool);
    }
    this.#tools.clear();
  }

  /**
   * The end of the answer: finishes what is open and says why the model stopped. Whether it waits for tools
   * is told by the calls it made, since not every provider says so. Cost is set where the price is known.
   */
  finish(stopReason: StopReason, usage: Usage, price: Price | undefined): void {
    const cut = stopReason === StopReason.MAX_TOKENS || stopReason === StopReason.REFUSAL;
    this.close();
    this.#closeTools(cut);
    const whole = this.toolCalls > 0 ? StopReason.TOOL_CALLS : StopReason.END;
    if (price) usage.costUsd = costOf(usage, price);
    this.#events.push({ type: "finish", stopReason: cut ? stopReason : whole, usage });
  }

  #finish(handle: string, { index, name, json }: ToolInput): void {
    this.#tools.delete(handle);
    this.#events.push({ type: "tool_input_finished", index, name, json: json.trim() === "" ? "" : json });
  }

  #block(kind: OpenBlock["kind"]): OpenBlock {
    if (this.#open?.kind === kind) return this.#open;
    this.close();
    const block: OpenBlock = { kind, index: this.#begin(), text: "", signature: "" };
    this.#open = block;
    this.#events.push(
      kind === "text"
        ? { type: "text_started", index: block.index }
        : { type: "reasoning_started", index: block.index },
    );
    return block;
  }

  #begin(): number {
    const index = this.#nextIndex;
    this.#nextIndex += 1;
    return index;
  }
}
