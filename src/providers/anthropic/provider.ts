import Anthropic from "@anthropic-ai/sdk";
import type { ModelEvent, ModelRequest } from "../../core/model-provider.js";
import { priceOf } from "../catalogue/models.js";
import type { Connection } from "../connection.js";
import { readEvents } from "../event-stream.js";
import { fromAnthropicEvents } from "./events.js";
import { toAnthropicRequest } from "./request.js";

/** Calls Anthropic's Messages API once. Throws as ModelProvider says, or what the client library threw. */
export function streamAnthropic(
  connection: Connection,
  request: ModelRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly ModelEvent[], void> {
  const body = toAnthropicRequest(request);
  const client = createClient(connection);
  const events = readEvents(
    {
      source: connection.source,
      idleTimeoutMs: connection.idleTimeoutMs,
      // `post` in place of `messages.create`, which prints warnings about models to stderr.
      send: (stop) => client.post("/v1/messages", { body, stream: true, signal: stop }).asResponse(),
    },
    signal,
  );
  return fromAnthropicEvents(events, connection.source, priceOf(connection.source.id, request.model));
}

function createClient({ baseUrl, guard }: Connection): Anthropic {
  return new Anthropic({
    // Without one the library would look for a key on this machine. The guard adds the real one.
    apiKey: "none",
    baseURL: baseUrl.replace(/\/v1$/, ""),
    maxRetries: 0,
    // Silence is measured by the reader of the events; this one would end long answers.
    timeout: 2_147_483_647,
    logLevel: "off",
    openTelemetry: false,
    fetch: guard.fetch,
  });
}
