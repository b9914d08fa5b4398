import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Message, Part } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, PartSchema, Role, ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { validHistory } from "../../src/engine/history.js";
import { textPart } from "../../src/engine/run-progress.js";

const call = (id: string): Part =>
  create(PartSchema, { content: { case: "toolCall", value: { id, name: "t" } } });
const result = (toolCallId: string): Part =>
  create(PartSchema, { content: { case: "toolResult", value: { toolCallId, name: "t", output: "o" } } });
const message = (role: Role, ...parts: Part[]): Message => create(MessageSchema, { role, parts });
const user = message(Role.USER, textPart("hi"));

/** `u`, `a(1,2)`, `t(1)` … */
const show = (messages: readonly Message[]): string =>
  messages
    .map(({ role, parts }) => {
      const ids = parts.flatMap(({ content }) => {
        if (content.case === "toolCall") return [content.value.id];
        return content.case === "toolResult" ? [content.value.toolCallId] : [];
      });
      return `${"?uat"[role]}${ids.length > 0 ? `(${ids})` : ""}`;
    })
    .join(" ");

it.each([
  [
    "a whole one as it is",
    [user, message(Role.ASSISTANT, call("1")), message(Role.TOOL, result("1"))],
    "u a(1) t(1)",
  ],
  [
    "a call without an answer",
    [user, message(Role.ASSISTANT, call("1"), call("2")), user],
    "u a(1,2) t(1,2) u",
  ],
  ["a call without an answer at the end", [user, message(Role.ASSISTANT, call("1"))], "u a(1) t(1)"],
  [
    "a part of the answers",
    [user, message(Role.ASSISTANT, call("1"), call("2")), message(Role.TOOL, result("2"))],
    "u a(1,2) t(1,2)",
  ],
  [
    "an answer to nothing",
    [user, message(Role.TOOL, result("1")), message(Role.ASSISTANT, textPart("x"))],
    "u a",
  ],
  [
    "an answer to another call",
    [user, message(Role.ASSISTANT, call("1")), message(Role.TOOL, result("9"))],
    "u a(1) t(1)",
  ],
  [
    "what is before the first user message",
    [message(Role.ASSISTANT, call("1")), message(Role.TOOL, result("1")), user],
    "u",
  ],
  ["empty messages", [user, message(Role.ASSISTANT), user], "u u"],
])("mends %s", (_name, messages, expected) => {
  expect(show(validHistory(messages))).toBe(expected);
});

it("says of an answer that it made up that the call was interrupted", () => {
  const [, , mended] = validHistory([user, message(Role.ASSISTANT, call("1"))]);
  expect(mended?.parts[0]?.content.value).toMatchObject({ status: ToolCallStatus.INTERRUPTED });
});

it("keeps the answers that are there", () => {
  const calls = message(Role.ASSISTANT, call("1"), call("2"));
  const [, , mended] = validHistory([user, calls, message(Role.TOOL, result("2"))]);
  expect(mended?.parts.map(({ content }) => content.value)).toMatchObject([
    { status: ToolCallStatus.INTERRUPTED },
    { output: "o" },
  ]);
});

it("gives back the same objects where nothing is wrong", () => {
  const messages = [user, message(Role.ASSISTANT, call("1")), message(Role.TOOL, result("1"))];
  const valid = validHistory(messages);
  for (const [i, given] of messages.entries()) expect(valid[i]).toBe(given);
});

it("is valid whatever the messages are", () => {
  const ids = fc.uniqueArray(fc.constantFrom("1", "2", "3"), { maxLength: 3 });
  const any = fc.oneof(
    fc.constant(user),
    ids.map((all) => message(Role.ASSISTANT, ...all.map(call))),
    ids.map((all) => message(Role.TOOL, ...all.map(result))),
  );
  fc.assert(
    fc.property(fc.array(any), (messages) => {
      const valid = validHistory(messages);
      if (valid[0]) expect(valid[0].role).toBe(Role.USER);
      for (const [i, { role, parts }] of valid.entries()) {
        expect(parts).not.toEqual([]);
        const wanted = role === Role.ASSISTANT ? show([valid[i] as Message]).replace("a", "t") : "t";
        const next = valid[i + 1];
        if (wanted.includes("(")) expect(show(next ? [next] : [])).toBe(wanted);
        else expect(next?.role).not.toBe(Role.TOOL);
      }
    }),
  );
});
