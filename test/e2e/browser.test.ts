import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Place } from "./place.js";
import { openPlace } from "./place.js";

const names = ["chromium", "chromium-browser", "google-chrome"];
const folders = (process.env.PATH ?? "").split(delimiter);
const browser = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
if (browser === undefined) process.stderr.write("pages are not tried in a browser: no chromium\n");

/** What a page of another site does to reach the server, and what it gets to see of it. */
const attack = (server: string): string => `<!doctype html><body><pre id=seen></pre><script type=module>
const server = ${JSON.stringify(server)};
const seen = [];
const evil = JSON.stringify({ name: "evil", model: { provider: "anthropic", name: "evil" } });
const attempt = async (name, act) => {
  const late = new Promise((done) => setTimeout(done, 1500, "silence"));
  try { seen.push([name, await Promise.race([act(), late])]); } catch (error) { seen.push([name, "error"]); }
};
const wait = (target, good, bad) => new Promise((done) => {
  target.addEventListener(good, () => done("REACHED"));
  target.addEventListener(bad, () => done("error"));
});
const types = ["text/plain", "application/x-www-form-urlencoded", "application/json"];
for (const path of ["/v1/agents", "/agents", "/agentry.v1.AgentService/CreateAgent"]) {
  for (const type of types) for (const mode of ["cors", "no-cors"]) {
    await attempt(["post", path, type, mode].join(" "), async () => {
      const init = { method: "POST", body: evil, mode, credentials: "include", headers: { "content-type": type } };
      const reply = await fetch(server + path, init);
      return reply.type === "opaque" ? "opaque" : "READ " + (await reply.text());
    });
  }
  await attempt("beacon " + path, async () => String(navigator.sendBeacon(server + path, new Blob([evil], { type: "text/plain" }))));
  await attempt("get " + path, async () => "READ " + (await (await fetch(server + path)).text()));
  const form = document.body.appendChild(document.createElement("form"));
  const frame = document.body.appendChild(document.createElement("iframe"));
  frame.name = form.target = "frame" + path;
  Object.assign(form, { method: "post", enctype: "text/plain", action: server + path });
  const input = form.appendChild(document.createElement("input"));
  input.name = evil.slice(0, -1) + ',"description":"';
  input.value = '"}';
  form.submit();
}
await attempt("put", async () => (await fetch(server + "/v1/providers/anthropic/credential", { method: "PUT", body: "{}" })).status);
await attempt("delete", async () => (await fetch(server + "/v1/agents/x", { method: "DELETE" })).status);
await attempt("events", () => wait(new EventSource(server + "/v1/sessions/x/events"), "open", "error"));
await attempt("socket", () => wait(new WebSocket(server.replace("http", "ws") + "/v1/agents"), "open", "error"));
await attempt("image", () => wait(Object.assign(new Image(), { src: server + "/v1/agents" }), "load", "error"));
await attempt("script", () => {
  const script = Object.assign(document.createElement("script"), { src: server + "/v1/agents" });
  document.body.append(script);
  return wait(script, "load", "error");
});
await attempt("frames", async () => [...document.querySelectorAll("iframe")].map((frame) => {
  try { return frame.contentDocument?.body?.innerText ?? "nothing"; } catch { return "error"; }
}).join());
seen.push(["done", ""]);
document.querySelector("#seen").textContent = JSON.stringify(seen);
</script>`;

let place: Place;
let pages: Server;
let pagesPort: number;
beforeAll(async () => {
  place = await openPlace();
  pages = createServer((request, response) => {
    const target = new URL(request.url ?? "/", "http://x").searchParams.get("server") ?? "";
    response.writeHead(200, { "content-type": "text/html" }).end(attack(target));
  });
  await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
  pagesPort = (pages.address() as AddressInfo).port;
});
afterAll(() => void pages.close());

/** Lets the browser open an address, with every name leading to this machine, and gives what its page became. */
async function visit(url: string): Promise<string> {
  const profile = mkdtempSync(join(tmpdir(), "agentry-browser-"));
  onTestFinished(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
  const args = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    `--user-data-dir=${profile}`,
    "--host-resolver-rules=MAP *.test 127.0.0.1",
    "--timeout=20000",
    "--virtual-time-budget=30000",
    "--dump-dom",
    url,
  ];
  const { stdout } = await promisify(execFile)(browser ?? "", args, { timeout: 60_000 });
  return stdout;
}

const agents = async (): Promise<string> => JSON.stringify((await place.call("GET", "/v1/agents")).body);

describe.skipIf(browser === undefined)("a page in a browser of the same user", () => {
  it.each([
    { name: "another port", origin: () => `http://127.0.0.1:${pagesPort}`, host: "127.0.0.1" },
    {
      name: "another name of this machine",
      origin: () => `http://localhost:${pagesPort}`,
      host: "127.0.0.1",
    },
    { name: "another site", origin: () => `http://evil.test:${pagesPort}`, host: "localhost" },
    { name: "a name that leads here", origin: () => `http://evil.test:${pagesPort}`, host: "evil.test" },
    { name: "the unspecified address", origin: () => `http://evil.test:${pagesPort}`, host: "0.0.0.0" },
  ])(
    "reads nothing and changes nothing from $name",
    async ({ origin, host }) => {
      const before = await agents();
      const target = encodeURIComponent(`http://${host}:${place.server.port}`);
      const page = await visit(`${origin()}/?server=${target}`);
      const found = /<pre id="seen">([^<]*)<\/pre>/.exec(page)?.[1] ?? "";
      const seen: [string, string | number][] = JSON.parse(
        found.replaceAll("&quot;", '"').replaceAll("&amp;", "&"),
      );
      expect(seen.at(-1)?.[0]).toBe("done");
      expect(seen.length).toBeGreaterThan(25);
      for (const [attempt, result] of seen)
        expect(String(result), attempt).not.toMatch(/READ|REACHED|e2e|evil/);
      expect(await agents()).toBe(before);
    },
    90_000,
  );

  it("would read and write where a server let it", async () => {
    const received: string[] = [];
    const open = createServer((request, response) => {
      received.push(`${request.method} ${request.url}`);
      response.writeHead(200, { "access-control-allow-origin": "*" }).end("{}");
    });
    onTestFinished(() => void open.close());
    await new Promise<void>((resolve) => open.listen(0, "127.0.0.1", resolve));
    const target = `http://127.0.0.1:${(open.address() as AddressInfo).port}`;
    const page = await visit(`http://evil.test:${pagesPort}/?server=${encodeURIComponent(target)}`);
    expect(page).toContain("READ {}");
    // Two types without asking, the beacon and the form, to three paths.
    expect(received.filter((line) => line.startsWith("POST")).length).toBeGreaterThanOrEqual(12);
  }, 90_000);

  it("sees no data under a name that was made to lead here", async () => {
    const page = await visit(`http://rebound.test:${place.server.port}/v1/agents`);
    expect(page).not.toContain("e2e");
    expect(await visit(`http://127.0.0.1:${place.server.port}/v1/agents`)).toContain("e2e");
  }, 90_000);
});
