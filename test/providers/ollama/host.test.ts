import { describe, expect, it } from "vitest";
import { ollamaAddress } from "../../../src/providers/ollama/host.js";
import { openRegistry } from "../open-registry.js";

describe("OLLAMA_HOST", () => {
  it.each([
    ["box", "http://box:11434"],
    ["box:8080", "http://box:8080"],
    ["192.168.1.5", "http://192.168.1.5:11434"],
    ["http://box", "http://box:80"],
    ["http://box:8080/", "http://box:8080"],
    ["https://box.example", "https://box.example:443"],
    ["https://box.example/ollama/", "https://box.example:443/ollama"],
    ["0.0.0.0", "http://127.0.0.1:11434"],
    ["0.0.0.0:8080", "http://127.0.0.1:8080"],
    ["http://0.0.0.0:8080", "http://127.0.0.1:8080"],
    [":8080", "http://127.0.0.1:8080"],
    ["", "http://127.0.0.1:11434"],
    ["::1", "http://[::1]:11434"],
    ["[::1]", "http://[::1]:11434"],
    ["[::1]:8080", "http://[::1]:8080"],
    ["::", "http://[::1]:11434"],
    ["[::]:8080", "http://[::1]:8080"],
    ["fe80::5", "http://[fe80::5]:11434"],
    [' "box:8080" ', "http://box:8080"],
    ["'box'", "http://box:11434"],
    ["box:99999", "http://box:11434"],
    ["box:0", "http://box:11434"],
    ["box:http", "http://box:11434"],
  ])("%j is %s", (value, address) => {
    expect(ollamaAddress(value)).toBe(address);
  });

  it.each([
    "ftp://box",
    "file:///etc/passwd",
    "javascript://box",
    "http://user:secret@box",
    "box?x=1",
    "box#y",
    "a b",
    "[::1",
  ])("%j is no address", (value) => {
    expect(ollamaAddress(value)).toBeUndefined();
  });

  it.each([
    { value: "box:8080", expected: "http://box:8080" },
    { value: "https://box", expected: "https://box" },
    { value: "  ", expected: "http://127.0.0.1:11434" },
    { value: "ftp://box", expected: "http://127.0.0.1:11434" },
  ])("$value moves Ollama to $expected, and nobody else", async ({ value, expected }) => {
    const moved = openRegistry({ environment: { OLLAMA_HOST: value } });
    expect((await moved.describe("ollama")).baseUrl).toBe(expected);
    const others = async (registry: typeof moved) =>
      (await registry.list()).filter(({ id }) => id !== "ollama");
    expect(await others(moved)).toEqual(await others(openRegistry()));
  });
});
