import { statSync } from "node:fs";
import { isIPv6 } from "node:net";
import { dirname, resolve as resolvePath } from "node:path";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import type { App } from "../server/app.js";
import { openApp, standardDataDir } from "../server/app.js";
import { letHeapGrow } from "./heap.js";

interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly db?: string;
  readonly dataDir: string;
  readonly auth: "local" | "token" | "none";
  readonly serverName?: readonly string[];
  readonly envKeys?: true;
  readonly fake?: string;
  readonly record?: string;
  readonly sandbox: "auto" | "required" | "off";
  /** Seconds. */
  readonly drain: number;
  /** Seconds. */
  readonly approvalExpiry: number;
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
}

/** Seconds that open work has to end after SIGTERM; with what follows it, less than 15 in all. */
const standardDrain = 8;
const longestDrain = 3600;
/** Seconds that approvals and questions wait for an answer. */
const standardExpiry = 3600;
const longestExpiry = 604_800;

/** `agentry serve`: serves until SIGTERM or SIGINT. */
export function addServeCommand(program: Command): void {
  program
    .command("serve")
    .description("Serve agents on one port, for every protocol")
    .option("--host <host>", "address to listen on", "127.0.0.1")
    .option("--port <port>", "port to listen on; 0 picks a free one", port, 2323)
    .option("--db <file>", "database file (default: agentry.db in the data directory)")
    .option("--data-dir <dir>", "directory of the database, the token and the key file", standardDataDir())
    .addOption(
      new Option("--auth <mode>", "who needs a token: callers of other users, everybody, nobody")
        .choices(["local", "token", "none"])
        .default("local"),
    )
    .option("--server-name <name>", "a further name this server answers to; may be repeated", serverNames)
    .option("--env-keys", "take provider keys from the environment (ANTHROPIC_API_KEY, OPENAI_API_KEY, …)")
    .addOption(
      new Option("--fake <file>", "replay model answers from a cassette: no network, no key").conflicts(
        "record",
      ),
    )
    .option("--record <file>", "record model answers into a cassette", cassetteFile)
    .addOption(
      new Option(
        "--sandbox <mode>",
        "what confines tools: a sandbox, or an approval of every call; a sandbox, or no tool runs; nothing",
      )
        .choices(["auto", "required", "off"])
        .default("auto"),
    )
    .option("--drain <seconds>", "how long open work may take to end after SIGTERM", drain, standardDrain)
    .option(
      "--approval-expiry <seconds>",
      "how long an approval or a question waits for an answer before it counts as denied",
      expiry,
      standardExpiry,
    )
    .addOption(
      new Option("--log-level <level>", "what is logged to stderr")
        .choices(["debug", "info", "warn", "error", "silent"])
        .default("info"),
    )
    .action(async (options: ServeOptions) => serve(options));
}

async function serve(options: ServeOptions): Promise<void> {
  const { serverName = [], drain: seconds, approvalExpiry, ...rest } = options;
  const app = await openApp({ ...rest, serverNames: serverName, approvalExpiryMs: approvalExpiry * 1000 });
  letHeapGrow();
  process.stdout.write(`listening on ${app.url}\n`);
  await stopped(app, seconds * 1000);
}

/** Waits for a signal, then closes; a second signal ends the process at once. */
async function stopped(app: App, drainMs: number): Promise<void> {
  let signals = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onSignal = (): void => {
    signals += 1;
    if (signals === 1) resolve();
    else process.exit(1);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  await promise;
  await app.close(drainMs);
  process.exit(0);
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535)
    throw new InvalidArgumentError("It is a number from 0 to 65535.");
  return value;
}

function drain(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > longestDrain)
    throw new InvalidArgumentError(`It is a number from 0 to ${longestDrain}.`);
  return value;
}

function expiry(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > longestExpiry)
    throw new InvalidArgumentError(`It is a number from 1 to ${longestExpiry}.`);
  return value;
}

function serverNames(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^[\w.-]{1,253}$/.test(text) && !isIPv6(text.replace(/^\[(.*)\]$/, "$1")))
    throw new InvalidArgumentError("It is a host name or an address, without scheme, port and path.");
  return [...before, text];
}

function cassetteFile(text: string): string {
  const folder = dirname(resolvePath(text));
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new InvalidArgumentError(`There is no directory ${folder}.`);
  return text;
}
