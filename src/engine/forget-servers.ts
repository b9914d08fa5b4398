import type { McpServer } from "../../gen/agentry/v1/agents_pb.js";
import type { AgentRows } from "../core/store.js";
import type { ServerParts } from "./server-tools.js";

const pageSize = 500;

/** Forgets what people have approved of MCP servers that no stored agent has, and the secrets got for them. */
export async function forgetServers(agents: AgentRows, { servers, trust }: ServerParts): Promise<void> {
  let reading: Promise<readonly McpServer[]> | undefined;
  const kept = (): Promise<readonly McpServer[]> => {
    reading ??= serversOf(agents);
    return reading;
  };
  await trust.keepOnly(kept);
  await servers.keepOnly(kept);
}

async function serversOf(agents: AgentRows): Promise<readonly McpServer[]> {
  const found: McpServer[] = [];
  let cursor: string | undefined;
  do {
    const page = await agents.list({ limit: pageSize, cursor });
    for (const { mcpServers } of page.items) found.push(...mcpServers);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}
