import { relative } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule } from "vitest/node";

/** Tells which tests were skipped and why, and closes with one line of plain counts. */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
    const broken = modules.filter((module) => module.errors().length > 0).length;
    for (const test of tests) if (test.result().state === "skipped") print(skipped(test));
    const failed = count("failed") + broken + errors.length;
    print(`tests: ${count("passed")} passed, ${failed} failed, ${count("skipped")} skipped`);
  }
}

function skipped(test: TestCase): string {
  const result = test.result();
  const note = result.state === "skipped" ? result.note : undefined;
  return `skipped: ${relative(process.cwd(), test.module.moduleId)} > ${test.fullName}: ${note ?? "no reason given"}`;
}

const print = (line: string): boolean => process.stdout.write(`${line}\n`);
