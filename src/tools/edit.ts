import { summarizeText } from "./change-summary.js";
import { defineTool } from "./define-tool.js";
import type { EditRequest } from "./edit-file.js";
import type { PlainSummary } from "./prepare-change.js";
import { prepareChange } from "./prepare-change.js";
import { runFileOperation } from "./run-file-operation.js";
import { showName } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";
import type { ToolInput } from "./tool-input.js";

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
  sandboxed: true,
  summarize: (input) => summarize(input).whole,
  prepare(input, context, signal) {
    const change = { operation: "edit", request: requestOf(input) } as const;
    return prepareChange(change, summarize(input), context, signal);
  },
  async run(input, context, signal) {
    const request = { ...requestOf(input), basis: context.basis };
    const { text, stale = false } = await runFileOperation({ operation: "edit", request }, context, signal);
    return { text, failed: stale, ...(stale && { stale }) };
  },
});

function requestOf(input: ToolInput): EditRequest {
  const [before, after] = [input.text("old_string"), input.text("new_string")];
  if (before === "") throw new ToolFailure("old_string is empty; to write a whole file use write");
  // It would be found in the middle of one, and leave the other half behind.
  if (!before.isWellFormed()) throw new ToolFailure("old_string holds half of a character");
  if (before === after) throw new ToolFailure("old_string and new_string are the same");
  return { path: input.text("path"), before, after, everywhere: input.flag("replace_all") };
}

function summarize(input: ToolInput): PlainSummary {
  const extent = input.flag("replace_all") ? " (every occurrence)" : "";
  const head = `edit ${showName(input.text("path"))}${extent}`;
  const before = summarizeText(input.text("old_string"), "- ");
  return { head, whole: `${head}\n${before}\n${summarizeText(input.text("new_string"), "+ ")}` };
}
