import { summarizeText } from "./change-summary.js";
import { defineTool } from "./define-tool.js";
import { runFileOperation } from "./run-file-operation.js";
import { showName } from "./show-text.js";

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
  summarize(input) {
    const content = input.text("content");
    const size = Buffer.byteLength(content);
    return `write ${showName(input.text("path"))} (${size} bytes)\n${summarizeText(content, "+ ")}`;
  },
  async run(input, context, signal) {
    signal.throwIfAborted();
    const request = { path: input.text("path"), content: input.text("content") };
    const { text } = await runFileOperation({ operation: "write", request }, context, signal);
    return { text, failed: false };
  },
});
