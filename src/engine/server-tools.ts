import type { McpServer } from "../../gen/agentry/v1/agents_pb.js";
import { McpServerState } from "../../gen/agentry/v1/event_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import { canceled, Fault } from "../core/fault.js";
import type { Tool } from "../core/tool.js";
import type { OfferedTool, ServerHost, ServerOrder, ToolServer, ToolServers } from "../core/tool-servers.js";
import type { AskingRun } from "./admit-server.js";
import { admitServer, admitTools } from "./admit-server.js";
import type { RunTools, RunWork } from "./run-loop.js";
import { serverSubject } from "./server-subject.js";
import { serverToolName } from "./server-tool-name.js";
import type { ServerTrust } from "./server-trust.js";
import { sessionInForce } from "./session-in-force.js";
import { actionOf } from "./tool-context.js";
import { visibleJson } from "./visible-json.js";

/** The servers of tools that an engine can connect to. */
export interface ServerParts {
  readonly servers: ToolServers;
  readonly trust: ServerTrust;
}

/** How a server stands in a run. */
interface Standing {
  /** What was last said of it, to say only what is new. */
  said: string;
  /** What was last warned of. */
  warned: string;
  /** The connection of this run, and the subject that it was made for. */
  connected?: { readonly id: string; readonly server: ToolServer };
  /** It is left out for the rest of the run. */
  out: boolean;
  /** Hashes of tools that somebody has refused in this run. */
  readonly refused: Set<string>;
}

/** The tools that one run has from MCP servers. A server that fails or is refused costs the run nothing but its tools. */
export class ServerTools {
  readonly #standings = new Map<string, Standing>();
  readonly #over = new AbortController();

  constructor(
    private readonly run: RunTools,
    private readonly work: RunWork,
  ) {}

  /**
   * The tools of the agent's servers for one step, none of them with a name that is `taken`. Asks for what nobody
   * has approved yet, and waits for the verdict.
   * @throws Fault `canceled` when `signal` fires.
   */
  async tools(taken: ReadonlySet<string>, signal: AbortSignal): Promise<Tool[]> {
    const { mcpServers } = this.work.agent;
    const parts = this.run.toolServers;
    if (mcpServers.length === 0 || !parts) return [];
    const session = await sessionInForce(this.run.store, this.work.writer.run.sessionId);
    const found = await Promise.all(
      mcpServers.map((server) => this.#toolsOf(parts, { server, session, taken }, signal)),
    );
    if (signal.aborted) throw canceled("the run was canceled");
    return found.flat();
  }

  /** The run works no longer: its servers may rest, and what they ask is canceled. */
  end(): void {
    // Making the reason costs more than the rest; without servers nobody listens.
    if (this.#standings.size > 0) this.#over.abort();
    const { sessionId } = this.work.writer.run;
    // A child session has this run alone.
    if (this.work.depth > 0) void this.run.toolServers?.servers.leave(sessionId);
    else this.run.toolServers?.servers.rest(sessionId);
  }

  async #toolsOf(
    parts: ServerParts,
    { server, session, taken }: { server: McpServer; session: Session; taken: ReadonlySet<string> },
    signal: AbortSignal,
  ): Promise<Tool[]> {
    const standing = this.#standing(server);
    if (standing.out) return [];
    const { run, work } = this;
    const say = (state: McpServerState, message: string, tools: string[] = []): void =>
      this.#say(standing, { server: server.name, state, message, tools });
    const onAsk = (why: string): void => say(McpServerState.NEEDS_APPROVAL, why);
    const asking: AskingRun = { run, work, trust: parts.trust, session, onAsk };
    try {
      const admitted = await this.#admit(parts, asking, { server, standing, signal });
      if (!("connection" in admitted)) {
        standing.out = admitted.forRun;
        say(McpServerState.DENIED, admitted.why);
        return [];
      }
      this.#warn(standing, shortfall(server, admitted));
      const tools = namedTools(server, admitted, taken);
      say(
        McpServerState.READY,
        "",
        tools.map(({ name }) => name),
      );
      return tools;
    } catch (error) {
      if (signal.aborted) return [];
      this.#fail(standing, server, Fault.from(error));
      return [];
    }
  }

  async #admit(
    { servers, trust }: ServerParts,
    asking: AskingRun,
    { server, standing, signal }: { server: McpServer; standing: Standing; signal: AbortSignal },
  ): Promise<Admitted | { readonly why: string; readonly forRun: boolean }> {
    const { id: sessionId, workDir } = asking.session;
    const order: ServerOrder = { sessionId, server, workDir, allowedHosts: this.work.agent.allowedHosts };
    const subject = serverSubject(order);
    const admission = await admitServer(asking, subject, signal);
    if (admission !== "trusted" && admission !== "allowed") return admission;
    const connect = async (): Promise<ToolServer> => {
      const found = await servers.connect(order, this.#host(server, standing, signal), signal);
      standing.connected = { id: subject.id, server: found };
      return found;
    };
    const held = standing.connected?.id === subject.id ? standing.connected.server : await connect();
    const [connection, offered] = await held.tools(signal).then(
      (tools) => [held, tools] as const,
      async (error: unknown) => {
        if (!mayReturn(error)) throw error;
        const again = await connect();
        return [again, await again.tools(signal)] as const;
      },
    );
    const wanted =
      server.tools.length > 0 ? offered.filter(({ name }) => server.tools.includes(name)) : offered;
    const missing = server.tools.filter((name) => !offered.some((tool) => tool.name === name));
    if (admission === "allowed") return { connection, tools: wanted, missing };
    const tools = await admitTools(
      { ...asking, trust },
      { subject, offered, wanted },
      standing.refused,
      signal,
    );
    return { connection, tools, missing };
  }

  #host(server: McpServer, standing: Standing, signal: AbortSignal): ServerHost {
    const { run, work } = this;
    const until = AbortSignal.any([signal, this.#over.signal]);
    return {
      async elicit(question) {
        try {
          const { state, content } = await run.elicitations.ask(work.writer, "", question, until);
          return { action: actionOf(state), content };
        } catch {
          return { action: "cancel" };
        }
      },
      onAuthorization: () => {
        const message = "It has to be authorized.";
        const state = McpServerState.NEEDS_AUTHORIZATION;
        this.#say(standing, { server: server.name, state, message, tools: [] });
      },
    };
  }

  #fail(standing: Standing, server: McpServer, fault: Fault): void {
    standing.out = true;
    const message = fault.reason === "internal" ? "it failed" : fault.message.toWellFormed();
    const state = fault.reason === "forbidden" ? McpServerState.DENIED : McpServerState.FAILED;
    this.#say(standing, { server: server.name, state, message, tools: [] });
    const value = { message: `The run goes on without the MCP server ${server.name}: ${message}` };
    this.work.writer.emit({ case: "warningRaised", value });
  }

  #warn(standing: Standing, message: string): void {
    if (standing.warned === message) return;
    standing.warned = message;
    if (message !== "") this.work.writer.emit({ case: "warningRaised", value: { message } });
  }

