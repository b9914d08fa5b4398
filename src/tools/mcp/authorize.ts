import { setTimeout as delay } from "node:timers/promises";
import { canceled, Fault } from "../../core/fault.js";
import type { ServerHost } from "../../core/tool-servers.js";
import type { OAuthClient } from "./oauth-client.js";
import type { ReturnDesk, ReturnQuery } from "./return-desk.js";
import { plainLine } from "./server-fault.js";

/** Milliseconds for which a browser is waited for after the user has said that it is done. */
const returnMs = 120_000;

/**
 * Asks the user to authorize a server on a page, and answers with the authorization code. The browser brings it back
 * by itself; where it cannot reach this server, the user pastes the address at which it ended.
 * @throws Fault `forbidden` when the user or the page says no, `timeout` when nothing comes of it, `canceled`.
 */
export async function authorize(
  client: OAuthClient,
  { name, host, desk }: { readonly name: string; readonly host: ServerHost; readonly desk: ReturnDesk },
  signal: AbortSignal,
): Promise<string> {
  const { page } = client;
  if (!page) throw new Fault("unauthenticated", "it has to be authorized, and does not say where");
  const { returned, forget } = desk.await(page.state);
  try {
    host.onAuthorization();
    const { action, content } = await host.elicit({
      message:
        `The MCP server ${name} has to be authorized. Open the page in a browser. If the browser cannot come back ` +
        "to this server, give the address at which it ended.",
      url: page.url.href,
      requestedSchema: form,
      confidential: true,
      elsewhere: returned,
    });
    if (signal.aborted) throw canceled("the run was canceled");
    if (action === "expire") throw new Fault("timeout", "nobody authorized it in time");
    if (action !== "accept") throw new Fault("forbidden", "the user did not authorize it");
    const pasted = typeof content?.redirect_url === "string" ? content.redirect_url.trim() : "";
    const query = pasted === "" ? await untilReturned(returned, signal) : readAddress(pasted, page.state);
    return readCode(query, client.issuer);
  } finally {
    forget();
    client.forgetPage();
  }
}

const form = {
  type: "object",
  properties: {
    redirect_url: {
      type: "string",
      title: "Address",
      description: "The address at which the browser ended. Empty where it came back by itself.",
    },
  },
};

async function untilReturned(returned: Promise<ReturnQuery>, signal: AbortSignal): Promise<ReturnQuery> {
  const late = delay(returnMs, undefined, { signal, ref: false }).catch(() => undefined);
  const query = await Promise.race([returned, late]);
  if (signal.aborted) throw canceled("the run was canceled");
  if (!query) throw new Fault("timeout", "no browser came back from the page");
  return query;
}

function readAddress(text: string, state: string): ReturnQuery {
  const query = URL.parse(text)?.searchParams;
  if (query?.get("state") !== state)
    throw new Fault("invalid", "the address that was given is not the one at which the browser ended");
  return query;
}

function readCode(query: ReturnQuery, issuer: string | undefined): string {
  const error = query.get("error");
  if (error !== null) throw new Fault("forbidden", plainLine(`the page did not authorize it: ${error}`));
  // RFC 9207: another server's answer.
  const from = query.get("iss");
  if (from !== null && issuer !== undefined && from !== issuer)
    throw new Fault("forbidden", "another server than the one that was asked has answered");
  const code = query.get("code");
  if (!code) throw new Fault("invalid", "the page brought no authorization code");
  return code;
}
