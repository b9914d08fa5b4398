import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Event } from "../../../gen/agentry/v1/event_pb.js";
import { StopReason } from "../../../gen/agentry/v1/message_pb.js";
import type { StreamMessageResponseSchema } from "../../../gen/wingman/v1/stream_pb.js";
import { Fault } from "../../core/fault.js";
import type { Call } from "../../services/call.js";
import { toWingmanError } from "./errors.js";
import { isFailed, requireAnswer, toUsage } from "./turn-result.js";

/** What goes out for one thing that happened. */
export type StreamItem = MessageInitShape<typeof StreamMessageResponseSchema>;

/** `blocks`: what a provider sends, step by step. `text`: only texts and the end. */
export type Vocabulary = "blocks" | "text";

/**
 * Translates the events of a turn. Its last item is `done`, or one `error` that tells all; after `message_start`
 * of a step its blocks follow, then `message_delta` and `message_stop`, which a step that failed does not have.
 */
export async function* translate(
  events: AsyncIterable<Event>,
  vocabulary: Vocabulary,
  call: Call,
): AsyncGenerator<StreamItem> {
  const toItems = vocabulary === "text" ? toTextItems : createBlockTranslator();
  try {
    for await (const event of events) {
      yield* toItems(event);
      yield* toToolItems(event);
      if (event.body.case !== "runFinished") continue;
      requireAnswer(event.body.value);
      const { usage, steps } = event.body.value;
      yield { event: { case: "done", value: { usage: toUsage(usage), steps } } };
    }
  } catch (error) {
    yield toErrorItem(Fault.from(error), call);
  }
}

/** The event of a failure. */
export function toErrorItem(fault: Fault, { requestHeader }: Call): StreamItem {
  const requestId = requestHeader.get("x-request-id") ?? "";
  const { reason, message, detail } = fault;
  const { body } = toWingmanError({
    reason,
    message,
    requestId,
    fromService: true,
    metadata: detail.metadata ?? {},
  });
  return { event: { case: "error", value: { type: "error", error: body.error, code: reason, requestId } } };
}

function toTextItems({ body }: Event): StreamItem[] {
  if (body.case !== "textDelta") return [];
  return [{ event: { case: "text", value: { type: "text", content: body.value.text } } }];
}

/** A `ping` comes once, after the first block has begun, where providers send theirs. */
function createBlockTranslator(): (event: Event) => StreamItem[] {
  let pinged = false;
  return (event) => {
    const item = toBlockItem(event);
    if (item?.event?.case === "messageDelta") return [item, marker("messageStop")];
    if (item?.event?.case !== "contentBlockStart" || pinged) return item ? [item] : [];
    pinged = true;
    return [item, marker("ping")];
  };
}

const markers = { messageStart: "message_start", messageStop: "message_stop", ping: "ping" } as const;

const marker = (name: keyof typeof markers): StreamItem => ({
  event: { case: name, value: { type: markers[name] } },
});

function toBlockItem({ body }: Event): StreamItem | undefined {
  switch (body.case) {
    case "stepStarted":
      return marker("messageStart");
    case "textStarted":
      return blockStart(body.value.index, { type: "text" });
    case "reasoningStarted":
      return blockStart(body.value.index, { type: "thinking" });
    case "toolInputStarted": {
      const { index, toolCallId: id, name } = body.value;
      return blockStart(index, { type: "tool_use", id, name });
    }
    case "textDelta":
      return {
        event: {
          case: "textDelta",
          value: { type: "text_delta", text: body.value.text, index: body.value.index },
        },
      };
    case "toolInputDelta": {
      const { index, json: inputJson } = body.value;
      return { event: { case: "inputJsonDelta", value: { type: "input_json_delta", inputJson, index } } };
    }
    case "textFinished":
    case "reasoningFinished":
    case "toolInputFinished":
      return {
        event: { case: "contentBlockStop", value: { type: "content_block_stop", index: body.value.index } },
      };
    case "stepFinished": {
      const stopReason = stopReasons[body.value.stopReason];
      const usage = toUsage(body.value.usage);
      if (!stopReason) return undefined;
      return { event: { case: "messageDelta", value: { type: "message_delta", stopReason, usage } } };
    }
    default:
      return undefined;
  }
}

function blockStart(index: number, contentBlock: { type: string; id?: string; name?: string }): StreamItem {
  return {
    event: { case: "contentBlockStart", value: { type: "content_block_start", index, contentBlock } },
  };
}

/** Tools at work, which Wingman's stream left out. */
function toToolItems({ body }: Event): StreamItem[] {
  switch (body.case) {
    case "toolCallStarted": {
      const { id = "", name = "", arguments: input = {} } = body.value.toolCall ?? {};
      return [{ event: { case: "toolStart", value: { type: "tool_start", id, name, input } } }];
    }
    case "toolCallDelta": {
      const { toolCallId: id, text } = body.value;
      return [{ event: { case: "toolOutput", value: { type: "tool_output", id, text } } }];
    }
    case "toolCallFinished": {
      const { result } = body.value;
      if (!result) return [];
      const { toolCallId: id, name, output } = result;
      const value = { type: "tool_result", id, name, output, isError: isFailed(result) };
      return [{ event: { case: "toolResult", value } }];
    }
    default:
      return [];
  }
}

const stopReasons: Record<StopReason, string> = {
  [StopReason.UNSPECIFIED]: "",
  [StopReason.END]: "end_turn",
  [StopReason.TOOL_CALLS]: "tool_use",
  [StopReason.MAX_TOKENS]: "max_tokens",
  [StopReason.REFUSAL]: "refusal",
};
