import { defineConfig } from "vitest/config";
import { SummaryReporter } from "./support/summary-reporter.js";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: "forks",
    // Many wait for processes and time-outs most of the time.
    maxWorkers: 2,
    // For threads that the sources start: a thread has its parent's options, not the runner's way to TypeScript.
    execArgv: ["--import", new URL("./store/sqlite/programs/run-typescript.mjs", import.meta.url).href],
    reporters: ["default", new SummaryReporter()],
  },
});
