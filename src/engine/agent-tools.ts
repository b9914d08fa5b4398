import type { Tool } from "../core/tool.js";
import { delegateTool } from "./delegate-tool.js";
import { handoff } from "./handoff.js";
import type { RunTools, RunWork } from "./run-loop.js";
import type { ServerTools } from "./server-tools.js";
import { transferTask } from "./transfer-task.js";

/** The tools that an agent has in a step of its run, by the names that its model calls. */
export async function agentTools(
  run: RunTools,
  work: RunWork,
  servers: ServerTools,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Tool>> {
  const own = work.agent.tools.flatMap((name) => entryOf(run.tools, name));
  const delegating = await delegateTools(run, work);
  const taken = new Set([...run.tools.keys(), ...delegating.map(({ name }) => name)]);
  const served = await servers.tools(taken, signal);
  return new Map([...own, ...[...delegating, ...served].map((tool): [string, Tool] => [tool.name, tool])]);
}

/** The tools that give work to other agents; none gives a task where that would go too deep. */
async function delegateTools(run: RunTools, work: RunWork): Promise<Tool[]> {
  if (work.agent.delegates.length === 0) return [];
  const task = work.depth < run.maxDepth ? await delegateTool(run, work, transferTask(run, work)) : [];
  return [...task, ...(await delegateTool(run, work, handoff(work)))];
}

function entryOf(tools: ReadonlyMap<string, Tool>, name: string): [string, Tool][] {
  const tool = tools.get(name);
  return tool ? [[name, tool]] : [];
}
