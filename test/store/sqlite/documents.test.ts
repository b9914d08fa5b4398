import { chmodSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { AgentSchema } from "../../../gen/agentry/v1/agents_pb.js";
import { createAgentRows } from "../../../src/store/sqlite/agents.js";
import { migrate, readMigrations } from "../../../src/store/sqlite/migrate.js";
import { noon, tempDir, tempStore } from "../sample.js";

const row = (kind: string, id: string, json = "{}", parent = "") => ({ kind, id, parent, json });

describe("documents", () => {
  it("are found by kind and id, and replaced where they are", async () => {
    const { documents } = await tempStore();
    await documents.put(row("a", "1", '{"x":1}'));
    await documents.put(row("a", "2"));
    await documents.put(row("b", "1", '{"y":1}'));
    await documents.put(row("a", "1", '{"x":"\\u0000 ü"}'));
    expect((await documents.get("a", "1"))?.json).toBe('{"x":"\\u0000 ü"}');
    expect((await documents.list("a")).map(({ id }) => id)).toEqual(["2", "1"]);
    expect(await documents.get("c", "1")).toBeUndefined();
  });

  it("go with what they belong to, and only then", async () => {
    const { documents } = await tempStore();
    await documents.put(row("parent", "p"));
    await documents.put(row("child", "1", "{}", "p"));
    await documents.put(row("child", "2", "{}", "p"));
    await documents.put(row("child", "3", "{}", "q"));
    await documents.put(row("child", "4"));
    expect((await documents.list("child", "p")).map(({ id }) => id)).toEqual(["2", "1"]);
    expect(await documents.list("child", "")).toEqual([]);
    expect(await documents.delete("other", "p")).toBe(false);
    expect(await documents.list("child", "p")).toHaveLength(2);
    expect(await documents.delete("parent", "p")).toBe(true);
    expect(await documents.delete("parent", "p")).toBe(false);
    expect((await documents.list("child")).map(({ id }) => id)).toEqual(["4", "3"]);
  });

  it("have a place in a database that was made before there were any", async () => {
    const path = join(tempDir(), "old.db");
    const old = new Database(path);
    chmodSync(path, 0o600);
    migrate(old, readMigrations().slice(0, 1), noon);
    await createAgentRows(old).insert(create(AgentSchema, { id: "a", name: "Old" }));
    old.close();
    const store = await tempStore(path);
    expect((await store.agents.get("a"))?.name).toBe("Old");
    await store.documents.put(row("a", "1"));
    expect(await store.documents.list("a")).toHaveLength(1);
  });
});
