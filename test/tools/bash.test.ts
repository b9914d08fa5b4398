import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bashTool } from "../../src/tools/bash.js";
import { makeWorkPlace } from "./work-place.js";

describe("what a command answers", () => {
  const cases = [
    { name: "its output", command: "echo hi", text: "hi\n", failed: false },
    { name: "no output, said plainly", command: "true", text: "(no output)", failed: false },
    {
      name: "both streams in order",
      command: "echo a; sleep 0.1; echo b >&2; sleep 0.1; echo c",
      text: "a\nb\nc\n",
      failed: false,
    },
    {
      name: "the output beside the exit code",
      command: "echo out; echo err >&2; exit 3",
      text: /^(out\nerr|err\nout)\n\[exit code 3\]$/,
      failed: true,
    },
    { name: "an exit code alone", command: "exit 7", text: "[exit code 7]", failed: true },
    {
      name: "a missing program",
      command: "no-such-program",
      text: /not found\n\[exit code 127\]$/,
      failed: true,
    },
    { name: "death by a signal", command: "kill -TERM $$", text: "[killed by SIGTERM]", failed: true },
    { name: "an end of input at once", command: "cat; echo done", text: "done\n", failed: false },
    {
      name: "quotes, newlines and dashes as bash reads them",
      command: "printf '%s\\n' \"a b\"\nprintf -- '-x\\n'",
      text: "a b\n-x\n",
      failed: false,
    },
    { name: "the working directory", command: 'basename "$PWD"', text: "w\n", failed: false },
    {
      name: "characters whose bytes come apart",
      command: "printf '\\xe2'; sleep 0.2; printf '\\x82'; sleep 0.2; printf '\\xac\\n'",
      text: "€\n",
      failed: false,
    },
    {
      name: "bytes that are no text",
      command: "printf 'a\\xff\\x00b'",
      text: "a\ufffd\ufffdb",
      failed: false,
    },
  ];
  it.each(cases)("$name", async ({ command, text, failed }) => {
    const place = makeWorkPlace();
    const output = await place.call(bashTool, { command });
    if (typeof text === "string") expect(output.text).toBe(text);
    else expect(output.text).toMatch(text);
    expect(output.failed).toBe(failed);
  });
});

describe("arguments", () => {
  const cases = [
    { name: "no command", input: {}, text: "command is required" },
    { name: "null for a command", input: { command: null }, text: "command is required" },
    { name: "a number for a command", input: { command: 1 }, text: "command must be of type string" },
    { name: "blanks", input: { command: "  " }, text: "command is empty" },
    { name: "NUL", input: { command: "a\0b" }, text: "command must not hold the character NUL" },
    {
      name: "a command too long for execve",
      input: { command: `: ${"x".repeat(131_072)}` },
      text: /longer than 128 KiB/,
    },
    { name: "a time-out that is none", input: { command: "true", timeout: "soon" }, text: /timeout must be/ },
    {
      name: "a negative time-out",
      input: { command: "true", timeout_ms: -1 },
      text: "timeout_ms must be at least 1",
    },
    {
      name: "a list for a time-out",
      input: { command: "true", timeout: [1] },
      text: "timeout must be of type number or string",
    },
  ];
  it.each(cases)("refuses $name", async ({ input, text }) => {
    const output = await makeWorkPlace().call(bashTool, input);
    expect(output.text).toMatch(text);
    expect(output.failed).toBe(true);
  });

  it("ignores members that would widen what a command may do", async () => {
    const place = makeWorkPlace();
    const input = JSON.parse(
      '{"command":"pwd; echo $EXTRA","cwd":"/","work_dir":"/","workdir":"/","env":{"EXTRA":"1"},"sandbox":false,"__proto__":{"command":"x"}}',
    );
    expect((await place.call(bashTool, input)).text).toBe(`${place.workDir}\n\n`);
  });

  it.each([
    {
      name: "the session has none",
      workDir: "",
      text: "this session has no work_dir; set one with UpdateSession",
    },
    { name: "it is missing", workDir: "/no/such/directory", text: /does not exist/ },
    { name: "it is a file", workDir: "/etc/hostname", text: /not a directory/ },
  ])("says of a work_dir that $name", async ({ workDir, text }) => {
    const place = makeWorkPlace();
    const output = await bashTool.run(
      { command: "pwd" },
      { ...place.context, workDir },
      new AbortController().signal,
    );
    expect(output.text).toMatch(text);
    expect(output.failed).toBe(true);
  });
});

describe("time-outs", () => {
  it.each([
    { name: "milliseconds", timeout: 300 },
    { name: "digits", timeout: "300" },
    { name: "a duration", timeout: "0.3s" },
    { name: "a duration of parts", timeout: "0s300ms" },
  ])("kills and keeps the output so far, by $name", async ({ timeout }) => {
    const place = makeWorkPlace();
    const output = await place.call(bashTool, { command: "echo begun; sleep 60; touch late", timeout });
    expect(output).toMatchObject({ failed: true, timedOut: true });
    expect(output.text).toBe("begun\n[timed out after 300 ms and was killed]");
    expect(existsSync(join(place.workDir, "late"))).toBe(false);
  });

  it("ends when the signal fires, with the output so far", async () => {
    const place = makeWorkPlace();
    const controller = new AbortController();
    const running = place.call(bashTool, { command: "echo begun; touch begun; sleep 60" }, controller.signal);
    await expect.poll(() => existsSync(join(place.workDir, "begun"))).toBe(true);
    controller.abort();
    expect((await running).text).toBe("begun\n[canceled and killed]");
  });

  it("starts nothing when the signal has fired before", async () => {
    const place = makeWorkPlace();
    await expect(place.call(bashTool, { command: "touch begun" }, AbortSignal.abort())).rejects.toThrow();
    expect(existsSync(join(place.workDir, "begun"))).toBe(false);
  });
});

