import { create } from "@bufbuild/protobuf";
import OpenAI from "openai";
import type { Model } from "../../../gen/agentry/v1/providers_pb.js";
import { ModelSchema } from "../../../gen/agentry/v1/providers_pb.js";
import type { ModelEvent, ModelRequest } from "../../core/model-provider.js";
import { withEitherSignal } from "../../core/with-either-signal.js";
import { findModel, priceOf } from "../catalogue/models.js";
import type { ChatQuirks } from "../catalogue/providers.js";
import type { Connection } from "../connection.js";
import { readEvents } from "../event-stream.js";
import { brokenFault } from "../faults.js";
import { listOf, member, textOf } from "../json-value.js";
import { fromChatChunks } from "./events.js";
import { toChatRequest } from "./request.js";

/** Calls Chat Completions once. Throws as ModelProvider says, or what the client library threw. */
export function streamChat(
  connection: Connection,
  request: ModelRequest,
  quirks: ChatQuirks,
  signal: AbortSignal,
): AsyncGenerator<readonly ModelEvent[], void> {
  const body = toChatRequest(request, quirks);
  const client = createClient(connection);
  const events = readEvents(
    {
      source: connection.source,
      idleTimeoutMs: connection.idleTimeoutMs,
      send: (stop) => client.post("/chat/completions", { body, stream: true, signal: stop }).asResponse(),
    },
    signal,
  );
  return fromChatChunks(events, connection.source, priceOf(connection.source.id, request.model));
}

/** Most characters of a list of models. */
const longestList = 8 * 1024 * 1024;

/** Asks a provider for its models, by id. Throws as `streamChat`. */
export async function listChatModels(connection: Connection, signal: AbortSignal): Promise<Model[]> {
  const limit = AbortSignal.timeout(connection.idleTimeoutMs);
  const text = await withEitherSignal([signal, limit], (either) => readModelList(connection, either));
  const ids = new Set(listOf(member(JSON.parse(text), "data")).map((row) => textOf(member(row, "id"))));
  ids.delete("");
  const { id: provider } = connection.source;
  return [...ids].sort().map((id) => findModel(provider, id) ?? create(ModelSchema, { id, name: id }));
}

async function readModelList(connection: Connection, signal: AbortSignal): Promise<string> {
  const response = await createClient(connection).get("/models", { signal }).asResponse();
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > longestList) throw brokenFault(connection.source, "sent too long a list of models");
  }
  return text;
}

function createClient({ baseUrl, guard }: Connection): OpenAI {
  return new OpenAI({
    // The library refuses to start without one. The guard adds the real one.
    apiKey: "none",
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: baseUrl,
    maxRetries: 0,
    // Silence is measured by the reader of the events; this one would end long answers.
    timeout: 2_147_483_647,
    logLevel: "off",
    fetch: guard.fetch,
  });
}