  #say(
    standing: Standing,
    value: { server: string; state: McpServerState; message: string; tools: string[] },
  ): void {
    const said = JSON.stringify(value);
    if (standing.said === said || this.#over.signal.aborted) return;
    standing.said = said;
    this.work.writer.emit({ case: "mcpServerUpdated", value });
  }

  /** By agent as well: another one may take the conversation over, with a server of the same name. */
  #standing({ name }: McpServer): Standing {
    const key = `${this.work.agent.id}/${name}`;
    const standing = this.#standings.get(key) ?? { said: "", warned: "", out: false, refused: new Set() };
    this.#standings.set(key, standing);
    return standing;
  }
}

/** Whether a connection that is over may be made again within a run. One that broke off may not: it would again. */
function mayReturn(error: unknown): boolean {
  return error instanceof Fault && (error.reason === "unauthenticated" || error.detail.retryable === true);
}

interface Admitted {
  readonly connection: ToolServer;
  readonly tools: readonly OfferedTool[];
  /** Names of tools that the agent is to be given and the server does not offer. */
  readonly missing: readonly string[];
}

/** What an agent lacks of what it could expect of a server, for people; empty where it lacks nothing. */
function shortfall({ name, tools }: McpServer, { connection, missing }: Admitted): string {
  if (missing.length > 0)
    return `The MCP server ${name} has no tool that can be used under the name ${missing.map(quote).join(", ")}.`;
  const { leftOut } = connection;
  if (leftOut === 0 || tools.length > 0) return "";
  return (
    `${leftOut} of the tools that the MCP server ${name} offers are left out: they are too many, too large or ` +
    "malformed, or have to be called as tasks."
  );
}

const quote = (text: string): string => JSON.stringify(text);

function namedTools(server: McpServer, { connection, tools }: Admitted, taken: ReadonlySet<string>): Tool[] {
  const named = new Map<string, Tool>();
  for (const offered of tools) {
    const name = serverToolName(server.name, offered.name, taken);
    if (!taken.has(name) && !named.has(name)) named.set(name, toTool(server, name, offered, connection));
  }
  return [...named.values()];
}

function toTool(server: McpServer, name: string, offered: OfferedTool, connection: ToolServer): Tool {
  const { description, inputSchema } = offered;
  return {
    name,
    description,
    inputSchema,
    // Whatever the server says of it: nobody holds it to that.
    readOnly: false,
    sandboxed: server.transport.case === "stdio",
    summarize: (input) =>
      `${JSON.stringify(offered.name)} of the MCP server ${server.name}, with\n${visibleJson(input)}`,
    run: (input, context, signal) => connection.call(offered, input, context, signal),
  };
}
