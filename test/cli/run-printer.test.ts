import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../gen/agentry/v1/event_pb.js";
import { RunPrinter } from "../../src/cli/run-printer.js";

type Body = NonNullable<MessageInitShape<typeof EventSchema>["body"]>;

const event = (body: Body, sessionId = "top"): Event => create(EventSchema, { sessionId, body });
const child = (sessionId: string, body: Body): Body => ({
  case: "childEvent",
  value: { toolCallId: "call", event: event(body, sessionId) },
});
const started = (agentName: string): Body => ({ case: "runStarted", value: { agentName } });
const delta = (text: string): Body => ({ case: "textDelta", value: { text } });
const whole = (text: string): Body => ({ case: "textFinished", value: { text } });
const call = (name: string): Body => ({ case: "toolCallStarted", value: { toolCall: { name } } });

function show(...bodies: readonly Body[]): { answer: string; notes: string } {
  const shown = { answer: "", notes: "" };
  const printer = new RunPrinter({
    answer: (text) => {
      shown.answer += text;
    },
    note: (text) => {
      shown.notes += text;
    },
  });
  for (const body of bodies) printer.print(event(body));
  return shown;
}

it("notes what other agents do under their names, and keeps the answer apart", () => {
  const shown = show(
    started("Lead"),
    delta("Let us"),
    child("a", started("Helper")),
    child("a", delta("One.\n")),
    child("b", started("\u001b[31mEvil\nagent")),
    child("a", child("deep", started("Deep"))),
    child("a", child("deep", call("bash"))),
    child("a", whole("One.\n\nTwo.")),
    child("b", call("read")),
    whole("Let us"),
  );
  expect(shown).toEqual({
    answer: "Let us\n",
    notes: "  [Helper]   [Deep] > bash {}\n  [Helper] One.\n  [Helper] Two.\n  [␛[31mEvil agent] > read {}\n",
  });
});

it("notes who goes on", () => {
  const shown = show({ case: "agentChanged", value: { agentName: "Other" } });
  expect(shown).toEqual({ answer: "", notes: "> Other goes on\n" });
});

it("notes what becomes of MCP servers, and what they ask", () => {
  const { notes } = show(
    { case: "mcpServerUpdated", value: { server: "one", state: 2, message: "It is new.\u001b[2J" } },
    { case: "mcpServerUpdated", value: { server: "one", state: 1, tools: ["one_a", "one_b"] } },
    {
      case: "elicitationRequested",
      value: { elicitation: { id: "E", message: "Visit it.", url: "https://a.test/" } },
    },
  );
  expect(notes).toBe(
    "* one needs approval: It is new.\u241b[2J\n" +
      "* one ready: one_a, one_b\n" +
      "? Visit it. https://a.test/ (elicitation E)\n",
  );
});
