import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../gen/agentry/v1/event_pb.js";
import { LargePages, Turns } from "../../src/engine/large-pages.js";

/** A log whose pages have so many events, and the positions that were read. */
function open(events: number) {
  const reads: number[] = [];
  const read = async (after: number): Promise<readonly Event[]> => {
    reads.push(after);
    await Promise.resolve();
    return Array.from({ length: events }, (_, i) => create(EventSchema, { seq: after + i + 1 }));
  };
  return { reads, pages: new LargePages(read, new Turns()) };
}

it("reads a page with a large event once for all who hold it", async () => {
  const { reads, pages } = open(1);
  const [first, second] = await Promise.all([pages.after(3), pages.after(3)]);
  const third = await pages.after(3);
  expect([second, third].map((page) => page === first)).toEqual([true, true]);
  expect((await pages.after(4))[0]?.seq).toBe(5);
  expect(reads).toEqual([3, 4]);
});

it("reads pages of small events anew, but together for those who ask together", async () => {
  const { reads, pages } = open(2);
  await Promise.all([pages.after(0), pages.after(0), pages.after(2)]);
  await pages.after(0);
  expect(reads).toEqual([0, 2, 0]);
});

it("forgets a failure", async () => {
  let failing = true;
  const read = async (): Promise<readonly Event[]> => {
    if (failing) throw new Error("no");
    return [create(EventSchema)];
  };
  const pages = new LargePages(read, new Turns());
  await expect(pages.after(0)).rejects.toThrow("no");
  failing = false;
  expect(await pages.after(0)).toHaveLength(1);
});

it("gives those who stand at a large event one turn after another", async () => {
  const { pages } = open(1);
  const held = await pages.after(0);
  const order: string[] = [];
  const reader = async (name: string): Promise<void> => {
    expect(await pages.after(0)).toBe(held);
    order.push(name);
    // What else is due gets its turn before the next reader.
    setTimeout(() => order.push("other"), 0);
    for (const until = performance.now() + 5; performance.now() < until; );
  };
  await Promise.all(["a", "b", "c"].map(reader));
  expect(order).toEqual(["a", "other", "b", "other", "c"]);
});
