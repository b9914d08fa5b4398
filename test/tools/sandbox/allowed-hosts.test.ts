import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { findBwrap } from "../../../src/tools/sandbox/probe-sandbox.js";
import { serve } from "../fetch-place.js";
import { startEcho } from "../network/proxy-place.js";
import { makeBwrapPlace, untilEnded, whyNoSandbox } from "./bwrap-place.js";

// The built sandbox: its bridge is a program, which Node.js runs as it was built.
const built = join(import.meta.dirname, "../../../dist/src/tools");
const present = whyNoSandbox === undefined && existsSync(join(built, "network/bridge.js"));
if (!present)
  process.stderr.write(
    `tests of allowed hosts in the sandbox are skipped: ${whyNoSandbox ?? "npm run build"}\n`,
  );

type Bwrap = typeof import("../../../src/tools/sandbox/bwrap.js");
type ToolPrograms = typeof import("../../../src/tools/tool-programs.js");
const front = "127.0.0.2";

async function openPlace() {
  const place = makeBwrapPlace();
  const { createBwrapSandbox }: Bwrap = await import(join(built, "sandbox/bwrap.js"));
  const { toolPrograms }: ToolPrograms = await import(join(built, "tool-programs.js"));
  const names = ["one.test", "two.test", "evil.test"].map((name) => [name, [front]]);
  const sandbox = createBwrapSandbox({
    file: findBwrap()!,
    stateDir: join(place.outer, "state2"),
    hidden: [],
    programs: await toolPrograms(),
    home: place.home,
    names: {
      addresses: { ...Object.fromEntries(names), "inner.test": ["127.0.0.1"] },
      allowed: [front],
    },
  });
  onTestFinished(() => sandbox.close());
  const start = (line: string, allowedHosts: readonly string[], signal = new AbortController().signal) =>
    sandbox.spawn(
      {
        file: "bash",
        args: ["--norc", "-c", line],
        workDir: place.workDir,
        env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: place.home },
        allowedHosts,
      },
      signal,
    );
  return {
    place,
    sandbox,
    start,
    async run(line: string, allowedHosts: readonly string[]) {
      return untilEnded(start(line, allowedHosts));
    },
  };
}

/** Process ids of the children of this process that run the proxy. */
function proxies(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return Number(parent) === process.pid && line.includes("network/proxy-worker");
      } catch {
        return false;
      }
    });
}

const curl = "curl -sS --max-time 20";

