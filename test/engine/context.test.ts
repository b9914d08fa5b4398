import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Message, Part } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, PartSchema, Role } from "../../gen/agentry/v1/message_pb.js";
import { contextOf, contextTokens, cutContext, estimateTokens } from "../../src/engine/context.js";
import { validHistory } from "../../src/engine/history.js";
import { textPart } from "../../src/engine/run-progress.js";

const part = (value: object): Part => create(PartSchema, { content: value as Part["content"] });
const call = part({ case: "toolCall", value: { id: "1", name: "look" } });
const result = part({ case: "toolResult", value: { toolCallId: "1", name: "look", output: "x" } });

/** `u` user, `a` assistant, `c` with a call, `t` its result; a digit is a summary through that index. */
function session(shape: string): Message[] {
  return [...shape].map((letter, i) => {
    const index = i + 1;
    const text = [textPart(`${letter}${index}`)];
    if (letter === "t") return create(MessageSchema, { index, role: Role.TOOL, parts: [result] });
    if (letter === "c") return create(MessageSchema, { index, role: Role.ASSISTANT, parts: [call] });
    if (letter === "a") return create(MessageSchema, { index, role: Role.ASSISTANT, parts: text });
    const summaryThrough = letter === "u" ? 0 : Number(letter);
    return create(MessageSchema, { index, role: Role.USER, parts: text, summaryThrough });
  });
}

const indexes = (messages: readonly Message[] = []): string => messages.map(({ index }) => index).join(" ");

describe("the context of a session", () => {
  it.each([
    ["uaua", "1 2 3 4", "1 2", "3 4"],
    ["uau", "1 2 3", "1 2", "3"],
    ["ua", "1 2", "", ""],
    ["", "", "", ""],
    ["uauct", "1 2 3 4 5", "1 2", "3 4 5"],
    ["uctauct", "1 2 3 4 5 6 7", "1 2 3 4", "5 6 7"],
    ["uauu", "1 2 3 4", "1 2", "3 4"],
    ["uau2", "4 3", "", ""],
    ["uau2a", "4 3 5", "", ""],
    ["uau2au", "4 3 5 6", "4 3 5", "6"],
    ["uau2aua3", "8 5 6 7", "8 5", "6 7"],
    ["uau2au5a", "7 6 8", "", ""],
  ])("of %s is %s, cut into %s and %s", (shape, context, older, kept) => {
    const messages = session(shape);
    expect(indexes(contextOf(messages))).toBe(context);
    const cut = cutContext(messages, 1000);
    expect([indexes(cut?.older), indexes(cut?.kept)]).toEqual([older, kept]);
  });

  it.each([
    ["uctctct", 0, "1 2 3 4 5", "6 7", "u1"],
    ["uctcta", 0, "1 2 3 4 5", "6", "u1"],
    ["uuctct", 0, "1 2 3 4", "5 6", "u1 u2"],
    ["uct", 0, "", "", ""],
    ["ua", 0, "", "", ""],
    ["uctct3ct", 0, "6 4 5", "7 8", "quoted"],
    ["uctct3", 0, "", "", ""],
    ["uctctct", 3, "1 2 3 4 5", "6 7", "u1"],
    ["uctctct", 4, "1 2 3", "4 5 6 7", "u1"],
    ["uctctct", 100, "", "", ""],
    ["uauctctct", 100, "1 2", "3 4 5 6 7 8 9", ""],
    ["uauctctct", 1, "1 2 3 4 5 6 7", "8 9", "u3"],
  ])("of %s, of which %i tokens may stay, is cut into %s and %s", (shape, keep, older, kept, request) => {
    const messages = session(shape);
    for (const { parts, summaryThrough } of messages) if (summaryThrough > 0) parts.push(textPart("quoted"));
    const cut = cutContext(messages, keep);
    expect([indexes(cut?.older), indexes(cut?.kept)]).toEqual([older, kept]);
    const asked = (cut?.request ?? []).map(({ content }) => content.value);
    expect(asked.join(" ")).toBe(request);
    const sent = cut ? [create(MessageSchema, { role: Role.USER, parts: [textPart("S")] }), ...cut.kept] : [];
    expect(validHistory(sent)).toEqual(sent);
  });

  it("holds what is not stored yet", () => {
    const messages = session("uau2u");
    for (const message of messages.slice(4)) message.index = 0;
    expect(contextOf(messages)).toEqual([messages[3], messages[2], messages[4]]);
  });

  it("stays valid however often it is summarised, and loses no message that has no summary", () => {
    const turns = fc.array(fc.constantFrom("ua", "ucta", "uuct", "ct", "ctct", "a", "S"), { maxLength: 14 });
    fc.assert(
      fc.property(turns, fc.constantFrom(0, 3, 7, 1000), (all, keep) => {
        const messages: Message[] = [];
        for (const turn of all) {
          const cut = turn === "S" ? cutContext(messages, keep) : undefined;
          const added = turn === "S" ? session(cut ? "u" : "") : session(turn);
          // A run begins with its user.
          if (messages.length === 0 && added[0]?.role !== Role.USER) continue;
          for (const message of added) {
            message.index = messages.length + 1;
            message.summaryThrough = cut?.older.at(-1)?.index ?? 0;
            messages.push(message);
          }
          const context = contextOf(messages);
          expect(validHistory(context)).toEqual(context);
          const through = context[0]?.summaryThrough ?? 0;
          const plain = messages.filter((message) => message.summaryThrough === 0);
          expect(context.slice(through ? 1 : 0)).toEqual(plain.filter(({ index }) => index > through));
          if (cut) expect(cut.kept[0]?.role).toBe(cut.request ? Role.ASSISTANT : Role.USER);
          if (cut?.request) expect(cut.request.length).toBeGreaterThan(0);
          if (cut) messages.at(-1)?.parts.push(...(cut.request ?? []));
          // What has been summarised is summarised again only together with what has come since.
          const again = cut && cutContext(messages, keep);
          if (again) expect(again.older.length).toBeGreaterThan(1);
        }
      }),
    );
  });
});

describe("the tokens of a context", () => {
  const blob = part({ case: "blob", value: { mediaType: "image/png" } });

  it.each<[string, Part[], number]>([
    ["text", [textPart("x".repeat(40))], 10],
    ["texts together", [textPart("x"), textPart("x")], 1],
    ["an image", [blob], 1500],
    ["a call", [call], 2],
    ["a result", [part({ case: "toolResult", value: { output: "x".repeat(80), blobs: [{}] } })], 1520],
    ["reasoning", [part({ case: "reasoning", value: { text: "abcd", redacted: "abcd" } })], 2],
    ["nothing", [create(PartSchema)], 0],
  ])("are estimated of %s", (_name, parts, tokens) => {
    expect(estimateTokens([create(MessageSchema, { parts })])).toBe(tokens);
  });

  it("are what was counted and what has come since", () => {
    const messages = [...session("ua"), create(MessageSchema, { parts: [textPart("x".repeat(400))] })];
    const callIds = new Set<string>();
    expect(contextTokens({ messages, callIds })).toBe(101);
    expect(contextTokens({ messages, callIds, measured: { tokens: 7000, messages: 2 } })).toBe(7100);
    expect(contextTokens({ messages, callIds, measured: { tokens: 7000, messages: 3 } })).toBe(7000);
    const many = { tokens: 4 * (2 ** 32 - 1), messages: 3 };
    expect(contextTokens({ messages, callIds, measured: many })).toBe(2 ** 32 - 1);
  });
});
