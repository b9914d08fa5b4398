import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { isCollected } from "../../support/is-collected.js";
import { alive } from "../sandbox/alive.js";
import type { McpPlace } from "./mcp-place.js";
import { never, openMcpPlace, stdio } from "./mcp-place.js";
import { useStdioProgram } from "./stdio-program.js";

const program = useStdioProgram();
const open = (options: Parameters<typeof openMcpPlace>[1] = {}): McpPlace =>
  openMcpPlace(program.path, options);

describe("a server over stdio", () => {
  it("says what it offers, and answers calls", async () => {
    const place = open();
    const tools = await (await place.connect()).tools(never);
    expect(tools.map(({ name }) => name)).toContain("echo");
    expect(tools.find(({ name }) => name === "echo")).toMatchObject({
      description: "Says it again.",
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(await place.call("echo", "héllo")).toEqual({ text: "héllo", failed: false });
  });

  it("is the same process for the whole session, and another one for another session", async () => {
    const place = open();
    const one = await place.connect();
    expect(await place.connect()).toBe(one);
    expect(await place.connect(stdio(), "T")).not.toBe(one);
  });

  it.each([
    ["arguments", { args: ["server.mjs", "more"] }],
    ["environment", { env: { A: "b" } }],
  ])("is another process once its %s are others", async (_what, init) => {
    const place = open();
    const one = await place.connect();
    expect(await place.connect(stdio(init))).not.toBe(one);
    await expect(one.tools(never)).rejects.toThrow("broke off");
  });

  it("is held by nothing once it has ended", async () => {
    const place = open();
    const use = async () => {
      expect(await place.call("echo", "hello")).toMatchObject({ text: "hello" });
      return new WeakRef(await place.connect());
    };
    const connection = await use();
    await place.servers.leave("S");
    expect(await isCollected(connection)).toBe(true);
  });

  it("has an environment of an allow-list and its own", async () => {
    process.env.CANARY_API_KEY = "canary-0123456789";
    process.env.CANARY_OTHER = "canary-other";
    const place = open();
    const { text } = await place.call("environment", "", never, stdio({ env: { MINE: "yes" } }));
    expect(text).toContain('"MINE":"yes"');
    expect(text).not.toContain("canary");
    expect(JSON.parse(text).cwd).toBe(place.workDir);
    delete process.env.CANARY_API_KEY;
    delete process.env.CANARY_OTHER;
  });
});

describe("what a call answers", () => {
  it.each([
    ["link", /\[link: secrets file:\/\/\/etc\/passwd\]\n\[resource: file:\/\/\/etc\/shadow\]\nwhat it says/],
    [
      "image",
      /\[image: image\/png, 70 bytes\]\n\[image: image\/png, \d+ bytes, not shown\]\n\[audio: audio\/wav/,
    ],
  ])("%s", async (name, expected) => {
    const output = await open().call(name);
    expect(output.text).toMatch(expected);
    expect(output.text).not.toContain("root:");
    expect(output.blobs?.length ?? 0).toBe(name === "image" ? 1 : 0);
  });

  it("is cut when it is long, and says so", async () => {
    const output = await open().call("big", "100000");
    expect(output).toMatchObject({ truncated: true, failed: false });
    expect(output.text.length).toBeLessThanOrEqual(30_000);
    expect(output.text).toContain("characters of output left out");
  });

  it("times out, and the server is told", async () => {
    const place = open({ times: { callMs: 300 } });
    const output = await place.call("slow");
    expect(output).toMatchObject({ failed: true, timedOut: true });
    expect(place.output.join("")).toBe("1/2 halfway\n");
    await expect.poll(async () => (await place.call("canceled")).text).toBe("it was canceled");
  });

  it("is taken back when the run is canceled", async () => {
    const place = open();
    await place.connect();
    const cancel = new AbortController();
    const output = place.call("slow", "", cancel.signal);
    await expect.poll(() => place.output.join("")).toContain("halfway");
    cancel.abort();
    await expect(output).rejects.toMatchObject({ reason: "canceled" });
    await expect.poll(async () => (await place.call("canceled")).text).toBe("it was canceled");
  });
});

describe("a server that fails", () => {
  it.each([
    ["is not there", { command: "/nowhere/server" }, /could not be started: ENOENT/],
    [
      "ends at once",
      { args: ["-e", "console.error('no luck'); process.exit(7)"] },
      /ended with code 7: no luck/,
    ],
    [
      "throws at once",
      { args: ["-e", "throw new RangeError('no such place'); // x"] },
      /ended with code 1: RangeError: no such place$/,
    ],
    [
      "tells much of an error",
      { args: ["-e", "console.error('hello\\nnpm error code E404\\nnpm error log: x'); process.exit(1)"] },
      /ended with code 1: npm error code E404$/,
    ],
    ["is no file", { args: ["absent.mjs"] }, /ended with code 1: Error: Cannot find module '.*absent.mjs'$/],
    ["says nothing", { args: ["-e", "setInterval(() => {}, 1000)"] }, /timed out/i],
    [
      "waits for something",
      { args: ["-e", "console.error('it needs a key'); setInterval(() => {}, 999)"] },
      /^it has timed out after 1500 ms: it needs a key$/,
    ],
    ["says no JSON", { args: ["-e", "setInterval(() => console.log('hello'), 100)"] }, /timed out/i],
    [
      "says too much",
      { args: ["-e", "process.stdout.write('x'.repeat(5e6)); setInterval(() => {}, 999)"] },
      /longer/,
    ],
  ])("%s: a fault with one line", async (_what, init, expected) => {
    const place = open({ times: { answerMs: 1_500 } });
    const failing = place.connect(stdio(init));
    await expect(failing).rejects.toMatchObject({
      reason: "unavailable",
      message: expect.stringMatching(expected),
    });
    await expect(failing).rejects.toMatchObject({ message: expect.not.stringMatching(/\n/) });
  });

  it.each(["crash", "flood"])(
    "%s during a call: the call fails, and the next connection is a new one",
    async (name) => {
      const place = open();
      const one = await place.connect();
      expect(await place.call(name)).toMatchObject({ failed: true });
      await expect
        .poll(() =>
          one.tools(never).then(
            () => "fine",
            () => "over",
          ),
        )
        .toBe("over");
      expect(await place.call("echo", "again")).toMatchObject({ text: "again" });
    },
  );

  it("leaves no process behind when it never answers", async () => {
    const mark = `mark-${crypto.randomUUID()}`;
    const place = open({ times: { answerMs: 500 } });
    await expect(
      place.connect(stdio({ args: ["-e", `setInterval(() => {}, 999) // ${mark}`] })),
    ).rejects.toThrow();
    await expect.poll(() => alive(mark)).toEqual([]);
  });
});

describe("the processes of servers", () => {
  const marked = () => {
    const mark = `mark-${crypto.randomUUID()}`;
    return { mark, server: stdio({ args: ["server.mjs", mark] }) };
  };

  it.each([
    ["their session leaves", (place: McpPlace) => place.servers.leave("S")],
    ["all is closed", (place: McpPlace) => place.servers.close()],
    ["they have rested long enough", async (place: McpPlace) => place.servers.rest("S")],
  ])("end when %s", async (_when, act) => {
    const { mark, server } = marked();
    const place = open({ restMs: 50 });
    await place.connect(server);
    expect(alive(mark).length).toBeGreaterThan(0);
    await act(place);
    await expect.poll(() => alive(mark)).toEqual([]);
  });

  it("rest no longer when a run needs them again", async () => {
    const { mark, server } = marked();
    const place = open({ restMs: 150 });
    const one = await place.connect(server);
    place.servers.rest("S");
    expect(await place.connect(server)).toBe(one);
    await sleep(300);
    expect(alive(mark).length).toBeGreaterThan(0);
  });
});

describe("a tool that the server changes", () => {
  it("is not called as it was offered before", async () => {
    const place = open();
    const connection = await place.connect();
    const before = (await connection.tools(never)).find(({ name }) => name === "echo")!;
    await place.call("alter_echo", "And tells everybody.");
    await expect
      .poll(async () => (await connection.call(before, { text: "x" }, place.context, never)).text)
      .toContain("changed this tool");
    const after = (await connection.tools(never)).find(({ name }) => name === "echo")!;
    expect(after.sha256).not.toBe(before.sha256);
    expect(await connection.call(after, { text: "x" }, place.context, never)).toMatchObject({ text: "x" });
  });

  it("is in the next list when it is new", async () => {
    const place = open();
    await place.call("add_tool");
    const names = async () => (await (await place.connect()).tools(never)).map(({ name }) => name);
    await expect.poll(names).toContain("added");
  });
});

describe("a question of a server", () => {
  it("belongs to the call under way", async () => {
    const place = open({ answer: () => ({ action: "accept", content: { color: "blue" } }) });
    expect((await place.call("ask")).text).toBe('{"action":"accept","content":{"color":"blue"}}');
    expect(place.contextAsked).toMatchObject([
      { message: "Which color?", requestedSchema: { properties: { color: { type: "string" } } } },
    ]);
    expect(place.asked).toEqual([]);
  });

  it("does not count against the time of the call", async () => {
    const slow = async () => {
      await sleep(600);
      return { action: "decline" as const };
    };
    const place = open({ answer: slow, times: { callMs: 400 } });
    expect((await place.call("ask")).text).toBe('{"action":"decline"}');
  });

  it("may be a page", async () => {
    const place = open({ answer: () => ({ action: "accept" }) });
    expect((await place.call("ask_page")).text).toBe('{"action":"accept"}');
    expect(place.contextAsked[0]).toMatchObject({
      url: "https://example.com/visit?x=1",
      message: "Visit it.",
    });
  });

  it.each(["javascript:alert(1)", "file:///etc/passwd", "nothing"])(
    "is not asked for a page at %s",
    async (url) => {
      const place = open({ answer: () => ({ action: "accept" }) });
      expect(await place.call("ask_page", url)).toMatchObject({ failed: true });
      expect(place.contextAsked).toEqual([]);
    },
  );

  it.each(["withdraw", "ask_and_crash"])("is withdrawn by the server with %s", async (name) => {
    const place = open({
      answer: async ({ signal }) => {
        await expect.poll(() => signal?.aborted).toBe(true);
        return { action: "cancel" };
      },
    });
    await place.call(name);
    expect(place.contextAsked).toMatchObject([{ signal: { aborted: true } }]);
  });

  it("for a page that has to be visited first: the call is made again when the server says it was", async () => {
    const place = open({
      answer: async ({ elsewhere }) => {
        await elsewhere;
        return { action: "accept" };
      },
    });
    expect(await place.call("need_page")).toEqual({ text: "visited", failed: false });
    expect(place.contextAsked[0]).toMatchObject({ url: "https://example.com/need" });
  });

  it("outside of a call goes to the run", async () => {
    const place = open();
    await place.call("ask_later");
    await expect.poll(() => place.asked.map(({ message }) => message)).toEqual(["On my own account?"]);
    expect(place.contextAsked).toEqual([]);
  });
});
