import type { Agent } from "../../../gen/agentry/v1/agents_pb.js";
import type { Store } from "../../core/store.js";
import type { AgentForm } from "./agent-form.js";
import { formOf, reconcile } from "./agent-form.js";
import { timestampNanos } from "./time-text.js";

const kind = "wingman.agent";

/** An agent with the form that it was written in. */
export interface AgentRecord {
  readonly agent: Agent;
  readonly form: AgentForm;
}

interface Kept {
  readonly form: AgentForm;
  /** When the agent was changed that this belongs to. */
  readonly writtenAt: string;
}

/** The agents of the store, each with its form. */
export class AgentRecords {
  constructor(private readonly store: Store) {}

  async get(id: string): Promise<AgentRecord | undefined> {
    const agent = await this.store.agents.get(id);
    if (!agent) return undefined;
    return toRecord(agent, (await this.store.documents.get(kind, id))?.json);
  }

  /** Newest first. */
  async list(): Promise<AgentRecord[]> {
    const kept = new Map((await this.store.documents.list(kind)).map(({ id, json }) => [id, json]));
    const records: AgentRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.store.agents.list({ limit: 500, cursor });
      records.push(...page.items.map((agent) => toRecord(agent, kept.get(agent.id))));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return records;
  }

  /** Writes the form first: without an agent of the same time it counts for nothing. */
  async insert({ agent, form }: AgentRecord): Promise<void> {
    await this.#keep(agent, form);
    await this.store.agents.insert(agent);
  }

  /** False when there is none with its id. */
  async update({ agent, form }: AgentRecord): Promise<boolean> {
    await this.#keep(agent, form);
    return this.store.agents.update(agent);
  }

  async delete(id: string): Promise<boolean> {
    const deleted = await this.store.agents.delete(id);
    await this.store.documents.delete(kind, id);
    return deleted;
  }

  async #keep(agent: Agent, form: AgentForm): Promise<void> {
    const kept: Kept = { form, writtenAt: timestampNanos(agent.updatedAt) };
    await this.store.documents.put({ kind, id: agent.id, parent: "", json: JSON.stringify(kept) });
  }
}

function toRecord(agent: Agent, json: string | undefined): AgentRecord {
  if (json === undefined) return { agent, form: formOf(agent) };
  const { form, writtenAt }: Kept = JSON.parse(json);
  const current = writtenAt === timestampNanos(agent.updatedAt);
  return { agent, form: current ? form : reconcile(form, agent) };
}
