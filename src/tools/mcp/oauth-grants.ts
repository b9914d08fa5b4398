import type { OAuthClientInformationMixed, OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js";
import {
  OAuthClientInformationFullSchema,
  OAuthClientInformationSchema,
  OAuthTokensSchema,
} from "@modelcontextprotocol/sdk/shared/auth.js";
import type { Redactor, TokenStore } from "../../core/secrets.js";
import { grantId } from "./grant-id.js";
import { isRecord } from "./plain-json.js";

/** What OAuth has given for one server. */
export interface Grant {
  /** The registration, which holds for one address that browsers are sent back to. */
  readonly client?: OAuthClientInformationMixed | undefined;
  readonly redirectUrl?: string | undefined;
  readonly tokens?: OAuthTokens | undefined;
}

/** Keeps grants, encrypted, and makes the tokens in them known to the redactor. */
export class OAuthGrants {
  readonly #read = new Map<string, Grant>();
  /** What is under way for grants, by server: settles when the last work for it has. */
  readonly #working = new Map<string, Promise<unknown>>();

  constructor(
    private readonly store: TokenStore,
    private readonly redactor: Redactor,
  ) {}

  /** Read anew: the tokens may have been taken away, or another session may have got some. */
  async load(server: URL): Promise<Grant> {
    return this.exclusively(server, async () => {
      const text = await this.store.open(grantId(server));
      const grant = text === undefined ? {} : readGrant(text);
      this.#hide(server, grant);
      this.#read.set(server.href, grant);
      return grant;
    });
  }

  /** Works on the grant for a server when all that began before has settled. Not to be called within such work. */
  async exclusively<T>({ href }: URL, work: () => Promise<T>): Promise<T> {
    const before = this.#working.get(href) ?? Promise.resolve();
    const working = before.then(work);
    const settled = working.catch(() => undefined);
    this.#working.set(href, settled);
    try {
      return await working;
    } finally {
      if (this.#working.get(href) === settled) this.#working.delete(href);
    }
  }

  /** As it was read or saved last. */
  known(server: URL): Grant {
    return this.#read.get(server.href) ?? {};
  }

  async save(server: URL, grant: Grant): Promise<void> {
    this.#hide(server, grant);
    this.#read.set(server.href, grant);
    await this.store.put(grantId(server), JSON.stringify(grant), server.origin);
  }

  #hide({ href }: URL, { tokens, client }: Grant): void {
    const secrets = [tokens?.access_token, tokens?.refresh_token, tokens?.id_token, client?.client_secret];
    for (const secret of secrets) if (secret) this.redactor.add(secret, href);
  }
}

function readGrant(text: string): Grant {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) return {};
  const full = OAuthClientInformationFullSchema.safeParse(value.client);
  const brief = OAuthClientInformationSchema.safeParse(value.client);
  const tokens = OAuthTokensSchema.safeParse(value.tokens);
  return {
    client: full.data ?? brief.data,
    redirectUrl: typeof value.redirectUrl === "string" ? value.redirectUrl : undefined,
    tokens: tokens.data,
  };
}
