// Commits deltas to two sessions until it is killed, and prints "session seq text" of each when it is durable.

import { writeSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { EventSchema } from "../../../../gen/agentry/v1/event_pb.js";
import { SessionSchema } from "../../../../gen/agentry/v1/sessions_pb.js";
import type { Batch } from "../../../../src/core/store.js";
import { openSqliteStore } from "../../../../src/store/sqlite/open.js";

const [path = ""] = process.argv.slice(2);
const store = await openSqliteStore({ path, clock: { now: () => Date.now() } });
const sessions = ["one", "two"];
for (const id of sessions) {
  if (!(await store.sessions.get(id))) await store.sessions.insert(create(SessionSchema, { id }));
}
for (let round = 0; ; round += 1) {
  const batches = sessions.map(
    (sessionId): Batch => ({
      sessionId,
      writes: Array.from({ length: 1 + (round % 5) }, (_, i) => {
        const text = `${process.pid}-${round}-${i}-${"x".repeat((round * 37) % 3000)}`;
        const body = { case: "textDelta", value: { text } } as const;
        return { type: "event", event: create(EventSchema, { sessionId, body }) } as const;
      }),
    }),
  );
  await store.commit(batches);
  const lines = batches.flatMap(({ sessionId, writes }) =>
    writes.flatMap((write) =>
      write.type === "event" && write.event.body.case === "textDelta"
        ? [`${sessionId} ${write.event.seq} ${write.event.body.value.text}`]
        : [],
    ),
  );
  writeSync(1, `${lines.join("\n")}\n`);
}
