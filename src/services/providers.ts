import type { ServiceImpl } from "@connectrpc/connect";
import type { Provider, ProviderService } from "../../gen/agentry/v1/providers_pb.js";
import { notFound } from "../core/fault.js";
import type { CredentialVault, ProviderDirectory } from "../core/provider-directory.js";
import type { Call } from "./call.js";
import { checkLength } from "./limits.js";

/** What the provider service works with. */
export interface ProviderServiceParts {
  readonly providers: ProviderDirectory;
  readonly vault: CredentialVault;
}

/** The canonical ProviderService. */
export function createProviderService({ providers, vault }: ProviderServiceParts) {
  const withCredential = async (provider: Provider): Promise<Provider> => {
    const credential = await vault.describe(provider.id);
    return credential ? { ...provider, credential } : provider;
  };
  return {
    async listProviders() {
      return { providers: await Promise.all((await providers.list()).map(withCredential)) };
    },

    async getProvider({ providerId }) {
      return { provider: await withCredential(await providers.get(providerId)) };
    },

    async listModels({ providerId }, { signal }: Call) {
      return { models: await providers.models(providerId, signal) };
    },

    async getModel({ providerId, modelId }, { signal }: Call) {
      const models = await providers.models(providerId, signal);
      const model = models.find(({ id }) => id === modelId);
      if (!model) throw notFound("model", modelId);
      return { model };
    },

    async setCredential({ providerId, apiKey, baseUrl }) {
      checkLength("api_key", apiKey, 10_000);
      checkLength("base_url", baseUrl, 2000);
      return { credential: await vault.put(providerId, apiKey, baseUrl) };
    },

    async deleteCredential({ providerId }) {
      if (!(await vault.delete(providerId))) throw notFound("credential of provider", providerId);
      return {};
    },
  } satisfies ServiceImpl<typeof ProviderService>;
}
