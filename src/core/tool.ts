import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Blob } from "../../gen/agentry/v1/message_pb.js";
import type { Sandbox } from "./sandbox.js";

/** Where a piece of output came from. */
export type OutputStream = "stdout" | "stderr";

/** A question of a tool to the user. */
export interface ElicitationQuestion {
  readonly message: string;
  /** JSON Schema of the answer, an object schema of plain properties; absent for a question without a form. */
  readonly requestedSchema?: JsonObject | undefined;
  /** A page, http or https, that the user is to open in a browser; nobody opens it unasked. */
  readonly url?: string | undefined;
  /** The answer is for the asker alone: it is not stored, and no event shows it. Default false. */
  readonly confidential?: boolean;
  /** Settles when the user has answered on another way, which accepts the question. */
  readonly elsewhere?: Promise<unknown>;
  /** Fires when the asker no longer wants an answer, which cancels the question. */
  readonly signal?: AbortSignal;
}

/** What became of a question. */
export interface ElicitationOutcome {
  readonly action: "accept" | "decline" | "cancel" | "expire";
  /** With `accept`: the answer. */
  readonly content?: JsonObject | undefined;
}

/** What a tool keeps beyond a call: one JSON value under a name, for the session or for the agent. */
export interface ToolNotes {
  read(scope: "session" | "agent", name: string): Promise<JsonValue | undefined>;
  write(scope: "session" | "agent", name: string, value: JsonValue): Promise<void>;
}

/** What a tool is given beside its arguments. */
export interface ToolContext {
  /** Absolute path of the session's working directory, or empty: then file and shell tools fail, saying so. */
  readonly workDir: string;
  readonly sessionId: string;
  readonly toolCallId: string;
  readonly sandbox: Sandbox;
  /** Hosts that its processes may reach, as in `Agent.allowed_hosts`. Default: none. */
  readonly allowedHosts?: readonly string[];
  readonly notes: ToolNotes;
  /** Of a call that somebody has approved: what `Tool.prepare` saw then. */
  readonly basis?: string | undefined;
  /**
   * Asks the user, and waits for what becomes of it. Throws a `canceled` Fault when the run is canceled. What is open
   * when the call ends is canceled with it.
   */
  elicit(question: ElicitationQuestion): Promise<ElicitationOutcome>;
  /** Shows a piece of output while the tool runs. The tool caps what it shows, as it caps its result. */
  onOutput(text: string, stream: OutputStream): void;
}

/** What a tool answers. */
export interface ToolOutput {
  /** What the model is shown. */
  readonly text: string;
  /** The tool ran and failed, or its arguments were wrong. The text says how. */
  readonly failed: boolean;
  /** It was killed by its own time-out. */
  readonly timedOut?: boolean;
  /** What the verdict was given on is not so any more. Nothing was done; somebody may be asked again. */
  readonly stale?: boolean;
  /** `text` is not the whole output; it says so itself. */
  readonly truncated?: boolean;
  readonly blobs?: readonly Blob[];
}

/** A call as somebody is asked about it. */
export interface PreparedCall {
  /** As `Tool.summarize` says it, and what it means as things are. */
  readonly summary: string;
  /** What the verdict depends on, as it was seen. The call is given it, and answers `stale` where it is not so. */
  readonly basis: string;
}

/**
 * A tool. `run` answers with a failed output, not an exception, for everything the model can be told
 * about: wrong arguments, missing files, a non-zero exit. When `signal` fires it ends what it started,
 * children and their children too, and answers or throws soon.
 */
export interface Tool {
  readonly name: string;
  /** Other names of the same tool: what rules say of those holds for it too. */
  readonly alsoNamed?: readonly string[];
  readonly description: string;
  /** JSON Schema of the arguments, an object schema. */
  readonly inputSchema: JsonObject;
  /** It changes nothing, so it runs without asking and beside others. */
  readonly readOnly: boolean;
  /** It uses nothing outside of the server: no process, no file, no network. Default false. */
  readonly selfContained?: boolean;
  /** All that it does outside of the server it does in the sandbox. Default false. */
  readonly sandboxed?: boolean;
  /** After a cancel it is waited for, whatever that takes, in place of being left behind. Default false. */
  readonly stopsByItself?: boolean;
  /** Every form of these arguments that a rule may be about; the strictest decision on any holds. Default: this one. */
  spellings?(input: JsonObject): readonly JsonObject[];
  /** What exactly a verdict on this call would cover, for people: the command line, or the file and change. */
  summarize(input: JsonObject): string;
  /** Looks at what a verdict on this call depends on, and changes nothing. Absent: at nothing but the arguments. */
  prepare?(input: JsonObject, context: ToolContext, signal: AbortSignal): Promise<PreparedCall>;
  run(input: JsonObject, context: ToolContext, signal: AbortSignal): Promise<ToolOutput>;
}
