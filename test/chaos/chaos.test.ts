import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

it("loses nothing when it is killed and its streams are cut", { timeout: 120_000 }, async () => {
  expect(existsSync(join(root, "dist/app/main.js")), "npm run build").toBe(true);
  const program = join(root, "test/chaos/chaos.mjs");
  const { stdout } = await run(process.execPath, [
    program,
    "--runs=5",
    "--cuts=20",
    "--seconds=0",
    "--seed=5",
  ]);
  expect(stdout).toMatch(/^kills: 5; .*faults: 0$/m);
  expect(stdout).toMatch(/^cut streams: \d+; .*faults: 0$/m);
});
