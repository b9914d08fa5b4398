import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Agent, AgentService, ModelSettings } from "../../gen/agentry/v1/agents_pb.js";
import { AgentSchema, ToolSchema } from "../../gen/agentry/v1/agents_pb.js";
import { invalid, notFound } from "../core/fault.js";
import { newId } from "../core/id.js";
import type { Policy } from "../core/policy.js";
import type { ProviderDirectory } from "../core/provider-directory.js";
import type { Store } from "../core/store.js";
import type { Tool } from "../core/tool.js";
import { checkDelegates } from "./check-delegates.js";
import { checkMcpServers } from "./check-mcp-servers.js";
import { checkRules } from "./check-rules.js";
import { applyMask } from "./field-mask.js";
import { checkJson, checkLabels, checkLength, checkTitle } from "./limits.js";
import { toPage } from "./page.js";
import { plainHosts } from "./plain-hosts.js";

const maxSteps = 1000;
const maxInstructions = 1024 * 1024;
const mutable = [
  "name",
  "description",
  "instructions",
  "model",
  "fallbacks",
  "tools",
  "output_schema",
  "max_steps",
  "labels",
  "rules",
  "mcp_servers",
  "delegates",
  "allowed_hosts",
];

/** What the agent service works with. */
export interface AgentServiceParts {
  readonly store: Store;
  readonly tools: readonly Tool[];
  readonly providers: ProviderDirectory;
  readonly policy: Policy;
  stamp(): Timestamp;
}

/** The canonical AgentService. */
export function createAgentService(parts: AgentServiceParts) {
  const { store, tools, stamp } = parts;
  return {
    async createAgent({ agent: given }) {
      const now = stamp();
      const agent = create(AgentSchema, {
        ...(given ?? create(AgentSchema)),
        id: newId(),
        allowedHosts: plainHosts(given?.allowedHosts ?? []),
        createdAt: now,
        updatedAt: now,
      });
      await check(parts, agent);
      agent.delegates = await checkDelegates(store, agent);
      await store.agents.insert(agent);
      return { agent };
    },

    async getAgent({ agentId }) {
      return { agent: await find(store, agentId) };
    },

    async listAgents(request) {
      const { items, cursor } = await store.agents.list(toPage(request));
      return { agents: items, nextPageToken: cursor ?? "" };
    },

    async updateAgent({ agent: changes, updateMask }) {
      if (!changes?.id) throw invalid("agent.id is required");
      const stored = await find(store, changes.id);
      const paths = updateMask?.paths ?? [];
      const changed = applyMask({ schema: AgentSchema, stored, changes, paths, mutable });
      const allowedHosts = plainHosts(changed.allowedHosts);
      const agent: Agent = { ...changed, allowedHosts, updatedAt: stamp() };
      await check(parts, agent);
      agent.delegates = await checkDelegates(store, agent, stored);
      if (!(await store.agents.update(agent))) throw notFound("agent", agent.id);
      return { agent };
    },

    async deleteAgent({ agentId }) {
      if (!(await store.agents.delete(agentId))) throw notFound("agent", agentId);
      return {};
    },

    listTools() {
      const sorted = [...tools].sort((a, b) => (a.name < b.name ? -1 : 1));
      return {
        tools: sorted.map(({ name, description, inputSchema, readOnly }) =>
          create(ToolSchema, { name, description, inputSchema, readOnly }),
        ),
      };
    },
  } satisfies ServiceImpl<typeof AgentService>;
}

async function find(store: Store, agentId: string): Promise<Agent> {
  const agent = await store.agents.get(agentId);
  if (!agent) throw notFound("agent", agentId);
  return agent;
}

async function check({ tools, providers, policy }: AgentServiceParts, agent: Agent): Promise<void> {
  if (agent.name.trim() === "") throw invalid("name is required, and not of white space alone");
  checkTitle("name", agent.name, 200);
  checkLength("description", agent.description, 10_000);
  checkLength("instructions", agent.instructions, maxInstructions);
  checkLabels(agent.labels);
  checkRules(policy, agent.rules);
  checkMcpServers(agent.mcpServers);
  checkJson("output_schema", agent.outputSchema);
  if (agent.maxSteps > maxSteps)
    throw invalid(`max_steps is ${agent.maxSteps}; at most ${maxSteps} is allowed`);
  if (!agent.model)
    throw invalid('model is required, for example {"provider":"anthropic","name":"claude-sonnet-4-5"}');
  for (const model of [agent.model, ...agent.fallbacks]) await checkModel(providers, model);
  checkTools(tools, agent.tools);
}

function checkTools(tools: readonly Tool[], names: readonly string[]): void {
  const known = new Set(tools.map(({ name }) => name));
  for (const [i, name] of names.entries()) {
    if (!known.has(name))
      throw invalid(`there is no tool ${JSON.stringify(name)}; there are ${[...known].join(", ")}`);
    if (names.indexOf(name) < i) throw invalid(`tools has ${JSON.stringify(name)} twice`);
  }
}

async function checkModel(providers: ProviderDirectory, model: ModelSettings): Promise<void> {
  if (model.provider === "") throw invalid("model.provider is required");
  if (model.name.trim() === "") throw invalid("model.name is required");
  checkTitle("model.name", model.name, 200);
  const { temperature, topP } = model;
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2))
    throw invalid("temperature is not between 0 and 2");
  if (topP !== undefined && !(topP >= 0 && topP <= 1)) throw invalid("top_p is not between 0 and 1");
  if (model.maxTokens === 0) throw invalid("max_tokens is 0; leave it out for the model's own limit");
  if (model.baseUrl && !URL.canParse(model.baseUrl)) throw invalid("base_url is not a URL");
  await providers.get(model.provider);
}
