/** Longest argument in bytes, with the zero that ends it: MAX_ARG_STRLEN of Linux. */
const longestWord = 131_072;
/** Longest arguments together: a part of what execve(2) takes at least on the usual stack. */
const longestLine = 1024 * 1024;

/**
 * A command as a line for a shell that takes every word as it is. Throws what spawning it would: an error with the
 * code `E2BIG` where it is too long, `ERR_INVALID_ARG_VALUE` where it has a null byte.
 */
export function commandLine(file: string, args: readonly string[]): string {
  const words = [file, ...args];
  const lengths = words.map((word) => Buffer.byteLength(word) + 1);
  if (Math.max(...lengths) > longestWord || lengths.reduce((sum, length) => sum + length) > longestLine) {
    throw Object.assign(new Error(`the command line is too long for the system`), { code: "E2BIG" });
  }
  if (words.some((word) => word.includes("\0"))) {
    throw Object.assign(new TypeError("a command line cannot hold a null byte"), {
      code: "ERR_INVALID_ARG_VALUE",
    });
  }
  return words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
}
