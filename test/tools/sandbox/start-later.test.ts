import { expect, it, onTestFinished } from "vitest";
import { createNoSandbox } from "../../../src/tools/sandbox/none.js";
import { startLater } from "../../../src/tools/sandbox/start-later.js";

function open() {
  const sandbox = createNoSandbox();
  onTestFinished(() => sandbox.close());
  const env = { PATH: process.env.PATH ?? "" };
  return (line: string, ready: Promise<void>) =>
    startLater(async (signal) => {
      await ready;
      return sandbox.spawn({ file: "sh", args: ["-c", line], workDir: "/", env }, signal);
    }, new AbortController().signal);
}

const text = async (stream: AsyncIterable<unknown>) => {
  let all = "";
  for await (const chunk of stream) all += String(chunk);
  return all;
};

it("passes on what is written before it has started, and all that it prints", async () => {
  const ready = Promise.withResolvers<void>();
  const started = open()("cat; echo err >&2; exit 3", ready.promise);
  started.stdin.end("in");
  ready.resolve();
  const printed = Promise.all([text(started.stdout), text(started.stderr)]);
  expect(await started.exited).toEqual({ code: 3, signal: null });
  expect(await printed).toEqual(["in", "err\n"]);
});

it.each(["before", "after"])("can be killed %s it has started", async (moment) => {
  const ready = Promise.withResolvers<void>();
  const started = open()("echo up; sleep 600", ready.promise);
  if (moment === "after") {
    ready.resolve();
    await new Promise((resolve) => started.stdout.once("data", resolve));
  }
  started.kill();
  ready.resolve();
  expect(await started.exited).toMatchObject({ code: null, signal: "SIGKILL" });
});

it("says why it could not be started", async () => {
  const started = startLater(() => Promise.reject(new Error("why")), new AbortController().signal);
  const printed = Promise.all([text(started.stdout), text(started.stderr)]);
  await expect(started.exited).rejects.toThrow("why");
  expect(await printed).toEqual(["", ""]);
});
