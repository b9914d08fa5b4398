import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { anthropicAnswer } from "../support/fake-upstream.js";
import type { Place } from "./place.js";
import { historyFault, openPlace, script } from "./place.js";

const auto = { approval_mode: "APPROVAL_MODE_AUTO" };
const bash = (command: string) => ({ body: anthropicAnswer([{ id: "", name: "bash", input: { command } }]) });

/** Whether a process whose command line holds a word is alive. */
const alive = (word: string): boolean => execFileSync("ps", ["-eo", "args"]).toString().includes(word);

async function sees(place: Place, session: string, name: string): Promise<void> {
  await expect.poll(async () => (await place.history(session)).map((event) => event.name)).toContain(name);
}

describe("cancel", () => {
  it("ends a tool with its children, and is confirmed by an event", async () => {
    const place = await openPlace();
    const seconds = String(1_000_000 + process.pid);
    place.upstream.answer(script(bash(`sleep ${seconds} & setsid sleep ${seconds} & sleep ${seconds}`)));
    const session = await place.session(auto);
    const { id } = (await place.start(session, "go")).body;
    await expect.poll(() => alive(`sleep ${seconds}`)).toBe(true);
    expect((await place.call("POST", `/v1/runs/${id}:cancel`, {})).status).toBe(200);
    expect((await place.finished(id)).outcome).toBe("RUN_OUTCOME_CANCELED");
    await expect.poll(() => alive(`sleep ${seconds}`)).toBe(false);
    await place.finished((await place.start(session, "and now?")).body.id);
    expect(historyFault(place.upstream.requests.at(-1) as never)).toBeUndefined();
  });

  it("lets go of a provider that has stalled", async () => {
    const place = await openPlace();
    place.upstream.answer({ body: anthropicAnswer(["half"]), cutAt: 400, end: "stall" });
    const session = await place.session();
    const { id } = (await place.start(session, "go")).body;
    await expect.poll(() => place.upstream.requests.length).toBe(1);
    await place.call("POST", `/v1/runs/${id}:cancel`, {});
    await place.upstream.requests[0]?.closed;
    expect((await place.finished(id)).outcome).toBe("RUN_OUTCOME_CANCELED");
  });

  it("follows when the connection that asked for it leaves, and only then", async () => {
    const place = await openPlace();
    place.upstream.answer({ end: "silent" });
    const leave = async (onDisconnect: string): Promise<string> => {
      const session = await place.session();
      const controller = new AbortController();
      const init = {
        method: "POST",
        signal: controller.signal,
        headers: { "content-type": "application/json", accept: "text/event-stream" },
      };
      const body = JSON.stringify({ input: { text: "go" }, on_disconnect: onDisconnect });
      const response = await fetch(`${place.server.url}/v1/sessions/${session}:run`, { ...init, body });
      await response.body?.getReader().read();
      controller.abort();
      return (await place.call("GET", `/v1/sessions/${session}/runs`)).body.runs[0].id;
    };
    const stays = await leave("ON_DISCONNECT_CONTINUE");
    expect((await place.finished(await leave("ON_DISCONNECT_CANCEL"))).outcome).toBe("RUN_OUTCOME_CANCELED");
    expect((await place.getRun(stays)).state).toBe("RUN_STATE_RUNNING");
  });
});

describe("request ids", () => {
  it("make one run of fifty posts, also after a crash", async () => {
    const place = await openPlace();
    const session = await place.session();
    const post = (text = "go") =>
      place.call("POST", `/v1/sessions/${session}/runs`, { input: { text } }, { "idempotency-key": "k1" });
    const answers = await Promise.all(Array.from({ length: 50 }, () => post()));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    await place.finished(answers[0]?.body.id);
    await place.server.kill();
    await place.restart();
    expect((await post()).body.id).toBe(answers[0]?.body.id);
    expect((await post("other")).status).toBe(409);
    expect(place.upstream.requests).toHaveLength(1);
  });
});

