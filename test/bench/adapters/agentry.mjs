// What both adapters share: starting the server, its key, its agent, and its REST calls.
import { join } from "node:path";
import { json } from "../lib.mjs";

export const root = process.env.AGENTRY_ROOT;
let modelServer;

/** An adapter without its stream. */
export const agentry = {
  health: "/health",
  spawn({ port, upstream, home, dir }) {
    modelServer = upstream;
    const serve = [
      "serve",
      "--port",
      String(port),
      "--data-dir",
      join(home, "data"),
      "--auth",
      "local",
      "--log-level",
      "warn",
    ];
    return {
      cmd: process.execPath,
      args: [join(root, "dist/app/main.js"), ...serve],
      env: { HOME: home, ANTHROPIC_BASE_URL: upstream },
      cwd: dir,
    };
  },
  async open(base) {
    const key = { api_key: "bench-key-0123456789", base_url: modelServer };
    await json(`${base}/v1/providers/anthropic/credential`, { method: "PUT", body: key });
    const agent = { name: "bench", model: { provider: "anthropic", name: "fake-1" } };
    const { id } = await json(`${base}/v1/agents`, { method: "POST", body: agent });
    return { agentId: id };
  },
  async createSession(base, { agentId }) {
    // With a title of its own, as what is measured is the turn and not a second model call for a title.
    const body = { agent_id: agentId, title: "Bench" };
    const { id } = await json(`${base}/v1/sessions`, { method: "POST", body });
    return id;
  },
  get: (session) => ({ path: `/v1/sessions/${session}` }),
  list: () => ({ path: "/v1/sessions" }),
};
