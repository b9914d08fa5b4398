import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import { canceled, Fault } from "../core/fault.js";
import type { Tool, ToolOutput } from "../core/tool.js";
import type { Granted } from "./permission.js";
import { askFor } from "./permission.js";
import { withToolContext } from "./tool-context.js";
import type { ToolStep } from "./tool-step.js";

/** Approvals that one call may need when what it was approved on keeps changing. */
const mostAsks = 3;

/** A call that may run. */
export interface CallWork {
  readonly step: ToolStep;
  readonly call: ToolCall;
  readonly tool: Tool;
  readonly permission: Granted;
}

/** What became of it: what the tool answered, or why it did not run after all. */
export type CallEnd =
  | { readonly output: ToolOutput; readonly refused?: undefined; readonly durationMs: number }
  | { readonly output?: undefined; readonly refused: string; readonly durationMs: number };

/**
 * Runs a call. Where what it was approved on is not so any more by then, it does nothing, and somebody is asked
 * anew, up to three times in all. Throws a `canceled` Fault when `signal` fires.
 */
export async function executeCall(
  { step, call, tool, permission }: CallWork,
  signal: AbortSignal,
): Promise<CallEnd> {
  let { basis } = permission;
  for (let asks = 1; ; asks += 1) {
    const started = performance.now();
    const output = await withToolContext(step, call, signal, (context) => {
      const running = tool.run(call.arguments ?? {}, { ...context, basis }, signal).catch(broken);
      return tool.stopsByItself ? running : untilStopped(running, step.stopMs, signal);
    });
    if (signal.aborted) throw canceled("the run was canceled");
    const durationMs = Math.round(performance.now() - started);
    if (!output.stale || asks === mostAsks) return { output, durationMs };
    const again = await askFor(step, call, tool, signal);
    if (!again.granted) return { refused: again.why, durationMs };
    basis = again.basis;
  }
}

/** A tool that throws has a fault of its own; the model is told that much. */
function broken(error: unknown): ToolOutput {
  const why = error instanceof Fault ? error.message : "the tool itself failed";
  return { text: `The call failed: ${why}`, failed: true };
}

/** The output, or a `canceled` Fault a while after `signal` fired, for tools that do not stop by themselves. */
async function untilStopped(
  output: Promise<ToolOutput>,
  stopMs: number,
  signal: AbortSignal,
): Promise<ToolOutput> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const aborted = (): void => {
    timer = setTimeout(() => reject(canceled("the run was canceled")), stopMs);
  };
  signal.addEventListener("abort", aborted, { once: true });
  try {
    return await Promise.race([output, late]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
  }
}
