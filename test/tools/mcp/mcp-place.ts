import { copyFileSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import type { McpServer } from "../../../gen/agentry/v1/agents_pb.js";
import { McpServerSchema } from "../../../gen/agentry/v1/agents_pb.js";
import { createRedactor } from "../../../src/core/redactor.js";
import type { Sandbox } from "../../../src/core/sandbox.js";
import type { OpenSecret, TokenStore } from "../../../src/core/secrets.js";
import type { ElicitationOutcome, ElicitationQuestion, ToolContext } from "../../../src/core/tool.js";
import type { ServerHost, ServerOrder } from "../../../src/core/tool-servers.js";
import type { ToolServersOptions } from "../../../src/tools/mcp/create-tool-servers.js";
import { createToolServers } from "../../../src/tools/mcp/create-tool-servers.js";
import { createBwrapSandbox } from "../../../src/tools/sandbox/bwrap.js";
import { createNoSandbox } from "../../../src/tools/sandbox/none.js";
import { findBwrap } from "../../../src/tools/sandbox/probe-sandbox.js";
import { whyNoSandbox } from "../sandbox/bwrap-place.js";

export const never = new AbortController().signal;

export type McpPlace = ReturnType<typeof openMcpPlace>;

/** Secrets and tokens in memory. */
export function memoryTokens() {
  const kept = new Map<string, { text: string; origin: string }>();
  const secrets = new Map<string, OpenSecret>();
  const tokens: TokenStore = {
    open: async (id) => kept.get(id)?.text,
    put: async (id, text, origin) => void kept.set(id, { text, origin }),
    list: async (prefix) => [...kept.keys()].filter((id) => id.startsWith(prefix)),
    delete: async (id) => void kept.delete(id),
  };
  return { kept, secrets, tokens, open: async (id: string) => secrets.get(id) };
}

/** Connections to MCP servers in a real sandbox where there is one. All of it is gone when the test has ended. */
export function openMcpPlace(
  program: string,
  options: Partial<ToolServersOptions> & { readonly answer?: Answer } = {},
) {
  const outer = realpathSync(mkdtempSync(join(tmpdir(), "agentry-mcp-")));
  const workDir = mkdtempSync(join(outer, "w-"));
  copyFileSync(program, join(workDir, "server.mjs"));
  const sandbox = options.sandbox ? undefined : openSandbox(join(outer, "state"));
  const memory = memoryTokens();
  const redactor = createRedactor();
  const servers = createToolServers({
    sandbox: sandbox ?? (options.sandbox as Sandbox),
    secrets: memory,
    tokens: memory.tokens,
    redactor,
    redirectUrl: Promise.resolve("http://127.0.0.1:1/oauth/callback"),
    ...options,
  });
  onTestFinished(async () => {
    await servers.close();
    await sandbox?.close();
    rmSync(outer, { recursive: true, force: true });
  });
  const asked: ElicitationQuestion[] = [];
  const host: ServerHost & { authorizations: number } = {
    authorizations: 0,
    async elicit(question) {
      asked.push(question);
      return (options.answer ?? (() => ({ action: "decline" })))(question);
    },
    onAuthorization() {
      host.authorizations += 1;
    },
  };
  const order = (server: McpServer, sessionId = "S"): ServerOrder => ({
    sessionId,
    server,
    workDir,
    allowedHosts: [],
  });
  const connect = async (server = stdio(), sessionId = "S") =>
    servers.connect(order(server, sessionId), host, never);
  const output: string[] = [];
  const contextAsked: ElicitationQuestion[] = [];
  const context: ToolContext = {
    workDir,
    sessionId: "S",
    toolCallId: "C",
    sandbox: sandbox ?? (options.sandbox as Sandbox),
    notes: { read: async () => undefined, write: async () => undefined },
    async elicit(question) {
      contextAsked.push(question);
      return (options.answer ?? (() => ({ action: "decline" })))(question);
    },
    onOutput: (text) => void output.push(text),
  };
  /** Calls a tool by the server's name for it. */
  const call = async (name: string, text = "", signal = never, server = stdio()) => {
    const connection = await connect(server);
    const tool = (await connection.tools(signal)).find((one) => one.name === name);
    return connection.call(tool!, { text }, context, signal);
  };
  return {
    outer,
    redactor,
    workDir,
    servers,
    memory,
    host,
    asked,
    contextAsked,
    context,
    output,
    order,
    connect,
    call,
  };
}

export type Answer = (question: ElicitationQuestion) => ElicitationOutcome | Promise<ElicitationOutcome>;

function openSandbox(stateDir: string) {
  if (whyNoSandbox !== undefined) return createNoSandbox();
  return createBwrapSandbox({ file: findBwrap()!, stateDir, hidden: [], programs: [process.execPath] });
}

type ServerInit = MessageInitShape<typeof McpServerSchema>;

/** A server over stdio, which runs the tests' program in the working directory. */
export function stdio(
  init: { args?: string[]; env?: Record<string, string>; command?: string; name?: string } = {},
): McpServer {
  const { args = ["server.mjs"], env = {}, command = process.execPath, name = "one" } = init;
  return create(McpServerSchema, { name, transport: { case: "stdio", value: { command, args, env } } });
}

export function http(url: string, init: Partial<ServerInit> = {}): McpServer {
  return create(McpServerSchema, {
    name: "one",
    ...(init as object),
    transport: { case: "http", value: { url } },
  });
}
