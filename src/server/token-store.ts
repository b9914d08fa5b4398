import type { TokenStore } from "../core/secrets.js";
import type { Vault } from "../store/vault/vault.js";
import type { Logger } from "./logger.js";

/** Keeps tokens in the vault, beside the keys of providers. */
export function createTokenStore(vault: Vault, log: Logger): TokenStore {
  return {
    async open(id) {
      try {
        return (await vault.open(id))?.key;
      } catch (error) {
        // Under another master key, for example: they can be had again.
        log.warn({ err: error }, "stored tokens of an MCP server cannot be read");
        return undefined;
      }
    },
    async put(id, text, origin) {
      await vault.put(id, { apiKey: text, baseUrl: "", origin });
    },
    async list(prefix) {
      const ids = (await vault.list()).map(({ providerId }) => providerId);
      return ids.filter((id) => id.startsWith(prefix));
    },
    async delete(id) {
      await vault.delete(id);
    },
  };
}
