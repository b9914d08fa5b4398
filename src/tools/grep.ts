import type { JsonObject } from "@bufbuild/protobuf";
import type { ToolContext, ToolOutput } from "../core/tool.js";
import { defineTool } from "./define-tool.js";
import type { SearchPlace } from "./list-files.js";
import { anchorGlob, findSearchPlace, listFiles } from "./list-files.js";
import type { SearchEnd } from "./ripgrep.js";
import { runRipgrep } from "./ripgrep.js";
import { showName, takeStart } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";
import type { ToolInput } from "./tool-input.js";

const timeoutMs = 20_000;
const mostMatches = 500;
const mostCharacters = 30_000;
/** In bytes: longer lines are shown cut, with a note. */
const lineBytes = 500;
/** In characters: PATH_MAX of Linux, and what ripgrep says of a binary file. */
const longestName = 5_000;

const inputSchema: JsonObject = {
  type: "object",
  properties: {
    pattern: {
      type: "string",
      description: "A regular expression in the syntax of Rust's regex, for example (?i)todo.",
    },
    path: { type: "string", description: "File or directory to search. Default: the working directory." },
    include: {
      type: "string",
      description: "Only files that match this glob, for example *.ts or src/**/*.ts.",
    },
    ignore_case: { type: "boolean", description: "Make no difference between upper and lower case." },
    output: {
      type: "string",
      enum: ["content", "files", "count"],
      description:
        "Matching lines (default), the names of the files, or the number of matching lines of each.",
    },
  },
  required: ["pattern"],
};

/** Searches the contents of files. */
export const grepTool = defineTool({
  name: "grep",
  description:
    "Search files by a regular expression. Answers with path:line:text, paths relative to the working " +
    "directory, at most 500 matches. Hidden files are searched; what ignore files name, .git and binary " +
    "files are not.",
  inputSchema,
  readOnly: true,
  sandboxed: true,
  summarize: (input) =>
    `grep ${showName(input.text("pattern"))} in ${showName(input.optionalText("path") ?? ".")}`,
  async run(input, context, signal) {
    const pattern = input.text("pattern");
    if (pattern === "") throw new ToolFailure("pattern is empty");
    if (pattern.includes("\0")) throw new ToolFailure("pattern must not hold the character NUL");
    const deadline = performance.now() + timeoutMs;
    const place = await findSearchPlace(context, input.optionalText("path") ?? ".", signal);
    const glob = includeGlob(input.optionalText("include") ?? "", place, context.workDir);
    const visible = await findVisible({ context, deadline, place, glob }, signal);
    const isFiles = input.optionalText("output") === "files";
    const matches = createMatches(visible);
    const end = await runRipgrep(
      {
        context,
        deadline,
        root: place.root,
        separator: isFiles ? "\0" : "\n",
        args: [
          ...searchArgs(input),
          ...(glob === "" ? [] : [`--glob=${glob}`]),
          `--regexp=${pattern}`,
          "--",
          place.argument,
        ],
        onRecord: isFiles ? matches.addFile : matches.addLine,
      },
      signal,
    );
    matches.end();
    return answer(matches.lines, matches.isFull(), end, pattern);
  },
});

function searchArgs(input: ToolInput): string[] {
  const args = ["--sort=path", ...(input.flag("ignore_case") ? ["--ignore-case"] : [])];
  const output = input.optionalText("output");
  if (output === "files") return [...args, "--files-with-matches"];
  if (output === "count") return [...args, "--count", "--with-filename"];
  const lines = ["--line-number", "--no-heading", "--with-filename", "--crlf"];
  return [...args, ...lines, `--max-columns=${lineBytes}`, "--max-columns-preview"];
}

/** A glob without a slash means names at any depth, and one that begins with ! excludes. */
function includeGlob(include: string, place: SearchPlace, workDir: string): string {
  if (include === "" || !place.isDirectory) return "";
  const isExcluding = include.startsWith("!");
  const body = isExcluding ? include.slice(1) : include;
  const glob = body.includes("/") ? anchorGlob(body, place, workDir) : body;
  return isExcluding ? `!${glob}` : glob;
}

/** The files to be shown, or undefined when ripgrep looks at no others anyway. */
async function findVisible(
  listing: { context: ToolContext; deadline: number; place: SearchPlace; glob: string },
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  if (listing.glob === "" || listing.glob.startsWith("!")) return undefined;
  const { names, complaint } = await listFiles(listing, signal);
  if (names.length === 0 && complaint !== "") throw new ToolFailure(complaint);
  return new Set(names);
}

function createMatches(visible: ReadonlySet<string> | undefined) {
  const lines: string[] = [];
  let size = 0;
  let full = false;
  /** The beginning of a record whose file name holds line feeds: a name ends with NUL alone. */
  let begun = "";
  const add = (name: string, rest: string): boolean => {
    if (visible !== undefined && !visible.has(name)) return true;
    const line = showName(name) + rest;
    full = lines.length >= mostMatches || size + line.length + 1 > mostCharacters;
    if (full) return false;
    lines.push(line);
    size += line.length + 1;
    return true;
  };
  return {
    lines,
    isFull: () => full,
    addFile: (record: string): boolean => add(relativeName(record), ""),
    addLine(record: string): boolean {
      const whole = begun + record;
      const end = whole.indexOf("\0");
      begun = end === -1 ? takeStart(`${whole}\n`, longestName) : "";
      if (end === -1) return true;
      return add(relativeName(whole.slice(0, end)), `:${whole.slice(end + 1).replace(/\r$/, "")}`);
    },
    /** What is left is no match: of a file that was named itself, ripgrep tells at the end that it is binary. */
    end(): void {
      if (begun.includes("binary file matches")) lines.push(showName(relativeName(begun.trimEnd())));
    },
  };
}

function relativeName(record: string): string {
  return record.replace(/^\.\//, "");
}

function answer(
  lines: readonly string[],
  cut: boolean,
  { timedOut, complaint }: SearchEnd,
  pattern: string,
): ToolOutput {
  const notes = [
    ...(cut ? ["[there are more matches; narrow the pattern, path or include]"] : []),
    ...(timedOut ? [`[timed out after ${timeoutMs} ms]`] : []),
  ];
  if (lines.length === 0 && complaint !== "") return { text: complaint, failed: true };
  if (complaint !== "") notes.push(`[incomplete: ${complaint}]`);
  const text = [...lines, ...notes].join("\n") || `no matches for ${showName(pattern)}`;
  return { text, failed: timedOut, ...(timedOut && { timedOut }), ...(cut && { truncated: cut }) };
}
