import { chmodSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { editTool } from "../../src/tools/edit.js";
import { writeTool } from "../../src/tools/write.js";
import type { WorkPlace } from "./work-place.js";
import { makeWorkPlace } from "./work-place.js";

const never = new AbortController().signal;
const tools = { edit: editTool, write: writeTool };
const edit = { path: "x", old_string: "two", new_string: "2" };
const write = { path: "x", content: "new\n" };

const prepare = (place: WorkPlace, name: keyof typeof tools, input: JsonObject) =>
  tools[name].prepare!(input, place.context, never);

function openPlace() {
  const place = makeWorkPlace();
  place.put("w/x", "one\ntwo\n");
  return place;
}

describe("before somebody is asked", () => {
  it.each([
    { name: "edit", input: edit, summary: "edit x\n@@ -1,2 +1,2 @@\n one\n-two\n+2" },
    {
      name: "edit",
      input: { path: "x", old_string: "o", new_string: "0", replace_all: true },
      summary: "edit x (every occurrence)\n@@ -1,2 +1,2 @@\n-one\n-two\n+0ne\n+tw0",
    },
    { name: "write", input: write, summary: "write x (4 bytes)\n@@ -1,2 +1 @@\n-one\n-two\n+new" },
    {
      name: "write",
      input: { path: "y/z", content: "new" },
      summary: "write y/z (3 bytes)\n@@ -0,0 +1 @@\n+new\n\\ No newline at end of file",
    },
    {
      name: "edit",
      input: { ...edit, new_string: "a\u202eb\u001b[2J\r" },
      summary: "edit x\n@@ -1,2 +1,2 @@\n one\n-two\n+a\\u{202e}b\\u{1b}[2J\\u{d}",
    },
    { name: "write", input: { path: "binary", content: "new" }, summary: "write binary (3 bytes)\n+ new" },
    {
      name: "edit",
      input: { ...edit, path: "./link" },
      summary: "edit ./link\n[it is x]\n@@ -1,2 +1,2 @@\n one\n-two\n+2",
    },
    {
      name: "edit",
      input: { ...edit, old_string: "three" },
      summary: "edit x\n- three\n+ 2\n[as things are, it fails: old_string is not in x]",
    },
    {
      name: "edit",
      input: { ...edit, path: "gone" },
      summary: "edit gone\n- two\n+ 2\n[as things are, it fails: gone does not exist]",
    },
    {
      name: "edit",
      input: { ...edit, path: "../secret" },
      summary: "edit ../secret\n- two\n+ 2\n[as things are, it fails: ../secret is outside of the work_dir]",
    },
  ] as const)("$name $input is shown as a change", async ({ name, input, summary }) => {
    const place = openPlace();
    place.put("w/binary", Buffer.from([0, 255]));
    place.put("secret", "two\n");
    symlinkSync("x", join(place.workDir, "link"));
    expect((await prepare(place, name, input)).summary).toBe(summary);
    expect(readFileSync(join(place.workDir, "x"), "utf8")).toBe("one\ntwo\n");
  });

  it("a change of many lines is cut, with the hash of the whole", async () => {
    const place = openPlace();
    const { summary } = await prepare(place, "write", { path: "x", content: "line\n".repeat(10_000) });
    expect(summary.length).toBeLessThan(10_300);
    expect(summary).toMatch(/\[… 60\d{3} characters in all, SHA-256 [0-9a-f]{64}\]$/);
  });
});

describe("an approved change", () => {
  const ways = [
    { way: "holds something else", act: (file: string) => writeFileSync(file, "one\ntwo\nthree\n") },
    {
      way: "was put back with its old time and size",
      act: (file: string) => writeFileSync(file, "two\none\n"),
    },
    { way: "is gone", act: (file: string) => rmSync(file) },
    {
      way: "has become a link to another",
      act: (file: string) => {
        writeFileSync(`${file}2`, "one\ntwo\n");
        rmSync(file);
        symlinkSync("x2", file);
      },
    },
  ];
  const inputs = [
    { name: "edit", input: edit },
    { name: "write", input: write },
  ] as const;
  it.each(ways.flatMap((way) => inputs.map((one) => ({ ...way, ...one }))))(
    "by $name is not made when the file $way",
    async ({ name, input, act }) => {
      const place = openPlace();
      const file = join(place.workDir, "x");
      const { basis } = await prepare(place, name, input);
      act(file);
      const output = await tools[name].run(input, { ...place.context, basis }, never);
      expect(output.failed).toBe(true);
      expect(output.stale ?? /does not exist/.test(output.text)).toBe(true);
      for (const content of ["2", "new"]) {
        for (const one of [file, `${file}2`]) expect(readAnyway(one)).not.toContain(content);
      }
    },
  );

  it("of a new file is not made when there is one by then", async () => {
    const place = openPlace();
    const input = { path: "y", content: "new" };
    const { basis } = await prepare(place, "write", input);
    const file = place.put("w/y", "theirs");
    const output = await writeTool.run(input, { ...place.context, basis }, never);
    expect(output).toMatchObject({ stale: true, failed: true, text: /y has changed.*read it again/ });
    expect(readFileSync(file, "utf8")).toBe("theirs");
  });

  it("of a new file is made when there is none still", async () => {
    const place = openPlace();
    const input = { path: "y/z", content: "new" };
    const { basis } = await prepare(place, "write", input);
    expect(await writeTool.run(input, { ...place.context, basis }, never)).toMatchObject({ failed: false });
    expect(readFileSync(join(place.workDir, "y/z"), "utf8")).toBe("new");
  });

  it.each(inputs)("by $name is made when the file holds the same, and keeps its mode", async (one) => {
    const place = openPlace();
    const file = join(place.workDir, "x");
    chmodSync(file, 0o640);
    const { basis } = await prepare(place, one.name, one.input);
    // As an editor saves it, under another inode.
    place.put("w/other", readFileSync(file));
    chmodSync(join(place.workDir, "other"), 0o640);
    renameSync(join(place.workDir, "other"), file);
    const output = await tools[one.name].run(one.input, { ...place.context, basis }, never);
    expect(output.failed).toBe(false);
    expect(readFileSync(file, "utf8")).toBe(one.name === "edit" ? "one\n2\n" : "new\n");
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  it("that would have failed is not made when it no longer would", async () => {
    const place = openPlace();
    const input = { ...edit, old_string: "three" };
    const { basis } = await prepare(place, "edit", input);
    place.put("w/x", "three\n");
    const output = await editTool.run(input, { ...place.context, basis }, never);
    expect(output).toMatchObject({ stale: true, failed: true });
  });

  it("of a file that could not be looked at is not made", async () => {
    const place = openPlace();
    const input = { ...write, path: "x/y" };
    const { basis } = await prepare(place, "write", input);
    rmSync(join(place.workDir, "x"));
    const output = await writeTool.run(input, { ...place.context, basis }, never);
    expect(output).toMatchObject({ stale: true, failed: true });
  });
});

function readAnyway(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
