// Opens a store, says so, and holds it until it is killed.
process.umask(Number.parseInt(process.env.TEST_UMASK ?? "022", 8));
const { openSqliteStore } = await import("../../../../src/store/sqlite/open.js");

const [path = ""] = process.argv.slice(2);
try {
  await openSqliteStore({ path, clock: { now: () => Date.now() } });
  process.stdout.write("opened\n");
  setInterval(() => {}, 60_000);
} catch (error) {
  const { reason, message } = error as { reason?: string; message?: string };
  process.stdout.write(`refused ${reason} ${message}\n`);
}

export {};
