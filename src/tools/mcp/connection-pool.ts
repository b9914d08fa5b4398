import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import { McpServerSchema } from "../../../gen/agentry/v1/agents_pb.js";
import { Fault } from "../../core/fault.js";
import type { ServerHost, ServerOrder } from "../../core/tool-servers.js";
import type { ServerConnection } from "./server-connection.js";

/** Programs and connections of all sessions together. Those that rest make room. */
const mostSeats = 100;

/** Makes a connection. When `life` fires, what was started for it is killed. */
export type OpenConnection = (
  order: ServerOrder,
  parties: { readonly host: ServerHost; readonly life: AbortSignal },
  signal: AbortSignal,
) => Promise<ServerConnection>;

/** A connection of a session, made or being made. */
interface Seat {
  readonly sessionId: string;
  readonly name: string;
  /** What it was made for: another order wants another connection. */
  readonly purpose: string;
  readonly life: AbortController;
  connection?: ServerConnection;
  resting?: NodeJS.Timeout | undefined;
}

/** The connections of all sessions: at most one for each server of a session. */
export class ConnectionPool {
  readonly #seats = new Set<Seat>();
  #closed = false;

  constructor(
    private readonly open: OpenConnection,
    /** Milliseconds for which a connection that rests is kept. */
    private readonly restMs: number,
  ) {}

  /** The connection for an order, which from now on works for `host`. @throws Fault. */
  async connect(order: ServerOrder, host: ServerHost, signal: AbortSignal): Promise<ServerConnection> {
    const seat = await this.#take(order);
    clearTimeout(seat.resting);
    seat.resting = undefined;
    if (seat.connection) {
      seat.connection.host = host;
      return seat.connection;
    }
    const life = seat.life.signal;
    try {
      seat.connection = await this.open(order, { host, life }, AbortSignal.any([signal, life]));
      return seat.connection;
    } catch (error) {
      await this.#end(seat);
      throw error;
    }
  }

  /** Lets the connections of a session rest. */
  rest(sessionId: string): void {
    for (const seat of this.#of(sessionId)) {
      clearTimeout(seat.resting);
      seat.resting = setTimeout(() => void this.#end(seat), this.restMs).unref();
    }
  }

  async leave(sessionId: string): Promise<void> {
    await Promise.all(this.#of(sessionId).map((seat) => this.#end(seat)));
  }

  /** Ends all. None is made afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#seats].map((seat) => this.#end(seat)));
  }

  async #take(order: ServerOrder): Promise<Seat> {
    const purpose = purposeOf(order);
    const { sessionId, server } = order;
    const sitting = this.#of(sessionId).find(({ name }) => name === server.name);
    if (sitting?.purpose === purpose && sitting.connection && !sitting.connection.broken) return sitting;
    if (sitting) await this.#end(sitting);
    await this.#makeRoom();
    if (this.#closed) throw new Fault("unavailable", "the server is stopping");
    const seat: Seat = { sessionId, name: server.name, purpose, life: new AbortController() };
    this.#seats.add(seat);
    return seat;
  }

  async #makeRoom(): Promise<void> {
    if (this.#seats.size < mostSeats) return;
    const resting = [...this.#seats].find((seat) => seat.resting !== undefined);
    if (!resting) throw new Fault("exhausted", "too many servers are in use");
    await this.#end(resting);
  }

  async #end(seat: Seat): Promise<void> {
    clearTimeout(seat.resting);
    this.#seats.delete(seat);
    await seat.connection?.close();
    seat.life.abort();
  }

  #of(sessionId: string): Seat[] {
    return [...this.#seats].filter((seat) => seat.sessionId === sessionId);
  }
}

/** Tells whether two orders want the same connection. */
function purposeOf({ server, workDir, allowedHosts }: ServerOrder): string {
  return createHash("sha256")
    .update(toBinary(McpServerSchema, server))
    .update(JSON.stringify([workDir, allowedHosts]))
    .digest("hex");
}
