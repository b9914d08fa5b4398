import {
  auth,
  extractWWWAuthenticateParams,
  UnauthorizedError,
} from "@modelcontextprotocol/sdk/client/auth.js";
import type { FetchLike } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { OAuthClient } from "./oauth-client.js";

/** What the authorization of one connection works with. */
export interface OAuthFetchParts {
  readonly server: URL;
  readonly client: OAuthClient;
  /** Sends what it is given, and adds no token. */
  readonly fetch: FetchLike;
  /** Milliseconds for everything that a new token takes. */
  readonly answerMs: number;
}

/**
 * Sends requests with the access token of a grant, to the server's own origin alone. A request that is refused for
 * its token is sent once more with another: the one that another connection has got meanwhile, or one that this one
 * gets now. Connections with one grant get their tokens one after the other, for a server may revoke a grant whose
 * refresh token is used twice (RFC 9700, 4.14.2).
 * @throws UnauthorizedError when the user has to authorize the server: the page is the client's.
 */
export function createOAuthFetch({ server, client, fetch, answerMs }: OAuthFetchParts): FetchLike {
  const send: FetchLike = (input, init = {}) => {
    const headers = new Headers(init.headers);
    const token = client.tokens()?.access_token;
    if (token !== undefined && new URL(input).origin === server.origin)
      headers.set("authorization", `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };
  return async (input, init) => {
    const sent = client.tokens()?.access_token;
    const response = await send(input, init);
    if (!isChallenge(response)) return response;
    const challenge = extractWWWAuthenticateParams(response);
    await response.body?.cancel();
    await client.exclusively(async () => {
      if (client.tokens()?.access_token !== sent) return;
      await authorizeBy(client, { ...challenge, serverUrl: server, fetchFn: endingIn(fetch, answerMs) });
    });
    return send(input, init);
  };
}

/** Turns the code of a page that the user has visited into tokens. */
export async function redeemCode(
  { server, client, fetch, answerMs }: OAuthFetchParts,
  authorizationCode: string,
): Promise<void> {
  const options = { serverUrl: server, authorizationCode, fetchFn: endingIn(fetch, answerMs) };
  await client.exclusively(() => authorizeBy(client, options));
}

async function authorizeBy(client: OAuthClient, options: Parameters<typeof auth>[1]): Promise<void> {
  if ((await auth(client, options)) !== "AUTHORIZED") throw new UnauthorizedError();
}

/** Who waits for a token waits for others too: nobody may keep them waiting for ever. */
function endingIn(fetch: FetchLike, ms: number): FetchLike {
  const signal = AbortSignal.timeout(ms);
  return (input, init) => fetch(input, { ...init, signal });
}

/** Whether a request was refused for its token, or for what its token does not allow (RFC 6750, 3.1). */
function isChallenge(response: Response): boolean {
  if (response.status === 401) return true;
  return response.status === 403 && extractWWWAuthenticateParams(response).error === "insufficient_scope";
}
