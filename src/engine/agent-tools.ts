import type { Tool } from "../core/tool.js";
import type { RunTools, RunWork } from "./run-loop.js";

/** The tools that an agent has in a step of its run, by the names that its model calls. */
export async function agentTools(run: RunTools, { agent }: RunWork): Promise<ReadonlyMap<string, Tool>> {
  return new Map(agent.tools.flatMap((name) => entryOf(run.tools, name)));
}

function entryOf(tools: ReadonlyMap<string, Tool>, name: string): [string, Tool][] {
  const tool = tools.get(name);
  return tool ? [[name, tool]] : [];
}
