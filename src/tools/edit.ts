import { summarizeText } from "./change-summary.js";
import { defineTool } from "./define-tool.js";
import { fileFailure } from "./file-failure.js";
import { findText } from "./find-text.js";
import { showName } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";
import type { ToolInput } from "./tool-input.js";
import type { WorkFile } from "./work-file.js";
import { openWorkFile, replaceWorkFile } from "./work-file.js";

const largestFile = 8 * 1024 * 1024;
const mostPlaces = 100_000;
/** In characters. */
const largestResult = 64 * 1024 * 1024;
/** How many line numbers are told of a text that is there more than once. */
const toldLines = 20;

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
    const name = input.text("path");
    if (input.text("old_string") === "")
      throw new ToolFailure("old_string is empty; to write a whole file use write");
    if (input.text("old_string") === input.text("new_string")) {
      throw new ToolFailure("old_string and new_string are the same");
    }
    const { content, stats } = await readWhole(context.workDir, name);
    const change = applyEdit(content, input, name);
    signal.throwIfAborted();
    const { path } = await replaceWorkFile(context.workDir, name, {
      content: change.content,
      expected: stats,
    });
    const times = change.lines.length === 1 ? "1 occurrence" : `${change.lines.length} occurrences`;
    return {
      text: `edited ${showName(path.relative)}: ${times} at ${tellLines(change.lines)}`,
      failed: false,
    };
  },
});

async function readWhole(
  workDir: string,
  name: string,
): Promise<{ content: string; stats: WorkFile["stats"] }> {
  const { handle, stats } = await openWorkFile(workDir, name);
  try {
    if (stats.isDirectory()) throw new ToolFailure(`${name} is a directory`);
    if (stats.size > largestFile) throw new ToolFailure(`${name} is larger than 8 MiB; change it with bash`);
    return { content: decode(await handle.readFile(), name), stats };
  } catch (error) {
    throw fileFailure(error, name);
  } finally {
    await handle.close();
  }
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    // The byte order mark is kept: what is not edited must not change.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ToolFailure(`${name} is not UTF-8 text; change it with bash`);
  }
}

function applyEdit(content: string, input: ToolInput, name: string): { content: string; lines: number[] } {
  const before = input.text("old_string");
  const after = input.text("new_string");
  const everywhere = input.flag("replace_all");
  const found = findText(content, before, { overlapping: !everywhere });
  if (found.length === 0) throw notFound(content, before, name);
  const lines = linesOf(content, found);
  if (found.length > 1 && !everywhere) {
    throw new ToolFailure(
      `old_string is in ${name} ${found.length} times, at ${tellLines(lines)}; ` +
        "add text around it until it is there once, or set replace_all",
    );
  }
  if (found.length > mostPlaces || content.length + found.length * after.length > largestResult) {
    throw new ToolFailure(`old_string is in ${name} ${found.length} times: too much to replace at once`);
  }
  const parts: string[] = [];
  let from = 0;
  for (const at of found) {
    parts.push(content.slice(from, at), after);
    from = at + before.length;
  }
  return { content: parts.join("") + content.slice(from), lines };
}

function notFound(content: string, before: string, name: string): ToolFailure {
  const carriage = content.includes("\r\n") && before.includes("\n") && !before.includes("\r\n");
  const hint = carriage ? "; its lines end in \\r\\n, and those of old_string in \\n" : "";
  return new ToolFailure(`old_string is not in ${name}${hint}`);
}

/** The line of each place, places ascending. Each line end is looked for once. */
function linesOf(content: string, places: readonly number[]): number[] {
  let line = 1;
  let end = content.indexOf("\n");
  return places.map((place) => {
    while (end !== -1 && end < place) {
      line += 1;
      end = content.indexOf("\n", end + 1);
    }
    return line;
  });
}

function tellLines(lines: readonly number[]): string {
  const told = lines.slice(0, toldLines).join(", ");
  return `line${lines.length === 1 ? "" : "s"} ${told}${lines.length > toldLines ? " …" : ""}`;
}
