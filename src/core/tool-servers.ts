import type { JsonObject } from "@bufbuild/protobuf";
import type { McpServer } from "../../gen/agentry/v1/agents_pb.js";
import type { ElicitationOutcome, ElicitationQuestion, ToolContext, ToolOutput } from "./tool.js";

/** A server of tools to connect to, and what it may work with. */
export interface ServerOrder {
  readonly sessionId: string;
  readonly server: McpServer;
  /** Absolute path of the session's working directory, or empty: then no program can be started. */
  readonly workDir: string;
  /** What a program may reach, as in `Agent.allowed_hosts`. */
  readonly allowedHosts: readonly string[];
}

/** The run that a server works for, as far as the server may turn to it. */
export interface ServerHost {
  /** Asks the user on the server's own account. Answers `cancel` when the run is over. */
  elicit(question: ElicitationQuestion): Promise<ElicitationOutcome>;
  /** Told before the user is asked to authorize the server. */
  onAuthorization(): void;
}

/** A tool that a server offers, as the server says. */
export interface OfferedTool {
  /** As the server spells it. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments, an object schema. */
  readonly inputSchema: JsonObject;
  /** Everything that was said of it, for those who decide whether it may be used. */
  readonly declaration: JsonObject;
  /** SHA-256 of the declaration in canonical JSON, hexadecimal. */
  readonly sha256: string;
}

/** A connection to a server of tools. */
export interface ToolServer {
  /**
   * The tools that it offers now, by name: read again when the server has said that they changed.
   * @throws Fault when it has broken off. `unauthenticated`, when it has to be authorized, and retryable ones mean
   * that another connection may succeed.
   */
  tools(signal: AbortSignal): Promise<readonly OfferedTool[]>;
  /** How many tools the list that was read last had besides, which no model can be given. */
  readonly leftOut: number;
  /** Calls a tool, unless the server says another thing of it by now. Behaves as `Tool.run`. */
  call(tool: OfferedTool, input: JsonObject, context: ToolContext, signal: AbortSignal): Promise<ToolOutput>;
}

/** Connections to servers of tools: one for each server of a session, kept from run to run. */
export interface ToolServers {
  /**
   * Starts or reaches a server, or answers with the connection that the session has to it. From then on the server
   * turns to `host`.
   * @throws Fault with a sentence for people when that fails: `forbidden` when the user did not authorize it, and
   * `canceled` when `signal` fires.
   */
  connect(order: ServerOrder, host: ServerHost, signal: AbortSignal): Promise<ToolServer>;
  /** No run of the session works now: its servers are ended after some minutes, unless they are needed again. */
  rest(sessionId: string): void;
  /** Ends the servers of a session. */
  leave(sessionId: string): Promise<void>;
  /** Forgets secrets that were got for other servers than `kept` says; it is asked where there are any. */
  keepOnly(kept: () => Promise<readonly McpServer[]>): Promise<void>;
  /** Ends all servers. */
  close(): Promise<void>;
}
