import type { Agent, Delegate, DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { DelegateMode as Mode } from "../../gen/agentry/v1/agents_pb.js";
import type { Store } from "../core/store.js";

/** An agent that another one can give work to, as its model is told of it. */
export interface KnownDelegate {
  /** Its name; its id where another delegate has the same name. */
  readonly label: string;
  /** As it is now. */
  readonly agent: Agent;
}

/** Of each delegate's description, in UTF-16 units: the model is told of all of them in every step. */
const longestDescription = 1000;

/** Whether an agent has been given delegates in one mode, which may have been deleted since. */
export function hasDelegates({ delegates }: Agent, mode: DelegateMode): boolean {
  return delegates.some((delegate) => modeOf(delegate) === mode);
}

/** The delegates of an agent in one mode that still exist. */
export async function knownDelegates(
  store: Store,
  { delegates }: Agent,
  mode: DelegateMode,
): Promise<KnownDelegate[]> {
  const ids = delegates.filter((delegate) => modeOf(delegate) === mode).map(({ agentId }) => agentId);
  const found = await Promise.all([...new Set(ids)].map((id) => store.agents.get(id)));
  const agents = found.filter((agent) => agent !== undefined);
  const names = agents.map(({ name }) => plain(name));
  return agents.map((agent) => {
    const shared = names.filter((name) => name === plain(agent.name)).length > 1;
    return { label: shared ? agent.id : agent.name, agent };
  });
}

/** The delegate that a model means: by id, by label, or by a label in other case. */
export function findDelegate(known: readonly KnownDelegate[], given: string): KnownDelegate | undefined {
  return (
    known.find(({ agent }) => agent.id === given) ??
    known.find(({ label }) => label === given) ??
    known.find(({ label }) => plain(label) === plain(given))
  );
}

/** For the model: the delegates, one a line, with what they are for. */
export function describeDelegates(known: readonly KnownDelegate[]): string {
  if (known.length === 0) return "None is left: all of them have been deleted.";
  return known
    .map(({ label, agent }) => {
      const name = label === agent.name ? "" : ` (${agent.name})`;
      const description = agent.description.slice(0, longestDescription).toWellFormed();
      return `- ${label}${name}${description && `: ${description}`}`;
    })
    .join("\n");
}

const modeOf = ({ mode }: Delegate): DelegateMode => mode || Mode.TASK;
const plain = (name: string): string => name.trim().toLowerCase();
