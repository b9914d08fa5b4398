import { expect, it } from "vitest";
import { newId } from "../../src/core/id.js";

it("makes ids that look like ULIDs, all different, every character of each in use", () => {
  const ids = Array.from({ length: 20_000 }, newId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  for (let place = 0; place < 26; place += 1) {
    const seen = new Set(ids.map((id) => id[place]));
    expect(seen.size, `place ${place}`).toBe(place === 0 ? 8 : 32);
  }
});
