import type { JsonObject } from "@bufbuild/protobuf";
import type { PreparedCall, Tool, ToolContext, ToolOutput } from "../core/tool.js";
import { ToolFailure } from "./tool-failure.js";
import { ToolInput } from "./tool-input.js";

/** The basis of a verdict on what could not be looked at: nothing is ever so. */
const unseen = "unseen";

/** A tool as its file writes it: its functions are given arguments that keep to its schema. */
export interface ToolDraft extends Omit<Tool, "summarize" | "prepare" | "run"> {
  summarize(input: ToolInput): string;
  /** As `Tool.prepare`; throws a `ToolFailure` where it cannot look. */
  prepare?(input: ToolInput, context: ToolContext, signal: AbortSignal): Promise<PreparedCall>;
  /** Throws a `ToolFailure` for what the model can be told. */
  run(input: ToolInput, context: ToolContext, signal: AbortSignal): Promise<ToolOutput>;
}

/**
 * Makes a tool of a draft: checks the arguments by the schema and answers a `ToolFailure` as a failed
 * output. Arguments that do not keep to the schema are summarised as they are.
 */
export function defineTool(draft: ToolDraft): Tool {
  const { prepare, ...rest } = draft;
  const summarize = (input: JsonObject): string => {
    try {
      return draft.summarize(new ToolInput(draft.inputSchema, input));
    } catch (error) {
      if (error instanceof ToolFailure) return `${draft.name} ${JSON.stringify(input)}`;
      throw error;
    }
  };
  return {
    ...rest,
    summarize,
    ...(prepare && {
      async prepare(input: JsonObject, context: ToolContext, signal: AbortSignal): Promise<PreparedCall> {
        try {
          return await prepare(new ToolInput(draft.inputSchema, input), context, signal);
        } catch (error) {
          if (!(error instanceof ToolFailure)) throw error;
          return {
            summary: `${summarize(input)}\n[as things are, it fails: ${error.message}]`,
            basis: unseen,
          };
        }
      },
    }),
    async run(input: JsonObject, context, signal) {
      try {
        return await draft.run(new ToolInput(draft.inputSchema, input), context, signal);
      } catch (error) {
        if (error instanceof ToolFailure) return { text: error.message, failed: true };
        throw error;
      }
    },
  };
}
