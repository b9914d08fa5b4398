import { create } from "@bufbuild/protobuf";
import type { Model } from "../../../gen/agentry/v1/providers_pb.js";
import { ModelSchema } from "../../../gen/agentry/v1/providers_pb.js";
import { withEitherSignal } from "../../core/with-either-signal.js";
import type { Connection } from "../connection.js";
import { brokenFault } from "../faults.js";
import { countOf, listOf, member, textOf } from "../json-value.js";
import { readJsonBody } from "./json-body.js";
import { get, post } from "./send.js";

/** Of how many models the details are asked for, how many at a time, and for how long altogether. */
const details = { most: 50, atOnce: 4, timeoutMs: 3000 };

/**
 * The models that a server has, by id, as it tells them itself. What each can do is asked for as far as that
 * is cheap; where no answer comes, a model is known by its name alone. Throws a Fault when the list is not
 * to be had.
 */
export async function listOllamaModels(connection: Connection, signal: AbortSignal): Promise<Model[]> {
  const limit = AbortSignal.timeout(connection.idleTimeoutMs);
  const list = await withEitherSignal([signal, limit], async (either) =>
    readJsonBody(await get(connection, "/api/tags", either)).catch((error: unknown) => {
      throw brokenFault(connection.source, "sent a list of models that cannot be read", error);
    }),
  );
  const ids = new Set(listOf(member(list, "models")).map((row) => textOf(member(row, "name"))));
  ids.delete("");
  const models = [...ids].sort().map((id) => create(ModelSchema, { id, name: id }));
  await describeModels(connection, models.slice(0, details.most), signal);
  return models;
}

async function describeModels(
  connection: Connection,
  models: readonly Model[],
  signal: AbortSignal,
): Promise<void> {
  const queue = models.values();
  const work = async (limit: AbortSignal) => {
    for (const model of queue) {
      if (limit.aborted) return;
      await describe(connection, model, limit).catch(() => undefined);
    }
  };
  await withEitherSignal([signal, AbortSignal.timeout(details.timeoutMs)], (limit) =>
    Promise.all(Array.from({ length: details.atOnce }, () => work(limit))),
  );
  signal.throwIfAborted();
}

async function describe(connection: Connection, model: Model, signal: AbortSignal): Promise<void> {
  const shown = await readJsonBody(
    await post(connection, { path: "/api/show", body: { model: model.id } }, signal),
  );
  const info = member(shown, "model_info");
  const architecture = textOf(member(info, "general.architecture"));
  const capabilities = listOf(member(shown, "capabilities"));
  model.contextWindow = countOf(member(info, `${architecture}.context_length`)) ?? 0;
  model.tools = capabilities.includes("tools");
  model.reasoning = capabilities.includes("thinking");
  model.images = capabilities.includes("vision");
}
