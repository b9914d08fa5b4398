import type { OAuthClientProvider, OAuthDiscoveryState } from "@modelcontextprotocol/sdk/client/auth.js";
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from "@modelcontextprotocol/sdk/shared/auth.js";
import type { OAuthGrants } from "./oauth-grants.js";
import { newState } from "./return-desk.js";
import { checkForeign } from "./server-fetch.js";

/** What a client of OAuth works with. */
export interface OAuthClientParts {
  readonly server: URL;
  readonly grants: OAuthGrants;
  /** Where browsers are sent back to. */
  readonly redirectUrl: string;
}

/** A page on which the user is to authorize a server, and the state with which a browser returns from it. */
export interface AuthorizationPage {
  readonly url: URL;
  readonly state: string;
}

/**
 * OAuth 2.1 for one connection, as the library asks for it: with PKCE, and a registration as a public client. It
 * opens no page: the page that the user has to visit is kept in `page`.
 */
export class OAuthClient implements OAuthClientProvider {
  #state = newState();
  #page: AuthorizationPage | undefined;
  #verifier = "";
  #discovery: OAuthDiscoveryState | undefined;

  constructor(private readonly parts: OAuthClientParts) {}

  /** The page that the user has to visit; undefined while there is none. */
  get page(): AuthorizationPage | undefined {
    return this.#page;
  }

  /** Issuer by its own metadata, where that is known. */
  get issuer(): string | undefined {
    return this.#discovery?.authorizationServerMetadata?.issuer;
  }

  /** As `OAuthGrants.exclusively`, for the grant of its server. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.parts.grants.exclusively(this.parts.server, work);
  }

  /** The page is not needed any more. */
  forgetPage(): void {
    this.#page = undefined;
  }

  get redirectUrl(): string {
    return this.parts.redirectUrl;
  }

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: "Agentry",
      redirect_uris: [this.parts.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }

  state(): string {
    this.#state = newState();
    return this.#state;
  }

  clientInformation(): OAuthClientInformationMixed | undefined {
    const { client, redirectUrl } = this.parts.grants.known(this.parts.server);
    return redirectUrl === this.parts.redirectUrl ? client : undefined;
  }

  async saveClientInformation(client: OAuthClientInformationMixed): Promise<void> {
    const { server, grants, redirectUrl } = this.parts;
    await grants.save(server, { ...grants.known(server), client, redirectUrl });
  }

  tokens(): OAuthTokens | undefined {
    return this.parts.grants.known(this.parts.server).tokens;
  }

  async saveTokens(tokens: OAuthTokens): Promise<void> {
    const { server, grants } = this.parts;
    await grants.save(server, { ...grants.known(server), tokens });
  }

  /** @throws AddressRefusal for a page that a server may not lead to. */
  redirectToAuthorization(url: URL): void {
    checkForeign(url, this.parts.server);
    this.#page = { url, state: this.#state };
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovery = state;
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovery;
  }

  async invalidateCredentials(scope: "all" | "client" | "tokens" | "verifier" | "discovery"): Promise<void> {
    const { server, grants } = this.parts;
    if (scope === "all" || scope === "discovery") this.#discovery = undefined;
    if (scope === "verifier" || scope === "discovery") return;
    const { client, redirectUrl, tokens } = grants.known(server);
    const kept = scope === "tokens" ? { client, redirectUrl } : scope === "client" ? { tokens } : {};
    await grants.save(server, kept);
  }
}
