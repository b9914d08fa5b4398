import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { EventSchema, Verdict } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalDesk } from "../../src/cli/approval-desk.js";

const asks = (id: string): Event =>
  create(EventSchema, {
    body: { case: "approvalRequested", value: { approval: { id, argumentsSha256: `hash of ${id}` } } },
  });
const inChild = (event: Event): Event =>
  create(EventSchema, { body: { case: "childEvent", value: { event } } });

it.each([
  ["approves", true, Verdict.APPROVE],
  ["denies, with nobody to ask,", false, Verdict.DENY],
])("%s what a run and its child sessions ask for", async (_case, yes, verdict) => {
  const answers: object[] = [];
  const resolveApproval = async (answer: object) => {
    answers.push(answer);
    return {} as never;
  };
  const desk = new ApprovalDesk({ resolveApproval } as never, yes);
  for (const event of [asks("own"), inChild(inChild(asks("deep")))]) desk.see(event);
  await expect
    .poll(() => answers)
    .toEqual([
      { approvalId: "own", verdict, argumentsSha256: "hash of own" },
      { approvalId: "deep", verdict, argumentsSha256: "hash of deep" },
    ]);
  desk.close();
});
