import type { ServerProcess, ServerProcessOptions } from "../../support/server-process.js";
import { startServerProcess } from "../../support/server-process.js";

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into replies of every kind
  readonly json: any;
}

export interface Frame {
  readonly event: string;
  readonly data: string;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly json: any;
}

export interface Client {
  readonly server: ServerProcess;
  /** Sends JSON, or a string as it is, as `curl -d` does: with the type of a form. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Sends a message and reads the frames of its stream. */
  stream(sessionId: string, body: unknown, query?: string): Promise<Frame[]>;
  newAgent(init?: object): Promise<string>;
  newSession(workDir?: string): Promise<string>;
}

/** Starts a server whose Anthropic is at another address, with a key for it. */
export async function openClient(modelUrl: string, options: ServerProcessOptions = {}): Promise<Client> {
  const server = await startServerProcess({
    ...options,
    env: { ANTHROPIC_BASE_URL: modelUrl, ...options.env },
  });
  const client = clientOf(server);
  if (!options.dataDir) {
    await client.send("PUT", "/provider/auth", {
      providers: { anthropic: { type: "api_key", key: "sk-ant-1" } },
    });
  }
  return client;
}

function clientOf(server: ServerProcess): Client {
  const request = (path: string, init: RequestInit) => fetch(server.url + path, init);
  const send: Client["send"] = async (method, path, body, headers = {}) => {
    const response = await request(path, {
      method,
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  };
  return {
    server,
    send,
    stream: async (sessionId, body, query = "") =>
      toFrames((await send("POST", `/sessions/${sessionId}/message/stream${query}`, body)).text),
    newAgent: async (init = {}) => {
      const agent = {
        name: "A",
        tools: ["bash"],
        provider: "anthropic",
        model: "claude-sonnet-4-5",
        ...init,
      };
      return (await send("POST", "/agents", agent)).json.id;
    },
    newSession: async (workDir = "/tmp") => (await send("POST", "/sessions", { work_dir: workDir })).json.id,
  };
}

/** The frames of a stream. Throws where a line is none of a frame: what a reader would stumble over. */
export function toFrames(text: string): Frame[] {
  const blocks = text.split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
  return blocks.map((block) => {
    const [, event = "", data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
    if (event === "") throw new Error(`not a frame: ${JSON.stringify(block)}`);
    return { event, data, json: parse(data) };
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
