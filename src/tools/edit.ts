import { summarizeText } from "./change-summary.js";
import { defineTool } from "./define-tool.js";
import { runFileOperation } from "./run-file-operation.js";
import { showName } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";

/** Replaces a piece of text in a file. */
export const editTool = defineTool({
  name: "edit",
  description:
    "Replace old_string by new_string in a file of the working directory. old_string must be exactly the " +
    "text of the file, blanks and line ends too, without the line numbers that read shows, and must be " +
    "there once; replace_all replaces it everywhere.",
  inputSchema: {
    type: "object",
    properties: {
      path: { type: "string", description: "The file, relative to the working directory." },
      old_string: { type: "string", description: "The text to replace." },
      new_string: { type: "string", description: "The text to put in its place." },
      replace_all: { type: "boolean", description: "Replace every occurrence. Default false." },
    },
    required: ["path", "old_string", "new_string"],
  },
  readOnly: false,
  summarize(input) {
    const extent = input.flag("replace_all") ? " (every occurrence)" : "";
    const before = summarizeText(input.text("old_string"), "- ");
    return `edit ${showName(input.text("path"))}${extent}\n${before}\n${summarizeText(input.text("new_string"), "+ ")}`;
  },
  async run(input, context, signal) {
    if (input.text("old_string") === "")
      throw new ToolFailure("old_string is empty; to write a whole file use write");
    if (input.text("old_string") === input.text("new_string")) {
      throw new ToolFailure("old_string and new_string are the same");
    }
    const request = {
      path: input.text("path"),
      before: input.text("old_string"),
      after: input.text("new_string"),
      everywhere: input.flag("replace_all"),
    };
    const { text } = await runFileOperation({ operation: "edit", request }, context, signal);
    return { text, failed: false };
  },
});
