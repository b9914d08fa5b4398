import { expect, it } from "vitest";
import { projectFiles } from "./repository.js";

const visible = [
  "LICENSE",
  "README.md",
  "buf.gen.yaml",
  "buf.yaml",
  "gen",
  "package-lock.json",
  "package.json",
  "proto",
  "src",
  "test",
  "tsconfig.json",
];

const files = projectFiles();

it("shows exactly these names at the top", () => {
  const top = new Set(files.map((file) => file.split("/")[0]!).filter((name) => !name.startsWith(".")));
  expect([...top].sort()).toEqual([...visible].sort());
});

it("names files and folders in kebab case", () => {
  const named = files.filter(
    (file) => /^(src|test)\//.test(file) && !/\/(golden|fixtures|cassettes)\//.test(file),
  );
  const odd = named.filter(
    (file) => !file.split("/").every((part) => /^[a-z0-9]+([-.][a-z0-9]+)*$/.test(part)),
  );
  expect(odd.filter((file) => !file.endsWith("/README.md") && !/\/\d+_\w+\.sql$/.test(file))).toEqual([]);
});

it("has no folder or file that is named for nothing", () => {
  const drawers = /(^|\/)(utils?|helpers?|common|misc|types|shared)(\.ts)?(\/|$)/;
  expect(files.filter((file) => file.startsWith("src/") && drawers.test(file))).toEqual([]);
});
