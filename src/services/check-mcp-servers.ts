import type { McpServer, McpStdio } from "../../gen/agentry/v1/agents_pb.js";
import { invalid } from "../core/fault.js";
import { readServerUrl } from "../core/server-url.js";
import { checkLength } from "./limits.js";

const maxServers = 20;
const maxTools = 200;
const maxArguments = 100;
const maxVariables = 64;
const longestText = 8192;

/** Variables by which a program runs another one, or another code, than the one that its command names. */
const turncoats =
  /^(PATH|ENV|BASH_ENV|IFS|SHELLOPTS|BASHOPTS|PS4|NODE_OPTIONS|PYTHONSTARTUP|PYTHONPATH|PYTHONHOME|PERL5?(OPT|LIB|DB)|RUBY(OPT|LIB)|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|GCONV_PATH|(LD|DYLD|BASH_FUNC|AGENTRY)_.*)$/;

/** @throws Fault `invalid` that names the first server which cannot be used, and its field. */
export function checkMcpServers(servers: readonly McpServer[]): void {
  if (servers.length > maxServers)
    throw invalid(`mcp_servers has ${servers.length} entries; at most ${maxServers} are allowed`);
  const names = new Set<string>();
  for (const [i, server] of servers.entries()) {
    const field = `mcp_servers[${i}]`;
    if (!/^[A-Za-z0-9-]{1,32}$/.test(server.name))
      throw invalid(`${field}.name has to be 1 to 32 letters, digits and dashes`);
    if (names.has(server.name))
      throw invalid(`${field}.name is there before: ${JSON.stringify(server.name)}`);
    names.add(server.name);
    checkTransport(field, server);
    checkTools(`${field}.tools`, server.tools);
  }
}

function checkTransport(field: string, { transport }: McpServer): void {
  switch (transport.case) {
    case "stdio":
      return checkStdio(`${field}.stdio`, transport.value);
    case "http":
      return void readServerUrl(transport.value.url, `${field}.http.url`);
    case undefined:
      throw invalid(`${field} needs stdio or http`);
    default:
      return transport satisfies never;
  }
}

function checkStdio(field: string, { command, args, env }: McpStdio): void {
  if (command === "") throw invalid(`${field}.command is required`);
  checkText(`${field}.command`, command);
  if (command.includes("/") && !command.startsWith("/"))
    throw invalid(`${field}.command has to be the name of a program or an absolute path`);
  if (args.length > maxArguments)
    throw invalid(`${field}.args has ${args.length} entries; at most ${maxArguments} are allowed`);
  for (const [i, arg] of args.entries()) checkText(`${field}.args[${i}]`, arg);
  const variables = Object.entries(env);
  if (variables.length > maxVariables)
    throw invalid(`${field}.env has ${variables.length} entries; at most ${maxVariables} are allowed`);
  for (const [name, value] of variables) {
    if (!/^[A-Za-z_]\w{0,127}$/.test(name))
      throw invalid(`${field}.env has a name that no variable has: ${JSON.stringify(name.slice(0, 128))}`);
    if (turncoats.test(name)) throw invalid(`${field}.env may not set ${name}`);
    checkText(`${field}.env[${name}]`, value);
  }
}

function checkTools(field: string, tools: readonly string[]): void {
  if (tools.length > maxTools)
    throw invalid(`${field} has ${tools.length} entries; at most ${maxTools} are allowed`);
  for (const [i, name] of tools.entries()) {
    if (name === "") throw invalid(`${field}[${i}] is empty`);
    checkLength(`${field}[${i}]`, name, 128);
    if (tools.indexOf(name) < i) throw invalid(`${field}[${i}] is there before`);
  }
}

function checkText(field: string, text: string): void {
  checkLength(field, text, longestText);
  if (text.includes("\0")) throw invalid(`${field} must not hold the character NUL`);
}
