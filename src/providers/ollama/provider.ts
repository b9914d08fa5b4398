import type { ModelEvent, ModelRequest } from "../../core/model-provider.js";
import type { Connection } from "../connection.js";
import { readEvents } from "../event-stream.js";
import { fromOllamaChunks } from "./events.js";
import { JsonLines } from "./json-lines.js";
import { toOllamaRequest } from "./request.js";
import { post } from "./send.js";

/**
 * How many idle time-outs the first byte may take: nothing is sent while the model is read from the disk,
 * which Ollama itself gives five minutes, and giving up would make it start over.
 */
const loadingFactor = 5;

/** Calls Ollama's `/api/chat` once. Throws as ModelProvider says, or what the connection threw. */
export function streamOllama(
  connection: Connection,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly ModelEvent[], void> {
  const body = toOllamaRequest(request);
  const { source, idleTimeoutMs } = connection;
  const chunks = readEvents(
    {
      source,
      idleTimeoutMs,
      responseTimeoutMs: idleTimeoutMs * loadingFactor,
      framing: new JsonLines(),
      send: (stop) => post(connection, { path: "/api/chat", body }, stop),
    },
    signal,
  );
  return fromOllamaChunks(chunks, source);
}
