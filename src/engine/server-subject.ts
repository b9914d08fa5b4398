import type { JsonObject } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { McpServer } from "../../gen/agentry/v1/agents_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import { ToolCallSchema } from "../../gen/agentry/v1/message_pb.js";
import { newId } from "../core/id.js";
import type { OfferedTool, ServerOrder } from "../core/tool-servers.js";
import { hashCall } from "./tool-arguments.js";
import { visibleJson } from "./visible-json.js";

/** What begins the name of the call that stands for the use of a server. */
export const serverPrefix = "mcp:";

/** A server as somebody decides about it, in the form of a tool call. */
export interface ServerSubject {
  /** `mcp:` and its name. */
  readonly tool: string;
  /** How it is reached, and what it may reach: everything that makes it another server when it changes. */
  readonly input: JsonObject;
  /** SHA-256 of both: what trust is bound to. */
  readonly id: string;
  /** As `serverKey`: whose trust it is. */
  readonly key: string;
}

/**
 * The subject of an order. A program is another one in another working directory: names in its arguments, and what
 * it loads, may lead there.
 */
export function serverSubject({ server, workDir, allowedHosts }: ServerOrder): ServerSubject {
  const tool = serverPrefix + server.name;
  const input = inputOf(server.transport, workDir, allowedHosts);
  return { tool, input, id: hashCall(tool, input), key: serverKey(server) };
}

/** SHA-256 of a server as an agent has it, wherever it works. Trust in it is kept while some agent has it. */
export function serverKey({ name, transport }: McpServer): string {
  return hashCall(serverPrefix + name, inputOf(transport, "", []));
}

function inputOf(
  transport: ServerOrder["server"]["transport"],
  workDir: string,
  allowedHosts: readonly string[],
): JsonObject {
  switch (transport.case) {
    case "stdio": {
      const { command, args, env } = transport.value;
      return { command, args, env, work_dir: workDir, allowed_hosts: [...allowedHosts].sort() };
    }
    case "http":
      return { url: transport.value.url };
    case undefined:
      return {};
    default:
      return transport satisfies never;
  }
}

/** The call that is asked about before a server is used for the first time. */
export function firstUse({ tool, input }: ServerSubject): { call: ToolCall; summary: string } {
  const what = input.command === undefined ? "reach this address" : "start this program in the sandbox";
  const summary =
    `Use the MCP server ${tool.slice(serverPrefix.length)}: ${what}, and give the agent its tools as they are at ` +
    `the first use. What changes later is asked about again. What the server does is not covered: each call of its ` +
    `tools is decided by itself.\n${visibleJson(input)}`;
  return { call: callOf(tool, input), summary };
}

/** UTF-16 units of all declarations that are shown; of the others their hashes are. */
const mostShown = 128 * 1024;

/** The call that is asked about when a server that was approved has other tools than then. */
export function changedTools(
  { tool, input }: ServerSubject,
  tools: readonly OfferedTool[],
): { call: ToolCall; summary: string } {
  let room = mostShown;
  const changed = tools.map(({ name, sha256, declaration }) => {
    room -= JSON.stringify(declaration).length;
    return room < 0 ? { name, sha256 } : { ...declaration, sha256 };
  });
  const summary =
    `The MCP server ${tool.slice(serverPrefix.length)} has tools that are new, or other than when it was approved. ` +
    `Give them to the agent?\n${visibleJson(changed)}`;
  return { call: callOf(tool, { ...input, changed_tools: changed }), summary };
}

function callOf(name: string, input: JsonObject): ToolCall {
  return create(ToolCallSchema, { id: newId(), name, arguments: input });
}
