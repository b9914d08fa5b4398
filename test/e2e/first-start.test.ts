import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { openPlace } from "./place.js";

const entry = join(import.meta.dirname, "../../dist/app/main.js");
const folders = 3;
const kills = 8;

/** Starts a server and kills it after a while, most likely before it listens. */
async function startAndKill(dataDir: string, afterMs: number): Promise<void> {
  const serve = [entry, "serve", "--port", "0", "--data-dir", dataDir, "--sandbox", "off"];
  const env = { PATH: process.env.PATH, HOME: dataDir };
  const child = spawn(process.execPath, serve, { env, stdio: "ignore" });
  await pause(afterMs);
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect(child.exitCode).toBeNull();
}

it("a server that is killed while it starts for the first time starts the next time", async () => {
  for (let round = 0; round < folders; round += 1) {
    const dataDir = mkdtempSync(join(tmpdir(), "agentry-first-"));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }));
    for (let i = 0; i < kills; i += 1) await startAndKill(dataDir, 60 + 25 * i + 8 * round);
    const place = await openPlace({ dataDir });
    const run = await place.finished((await place.start(await place.session(), "go")).body.id);
    expect(run.outcome).toBe("RUN_OUTCOME_COMPLETED");
    await place.server.stop();
    const db = new Database(join(dataDir, "agentry.db"), { readonly: true });
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
    db.close();
  }
}, 60_000);
