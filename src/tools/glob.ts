import type { ToolOutput } from "../core/tool.js";
import { defineTool } from "./define-tool.js";
import type { FileList } from "./list-files.js";
import { anchorGlob, findSearchPlace, listFiles } from "./list-files.js";
import { showName } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";

const timeoutMs = 20_000;
const mostShown = 1_000;

/** Finds files by their names. */
export const globTool = defineTool({
  name: "glob",
  description:
    "Find files by a pattern such as src/**/*.ts: * is anything but /, ** any number of directories, {a,b} " +
    "either. Answers with paths relative to the working directory, newest first, at most 1000. Hidden files " +
    "are found; what ignore files name, and .git, is not.",
  inputSchema: {
    type: "object",
    properties: {
      pattern: { type: "string", description: "The pattern, relative to path." },
      path: { type: "string", description: "Directory to search in. Default: the working directory." },
    },
    required: ["pattern"],
  },
  readOnly: true,
  sandboxed: true,
  summarize: (input) =>
    `glob ${showName(input.text("pattern"))} in ${showName(input.optionalText("path") ?? ".")}`,
  async run(input, context, signal) {
    const pattern = input.text("pattern");
    if (pattern === "") throw new ToolFailure("pattern is empty");
    const deadline = performance.now() + timeoutMs;
    const place = await findSearchPlace(context, input.optionalText("path") ?? ".", signal);
    if (!place.isDirectory) throw new ToolFailure("path is not a directory");
    const isAll = pattern === "**" || pattern === "**/*";
    const glob = isAll ? "" : anchorGlob(pattern, place, context.workDir);
    return answer(await listFiles({ context, deadline, place, glob }, signal), pattern);
  },
});

function answer({ names, truncated, timedOut, complaint }: FileList, pattern: string): ToolOutput {
  if (timedOut) return { text: `[timed out after ${timeoutMs} ms]`, failed: true, timedOut };
  if (names.length === 0) {
    return complaint === ""
      ? { text: `no files match ${showName(pattern)}`, failed: false }
      : { text: complaint, failed: true };
  }
  const lines = names.slice(0, mostShown).map(showName);
  const cut = truncated || names.length > mostShown;
  if (cut) lines.push(`[${lines.length} of ${truncated ? "more than " : ""}${names.length} files shown]`);
  if (complaint !== "") lines.push(`[incomplete: ${complaint}]`);
  return { text: lines.join("\n"), failed: false, ...(cut && { truncated: cut }) };
}
