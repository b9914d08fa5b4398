import { setTimeout as sleep } from "node:timers/promises";
import type { FetchLike } from "@modelcontextprotocol/sdk/shared/transport.js";
import { describe, expect, it } from "vitest";
import { createRedactor } from "../../../src/core/redactor.js";
import { OAuthClient } from "../../../src/tools/mcp/oauth-client.js";
import { createOAuthFetch } from "../../../src/tools/mcp/oauth-fetch.js";
import { OAuthGrants } from "../../../src/tools/mcp/oauth-grants.js";
import { createServerFetch } from "../../../src/tools/mcp/server-fetch.js";
import { serve } from "./http-place.js";
import { memoryTokens } from "./mcp-place.js";

const redirectUrl = "http://127.0.0.1:1/oauth/callback";

/** A fetch with a token, for a server that the caller answers for. */
async function openFetch(origin: string, answerMs = 5_000): Promise<FetchLike & { client: OAuthClient }> {
  const server = new URL(`${origin}/mcp`);
  const grants = new OAuthGrants(memoryTokens().tokens, createRedactor());
  await grants.save(server, {
    client: { client_id: "c", issuer: origin },
    redirectUrl,
    tokens: { access_token: "one", refresh_token: "refresh-one", token_type: "Bearer", issuer: origin },
  });
  const client = new OAuthClient({ server, grants, redirectUrl });
  const fetch = createServerFetch(server, undefined);
  return Object.assign(createOAuthFetch({ server, client, fetch, answerMs }), { client });
}

describe("a request with a token", () => {
  it("has it for the server's own origin alone", async () => {
    const seen: (string | undefined)[] = [];
    const note = () =>
      serve((request, response) => {
        seen.push(request.headers.authorization);
        response.end();
      });
    const [own, other] = [await note(), await note()];
    const fetch = await openFetch(own);
    await fetch(`${own}/mcp`);
    await fetch(`${other}/mcp`);
    expect(seen).toEqual(["Bearer one", undefined]);
  });

  it.each([301, 302, 303, 307, 308])("is not sent on to another origin by %s", async (status) => {
    const visits: string[] = [];
    const elsewhere = await serve((request, response) => {
      visits.push(request.url!);
      response.end();
    });
    const origin = await serve((_request, response) =>
      response.writeHead(status, { location: `${elsewhere}/x` }).end(),
    );
    expect((await (await openFetch(origin))(`${origin}/mcp`)).status).toBe(status);
    expect(visits).toEqual([]);
  });

  it("is sent once more when it is refused, and no further", async () => {
    const seen: (string | undefined)[] = [];
    let refreshes = 0;
    const origin = await serve((request, response) => {
      if (request.url === "/token") {
        refreshes += 1;
        const tokens = { access_token: `two-${refreshes}`, token_type: "Bearer", refresh_token: "r" };
        return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(tokens));
      }
      if (request.url === "/mcp") seen.push(request.headers.authorization);
      return response.writeHead(request.url === "/mcp" ? 401 : 404).end();
    });
    expect((await (await openFetch(origin))(`${origin}/mcp`)).status).toBe(401);
    expect(seen).toEqual(["Bearer one", "Bearer two-1"]);
  });

  it("does not wait for ever for a token, and nor do others", async () => {
    let silent = true;
    const origin = await serve(async (request, response) => {
      if (request.url === "/mcp") return response.writeHead(401).end();
      if (silent) await sleep(20_000, undefined, { ref: false });
      return response.writeHead(404).end();
    });
    const fetch = await openFetch(origin, 300);
    await expect(fetch(`${origin}/mcp`)).rejects.toThrow();
    silent = false;
    expect(await fetch.client.exclusively(async () => "free")).toBe("free");
  });
});
