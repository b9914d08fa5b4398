import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { errorCode } from "../core/error-code.js";
import { Fault } from "../core/fault.js";

const maxTokenFileBytes = 4096;

/**
 * The token of this server: `AGENTRY_TOKEN`, which is removed from the environment so that no child inherits
 * it, or the content of `<dataDir>/token`, made on first use with 32 random bytes and readable by its owner
 * alone. Throws a Fault when the token is unusable or others can read the file.
 */
export function resolveToken(dataDir: string): string {
  const given = process.env.AGENTRY_TOKEN;
  delete process.env.AGENTRY_TOKEN;
  if (given !== undefined && given !== "") return checkToken(given, "AGENTRY_TOKEN");
  const path = join(dataDir, "token");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return readToken(path) ?? createToken(path, dataDir);
}

function checkToken(token: string, source: string): string {
  if (!/^[A-Za-z0-9._~+/=-]{8,512}$/.test(token)) {
    throw new Fault("invalid", `${source} must hold 8 to 512 characters of letters, digits and -._~+/=`);
  }
  return token;
}

function readToken(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw new Fault("unavailable", `the token file ${path} cannot be opened`, {}, error);
  }
  try {
    const { mode, uid, size } = fstatSync(file);
    if (uid !== (process.getuid?.() ?? uid)) {
      throw new Fault("forbidden", `the token file ${path} belongs to another user`);
    }
    if ((mode & 0o077) !== 0 && process.platform !== "win32") {
      throw new Fault("forbidden", `the token file ${path} can be read by others; run: chmod 600 ${path}`);
    }
    if (size > maxTokenFileBytes) throw new Fault("invalid", `the token file ${path} is too long`);
    return checkToken(readFileSync(file, "utf8").trim(), `the token file ${path}`);
  } finally {
    closeSync(file);
  }
}

/** Written aside and linked into place: no other process ever reads half a token, or gets another one. */
function createToken(path: string, dataDir: string): string {
  const token = randomBytes(32).toString("base64url");
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  const file = openSync(draft, "wx", 0o600);
  try {
    writeSync(file, `${token}\n`);
    fsyncSync(file);
    linkSync(draft, path);
  } catch (error) {
    const other = errorCode(error) === "EEXIST" ? readToken(path) : undefined;
    if (other !== undefined) return other;
    throw new Fault("unavailable", `the token file ${path} cannot be written`, {}, error);
  } finally {
    closeSync(file);
    rmSync(draft, { force: true });
  }
  syncDirectory(dataDir);
  return token;
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
