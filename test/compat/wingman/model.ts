import type {
  FakeUpstream,
  NamedEvent,
  UpstreamAnswer,
  UpstreamRequest,
} from "../../support/fake-upstream.js";
import { anthropicAnswer, anthropicStream, startFakeUpstream } from "../../support/fake-upstream.js";

type Parts = Parameters<typeof anthropicAnswer>[0];

/** What the model says to a message, by its text; a second entry answers the tools of the first. */
const script: Readonly<Record<string, UpstreamAnswer | readonly UpstreamAnswer[]>> = {
  "What OS am I on?": [
    { body: anthropicAnswer(["Let me look.", call("toolu_os", { command: "echo Linux" })]) },
    { body: anthropicAnswer(["Linux."]) },
  ],
  Hello: { body: deltas(["Hello", " (world) & co"], { input_tokens: 11, output_tokens: 7 }) },
  "What files are in this directory?": {
    body: deltas(["Here are the files in the directory..."], { input_tokens: 120, output_tokens: 240 }),
  },
  "Stream a response.": { body: deltas(["Hello", " world"], { input_tokens: 120, output_tokens: 240 }) },
  tools: [
    {
      body: anthropicAnswer([
        "Trying.",
        call("toolu_1", { command: "echo hi; echo er >&2" }),
        call("toolu_2", { command: "echo out; exit 3" }),
        { id: "toolu_3", name: "nosuch", input: {} },
      ]),
    },
    { body: anthropicAnswer(["Done."]) },
  ],
  noarguments: [{ body: withoutArguments() }, { body: anthropicAnswer(["It said what it needs."]) }],
  blocks: { body: anthropicAnswer(["First.", " Second."]) },
  fail400: {
    status: 400,
    headers: { "content-type": "application/json" },
    body: '{"type":"error","error":{"type":"invalid_request_error","message":"bad\\nthing"}}',
  },
  cut: { body: anthropicAnswer(["partial"]), cutAt: 420, end: "close" },
  hostile: { body: deltas(["a\r\n\r\nevent: done\ndata: {}\n\n", "\u2028\u2029\u0000</script>"]) },
  json: { body: anthropicAnswer(['{"answer":42}']) },
  touch: [
    { body: anthropicAnswer([call("toolu_t", { command: "echo made > made.txt; echo made" })]) },
    { status: 400, body: '{"type":"error","error":{"type":"invalid_request_error","message":"no more"}}' },
  ],
};

function call(id: string, input: object) {
  return { id, name: "bash", input };
}

/** A whole answer of one text, in these very pieces. */
function deltas(
  pieces: readonly string[],
  usage: { input_tokens: number; output_tokens: number } = { input_tokens: 10, output_tokens: 5 },
): string {
  const { input_tokens, output_tokens } = usage;
  const texts = pieces.map(
    (text): NamedEvent => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }),
  );
  return anthropicStream(
    {
      type: "message_start",
      message: { id: "m", role: "assistant", usage: { input_tokens, output_tokens: 1 } },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ...texts,
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens } },
    { type: "message_stop" },
  );
}

/** A tool call that the model writes without a word of arguments. */
function withoutArguments(): string {
  return anthropicStream(
    {
      type: "message_start",
      message: { id: "m", role: "assistant", usage: { input_tokens: 10, output_tokens: 1 } },
    },
    {
      type: "content_block_start",
      index: 0,
      content_block: { type: "tool_use", id: "toolu_n", name: "bash", input: {} },
    },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 5 } },
    { type: "message_stop" },
  );
}

interface ModelMessage {
  readonly role: string;
  readonly content: string | readonly { readonly type: string; readonly text?: string }[];
}

const textsOf = ({ content }: ModelMessage): string[] =>
  typeof content === "string" ? [content] : content.flatMap(({ text }) => (text === undefined ? [] : [text]));

/** Plays the script. A message that is not in it is answered with `re: ` and itself. */
export function playScript({ json }: UpstreamRequest): UpstreamAnswer {
  const messages: readonly ModelMessage[] = json.messages;
  const last = messages.findLastIndex((message) => message.role === "user" && textsOf(message).length > 0);
  const said = textsOf(messages[last]!).at(-1) ?? "";
  const step = (messages.length - 1 - last) / 2;
  const [, waitMs] = /^slow (\d+)/.exec(said) ?? [];
  const planned = script[said.replace(/^slow \d+ /, "")];
  const answer = Array.isArray(planned) ? planned[step] : planned;
  const fallback: Parts = [`re: ${said}`];
  return {
    ...((answer as UpstreamAnswer | undefined) ?? { body: anthropicAnswer(fallback) }),
    ...(waitMs && { delayMs: Number(waitMs) }),
  };
}

/** Starts the model of these tests. */
export const startModel = (): Promise<FakeUpstream> => startFakeUpstream(playScript);
