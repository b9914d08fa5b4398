import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRedactor } from "../../../src/core/redactor.js";
import type { CredentialRow, Store } from "../../../src/core/store.js";
import { createVault } from "../../../src/store/vault/vault.js";
import { clock, noon, tempDir, tempStore } from "../sample.js";

const key = randomBytes(32);
const apiKey = "sk-canary-0123456789-x9Qf";
const credential = { apiKey, baseUrl: "https://api.test/v1", origin: "https://api.test" };

function open(store: Store, masterKey: Uint8Array = key) {
  const redactor = createRedactor();
  return { redactor, vault: createVault({ rows: store.credentials, key: masterKey, redactor, clock }) };
}

describe("a vault", () => {
  it("gives back what was put in, after a restart too, and tells only what may be told", async () => {
    const store = await tempStore(":memory:");
    const { vault } = open(store);
    const status = {
      providerId: "anthropic",
      baseUrl: "https://api.test/v1",
      origin: "https://api.test",
      last4: "x9Qf",
      updatedAt: noon,
    };
    expect(await vault.put("anthropic", credential)).toEqual(status);
    await vault.put("ollama", { apiKey: "", baseUrl: "", origin: "http://127.0.0.1:11434" });
    const again = open(store).vault;
    expect(await again.open("anthropic")).toEqual({
      key: apiKey,
      origin: "https://api.test",
      baseUrl: "https://api.test/v1",
    });
    expect(await again.open("ollama")).toEqual({ key: "", origin: "http://127.0.0.1:11434", baseUrl: "" });
    expect(await again.open("openai")).toBeUndefined();
    expect(await again.get("anthropic")).toEqual(status);
    expect(await again.get("openai")).toBeUndefined();
    expect((await again.list()).map((each) => [each.providerId, each.last4])).toEqual([
      ["anthropic", "x9Qf"],
      ["ollama", ""],
    ]);
    expect(JSON.stringify(await again.list())).not.toContain("canary");
  });

  it("keeps every key as it is, and no two alike", async () => {
    const store = await tempStore(":memory:");
    const { vault } = open(store);
    const nonces = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), async (given) => {
        await vault.put("p", { ...credential, apiKey: given });
        expect((await vault.open("p"))?.key).toBe(given);
        nonces.add(Buffer.from((await store.credentials.get("p"))!.nonce).toString("hex"));
      }),
    );
    expect(nonces.size).toBe(100);
  });

  it("deletes", async () => {
    const { vault } = open(await tempStore(":memory:"));
    await vault.put("anthropic", credential);
    expect(await vault.delete("anthropic")).toBe(true);
    expect(await vault.delete("anthropic")).toBe(false);
    expect(await vault.open("anthropic")).toBeUndefined();
  });

  it("makes keys known to the redactor when they are put and when they are opened", async () => {
    const store = await tempStore(":memory:");
    const { vault, redactor } = open(store);
    await vault.put("anthropic", credential);
    expect(redactor.redact(`key ${apiKey}`)).toBe("key [secret]");
    const later = open(store);
    await later.vault.open("anthropic");
    expect(later.redactor.redact(`key ${apiKey}`)).toBe("key [secret]");
  });

  it.each([
    ["an origin with a path", "https://api.test/", ""],
    ["no origin", "", ""],
    ["no URL", "api.test", ""],
    ["a base URL on another origin", "https://api.test", "https://evil.test/v1"],
    ["a base URL on another port", "https://api.test", "https://api.test:444/v1"],
    ["a base URL that is none", "https://api.test", "api.test/v1"],
  ])("refuses %s", async (_, origin, baseUrl) => {
    const { vault } = open(await tempStore(":memory:"));
    await expect(vault.put("p", { apiKey, origin, baseUrl })).rejects.toMatchObject({ reason: "invalid" });
    expect(await vault.list()).toEqual([]);
  });

  const flip = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  it.each<[string, (row: CredentialRow) => Partial<CredentialRow>]>([
    ["its ciphertext was changed", (row) => ({ ciphertext: flip(row.ciphertext) })],
    ["its ciphertext was cut", (row) => ({ ciphertext: row.ciphertext.slice(1) })],
    ["its tag was changed", (row) => ({ tag: flip(row.tag) })],
    ["its tag was cut", (row) => ({ tag: row.tag.slice(0, 4) })],
    ["its nonce was changed", (row) => ({ nonce: flip(row.nonce) })],
    ["its nonce is empty", () => ({ nonce: new Uint8Array() })],
    ["its origin was changed", () => ({ origin: "https://evil.test" })],
    ["its base URL was changed", () => ({ baseUrl: "https://api.test/v2" })],
    ["its key id was changed", () => ({ keyId: "0000000000000000" })],
    ["it was moved to another provider", () => ({ providerId: "openai" })],
  ])("says that a row cannot be used when %s", async (_, change) => {
    const store = await tempStore(":memory:");
    const { vault } = open(store);
    await vault.put("anthropic", credential);
    const row = (await store.credentials.get("anthropic"))!;
    const changed = { ...row, ...change(row) };
    await store.credentials.put(changed);
    const failure = await vault.open(changed.providerId).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      reason: "unavailable",
      message: expect.stringContaining("enter it again"),
      detail: { provider: changed.providerId, retryable: false },
    });
    expect(await vault.get(changed.providerId)).toMatchObject({ last4: "x9Qf" });
  });

  it("says so when the master key is another one", async () => {
    const store = await tempStore(":memory:");
    await open(store).vault.put("anthropic", credential);
    await expect(open(store, randomBytes(32)).vault.open("anthropic")).rejects.toMatchObject({
      reason: "unavailable",
      message: expect.stringContaining("another master key"),
    });
  });

  it("leaves no trace of a key in any file, nor of its ciphertext once it is deleted", async () => {
    const dir = tempDir();
    const store = await tempStore(join(dir, "test.db"));
    const { vault } = open(store);
    await vault.put("anthropic", credential);
    const ciphertext = Buffer.from((await store.credentials.get("anthropic"))!.ciphertext);
    const files = () => Buffer.concat(readdirSync(dir).map((name) => readFileSync(join(dir, name))));
    expect(files().includes(apiKey)).toBe(false);
    expect(files().includes(ciphertext)).toBe(true);
    await vault.put("anthropic", { ...credential, apiKey: "sk-another-0123456789" });
    expect(files().includes(ciphertext)).toBe(false);
    await vault.delete("anthropic");
    expect(files().includes("https://api.test")).toBe(false);
  });
});
