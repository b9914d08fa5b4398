import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { serve } from "./http-place.js";

/** What an authorization server may say of itself in place of the truth. */
export interface AuthorizationOptions {
  readonly metadata?: object;
  /** Seconds for which a token is good. Default 3600. */
  readonly expiresIn?: number;
  /** Milliseconds until it answers to a refresh. Default: none. */
  readonly refreshMs?: number;
}

/**
 * A small authorization server: metadata (RFC 8414), dynamic registration (RFC 7591), a page that says yes at once,
 * and a token endpoint that checks PKCE. Refresh tokens rotate: one that comes a second time revokes all that was given
 * (RFC 9700, 4.14.2).
 */
export async function openAuthorizationServer(options: AuthorizationOptions = {}) {
  const clients = new Map<string, { redirect_uris: string[] }>();
  const codes = new Map<string, { challenge: string; redirectUri: string }>();
  const tokens = new Set<string>();
  const refreshing = new Set<string>();
  const used = new Set<string>();
  const log: string[] = [];

  const grant = () => {
    const [access, refresh] = [`access-${randomUUID()}`, `refresh-${randomUUID()}`];
    tokens.add(access);
    refreshing.add(refresh);
    const expires = options.expiresIn ?? 3600;
    return { access_token: access, refresh_token: refresh, token_type: "Bearer", expires_in: expires };
  };
  const authorize = (query: URLSearchParams, response: ServerResponse): void => {
    const redirect = new URL(query.get("redirect_uri")!);
    if (!clients.get(query.get("client_id")!)?.redirect_uris.includes(redirect.href)) {
      response.writeHead(400).end("unknown client");
      return;
    }
    const code = randomUUID();
    codes.set(code, { challenge: query.get("code_challenge")!, redirectUri: redirect.href });
    redirect.searchParams.set("code", code);
    redirect.searchParams.set("state", query.get("state")!);
    response.writeHead(302, { location: redirect.href }).end();
  };
  const refresh = (token: string): object | undefined => {
    if (refreshing.delete(token)) {
      used.add(token);
      return grant();
    }
    if (used.has(token)) for (const given of [tokens, refreshing]) given.clear();
    return undefined;
  };
  const token = async (form: URLSearchParams): Promise<object | undefined> => {
    if (form.get("grant_type") === "refresh_token") {
      const given = refresh(form.get("refresh_token")!);
      await sleep(options.refreshMs ?? 0);
      return given;
    }
    const known = codes.get(form.get("code")!);
    codes.delete(form.get("code")!);
    const verifier = createHash("sha256").update(form.get("code_verifier")!).digest("base64url");
    if (known?.challenge !== verifier || known.redirectUri !== form.get("redirect_uri")) return undefined;
    return grant();
  };
  const answer = (response: ServerResponse, status: number, body: object): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url!, origin);
    log.push(`${request.method} ${url.pathname}`);
    switch (url.pathname) {
      case "/.well-known/oauth-authorization-server":
        return answer(response, 200, {
          issuer: origin,
          authorization_endpoint: `${origin}/authorize`,
          token_endpoint: `${origin}/token`,
          registration_endpoint: `${origin}/register`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          token_endpoint_auth_methods_supported: ["none"],
          ...options.metadata,
        });
      case "/register": {
        const client = JSON.parse(await text(request)) as { redirect_uris: string[] };
        const id = randomUUID();
        clients.set(id, client);
        return answer(response, 201, { ...client, client_id: id });
      }
      case "/authorize":
        return authorize(url.searchParams, response);
      case "/token": {
        const given = await token(new URLSearchParams(await text(request)));
        return given ? answer(response, 200, given) : answer(response, 400, { error: "invalid_grant" });
      }
      default:
        return void response.writeHead(404).end();
    }
  };
  const origin = await serve(handle);

  /** What an MCP server does that wants tokens of this one: for `openHttpPlace`. */
  const guard = (request: IncomingMessage, response: ServerResponse): boolean => {
    const own = `http://${request.headers.host}`;
    if (request.url?.startsWith("/.well-known/oauth-protected-resource")) {
      answer(response, 200, { resource: `${own}/mcp`, authorization_servers: [origin] });
      return true;
    }
    const bearer = request.headers.authorization?.replace(/^Bearer /, "");
    if (bearer !== undefined && tokens.has(bearer)) return false;
    const metadata = `${own}/.well-known/oauth-protected-resource/mcp`;
    response.writeHead(401, { "www-authenticate": `Bearer resource_metadata="${metadata}"` }).end();
    return true;
  };
  /** Does what a browser does with the page: answers with the address that it is sent to. */
  const visit = async (page: string): Promise<string> => {
    const response = await fetch(page, { redirect: "manual" });
    return response.headers.get("location") ?? "";
  };
  return { origin, guard, visit, log, tokens, refreshing, clients };
}
