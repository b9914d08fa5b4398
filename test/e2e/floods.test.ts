import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { anthropicAnswer } from "../support/fake-upstream.js";
import { openPlace, script } from "./place.js";

const floods = [
  "yes",
  "cat /dev/urandom",
  "cat /dev/zero",
  "yes >&2",
  "tr '\\0' x </dev/zero",
  "while :; do echo $RANDOM; done",
  "for (( ; ; )) do printf '\\033[2J\\r\\n\\r\\nid: 9\\n'; done",
];
/** Characters that a result may hold: the head and the tail of an output, and words about what is between. */
const longestOutput = 30_200;
/** Bytes that all events of a run may hold: what was shown while it ran, and the result more than once. */
const mostBytes = 1024 * 1024;
const seconds = 2;

it("output without end is cut, told in few events, and disturbs nobody", async () => {
  const place = await openPlace();
  const memory = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${place.server.child.pid}/status`, "utf8"))?.[1]) / 1024;
  const before = memory();
  const runs = await Promise.all(
    floods.map(async (command) => {
      const input = { command, timeout: `${seconds}s` };
      const session = await place.session({ approval_mode: "APPROVAL_MODE_AUTO", title: command });
      return { session, input };
    }),
  );
  place.upstream.answer((request) => {
    const said = JSON.stringify(request.json.messages[0]);
    const at = runs.findIndex((_run, i) => said.includes(`flood ${i}.`));
    return script({ body: anthropicAnswer([{ id: "", name: "bash", input: runs[at]?.input }]) })(request);
  });
  const started = await Promise.all(
    runs.map(async ({ session }, i) => (await place.start(session, `flood ${i}.`)).body.id as string),
  );
  let peak = 0;
  const isDone = async (): Promise<boolean> => {
    peak = Math.max(peak, memory());
    const calm = await place.session();
    expect((await place.call("GET", `/v1/sessions/${calm}`)).status).toBe(200);
    return (await Promise.all(started.map(place.getRun))).every(
      ({ state }) => state === "RUN_STATE_FINISHED",
    );
  };
  await expect.poll(isDone, { timeout: 30_000, interval: 100 }).toBe(true);
  expect(peak - before).toBeLessThan(200);
  for (const { session, input } of runs) {
    const events = await place.history(session);
    const finished = events.find(({ name }) => name === "tool_call_finished");
    const { result } = JSON.parse(finished?.data ?? "{}").tool_call_finished;
    expect(result.output.length, input.command).toBeLessThan(longestOutput);
    expect(result.output, input.command).toMatch(/timed out after 2000 ms/);
    expect([input.command, result.truncated]).toEqual([input.command, true]);
    const bytes = events.reduce((sum, { data }) => sum + data.length, 0);
    expect(bytes, input.command).toBeLessThan(mostBytes);
    expect(events.length, input.command).toBeLessThan(20 * seconds + 20);
  }
}, 60_000);
