import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { SocketEnds } from "./socket-table.js";
import { ownerOf, socketTables } from "./socket-table.js";

/** The answer, kept on the connection itself: what HTTP/2 shows as its socket is another object, which leads there. */
const isOwn = Symbol("whether the caller is a process of the same user");

/** A connection of which somebody asks. */
type Caller = SocketEnds & { [isOwn]?: boolean };

/** Open connections of which nobody has asked yet. */
const unasked = new Set<Caller>();

/** For one part of the time that reading takes, so many parts without. */
const restFactor = 2;
/** Until when the tables are not read, by `performance.now()`. */
let restsUntil = 0;
let nextReading: Promise<void> | undefined;

/** Whether this system tells whose a connection is. Where it does not, `isLocalCaller` is always false. */
export function localCallersKnown(): boolean {
  return process.getuid !== undefined && existsSync("/proc/net/tcp");
}

/**
 * Notes a connection that has come. The kernel takes milliseconds to print its table, whatever is in it: one
 * reading answers for all that have come by then.
 */
export function noteConnection(socket: Socket): void {
  unasked.add(socket);
  socket.once("close", () => unasked.delete(socket));
}

/**
 * Finds out whose a connection is. Undefined: `isLocalCaller` knows. A promise, where connections come faster than
 * the tables can be read: it will know by then. Reading them for each would leave a server no time for anything else.
 */
export function findCaller(socket: Caller): Promise<void> | undefined {
  if (socket[isOwn] !== undefined) return undefined;
  unasked.add(socket);
  const restMs = restsUntil - performance.now();
  if (restMs <= 0 && !nextReading) {
    readCallers();
    return undefined;
  }
  nextReading ??= sleep(restMs).then(() => {
    nextReading = undefined;
    readCallers();
  });
  return nextReading;
}

/**
 * Whether the peer of a socket is a process of this machine and of the same user id, by the kernel's socket
 * table. Looked up once for each socket.
 */
export function isLocalCaller(socket: Caller): boolean {
  if (socket[isOwn] === undefined) {
    unasked.add(socket);
    readCallers();
  }
  return socket[isOwn] === true;
}

/** Answers for all of which nobody has asked yet. Where a table cannot be read now, they are asked about again. */
function readCallers(): void {
  const uid = process.getuid?.();
  const from = performance.now();
  try {
    const tables = socketTables();
    for (const socket of unasked) {
      socket[isOwn] = uid !== undefined && ownerOf(socket, tables) === uid;
      unasked.delete(socket);
    }
  } catch {
    // The system has no descriptor left: these callers are strangers for this once.
  }
  const now = performance.now();
  restsUntil = now + restFactor * (now - from);
}
