import { createInterface } from "node:readline/promises";

/** A question, and where it is asked. */
export interface LineQuestion {
  readonly question: string;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Default: whether `output` is a terminal. */
  readonly terminal?: boolean;
}

/**
 * Asks for a line; empty where the input ends instead (Ctrl-D). A terminal gives Ctrl-C to whoever reads a line: it
 * is passed on as the signal that it is elsewhere. Throws when `signal` fires first.
 */
export async function askLine({ question, ...streams }: LineQuestion, signal: AbortSignal): Promise<string> {
  const line = createInterface(streams);
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  line.on("SIGINT", () => process.emit("SIGINT"));
  line.once("close", () => resolve(""));
  try {
    return await Promise.race([line.question(question, { signal }), ended]);
  } finally {
    line.close();
  }
}
