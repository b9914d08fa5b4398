import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { SandboxMode } from "../tools/sandbox/choose-sandbox.js";
import { chooseSandbox } from "../tools/sandbox/choose-sandbox.js";
import type { ClosableSandbox } from "../tools/sandbox/none.js";
import { toolPrograms } from "../tools/tool-programs.js";
import type { Logger } from "./logger.js";

/** Where the server's state is, and what is to confine its tools. */
export interface SandboxSettings {
  readonly dataDir: string;
  /** Default: `agentry.db` in the data directory. */
  readonly db?: string | undefined;
  /** Default: `auto`. */
  readonly sandbox?: SandboxMode | undefined;
}

/** Files that SQLite and the lock keep beside a database. */
const besideDatabase = ["", "-wal", "-shm", "-journal", ".lock", ".pid"];

/** What the sandbox of these settings is made of. */
export async function sandboxOptions({ dataDir, db = join(dataDir, "agentry.db") }: SandboxSettings) {
  return {
    stateDir: join(dataDir, "sandbox"),
    hidden: [dataDir, db, ...besideDatabase.map((suffix) => realName(db) + suffix)],
    programs: await toolPrograms(),
  };
}

/** What a database is called once links are followed: its other files lie beside that, not beside the link. */
function realName(db: string): string {
  const path = resolve(db);
  return realPath(path) ?? join(realPath(dirname(path)) ?? dirname(path), basename(path));
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** The sandbox of a server. Where tools are not confined though somebody may think so, the log says it. */
export async function openSandbox(settings: SandboxSettings, log: Logger): Promise<ClosableSandbox> {
  const { sandbox, warning } = await chooseSandbox(
    settings.sandbox ?? "auto",
    await sandboxOptions(settings),
  );
  if (warning !== undefined) log.warn(warning);
  return sandbox;
}
