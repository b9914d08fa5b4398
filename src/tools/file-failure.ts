import { showName } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "goes through something that is not a directory",
  EISDIR: "is a directory",
  EACCES: "may not be accessed: permission denied",
  EPERM: "may not be accessed: operation not permitted",
  ELOOP: "has a symbolic link that leads nowhere or has just appeared",
  ENAMETOOLONG: "is too long",
  ENOSPC: "cannot be written: no space left",
  EDQUOT: "cannot be written: disk quota exceeded",
  EROFS: "cannot be written: the file system is read-only",
  EMFILE: "cannot be opened: too many open files",
  ENXIO: "is not a regular file",
};

/** An error of the file system as the model is told it, for the path as the model wrote it. */
export function fileFailure(error: unknown, path: string): ToolFailure {
  if (error instanceof ToolFailure) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  return new ToolFailure(`${showName(path)} ${reasons[code] ?? `cannot be used: ${code}`}`);
}
