import { Purpose } from "../../../gen/agentry/v1/message_pb.js";
import { Fault } from "../../core/fault.js";
import type { CallContext, ModelFetch, Transport } from "../transport.js";
import { readCassette } from "./cassette-file.js";
import { describeRequest } from "./describe.js";
import type { MatchMode, Recorded } from "./match.js";
import { describeInteraction, explainMiss, findMatch } from "./match.js";
import { replayBody } from "./replay-body.js";

/** How a cassette is replayed. */
export interface ReplayOptions {
  /** Name of the file, with or without `.yaml`. */
  readonly file: string;
  /** Milliseconds to wait after each event, for demonstrations. Default: none. */
  readonly delayMs?: number | undefined;
  /** Default: `request`. */
  readonly match?: MatchMode | undefined;
}

/** A cassette that answers. */
export interface Replay {
  readonly transport: Transport;
  /** How many exchanges it holds, by API. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Sessions whose used exchanges are remembered; beyond it the oldest start anew. */
const mostSessions = 10_000;

/**
 * Opens a cassette for replay. Nothing reaches a provider and no key is needed. Each session may use each
 * exchange once; a request without an answer is a Fault that is not worth a retry. Throws `invalid` for a
 * file that cannot be read.
 */
export async function openReplay(options: ReplayOptions): Promise<Replay> {
  const all = (await readCassette(options.file)).map(describeInteraction);
  const sessions = new Map<string, Set<Recorded>>();
  const counts: Record<string, number> = {};
  for (const { description } of all) counts[description.api] = (counts[description.api] ?? 0) + 1;
  const open = (context: CallContext): ModelFetch => {
    return async (input, init = {}) => {
      const live = describeRequest({
        method: init.method ?? "GET",
        url: String(input instanceof Request ? input.url : input),
        body: typeof init.body === "string" ? init.body : "",
        purpose: context.purpose === Purpose.UNSPECIFIED ? Purpose.STEP : context.purpose,
      });
      const used = usedBy(sessions, context.sessionId);
      const unused = all.filter((recorded) => !used.has(recorded));
      const match = findMatch(unused, live, options.match ?? "request");
      if (!match) {
        throw new Fault("unavailable", explainMiss(all, unused, live), {
          retryable: false,
          provider: context.providerId,
        });
      }
      used.add(match);
      const { responseBody, status } = match.interaction;
      return new Response(replayBody(responseBody, options.delayMs ?? 0, init.signal ?? undefined), {
        status,
      });
    };
  };
  return { transport: { live: false, idleTimeoutMs: 60_000, open, close: async () => undefined }, counts };
}

function usedBy(sessions: Map<string, Set<Recorded>>, sessionId: string): Set<Recorded> {
  const known = sessions.get(sessionId);
  if (known) return known;
  const used = new Set<Recorded>();
  sessions.set(sessionId, used);
  for (const oldest of sessions.keys()) {
    if (sessions.size <= mostSessions) break;
    sessions.delete(oldest);
  }
  return used;
}
