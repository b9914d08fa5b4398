import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Purpose, Role } from "../../../gen/agentry/v1/message_pb.js";
import { createRedactor } from "../../../src/core/redactor.js";
import { cassettePath, readCassette, writeCassette } from "../../../src/providers/cassette/cassette-file.js";
import { openRecorder } from "../../../src/providers/cassette/record.js";
import { openReplay } from "../../../src/providers/cassette/replay.js";
import { createTransport } from "../../../src/providers/http-transport.js";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import { anthropicAnswer, chatAnswer, startFakeUpstream } from "../../support/fake-upstream.js";
import { canary, collect, modelRequest, openRegistry, textMessage } from "../open-registry.js";

describe("recording", () => {
  let folder: string;
  let upstream: FakeUpstream;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "agentry-"));
    upstream = await startFakeUpstream();
  });
  afterEach(async () => {
    await upstream.close();
    await rm(folder, { recursive: true });
  });

  const open = async (file: string) => {
    const redactor = createRedactor();
    redactor.add(canary);
    const failures: unknown[] = [];
    const transport = await openRecorder({
      file,
      transport: createTransport(),
      redactor,
      onError: (error) => failures.push(error),
    });
    const secrets = {
      anthropic: { origin: upstream.url, baseUrl: upstream.url },
      openai: { origin: upstream.url, baseUrl: `${upstream.url}/v1` },
    };
    return { transport, registry: openRegistry({ secrets, transport }), failures };
  };

  it.each([
    { id: "anthropic", body: anthropicAnswer(["Grüße,\r\n  世界 👋: \t'\"#|\u2028 "]) },
    { id: "openai", body: chatAnswer(["trailing  \n\n", { id: "c", name: "read", input: { a: "\\" } }]) },
  ])("of $id is replayed as it was", async ({ id, body }) => {
    const { transport, registry, failures } = await open(join(folder, "tape"));
    upstream.answer({ body });
    const signal = new AbortController().signal;
    const live = await collect((await registry.get(id)).stream(modelRequest(), signal));
    await transport.close();
    expect(failures).toEqual([]);
    expect(live.error).toBeUndefined();
    const replay = await openReplay({ file: join(folder, "tape.yaml") });
    const provider = await openRegistry({ transport: replay.transport }).get(id);
    expect(await collect(provider.stream(modelRequest(), signal))).toEqual(live);
    expect((await readCassette(join(folder, "tape")))[0]?.responseBody).toBe(body);
  });

  it("numbers exchanges as they started, marks their purpose and hides the file", async () => {
    const { transport, registry } = await open(join(folder, "tape"));
    const provider = await registry.get("anthropic");
    const signal = new AbortController().signal;
    upstream.answer((request) => ({
      body: anthropicAnswer(["x"]),
      delayMs: request.body.includes("slow") ? 60 : 0,
    }));
    const slow = collect(
      provider.stream(modelRequest({ messages: [textMessage(Role.USER, "slow")] }), signal),
    );
    await expect.poll(() => upstream.requests.length).toBe(1);
    const title = collect(provider.stream(modelRequest({ purpose: Purpose.TITLE }), signal));
    await Promise.all([slow, title]);
    await transport.close();
    const tape = await readCassette(join(folder, "tape"));
    expect(tape.map(({ id, purpose }) => [id, purpose])).toEqual([
      [0, undefined],
      [1, Purpose.TITLE],
    ]);
    expect((await stat(join(folder, "tape.yaml"))).mode & 0o777).toBe(0o600);
  });

  it("keeps no key, wherever the provider echoes it", async () => {
    const { transport, registry } = await open(join(folder, "tape"));
    const signal = new AbortController().signal;
    for (const status of [200, 400, 401, 429, 500]) {
      upstream.answer({
        status,
        headers: { "x-echo": canary },
        body: anthropicAnswer([`your key is ${canary}, ${encodeURIComponent(canary)}, ${btoa(canary)}`]),
      });
      const messages = [textMessage(Role.USER, `my key is ${canary}`)];
      await collect((await registry.get("anthropic")).stream(modelRequest({ messages }), signal));
    }
    await transport.close();
    const text = await readFile(join(folder, "tape.yaml"), "utf8");
    expect(text.match(/id: \d/g)).toHaveLength(5);
    for (const form of [canary, canary.slice(0, 12), encodeURIComponent(canary), btoa(canary)]) {
      expect(text).not.toContain(form);
    }
    expect(text).not.toContain("x-api-key");
  });

  it("fails at once when the file cannot be written", async () => {
    await expect(open(join(folder, "missing", "tape"))).rejects.toThrow(/ENOENT/);
  });
});

describe("a cassette file", () => {
  it.each([
    ["tape", "tape.yaml"],
    ["tape.yaml", "tape.yaml"],
    ["tape.yml", "tape.yml.yaml"],
  ])("named %s is %s", (name, path) => {
    expect(cassettePath(name)).toBe(path);
  });

  it.each([
    { name: "is of another version", text: "version: 1\ninteractions: []", says: "version 1" },
    { name: "is no YAML", text: "version: [", says: "cannot be read" },
    { name: "is empty", text: "", says: "version undefined" },
    { name: "is a bomb", text: "version: 2\na: &a [x]\ninteractions: [*a, *a]", says: "cannot be read" },
  ])("that $name is refused", async ({ text, says }) => {
    const folder = await mkdtemp(join(tmpdir(), "agentry-"));
    const { writeFile } = await import("node:fs/promises");
    await writeFile(join(folder, "bad.yaml"), text);
    await expect(readCassette(join(folder, "bad"))).rejects.toThrow(says);
    await expect(readCassette(join(folder, "absent"))).rejects.toMatchObject({ reason: "invalid" });
    await rm(folder, { recursive: true });
  });

  it("may hold nothing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "agentry-"));
    await writeCassette(join(folder, "none"), []);
    expect(await readCassette(join(folder, "none"))).toEqual([]);
    await rm(folder, { recursive: true });
  });
});
