import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import type { OutputStream, Tool, ToolContext, ToolOutput } from "../../src/core/tool.js";
import { createNoSandbox } from "../../src/tools/sandbox/none.js";

/** A working directory, and a folder around it that tools must not reach. */
export interface WorkPlace {
  /** The folder around the working directory. */
  readonly outer: string;
  readonly workDir: string;
  readonly context: ToolContext;
  /** What was shown while tools ran. */
  readonly shown: { text: string; stream: OutputStream }[];
  /** Writes a file below `outer`. */
  put(path: string, content: string | Uint8Array): string;
  call(tool: Tool, input: JsonObject, signal?: AbortSignal): Promise<ToolOutput>;
}

/** Makes an empty working directory with a sandbox, both gone when the test has ended. */
export function makeWorkPlace(): WorkPlace {
  const outer = realpathSync(mkdtempSync(join(tmpdir(), "agentry-tools-")));
  const workDir = join(outer, "w");
  mkdirSync(workDir);
  const sandbox = createNoSandbox();
  onTestFinished(async () => {
    await sandbox.close();
    rmSync(outer, { recursive: true, force: true });
  });
  const shown: { text: string; stream: OutputStream }[] = [];
  const context: ToolContext = {
    workDir,
    sessionId: "session",
    toolCallId: "call",
    sandbox,
    notes: { read: async () => undefined, write: async () => undefined },
    elicit: async () => ({ action: "cancel" }),
    onOutput: (text, stream) => shown.push({ text, stream }),
  };
  return {
    outer,
    workDir,
    context,
    shown,
    put(path, content) {
      const full = join(outer, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, content);
      return full;
    },
    call: (tool, input, signal = new AbortController().signal) => tool.run(input, context, signal),
  };
}