describe("a provider's stream that is cut", () => {
  it("leaves what was said, runs no half call, and a next turn that the provider takes", async () => {
    const place = await openPlace();
    const whole = anthropicAnswer([
      "Let me look. ",
      { id: "toolu_a", name: "bash", input: { command: "echo ran >> cut-effects" } },
      { id: "toolu_b", name: "read", input: { path: "x" } },
    ]);
    // Before its first delta a call would be made again.
    for (let cutAt = whole.indexOf("text_delta") + 100; cutAt < whole.length; cutAt += 100) {
      const session = await place.session(auto);
      place.upstream.answer({ body: whole, cutAt, end: "close" });
      const { id } = (await place.start(session, "go")).body;
      await place.finished(id);
      place.upstream.answer({ body: anthropicAnswer(["ok"]) });
      const next = await place.finished((await place.start(session, "and now?")).body.id);
      expect([cutAt, next.outcome]).toEqual([cutAt, "RUN_OUTCOME_COMPLETED"]);
      expect(historyFault(place.upstream.requests.at(-1) as never)).toBeUndefined();
    }
    expect(() => statSync(join(place.server.dataDir, "cut-effects"))).toThrow();
  });
});

describe("SIGTERM", () => {
  it("refuses new work, interrupts runs after a while, and leaves nothing behind", async () => {
    const place = await openPlace({ args: ["--drain", "2"] });
    const seconds = String(2_000_000 + process.pid);
    place.upstream.answer(script(bash(`sleep ${seconds}`)));
    const sessions = await Promise.all(Array.from({ length: 5 }, () => place.session(auto)));
    const runs = await Promise.all(
      sessions.map(async (session) => (await place.start(session, "go")).body.id),
    );
    for (const session of sessions) await sees(place, session, "tool_call_started");
    await expect.poll(() => alive(`sleep ${seconds}`)).toBe(true);
    const exit = place.server.kill("SIGTERM");
    await expect.poll(async () => (await fetch(`${place.server.url}/ready`)).status).toBe(503);
    expect((await place.start(await Promise.resolve(sessions[0] ?? ""), "more")).status).toBe(503);
    await exit;
    expect(place.server.child.exitCode).toBe(0);
    expect(alive(`sleep ${seconds}`)).toBe(false);
    await place.restart();
    for (const [i, run] of runs.entries()) {
      expect((await place.getRun(run)).outcome).toBe("RUN_OUTCOME_INTERRUPTED");
      const events = await place.history(sessions[i] ?? "");
      expect(events.at(-1)?.name).toBe("run_finished");
      expect(events.map(({ id }) => id)).toEqual(events.map((_event, at) => at + 1));
    }
  });
});

const mountable = process.getuid?.() === 0 && canMount();

describe("a full disk", () => {
  it.skipIf(!mountable)("refuses runs, serves reads, and recovers without a restart", async () => {
    const folder = mkdtempSync(join(tmpdir(), "agentry-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", folder]);
    try {
      const place = await openPlace({ dataDir: folder, args: ["--log-level", "info"] });
      const [active, other] = [await place.session(), await place.session()];
      await place.finished((await place.start(other, "go")).body.id);
      place.upstream.answer({ body: anthropicAnswer(["half"]), cutAt: 400, end: "stall" });
      const { id } = (await place.start(active, "go")).body;
      await sees(place, active, "step_started");
      execFileSync("sh", ["-c", `head -c 8m /dev/zero > ${folder}/ballast 2>/dev/null || true`]);
      const refused = await fillUp(place, other);
      expect(refused.body).toMatchObject({ code: "resource_exhausted" });
      expect((await place.call("GET", `/v1/sessions/${active}`)).status).toBe(200);
      expect((await place.history(active)).length).toBeGreaterThan(0);
      await place.call("POST", `/v1/runs/${id}:cancel`, {});
      rmSync(join(folder, "ballast"));
      expect((await place.finished(id)).state).toBe("RUN_STATE_FINISHED");
      place.upstream.answer({ body: anthropicAnswer(["ok"]) });
      await expect.poll(async () => (await place.start(active, "again")).status, { timeout: 5000 }).toBe(202);
      await place.server.stop();
      // Once each, however many runs there were.
      expect(place.server.logs().match(/cannot be stored: the disk is full/g)).toHaveLength(1);
      expect(place.server.logs().match(/can be written again/g)).toHaveLength(1);
    } finally {
      execFileSync("umount", ["-l", folder]);
    }
  });
});

/** Creates sessions and runs until one is refused. */
async function fillUp(place: Place, session: string) {
  for (let i = 0; i < 2000; i += 1) {
    const answer = await place.start(session, "x".repeat(100_000), { when_busy: "WHEN_BUSY_QUEUE" });
    if (answer.status !== 202) return answer;
  }
  throw new Error("the disk never was full");
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "agentry-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "ignore" });
    execFileSync("umount", [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
