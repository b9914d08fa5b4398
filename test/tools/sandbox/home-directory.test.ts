import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { protectedAtHome } from "../../../src/tools/sandbox/protected-paths.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

const plant = (folder: string): string =>
  protectedAtHome
    .map((name) => `${folder}/${name}`)
    .flatMap((path) => [
      `mkdir -p $(dirname ${path})`,
      `echo x >${path}`,
      `mkdir -p ${path}`,
      `echo x >${path}/planted`,
    ])
    .concat(`mv ${folder}/.config ${folder}/away`, `mkdir -p ${folder}/.config/systemd`, "true")
    .join("\n");

describe.skipIf(whyNoSandbox).each([
  { name: "to work in", workDir: "home", folder: "." },
  { name: "below the directory to work in", workDir: "", folder: "home" },
])("in a home directory $name", ({ workDir, folder }) => {
  it("what shells, desktops and logins read cannot be made", async () => {
    const place = makeBwrapPlace();
    place.put("home/.config/mine", "mine");
    await place.run(plant(folder), { workDir: join(place.outer, workDir) });
    for (const name of protectedAtHome) {
      const path = join(place.home, name);
      await expect.poll(() => existsSync(path) && readdirSync(path)).toBe(false);
    }
  });

  it("nor changed, and the rest is free", async () => {
    const place = makeBwrapPlace();
    for (const name of protectedAtHome) place.put(`home/${name}`, "mine");
    place.put("home/.config/other", "mine");
    const { text } = await place.run(
      `${plant(folder)}\necho free >${folder}/.config/other; cat ${folder}/.config/other`,
      {
        workDir: join(place.outer, workDir),
      },
    );
    for (const name of protectedAtHome) expect(readFileSync(join(place.home, name), "utf8")).toBe("mine");
    expect(text).toMatch(/free\n$/);
  });
});
