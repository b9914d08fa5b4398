import { editedText } from "./edit-file.js";
import type { ChangeOperation, FileAnswer } from "./file-operations.js";
import type { FileSnapshot } from "./file-snapshot.js";
import { takeSnapshot } from "./file-snapshot.js";
import { ToolFailure } from "./tool-failure.js";
import { unifiedDiff } from "./unified-diff.js";

/** Longer texts are not compared: characters. */
const longest = 1024 * 1024;

/**
 * What a change would do to a file as it is, and the basis of that. The text is a diff, or empty where none can
 * be shown. Throws a `ToolFailure` where the file cannot be looked at.
 */
export async function previewChange(workDir: string, change: ChangeOperation): Promise<FileAnswer> {
  const snapshot = await takeSnapshot(workDir, change.request.path);
  const { place, basis } = snapshot;
  try {
    return { text: diffOf(snapshot, change), place, basis };
  } catch (error) {
    if (!(error instanceof ToolFailure)) throw error;
    return { text: error.message, place, basis, fails: true };
  }
}

function diffOf(snapshot: FileSnapshot, change: ChangeOperation): string {
  const { before, after } =
    change.operation === "edit"
      ? editedText(snapshot, change.request)
      : { before: textIn(snapshot), after: change.request.content };
  if (before === undefined || before.length > longest || after.length > longest) return "";
  return unifiedDiff(before, after);
}

/** The text of a file that is to be overwritten, empty for none; undefined where it is no text. */
function textIn({ stats, bytes }: FileSnapshot): string | undefined {
  if (!stats) return "";
  try {
    return bytes && new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
