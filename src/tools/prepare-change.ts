import type { PreparedCall, ToolContext } from "../core/tool.js";
import { summarizeText } from "./change-summary.js";
import type { ChangeOperation } from "./file-operations.js";
import { runFileOperation } from "./run-file-operation.js";
import { showName } from "./show-text.js";

/** How a change of a file is said where it cannot be shown. */
export interface PlainSummary {
  /** What is done to which file, on one line. */
  readonly head: string;
  readonly whole: string;
}

/**
 * A change of a file as somebody is asked about it: as a diff, bound to what the file holds. Throws a
 * `ToolFailure` where the file cannot be looked at.
 */
export async function prepareChange(
  change: ChangeOperation,
  { head, whole }: PlainSummary,
  context: ToolContext,
  signal: AbortSignal,
): Promise<PreparedCall> {
  const work = { operation: "preview", request: change } as const;
  const { text, basis = "", place, fails } = await runFileOperation(work, context, signal);
  if (fails) return { summary: `${whole}\n[as things are, it fails: ${text}]`, basis };
  if (text === "") return { summary: whole, basis };
  const isLink = place !== undefined && place !== change.request.path.replace(/^(\.\/)+/, "");
  const where = isLink ? `${head}\n[it is ${showName(place)}]` : head;
  return { summary: `${where}\n${summarizeText(text, "")}`, basis };
}
