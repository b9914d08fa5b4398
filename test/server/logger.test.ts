import { expect, it } from "vitest";
import { createLogger } from "../../src/server/logger.js";

function recorder() {
  const lines: string[] = [];
  return { lines, destination: { write: (line: string) => void lines.push(line) } };
}

it("passes every line through the redactor", () => {
  const { lines, destination } = recorder();
  const redactor = {
    add: () => undefined,
    redact: (text: string) => text.replaceAll("hunter22", "[redacted]"),
  };
  const log = createLogger({ level: "info", redactor, destination });
  log.info({ key: "hunter22", deep: { list: ["hunter22"] } }, "it is hunter22");
  log.child({ bound: "hunter22" }).error({ err: new Error("hunter22", { cause: "hunter22" }) }, "failed");
  expect(lines).toHaveLength(2);
  expect(lines.join("")).not.toContain("hunter22");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: "info",
    msg: "it is [redacted]",
    key: "[redacted]",
  });
});

it.each([
  ["debug", 2],
  ["warn", 1],
  ["silent", 0],
] as const)("at level %s writes %i lines", (level, count) => {
  const { lines, destination } = recorder();
  const log = createLogger({ level, destination });
  log.debug("fine");
  log.warn("less fine");
  expect(lines).toHaveLength(count);
});
