import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../gen/agentry/v1/event_pb.js";
import { ElicitationAction } from "../../gen/agentry/v1/run_pb.js";
import { ElicitationDesk } from "../../src/cli/elicitation-desk.js";
import { Turns } from "../../src/cli/turns.js";

const asks = (id: string, url = ""): Event =>
  create(EventSchema, { body: { case: "elicitationRequested", value: { elicitation: { id, url } } } });
const inChild = (event: Event): Event =>
  create(EventSchema, { body: { case: "childEvent", value: { event } } });

it("cancels, with nobody to ask, what has no page", async () => {
  const answers: object[] = [];
  const resolveElicitation = async (answer: object) => {
    answers.push(answer);
    return {} as never;
  };
  const desk = new ElicitationDesk({ resolveElicitation }, new Turns());
  for (const event of [asks("page", "https://a.test/"), asks("own"), inChild(asks("deep"))]) desk.see(event);
  const { CANCEL: action } = ElicitationAction;
  await expect
    .poll(() => answers)
    .toEqual([
      { elicitationId: "own", action },
      { elicitationId: "deep", action },
    ]);
  desk.close();
});
