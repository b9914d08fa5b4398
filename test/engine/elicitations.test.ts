import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ElicitationState } from "../../gen/agentry/v1/event_pb.js";
import type { ElicitationOutcome } from "../../src/core/tool.js";
import { bodies, calls, openRoom, says, tool } from "./room.js";

const { ACCEPTED, DECLINED } = ElicitationState;
const red = { color: "red", why: { short: true } };

/** A run whose tool asks the user something, which waits for an answer. */
async function openAsking(confidential = false, requestedSchema?: JsonObject, signal?: AbortSignal) {
  const answers: ElicitationOutcome[] = [];
  const ask = tool("ask", async (_input, context) => {
    const question = { message: "Which color?", confidential, requestedSchema, ...(signal && { signal }) };
    answers.push(await context.elicit(question));
    return { text: "asked", failed: false };
  });
  const room = await openRoom((_request, number) => (number === 1 ? calls({ name: "ask" }) : says("ok")), {
    tools: [ask],
  });
  const run = await room.start(await room.session(), "go");
  const waiting = () => room.store.elicitations.list({ state: ElicitationState.PENDING });
  await expect.poll(async () => (await waiting()).length).toBe(1);
  const [question] = await waiting();
  return { room, run, answers, id: question?.id ?? "" };
}

describe("an elicitation", () => {
  it.each([
    ["the same content", { state: ACCEPTED, content: { why: { short: true }, color: "red" } }, undefined],
    ["no content of its own", { state: ACCEPTED }, undefined],
    ["other content", { state: ACCEPTED, content: { color: "blue" } }, "conflict"],
    ["less content", { state: ACCEPTED, content: {} }, "conflict"],
    ["a refusal", { state: DECLINED }, "conflict"],
  ] as const)("that was answered is then answered with %s", async (_name, second, reason) => {
    const { room, run, answers, id } = await openAsking();
    const [first, again] = await Promise.allSettled([
      room.engine.elicitations.resolve(id, { state: ACCEPTED, content: red }),
      room.engine.elicitations.resolve(id, second),
    ]);
    expect(first).toMatchObject({ status: "fulfilled", value: { content: red } });
    const refused = { status: "rejected", reason: { reason } };
    expect(again).toMatchObject(reason ? refused : { status: "fulfilled", value: { content: red } });
    const events = await room.finished(run);
    expect(answers).toEqual([{ action: "accept", content: red }]);
    expect(bodies(events, "elicitationResolved")).toHaveLength(1);
    const late = room.engine.elicitations.resolve(id, second);
    await (reason ? expect(late).rejects.toMatchObject({ reason }) : expect(late).resolves.toBeDefined());
  });

  it("whose answer is for the asker alone keeps the first one", async () => {
    const { room, run, answers, id } = await openAsking(true);
    await Promise.all(
      [red, { color: "blue" }].map((content) =>
        room.engine.elicitations.resolve(id, { state: ACCEPTED, content }),
      ),
    );
    await room.finished(run);
    expect(answers).toEqual([{ action: "accept", content: red }]);
  });

  it.each([false, true])(
    "goes on waiting after answers that do not fit; confidential: %j",
    async (confidential) => {
      const properties = { color: { type: "string", enum: ["red"] } };
      const { room, run, answers, id } = await openAsking(confidential, { properties, required: ["color"] });
      for (const content of [{}, { color: "blue" }, { color: 1 }]) {
        const refused = room.engine.elicitations.resolve(id, { state: ACCEPTED, content });
        await expect(refused).rejects.toMatchObject({
          reason: "invalid",
          message: expect.stringMatching(/^content\.color /),
        });
      }
      expect(await room.store.elicitations.get(id)).toMatchObject({ state: ElicitationState.PENDING });
      await room.engine.elicitations.resolve(id, { state: ACCEPTED, content: { color: "red" } });
      await room.finished(run);
      expect(answers).toEqual([{ action: "accept", content: { color: "red" } }]);
    },
  );

  it("is canceled when its asker withdraws it, and the run goes on", async () => {
    const asker = new AbortController();
    const { room, run, answers, id } = await openAsking(false, undefined, asker.signal);
    asker.abort();
    const events = await room.finished(run);
    expect(answers).toMatchObject([{ action: "cancel" }]);
    expect(bodies(events, "elicitationResolved")).toMatchObject([
      { elicitation: { id, state: ElicitationState.CANCELED } },
    ]);
    expect(await room.store.elicitations.get(id)).toMatchObject({ state: ElicitationState.CANCELED });
    const late = room.engine.elicitations.resolve(id, { state: ACCEPTED, content: red });
    await expect(late).rejects.toMatchObject({ reason: "conflict" });
  });

  it("is declined without an answer that fits", async () => {
    const { room, run, answers, id } = await openAsking(false, { required: ["color"] });
    await room.engine.elicitations.resolve(id, { state: DECLINED });
    await room.finished(run);
    expect(answers).toMatchObject([{ action: "decline" }]);
  });
});
