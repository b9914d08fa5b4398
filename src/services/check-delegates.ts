import type { Agent, Delegate } from "../../gen/agentry/v1/agents_pb.js";
import { DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { invalid } from "../core/fault.js";
import type { Store } from "../core/store.js";
import { checkEnum } from "./limits.js";

const maxDelegates = 20;

/**
 * The delegates of an agent, each with its mode. One that `before` has already may have been deleted meanwhile.
 * @throws Fault `invalid` for too many, the same twice, an unknown mode, or an agent that does not exist.
 */
export async function checkDelegates(store: Store, agent: Agent, before?: Agent): Promise<Delegate[]> {
  const { delegates } = agent;
  if (delegates.length > maxDelegates)
    throw invalid(`delegates has ${delegates.length} entries; at most ${maxDelegates} are allowed`);
  const known = new Set([agent.id, ...(before?.delegates ?? []).map(({ agentId }) => agentId)]);
  const seen = new Set<string>();
  for (const [i, { agentId, mode }] of delegates.entries()) {
    const field = `delegates[${i}]`;
    if (agentId === "") throw invalid(`${field}.agent_id is required`);
    checkEnum(`${field}.mode`, DelegateMode, mode);
    const key = `${agentId} ${modeOf(mode)}`;
    if (seen.has(key)) throw invalid(`${field} is there before, with the same agent_id and mode`);
    seen.add(key);
    if (agentId === agent.id && modeOf(mode) === DelegateMode.HANDOFF)
      throw invalid(`${field}: an agent cannot hand the conversation over to itself`);
    if (!known.has(agentId) && !(await store.agents.get(agentId)))
      throw invalid(`${field}.agent_id: there is no agent ${JSON.stringify(agentId)}`);
  }
  return delegates.map((delegate) => ({ ...delegate, mode: modeOf(delegate.mode) }));
}

const modeOf = (mode: DelegateMode): DelegateMode => mode || DelegateMode.TASK;
