import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { Purpose, StopReason, UsageSchema } from "../../gen/agentry/v1/message_pb.js";
import { bodies, openRoom, says } from "./room.js";

const usage = create(UsageSchema, { inputTokens: 10, outputTokens: 5 });

async function titled(text: string, given = "") {
  let asked = 0;
  const room = await openRoom(() => says("ok"), {
    title: function* () {
      asked += 1;
      yield { type: "text_started", index: 0 };
      for (const piece of text.match(/.{1,40}/gs) ?? []) yield { type: "text_delta", index: 0, text: piece };
      yield { type: "text_finished", index: 0, text };
      yield { type: "finish", stopReason: StopReason.END, usage };
    },
  });
  const session = await room.session({ title: given });
  await room.finished(await room.start(session, "What is a monad?"));
  return { room, session, asked: () => asked };
}

it.each([
  ["Monads", "Monads"],
  [' "Monads explained" ', "Monads explained"],
  ["«Monads»\nand more", "Monads"],
  ["\u0007Mo\u001bnads", "Monads"],
])("makes a title of %j", async (answer, title) => {
  const { room, session } = await titled(answer);
  await expect.poll(async () => (await room.store.sessions.get(session))?.title).toBe(title);
  const events = await room.events(session);
  expect(bodies(events, "titleUpdated")).toMatchObject([{ title }]);
  expect(bodies(events, "usageUpdated").at(-1)).toMatchObject({
    purpose: Purpose.TITLE,
    usage: { inputTokens: 10 },
    sessionUsage: { inputTokens: 20, outputTokens: 10 },
  });
  expect((await room.store.sessions.get(session))?.usage).toMatchObject({
    inputTokens: 20,
    outputTokens: 10,
  });
});

it("cuts an answer that is no title", async () => {
  const { room, session } = await titled("word ".repeat(1000));
  await expect.poll(async () => (await room.store.sessions.get(session))?.title.length).toBeGreaterThan(50);
  expect((await room.store.sessions.get(session))?.title.length).toBeLessThanOrEqual(100);
});

it("asks for none where one was given, or there is one already", async () => {
  const given = await titled("Monads", "Mine");
  expect((await given.room.store.sessions.get(given.session))?.title).toBe("Mine");
  expect(given.asked()).toBe(0);
  const { room, session, asked } = await titled("Monads");
  await expect.poll(async () => (await room.store.sessions.get(session))?.title).toBe("Monads");
  await room.finished(await room.start(session, "And a functor?"));
  await room.close();
  expect(asked()).toBe(1);
});

it("does without when the model gives none", async () => {
  const { room, session } = await titled("");
  await room.finished(await room.start(session, "more"));
  await room.close();
  expect(room.bugs).toEqual([]);
});