describe("output without end", () => {
  const cases = [
    { name: "lines", command: "yes", timedOut: true },
    { name: "lines on stderr", command: "yes >&2", timedOut: true },
    { name: "bytes", command: "cat /dev/urandom", timedOut: true },
    { name: "one long line", command: "head -c 100000000 /dev/zero | tr '\\0' a", timedOut: undefined },
  ];
  it.each(cases)(
    "$name: bounded memory, text and pieces; others get their turn",
    async ({ command, timedOut }) => {
      const place = makeWorkPlace();
      const before = process.memoryUsage().rss;
      let turns = 0;
      const ticking = setInterval(() => {
        turns += 1;
      }, 10);
      const started = performance.now();
      const output = await place.call(bashTool, { command, timeout_ms: timedOut ? 1_500 : 60_000 });
      const seconds = (performance.now() - started) / 1000;
      clearInterval(ticking);
      expect(output.timedOut).toBe(timedOut);
      expect(output.truncated).toBe(true);
      expect(output.text.length).toBeLessThan(30_200);
      expect(output.text).toMatch(/\n\[… \d+ characters of output left out …\]\n/);
      expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
      expect(turns).toBeGreaterThan(10);
      const bytes = place.shown.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
      expect(bytes).toBeLessThan(65 * 1024);
      expect(place.shown.length).toBeLessThan(20 * seconds + 5);
      expect(place.shown.at(-1)?.text).toBe("\n[output truncated]\n");
    },
  );

  it("keeps the head and the tail of a long output", async () => {
    const { text } = await makeWorkPlace().call(bashTool, { command: "seq 1 100000" });
    expect(text.startsWith("1\n2\n3\n")).toBe(true);
    expect(text.endsWith("99999\n100000\n")).toBe(true);
    expect(text.length).toBeLessThanOrEqual(30_000);
  });

  it("shows output while the command runs", async () => {
    const place = makeWorkPlace();
    const running = place.call(bashTool, {
      command: "echo first; while [ ! -e go ]; do sleep 0.05; done; echo last",
    });
    await expect.poll(() => place.shown.map(({ text }) => text).join("")).toBe("first\n");
    place.put("w/go", "");
    expect((await running).text).toBe("first\nlast\n");
    expect(place.shown.map(({ text }) => text).join("")).toBe("first\nlast\n");
  });
});

it("keeps the server's environment to itself", async () => {
  const canaries = [
    "AGENTRY_KEY",
    "OPENAI_API_KEY",
    "GITHUB_TOKEN",
    "X_SECRET",
    "DB_PASSWORD",
    "PLAIN",
    "LC_API_KEY",
  ];
  for (const name of canaries) process.env[name] = "canary-value";
  try {
    const place = makeWorkPlace();
    const command = "env; cat /proc/self/environ | tr '\\0' '\\n'; cat /proc/self/cmdline";
    const { text } = await place.call(bashTool, { command });
    expect(text).toContain("PATH=");
    expect(text).toContain("TERM=dumb");
    expect(text).not.toContain("canary-value");
  } finally {
    for (const name of canaries) delete process.env[name];
  }
});

it("reads nobody's .bashrc", async () => {
  const place = makeWorkPlace();
  place.put("home/.bashrc", "echo from bashrc\n");
  const home = process.env.HOME;
  process.env.HOME = join(place.outer, "home");
  try {
    expect((await place.call(bashTool, { command: "echo $HOME" })).text).toBe(`${place.outer}/home\n`);
  } finally {
    process.env.HOME = home;
  }
});

it("shows a verdict the whole command, and what hides in it", () => {
  const long = `echo ${"x".repeat(50_000)}`;
  const covers = "[Covers this command line, and not what files that it runs hold.]";
  expect(bashTool.summarize({ command: long })).toBe(`${long}\n\n${covers}`);
  expect(bashTool.summarize({ command: "ls\n\u202egpj.x\u200b\r\u001b[2K" })).toBe(
    `ls\n\\u{202e}gpj.x\\u{200b}\\u{d}\\u{1b}[2K\n\n${covers}`,
  );
  expect(bashTool.summarize({ cmd: 1 })).toBe('bash {"cmd":1}');
});

it("does not wait for pipes that a child in the background holds", async () => {
  const place = makeWorkPlace();
  const output = await place.call(bashTool, {
    command: "(sleep 600; touch late) & echo $! > pid; echo x",
    timeout: "20s",
  });
  expect(output).toEqual({ text: "x\n", failed: false });
  const pid = readFileSync(join(place.workDir, "pid"), "utf8").trim();
  await expect.poll(() => existsSync(`/proc/${pid}/exe`)).toBe(false);
});
