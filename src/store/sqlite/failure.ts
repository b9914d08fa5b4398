import { errorCode } from "../../core/error-code.js";
import { Fault } from "../../core/fault.js";

/** Runs a piece of work on the database; what it throws becomes a Fault. */
export async function attempt<T>(work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    throw toFault(error);
  }
}

/** What SQLite or the system reports about the disk or a file, not about the statement; undefined for all else. */
export function toStorageFault(error: unknown): Fault | undefined {
  const code = errorCode(error);
  switch (/^SQLITE_([A-Z]+)/.exec(code)?.[1] ?? code) {
    case "FULL":
    case "ENOSPC":
    case "EDQUOT":
      return new Fault("exhausted", "the disk is full", { retryable: true }, error);
    case "BUSY":
    case "LOCKED":
      return new Fault("unavailable", "another program holds the database", { retryable: true }, error);
    case "IOERR":
    case "CANTOPEN":
    case "READONLY":
    case "PERM":
    case "NOMEM":
    case "PROTOCOL":
    // Of the files beside it.
    case "EROFS":
    case "EACCES":
    case "EPERM":
    case "EIO":
    case "EMFILE":
    case "ENFILE":
      return new Fault("unavailable", `the database cannot be used (${code})`, { retryable: true }, error);
    case "CORRUPT":
    case "NOTADB":
      return new Fault("unavailable", `the database is damaged (${code})`, { retryable: false }, error);
    default:
      return undefined;
  }
}

/** Whether a statement was refused by a rule of the schema. */
export function isConstraint(error: unknown): boolean {
  return errorCode(error).startsWith("SQLITE_CONSTRAINT");
}

/**
 * Anything thrown at the database as a Fault: `exhausted` when the disk is full, `unavailable` when the file
 * cannot be used, `conflict` for a row that exists already, else `internal`.
 */
export function toFault(error: unknown): Fault {
  const storage = toStorageFault(error);
  if (storage) return storage;
  if (isConstraint(error)) return new Fault("conflict", "it exists already", {}, error);
  if (error instanceof TypeError && error.message === "The database connection is not open") {
    return new Fault("unavailable", "the database is closed", {}, error);
  }
  return Fault.from(error);
}
