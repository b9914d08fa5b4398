import { fromJson, toJson } from "@bufbuild/protobuf";
import type { Fleet, FleetResult, FleetRun } from "../../../gen/wingman/v1/fleets_pb.js";
import { FleetResultSchema, FleetRunSchema, FleetSchema } from "../../../gen/wingman/v1/fleets_pb.js";
import type { DocumentRow, Store } from "../../core/store.js";

const fleetKind = "wingman.fleet";
const runKind = "wingman.fleet_run";
const resultKind = "wingman.fleet_result";

/** Fleets, their runs and what came of each task, in the database. */
export class FleetRecords {
  constructor(private readonly store: Store) {}

  async get(id: string): Promise<Fleet | undefined> {
    const row = await this.store.documents.get(fleetKind, id);
    return row && toFleet(row);
  }

  /** Newest first. */
  async list(): Promise<Fleet[]> {
    return (await this.store.documents.list(fleetKind)).map(toFleet);
  }

  /** Inserts or replaces. */
  async put(fleet: Fleet): Promise<void> {
    const json = JSON.stringify(toJson(FleetSchema, fleet));
    await this.store.documents.put({ kind: fleetKind, id: fleet.id, parent: "", json });
  }

  /** With its runs. False when there is none. */
  async delete(id: string): Promise<boolean> {
    for (const { id: runId } of await this.store.documents.list(runKind, id)) {
      await this.store.documents.delete(runKind, runId);
    }
    return this.store.documents.delete(fleetKind, id);
  }

  async addRun(fleetId: string, run: FleetRun): Promise<void> {
    const json = JSON.stringify(toJson(FleetRunSchema, run));
    await this.store.documents.put({ kind: runKind, id: run.id, parent: fleetId, json });
  }

  async addResult(runId: string, result: FleetResult): Promise<void> {
    const json = JSON.stringify(toJson(FleetResultSchema, result));
    const id = `${runId}/${result.taskIndex}`;
    await this.store.documents.put({ kind: resultKind, id, parent: runId, json });
  }

  /** Newest first, each with its results in the order of the tasks. */
  async runs(fleetId: string): Promise<FleetRun[]> {
    const rows = await this.store.documents.list(runKind, fleetId);
    return Promise.all(rows.map((row) => this.#toRun(row)));
  }

  async #toRun({ id, json }: DocumentRow): Promise<FleetRun> {
    const rows = await this.store.documents.list(resultKind, id);
    const results = rows
      .map((row) => fromJson(FleetResultSchema, JSON.parse(row.json)))
      .sort((a, b) => a.taskIndex - b.taskIndex);
    return { ...fromJson(FleetRunSchema, JSON.parse(json)), results };
  }
}

const toFleet = ({ json }: DocumentRow): Fleet => fromJson(FleetSchema, JSON.parse(json));
