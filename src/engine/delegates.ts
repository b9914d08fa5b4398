import type { Agent, DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { DelegateMode as Mode } from "../../gen/agentry/v1/agents_pb.js";
import type { Store } from "../core/store.js";

/** An agent that another one can give work to, as its model is told of it. */
export interface KnownDelegate {
  /** Its name; its id where another delegate has the same name. */
  readonly label: string;
  /** As it is now. */
  readonly agent: Agent;
}

/** The delegates of an agent in one mode that still exist. */
export async function knownDelegates(
  store: Store,
  { delegates }: Agent,
  mode: DelegateMode,
): Promise<KnownDelegate[]> {
  const ids = delegates
    .filter((delegate) => (delegate.mode || Mode.TASK) === mode)
    .map(({ agentId }) => agentId);
  const found = await Promise.all([...new Set(ids)].map((id) => store.agents.get(id)));
  const agents = found.filter((agent) => agent !== undefined);
  const names = agents.map(({ name }) => plain(name));
  return agents.map((agent) => {
    const shared = names.filter((name) => name === plain(agent.name)).length > 1;
    return { label: shared ? agent.id : agent.name, agent };
  });
}

/** The delegate that a model means: by label or id, else by a name in other case. */
export function findDelegate(known: readonly KnownDelegate[], given: string): KnownDelegate | undefined {
  return (
    known.find(({ label, agent }) => label === given || agent.id === given) ??
    known.find(({ label }) => plain(label) === plain(given))
  );
}

/** For the model: the delegates, one a line, with what they are for. */
export function describeDelegates(known: readonly KnownDelegate[]): string {
  if (known.length === 0) return "None is left: all of them have been deleted.";
  return known
    .map(({ label, agent }) => {
      const name = label === agent.name ? "" : ` (${agent.name})`;
      return `- ${label}${name}${agent.description && `: ${agent.description}`}`;
    })
    .join("\n");
}

const plain = (name: string): string => name.trim().toLowerCase();
