import { randomBytes } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { anthropicAnswer } from "../support/fake-upstream.js";
import { alive } from "../tools/sandbox/alive.js";
import { whyNoSandbox } from "../tools/sandbox/bwrap-place.js";
import { openPlace, script } from "./place.js";

interface Call {
  readonly name: string;
  readonly input: object;
}

const auto = { approval_mode: "APPROVAL_MODE_AUTO" };
const tools = ["bash", "read", "glob", "grep"];
// Of this run alone: the tools read far and wide, and may come upon this file.
const canary = `CANARY-${randomBytes(8).toString("hex")}`;
const answer = (call: Call) => ({ body: anthropicAnswer([{ id: "", ...call }]) });

/** A server that keeps its state in the home directory of its user, as it does by default. */
async function openHome() {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "agentry-home-")));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
  const put = (path: string): void => {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), canary);
  };
  for (const path of [".ssh/id_ed25519", ".aws/credentials", ".netrc", ".config/google-chrome/Cookies"])
    put(path);
  const dataDir = join(home, ".local/share/agentry");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  for (const name of ["agentry.db.backup", "backups/old.db"]) put(`.local/share/agentry/${name}`);
  const env = { HOME: home, CANARY_KEY: canary };
  const place = await openPlace({ dataDir, env, tools });
  const canaries = (): string[] =>
    [canary, ...readdirSync(dataDir).flatMap((name) => secretOf(join(dataDir, name)))].filter(Boolean);
  return { home, dataDir, place, canaries };
}

/** What a file of the server holds that nobody may see: the text of small ones. */
function secretOf(path: string): string[] {
  if (!/(token|key)$/.test(path)) return [];
  const bytes = readFileSync(path);
  return [bytes.toString("utf8").trim(), bytes.toString("hex"), bytes.toString("base64")];
}

/** Every way of the tools to a file: by name, by its folder, by a search, by what /proc shows. */
function looks(home: string, dataDir: string, pid: number): Call[] {
  const names = [...readdirSync(dataDir), "agentry.db-shm", "agentry.db-wal"];
  const files = [...names.map((name) => join(dataDir, name)), join(home, ".ssh/id_ed25519")];
  const proc = ["environ", "cmdline", "maps", "mem", "fd/1"].map((name) => `/proc/${pid}/${name}`);
  const read = [...files, ...proc].map((path) => ({ name: "read", input: { path } }));
  const folders = [home, dataDir, join(home, ".ssh"), "/proc/self"];
  const grep = folders.map((path) => ({ name: "grep", input: { pattern: "CANARY-[0-9a-f]+", path } }));
  const glob = folders.map((path) => ({
    name: "glob",
    input: { pattern: "**/{token,*.db*,*.key,id_*}", path },
  }));
  const shell = [
    `cat ${files.join(" ")}`,
    `base64 -w0 ${files.join(" ")}; xxd -p ${files.join(" ")}`,
    `cp -r ${dataDir} copy && grep -ra . copy; ln -s ${dataDir} link; grep -ra . link/; rm -rf copy link`,
    "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; env",
    `cat /proc/${pid}/{environ,cmdline,mem,maps}; ls -l /proc/${pid}/fd/; cat /proc/${pid}/root${dataDir}/token`,
    `timeout 5 grep -raoh 'CANARY-[0-9a-f]*' ${home} /tmp /run /dev/shm /var/tmp`,
    `ls -laR ${home}/.local ${home}/.ssh`,
  ].map((command) => ({ name: "bash", input: { command: `{ ${command}; } 2>&1; true` } }));
  return [...read, ...grep, ...glob, ...shell];
}

describe.skipIf(whyNoSandbox)("what the server keeps to itself, and the user's keys", () => {
  it.each([
    { name: "the home directory", folder: (home: string) => home },
    { name: "the root directory", folder: () => "/" },
  ])(
    "are out of reach of every tool that works in $name",
    async ({ folder }) => {
      const { home, dataDir, place, canaries } = await openHome();
      const calls = looks(home, dataDir, place.server.child.pid ?? 0);
      place.upstream.answer(script(...calls.map(answer)));
      const session = await place.session({ work_dir: folder(home), title: canary, ...auto });
      const run = await place.finished((await place.start(session, "go")).body.id);
      expect(run.outcome).toBe("RUN_OUTCOME_COMPLETED");
      const history = await place.history(session);
      const finished = history.filter(({ name }) => name === "tool_call_finished");
      const outputs = finished.map(({ data }) => JSON.parse(data).tool_call_finished.result.output as string);
      expect(outputs).toHaveLength(calls.length);
      expect(canaries().length).toBeGreaterThan(2);
      for (const [at, output] of outputs.entries()) {
        const shown = JSON.stringify(calls[at]);
        for (const secret of canaries()) expect(output.includes(secret), `${shown}: ${output}`).toBe(false);
        expect(output, shown).not.toMatch(/SQLite format 3|agentry\.db-(wal|shm)$|id_ed25519\n/m);
      }
    },
    60_000,
  );
});

describe("a call that is out of time", () => {
  it.skipIf(whyNoSandbox)("leaves no process, not even one with a session of its own", async () => {
    const place = await openPlace();
    const mark = `mark-${crypto.randomUUID()}`;
    const child = `setsid nohup sh -c 'trap "" TERM HUP; sleep 600; :' ${mark}`;
    const command = `(${child} >/dev/null 2>&1 &); (${child} &) & sleep 600; : ${mark}`;
    place.upstream.answer(script(answer({ name: "bash", input: { command, timeout: 700 } })));
    const session = await place.session(auto);
    const { id } = (await place.start(session, "go")).body;
    await expect.poll(() => alive(mark).length).toBeGreaterThan(2);
    await place.finished(id);
    expect(alive(mark)).toEqual([]);
    const history = await place.history(session);
    expect(history.find(({ name }) => name === "tool_call_finished")?.data).toContain(
      "timed out after 700 ms",
    );
  });
});
