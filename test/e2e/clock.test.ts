import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { anthropicAnswer } from "../support/fake-upstream.js";
import { openPlace, script } from "./place.js";

/** Moves the time of day by as many seconds as a file says; what counts upwards stays as it is. */
const shim = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long offset(void) {
  long value = 0;
  const char *path = getenv("CLOCK_OFFSET");
  FILE *file = path ? fopen(path, "r") : 0;
  if (file) { if (fscanf(file, "%ld", &value) != 1) value = 0; fclose(file); }
  return value;
}
int clock_gettime(clockid_t id, struct timespec *at) {
  int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, at);
  if (id == CLOCK_REALTIME) at->tv_sec += offset();
  return result;
}
int gettimeofday(struct timeval *at, void *zone) {
  int (*real)(struct timeval *, void *) = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
  int result = real(at, zone);
  at->tv_sec += offset();
  return result;
}
`;

const folder = mkdtempSync(join(tmpdir(), "agentry-clock-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const library = join(folder, "clock.so");
writeFileSync(join(folder, "clock.c"), shim);
const build = ["-shared", "-fPIC", "-w", "-o", library, join(folder, "clock.c"), "-ldl"];
const present = process.platform === "linux" && spawnSync("cc", build, { stdio: "ignore" }).status === 0;
if (!present) process.stderr.write("clocks that jump are not tried: no C compiler\n");

const years = 365 * 24 * 3600;

it.skipIf(!present)(
  "a clock that jumps by ten years ends nothing, and disorders nothing",
  async () => {
    const offset = join(folder, "offset");
    const jump = (seconds: number): void => writeFileSync(offset, String(seconds));
    jump(0);
    const place = await openPlace({ env: { LD_PRELOAD: library, CLOCK_OFFSET: offset } });
    place.upstream.answer(
      script({ body: anthropicAnswer([{ id: "", name: "bash", input: { command: "echo hi" } }]) }),
    );
    const session = await place.session();
    const { id } = (await place.start(session, "go")).body;
    const waiting = async () =>
      (await place.call("GET", `/v1/sessions/${session}/approvals`)).body.approvals ?? [];
    await expect.poll(async () => (await waiting()).length, { timeout: 10_000 }).toBe(1);
    const years10: Date[] = [];
    const made: string[] = [session];
    for (const seconds of [10 * years, -10 * years, 7200, 0]) {
      jump(seconds);
      made.unshift(await place.session());
      years10.push(new Date((await place.call("GET", `/v1/sessions/${made[0]}`)).body.created_at));
      expect(await waiting()).toHaveLength(1);
      expect((await place.getRun(id)).state).toBe("RUN_STATE_WAITING");
    }
    // Else the shim does nothing.
    expect((years10[0]?.getTime() ?? 0) - (years10[1]?.getTime() ?? 0)).toBeGreaterThan(19 * years * 1000);
    jump(-10 * years);
    await place.call("POST", `/v1/approvals/${(await waiting())[0].id}:resolve`, {
      verdict: "VERDICT_APPROVE",
    });
    expect(await place.finished(id)).toMatchObject({ outcome: "RUN_OUTCOME_COMPLETED" });
    const events = await place.history(session);
    expect(events.map((event) => event.id)).toEqual(events.map((_event, at) => at + 1));
    const listed: string[] = [];
    for (let token = ""; ; ) {
      const { body } = await place.call(
        "GET",
        `/v1/sessions?page_size=2&page_token=${encodeURIComponent(token)}`,
      );
      listed.push(...body.sessions.map((one: { id: string }) => one.id));
      token = body.next_page_token ?? "";
      if (token === "") break;
    }
    expect(listed.toSorted()).toEqual(made.toSorted());
    await place.server.kill();
    await place.restart();
    expect(await place.history(session)).toEqual(events);
  },
  60_000,
);
