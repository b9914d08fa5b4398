import type { Agent } from "../../gen/agentry/v1/agents_pb.js";
import type { Store } from "../core/store.js";

/**
 * The same store; `onLoss` is called when an agent that had MCP servers was changed or deleted, and waited for
 * before that is answered. It must not throw.
 */
export function watchAgents(store: Store, onLoss: () => Promise<void>): Store {
  const { agents } = store;
  const watched = async (id: string, change: () => Promise<boolean>): Promise<boolean> => {
    const before: Agent | undefined = await agents.get(id);
    const changed = await change();
    if (changed && before && before.mcpServers.length > 0) await onLoss();
    return changed;
  };
  return {
    ...store,
    agents: {
      ...agents,
      update: (agent) => watched(agent.id, () => agents.update(agent)),
      delete: (id) => watched(id, () => agents.delete(id)),
    },
  };
}
