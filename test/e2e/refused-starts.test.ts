import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startServerProcess } from "../support/server-process.js";

const entry = join(import.meta.dirname, "../../dist/app/main.js");

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "agentry-refused-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a server that must not start, and gives how it ended. */
function start(dataDir: string, args: readonly string[], env: Record<string, string> = {}) {
  const serve = [entry, "serve", "--port", "0", "--data-dir", dataDir, ...args];
  const options = {
    encoding: "utf8",
    timeout: 10_000,
    env: { PATH: process.env.PATH, HOME: dataDir, ...env },
  } as const;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, serve, options);
  return { status, signal, stdout, reason: stderr.trim() };
}

function expectRefusal(ended: ReturnType<typeof start>, why: RegExp): void {
  expect(ended).toMatchObject({ signal: null, status: expect.any(Number) });
  expect(ended.status, ended.reason).not.toBe(0);
  expect(ended.stdout).not.toContain("listening");
  expect(ended.reason).toMatch(why);
  expect(ended.reason.split("\n").length, ended.reason).toBeLessThanOrEqual(2);
  expect(ended.reason).not.toMatch(/\n\s+at |node_modules/);
}

const own = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4");

describe("a server that others could reach without a token", () => {
  const hosts = ["0.0.0.0", "::", "0", "127.1", "evil.example", ...(own ? [own.address] : [])];
  it.each(hosts.flatMap((host) => ["none", "local"].map((auth) => [host, auth])))(
    "does not start on %s with --auth %s",
    (host, auth) => {
      const folder = newFolder();
      expectRefusal(start(folder, ["--host", host, "--auth", auth]), /loopback|token/);
    },
  );
});

describe("a server whose files are not as they must be", () => {
  const wrong: readonly { name: string; make: (folder: string) => string[] | undefined; why: RegExp }[] = [
    {
      name: "a database that is a folder",
      make: (folder) => void mkdirSync(join(folder, "agentry.db")),
      why: /agentry\.db/,
    },
    {
      name: "a database that is none",
      make: (folder) => void writeFileSync(join(folder, "agentry.db"), "no database, by far. ".repeat(500)),
      why: /database/,
    },
    {
      name: "a key file that others can read",
      make: (folder) => {
        writeFileSync(join(folder, "master.key"), Buffer.alloc(32, 1));
        chmodSync(join(folder, "master.key"), 0o644);
        return undefined;
      },
      why: /master\.key.*(600|others)/,
    },
    {
      name: "a key file that is too short",
      make: (folder) => void writeFileSync(join(folder, "master.key"), "short", { mode: 0o600 }),
      why: /master\.key/,
    },
    {
      name: "a token that others can read",
      make: (folder) => {
        writeFileSync(join(folder, "token"), "a-good-long-token-0123");
        chmodSync(join(folder, "token"), 0o644);
        return undefined;
      },
      why: /token.*600/,
    },
    { name: "a database where none can be", make: () => ["--db", "/proc/agentry.db"], why: /\/proc/ },
    {
      name: "a folder that is a file",
      make: (folder) => void writeFileSync(join(folder, "file"), ""),
      why: /file/,
    },
  ];
  it.each(wrong)("does not start on $name, and leaves it", ({ name, make, why }) => {
    const folder = newFolder();
    chmodSync(folder, 0o700);
    const args = make(folder) ?? [];
    const before = readdirSync(folder);
    const dataDir = name === "a folder that is a file" ? join(folder, "file") : folder;
    expectRefusal(start(dataDir, args), why);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(before));
  });

  it("does not start where another one runs, and names it", async () => {
    const first = await startServerProcess();
    expectRefusal(start(first.dataDir, []), new RegExp(`pid ${first.child.pid}\\b`));
    expect((await fetch(`${first.url}/health`)).status).toBe(200);
  });

  it.for(["stopped", "killed"])(
    "does not start where all is read-only since it was %s",
    async (how, { skip }) => {
      const first = await startServerProcess();
      await (how === "stopped" ? first.stop() : first.kill());
      const folder = newFolder();
      try {
        execFileSync("mount", ["--bind", first.dataDir, folder], { stdio: "ignore" });
        onTestFinished(() => void spawnSync("umount", ["-l", folder]));
        execFileSync("mount", ["-o", "remount,ro,bind", folder], { stdio: "ignore" });
      } catch {
        return skip("this user may mount nothing");
      }
      expectRefusal(start(folder, []), /read-only|EROFS|written|cannot/);
    },
  );
});
