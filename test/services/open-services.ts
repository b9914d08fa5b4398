import { create } from "@bufbuild/protobuf";
import { ProviderSchema } from "../../gen/agentry/v1/providers_pb.js";
import { notFound } from "../../src/core/fault.js";
import type { CredentialVault, ProviderDirectory } from "../../src/core/provider-directory.js";
import { createAgentService } from "../../src/services/agents.js";
import type { Call } from "../../src/services/call.js";
import { createProviderService } from "../../src/services/providers.js";
import { createRunService } from "../../src/services/run.js";
import { createSessionService } from "../../src/services/sessions.js";
import { imageType } from "../../src/tools/image-type.js";
import { createPolicy } from "../../src/tools/policy/create-policy.js";
import type { Room } from "../engine/room.js";
import { openRoom, says, tool } from "../engine/room.js";

/** The services on an engine of their own, called as an adapter calls them: with whole messages. */
export async function openServices() {
  const tools = [tool("look", undefined, true), tool("change")];
  const room: Room = await openRoom(() => says("ok"), { tools });
  const { store, engine } = room;
  const providers: ProviderDirectory = {
    list: async () => [create(ProviderSchema, { id: "fake" })],
    get: async (id) => {
      if (id !== "fake") throw notFound("provider", id);
      return create(ProviderSchema, { id });
    },
    models: async () => [],
  };
  const vault: CredentialVault = {
    put: async () => ({}) as never,
    delete: async (id) => id === "fake",
    describe: async () => undefined,
  };
  const policy = createPolicy();
  const call: Call = { signal: new AbortController().signal, requestHeader: new Headers() };
  return {
    room,
    call,
    agents: createAgentService({ store, tools, providers, policy, stamp: engine.stamp }),
    sessions: createSessionService({ store, engine, policy, stamp: engine.stamp }),
    providers: createProviderService({ providers, vault }),
    runs: createRunService({ store, engine, imageType }),
  };
}
