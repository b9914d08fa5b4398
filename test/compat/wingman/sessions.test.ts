import { setImmediate } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { GetSessionRequestSchema } from "../../../gen/wingman/v1/sessions_pb.js";
import type { WingmanParts } from "../../../src/compat/wingman/parts.js";
import { createSessionRoutes } from "../../../src/compat/wingman/sessions.js";
import { Turns } from "../../../src/compat/wingman/turns.js";
import { message, newSession, tempStore } from "../../store/sample.js";

it("lets others work while it reads a long history", async () => {
  const store = await tempStore();
  const sessionId = await newSession(store);
  const writes = Array.from({ length: 1200 }, (_, i) => ({
    type: "message" as const,
    message: message(sessionId, `words ${i}`),
  }));
  await store.commit([{ sessionId, writes }]);
  // Of the parts only the store is read here.
  const routes = createSessionRoutes({ store } as unknown as WingmanParts, new Turns());
  const reading = routes.getSession(create(GetSessionRequestSchema, { sessionId }));
  const first = await Promise.race([reading.then(() => "all of it"), setImmediate("another")]);
  expect(first).toBe("another");
  const { history } = (await reading).session;
  expect(history.map(({ content }) => content[0]?.text)).toEqual(
    Array.from({ length: 1200 }, (_, i) => `words ${i}`),
  );
});
