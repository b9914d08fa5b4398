import type { JsonObject } from "@bufbuild/protobuf";
import type { Agent, DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import type { Tool, ToolContext, ToolOutput } from "../core/tool.js";
import type { KnownDelegate } from "./delegates.js";
import { describeDelegates, findDelegate, hasDelegates, knownDelegates } from "./delegates.js";
import type { RunTools, RunWork } from "./run-loop.js";

/** How work is given to other agents in one mode, as a tool of the agent that gives it. */
export interface DelegateToolDraft {
  readonly name: string;
  readonly mode: DelegateMode;
  /** For the model: what it does. The list of agents comes after it. */
  readonly description: string;
  /** JSON Schemas of the arguments beside `agent`, by name. */
  readonly properties: JsonObject;
  /** Those of them that have to be there. */
  readonly required: readonly string[];
  /** What a verdict on giving work to this agent would cover, for people. */
  summarize(agent: string, input: JsonObject): string;
  give(agent: Agent, input: JsonObject, context: ToolContext, signal: AbortSignal): Promise<ToolOutput>;
}

/** The tool of a draft; none where the agent has no delegate in its mode. */
export async function delegateTool(run: RunTools, work: RunWork, draft: DelegateToolDraft): Promise<Tool[]> {
  const { agent } = work;
  if (!hasDelegates(agent, draft.mode)) return [];
  const known = await knownDelegates(run.store, agent, draft.mode);
  return [
    {
      name: draft.name,
      description: `${draft.description} Agents:\n${describeDelegates(known)}`,
      inputSchema: schemaOf(draft, known),
      // It does nothing itself: what the other agent does is decided call by call.
      readOnly: true,
      selfContained: true,
      stopsByItself: true,
      spellings: (input) => spellings(known, input),
      summarize: (input) => draft.summarize(textOf(input, "agent"), input),
      async run(input, context, signal) {
        const missing = ["agent", ...draft.required].find((name) => textOf(input, name).trim() === "");
        if (missing) return failed(`${missing} is required, as a text.`);
        const given = textOf(input, "agent");
        const meant = findDelegate(known, given);
        if (!meant)
          return failed(
            `There is no agent ${JSON.stringify(given)} to give work to. Agents:\n${describeDelegates(known)}`,
          );
        // The very agent that policy has decided about, as it is now.
        const now = await run.store.agents.get(meant.agent.id);
        if (!now) return failed(`The agent ${JSON.stringify(given)} has been deleted.`);
        return draft.give(now, input, context, signal);
      },
    },
  ];
}

function schemaOf({ properties, required }: DelegateToolDraft, known: readonly KnownDelegate[]): JsonObject {
  const labels = known.map(({ label }) => label);
  const choice = labels.length > 0 ? { enum: labels } : {};
  const agent = { type: "string", description: "The agent.", ...choice };
  return { type: "object", properties: { agent, ...properties }, required: ["agent", ...required] };
}

/** An agent is meant whether a rule or the model says its name or its id. */
function spellings(known: readonly KnownDelegate[], input: JsonObject): JsonObject[] {
  const delegate = findDelegate(known, textOf(input, "agent"));
  if (!delegate) return [input];
  return [delegate.agent.name, delegate.agent.id].map((agent) => ({ ...input, agent }));
}

/** An argument that is a text; empty where it is none. */
export function textOf(input: JsonObject, name: string): string {
  const value = Object.hasOwn(input, name) ? input[name] : undefined;
  return typeof value === "string" ? value : "";
}

/** The output of a call that failed, with what its model is told. */
export const failed = (text: string): ToolOutput => ({ text, failed: true });
