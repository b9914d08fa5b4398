import { describe, expect, it } from "vitest";
import { DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { RuleEffect } from "../../gen/agentry/v1/rule_pb.js";
import { openHttpPlace } from "../tools/mcp/http-place.js";
import { http } from "../tools/mcp/mcp-place.js";
import { gives, openTeam, uses } from "./delegation-room.js";
import { openToolServers, states } from "./mcp-room.js";
import { bodies } from "./room.js";

const { TASK, HANDOFF } = DelegateMode;
const rule = (effect: RuleEffect) => ({ effect, tool: "mcp:one", pattern: "" });
const allow = rule(RuleEffect.ALLOW);

/** A lead that gives work to a worker, who has an MCP server. */
async function openScene(leadRules: object[], mode = TASK) {
  const server = await openHttpPlace();
  const { toolServers } = openToolServers();
  const worker = {
    script: uses("one_echo", { text: "hello" }),
    mcpServers: [http(server.url)],
    rules: [allow],
  };
  const script = mode === TASK ? gives(["Worker", "Say hello."]) : uses("handoff", { agent: "Worker" });
  const lead = { script, gives: { Worker: mode }, rules: leadRules as never };
  const team = await openTeam({ Lead: lead, Worker: worker }, { toolServers });
  const session = await team.open();
  const events = await team.finished(await team.start(session, "go"));
  return { server, events, children: bodies(events, "childEvent").flatMap(({ event }) => event ?? []) };
}

describe("an agent that works on a task", () => {
  it("has its own MCP servers, which end with the task", async () => {
    const { server, events, children } = await openScene([]);
    expect(states(children)).toEqual([expect.stringContaining("READY")]);
    expect(states(events)).toEqual([]);
    expect(bodies(children, "toolCallFinished")[0]?.result?.output).toBe("hello");
    await expect.poll(() => server.received.at(-1)?.method).toBe("DELETE");
  });

  it("has none that the agent above it denies", async () => {
    const { server, children } = await openScene([rule(RuleEffect.DENY)]);
    expect(states(children)).toEqual(["DENIED"]);
    expect(server.received).toEqual([]);
  });
});

it("an agent that takes the conversation over brings its MCP servers", async () => {
  const { events } = await openScene([], HANDOFF);
  expect(states(events)).toEqual([expect.stringContaining("one_echo")]);
});
