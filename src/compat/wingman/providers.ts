import { create } from "@bufbuild/protobuf";
import type {
  Model as CanonicalModel,
  Provider as CanonicalProvider,
} from "../../../gen/agentry/v1/providers_pb.js";
import {
  GetModelRequestSchema,
  GetProviderRequestSchema,
  ListModelsRequestSchema,
} from "../../../gen/agentry/v1/providers_pb.js";
import type {
  GetModelRequest,
  GetProviderRequest,
  ListModelsRequest,
  Model,
  Provider,
} from "../../../gen/wingman/v1/providers_pb.js";
import { ModelSchema, ProviderSchema } from "../../../gen/wingman/v1/providers_pb.js";
import { Fault } from "../../core/fault.js";
import type { Call } from "../../services/call.js";
import { missing } from "./errors.js";
import type { WingmanParts } from "./parts.js";

/** Wingman's providers: all that there are. */
export function createProviderRoutes({ providers }: WingmanParts) {
  return {
    async listProviders() {
      const listed = await providers.listProviders();
      return { providers: listed.providers.map((provider) => create(ProviderSchema, describe(provider))) };
    },

    async getProvider({ providerId }: GetProviderRequest) {
      const { provider } = await orMissing(
        providers.getProvider(create(GetProviderRequestSchema, { providerId })),
        () => missing("provider", providerId),
      );
      return { provider: create(ProviderSchema, { ...describe(provider), type: "chat", models: true }) };
    },

    async listModels({ providerId }: ListModelsRequest, call: Call) {
      const { models } = await orMissing(
        providers.listModels(create(ListModelsRequestSchema, { providerId }), call),
        () => new Fault("not_found", `unknown provider: ${providerId}`),
      );
      return { models: models.map(toModel) };
    },

    async getModel({ providerId, modelId }: GetModelRequest, call: Call) {
      await orMissing(
        providers.getProvider(create(GetProviderRequestSchema, { providerId })),
        () => new Fault("not_found", `unknown provider: ${providerId}`),
      );
      const { model } = await orMissing(
        providers.getModel(create(GetModelRequestSchema, { providerId, modelId }), call),
        () => missing("model", `${providerId}/${modelId}`),
      );
      return { model: toModel(model) };
    },
  };
}

async function orMissing<T>(answer: Promise<T>, toFault: () => Fault): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw Fault.from(error).reason === "not_found" ? toFault() : error;
  }
}

function describe({ id, name, keyRequired }: CanonicalProvider): Pick<Provider, "id" | "name" | "authTypes"> {
  return { id, name, authTypes: keyRequired ? ["api_key"] : [] };
}

function toModel(model: CanonicalModel): Model {
  const { id, name, contextWindow, maxOutputTokens, price, tools, reasoning, images } = model;
  return create(ModelSchema, {
    id,
    name: name || id,
    contextWindow,
    attachment: images,
    reasoning,
    toolCall: tools,
    ...(price && {
      cost: {
        input: price.input,
        output: price.output,
        cacheRead: price.cacheRead,
        cacheWrite: price.cacheWrite,
      },
    }),
    ...((contextWindow || maxOutputTokens) && { limit: { context: contextWindow, output: maxOutputTokens } }),
  });
}
