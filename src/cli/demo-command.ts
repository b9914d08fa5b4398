import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import { Fault } from "../core/fault.js";
import { openApp } from "../server/app.js";
import { connectTo } from "./client.js";
import { curlLine, runCurl } from "./curl.js";
import { RunPrinter } from "./run-printer.js";
import { watchApprovals } from "./watch-approvals.js";

const prompt = "What is in this folder?";
const model = { provider: "anthropic", name: "claude-sonnet-4-5" };

/** `agentry demo`: the main job, once over SSE and once over Connect, with recorded answers and no key. */
export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description("Show an agent at work over SSE and over Connect: no key, no network")
    .action(demo);
}

async function demo(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "agentry-demo-"));
  const fake = fileURLToPath(new URL("./demo.yaml", import.meta.url));
  const app = await openApp({
    host: "127.0.0.1",
    port: 0,
    dataDir: join(dir, "data"),
    auth: "local",
    fake,
    fakeDelayMs: 20,
    logLevel: "warn",
  });
  try {
    say(`agentry serve is listening on ${app.url}, with recorded model answers\n`);
    const workDir = mkdtempSync(join(dir, "work-"));
    writeFileSync(join(workDir, "hello.txt"), "Hello from Agentry.\n");
    const agentId = await overRest(app.url, workDir);
    await overConnect(app.url, agentId, workDir);
    say("\nThe server stops. Next: npm start");
  } finally {
    await app.close(2000);
    rmSync(dir, { recursive: true, force: true });
  }
}

async function overRest(url: string, workDir: string): Promise<string> {
  say("1. An agent, with plain curl:\n");
  const instructions = "You help people with the files in your working directory.";
  const agent = await post(`${url}/v1/agents`, { name: "Helper", instructions, model, tools: ["bash"] });
  say("\n2. A session in a directory, in which tools may run:\n");
  const session = { agent_id: agent.id, work_dir: workDir, approval_mode: "APPROVAL_MODE_AUTO" };
  const { id } = await post(`${url}/v1/sessions`, session);
  say("\n3. A run, streamed as server-sent events:\n");
  const request = { url: `${url}/v1/sessions/${id}:run`, body: { input: { text: prompt } } };
  say(`$ ${curlLine(request)}`);
  const approver = watchApprovals((approvalId) => approve(url, approvalId));
  const stream = await runCurl(request, (text) => {
    process.stdout.write(text);
    approver.push(text);
  });
  await approver.done();
  if (!stream.includes("event: run_finished")) throw new Fault("internal", "the stream did not finish");
  return agent.id;
}

async function post(url: string, body: object): Promise<{ id: string }> {
  say(`$ ${curlLine({ url, body })}`);
  const reply: unknown = JSON.parse(await runCurl({ url, body }, (text) => process.stdout.write(text)));
  say("");
  if (typeof reply === "object" && reply !== null && "id" in reply && typeof reply.id === "string") {
    return { id: reply.id };
  }
  throw new Fault("internal", "the server did not return what was created");
}

async function overConnect(url: string, agentId: string, workDir: string): Promise<void> {
  say("4. The same over Connect, with the generated client:\n");
  const { sessions, runs } = connectTo(url, undefined);
  const approvalMode = ApprovalMode.AUTO;
  const { session } = await sessions.createSession({ session: { agentId, workDir, approvalMode } });
  const show = (text: string): void => void process.stdout.write(text);
  const printer = new RunPrinter({ answer: show, note: show });
  for await (const { event } of runs.run({ sessionId: session?.id ?? "", input: { text: prompt } })) {
    if (event) printer.print(event);
    if (event?.body.case === "approvalRequested") await approve(url, event.body.value.approval?.id ?? "");
    if (event?.body.case === "runFinished" && event.body.value.outcome !== RunOutcome.COMPLETED) {
      throw new Fault("internal", `the run ended as ${RunOutcome[event.body.value.outcome]}`);
    }
  }
}

/** Answers as a person would, where there is no sandbox. */
async function approve(url: string, approvalId: string): Promise<void> {
  const request = { url: `${url}/v1/approvals/${approvalId}:resolve`, body: { verdict: "VERDICT_APPROVE" } };
  say("\nNothing confines tools on this machine, so each call waits for somebody. In another terminal:\n");
  say(`$ ${curlLine(request)}\n`);
  await runCurl(request, () => undefined);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
