import type { ConnectError } from "@connectrpc/connect";

/** An error as one HTTP reply. */
interface ErrorReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Printed by JSON.stringify. */
  readonly body: unknown;
}

/** An error as the last frame of a stream. */
export interface StreamErrorFrame {
  /** Name of the server-sent event, without line breaks. Absent: an unnamed event. */
  readonly event?: string;
  /** Printed by JSON.stringify. */
  readonly data: unknown;
}

/** How one API spells what descriptors do not say: JSON names, errors, strictness. */
export interface Dialect {
  /** `proto` prints snake_case names, `json` camelCase. Both are always understood. */
  readonly fieldNames: "proto" | "json";
  /** Whether fields that are zero and have no presence are printed. */
  readonly printDefaults: boolean;
  /**
   * An error before a stream began. The request id is empty where the server set none. What the gateway
   * itself refuses keeps its own status (405, 413, 415 …) whatever is answered here.
   */
  error(error: ConnectError, requestId: string): ErrorReply;
  /** An error after it. Default: an event named `error` with the body of `error` as data. */
  streamError?(error: ConnectError, requestId: string): StreamErrorFrame;
  /** Media types read as JSON beside `application/json` and those ending in `+json`. */
  readonly extraContentTypes?: readonly string[];
  /** Whether members of a JSON body match fields whatever the case of their names. Default: no. */
  readonly foldNames?: boolean;
  /** Whether a slash at the end of a path makes it another path, which is the default. */
  readonly slashAtEnd?: "ignore";
  /** What to do with a query parameter that names no field: pass over it, or answer 400 naming it. */
  readonly unknownQuery: "ignore" | "refuse";
  /** The same for members of a JSON body, and for a body where none is taken. */
  readonly unknownFields: "ignore" | "refuse";
}
