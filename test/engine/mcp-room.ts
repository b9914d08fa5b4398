import { copyFileSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect, onTestFinished } from "vitest";
import type { AgentSchema } from "../../gen/agentry/v1/agents_pb.js";
import type { Approval } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalState, McpServerState, Verdict } from "../../gen/agentry/v1/event_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import type { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import { createRedactor } from "../../src/core/redactor.js";
import { createToolServers } from "../../src/tools/mcp/create-tool-servers.js";
import { createNoSandbox } from "../../src/tools/sandbox/none.js";
import { memoryTokens } from "../tools/mcp/mcp-place.js";
import type { RoomOptions, Script } from "./room.js";
import { bodies, openRoom } from "./room.js";

/** Connections to MCP servers, without a sandbox. They end with the test. */
export function openToolServers(answerMs = 10_000) {
  const sandbox = createNoSandbox();
  const memory = memoryTokens();
  const toolServers = createToolServers({
    sandbox,
    secrets: memory,
    tokens: memory.tokens,
    redactor: createRedactor(),
    redirectUrl: Promise.resolve("http://127.0.0.1:1/oauth/callback"),
    times: { answerMs },
  });
  onTestFinished(async () => {
    await toolServers.close();
    await sandbox.close();
  });
  return { sandbox, memory, toolServers };
}

interface McpSession {
  readonly agent?: MessageInitShape<typeof AgentSchema>;
  readonly mode?: ApprovalMode;
  readonly workDir?: string;
}

export type McpRoom = Awaited<ReturnType<typeof openMcpRoom>>;

/** An engine whose agents have MCP servers, without a sandbox. `program` is copied into a working directory. */
export async function openMcpRoom(
  script: Script,
  options: RoomOptions & { readonly program?: string; readonly answerMs?: number } = {},
) {
  const workDir = realpathSync(mkdtempSync(join(tmpdir(), "agentry-mcp-room-")));
  if (options.program) copyFileSync(options.program, join(workDir, "server.mjs"));
  const { sandbox, memory, toolServers } = openToolServers(options.answerMs);
  const room = await openRoom(script, { ...options, sandbox, toolServers });
  onTestFinished(async () => {
    await room.close();
    await toolServers.close();
    rmSync(workDir, { recursive: true, force: true });
  });
  const { engine, store } = room;
  const session = async ({ agent = {}, workDir: own = workDir, ...init }: McpSession): Promise<string> => {
    const id = await room.session({ agent: { rules: [], ...(agent as object) }, ...init });
    const row = await store.sessions.get(id);
    await store.sessions.update({ ...row!, workDir: own });
    return id;
  };
  const pending = () => store.approvals.list({ state: ApprovalState.PENDING });
  /** The approval that waits, once one does. */
  const asked = async (): Promise<Approval> => {
    await expect.poll(async () => (await pending()).length, { timeout: 10_000 }).toBe(1);
    return (await pending())[0]!;
  };
  const resolve = (approval: Approval, verdict: Verdict, extra: object = {}) =>
    engine.approvals.resolve(approval.id, { verdict, argumentsSha256: "", comment: "", ...extra });
  return {
    ...room,
    workDir,
    memory,
    toolServers,
    session,
    pending,
    asked,
    approve: async (extra: object = {}) => resolve(await asked(), Verdict.APPROVE, extra),
    deny: async () => resolve(await asked(), Verdict.DENY),
    /** Runs once, approving whatever is asked; answers with what was asked, and the events. */
    async run(sessionId: string, text = "go") {
      const run: Run = await room.start(sessionId, text);
      const approvals: Approval[] = [];
      let over = false;
      const approving = (async () => {
        for (; !over; await new Promise((done) => setTimeout(done, 10)))
          for (const approval of await pending()) {
            if (approvals.some(({ id }) => id === approval.id)) continue;
            approvals.push(approval);
            await resolve(approval, Verdict.APPROVE).catch(() => undefined);
          }
      })();
      const events = await room.finished(run);
      over = true;
      await approving;
      return { approvals, events, states: states(events) };
    },
  };
}

/** What was said of servers, as `READY one_echo one_more`. */
export function states(events: Parameters<typeof bodies>[0]): string[] {
  return bodies(events, "mcpServerUpdated").map(({ state, tools }) =>
    [McpServerState[state], ...tools].join(" "),
  );
}
