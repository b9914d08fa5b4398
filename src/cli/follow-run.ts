import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/agentry/v1/error_pb.js";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import type { Clients } from "./client.js";

/** Milliseconds before each try to come back: about half a minute in all. */
const standardDelays: readonly number[] = [200, 500, 1000, ...Array.from({ length: 14 }, () => 2000)];

/** What a run is followed with. */
export interface FollowedRun {
  readonly runs: Pick<Clients["runs"], "watchRun">;
  readonly runId: string;
  /** Called when the connection was lost, before it is tried again. */
  readonly onLost: () => void;
  /** Default: for about half a minute. Begins anew with each event. */
  readonly delays?: readonly number[];
}

/**
 * The events of a run, each once and in order, until it has finished. A connection that is lost is made again
 * after the last event that came: the run goes on without it, or is closed when its server starts again. Throws
 * what the server refuses, and the last failure when it does not come back.
 */
export async function* followRun(followed: FollowedRun): AsyncGenerator<Event> {
  const { runs, runId, onLost, delays = standardDelays } = followed;
  let after = 0;
  for (let failures = 0; ; failures += 1) {
    try {
      for await (const { event } of runs.watchRun({ runId, after })) {
        if (!event) continue;
        failures = 0;
        after = event.seq;
        yield event;
      }
      return;
    } catch (error) {
      const delay = delays[failures];
      if (!isLostConnection(error) || delay === undefined) throw error;
      if (failures === 0) onLost();
      await sleep(delay);
    }
  }
}

/** Whether a call failed because its connection broke, or because its server is stopping or not there. */
export function isLostConnection(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  if (error.code === Code.Unavailable) return true;
  // The same code as that of a conflict, which comes with a detail of the server's.
  return error.code === Code.Aborted && error.findDetails(ErrorInfoSchema).length === 0;
}
