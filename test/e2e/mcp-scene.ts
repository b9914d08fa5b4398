import { copyFileSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { anthropicAnswer } from "../support/fake-upstream.js";
import type { Place } from "./place.js";
import { openPlace, script } from "./place.js";

/** A tool call, as the model asks for it. */
export const toolCall = (name: string, input: object = {}) => ({
  body: anthropicAnswer([{ id: "", name, input }]),
});

export type McpScene = Awaited<ReturnType<typeof openMcpScene>>;

/** A built server, and a working directory that holds the MCP server of the tests. */
export async function openMcpScene(program: string, options: Parameters<typeof openPlace>[0] = {}) {
  const workDir = realpathSync(mkdtempSync(join(tmpdir(), "agentry-e2e-mcp-")));
  onTestFinished(() => rmSync(workDir, { recursive: true, force: true, maxRetries: 5 }));
  copyFileSync(program, join(workDir, "server.mjs"));
  const place: Place = await openPlace(options);
  const node = (extra: object = {}, name = "one") => ({
    name,
    stdio: { command: process.execPath, args: ["server.mjs"], ...extra },
  });
  const waiting = async (): Promise<{ id: string; tool_call: { name: string; arguments: object } }[]> =>
    (await place.call("GET", "/v1/approvals?state=APPROVAL_STATE_PENDING")).body.approvals ?? [];
  return {
    place,
    workDir,
    node,
    waiting,
    /** The model makes these calls, one after another, and is done. */
    model: (...steps: ReturnType<typeof toolCall>[]) => place.upstream.answer(script(...steps)),
    async session(mcpServers: object[], extra: object = {}, agent: object = {}): Promise<string> {
      const model = { provider: "anthropic", name: "fake-1" };
      const body = { name: "mcp", model, mcp_servers: mcpServers, ...agent };
      const { status, body: made } = await place.call("POST", "/v1/agents", body);
      expect(status, JSON.stringify(made)).toBe(201);
      const mode = "APPROVAL_MODE_AUTO";
      return place.session({ agent_id: made.id, work_dir: workDir, approval_mode: mode, ...extra });
    },
    /** Starts a run and waits for its end, approving everything. */
    async run(session: string): Promise<{ outcome: string; id: string }> {
      const { body } = await place.start(session, "go");
      for (;;) {
        const run = await place.getRun(body.id);
        if (run.state === "RUN_STATE_FINISHED") return run;
        if (run.state === undefined) throw new Error("the run is gone");
        for (const { id } of await waiting())
          await place.call("POST", `/v1/approvals/${id}:resolve`, { verdict: "VERDICT_APPROVE" });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    /** The data of a session's events of one kind. */
    async events(session: string, kind: string): Promise<Record<string, unknown>[]> {
      const all = await place.history(session);
      return all.filter(({ name }) => name === kind).map(({ data }) => JSON.parse(data)[kind]);
    },
    /** What the calls of a session have answered. */
    async outputs(session: string): Promise<string[]> {
      const all = await this.events(session, "tool_call_finished");
      return all.map(({ result }) => (result as { output: string }).output);
    },
  };
}
