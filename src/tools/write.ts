import { summarizeText } from "./change-summary.js";
import { defineTool } from "./define-tool.js";
import type { PlainSummary } from "./prepare-change.js";
import { prepareChange } from "./prepare-change.js";
import { runFileOperation } from "./run-file-operation.js";
import { showName } from "./show-text.js";
import type { ToolInput } from "./tool-input.js";

/** Writes a whole file. */
export const writeTool = defineTool({
  name: "write",
  description:
    "Write a whole file of the working directory, new or in place of the old one. Missing directories are " +
    "made. To change a part of a file use edit.",
  inputSchema: {
    type: "object",
    properties: {
      path: { type: "string", description: "The file, relative to the working directory." },
      content: { type: "string", description: "All that the file is to hold." },
    },
    required: ["path", "content"],
  },
  readOnly: false,
  sandboxed: true,
  summarize: (input) => summarize(input).whole,
  prepare(input, context, signal) {
    const change = { operation: "write", request: requestOf(input) } as const;
    return prepareChange(change, summarize(input), context, signal);
  },
  async run(input, context, signal) {
    signal.throwIfAborted();
    const request = { ...requestOf(input), basis: context.basis };
    const { text, stale = false } = await runFileOperation({ operation: "write", request }, context, signal);
    return { text, failed: stale, ...(stale && { stale }) };
  },
});

const requestOf = (input: ToolInput) => ({ path: input.text("path"), content: input.text("content") });

function summarize(input: ToolInput): PlainSummary {
  const { path, content } = requestOf(input);
  const head = `write ${showName(path)} (${Buffer.byteLength(content)} bytes)`;
  return { head, whole: `${head}\n${summarizeText(content, "+ ")}` };
}
