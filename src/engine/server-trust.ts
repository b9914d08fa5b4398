import type { McpServer } from "../../gen/agentry/v1/agents_pb.js";
import type { DocumentRows } from "../core/store.js";
import type { OfferedTool } from "../core/tool-servers.js";
import type { ServerSubject } from "./server-subject.js";
import { serverKey } from "./server-subject.js";

const kind = "mcp.trust";

/** Hashes of the tools of a server that somebody has approved, by their names. */
export type Pins = ReadonlyMap<string, string>;

/** What has been approved of a server: `undefined` for its tools until they have been seen. */
export interface Trust {
  /** The key of the server. */
  readonly key: string;
  readonly tools: Pins | undefined;
}

/** A server as trust is kept of it. */
type Trusted = Pick<ServerSubject, "id" | "key">;

/**
 * What people have approved of servers of tools, for all sessions of the data directory, while some agent has the
 * server.
 */
export class ServerTrust {
  #writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly documents: DocumentRows) {}

  /** Undefined for a server that nobody has approved. */
  async find(id: string): Promise<Trust | undefined> {
    const row = await this.documents.get(kind, id);
    return row && readTrust(row.json);
  }

  /** Remembers that a server has been approved, and nothing of its tools yet. */
  async approve(server: Trusted): Promise<void> {
    await this.#change(server, (tools) => tools);
  }

  /**
   * Remembers the tools that a server offers at its first use, unless some have been remembered before. Answers with
   * those that are.
   */
  async pinFirst(server: Trusted, tools: readonly OfferedTool[]): Promise<Pins> {
    return (await this.#change(server, (pins) => pins ?? pinsOf(tools))) ?? new Map();
  }

  /** Remembers tools that have been approved. */
  async pin(server: Trusted, tools: readonly OfferedTool[]): Promise<void> {
    await this.#change(server, (pins) => new Map([...(pins ?? []), ...pinsOf(tools)]));
  }

  /** Forgets all other servers than these, which are read where there is one to forget or to keep. */
  async keepOnly(kept: () => Promise<readonly McpServer[]>): Promise<void> {
    await this.#inTurn(async () => {
      const rows = await this.documents.list(kind);
      if (rows.length === 0) return;
      const keys = new Set((await kept()).map(serverKey));
      for (const { id, json } of rows)
        if (!keys.has(readTrust(json).key)) await this.documents.delete(kind, id);
    });
  }

  #change(
    { id, key }: Trusted,
    change: (pins: Pins | undefined) => Pins | undefined,
  ): Promise<Pins | undefined> {
    return this.#inTurn(async () => {
      const before = await this.find(id);
      const tools = change(before?.tools);
      if (!before || tools !== before.tools)
        await this.documents.put({ kind, id, parent: "", json: show({ key, tools }) });
      return tools;
    });
  }

  /** One change at a time: each begins with what the one before has written. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(work);
    this.#writing = done.catch(() => undefined);
    return done;
  }
}

const pinsOf = (tools: readonly OfferedTool[]): Pins =>
  new Map(tools.map(({ name, sha256 }) => [name, sha256]));

const show = ({ key, tools }: Trust): string => JSON.stringify({ key, tools: tools ? [...tools] : null });

function readTrust(json: string): Trust {
  const row = JSON.parse(json) as { readonly key?: string; readonly tools: [string, string][] | null };
  // Rows of earlier versions have no key: they are asked about again.
  return { key: row.key ?? "", tools: row.tools === null ? undefined : new Map(row.tools) };
}
