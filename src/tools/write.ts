import { summarizeText } from "./change-summary.js";
import { defineTool } from "./define-tool.js";
import { showName } from "./show-text.js";
import { replaceWorkFile } from "./work-file.js";

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
    const content = input.text("content");
    const { path, isNew } = await replaceWorkFile(context.workDir, input.text("path"), { content });
    const size = Buffer.byteLength(content);
    return {
      text: `${isNew ? "created" : "overwrote"} ${showName(path.relative)} (${size} bytes)`,
      failed: false,
    };
  },
});
