import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { UpstreamAnswer } from "../support/fake-upstream.js";
import { anthropicAnswer, anthropicStream } from "../support/fake-upstream.js";
import type { Place } from "./place.js";
import { openPlace } from "./place.js";

const key = "sk-ant-CANARY-k3Y+/7f0c9d";
const token = "CANARY-t0ken-5b1e77aa90";

/** A secret as it can be found again: plain, in other spellings, in part. */
const formsOf = (secret: string): string[] => [
  secret,
  secret.slice(0, 12),
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1).replaceAll("/", "\\/"),
  Buffer.from(secret).toString("base64").replaceAll("=", ""),
  createHash("sha256").update(secret).digest("hex"),
];

const spoken = [...formsOf(key)].join(" | ");
const error = (message: string) => JSON.stringify({ type: "error", error: { type: "x", message } });
/** A provider that tells the key wherever it can. */
const tellers: readonly (UpstreamAnswer & { readonly name: string })[] = [
  ...[400, 401, 403, 404, 413, 429, 500, 502, 529].map((status) => ({
    name: `an error ${status}`,
    status,
    headers: { "x-key": key, "retry-after": "0", "content-type": "application/json" },
    body: error(`you sent ${spoken}`),
  })),
  {
    name: "a page of an error",
    status: 503,
    headers: { "retry-after": "0" },
    body: `<title>${spoken}</title>`,
  },
  {
    name: "a redirect",
    status: 307,
    headers: { location: `http://127.0.0.1:1/?key=${encodeURIComponent(key)}` },
  },
  {
    name: "an error in the stream",
    body: anthropicStream({ type: "error", error: { type: "api_error", message: spoken } }),
  },
  { name: "a stream that is none", body: `data: ${spoken}\n\n` },
  { name: "a stream that is cut", body: anthropicAnswer(["half"]), cutAt: 200, end: "reset" },
];

/** What a sandbox shows of the system is the system's: links, for the most part. */
const ofServer = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith("sandbox/"));

/** Everything below a folder, as bytes. */
function bytesOf(folder: string): { path: string; text: string }[] {
  return ofServer(folder)
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ path, text: readFileSync(path, "latin1") }));
}

/** What the server has answered, logged and stored, and how it was started. */
async function everythingOf(place: Place, sessions: readonly string[]) {
  const { server } = place;
  const lists = ["agents", "providers", "sessions", "approvals", "tools", "providers/anthropic"];
  const answers = await Promise.all([
    ...lists.map((name) => place.call("GET", `/v1/${name}`)),
    ...["/provider", "/provider/auth", "/agents", "/sessions"].map((path) => place.call("GET", path)),
    ...sessions.flatMap((id) =>
      ["", "/runs", "/messages"].map((part) => place.call("GET", `/v1/sessions/${id}${part}`)),
    ),
  ]);
  const events = await Promise.all(sessions.map((id) => place.history(id)));
  const proc = ["cmdline", "comm"].map((name) => readFileSync(`/proc/${server.child.pid}/${name}`, "latin1"));
  return [
    { path: "answers", text: JSON.stringify(answers.map(({ body }) => body)) },
    { path: "events", text: JSON.stringify(events) },
    { path: "logs", text: server.logs() },
    { path: "proc", text: proc.join(" ") },
    ...bytesOf(server.dataDir).filter(({ path }) => !path.endsWith("/token")),
  ];
}

describe("a key that the provider tells everybody", () => {
  it("is in no answer, event, line of the log or file", async () => {
    const place = await openPlace({ args: ["--log-level", "debug"], env: { AGENTRY_TOKEN: token } });
    const stored = { api_key: key, base_url: place.upstream.url };
    await place.call("PUT", "/v1/providers/anthropic/credential", stored);
    const sessions: string[] = [];
    for (const { name, ...answer } of tellers) {
      place.upstream.answer(answer);
      const session = await place.session({ title: "" });
      sessions.push(session);
      const run = await place.finished((await place.start(session, name)).body.id);
      expect([name, run.outcome]).toEqual([name, "RUN_OUTCOME_FAILED"]);
    }
    expect(place.upstream.requests.every(({ headers }) => headers["x-api-key"] === key)).toBe(true);
    for (const query of [`token=${token}`, `api_key=${encodeURIComponent(key)}`, `access_token=${token}`])
      await place.call("GET", `/v1/agents?${query}`);
    await place.call("GET", "/v1/agents", undefined, { authorization: `Basic ${token}`, "x-api-key": key });
    const everything = await everythingOf(place, sessions);
    for (const form of [...formsOf(key), ...formsOf(token)]) {
      const found = everything.filter(({ text }) => text.includes(form)).map(({ path }) => path);
      expect([form, found]).toEqual([form, []]);
    }
  }, 60_000);
});

describe("the files of a server", () => {
  it.each([0o000, 0o022])("are its user's alone under the umask %o", async (mask) => {
    const own = process.umask(mask);
    onTestFinished(() => void process.umask(own));
    const place = await openPlace();
    process.umask(own);
    await place.finished((await place.start(await place.session(), "go")).body.id);
    const { dataDir } = place.server;
    const modes = ofServer(dataDir).map((name) => {
      const stats = statSync(join(dataDir, name));
      return [name, stats.isDirectory(), (stats.mode & 0o777).toString(8)];
    });
    expect(modes.length).toBeGreaterThan(3);
    for (const [name, isFolder, mode] of modes)
      expect([name, mode]).toEqual([name, isFolder ? "700" : "600"]);
  });
});
