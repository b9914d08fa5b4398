import type { DocumentRows } from "../core/store.js";
import type { OfferedTool } from "../core/tool-servers.js";

const kind = "mcp.trust";

/** Hashes of the tools of a server that somebody has approved, by their names. */
export type Pins = ReadonlyMap<string, string>;

/** What has been approved of a server: `undefined` for its tools until they have been seen. */
export interface Trust {
  readonly tools: Pins | undefined;
}

/** What people have approved of servers of tools, for all sessions of the data directory. */
export class ServerTrust {
  #writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly documents: DocumentRows) {}

  /** Undefined for a server that nobody has approved. */
  async find(id: string): Promise<Trust | undefined> {
    const row = await this.documents.get(kind, id);
    return row && readTrust(row.json);
  }

  /** Remembers that a server has been approved, and nothing of its tools yet. */
  async approve(id: string): Promise<void> {
    await this.#change(id, (trust) => trust ?? { tools: undefined });
  }

  /**
   * Remembers the tools that a server offers at its first use, unless some have been remembered before. Answers with
   * those that are.
   */
  async pinFirst(id: string, tools: readonly OfferedTool[]): Promise<Pins> {
    const { tools: pins } = await this.#change(id, (trust) =>
      trust?.tools ? trust : { tools: pinsOf(tools) },
    );
    return pins ?? new Map();
  }

  /** Remembers tools that have been approved. */
  async pin(id: string, tools: readonly OfferedTool[]): Promise<void> {
    await this.#change(id, (trust) => ({ tools: new Map([...(trust?.tools ?? []), ...pinsOf(tools)]) }));
  }

  /** One change at a time: each begins with what the one before has written. */
  async #change(id: string, change: (trust: Trust | undefined) => Trust): Promise<Trust> {
    const written = this.#writing.then(async () => {
      const before = await this.find(id);
      const after = change(before);
      if (after !== before) await this.documents.put({ kind, id, parent: "", json: show(after) });
      return after;
    });
    this.#writing = written.catch(() => undefined);
    return written;
  }
}

const pinsOf = (tools: readonly OfferedTool[]): Pins =>
  new Map(tools.map(({ name, sha256 }) => [name, sha256]));

const show = ({ tools }: Trust): string => JSON.stringify({ tools: tools ? [...tools] : null });

function readTrust(json: string): Trust {
  const { tools } = JSON.parse(json) as { readonly tools: [string, string][] | null };
  return { tools: tools === null ? undefined : new Map(tools) };
}
