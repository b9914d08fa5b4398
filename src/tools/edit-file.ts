import type { FileAnswer } from "./file-operations.js";
import type { FileSnapshot } from "./file-snapshot.js";
import { takeSnapshot } from "./file-snapshot.js";
import { findText } from "./find-text.js";
import { showName } from "./show-text.js";
import { staleAnswer } from "./stale-answer.js";
import { ToolFailure } from "./tool-failure.js";
import { replaceWorkFile } from "./work-file.js";

const mostPlaces = 100_000;
/** In characters. */
const largestResult = 64 * 1024 * 1024;
/** How many line numbers are told of a text that is there more than once. */
const toldLines = 20;

/** A piece of text to replace. */
export interface EditRequest {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** Every occurrence; else there must be exactly one. */
  readonly everywhere: boolean;
  /** What the file must be, as a snapshot said; absent: whatever it is. */
  readonly basis?: string | undefined;
}

/** Replaces a text in a file. Throws a `ToolFailure` for what the model can be told. */
export async function editFile(
  workDir: string,
  request: EditRequest,
  signal: AbortSignal,
): Promise<FileAnswer> {
  const snapshot = await takeSnapshot(workDir, request.path);
  if (request.basis !== undefined && request.basis !== snapshot.basis) return staleAnswer(request.path);
  const change = applyEdit(textOf(snapshot, request.path), request);
  signal.throwIfAborted();
  const { content } = change;
  const { path } = await replaceWorkFile(workDir, request.path, { content, expected: snapshot.stats });
  const times = change.lines.length === 1 ? "1 occurrence" : `${change.lines.length} occurrences`;
  return { text: `edited ${showName(path.relative)}: ${times} at ${tellLines(change.lines)}` };
}

/** The text of a file. Throws a `ToolFailure` where it has none. */
function textOf({ stats, bytes }: FileSnapshot, name: string): string {
  if (!stats) throw new ToolFailure(`${showName(name)} does not exist`);
  if (!bytes) throw new ToolFailure(`${name} is larger than 8 MiB; change it with bash`);
  try {
    // The byte order mark is kept: what is not edited must not change.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ToolFailure(`${name} is not UTF-8 text; change it with bash`);
  }
}

/** What a file comes to by an edit. Throws a `ToolFailure` for what the model can be told. */
export function editedText(snapshot: FileSnapshot, request: EditRequest): { before: string; after: string } {
  const before = textOf(snapshot, request.path);
  return { before, after: applyEdit(before, request).content };
}

function applyEdit(content: string, request: EditRequest): { content: string; lines: number[] } {
  const { path: name, before, after, everywhere } = request;
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
