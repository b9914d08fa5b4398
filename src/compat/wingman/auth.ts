import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  CredentialSource,
  DeleteCredentialRequestSchema,
  SetCredentialRequestSchema,
} from "../../../gen/agentry/v1/providers_pb.js";
import type {
  AuthStatus,
  Credential,
  DeleteAuthRequest,
  SetAuthRequest,
} from "../../../gen/wingman/v1/providers_pb.js";
import { AuthStatusSchema } from "../../../gen/wingman/v1/providers_pb.js";
import { Fault } from "../../core/fault.js";
import { invalidBody } from "./errors.js";
import type { WingmanParts } from "./parts.js";
import { toTimeText } from "./time-text.js";
import { Turns } from "./turns.js";

const kind = "wingman.auth";
/** No provider's id: when any key was last written. */
const lastWrite = "";

/** The keys of providers. They are kept in the vault; beside it only what was said of their type. */
export function createAuthRoutes(parts: WingmanParts) {
  const { providers, store } = parts;
  const turns = new Turns();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => turns.take(kind, work);
  const keep = (id: string, json: string): Promise<void> =>
    store.documents.put({ kind, id, parent: "", json });
  const touch = (): Promise<void> => keep(lastWrite, JSON.stringify(toTimeText(parts.stamp())));

  const storeOne = async (providerId: string, credential: Credential): Promise<void> => {
    const { type, key: apiKey, baseUrl } = credential;
    if (apiKey) {
      await providers.setCredential(create(SetCredentialRequestSchema, { providerId, apiKey, baseUrl }));
    } else {
      await removeKey(parts, providerId);
    }
    await keep(providerId, JSON.stringify(type));
  };
  return {
    async getAuth() {
      const types = new Map((await store.documents.list(kind)).map(({ id, json }) => [id, textIn(json)]));
      const keys = await storedKeys(parts);
      const written = types.get(lastWrite) ?? "";
      types.delete(lastWrite);
      const ids = [...new Set([...types.keys(), ...keys.keys()])].sort();
      const statuses = ids.map((id): [string, AuthStatus] => [
        id,
        create(AuthStatusSchema, { type: types.get(id) || "api_key", configured: keys.has(id) }),
      ]);
      const times = [written, ...[...keys.values()].map(toTimeText)].sort();
      return { providers: Object.fromEntries(statuses), updatedAt: times.at(-1) ?? "" };
    },

    async setAuth({ auth }: SetAuthRequest) {
      if (!auth) throw invalidBody();
      return inTurn(async () => {
        const entries = Object.entries(auth.providers);
        await checkKnown(parts, entries);
        for (const [id, credential] of entries) await storeOne(id, credential);
        await touch();
        return { status: "ok" };
      });
    },

    async deleteAuth({ providerId }: DeleteAuthRequest) {
      return inTurn(async () => {
        const removed = await removeKey(parts, providerId);
        const forgotten = providerId !== lastWrite && (await store.documents.delete(kind, providerId));
        if (!removed && !forgotten) {
          await checkKnown(parts, [[providerId, undefined]]);
          throw new Fault("not_found", `provider not configured: ${providerId}`);
        }
        await touch();
        return { status: "deleted" };
      });
    },
  };
}

/** @throws Fault `invalid` for a provider that is not known, nor made known by an address. */
async function checkKnown(
  { providers }: WingmanParts,
  entries: readonly (readonly [string, Credential | undefined])[],
): Promise<void> {
  const listed = await providers.listProviders();
  const known = new Set(listed.providers.map(({ id }) => id));
  for (const [id, credential] of entries) {
    if (!known.has(id) && !(credential?.baseUrl && credential.key)) {
      throw new Fault("invalid", `unknown provider: ${id}`);
    }
  }
}

async function removeKey({ providers }: WingmanParts, providerId: string): Promise<boolean> {
  try {
    await providers.deleteCredential(create(DeleteCredentialRequestSchema, { providerId }));
    return true;
  } catch (error) {
    if (Fault.from(error).reason === "not_found") return false;
    throw error;
  }
}

/** The keys in the store, by provider, with the time of their writing. */
async function storedKeys({ providers }: WingmanParts): Promise<Map<string, Timestamp | undefined>> {
  const listed = await providers.listProviders();
  return new Map(
    listed.providers
      .filter(({ credential }) => credential?.source === CredentialSource.STORE)
      .map(({ id, credential }) => [id, credential?.updatedAt]),
  );
}

function textIn(json: string): string {
  const value: unknown = JSON.parse(json);
  return typeof value === "string" ? value : "";
}
