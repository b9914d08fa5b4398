import type { FakeUpstream } from "../../support/fake-upstream.js";
import { startFakeUpstream } from "../../support/fake-upstream.js";

const frame = (type: string, data: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;

function answer(lines: readonly string[]): string {
  const blocks = lines.flatMap((command, index) => [
    frame("content_block_start", {
      index,
      content_block: { type: "tool_use", id: `toolu_${index}`, name: "bash", input: {} },
    }),
    frame("content_block_delta", {
      index,
      delta: { type: "input_json_delta", partial_json: JSON.stringify({ command }) },
    }),
    frame("content_block_stop", { index }),
  ]);
  const text = [
    frame("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    frame("content_block_delta", { index: 0, delta: { type: "text_delta", text: "done" } }),
    frame("content_block_stop", { index: 0 }),
  ];
  return [
    frame("message_start", {
      message: { id: "m", role: "assistant", usage: { input_tokens: 1, output_tokens: 1 } },
    }),
    ...(blocks.length > 0 ? blocks : text),
    frame("message_delta", {
      delta: { stop_reason: blocks.length > 0 ? "tool_use" : "end_turn" },
      usage: { output_tokens: 1 },
    }),
    frame("message_stop", {}),
  ].join("");
}

/** A provider that calls bash with each line of the JSON array that the user sent, and then is done. */
export function startToolUpstream(): Promise<FakeUpstream> {
  return startFakeUpstream(({ json }) => {
    const messages: { role: string; content: string | { type: string; text?: string }[] }[] = json.messages;
    const last = messages.at(-1)?.content ?? "";
    const text = typeof last === "string" ? last : (last.find(({ type }) => type === "text")?.text ?? "[]");
    return {
      headers: { "content-type": "text/event-stream" },
      body: answer(text.startsWith("[") ? JSON.parse(text) : []),
    };
  });
}