describe.skipIf(!present)("a command with allowed hosts", () => {
  it.each([
    ["a plain request", curl],
    ["CONNECT", `${curl} --proxytunnel`],
    ["SOCKS 5", `${curl} -x "$ALL_PROXY"`],
  ])("reaches them by %s, and no other", async (_name, command) => {
    const server = await serve((request, response) => response.end(`seen ${request.headers.host}`), front);
    const { run } = await openPlace();
    const { text, code } = await run(`${command} http://one.test:${server.port}/`, [
      `one.test:${server.port}`,
    ]);
    expect([text, code]).toEqual([`seen one.test:${server.port}`, 0]);
    const { connections } = server.seen;
    const attempts = ["evil.test", "a.one.test", "one.test.evil.test", "127.0.0.1", front, "localhost"].map(
      (host) => `${command} --noproxy '' http://${host}:${server.port}/ || echo " refused"`,
    );
    const others = await run(attempts.join("\n"), [`one.test:${server.port}`]);
    expect(others.text).not.toContain("seen");
    expect(others.text.match(/refused|agentry: this host and port are not among/g)).toHaveLength(
      attempts.length,
    );
    expect(server.seen.connections).toBe(connections);
  });

  it("does not reach this machine by a name that leads there, as the server's own API", async () => {
    const api = await serve((_, response) => response.end("secret"));
    const { run } = await openPlace();
    const { text } = await run(`${curl} http://inner.test:${api.port}/`, [`inner.test:${api.port}`]);
    expect(text).toContain("is not on the public internet");
    expect(api.seen.connections).toBe(0);
  });

  it("has no way around the proxy", async () => {
    const echo = await startEcho("127.0.0.1");
    const { run, place } = await openPlace();
    writeFileSync(join(place.workDir, "udp.js"), udpProbe);
    const { text } = await run(
      [
        `(exec 3<>/dev/tcp/127.0.0.1/${echo.port}) 2>/dev/null && echo reached`,
        `${curl} --noproxy '*' http://127.0.0.1:${echo.port}/ 2>/dev/null && echo reached`,
        "getent hosts secret.one.test && echo reached",
        "tail -n +3 /proc/net/dev | grep -qv '^ *lo:' && echo reached",
        `"${process.execPath}" udp.js`,
        "grep -h ^Seccomp: /proc/self/status",
        "ls /proc/self/fd | sort -n | tr '\\n' ' '",
        "grep -h CapEff: /proc/self/status",
      ].join("\n"),
      ["one.test"],
    );
    expect(text).not.toContain("reached");
    expect(text).toContain("udp ENETUNREACH\nunix EPERM\n");
    expect(text).toMatch(/Seccomp:\t2\n/);
    expect(text).toMatch(/CapEff:\t0000000000000000\n/);
    expect(text).toMatch(/^0 1 2 (3 )?/m);
    expect(echo.seen.connections).toBe(0);
  });

  it("carries bytes unchanged in both directions, and many connections at a time", async () => {
    const bytes = randomBytes(8 * 1024 * 1024);
    const received: string[] = [];
    const server = await serve((request, response) => {
      const hash = createHash("sha256");
      request
        .on("data", (data) => hash.update(data))
        .on("end", () => {
          received.push(hash.digest("hex"));
          response.end(bytes);
        });
    }, front);
    const { run, place } = await openPlace();
    writeFileSync(join(place.workDir, "bytes"), bytes);
    const url = `http://one.test:${server.port}/`;
    const once = (option: string, index: number) =>
      `(${curl} ${option} --data-binary @bytes -o got${index} ${url} && sha256sum got${index}) &`;
    const line = ["", "--proxytunnel", '-x "$ALL_PROXY"', ""].map(once).join("\n");
    const { text } = await run(`${line}\nwait`, [`one.test:${server.port}`]);
    const sum = createHash("sha256").update(bytes).digest("hex");
    expect(text.match(/^[0-9a-f]{64}/gm), text).toEqual([sum, sum, sum, sum]);
    expect(received).toEqual([sum, sum, sum, sum]);
  });

  it("ends as it would without, and takes input", async () => {
    const { run, start } = await openPlace();
    expect(await run("exit 7", ["one.test"])).toMatchObject({ code: 7, signal: null });
    expect(await run("kill -9 $$", ["one.test"])).toMatchObject({ code: 137 });
    const started = start("cat", ["one.test"]);
    started.stdin.end("through");
    expect((await started.stdout.toArray()).join("")).toBe("through");
    const stopping = new AbortController();
    const endless = start("sleep 1000 & sleep 1000", ["one.test"], stopping.signal);
    endless.stdout.resume();
    stopping.abort();
    expect(await endless.exited).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("loses its connections when it ends", async () => {
    const echo = await startEcho(front);
    const { start } = await openPlace();
    const stopping = new AbortController();
    const line = `curl -sS -N --proxytunnel telnet://one.test:${echo.port} </dev/zero`;
    const started = start(line, [`one.test:${echo.port}`], stopping.signal);
    await once(started.stdout, "data");
    started.stdout.resume();
    expect(echo.seen.open()).toBe(1);
    stopping.abort();
    await started.exited;
    await expect.poll(() => echo.seen.open()).toBe(0);
  });

  it("has its own hosts while others have theirs, through one proxy that can die", async () => {
    const server = await serve((request, response) => response.end(`seen ${request.headers.host}`), front);
    const { run, sandbox } = await openPlace();
    expect((await run("true", [])).code).toBe(0);
    expect(proxies()).toEqual([]);
    const both = `${curl} http://one.test:${server.port}/; ${curl} http://two.test:${server.port}/`;
    const runBoth = () =>
      Promise.all(["one.test", "two.test"].map((name) => run(both, [`${name}:${server.port}`])));
    const refused = "agentry: this host and port are not among the agent's allowed_hosts\n";
    const expected = [`seen one.test:${server.port}${refused}`, `${refused}seen two.test:${server.port}`];
    expect((await runBoth()).map(({ text }) => text)).toEqual(expected);
    const [proxy] = proxies();
    expect(proxies()).toHaveLength(1);
    process.kill(proxy!, "SIGKILL");
    const again = async () => (await runBoth()).map(({ text }) => text);
    await expect.poll(again, { timeout: 10_000 }).toEqual(expected);
    await sandbox.close();
    await expect.poll(proxies).toEqual([]);
  });
});

const udpProbe = `
const socket = require("dgram").createSocket("udp4");
socket.on("error", () => undefined);
socket.send("secret", 53, "192.0.2.1", (error) => {
  console.log("udp", error ? error.code : "reached");
  socket.close();
  require("net").connect("\\0abstract").on("connect", () => console.log("reached")).on("error", ({ code }) => console.log("unix", code));
});
`;
