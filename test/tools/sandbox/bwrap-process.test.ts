import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/tools/sandbox/limits.js";
import { createNoSandbox } from "../../../src/tools/sandbox/none.js";
import { alive } from "./alive.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

const leavers = [
  { name: "a child in the background", command: "sh -c 'sleep 600; :' MARK & touch ready" },
  {
    name: "a child of its own session",
    command: "(setsid nohup sh -c 'sleep 600; :' MARK >/dev/null 2>&1 &) ; touch ready",
  },
  {
    name: "children that ignore signals",
    command: "setsid sh -c 'trap \"\" TERM HUP INT; sleep 600; sleep 600' MARK & touch ready",
  },
];

describe.skipIf(whyNoSandbox)("nothing outlives a call", () => {
  it.each(leavers)("that ends by itself: $name", async ({ command }) => {
    const place = makeBwrapPlace();
    const mark = `mark-${crypto.randomUUID()}`;
    expect(await place.run(command.replaceAll("MARK", mark).replace("touch ready", "exit 5"))).toMatchObject({
      code: 5,
      signal: null,
    });
    expect(alive(mark)).toEqual([]);
  });

  it.each(leavers)("that is aborted: $name", async ({ command }) => {
    const place = makeBwrapPlace();
    const mark = `mark-${crypto.randomUUID()}`;
    const controller = new AbortController();
    const running = place.run(`${command.replaceAll("MARK", mark)}; sleep 600`, {
      signal: controller.signal,
    });
    await expect.poll(() => existsSync(join(place.workDir, "ready"))).toBe(true);
    expect(alive(mark).length).toBeGreaterThan(0);
    controller.abort();
    expect(await running).toMatchObject({ code: null, signal: "SIGKILL" });
    expect(alive(mark)).toEqual([]);
  });

  it.each([0, 1, 3, 6, 10])("that is aborted %d ms after its start", async (after) => {
    const place = makeBwrapPlace();
    const mark = `mark-${crypto.randomUUID()}`;
    const exits = await Promise.all(
      [0, 1, 2, 3].map(async () => {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), after);
        return place.run(`sleep 600; : ${mark}`, { signal: controller.signal });
      }),
    );
    for (const exit of exits) expect(exit.signal).toBe("SIGKILL");
    expect(alive(mark)).toEqual([]);
  });

  it("when the sandbox is closed", async () => {
    const place = makeBwrapPlace();
    const mark = `mark-${crypto.randomUUID()}`;
    const running = [1, 2, 3].map(() => place.run(`touch ready; sleep 600; : ${mark}`));
    await expect.poll(() => existsSync(join(place.workDir, "ready"))).toBe(true);
    await place.sandbox.close();
    expect(alive(mark)).toEqual([]);
    for (const exit of await Promise.all(running)) expect(exit.signal).toBe("SIGKILL");
    await expect(place.run("true")).rejects.toThrow("closed");
  });
});

describe.skipIf(whyNoSandbox)("commands answer as they do without a sandbox", () => {
  it.each([
    "true",
    "exit 7",
    "echo out; echo err >&2",
    "printf 'a\\0b\\377'",
    "cat; echo $?",
    "head -c 3000000 /dev/zero | tr '\\0' x | md5sum",
    "no-such-program",
    "echo $PATH $LANG $0",
    "env | grep -v '^_=' | sort",
    "kill -9 $$ & wait; echo ended",
    "set -o pipefail; (exit 3) | cat",
    "mkdir -p a/b; echo x >a/b/c; cat a/b/c; pwd",
    "yes | head -n 1",
    "echo x | tee >(cat >&2) >/dev/null; sleep 0.1",
    "awk 'BEGIN { print 1 + 1 }'",
  ])("%s", async (line) => {
    const place = makeBwrapPlace();
    const plain = createNoSandbox();
    const command = {
      file: "bash",
      args: ["--norc", "-c", line],
      workDir: place.workDir,
      env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: place.home, LANG: "C.UTF-8" },
    };
    const started = plain.spawn(command, new AbortController().signal);
    started.stdin.end();
    let text = "";
    const read = async (stream: AsyncIterable<unknown>): Promise<void> => {
      for await (const chunk of stream) text += String(chunk);
    };
    const [exit] = await Promise.all([started.exited, read(started.stdout), read(started.stderr)]);
    await plain.close();
    const shown = text.replaceAll(/AGENTRY_TOOL_CALL=.*\n/g, "");
    const inside = await place.run(line);
    if (exit.signal === null) expect({ ...inside, text: inside.text }).toEqual({ ...exit, text: shown });
  });

  it("says when a program or the directory is not there", () => {
    const { sandbox, workDir } = makeBwrapPlace();
    const spawn = (command: object) => () =>
      sandbox.spawn(
        { file: "true", args: [], workDir, env: { PATH: "/usr/bin" }, ...command },
        new AbortController().signal,
      );
    expect(spawn({ file: "no-such-program" })).toThrow("ENOENT");
    expect(spawn({ file: "/no/such/program" })).toThrow("ENOENT");
    expect(spawn({ workDir: "/no/such/directory" })).toThrow("ENOENT");
  });
});

describe.skipIf(whyNoSandbox)("what a call may use", () => {
  it("has an end in processes", async () => {
    const place = makeBwrapPlace();
    const { groups } = place.sandbox;
    if (!groups.limitsProcesses && process.getuid?.() === 0) return;
    const bomb =
      "for (let i = 0; i < 1500; i++) { const c = require('child_process').spawn('sleep', ['60'], { stdio: 'ignore' }); c.on('error', () => { console.log('refused', i); process.exit(0) }); }";
    const { text } = await place.run(`"${process.execPath}" -e "${bomb}"`);
    expect(Number(/refused (\d+)/.exec(text)?.[1])).toBeLessThanOrEqual(limits.processes);
  });

  it("has an end for a fork bomb, and for others meanwhile none", async () => {
    const place = makeBwrapPlace();
    if (!place.sandbox.groups.limitsProcesses && process.getuid?.() === 0) return;
    const controller = new AbortController();
    const mark = `mark-${crypto.randomUUID()}`;
    const running = place.run(`touch ready; b() { b | b & }; b; sleep 60; : ${mark}`, {
      signal: controller.signal,
    });
    await expect.poll(() => existsSync(join(place.workDir, "ready"))).toBe(true);
    expect((await place.run("echo well")).text).toBe("well\n");
    expect(alive(mark).length).toBeLessThanOrEqual(limits.processes + 2);
    controller.abort();
    await running;
    expect(alive(mark)).toEqual([]);
  });

  it.each([
    { name: "the size of a file", line: "truncate -s 10G big || head -c 10G /dev/zero >big" },
    { name: "open files", line: 'for i in {10..5000}; do eval "exec $i</dev/null" || exit 1; done' },
    {
      name: "memory",
      line: `"${process.execPath}" -e "const a = []; for (let i = 0; i < 200; i++) a.push(Buffer.alloc(5e7, 1))"`,
    },
    { name: "files in memory", line: "head -c 600M /dev/zero >/tmp/big" },
    { name: "core dumps", line: "ulimit -c 1" },
  ])("has an end in $name", async ({ line }) => {
    expect((await makeBwrapPlace().run(`${line} 2>&1`)).code).not.toBe(0);
  });
});
