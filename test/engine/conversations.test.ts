import { setImmediate } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, Role } from "../../gen/agentry/v1/message_pb.js";
import { newId } from "../../src/core/id.js";
import type { Store, Write } from "../../src/core/store.js";
import { contextTokens } from "../../src/engine/context.js";
import { Conversations } from "../../src/engine/conversations.js";
import { textPart } from "../../src/engine/run-progress.js";
import { newSession, tempStore } from "../store/sample.js";

const mebibyte = 1024 ** 2;

/** Conversations of sessions with one message of so many bytes each, and the sessions that were read. */
function open(bytes: number) {
  const read: string[] = [];
  const list = async (sessionId: string): Promise<Message[]> => {
    read.push(sessionId);
    return [message(bytes)];
  };
  // Only the messages of a store are read.
  return { read, conversations: new Conversations({ messages: { list } } as unknown as Store) };
}

const message = (bytes: number): Message =>
  create(MessageSchema, { index: 1, role: Role.USER, parts: [textPart("x".repeat(bytes))] });

it("reads a session once while it is in use", async () => {
  const { read, conversations } = open(10);
  const first = await conversations.load("a");
  for (let i = 0; i < 100; i += 1) await conversations.load(`other ${i}`);
  expect(await conversations.load("a")).toBe(first);
  expect(read.filter((id) => id === "a")).toHaveLength(1);
});

it("forgets the sessions that have not been used for longest when they are large together", async () => {
  const { read, conversations } = open(20 * mebibyte);
  for (const id of ["a", "b", "c", "a", "d"]) await conversations.load(id);
  expect(read).toEqual(["a", "b", "c", "d"]);
  for (const id of ["d", "a", "c"]) await conversations.load(id);
  expect(read).toEqual(["a", "b", "c", "d"]);
  await conversations.load("b");
  expect(read).toEqual(["a", "b", "c", "d", "b"]);
});

it("counts what has come to a session since", async () => {
  const { read, conversations } = open(10);
  const { messages } = await conversations.load("a");
  for (let i = 0; i < 4; i += 1) messages.push(message(20 * mebibyte));
  await conversations.load("b");
  await conversations.load("a");
  await conversations.load("b");
  await conversations.load("a");
  expect(read).toEqual(["a", "b", "b", "a"]);
});

it("keeps the one in use however large it is, and counts no more what was forgotten", async () => {
  const { read, conversations } = open(50 * mebibyte);
  for (let i = 0; i < 3; i += 1) {
    await conversations.load("a");
    conversations.forget("a");
    conversations.forget("a");
  }
  await conversations.load("a");
  await conversations.load("a");
  expect(read).toEqual(["a", "a", "a", "a"]);
});

/** A conversation of so many turns with a call each, of which a summary at the end stands for the first ones. */
async function fill(store: Store, turns: number, summarised: number): Promise<string> {
  const sessionId = await newSession(store);
  const say = (init: MessageInitShape<typeof MessageSchema>): Write => ({
    type: "message",
    message: create(MessageSchema, { id: newId(), sessionId, ...init }),
  });
  const call = (id: string) => ({ content: { case: "toolCall" as const, value: { id, name: "bash" } } });
  const writes = Array.from({ length: turns }, (_, i) => [
    say({ role: Role.USER, parts: [textPart("question")] }),
    say({ role: Role.ASSISTANT, parts: [call(`call ${i}`)] }),
  ]).flat();
  const summary = { role: Role.USER, parts: [textPart("summary")], summaryThrough: 2 * summarised };
  await store.commit([{ sessionId, writes: [...writes, ...(summarised > 0 ? [say(summary)] : [])] }]);
  return sessionId;
}

it("holds the messages that no summary stands for, and the ids of all calls", async () => {
  const store = await tempStore();
  const conversations = new Conversations(store);
  const { messages, callIds } = await conversations.load(await fill(store, 700, 698));
  expect(messages.map(({ index }) => index)).toEqual([1401, 1397, 1398, 1399, 1400]);
  expect(callIds.size).toBe(700);
});

it("drops what has been summarised since it was read", async () => {
  const store = await tempStore();
  const conversations = new Conversations(store);
  const sessionId = await fill(store, 10, 0);
  const conversation = await conversations.load(sessionId);
  const { messages } = conversation;
  messages.push(
    create(MessageSchema, { index: 21, role: Role.USER, parts: [textPart("s")], summaryThrough: 18 }),
  );
  conversation.measured = { tokens: 5, messages: messages.length };
  messages.push(create(MessageSchema, { role: Role.USER, parts: [textPart("x".repeat(400))] }));
  expect(await conversations.load(sessionId)).toBe(conversation);
  expect(messages.map(({ index }) => index)).toEqual([21, 19, 20, 0]);
  expect(contextTokens(conversation)).toBe(105);
});

it("lets others work while it reads a long session", async () => {
  const store = await tempStore();
  const sessionId = await fill(store, 500, 0);
  const loading = new Conversations(store).load(sessionId);
  const first = await Promise.race([loading.then(() => "all of it"), setImmediate("another")]);
  expect(first).toBe("another");
  expect((await loading).messages).toHaveLength(1000);
});
