import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { editTool } from "../../src/tools/edit.js";
import { readTool } from "../../src/tools/read.js";
import { writeTool } from "../../src/tools/write.js";
import { makeWorkPlace } from "./work-place.js";

describe("read", () => {
  const long = "x".repeat(3_000);
  const cases = [
    { name: "numbered lines", content: "a\nb\n", text: "     1\ta\n     2\tb" },
    { name: "a last line without an end", content: "a\nb", text: "     1\ta\n     2\tb" },
    { name: "empty lines", content: "\n\na\n", text: "     1\t\n     2\t\n     3\ta" },
    { name: "carriage returns as they are", content: "a\r\nb\r\n", text: "     1\ta\r\n     2\tb\r" },
    { name: "an empty file, said plainly", content: "", text: "(the file is empty)" },
    {
      name: "a part",
      content: "a\nb\nc\nd\n",
      input: { offset: 2, limit: 2 },
      text: "     2\tb\n     3\tc\n[the file goes on; read on with offset 4]",
    },
    { name: "a part up to the end", content: "a\nb\n", input: { offset: 2, limit: 9 }, text: "     2\tb" },
    {
      name: "a long line cut",
      content: `${long}\nb\n`,
      text: `     1\t${"x".repeat(2_000)} [line cut: it has 3000 bytes]\n     2\tb`,
    },
    {
      name: "a long line of long characters",
      content: "😀".repeat(2_001),
      text: `     1\t${"😀".repeat(1_000)} [line cut: it has 8004 bytes]`,
    },
    { name: "bytes that are no text", content: Buffer.from("a\xffb\n", "latin1"), text: "     1\ta\ufffdb" },
    {
      name: "an offset past the end",
      content: "a\n",
      input: { offset: 3 },
      text: "the file has no line 3",
      failed: true,
    },
    {
      name: "an offset of 0",
      content: "a\n",
      input: { offset: 0 },
      text: "offset must be at least 1",
      failed: true,
    },
    {
      name: "half an offset",
      content: "a\n",
      input: { offset: 1.5 },
      text: "offset must be of type integer",
      failed: true,
    },
    {
      name: "a binary file",
      content: Buffer.from([0x7f, 0x45, 0, 1]),
      text: "x is a binary file of 4 bytes",
      failed: true,
    },
  ];
  it.each(cases)("$name", async ({ content, input = {}, text, failed = false }) => {
    const place = makeWorkPlace();
    place.put("w/x", content);
    const output = await place.call(readTool, { path: "x", ...input });
    expect(output.text).toBe(text);
    expect(output.failed).toBe(failed);
  });

  it.each([
    { name: "a missing file", path: "gone", text: "gone does not exist" },
    { name: "a missing directory", path: "gone/x", text: "gone/x does not exist" },
    { name: "a directory", path: ".", text: ". is a directory; list it with glob" },
    { name: "a file as a directory", path: "x/y", text: /not a directory/ },
  ])("says so for $name", async ({ path, text }) => {
    const place = makeWorkPlace();
    place.put("w/x", "a\n");
    const output = await place.call(readTool, { path });
    expect(output.text).toMatch(text);
    expect(output.failed).toBe(true);
  });

  it("stops at 2000 lines and at 256 KiB", async () => {
    const place = makeWorkPlace();
    place.put("w/many", "a\n".repeat(5_000));
    place.put("w/wide", `${"y".repeat(1_900)}\n`.repeat(1_000));
    const many = await place.call(readTool, { path: "many" });
    expect(many.text).toMatch(/\n {2}2000\ta\n\[the file goes on; read on with offset 2001\]$/);
    expect(many.truncated).toBe(true);
    const wide = await place.call(readTool, { path: "wide" });
    expect(wide.text.length).toBeLessThan(257 * 1024);
    expect(wide.truncated).toBe(true);
  });

  it("reads a part of a huge file without holding it", async () => {
    const place = makeWorkPlace();
    const file = place.put("w/huge", "line\n".repeat(10_000));
    truncateSync(file, 1024 ** 3);
    const before = process.memoryUsage().rss;
    const begin = await place.call(readTool, { path: "huge", limit: 2 });
    expect(begin.text).toBe("     1\tline\n     2\tline\n[the file goes on; read on with offset 3]");
    const end = await place.call(readTool, { path: "huge", offset: 10_000 });
    expect(end.text).toMatch(/^ {1}10000\tline\n {1}10001\t\ufffd+ \[line cut: it has 1073691824 bytes\]$/);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  it("ends when the signal fires", async () => {
    const place = makeWorkPlace();
    truncateSync(place.put("w/huge", "line\n".repeat(10_000)), 1024 ** 3);
    const controller = new AbortController();
    const reading = place.call(readTool, { path: "huge", offset: 20_000 }, controller.signal);
    controller.abort();
    await expect(reading).rejects.toThrow();
  });

  it.each([
    { type: "image/png", head: "89504e470d0a1a0a" },
    { type: "image/jpeg", head: "ffd8ffe0" },
    { type: "image/gif", head: "474946383961" },
    { type: "image/webp", head: "524946460000000057454250" },
  ])("shows an image: $type", async ({ type, head }) => {
    const place = makeWorkPlace();
    const bytes = Buffer.concat([Buffer.from(head, "hex"), Buffer.alloc(100)]);
    place.put("w/picture", bytes);
    const { text, blobs } = await place.call(readTool, { path: "picture" });
    expect(text).toBe(`${type}, ${bytes.length} bytes`);
    expect(blobs).toMatchObject([{ mediaType: type, name: "picture" }]);
    expect(Buffer.from(blobs?.[0]?.data ?? [])).toEqual(bytes);
  });

  it("refuses an image of more than 5 MiB", async () => {
    const place = makeWorkPlace();
    place.put("w/picture", Buffer.concat([Buffer.from("ffd8ffe0", "hex"), Buffer.alloc(5 * 1024 * 1024)]));
    expect(await place.call(readTool, { path: "picture" })).toMatchObject({
      failed: true,
      text: /at most 5 MiB/,
    });
  });
});

describe("write", () => {
  it("makes directories, says what it did, and leaves nothing else", async () => {
    const place = makeWorkPlace();
    const input = { path: "a/b/c.txt", content: "grüße\n" };
    expect(await place.call(writeTool, input)).toEqual({
      text: "created a/b/c.txt (8 bytes)",
      failed: false,
    });
    expect(await place.call(writeTool, { ...input, content: "" })).toEqual({
      text: "overwrote a/b/c.txt (0 bytes)",
      failed: false,
    });
    expect(readFileSync(join(place.workDir, "a/b/c.txt"), "utf8")).toBe("");
    expect(readdirSync(join(place.workDir, "a/b"))).toEqual(["c.txt"]);
  });

  it("keeps the mode, and parts a hard link from its file", async () => {
    const place = makeWorkPlace();
    const script = place.put("w/run.sh", "old");
    chmodSync(script, 0o750);
    const secret = place.put("secret", "secret");
    linkSync(secret, join(place.workDir, "linked"));
    await place.call(writeTool, { path: "run.sh", content: "new" });
    await place.call(writeTool, { path: "linked", content: "new" });
    expect(statSync(script).mode & 0o777).toBe(0o750);
    expect(readFileSync(script, "utf8")).toBe("new");
    expect(readFileSync(secret, "utf8")).toBe("secret");
  });

  it("writes through a symbolic link that stays inside", async () => {
    const place = makeWorkPlace();
    place.put("w/real/x", "old");
    symlinkSync("real", join(place.workDir, "link"));
    symlinkSync("real/x", join(place.workDir, "x"));
    expect((await place.call(writeTool, { path: "link/x", content: "1" })).text).toBe(
      "overwrote real/x (1 bytes)",
    );
    expect((await place.call(writeTool, { path: "x", content: "22" })).text).toBe(
      "overwrote real/x (2 bytes)",
    );
    expect(readFileSync(join(place.workDir, "real/x"), "utf8")).toBe("22");
  });

  it.each([
    { name: "a directory", input: { path: "dir", content: "" }, text: "dir is a directory" },
    { name: "the work_dir", input: { path: ".", content: "" }, text: ". is a directory" },
    { name: "a place below a file", input: { path: "file/x", content: "" }, text: /not a directory/ },
    { name: "no content", input: { path: "x" }, text: "content is required" },
    {
      name: "content that is no text",
      input: { path: "x", content: {} },
      text: "content must be of type string",
    },
    ...[
      ".git/hooks/pre-commit",
      ".git/config",
      ".GIT/config",
      "sub/.git/hooks/x",
      ".git",
      "./a/../.git/config",
    ].map((path) => ({
      name: path,
      input: { path, content: "x" },
      text: /is protected/,
    })),
  ])("refuses $name", async ({ input, text }) => {
    const place = makeWorkPlace();
    place.put("w/file", "file");
    mkdirSync(join(place.workDir, "dir"));
    const output = await place.call(writeTool, input);
    expect(output.text).toMatch(text);
    expect(output.failed).toBe(true);
    expect(readdirSync(place.workDir).sort()).toEqual(["dir", "file"]);
  });

  it("shows a verdict the file and all that is written, or its hash", () => {
    expect(writeTool.summarize({ path: "a\n.ts", content: "1\n2" })).toBe(
      "write a\\u{a}.ts (3 bytes)\n+ 1\n+ 2",
    );
    const [one, other] = ["a", "b"].map((end) =>
      writeTool.summarize({ path: "x", content: "x".repeat(20_000) + end }),
    );
    expect(one).toContain("20001 characters in all, SHA-256 ");
    expect(one).not.toBe(other);
  });
});

describe("edit", () => {
  const cases = [
    {
      name: "one place",
      content: "a\nb\nc\n",
      old: "b",
      new: "B",
      after: "a\nB\nc\n",
      text: "edited x: 1 occurrence at line 2",
    },
    {
      name: "several lines",
      content: "a\nb\nc\n",
      old: "b\nc",
      new: "",
      after: "a\n\n",
      text: "edited x: 1 occurrence at line 2",
    },
    {
      name: "carriage returns and a byte order mark kept",
      content: "\ufeffa\r\nb\r\n",
      old: "b",
      new: "c",
      after: "\ufeffa\r\nc\r\n",
      text: /1 occurrence/,
    },
    {
      name: "replacement patterns taken literally",
      content: "a.b\n",
      old: "a.b",
      new: "$&$1",
      after: "$&$1\n",
      text: /1 occurrence/,
    },
    {
      name: "every place",
      content: "aXbXc\nX\n",
      old: "X",
      new: "YY",
      all: true,
      after: "aYYbYYc\nYY\n",
      text: "edited x: 3 occurrences at lines 1, 1, 2",
    },
    {
      name: "places that touch",
      content: "aaaa",
      old: "aa",
      new: "b",
      all: true,
      after: "bb",
      text: /2 occurrences/,
    },
    { name: "text that is not there", content: "a\n", old: "b", new: "c", text: "old_string is not in x" },
    {
      name: "text there twice",
      content: "a\nb\na\n",
      old: "a",
      new: "c",
      text: /^old_string is in x 2 times, at lines 1, 3; /,
    },
    { name: "text that overlaps itself", content: "aaa", old: "aa", new: "b", text: /2 times/ },
    {
      name: "other line ends",
      content: "a\r\nb\r\n",
      old: "a\nb",
      new: "c",
      text: /its lines end in \\r\\n/,
    },
    { name: "an empty text", content: "a", old: "", new: "b", text: /old_string is empty/ },
    { name: "the same text", content: "a", old: "a", new: "a", text: /are the same/ },
    { name: "half of a character", content: "😀\n", old: "\ude00", new: "?", text: /half of a character/ },
    {
      name: "bytes that are no text",
      content: Buffer.from("a\xff", "latin1"),
      old: "a",
      new: "b",
      text: /not UTF-8/,
    },
  ];
  it.each(cases)("$name", async ({ content, old, new: fresh, all = false, after, text }) => {
    const place = makeWorkPlace();
    const file = place.put("w/x", content);
    const output = await place.call(editTool, {
      path: "x",
      old_string: old,
      new_string: fresh,
      replace_all: all,
    });
    expect(output.text).toMatch(text);
    expect(output.failed).toBe(after === undefined);
    expect(readFileSync(file)).toEqual(Buffer.from(after ?? content));
  });

  it("refuses a file that changes between reading and writing, and loses no update", async () => {
    const place = makeWorkPlace();
    const lines = Array.from({ length: 20 }, (_, i) => `line-${i}-\n`);
    const file = place.put("w/x", lines.join(""));
    const outputs = await Promise.all(
      lines.map((line) => place.call(editTool, { path: "x", old_string: line, new_string: "done\n" })),
    );
    const done = outputs.filter(({ failed }) => !failed).length;
    expect(done).toBeGreaterThan(0);
    expect(readFileSync(file, "utf8").match(/done/g)).toHaveLength(done);
    for (const { text, failed } of outputs)
      if (failed) expect(text).toBe("x has changed since it was read; read it again");
  });

  it("is not held up by texts that are hard to search for", async () => {
    const place = makeWorkPlace();
    place.put("w/x", "a".repeat(4_000_000));
    const { text } = await place.call(editTool, {
      path: "x",
      old_string: `b${"a".repeat(1_000_000)}`,
      new_string: "c",
    });
    expect(text).toBe("old_string is not in x");
    const many = await place.call(editTool, {
      path: "x",
      old_string: "a",
      new_string: "b".repeat(1000),
      replace_all: true,
    });
    expect(many.text).toMatch(/too much to replace at once/);
  });

  it("shows a verdict what goes and what comes", () => {
    const input = { path: "x", old_string: "a\nb", new_string: "c", replace_all: true };
    expect(editTool.summarize(input)).toBe("edit x (every occurrence)\n- a\n- b\n+ c");
  });
});

it("refuses protected places to edit as well", async () => {
  const place = makeWorkPlace();
  place.put("w/.git/config", "[core]\n");
  symlinkSync(".git", join(place.workDir, "innocent"));
  for (const path of [".git/config", "innocent/config"]) {
    const output = await place.call(editTool, { path, old_string: "core", new_string: "evil" });
    expect(output.text).toMatch(/is protected/);
  }
  writeFileSync(join(place.outer, "unused"), "");
});
