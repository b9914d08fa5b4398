import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ApprovalState, Verdict } from "../../gen/agentry/v1/event_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { RuleEffect, RuleSchema } from "../../gen/agentry/v1/rule_pb.js";
import { ApprovalScope } from "../../gen/agentry/v1/run_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import type { Sandbox } from "../../src/core/sandbox.js";
import type { Tool } from "../../src/core/tool.js";
import { ruleFor } from "../../src/engine/rules.js";
import { builtinTools } from "../../src/tools/builtin-tools.js";
import { createNoSandbox } from "../../src/tools/sandbox/none.js";
import { bodies, calls, openRoom, says, tool } from "./room.js";

const missing: Sandbox = { ...createNoSandbox(), mustAsk: true };
const allow = (name: string, pattern = "") =>
  create(RuleSchema, { effect: RuleEffect.ALLOW, tool: name, pattern });

interface Scene {
  readonly mode?: ApprovalMode;
  readonly sandbox?: Sandbox;
  readonly rules?: ReturnType<typeof allow>[];
  readonly input?: object;
}

/** Calls a tool once and denies what is asked. Answers whether somebody was asked, and how the call ended. */
async function callOnce(called: Tool, { mode = ApprovalMode.AUTO, sandbox = missing, rules, input }: Scene) {
  const script = (_request: unknown, number: number) =>
    number === 1 ? calls({ name: called.name, input: input ?? {} }) : says("ok");
  const room = await openRoom(script, { tools: [called], sandbox });
  const session = await room.session({ mode, ...(rules && { agent: { rules } }) });
  const run = await room.start(session, "go");
  const asked: string[] = [];
  for await (const event of room.watch.run(run.id, 0, new AbortController().signal)) {
    if (event.body.case !== "approvalRequested") continue;
    const approvalId = event.body.value.approval!.id;
    asked.push(approvalId);
    await room.engine.approvals.resolve(approvalId, { ...answer, verdict: Verdict.DENY });
  }
  const [finished] = bodies(await room.finished(run), "toolCallFinished");
  return { asked: asked.length, status: finished?.result?.status };
}

const answer = { argumentsSha256: "", comment: "" };
const look = tool("look", undefined, true);
const change = tool("change");
const inner = { ...tool("inner"), selfContained: true };

describe("without a sandbox that nobody chose to be without", () => {
  it.each([
    { name: "a tool that changes things, in the mode auto", called: change, scene: {} },
    { name: "a tool that only reads", called: look, scene: {} },
    { name: "a tool that only reads, in the mode ask", called: look, scene: { mode: ApprovalMode.ASK } },
    {
      name: "a tool that only reads, in the mode read-only",
      called: look,
      scene: { mode: ApprovalMode.READ_ONLY },
    },
    { name: "a rule on every tool", called: change, scene: { rules: [allow("*")] } },
    { name: "a rule on another tool", called: change, scene: { rules: [allow("look")] } },
    {
      name: "a rule on other arguments",
      called: { ...change, name: "bash" },
      scene: { rules: [allow("bash", "git status")], input: { command: "ls" } },
    },
  ])("asks for $name", async ({ called, scene }) => {
    expect(await callOnce(called, scene)).toEqual({ asked: 1, status: ToolCallStatus.DENIED });
  });

  it.each([
    { name: "a rule that names the tool", called: change, scene: { rules: [allow("change")] } },
    {
      name: "a rule on this command",
      called: { ...change, name: "bash" },
      scene: { rules: [allow("bash", "git status")], input: { command: "git status" } },
    },
    { name: "a tool that touches nothing", called: inner, scene: {} },
    { name: "a sandbox", called: change, scene: { sandbox: { ...createNoSandbox(), confines: true } } },
    { name: "--sandbox off", called: change, scene: { sandbox: createNoSandbox() } },
  ])("asks nobody for $name", async ({ called, scene }) => {
    expect(await callOnce(called, scene)).toEqual({ asked: 0, status: ToolCallStatus.SUCCEEDED });
  });

  it("still denies what is denied", async () => {
    const rules = [create(RuleSchema, { effect: RuleEffect.DENY, tool: "change" }), allow("change")];
    expect(await callOnce(change, { rules })).toEqual({ asked: 0, status: ToolCallStatus.DENIED });
    const mode = ApprovalMode.READ_ONLY;
    expect(await callOnce(change, { mode })).toEqual({ asked: 0, status: ToolCallStatus.DENIED });
  });

  it("goes on asking after a verdict for the whole session, and not after one for the tool", async () => {
    const script = (_request: unknown, number: number) =>
      number <= 3 ? calls({ name: "change", input: { number } }) : says("ok");
    const room = await openRoom(script, { tools: [change], sandbox: missing });
    const run = await room.start(await room.session({ mode: ApprovalMode.AUTO }), "go");
    const scopes = [ApprovalScope.SESSION, ApprovalScope.TOOL];
    for await (const event of room.watch.run(run.id, 0, new AbortController().signal)) {
      if (event.body.case !== "approvalRequested") continue;
      const [scope] = scopes.splice(0, 1);
      const approvalId = event.body.value.approval!.id;
      await room.engine.approvals.resolve(approvalId, {
        ...answer,
        verdict: Verdict.APPROVE,
        rule: (approval) => ruleFor(scope!, approval),
      });
    }
    expect(scopes).toEqual([]);
    const resolved = bodies(await room.finished(run), "approvalResolved");
    expect(resolved.map(({ approval }) => approval?.state)).toEqual([
      ApprovalState.APPROVED,
      ApprovalState.APPROVED,
    ]);
    const finished = bodies(await room.finished(run), "toolCallFinished");
    expect(finished.map(({ result }) => result?.status)).toEqual(Array(3).fill(ToolCallStatus.SUCCEEDED));
  });
});

it("takes these tools for such that touch nothing", () => {
  const inside = builtinTools().filter(({ selfContained }) => selfContained);
  expect(inside.map(({ name }) => name).sort()).toEqual(["memory", "think", "todo", "user_prompt"]);
});
