import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { endianness } from "node:os";
import { errorCode } from "../core/error-code.js";

/** The two ends of a connection, as a `net.Socket` names them. */
export interface SocketEnds {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** States in which a row belongs to a process that may still talk: established and the half-closed ones. */
const talkingStates = new Set(["01", "04", "05", "08"]);
const mappedPrefix = "::ffff:";

/** The kernel's tables of connections (proc(5)), read when somebody asks, and once. */
export const socketTables = (): readonly Owners[] => ["/proc/net/tcp", "/proc/net/tcp6"].map(readOnce);

/** The user ids by the two ends of a connection, read when somebody asks. */
type Owners = () => ReadonlyMap<string, number>;

function readOnce(path: string): Owners {
  let owners: ReadonlyMap<string, number> | undefined;
  return () => (owners ??= readOwners(path));
}

/** The user id of the peer, as the tables have it; undefined where it is no process of this machine. */
export function ownerOf(socket: SocketEnds, tables: readonly Owners[]): number | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (!localAddress || !remoteAddress || !localPort || !remotePort) return undefined;
  const peers = tableKeys(remoteAddress, remotePort);
  const selves = tableKeys(localAddress, localPort);
  for (const [i, owners] of tables.entries()) {
    const [peer, self] = [peers[i], selves[i]];
    if (peer === undefined || self === undefined) continue;
    const owner = owners().get(`${peer} ${self}`);
    if (owner !== undefined) return owner;
  }
  return undefined;
}

/**
 * The user ids of a table by its rows' two ends. A row without an inode is no process's any more (orphaned or
 * in TIME_WAIT) and shows user id 0, so it counts for nothing.
 */
function readOwners(path: string): Map<string, number> {
  const owners = new Map<string, number>();
  for (const row of readTable(path).split("\n")) {
    const [, from, to, state = "", , , , uid = "", , inode = "0"] = row.trim().split(/\s+/, 10);
    if (!talkingStates.has(state) || inode === "0" || !/^[0-9]+$/.test(uid)) continue;
    const ends = `${from} ${to}`;
    if (!owners.has(ends)) owners.set(ends, Number(uid));
  }
  return owners;
}

function readTable(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    // Without IPv6 there is no table of it.
    if (errorCode(error) === "ENOENT") return "";
    throw error;
  }
}

/** How /proc/net/tcp and /proc/net/tcp6 print an address; an IPv4 peer may be in either. */
function tableKeys(address: string, port: number): [string | undefined, string | undefined] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const plain = address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : address;
  if (isIPv4(plain)) {
    const four = plain.split(".").map(Number);
    const mapped = [...Array<number>(10).fill(0), 255, 255, ...four];
    return [words(four) + suffix, words(mapped) + suffix];
  }
  const sixteen = ipv6Bytes(plain);
  return [undefined, sixteen && words(sixteen) + suffix];
}

/** Bytes as the kernel prints them: words of four, each in the byte order of the machine. */
function words(bytes: readonly number[]): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4) {
    const word = bytes.slice(i, i + 4);
    if (endianness() === "LE") word.reverse();
    for (const byte of word) text += byte.toString(16).toUpperCase().padStart(2, "0");
  }
  return text;
}

function ipv6Bytes(address: string): number[] | undefined {
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = 8 - left.length - right.length;
  if (missing < 0 || (tail === undefined && missing !== 0)) return undefined;
  const groups = [...left, ...Array<string>(missing).fill("0"), ...right].map((group) => parseInt(group, 16));
  return groups.flatMap((group) => [group >> 8, group & 255]);
}
