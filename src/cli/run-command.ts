import { text } from "node:stream/consumers";
import { toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Command } from "commander";
import type { Agent } from "../../gen/agentry/v1/agents_pb.js";
import { EventSchema, RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { Fault, invalid } from "../core/fault.js";
import { ApprovalDesk } from "./approval-desk.js";
import type { Clients } from "./client.js";
import { connectTo } from "./client.js";
import { ElicitationDesk } from "./elicitation-desk.js";
import { followRun, isLostConnection } from "./follow-run.js";
import { KeyAdvice } from "./key-advice.js";
import { RunPrinter } from "./run-printer.js";
import { Turns } from "./turns.js";

interface RunOptions {
  readonly url: string;
  readonly agent?: string;
  readonly model?: string;
  readonly session?: string;
  readonly workDir: string;
  readonly yes?: true;
  readonly json?: true;
}

const standardUrl = "http://127.0.0.1:2323";

/** `agentry run "prompt"`: a Connect client of a running server. */
export function addRunCommand(program: Command): void {
  program
    .command("run")
    .description("Say something to an agent of a running server and show what it does")
    .argument("<prompt>", "what to say; - takes it from standard input")
    .option("--url <url>", "the server", process.env.AGENTRY_URL ?? standardUrl)
    .option("--agent <id>", "id or name of the agent (default: the newest one)")
    .option("--model <provider/model>", "make an agent with this model and all tools")
    .option("--session <id>", "go on with this session (default: a new one)")
    .option("--work-dir <dir>", "working directory of a new session", process.cwd())
    .option("--yes", "approve every tool call without asking")
    .option("--json", "print every event as one line of JSON")
    .action(async (prompt: string, options: RunOptions) => {
      const said = prompt === "-" ? await text(process.stdin) : prompt;
      if (said.trim() === "") throw invalid("the prompt is empty");
      process.exitCode = await explain(options.url, () => run(said, options));
    });
}

async function run(prompt: string, options: RunOptions): Promise<number> {
  if (!URL.canParse(options.url) || !/^https?:/.test(options.url))
    throw invalid(`--url is the address of a server, for example ${standardUrl}`);
  const clients = connectTo(options.url, process.env.AGENTRY_TOKEN);
  const sessionId = options.session ?? (await newSession(clients, options));
  const agentId = options.session ? ((await chosenAgent(clients, options))?.id ?? "") : "";
  const printer = new RunPrinter({
    answer: (text) => process.stdout.write(text),
    note: (text) => process.stderr.write(text),
  });
  const { run: started } = await clients.runs.startRun({ sessionId, agentId, input: { text: prompt } });
  const runId = started?.id ?? "";
  const interrupt = cancelOnInterrupt(clients, runId);
  const turns = new Turns();
  const desks = [
    new ApprovalDesk(clients.runs, options.yes ?? false, turns),
    new ElicitationDesk(clients.runs, turns),
  ];
  const advice = new KeyAdvice(clients.providers, options.url);
  let outcome = RunOutcome.UNSPECIFIED;
  try {
    const onLost = () => process.stderr.write("\n! the connection is lost; trying to come back\n");
    for await (const event of followRun({ runs: clients.runs, runId, onLost })) {
      if (options.json)
        process.stdout.write(`${toJsonString(EventSchema, event, { useProtoFieldName: true })}\n`);
      else printer.print(event);
      for (const watcher of [...desks, advice]) watcher.see(event);
      if (event.body.case === "runFinished") outcome = event.body.value.outcome;
    }
    if (!options.json) process.stderr.write(await advice.text());
  } finally {
    process.off("SIGINT", interrupt);
    for (const desk of desks) desk.close();
    if (!options.json) process.stderr.write(`session ${sessionId}\n`);
  }
  return outcome === RunOutcome.COMPLETED ? 0 : outcome === RunOutcome.CANCELED ? 130 : 1;
}

function cancelOnInterrupt({ runs }: Clients, runId: string): () => void {
  let asked = false;
  const interrupt = (): void => {
    if (asked) process.exit(130);
    asked = true;
    void runs.cancelRun({ runId }).catch(() => process.exit(130));
  };
  process.on("SIGINT", interrupt);
  return interrupt;
}

async function newSession(clients: Clients, options: RunOptions): Promise<string> {
  const agent = await chosenAgent(clients, options);
  const agentId = agent?.id ?? (await newestAgent(clients)).id;
  const { session } = await clients.sessions.createSession({
    session: { agentId, workDir: options.workDir },
  });
  return session?.id ?? "";
}

/** The agent that the options name, or undefined when they name none. */
async function chosenAgent(clients: Clients, { agent, model }: RunOptions): Promise<Agent | undefined> {
  if (model) return makeAgent(clients, model);
  if (!agent) return undefined;
  const { agents } = await clients.agents.listAgents({ pageSize: 1000 });
  const found = agents.find(({ id, name }) => id === agent || name === agent);
  if (!found) throw new Fault("not_found", `there is no agent ${JSON.stringify(agent)}`);
  return found;
}

async function newestAgent({ agents }: Clients): Promise<Agent> {
  const [newest] = (await agents.listAgents({ pageSize: 1 })).agents;
  if (!newest)
    throw invalid(
      "the server has no agent yet; make one with --model, for example --model anthropic/claude-sonnet-4-5",
    );
  return newest;
}

async function makeAgent({ agents }: Clients, model: string): Promise<Agent> {
  const slash = model.indexOf("/");
  if (slash <= 0) throw invalid("--model is written provider/model, for example anthropic/claude-sonnet-4-5");
  const { tools } = await agents.listTools({});
  const { agent } = await agents.createAgent({
    agent: {
      name: model,
      instructions: "You are a helpful assistant. Use your tools where they help.",
      model: { provider: model.slice(0, slash), name: model.slice(slash + 1) },
      tools: tools.map(({ name }) => name),
    },
  });
  if (!agent) throw new Fault("internal", "the server returned no agent");
  return agent;
}

/** Runs `work`; what the server refuses becomes one line that says what to do. */
async function explain(url: string, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    throw new Fault("unavailable", hintOf(error, url), {}, error);
  }
}

function hintOf(error: ConnectError, url: string): string {
  if (error.code === Code.Unauthenticated)
    return `${url} asks for a token: set AGENTRY_TOKEN to what "agentry token" prints for the server's data directory`;
  if (/ECONNREFUSED|ENOTFOUND/.test(error.rawMessage))
    return `there is no server at ${url}; start one with: agentry serve`;
  if (isLostConnection(error)) return `the connection to ${url} is lost: ${error.rawMessage}`;
  // What Connect says of an answer that is not its own.
  const foreign = /^(HTTP \d+)?$/.test(error.rawMessage);
  return foreign ? `what answers at ${url} is no Agentry server` : error.rawMessage;
}
