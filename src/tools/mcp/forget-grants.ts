import type { McpServer } from "../../../gen/agentry/v1/agents_pb.js";
import type { TokenStore } from "../../core/secrets.js";
import { grantId, grantPrefix } from "./grant-id.js";

/** Forgets the grants for other servers than these, which are read where there is a grant. */
export async function forgetGrants(
  tokens: TokenStore,
  kept: () => Promise<readonly McpServer[]>,
): Promise<void> {
  const ids = await tokens.list(grantPrefix);
  if (ids.length === 0) return;
  const wanted = new Set((await kept()).map(idOf));
  for (const id of ids) if (!wanted.has(id)) await tokens.delete(id);
}

function idOf({ transport }: McpServer): string | undefined {
  const url = transport.case === "http" ? URL.parse(transport.value.url) : null;
  return url ? grantId(url) : undefined;
}
