import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, Role } from "../../gen/agentry/v1/message_pb.js";
import type { Store } from "../../src/core/store.js";
import { Conversations } from "../../src/engine/conversations.js";
import { textPart } from "../../src/engine/run-progress.js";

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
