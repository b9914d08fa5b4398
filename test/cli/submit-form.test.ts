import type { JsonObject } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { submitForm } from "../../src/cli/submit-form.js";

/** Hands in these forms until one is taken: what was said, and what was handed in. */
async function submitAll(
  forms: (JsonObject | undefined)[],
  refuse: (content: unknown) => ConnectError | undefined,
) {
  const told: string[] = [];
  const submitted: unknown[] = [];
  const done = submitForm({
    fill: async () => forms.shift(),
    submit: async (content) => {
      submitted.push(content);
      const error = refuse(content);
      if (error) throw error;
    },
    tell: (why) => told.push(why),
  });
  const failed = await done.then(
    () => undefined,
    (error: unknown) => error,
  );
  return { told, submitted, failed };
}

const unfit = new ConnectError("content.age is required", Code.InvalidArgument);

it("asks again for an answer that does not fit", async () => {
  const refuse = (content: unknown) =>
    content === undefined || "age" in Object(content) ? undefined : unfit;
  expect(await submitAll([{}, { age: 1 }, { age: 2 }], refuse)).toEqual({
    told: ["content.age is required"],
    submitted: [{}, { age: 1 }],
    failed: undefined,
  });
  expect(await submitAll([{}], refuse)).toMatchObject({ submitted: [{}, undefined], failed: undefined });
});

it("gives up where somebody else was first, or nothing can fit", async () => {
  const late = new ConnectError("late", Code.Aborted);
  expect(await submitAll([{}, {}], () => late)).toEqual({ told: [], submitted: [{}], failed: late });
  expect(await submitAll([], () => unfit)).toEqual({ told: [], submitted: [undefined], failed: unfit });
});
