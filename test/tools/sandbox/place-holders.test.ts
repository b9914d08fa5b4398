import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { holdFolder } from "../../../src/tools/sandbox/hold-folder.js";
import { holdPlaces } from "../../../src/tools/sandbox/place-holders.js";
import { holderMode, planCovers } from "../../../src/tools/sandbox/plan-covers.js";

let workDir = "";
let place = "";
beforeEach(() => {
  workDir = mkdtempSync(join(tmpdir(), "agentry-places-"));
  place = join(workDir, ".vscode");
  onTestFinished(() => rmSync(workDir, { recursive: true }));
});

const hold = () =>
  holdPlaces(planCovers({ workDir, writable: true, home: undefined, hidden: [] }), holdFolder(workDir));
const mode = (path: string): number => statSync(path).mode & 0o7777;

it("places stay until no call needs them", async () => {
  const first = hold();
  first.make();
  const second = hold();
  second.make();
  await first.release();
  expect(mode(place)).toBe(holderMode);
  await second.release();
  expect(existsSync(place)).toBe(false);
});

it("also when bubblewrap has made them first", async () => {
  const first = hold();
  mkdirSync(place);
  first.make();
  const second = hold();
  second.make();
  await first.release();
  expect(existsSync(place)).toBe(true);
  await second.release();
  expect(existsSync(place)).toBe(false);
});

it("what somebody else has put there meanwhile is his, and a link leads nowhere", async () => {
  const outside = mkdtempSync(join(tmpdir(), "agentry-outside-"));
  onTestFinished(() => rmSync(outside, { recursive: true }));
  const before = mode(outside);
  const held = hold();
  mkdirSync(place);
  writeFileSync(join(place, "settings.json"), "{}");
  const ofPlace = mode(place);
  symlinkSync(outside, join(workDir, ".idea"));
  held.make();
  expect([mode(place), mode(outside)]).toEqual([ofPlace, before]);
  await held.release();
  expect(existsSync(join(place, "settings.json"))).toBe(true);
  expect(existsSync(outside)).toBe(true);
});
