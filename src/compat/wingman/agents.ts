import { create, fromJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { AgentSchema as CanonicalSchema } from "../../../gen/agentry/v1/agents_pb.js";
import type {
  Agent,
  AgentInput,
  CreateAgentRequest,
  DeleteAgentRequest,
  GetAgentRequest,
  UpdateAgentRequest,
} from "../../../gen/wingman/v1/agents_pb.js";
import { AgentSchema } from "../../../gen/wingman/v1/agents_pb.js";
import { Fault } from "../../core/fault.js";
import { newId } from "../../core/id.js";
import { isShallow } from "../../core/json-depth.js";
import { changeForm, modelOf } from "./agent-form.js";
import type { AgentRecord } from "./agent-records.js";
import { AgentRecords } from "./agent-records.js";
import { invalidBody, missing } from "./errors.js";
import type { WingmanParts } from "./parts.js";
import { toTimeText } from "./time-text.js";
import { Turns } from "./turns.js";

/** Wingman has no limit of steps: the most that an agent may have. */
const maxSteps = 1000;

/** Wingman's agents. Each is a canonical agent too, with the same id. */
export function createAgentService(parts: WingmanParts) {
  const records = new AgentRecords(parts.store);
  const turns = new Turns();
  const find = async (id: string): Promise<AgentRecord> => {
    const record = await records.get(id);
    if (!record) throw missing("agent", id);
    return record;
  };
  return {
    async createAgent({ agent: input }: CreateAgentRequest) {
      if (!input) throw invalidBody();
      if (!input.name) throw new Fault("invalid", "name is required");
      const now = parts.stamp();
      const blank = create(CanonicalSchema, { id: newId(), maxSteps, createdAt: now });
      const record = write(parts, { agent: blank, form: { tools: [] } }, input, now);
      await records.insert(record);
      return { agent: toAgent(record) };
    },

    async listAgents() {
      return { agents: (await records.list()).map(toAgent) };
    },

    async getAgent({ agentId }: GetAgentRequest) {
      return { agent: toAgent(await find(agentId)) };
    },

    async updateAgent({ agentId, agent: input }: UpdateAgentRequest) {
      return turns.take(agentId, async () => {
        const stored = await find(agentId);
        if (!input) throw invalidBody();
        const record = write(parts, stored, input, parts.stamp());
        if (!(await records.update(record))) throw missing("agent", agentId);
        return { agent: toAgent(record) };
      });
    },

    async deleteAgent({ agentId }: DeleteAgentRequest) {
      if (!(await turns.take(agentId, () => records.delete(agentId)))) throw missing("agent", agentId);
      return { status: "deleted" };
    },
  };
}

type Stamp = ReturnType<WingmanParts["stamp"]>;

function write(
  { toolNames }: WingmanParts,
  { agent, form }: AgentRecord,
  input: AgentInput,
  now: Stamp,
): AgentRecord {
  const { name, instructions, outputSchema } = input;
  if (!isShallow(outputSchema)) throw invalidBody();
  const written = changeForm(form, input);
  const { model: _, ...rest } = agent;
  const model = modelOf(written);
  return {
    form: written,
    agent: {
      ...rest,
      ...(name !== undefined && { name }),
      ...(instructions !== undefined && { instructions }),
      ...(outputSchema && { outputSchema }),
      ...(model && { model }),
      tools: written.tools.filter((tool) => toolNames.has(tool)),
      updatedAt: now,
    },
  };
}

function toAgent({ agent, form }: AgentRecord): Agent {
  const { id, name, instructions, outputSchema } = agent;
  const { provider, model, options, tools } = form;
  return create(AgentSchema, {
    id,
    name,
    instructions,
    tools: [...tools],
    ...(provider && { provider: fromJson(ValueSchema, provider) }),
    model: model ?? "",
    ...(options && Object.keys(options).length > 0 && { options }),
    ...(outputSchema && Object.keys(outputSchema).length > 0 && { outputSchema }),
    createdAt: toTimeText(agent.createdAt),
    updatedAt: toTimeText(agent.updatedAt),
  });
}
