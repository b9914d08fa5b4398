import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const heap = join(import.meta.dirname, "../../dist/src/cli/heap.js");

/** Makes, for a second, what lives for a moment, and prints the MiB of the young generation after it. */
const program = (setUp: string) => `
import { Worker } from "node:worker_threads";
import { getHeapSpaceStatistics } from "node:v8";
import { keepHeapSmall, letHeapGrow } from ${JSON.stringify(heap)};
${setUp}
let kept = [];
const until = Date.now() + 1000;
while (Date.now() < until) {
  for (let i = 0; i < 20_000; i += 1) kept.push({ i, list: [i, i, i, i, i, i, i, i] });
  if (kept.length > 400_000) kept = [];
  await new Promise((resolve) => setTimeout(resolve, 2));
}
const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
console.log(young.space_size / 1024 / 1024);
`;

async function youngMiB(setUp: string): Promise<number> {
  const script = ["--input-type=module", "--eval", program(setUp)];
  const { stdout } = await promisify(execFile)(process.execPath, script);
  return Number(stdout);
}

describe("the young generation of the heap", () => {
  it("does not grow while a server starts", async () => {
    expect(await youngMiB("keepHeapSmall();")).toBeLessThanOrEqual(4);
  });

  it("grows with the work to come, and no further than it should", async () => {
    const young = await youngMiB("keepHeapSmall(); letHeapGrow();");
    expect(young).toBeGreaterThan(4);
    expect(young).toBeLessThanOrEqual(64);
  });

  it("stays bounded when a worker starts, which sets the flag back", async () => {
    const worker = "new Worker('0', { eval: true }); await new Promise((r) => setTimeout(r, 300));";
    expect(await youngMiB(`keepHeapSmall(); letHeapGrow(); ${worker}`)).toBeLessThanOrEqual(64);
  });
});
