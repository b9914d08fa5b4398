import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { Fault } from "../core/fault.js";
import type { HttpRequest } from "./http-exchange.js";
import { headerOf } from "./http-exchange.js";
import { isLocalCaller } from "./local-caller.js";
import type { Refusal } from "./reply.js";

/**
 * Who may call. `local`: processes of the same user on this machine, and whoever has the token. `token`:
 * whoever has the token. `none`: whoever reaches the port.
 */
export type AuthMode = "local" | "token" | "none";

/** How callers are asked who they are. */
export interface AuthOptions {
  readonly mode: AuthMode;
  /** The bind host. */
  readonly host: string;
  /** The token; not needed with `none`. */
  readonly token?: string;
  /** Paths that ask for the token whatever the mode. */
  readonly tokenRequired?: (pathname: string) => boolean;
}

/** Refuses a caller, or lets it pass with undefined. Reads headers alone. */
export type Authenticator = (request: HttpRequest, pathname: string) => Refusal | undefined;

const refusal = (message: string): Refusal => ({
  status: 401,
  reason: "unauthenticated",
  message,
  headers: { "www-authenticate": "Bearer" },
});

/**
 * Makes the check of callers. A wrong token is refused even where none is needed. Throws a Fault when the
 * port would be reachable from other machines without a token, or when a token is needed and absent.
 */
export function createAuthenticator(options: AuthOptions): Authenticator {
  const { mode, host, token, tokenRequired = () => false } = options;
  if (mode !== "token" && !isLoopback(host)) {
    throw new Fault(
      "forbidden",
      `--auth ${mode} is for loopback addresses only; use --auth token to listen on ${host}`,
    );
  }
  if (token === undefined && mode !== "none") throw new Fault("invalid", `--auth ${mode} needs a token`);
  const expected = token === undefined ? undefined : digest(token);
  return (request, pathname) => {
    const strict = mode === "token" || tokenRequired(pathname);
    if (mode === "none" && !strict) return undefined;
    const header = headerOf(request, "authorization");
    if (header !== undefined) {
      return expected && holds(header, expected) ? undefined : refusal("the token is wrong");
    }
    if (!strict && isLocalCaller(socketOf(request))) return undefined;
    return refusal("send the header `Authorization: Bearer <token>`");
  };
}

/** Whether a bind host is reachable from this machine alone. */
function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}

/** One object for a connection's life: the compatibility API of HTTP/2 makes a new proxy for every stream. */
function socketOf(request: HttpRequest) {
  if (!("stream" in request)) return request.socket;
  return request.stream.session?.socket ?? request.socket;
}

/** Compares digests, so that neither the length nor the content of the token shows in the time taken. */
function holds(header: string, expected: Buffer): boolean {
  const [, presented] = /^bearer +([^\s]+) *$/i.exec(header) ?? [];
  return presented !== undefined && timingSafeEqual(digest(presented), expected);
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
