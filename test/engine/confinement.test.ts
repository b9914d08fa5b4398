import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AgentSchema } from "../../gen/agentry/v1/agents_pb.js";
import { RuleEffect } from "../../gen/agentry/v1/rule_pb.js";
import type { Sandbox } from "../../src/core/sandbox.js";
import { builtinTools } from "../../src/tools/builtin-tools.js";
import { createNoSandbox } from "../../src/tools/sandbox/none.js";
import { openHttpPlace } from "../tools/mcp/http-place.js";
import { http, stdio } from "../tools/mcp/mcp-place.js";
import { useStdioProgram } from "../tools/mcp/stdio-program.js";
import { openToolServers } from "./mcp-room.js";
import { bodies, calls, openRoom, says } from "./room.js";

const walls: Sandbox = { ...createNoSandbox(), name: "walls" };
const program = useStdioProgram();

const denied = { rules: [{ effect: RuleEffect.DENY, tool: "*", pattern: "" }] };
const trusted = [{ effect: RuleEffect.ALLOW, tool: "mcp:one", pattern: "" }];

/** Lets a model call a tool, and answers what is said to confine it. */
async function confinementOf(name: string, agent: MessageInitShape<typeof AgentSchema>) {
  const { toolServers } = openToolServers();
  const room = await openRoom(
    (_request, number) => (number === 1 ? calls({ name, input: {} }) : says("ok")),
    {
      tools: builtinTools(),
      sandbox: walls,
      toolServers,
    },
  );
  const session = await room.session({ agent: agent as object });
  const workDir = mkdtempSync(join(tmpdir(), "agentry-confinement-"));
  copyFileSync(program.path, join(workDir, "server.mjs"));
  const row = await room.store.sessions.get(session);
  await room.store.sessions.update({ ...row!, workDir });
  onTestFinished(() => rmSync(workDir, { recursive: true, force: true }));
  const events = await room.finished(await room.start(session, "go"));
  expect(bodies(events, "toolCallFinished")).toHaveLength(1);
  return bodies(events, "toolCallStarted")[0]?.sandbox;
}

const confinements: Readonly<Record<string, string>> = {
  bash: "walls",
  edit: "walls",
  fetch: "none",
  glob: "walls",
  grep: "walls",
  memory: "",
  read: "walls",
  think: "",
  todo: "",
  user_prompt: "",
  write: "walls",
};

describe("a call says what confines its tool", () => {
  it.each(builtinTools())("$name", async ({ name }) => {
    expect(await confinementOf(name, denied)).toBe(confinements[name]);
  });

  it("one of a tool that is not there: nothing has to", async () => {
    expect(await confinementOf("no_such_tool", denied)).toBe("");
  });

  it("one of an MCP server that is started here: the sandbox", async () => {
    expect(await confinementOf("one_echo", { rules: trusted, mcpServers: [stdio()] })).toBe("walls");
  });

  it("one of an MCP server on the network: nothing", async () => {
    const { url } = await openHttpPlace();
    expect(await confinementOf("one_echo", { rules: trusted, mcpServers: [http(url)] })).toBe("none");
  });
});
