import { create } from "@bufbuild/protobuf";
import type {
  CreateFleetRequest,
  DeleteFleetRequest,
  Fleet,
  FleetInput,
  FleetResult,
  FleetTask,
  FleetTasks,
  GetFleetRequest,
  ListFleetRunsRequest,
  RunFleetRequest,
  StreamFleetRequest,
  UpdateFleetRequest,
} from "../../../gen/wingman/v1/fleets_pb.js";
import { FleetSchema } from "../../../gen/wingman/v1/fleets_pb.js";
import { Fault } from "../../core/fault.js";
import { newId } from "../../core/id.js";
import { isShallow } from "../../core/json-depth.js";
import { invalidBody, missing } from "./errors.js";
import { FleetRecords } from "./fleet-records.js";
import { runFleet } from "./fleet-run.js";
import { streamResults } from "./fleet-stream.js";
import type { WingmanParts } from "./parts.js";
import { toTimeText } from "./time-text.js";
import { Turns } from "./turns.js";

const maxTasks = 1000;

/** Wingman's fleets. */
export function createFleetService(parts: WingmanParts) {
  const records = new FleetRecords(parts.store);
  const turns = new Turns();
  const find = async (id: string): Promise<Fleet> => {
    const fleet = await records.get(id);
    if (!fleet) throw missing("fleet", id);
    return fleet;
  };
  const prepare = async (fleetId: string, input: FleetTasks | undefined) => {
    const fleet = await find(fleetId);
    const tasks = readTasks(input);
    if (!(await parts.store.agents.get(fleet.agentId))) throw missing("agent", fleet.agentId);
    return (onResult: (result: FleetResult) => void) =>
      runFleet({ ...parts, records, turns }, fleet, tasks, onResult);
  };
  return {
    async createFleet({ fleet: input }: CreateFleetRequest) {
      if (!input) throw invalidBody();
      const now = toTimeText(parts.stamp());
      const blank = create(FleetSchema, { id: newId(), status: "stopped", createdAt: now });
      if (!input.name) throw new Fault("invalid", "name is required");
      if (!input.agentId) throw new Fault("invalid", "agent_id is required");
      if (!(await parts.store.agents.get(input.agentId))) throw missing("agent", input.agentId);
      const fleet = { ...write(blank, input, now), agentId: input.agentId };
      await records.put(fleet);
      return { fleet };
    },

    async listFleets() {
      return { fleets: await records.list() };
    },

    async getFleet({ fleetId }: GetFleetRequest) {
      return { fleet: await find(fleetId) };
    },

    async updateFleet({ fleetId, fleet: input }: UpdateFleetRequest) {
      return turns.take(fleetId, async () => {
        const stored = await find(fleetId);
        if (!input) throw invalidBody();
        const fleet = write(stored, input, toTimeText(parts.stamp()));
        await records.put(fleet);
        return { fleet };
      });
    },

    async deleteFleet({ fleetId }: DeleteFleetRequest) {
      if (!(await turns.take(fleetId, () => records.delete(fleetId)))) throw missing("fleet", fleetId);
      return { status: "deleted" };
    },

    async runFleet({ fleetId, input }: RunFleetRequest) {
      const run = await prepare(fleetId, input);
      return { results: await run(() => undefined) };
    },

    async *streamFleet({ fleetId, input }: StreamFleetRequest) {
      const run = await prepare(fleetId, input);
      yield* streamResults(run);
    },

    async listFleetRuns({ fleetId }: ListFleetRunsRequest) {
      await find(fleetId);
      return { runs: await records.runs(fleetId) };
    },
  };
}

function write(fleet: Fleet, { name, workerCount, workDir }: FleetInput, updatedAt: string): Fleet {
  return {
    ...fleet,
    ...(name !== undefined && { name }),
    ...(workerCount !== undefined && { workerCount: Math.max(0, workerCount) }),
    ...(workDir !== undefined && { workDir }),
    updatedAt,
  };
}

function readTasks(input: FleetTasks | undefined): FleetTask[] {
  if (!input) throw invalidBody();
  const { tasks } = input;
  if (tasks.length === 0) throw new Fault("invalid", "tasks is required");
  if (tasks.length > maxTasks) throw new Fault("invalid", `at most ${maxTasks} tasks can be run at once`);
  if (!tasks.every(({ data }) => isShallow(data, 64))) throw invalidBody();
  return tasks;
}
