import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RuleEffect, RuleSchema } from "../../gen/agentry/v1/rule_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import { hashCall } from "../../src/engine/tool-arguments.js";
import { calls, openRoom, says, tool } from "./room.js";

const { ALLOW, ASK, DENY } = RuleEffect;

/** Which of two calls of `change` ran, with the arguments that a rule of the agent names and with others. */
async function callTwice(effect: RuleEffect, mode: ApprovalMode) {
  const both = [{ n: 1 }, { n: 2 }].map((input) => ({ name: "change", input }));
  const ran: unknown[] = [];
  const change = tool("change", async ({ n }) => {
    ran.push(n);
    return { text: "changed", failed: false };
  });
  const room = await openRoom((_request, number) => (number === 1 ? calls(...both) : says("ok")), {
    tools: [change],
    approvalExpiryMs: 30,
  });
  const pattern = `sha256:${hashCall("change", { n: 1 })}`;
  const rules = [create(RuleSchema, { effect, tool: "change", pattern })];
  const run = await room.start(await room.session({ mode, agent: { rules } }), "go");
  await room.finished(run);
  return ran;
}

it.each([
  ["denied", DENY, ApprovalMode.AUTO, [2]],
  ["asked for", ASK, ApprovalMode.AUTO, [2]],
  ["allowed", ALLOW, ApprovalMode.ASK, [1]],
] as const)("one exact call is %s by a rule of the agent, and no other", async (_name, effect, mode, ran) => {
  expect(await callTwice(effect, mode)).toEqual(ran);
});

/** Whether a command runs that the session allows exactly, of an agent that denies rm. */
async function runsExactly(command: string): Promise<boolean> {
  let ran = false;
  const bash = tool("bash", async () => {
    ran = true;
    return { text: "done", failed: false };
  });
  const room = await openRoom(
    (_request, number) => (number === 1 ? calls({ name: "bash", input: { command } }) : says("ok")),
    {
      tools: [bash],
      approvalExpiryMs: 30,
    },
  );
  const pattern = `sha256:${hashCall("bash", { command })}`;
  const denial = create(RuleSchema, { effect: DENY, tool: "bash", pattern: "rm" });
  const question = create(RuleSchema, { effect: ASK, tool: "bash", pattern: "ls" });
  const session = await room.session({ mode: ApprovalMode.AUTO, agent: { rules: [denial, question] } });
  const stored = await room.store.sessions.get(session);
  const rules = [create(RuleSchema, { effect: ALLOW, tool: "bash", pattern })];
  await room.store.sessions.update({ ...stored!, rules });
  await room.finished(await room.start(session, "go"));
  return ran;
}

it.each([
  ["ls", true],
  ["rm x", false],
  ["sh x", false],
] as const)(
  "a rule of the session on exactly %s lets it run: %j, where the agent denies rm",
  async (command, ran) => {
    expect(await runsExactly(command)).toBe(ran);
  },
);
