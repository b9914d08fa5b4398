import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createNoSandbox } from "../../../src/tools/sandbox/none.js";
import { makeWorkPlace } from "../work-place.js";

const env = { PATH: process.env.PATH ?? "/usr/bin:/bin" };

/** Living processes with this text in their command line. */
function alive(mark: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      const isDead = / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
      return /^\d+$/.test(pid) && !isDead && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(mark);
    } catch {
      return false;
    }
  });
}

// Each leaves something behind that carries $MARK in its command line and beats into the file "beat".
const beat = "'echo \"$0\" >> beat; while :; do echo . >> beat; sleep 0.02; done' MARK";
const leavers = [
  { name: "a child in the background", command: `sh -c ${beat} &` },
  { name: "a child in a session of its own", command: `setsid sh -c ${beat} &` },
  {
    name: "a child that ignores hang-ups, forked twice",
    command: `(setsid nohup sh -c ${beat} >/dev/null 2>&1 &) `,
  },
  {
    name: "a child forked twice without its environment",
    command: `(env -i PATH="$PATH" nohup sh -c ${beat} >/dev/null 2>&1 &)`,
  },
  {
    name: "a grandchild of a session leader",
    command: `setsid sh -c "setsid sh -c ${beat.replaceAll('"', '\\"').replaceAll("$", "\\$")} & wait" &`,
  },
  { name: "a child that is stopped", command: `setsid sh -c ${beat} & sleep 0.3; kill -STOP $!` },
];
const ends = [
  { end: "ends by itself", tail: "", act: "none" },
  { end: "is killed", tail: "\nsleep 60", act: "kill" },
  { end: "is aborted", tail: "\nsleep 60", act: "abort" },
] as const;

describe.each(ends)("when a call $end", ({ tail, act }) => {
  it.each(leavers)("$name ends with it", async ({ command }) => {
    const place = makeWorkPlace();
    const mark = `mark-${crypto.randomUUID()}`;
    const controller = new AbortController();
    const ready = act === "none" ? "\nwhile [ ! -s beat ]; do sleep 0.01; done" : "";
    const started = place.context.sandbox.spawn(
      {
        file: "bash",
        args: ["--norc", "-c", command.replaceAll("MARK", mark) + ready + tail],
        workDir: place.workDir,
        env,
      },
      controller.signal,
    );
    await expect.poll(() => existsSync(join(place.workDir, "beat")), { timeout: 5_000 }).toBe(true);
    if (act === "kill") started.kill();
    if (act === "abort") controller.abort();
    const exit = await started.exited;
    expect(exit.signal).toBe(act === "none" ? null : "SIGKILL");
    expect(alive(mark)).toEqual([]);
    started.kill();
  });
});

it("ends processes that fork on", async () => {
  const place = makeWorkPlace();
  const mark = `mark-${crypto.randomUUID()}`;
  // Two children each, down to a depth of five, every one in a session of its own.
  const fork =
    'echo . >> beat; [ $0 -lt 5 ] && for i in 1 2; do setsid sh -c "$1" $(($0 + 1)) "$1" $2 & done; sleep 60; :';
  const started = place.context.sandbox.spawn(
    { file: "sh", args: ["-c", fork, "0", fork, mark], workDir: place.workDir, env },
    new AbortController().signal,
  );
  await expect.poll(() => alive(mark).length).toBeGreaterThan(5);
  started.kill();
  await started.exited;
  expect(alive(mark)).toEqual([]);
});

it("gives a process exactly the environment it is told to, and its mark", async () => {
  const place = makeWorkPlace();
  const started = place.context.sandbox.spawn(
    { file: "/usr/bin/env", args: [], workDir: place.workDir, env: { A: "1" } },
    new AbortController().signal,
  );
  let text = "";
  for await (const chunk of started.stdout) text += chunk;
  expect(text).toMatch(/^A=1\nAGENTRY_TOOL_CALL=[0-9A-Z.]+\n$/);
  expect(await started.exited).toEqual({ code: 0, signal: null });
});

it.each([
  { name: "a missing program", file: "no-such-program", workDir: "/" },
  { name: "a missing program by its path", file: "/no/such/program", workDir: "/" },
  { name: "a missing directory", file: "true", workDir: "/no/such/directory" },
])("rejects for $name", async ({ file, workDir }) => {
  const { sandbox } = makeWorkPlace().context;
  const started = sandbox.spawn({ file, args: [], workDir, env }, new AbortController().signal);
  await expect(started.exited).rejects.toThrow("ENOENT");
});

it("ends everything when it is closed, and starts nothing more", async () => {
  const sandbox = createNoSandbox();
  const mark = `mark-${crypto.randomUUID()}`;
  const command = {
    file: "bash",
    args: ["--norc", "-c", `(setsid sleep 600 &); sleep 600`, mark],
    workDir: "/",
    env,
  };
  const all = [1, 2, 3].map(() => sandbox.spawn(command, new AbortController().signal));
  await sandbox.close();
  expect(alive(mark)).toEqual([]);
  for (const { exited } of all) expect((await exited).signal).toBe("SIGKILL");
  expect(() => sandbox.spawn(command, new AbortController().signal)).toThrow("closed");
});

describe("when the server dies", () => {
  const server = `
    import { createNoSandbox } from "./src/tools/sandbox/none.ts";
    const sandbox = createNoSandbox();
    const [workDir, command] = process.argv.slice(1);
    sandbox.spawn({ file: "bash", args: ["--norc", "-c", command], workDir, env: { PATH: process.env.PATH } }, new AbortController().signal);
    setInterval(() => {}, 1000);
  `;
  const resolveTypeScript = `data:text/javascript,${encodeURIComponent(
    'import { registerHooks } from "node:module"; registerHooks({ resolve: (name, context, next) => { try { return next(name, context); } catch (error) { return next(name.replace(/\\.js$/, ".ts"), context); } } });',
  )}`;

  it.each(leavers.slice(0, 3))("by SIGKILL, $name dies too", async ({ command }) => {
    const place = makeWorkPlace();
    const mark = `mark-${crypto.randomUUID()}`;
    const child: ChildProcess = spawn(
      process.execPath,
      [
        "--import",
        resolveTypeScript,
        "--input-type=module",
        "-e",
        server,
        place.workDir,
        `${command.replaceAll("MARK", mark)}\nsleep 600`,
      ],
      { stdio: "inherit" },
    );
    onTestFinished(() => void child.kill("SIGKILL"));
    await expect.poll(() => existsSync(join(place.workDir, "beat")), { timeout: 10_000 }).toBe(true);
    expect(alive(mark).length).toBeGreaterThan(0);
    child.kill("SIGKILL");
    await expect.poll(() => alive(mark), { timeout: 5_000 }).toEqual([]);
  });
});
