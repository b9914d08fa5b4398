import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ReadTurns } from "../../src/providers/read-turns.js";

const nextTurn = () => new Promise(setImmediate);

/** So many answers, of each of which a piece arrives in one turn of the event loop. */
async function arriveAtOnce(turns: ReadTurns, count: number): Promise<object[]> {
  const answers = Array.from({ length: count }, () => ({}));
  for (const answer of answers) turns.arrived(answer);
  await nextTurn();
  return answers;
}

describe("answers of models", () => {
  it("are read as they come while they are few, however much comes of them", async () => {
    const turns = new ReadTurns();
    const answers = await arriveAtOnce(turns, 100);
    for (let i = 0; i < 1000; i += 1) expect(turns.arrived(answers[i % 100] ?? {})).toBe(false);
  });

  it("are read in turns when they are many, each once and in order, and none is forgotten", async () => {
    const turns = new ReadTurns();
    const answers = await arriveAtOnce(turns, 300);
    const read: number[] = [];
    const perTurn: number[] = [];
    const { promise: all, resolve } = Promise.withResolvers<void>();
    for (const [i, answer] of answers.entries()) {
      expect(turns.arrived(answer)).toBe(true);
      turns.wait(() => {
        read.push(i);
        if (read.length === answers.length) resolve();
      });
    }
    while (read.length < answers.length) {
      const before = read.length;
      await Promise.race([all, nextTurn()]);
      if (read.length > before) perTurn.push(read.length - before);
    }
    expect(read).toEqual(answers.map((_answer, i) => i));
    // The last ones go at once: they are few again.
    expect(Math.max(...perTurn.slice(0, -1))).toBeLessThanOrEqual(8);
  });

  it("are read as they come again after that", async () => {
    const turns = new ReadTurns();
    const [answer = {}] = await arriveAtOnce(turns, 300);
    expect(turns.arrived(answer)).toBe(true);
    const { promise, resolve } = Promise.withResolvers<void>();
    turns.wait(resolve);
    await promise;
    expect(turns.arrived(answer)).toBe(false);
    await arriveAtOnce(turns, 300);
    await sleep(200);
    expect(turns.arrived(answer)).toBe(false);
  });
});
