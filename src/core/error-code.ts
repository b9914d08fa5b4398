/** The `code` of an error of Node.js or SQLite, for example `EEXIST`; empty where it has none. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
