import { expect, it } from "vitest";
import { flattenPages } from "../../src/core/flatten-pages.js";

async function* pagesOf(log: string[], ...pages: readonly (readonly number[])[]) {
  try {
    yield* pages;
  } finally {
    log.push("closed");
  }
}

it("gives the items of pages in order, passes over empty ones, and closes", async () => {
  const log: string[] = [];
  const items: string[] = [];
  for await (const item of flattenPages(pagesOf(log, [], [1, 2], [], [3]), String)) items.push(item);
  expect(items).toEqual(["1", "2", "3"]);
  expect(log).toEqual(["closed"]);
});

it("closes its pages when the reader leaves in the middle of one", async () => {
  const log: string[] = [];
  for await (const item of flattenPages(pagesOf(log, [1, 2, 3]), String)) if (item === "2") break;
  expect(log).toEqual(["closed"]);
});

it("throws what its pages throw", async () => {
  async function* failing(): AsyncGenerator<readonly number[], void> {
    yield [1];
    throw new Error("broken");
  }
  const items = flattenPages(failing(), String);
  expect(await items.next()).toEqual({ done: false, value: "1" });
  await expect(items.next()).rejects.toThrow("broken");
  expect(await items.next()).toEqual({ done: true, value: undefined });
});
