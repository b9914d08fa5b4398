import fc from "fast-check";
import { expect, it } from "vitest";
import { Turnstile } from "../../src/engine/turnstile.js";

it("never lets an exclusive holder in beside another, and keeps their order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ exclusive: fc.boolean(), ticks: fc.nat(4), fails: fc.boolean() }), {
        maxLength: 12,
      }),
      async (works) => {
        const turnstile = new Turnstile();
        const inside = new Set<number>();
        const begun: number[] = [];
        const outcomes = works.map(({ exclusive, ticks, fails }, i) =>
          turnstile.run(exclusive, async () => {
            begun.push(i);
            const others = [...inside];
            inside.add(i);
            if (exclusive) expect(others).toEqual([]);
            else expect(others.filter((other) => works[other]?.exclusive)).toEqual([]);
            for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
            inside.delete(i);
            if (fails) throw new Error("failed");
          }),
        );
        const settled = await Promise.allSettled(outcomes);
        expect(settled.map(({ status }) => status === "rejected")).toEqual(works.map(({ fails }) => fails));
        const exclusive = begun.filter((i) => works[i]?.exclusive);
        expect(exclusive).toEqual([...exclusive].sort((a, b) => a - b));
      },
    ),
  );
});

it("lets shared holders in together", async () => {
  const turnstile = new Turnstile();
  const second = Promise.withResolvers<void>();
  const first = turnstile.run(false, () => second.promise);
  await turnstile.run(false, async () => second.resolve());
  await first;
});
