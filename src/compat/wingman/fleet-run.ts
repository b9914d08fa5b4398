import { create } from "@bufbuild/protobuf";
import type { Fleet, FleetResult, FleetTask } from "../../../gen/wingman/v1/fleets_pb.js";
import { FleetResultSchema, FleetRunSchema } from "../../../gen/wingman/v1/fleets_pb.js";
import { Fault } from "../../core/fault.js";
import { newId } from "../../core/id.js";
import type { Call } from "../../services/call.js";
import { toWingmanError } from "./errors.js";
import type { FleetRecords } from "./fleet-records.js";
import type { WingmanParts } from "./parts.js";
import { insertSession } from "./sessions.js";
import { toTimeText } from "./time-text.js";
import { findReadyAgent, runTurn } from "./turn.js";
import { readTurn } from "./turn-result.js";
import type { Turns } from "./turns.js";

/** Tasks at the same time, however many workers a fleet is said to have. */
const maxWorkers = 64;

/** What a run of a fleet stands on. */
export interface FleetRunParts extends WingmanParts {
  readonly records: FleetRecords;
  readonly turns: Turns;
}

/**
 * Runs tasks, each in a session of its own, and calls back with each result once it is stored, in the order in
 * which they come. It belongs to nobody: a caller that leaves stops nothing, and a task that fails fails alone.
 */
export async function runFleet(
  parts: FleetRunParts,
  fleet: Fleet,
  tasks: readonly FleetTask[],
  onResult: (result: FleetResult) => void,
): Promise<FleetResult[]> {
  const run = create(FleetRunSchema, {
    id: newId(),
    tasks: tasks.length,
    createdAt: toTimeText(parts.stamp()),
  });
  await parts.records.addRun(fleet.id, run);
  const results: FleetResult[] = [];
  const waiting = tasks.entries();
  const work = async (): Promise<void> => {
    for (const [index, task] of waiting) {
      const result = await runTask(parts, fleet, task, index);
      await parts.records.addResult(run.id, result);
      results[index] = result;
      onResult(result);
    }
  };
  const workers = Math.min(fleet.workerCount || maxWorkers, maxWorkers, tasks.length);
  await Promise.all(Array.from({ length: workers }, work));
  return results;
}

/** One task, to its end. Never rejects. */
async function runTask(
  parts: FleetRunParts,
  fleet: Fleet,
  task: FleetTask,
  index: number,
): Promise<FleetResult> {
  const { message, workDir = fleet.workDir, instructions, data } = task;
  const result = create(FleetResultSchema, {
    taskIndex: index,
    workerName: `worker-${index}`,
    ...(data && { data }),
  });
  try {
    await findReadyAgent(parts, fleet.agentId);
    if (!message) throw new Fault("invalid", "message is required");
    const session = await insertSession(parts.store, parts.stamp(), workDir, `${fleet.name}: task ${index}`);
    result.sessionId = session.id;
    const turn = { sessionId: session.id, agentId: fleet.agentId, text: message, instructions };
    const { response, steps } = await readTurn(runTurn(parts, parts.turns, turn, unattended()));
    return { ...result, response, steps };
  } catch (error) {
    return { ...result, error: describe(Fault.from(error)) };
  }
}

/** A call that no caller can end. */
function unattended(): Call {
  return { signal: new AbortController().signal, requestHeader: new Headers() };
}

function describe({ reason, message, detail }: Fault): string {
  const metadata = detail.metadata ?? {};
  return toWingmanError({ reason, message, requestId: "", fromService: true, metadata }).body.error;
}
