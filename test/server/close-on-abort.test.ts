import { expect, it } from "vitest";
import { closeOnAbort } from "../../src/server/close-on-abort.js";

async function* count(seen: string[]) {
  try {
    for (let n = 1; ; n += 1) yield n;
  } finally {
    seen.push("returned");
  }
}

it("passes items on until the signal fires, and then lets the source return", async () => {
  const seen: string[] = [];
  const abort = new AbortController();
  const items = closeOnAbort(count(seen), abort.signal)[Symbol.asyncIterator]();
  expect(await items.next()).toEqual({ done: false, value: 1 });
  expect(seen).toEqual([]);
  abort.abort();
  await expect.poll(() => seen).toEqual(["returned"]);
  expect(await items.next()).toEqual({ done: true, value: undefined });
});

it("lets the source return when its reader stops", async () => {
  const seen: string[] = [];
  for await (const n of closeOnAbort(count(seen), new AbortController().signal)) {
    if (n === 3) break;
  }
  expect(seen).toEqual(["returned"]);
});

it("gives nothing when the signal has fired before", async () => {
  const items: number[] = [];
  for await (const n of closeOnAbort(count([]), AbortSignal.abort())) items.push(n);
  expect(items).toEqual([]);
});
