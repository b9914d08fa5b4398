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
  const { promise: ended, resolve } = Promise.withResolvers<undefined>();
  line.on("SIGINT", () => process.emit("SIGINT"));
  line.once("close", () => resolve(undefined));
  try {
    const answer = await Promise.race([line.question(question, { signal }), ended]);
    // Nobody has pressed return: what is written next must not go on in the line of the question.
    if (answer === undefined) streams.output.write("\n");
    return answer ?? "";
  } finally {
    line.close();
  }
}
