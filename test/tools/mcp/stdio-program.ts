import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "rolldown";
import { afterAll, beforeAll } from "vitest";

/** The MCP server of the tests as one file, which a sandbox can show: it has its libraries within. */
export function useStdioProgram(): { readonly path: string } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "agentry-mcp-program-")));
  const path = join(folder, "server.mjs");
  beforeAll(async () => {
    await build({
      input: join(import.meta.dirname, "programs/stdio-server.ts"),
      platform: "node",
      logLevel: "silent",
      output: { file: path, format: "esm", codeSplitting: false },
    });
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return { path };
}
